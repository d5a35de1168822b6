//! `dockmeter rules`: files for Prometheus and Alertmanager, made of the catalogue of alerts.

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgMatches, Command};

use super::rendered;
use crate::config::Config;
use crate::rules;

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
        .args(rendered::arguments("prometheus"));
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
    let catalogue = rules::catalogue(&config.alerting, config.slo.period)?;
    let files = rules::render(&catalogue, config);
    let (mut said, status) = rendered::bring(arguments, &files, rules::OURS, "dockmeter rules render")?;
    if config.alerting.platform_receiver().is_none() && !arguments.get_flag("check") {
        said.push_str(
            "nobody is told of alerts: no receiver is configured; \
             `dockmeter rules render --help` shows how\n",
        );
    }
    super::write(out, &said)?;
    Ok(status)
}
