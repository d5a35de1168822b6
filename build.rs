//! Puts the revision and the compiler into `dockmeter_build_info`. Without git, as in a source
//! tarball, the revision is what `DOCKMETER_REVISION` says, else `unknown`. And makes static
//! binaries find hosts without modules of another glibc.

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
    link_static_names();
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
