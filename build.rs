//! Puts the revision and the compiler into `dockmeter_build_info`. Without git, as in a source
//! tarball, the revision is what `DOCKMETER_REVISION` says, else `unknown`. Packs the live page, if `web/dist` has one, for
//! `src/web/assets.rs`. And makes static binaries find hosts without modules of another glibc.

#![allow(clippy::print_stdout, reason = "cargo reads a build script's output")]

use std::path::Path;
use std::process::Command;

fn main() {
    // What HEAD points to changes with a commit; other branches do not matter.
    let head = std::fs::read_to_string(".git/HEAD").unwrap_or_default();
    let branch = head.strip_prefix("ref: ").map(|branch| format!(".git/{}", branch.trim()));
    let files = ["build.rs".to_owned(), ".git/HEAD".to_owned()].into_iter().chain(branch);
    for file in files.filter(|file| Path::new(file).exists()) {
        println!("cargo:rerun-if-changed={file}");
    }
    println!("cargo:rerun-if-env-changed=RUSTC");
    println!("cargo:rerun-if-env-changed=DOCKMETER_REVISION");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let said = std::env::var("DOCKMETER_REVISION").ok().filter(|revision| !revision.is_empty());
    let revision = said.or_else(|| output("git", &["rev-parse", "--short=12", "HEAD"]));
    let version = output(&rustc, &["--version"]).and_then(|line| Some(line.split(' ').nth(1)?.to_owned()));
    println!("cargo:rustc-env=DOCKMETER_REVISION={}", revision.as_deref().unwrap_or("unknown"));
    println!("cargo:rustc-env=DOCKMETER_RUSTVERSION={}", version.as_deref().unwrap_or("unknown"));
    #[cfg(feature = "server")]
    {
        page::embed();
        link_static_names();
    }
}

/// Where glibc is linked statically, links what keeps it from loading modules.
#[cfg(feature = "server")]
fn link_static_names() {
    const SOURCE: &str = "packaging/static_names.c";
    println!("cargo:rerun-if-changed={SOURCE}");
    let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let glibc = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    if !glibc || !features.split(',').any(|feature| feature == "crt-static") {
        return;
    }
    for object in cc::Build::new().file(SOURCE).compile_intermediates() {
        println!("cargo:rustc-link-arg-bins={}", object.display());
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// The files that the build of the live page has left, packed and listed as a table in Rust.
#[cfg(feature = "server")]
mod page {
    use std::fmt::Write as _;
    use std::fs;
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    use std::io::{self, Write as _};
    use std::path::{Path, PathBuf};
    use std::time::{Duration, SystemTime};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    /// The sources of the page, and what is made of them.
    const SOURCES: &str = "web";
    const DIST: &str = "web/dist";

    /// Without this file there is no page.
    const FRONT: &str = "index.html";

    /// Where the files lie whose names change with their content.
    const HASHED: &str = "assets";

    /// What leaves the page out although it is there.
    const WITHOUT: &str = "DOCKMETER_WITHOUT_PAGE";

    /// What a browser has to be told of a file, by its ending.
    const TYPES: [(&str, &str); 7] = [
        ("html", "text/html; charset=utf-8"),
        ("js", "text/javascript; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("woff2", "font/woff2"),
        ("json", "application/json"),
    ];

    /// Writes the table, which is empty where there is no page.
    pub(super) fn embed() {
        println!("cargo:rerun-if-env-changed={WITHOUT}");
        watch();
        let without = std::env::var_os(WITHOUT).is_some_and(|value| !value.is_empty());
        let there = !without && Path::new(DIST).join(FRONT).is_file();
        let table = if there { table() } else { Ok("&[]\n".to_owned()) };
        let written = table.and_then(|table| said(fs::write(out().join("page.rs"), table), "the table"));
        if let Err(error) = written {
            println!("cargo::error={error}");
            std::process::exit(1);
        }
    }

    /// Has cargo look at the page. What is not there cargo takes for changed at every build, so
    /// the folder is made, and made old: a folder newer than this run would be a change, too.
    fn watch() {
        if Path::new(SOURCES).is_dir() && !Path::new(DIST).exists() && fs::create_dir(DIST).is_ok() {
            let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
            // Where that cannot be done the next build does this once more.
            let _ = fs::File::open(DIST).and_then(|folder| folder.set_modified(old));
        }
        if Path::new(DIST).exists() {
            println!("cargo:rerun-if-changed={DIST}");
        }
    }

    /// `&[File { … }, …]`, in the order of the names.
    fn table() -> Result<String, String> {
        let mut names = vec![];
        for entry in entries(DIST)? {
            match entry.as_str() {
                HASHED => names.extend(
                    entries(&format!("{DIST}/{HASHED}"))?.iter().map(|name| format!("{HASHED}/{name}")),
                ),
                FRONT | "favicon.svg" => names.push(entry),
                other => {
                    return Err(format!(
                        "`{DIST}/{other}` has no address: served are `/`, `/favicon.svg` and `/assets/FILE` (src/web/router.rs)"
                    ));
                }
            }
        }
        names.sort();
        said(fs::create_dir_all(out().join("page")), "a folder for the page")?;
        let mut table = String::from("&[\n");
        for (index, name) in names.iter().enumerate() {
            let line = file(name, &format!("page/{index}"))?;
            // Writing into a string cannot fail.
            let _ = writeln!(table, "    {line},");
        }
        table.push_str("]\n");
        Ok(table)
    }

    /// The line of one file, whose bytes go to `packed` below the folder of what is generated.
    fn file(name: &str, packed: &str) -> Result<String, String> {
        let from = format!("{DIST}/{name}");
        let ending = name.rsplit('.').next().unwrap_or_default();
        let known = TYPES.iter().find(|(known, _)| *known == ending);
        let (_, content_type) = known.ok_or_else(|| {
            format!("`{from}` is of a type that is not known here; say in `TYPES` of build.rs what browsers are to be told of `.{ending}`")
        })?;
        let bytes = said(fs::read(&from), &from)?;
        let zipped = said(zip(&bytes), &from)?;
        let gzip = zipped.len() < bytes.len();
        said(fs::write(out().join(packed), if gzip { &zipped } else { &bytes }), &from)?;
        // It tells one content of a file from another; nobody has to be convinced.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let (hash, length, hashed) = (hasher.finish(), bytes.len(), name.starts_with(HASHED));
        Ok(format!(
            "File {{ name: {name:?}, content_type: {content_type:?}, hash: \"{hash:016x}\", hashed: {hashed}, \
             length: {length}, gzip: {gzip}, bytes: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{packed}\")) }}"
        ))
    }

    fn zip(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes)?;
        encoder.finish()
    }

    /// The names in a folder.
    fn entries(folder: &str) -> Result<Vec<String>, String> {
        let mut names = vec![];
        for entry in said(fs::read_dir(folder), folder)? {
            let name = said(entry, folder)?.file_name();
            let name = name
                .into_string()
                .map_err(|name| format!("`{folder}` has {name:?}, whose name is not UTF-8"))?;
            names.push(name);
        }
        Ok(names)
    }

    fn out() -> PathBuf {
        std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default()
    }

    fn said<T>(result: io::Result<T>, what: &str) -> Result<T, String> {
        result.map_err(|error| format!("the live page could not be put into the program: {what}: {error}"))
    }
}
