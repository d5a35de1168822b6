//! What the commands share that render files into a folder, or with `--check` compare them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches};

use crate::files::{self, Ours, Rendered, WriteError};

/// The status of a check that finds other files than there should be.
const STALE: u8 = 2;

/// Where the files lie, and whether they are only compared.
pub(super) fn arguments(folder: &'static str) -> [Arg; 2] {
    let output = Arg::new("output")
        .long("output")
        .value_name("DIRECTORY")
        .help("Where the files lie")
        .value_parser(clap::value_parser!(PathBuf))
        .default_value(folder);
    let check = Arg::new("check")
        .long("check")
        .action(ArgAction::SetTrue)
        .help("Write nothing, and say which files are not current");
    [output, check]
}

/// Writes or compares files, for [`arguments`]; what is to be said of it, and the status.
///
/// # Errors
/// A file cannot be written.
pub(super) fn bring(
    arguments: &ArgMatches,
    rendered: &[Rendered],
    ours: Ours,
    command: &str,
) -> Result<(String, ExitCode), WriteError> {
    // The argument has a default.
    let folder = arguments.get_one::<PathBuf>("output").cloned().unwrap_or_default();
    let shown = |path: &PathBuf| folder.join(path).display().to_string();
    let mut said = String::new();
    if arguments.get_flag("check") {
        let stale = files::stale(&folder, rendered, ours);
        for path in &stale {
            let _ = writeln!(said, "`{}` is stale; `{command}` renews it", shown(path));
        }
        return Ok((said, if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(STALE) }));
    }
    for path in files::write(&folder, rendered, ours)? {
        let written = if folder.join(&path).exists() { "wrote" } else { "removed" };
        let _ = writeln!(said, "{written} `{}`", shown(&path));
    }
    if said.is_empty() {
        let _ = writeln!(said, "all files in `{}` are current", folder.display());
    }
    Ok((said, ExitCode::SUCCESS))
}
