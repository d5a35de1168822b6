//! `scripts/page.sh`: the live page is built when it has to be, and says in a line why it cannot.
//! An npm that only notes what it is asked for stands in for the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Notes its arguments; `ci` makes a folder of packages, `run build` a page.
const NPM: &str = "#!/bin/sh
echo \"$*\" >>../calls
case $1 in
    ci) mkdir -p node_modules && touch node_modules/.package-lock.json ;;
    run) [ ! -e broken ] || { echo 'error TS1005: a semicolon is missing' >&2; exit 1; }
         mkdir -p dist && touch dist/index.html ;;
esac
";

/// A tree with the script, sources of a page and an npm.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Tree(tempfile::tempdir().unwrap());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/page.sh");
        for folder in ["scripts", "bin", "web/src"] {
            fs::create_dir_all(tree.0.path().join(folder)).unwrap();
        }
        fs::copy(script, tree.0.path().join("scripts/page.sh")).unwrap();
        tree.write("bin/npm", NPM);
        fs::set_permissions(tree.0.path().join("bin/npm"), fs::Permissions::from_mode(0o755)).unwrap();
        for file in ["web/package.json", "web/package-lock.json", "web/src/main.ts"] {
            tree.write(file, "{}");
            // Older than all that is made of them.
            tree.set_time(file, -60);
        }
        tree
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.path().join(file), text).unwrap();
    }

    /// Says that a file was changed so many seconds from now.
    fn set_time(&self, file: &str, seconds: i32) {
        let when = format!("{seconds} seconds");
        let file = self.0.path().join(file);
        assert!(Command::new("touch").arg("--date").arg(when).arg(file).status().unwrap().success());
    }

    fn builds(&self) -> Output {
        let path = format!("{}/bin:/usr/bin:/bin", self.0.path().display());
        Command::new(self.0.path().join("scripts/page.sh")).env("PATH", path).output().unwrap()
    }

    /// What npm was asked for since the last look.
    fn calls(&self) -> Vec<String> {
        let file = self.0.path().join("calls");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(file);
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn the_page_is_built_where_a_source_is_newer_and_else_left_alone() {
    let tree = Tree::new();
    let built = tree.builds();
    assert!(built.status.success() && built.stdout.is_empty() && built.stderr.is_empty(), "{built:?}");
    assert_eq!(tree.calls(), ["ci --no-audit --no-fund", "run build"]);

    assert!(tree.builds().status.success());
    assert!(tree.calls().is_empty(), "nothing has changed");

    tree.set_time("web/src/main.ts", 60);
    assert!(tree.builds().status.success());
    assert_eq!(tree.calls(), ["run build"], "the packages are the same");

    tree.set_time("web/src/main.ts", -60);
    tree.set_time("web/package-lock.json", 60);
    assert!(tree.builds().status.success());
    assert_eq!(tree.calls(), ["ci --no-audit --no-fund", "run build"]);
}

#[test]
fn a_page_that_cannot_be_built_is_one_line_that_says_why() {
    let tree = Tree::new();
    tree.write("web/broken", "");
    let said = |output: Output| {
        assert!(!output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        said(tree.builds()),
        "`npm run build` failed (error TS1005: a semicolon is missing); target/page.log has all of it\n"
    );
    fs::remove_file(tree.0.path().join("web/package.json")).unwrap();
    assert_eq!(said(tree.builds()), "there are no sources of the page in `web`\n");
}
