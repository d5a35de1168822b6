//! The `dockmeter` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    dockmeter::cli::run(|_config| anyhow::bail!("SERVE"))
}
