//! `dockmeter grafana`: dashboards made of templates, and what is wrong with them; what is to be
//! in a Grafana (`provision.rs`).

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::rendered;
use crate::config::Config;
use crate::{dashboards, rules};

mod provision;

pub(super) use provision::{apply, destroy, plan, token};

/// The status of a lint that finds something.
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

/// What `lint` says of itself, with the rules.
fn lint_help() -> String {
    let rules: String =
        dashboards::RULES.iter().map(|(name, says)| format!("  {name:<14} {says}\n")).collect();
    format!(
        "Looked at are the dashboards that are delivered and those of --templates, and with FILE dashboards\n\
         that Grafana has exported. Nothing is asked of anybody. The exit status is 0 if nothing is wrong,\n\
         2 if something is, 1 if it could not be told.\n\n\
         Rules:\n{rules}\n\
         Examples:\n  \
           dockmeter grafana lint\n  \
           dockmeter grafana lint --templates=my-templates exported.json"
    )
}

/// The command as clap knows it.
pub(super) fn command() -> Command {
    let render = Command::new("render")
        .about("Write the dashboards as files, made of their templates")
        .after_help(RENDER_HELP)
        .args(rendered::arguments("grafana/dashboards"))
        .arg(templates());
    let lint = Command::new("lint")
        .about("Say what is wrong with dashboards")
        .after_help(lint_help())
        .arg(templates())
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .help("Dashboards as JSON, besides")
                .action(ArgAction::Append)
                .value_parser(clap::value_parser!(PathBuf)),
        );
    Command::new("grafana")
        .about("Dashboards, alerts, folders and teams for Grafana")
        .subcommand_required(true)
        .subcommand(render)
        .subcommand(lint)
        .subcommands(provision::commands())
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
    let files = dashboards::files(&made(arguments, config)?);
    let (said, status) = rendered::bring(arguments, &files, dashboards::OURS, "dockmeter grafana render")?;
    super::write(out, &said)?;
    Ok(status)
}

/// Says what is wrong with dashboards.
pub(super) fn lint(arguments: &ArgMatches, config: &Config, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let catalogue = rules::catalogue(&config.alerting, config.slo.period)?;
    let mut looked_at = made(arguments, config)?;
    let mut found = dashboards::alerts(&looked_at, &catalogue);
    for path in arguments.get_many::<PathBuf>("file").into_iter().flatten() {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read `{}`; check the path", path.display()))?;
        let read = dashboards::read(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        looked_at.push(read);
    }
    found.extend(dashboards::lint(&looked_at, &catalogue));
    let mut said: String = found.iter().map(|finding| format!("{finding}\n")).collect();
    let panels: usize = looked_at.iter().map(|dashboard| dashboards::panels(&dashboard.json).count()).sum();
    let _ = writeln!(said, "{} dashboards, {panels} panels, {} findings", looked_at.len(), found.len());
    super::write(out, &said)?;
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}
