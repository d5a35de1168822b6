//! The `dockmeter` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    dockmeter::cli::run(dockmeter::exporter::serve)
}
