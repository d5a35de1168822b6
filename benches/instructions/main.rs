//! How many instructions the inner loops take, counted by callgrind, against a baseline in the
//! tree. Counts hardly depend on how busy a machine is, so a few percent more are a finding.
//!
//! `scripts/instructions.sh` brings valgrind, and fails when a benchmark has grown;
//! `scripts/instructions.sh --renew` writes the baseline anew.
//!
//! This program starts itself under valgrind, once for each benchmark (`--run NAME`), so that
//! none depends on what another has left in memory.

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs, reason = "a program, not a library")]

mod baseline;
mod callgrind;
#[path = "../inner/mod.rs"]
mod inner;
mod work;

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use baseline::{Baseline, Finding};

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["--run", name] => run(name),
        ["--renew"] => count().and_then(renew),
        [] => count().and_then(compare),
        other => Err(io::Error::other(format!("unknown arguments {other:?}; there is `--renew`"))),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Does the work of one benchmark twice: the first time so that everything that is done once
/// in a process is done, the second time to be counted.
fn run(name: &str) -> io::Result<ExitCode> {
    let (_, prepare) = work::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| io::Error::other(format!("no benchmark `{name}`")))?;
    let mut work = prepare();
    work();
    callgrind::counted_instructions(&mut work);
    Ok(ExitCode::SUCCESS)
}

fn count() -> io::Result<Baseline> {
    let mut counts = BTreeMap::new();
    for (name, _) in work::ALL {
        counts.insert((*name).to_owned(), callgrind::count(name)?);
    }
    Ok(Baseline { made_with: callgrind::made_with()?, counts })
}

fn renew(now: Baseline) -> io::Result<ExitCode> {
    std::fs::write(baseline::PATH, now.to_string())?;
    print!("{now}");
    println!("written to {}", baseline::FILE);
    Ok(ExitCode::SUCCESS)
}

fn compare(now: Baseline) -> io::Result<ExitCode> {
    let text = std::fs::read_to_string(baseline::PATH)?;
    let before: Baseline =
        text.parse().map_err(|error| io::Error::other(format!("{}: {error}", baseline::FILE)))?;
    println!("{}", now.beside(&before));
    let findings = now.findings(&before);
    findings.iter().for_each(|finding| eprintln!("instructions: {finding}"));
    if findings.iter().all(|finding| matches!(finding, Finding::Shrunk { .. })) {
        return Ok(ExitCode::SUCCESS);
    }
    if now.made_with != before.made_with {
        eprintln!(
            "instructions: the baseline was made with {}, these counts with {}",
            before.made_with, now.made_with
        );
        eprintln!("instructions: so it may be the tools that have changed");
    }
    eprintln!("instructions: if this is wanted, renew the baseline and say why in the commit:");
    eprintln!("instructions:     scripts/instructions.sh --renew");
    Ok(ExitCode::FAILURE)
}
