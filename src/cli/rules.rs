//! `dockmeter rules`: files for Prometheus and Alertmanager, made of the catalogue of alerts.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::config::Config;
use crate::{files, rules};

/// The status of a check that finds other files than there should be.
const STALE: u8 = 2;

const RENDER_HELP: &str = "\
Written are, into the folder of --output:

  prometheus.yml       what is scraped (--scrape.target, --scrape.interval), and who is told
                       (--alertmanager.url)
  rules/*.yml          alerts and recording rules, for its `rule_files`
  tests/*.yml          for `promtool test rules tests/*.yml`
  alertmanager.yml     who is told of what, from the section `alerting` of the configuration
  templates/*.tmpl     what messages say

Nothing is written if anything is wrong; files that are as they should be are left alone. Prometheus
and Alertmanager read new files on SIGHUP. With --check nothing is written: the exit status is 0 if
all files are current, 2 if one is not, 1 if something is wrong.

Who is told is configured like this; docs/alerting.md says more:

  alerting:
    receivers:
      ops:  {webhook: {url: 'http://127.0.0.1:9000/alerts'}}
      core: {slack: {url_file: /run/secrets/slack_core, channel: '#core'}}
    teams:
      platform: {receiver: ops}       # also hears what is of no other team
      core: {receiver: core, quiet_hours: {times: [{from: '22:00', to: '07:00'}]}}
    alerts:
      ContainerCpuHigh: {fire: 0.8, clear: 0.7, severity: warning}
      HostNetworkHigh: {enabled: false}

Examples:
  dockmeter rules render --output=/etc/dockmeter/prometheus --config.file=dockmeter.yml
  dockmeter rules render --check";

/// The command as clap knows it.
pub(super) fn command() -> Command {
    let render = Command::new("render")
        .about("Write Prometheus's rules, their tests and alertmanager.yml, made of the catalogue of alerts")
        .after_help(RENDER_HELP)
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("DIRECTORY")
                .help("Where the files lie")
                .value_parser(clap::value_parser!(PathBuf))
                .default_value("prometheus"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Write nothing, and say which files are not current"),
        );
    Command::new("rules")
        .about("Alerts and recording rules for Prometheus, routes for Alertmanager")
        .subcommand_required(true)
        .subcommand(render)
}

/// Renders, or compares with what is there.
pub(super) fn render(
    arguments: &ArgMatches,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let folder = arguments.get_one::<PathBuf>("output").map_or(Path::new("prometheus"), PathBuf::as_path);
    let catalogue = rules::catalogue(&config.alerting, config.slo.period)?;
    let rendered = rules::render(&catalogue, config);
    let shown = |path: &PathBuf| folder.join(path).display().to_string();
    let mut said = String::new();
    if arguments.get_flag("check") {
        let stale = files::stale(folder, &rendered, rules::OURS);
        for path in &stale {
            let _ = writeln!(said, "`{}` is stale; `dockmeter rules render` renews it", shown(path));
        }
        super::write(out, &said)?;
        return Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(STALE) });
    }
    for path in files::write(folder, &rendered, rules::OURS)? {
        let written = if folder.join(&path).exists() { "wrote" } else { "removed" };
        let _ = writeln!(said, "{written} `{}`", shown(&path));
    }
    if said.is_empty() {
        let _ = writeln!(said, "all files in `{}` are current", folder.display());
    }
    if config.alerting.platform_receiver().is_none() {
        said.push_str(
            "nobody is told of alerts: no receiver is configured; \
             `dockmeter rules render --help` shows how\n",
        );
    }
    super::write(out, &said)?;
    Ok(ExitCode::SUCCESS)
}
