//! `dockmeter report`: what Prometheus holds, in tables.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::analysis::cost::{Dimension, View};
use crate::config::{Config, time_zone};
use crate::prometheus::Client;
use crate::report::Format;
use crate::report::cost::{self, Options};
use crate::report::period::{Period, Said};
use crate::report::sla;

/// A report that takes longer tells how far it is, on a terminal.
const PATIENCE: Duration = Duration::from_secs(2);

const COST_HELP: &str = "\
Prices come from the section `cost` of the configuration:

  prometheus:
    url: http://127.0.0.1:9090
  cost:
    currency: EUR
    cpu_core_hour: 0.031
    memory_gib_hour: 0.004
    disk_gib_month: 0.05            # a month is 730 hours
    network_transmit_gib: 0.01

Times are in UTC: a date begins at 00:00 UTC, a time names its zone. A period counts from the last
scrape at or before its beginning to the last one at or before its end, so that months sum to the
year. Restarts and gaps of Prometheus lose nothing; while dockmeter did not run nothing was counted,
and the report says how much of the period was measured.

Examples:
  dockmeter report cost --month=2026-10
  dockmeter report cost --last=7d --group-by=team
  dockmeter report cost --from=2026-10-01 --to=2026-10-08 --project=shop --format=csv";

const SLA_HELP: &str = "\
Objectives are those that a dockmeter has shown (`slo_objective_ratio`), by `slo.objectives` of its
configuration or labels of containers such as `dockmeter.slo.availability=99.9`, and one for the
stack itself: scrapes of the job `dockmeter` that succeed.

Events are differences of counters at the edges of the period, exact to the sample, over restarts
and gaps. A breach is a time in which more of the last five minutes' events were bad than the
objective allows; breaches no more than five minutes apart are one.

The exit status is 2 where an objective was not met, 1 where there is no report.

Examples:
  dockmeter report sla --month=2026-10 --time-zone=Europe/Berlin
  dockmeter report sla --quarter=2026-Q3 --team=core --format=markdown
  dockmeter report sla --window=7d --slo=availability --service=api --format=json";

fn sla_command() -> Command {
    let periods = ["month", "quarter", "window", "from"];
    let alone = |name: &'static str| periods.into_iter().filter(move |other| *other != name);
    Command::new("sla")
        .about("Whether what was promised of services was kept in a period")
        .after_help(SLA_HELP)
        .arg(format_option())
        .arg(option("month", "MONTH", "A month, such as 2026-10").conflicts_with_all(alone("month")))
        .arg(option("quarter", "QUARTER", "A quarter, such as 2026-Q4").conflicts_with_all(alone("quarter")))
        .arg(
            option("window", "LENGTH", "This long, such as 7d or 4w, up to --to [default: `slo.period`]")
                .conflicts_with_all(alone("window")),
        )
        .arg(
            option("from", "TIME", "Begin here: a date, or a time such as 2026-10-01T08:00:00Z")
                .conflicts_with_all(alone("from")),
        )
        .arg(
            option("to", "TIME", "End here; now if nothing is said").conflicts_with_all(["month", "quarter"]),
        )
        .arg(
            option(
                "time-zone",
                "ZONE",
                "Where months and days begin and times are told, such as Europe/Berlin",
            )
            .default_value("UTC"),
        )
        .args(
            sla::LABELS
                .map(|name| option(name, "NAME", "Only of this one. Repeatable.").action(ArgAction::Append)),
        )
}

fn format_option() -> Arg {
    option("format", "FORMAT", "How it is written")
        .value_parser(words(Format::WORDS.map(|(word, _)| word)))
        .default_value("text")
}

/// The command as clap knows it.
pub(super) fn command() -> Command {
    let cost = Command::new("cost")
        .about("What tenants' use cost in a period")
        .after_help(COST_HELP)
        .arg(format_option())
        .arg(option("from", "TIME", "Begin here: a date, or a time such as 2026-10-01T08:00:00Z"))
        .arg(option("to", "TIME", "End here; now if nothing is said"))
        .arg(
            option("last", "LENGTH", "This long, such as 12h, 30d or 4w, up to --to [default: 30d]")
                .conflicts_with("from"),
        )
        .arg(option("month", "MONTH", "A month, such as 2026-10").conflicts_with_all(["from", "to", "last"]))
        .arg(
            option("group-by", "LABELS", "What a row is of")
                .value_parser(words(Dimension::ALL.map(Dimension::as_str)))
                .value_delimiter(',')
                .action(ArgAction::Append)
                .default_value("user,project,team"),
        )
        .args(Dimension::ALL.map(|dimension| {
            let name = dimension.as_str();
            option(name, "NAME", "Only of this one. Repeatable.").action(ArgAction::Append)
        }));
    Command::new("report")
        .about("Reports from what Prometheus holds")
        .subcommand_required(true)
        .subcommand(cost)
        .subcommand(sla_command())
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn words<const N: usize>(words: [&'static str; N]) -> PossibleValuesParser {
    PossibleValuesParser::new(words)
}

/// Makes the report on costs.
pub(super) fn cost(config: &Config, arguments: &ArgMatches) -> anyhow::Result<String> {
    let options = options(arguments, Timestamp::now())?;
    let client = Client::new(&config.prometheus)?;
    let mut progress = Progress { began: Instant::now(), shown: false };
    let report =
        runtime()?.block_on(cost::report(&client, &config.cost, &options, &mut |share| progress.tell(share)));
    progress.clear();
    Ok(report?)
}

/// Makes the report on promises.
pub(super) fn sla(config: &Config, arguments: &ArgMatches) -> anyhow::Result<sla::Report> {
    let options = sla_options(config, arguments, Timestamp::now())?;
    let client = Client::new(&config.prometheus)?;
    let mut progress = Progress { began: Instant::now(), shown: false };
    let report = runtime()?.block_on(sla::report(&client, &options, &mut |share| progress.tell(share)));
    progress.clear();
    Ok(report?)
}

pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("could not start the runtime")
}

fn sla_options(config: &Config, arguments: &ArgMatches, now: Timestamp) -> anyhow::Result<sla::Options> {
    let text = |name: &str| arguments.get_one::<String>(name).cloned();
    let many = |name: &str| arguments.get_many::<String>(name).into_iter().flatten().cloned().collect();
    let zone = text("time-zone").unwrap_or_default();
    let zone = time_zone(&zone).map_err(anyhow::Error::msg)?;
    let (month, quarter, from) = (text("month"), text("quarter"), text("from"));
    let rolling = month.is_none() && quarter.is_none() && from.is_none();
    let period = || format!("{}s", config.slo.period.as_secs());
    let last = rolling.then(|| text("window").unwrap_or_else(period));
    let said = Said { from, to: text("to"), last, month, quarter };
    Ok(sla::Options {
        period: Period::of(&said, now, &zone).map_err(anyhow::Error::msg)?,
        zone,
        now,
        only: sla::LABELS.into_iter().map(|name| (name, many(name))).collect(),
        platform_team: config.alerting.platform_team.clone(),
        format: format(arguments),
    })
}

fn format(arguments: &ArgMatches) -> Format {
    let text = arguments.get_one::<String>("format");
    let found = text.and_then(|word| Format::WORDS.into_iter().find(|(known, _)| known == word));
    found.map(|(_, format)| format).unwrap_or_default()
}

fn options(arguments: &ArgMatches, now: Timestamp) -> anyhow::Result<Options> {
    let text = |name: &str| arguments.get_one::<String>(name).cloned();
    let many =
        |name: &str| arguments.get_many::<String>(name).into_iter().flatten().cloned().collect::<Vec<_>>();
    let said =
        Said { from: text("from"), to: text("to"), last: text("last"), month: text("month"), quarter: None };
    let period = Period::of(&said, now, &TimeZone::UTC).map_err(anyhow::Error::msg)?;
    let named = |word: &String| Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == word);
    let mut group_by: Vec<Dimension> = Vec::new();
    for dimension in many("group-by").iter().filter_map(named) {
        if !group_by.contains(&dimension) {
            group_by.push(dimension);
        }
    }
    let only = Dimension::ALL.into_iter().map(|dimension| (dimension, many(dimension.as_str())));
    let view = View { group_by, only: only.filter(|(_, values)| !values.is_empty()).collect() };
    Ok(Options { period, now, view, format: format(arguments) })
}

/// One line on a terminal that is written over.
struct Progress {
    began: Instant,
    shown: bool,
}

impl Progress {
    fn tell(&mut self, share: f64) {
        if self.began.elapsed() >= PATIENCE && std::io::stderr().is_terminal() {
            self.shown = true;
            let _ = write!(std::io::stderr(), "\rasking Prometheus: {:.0} % ", share * 100.0);
        }
    }

    fn clear(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
