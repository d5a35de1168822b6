//! What `scripts/release.sh` makes, built once for all stories that need it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::engine::done;

/// The files of a release. The program is of cargo's profile `release` and is not optimised, so that
/// it is built faster than what is given to others; it differs in nothing but speed.
pub(crate) struct Release(PathBuf);

/// The script.
pub(crate) fn script() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/release.sh"));
    // What a test runner is told of the build is not meant for another one.
    for (name, _) in std::env::vars_os() {
        let known = name.to_string_lossy();
        if known.starts_with("CARGO_PKG_") || known == "CARGO_MANIFEST_DIR" || known == "RUSTFLAGS" {
            command.env_remove(&name);
        }
    }
    command
}

impl Release {
    /// Made by the first story that asks, unless `DOCKMETER_TEST_RELEASE` names a folder of one.
    pub(crate) fn made() -> &'static Self {
        static MADE: OnceLock<Release> = OnceLock::new();
        MADE.get_or_init(|| {
            if let Some(folder) = std::env::var_os("DOCKMETER_TEST_RELEASE") {
                return Release(folder.into());
            }
            let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-release");
            // What is looked at is the same with the page, which would want npm and a network.
            let mut script = script();
            script.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
            done(script.args(["--without-page", "--profile", "release", "--out"]).arg(&out));
            Release(out)
        })
    }

    /// The folder with all of them.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The static binary.
    pub(crate) fn binary(&self) -> PathBuf {
        self.0.join("dockmeter")
    }

    /// The only file with an ending, as `.deb`.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        let entries = fs::read_dir(&self.0).expect("the release's folder");
        let mut found = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().ends_with(ending));
        let file = found.next().unwrap_or_else(|| panic!("no file `*{ending}` in {}", self.0.display()));
        assert!(found.next().is_none(), "more than one file `*{ending}`");
        file
    }
}
