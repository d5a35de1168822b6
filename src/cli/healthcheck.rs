//! `dockmeter healthcheck`: a probe of a running exporter.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::Config;
use crate::exporter;

/// The command as clap knows it.
pub(super) fn command() -> Command {
    Command::new("healthcheck")
        .about("Ask a running exporter whether it answers; 0 if so, else 1, for Docker's HEALTHCHECK")
        .after_help(
            "Address and TLS are taken from the same flags, variables and file as the exporter's own.\n\
             A probe needs no login, and the certificate is not verified.\n\n\
             Examples:\n  \
               dockmeter healthcheck\n  \
               dockmeter healthcheck --ready --timeout=2s --web.listen-address=10.0.0.7:10417",
        )
        .arg(
            Arg::new("ready")
                .long("ready")
                .action(ArgAction::SetTrue)
                .help("Ask whether there is something to scrape (`/-/ready`), not only whether it answers"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .default_value("5s")
                .value_parser(timeout)
                .help("How long the answer may take, 100ms to 1m"),
        )
}

fn timeout(text: &str) -> Result<Duration, String> {
    crate::config::duration(text, Duration::from_millis(100)..=Duration::from_secs(60))
}

/// Asks.
pub(super) fn run(matches: &ArgMatches, config: &Config) -> anyhow::Result<()> {
    let path = if matches.get_flag("ready") { "/-/ready" } else { "/-/healthy" };
    let timeout = matches.get_one("timeout").copied().unwrap_or(Duration::from_secs(5));
    exporter::healthcheck(config, path, timeout)
}
