//! The `dockmeter` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    dockmeter::cli::run(|_| anyhow::bail!("this build has no exporter; only `config` and `token` work"))
}
