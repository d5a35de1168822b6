//! `dockmeter grafana`: dashboards made of templates, and what is wrong with them.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::Config;
use crate::{dashboards, files, rules};

/// The status of a check that finds something.
const FOUND: u8 = 2;

const RENDER_HELP: &str = "\
Written is a file for each dashboard, named by its uid, in Grafana's classic format (schema version
42), which can be imported by hand or provisioned from a folder. docs/dashboards.md says which there
are. Nothing is written if anything is wrong; files that are as they should be are left alone. With
--check nothing is written: the exit status is 0 if all files are current, 2 if one is not, 1 if
something is wrong.

A folder of templates of one's own, in the format of those in grafana/templates, adds to what is
delivered; one with the uid of a delivered dashboard takes its place.

Examples:
  dockmeter grafana render --output=/var/lib/grafana/dashboards/dockmeter
  dockmeter grafana render --output=dashboards --templates=my-templates
  dockmeter grafana render --check";

/// The command as clap knows it.
pub(super) fn command() -> Command {
    let render = Command::new("render")
        .about("Write the dashboards as files, made of their templates")
        .after_help(RENDER_HELP)
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("DIRECTORY")
                .help("Where the files lie")
                .value_parser(clap::value_parser!(PathBuf))
                .default_value("grafana/dashboards"),
        )
        .arg(templates())
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Write nothing, and say which files are not current"),
        );
    Command::new("grafana").about("Dashboards for Grafana").subcommand_required(true).subcommand(render)
}

fn templates() -> Arg {
    Arg::new("templates")
        .long("templates")
        .value_name("DIRECTORY")
        .help("Templates of your own, besides those that are delivered")
        .value_parser(clap::value_parser!(PathBuf))
}

/// Every dashboard, for these arguments.
fn made(arguments: &ArgMatches, config: &Config) -> anyhow::Result<Vec<dashboards::Dashboard>> {
    let catalogue = rules::catalogue(&config.alerting, config.slo.period)?;
    let own = arguments.get_one::<PathBuf>("templates").map(PathBuf::as_path);
    Ok(dashboards::dashboards(&catalogue, own)?)
}

/// Renders, or compares with what is there.
pub(super) fn render(
    arguments: &ArgMatches,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let folder =
        arguments.get_one::<PathBuf>("output").map_or(Path::new("grafana/dashboards"), PathBuf::as_path);
    let rendered = dashboards::files(&made(arguments, config)?);
    let shown = |path: &PathBuf| folder.join(path).display().to_string();
    let mut said = String::new();
    if arguments.get_flag("check") {
        let stale = files::stale(folder, &rendered, dashboards::OURS);
        for path in &stale {
            let _ = writeln!(said, "`{}` is stale; `dockmeter grafana render` renews it", shown(path));
        }
        super::write(out, &said)?;
        return Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) });
    }
    for path in files::write(folder, &rendered, dashboards::OURS)? {
        let written = if folder.join(&path).exists() { "wrote" } else { "removed" };
        let _ = writeln!(said, "{written} `{}`", shown(&path));
    }
    if said.is_empty() {
        let _ = writeln!(said, "all files in `{}` are current", folder.display());
    }
    super::write(out, &said)?;
    Ok(ExitCode::SUCCESS)
}
