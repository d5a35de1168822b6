//! `dockmeter report`: what Prometheus holds, in tables.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::analysis::compare::Rule;
use crate::analysis::cost::{Dimension, View};
use crate::analysis::followup::Outcome as Became;
use crate::config::{Config, time_zone};
use crate::history::{Upstream, Whom};
use crate::prometheus::{Client, QueryError};
use crate::report::Format;
use crate::report::advice::Looked;
use crate::report::compare::{self, Outcome};
use crate::report::cost::{self, Options};
use crate::report::followup::ledger::{self, Entry};
use crate::report::period::{Period, Said};
use crate::report::{followup, insights, rightsize, sla};
use crate::tenant::{self, Narrowing};

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

const COMPARE_HELP: &str = "\
A difference counts where three things agree: a rank test that is corrected for how much samples
repeat each other and for how many measures are looked at, a change of the median by at least
--least-effect, and 30 samples a side. It has to be more than what the same hours of earlier days
show, so that the morning's rise is not taken for the deploy's. More CPU or memory is no regression
where more is asked of the program.

The exit status is 2 on a regression, so that a pipeline can stop on it, and 1 where there is no
report. Where there is not enough data the report says so, and the status is 0.

Without times the last hour is held to the one before. Versions, deploys and restarts are told by the
images of containers: what was measured while two versions ran beside each other is left out.

Examples:
  dockmeter report compare --team=core
  dockmeter report compare --deploy --project=shop
  dockmeter report compare --by-version --container=shop-api-1 --format=markdown
  dockmeter report compare --version-before=shop/api:1.2 --version-after=shop/api:1.3 --project=shop
  dockmeter report compare --at=2026-10-01T08:00:00Z --project=shop
  dockmeter report compare --at=2026-10-01T08:00:00Z --window=30m --container=shop-api-1 --format=markdown
  dockmeter report compare --before=2026-09-24/2026-09-25 --after=2026-10-01/2026-10-02 --team=core";

fn compare_command() -> Command {
    let window = compare::WINDOW;
    Command::new("compare")
        .about("Whether what came after an event, or in a later time, is worse than what was before")
        .after_help(COMPARE_HELP)
        .arg(format_option())
        .arg(option("at", "TIME", "An event, such as a deploy: a time such as 2026-10-01T08:00:00Z"))
        .arg(flag("deploy", "The last deploy: when another version of an image began to run"))
        .arg(flag("restart", "The last restart: when a container began anew with the version that it had"))
        .arg(flag("by-version", "The newest version of an image against the one before it, each while it ran alone"))
        .arg(option("version-before", "IMAGE", "The earlier version: an image with its tag, the tag alone, or its hash"))
        .arg(option("version-after", "IMAGE", "The later version"))
        .arg(option("last", "LENGTH", &format!("How far back versions, deploys and restarts are looked for, up to 28d [default: {}]", compare::LAST)))
        .group(ArgGroup::new("event").args(["at", "deploy", "restart", "before"]))
        .group(ArgGroup::new("versions").args(["by-version", "version-before", "version-after"]).multiple(true).conflicts_with("event"))
        .arg(
            option(
                "window",
                "LENGTH",
                &format!("How long before and after it is looked at; of versions how long at most [default: {window}, {} of versions]", compare::VERSION_WINDOW),
            )
            .conflicts_with_all(["before", "after"]),
        )
        .arg(option("before", "FROM/TO", "The earlier time").requires("after"))
        .arg(option("after", "FROM/TO", "The later time").requires("before"))
        .arg(
            option("earlier-days", "DAYS", "Days before to whose same hours both are held, 0 to 28")
                .value_parser(clap::value_parser!(i64).range(0..=compare::MOST_EARLIER_DAYS))
                .default_value("7"),
        )
        .arg(
            option("least-effect", "SHARE", "The least change of the median that counts, as 0.1 or 10%")
                .default_value("0.1"),
        )
        .arg(option("container", "NAME", "Only the container of this name"))
        .arg(option("service", "NAME", "Only the service of this name, as programs call themselves"))
        .args(tenant::Dimension::ALL.map(|dimension| {
            let name = dimension.as_str();
            option(name, "NAME", "Only of this one. Repeatable.").action(ArgAction::Append)
        }))
}

const RIGHTSIZE_HELP: &str = "\
CPU: 1.15 times what is enough in 95 of 100 steps, and at least what is enough in 99. A container
that its limit holds back in more than 5 % of its periods is never shrunk, and gets at least a
quarter more. Memory: 1.15 times the highest working set, and at least 1.25 times the limit at which
it was killed. A change of less than a tenth, and a cut of less than 0.1 cores or 100 MB, is left
alone.

Up to 7 days are looked at in steps of 5 minutes, longer times in steps of an hour, which even out
what lasts for minutes. Where a container has fewer than 100 steps or 3 hours, the report says what
is missing. Without --user, --project, --team and --container it also tells whether all limits
together are more than the host has.

Beside limits it tells which services answer slowly or fail, with four things to do each, which pools
of connections are too small, and which statements of databases an index would help. Where the file
of an exporter with the same history.path can be read, it also tells what became of what that has
recommended.

Nothing is changed: each recommendation comes with the lines for the Compose file, a command that
does the same at once, and a query that shows a day later whether it helped. The exit status is 1
where there is no report.

Examples:
  dockmeter report rightsize
  dockmeter report rightsize --project=shop --last=3d
  dockmeter report rightsize --team=core --format=markdown > right-sizes.md
  dockmeter report rightsize --container=shop-api-1 --format=json";

fn rightsize_command() -> Command {
    let last = rightsize::LAST;
    Command::new("rightsize")
        .about("Limits and reservations that fit what containers have used, and what else should change")
        .after_help(RIGHTSIZE_HELP)
        .arg(format_option())
        .arg(option("last", "LENGTH", "This long up to now, such as 12h, 7d or 4w").default_value(last))
        .arg(option("container", "NAME", "Only the container of this name"))
        .args(tenant::Dimension::ALL.map(|dimension| {
            let name = dimension.as_str();
            option(name, "NAME", "Only of this one. Repeatable.").action(ArgAction::Append)
        }))
}

const INSIGHTS_HELP: &str = "\
Looked for are containers that their limits hold back, that reach their limit of memory, leak, are
killed, do not stay up or wait for cores and devices; neighbours that take what others wait for;
routes that answer slowly or fail; pools that are used up; locks; slow statements, and those that may
be called once a row; disks and hosts with too much to do. What has been beyond its bound for five
minutes is told, the worst first: by how much it matters and by how far it rises before or with
response times. What changed or happened within ten minutes of its beginning is named as a possible
cause, and is no more than that.

Up to 6 hours are looked at in steps of a minute, up to 7 days in steps of 5 minutes.

The exit status is 1 where there is no report.

Examples:
  dockmeter report insights
  dockmeter report insights --project=shop --last=24h
  dockmeter report insights --team=core --last=7d --format=markdown > monday.md
  dockmeter report insights --service=api --format=json";

fn insights_command() -> Command {
    let last = insights::LAST;
    Command::new("insights")
        .about("What holds requests up, since when, and what to do about it")
        .after_help(INSIGHTS_HELP)
        .arg(format_option())
        .arg(option("from", "TIME", "Begin here: a date, or a time such as 2026-10-01T08:00:00Z"))
        .arg(option("to", "TIME", "End here; now if nothing is said"))
        .arg(
            option("last", "LENGTH", &format!("This long, such as 1h or 7d, up to --to [default: {last}]"))
                .conflicts_with("from"),
        )
        .arg(option("container", "NAME", "Only the container of this name"))
        .arg(option("service", "NAME", "Only the service of this name, as programs call themselves"))
        .arg(option("host", "INSTANCE", "Only the host of this name: the `instance` that is scraped"))
        .args(tenant::Dimension::ALL.map(|dimension| {
            let name = dimension.as_str();
            option(name, "NAME", "Only of this one. Repeatable.").action(ArgAction::Append)
        }))
}

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
        .subcommand(insights_command())
        .subcommand(compare_command())
        .subcommand(rightsize_command())
}

fn option(name: &'static str, value: &'static str, help: &str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help.to_owned())
}

fn flag(name: &'static str, help: &str) -> Arg {
    Arg::new(name).long(name).help(help.to_owned()).action(ArgAction::SetTrue)
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

/// Compares two times.
pub(super) fn compare(config: &Config, arguments: &ArgMatches) -> anyhow::Result<(String, Outcome)> {
    let wish = compare_wish(arguments, Timestamp::now())?;
    let query = Upstream::new(Client::new(&config.prometheus)?);
    let mut progress = Progress { began: Instant::now(), shown: false };
    let found = runtime()?.block_on(async {
        let CompareWish { whom, asked, earlier_days, rule } = wish;
        let meant = compare::meant(&query, &whom, asked).await?;
        let options = compare::Options { whom, meant, earlier_days, rule };
        Ok::<_, anyhow::Error>(compare::report(&query, options, &mut |share| progress.tell(share)).await?)
    });
    progress.clear();
    let found = found?;
    Ok((found.page(format(arguments)), found.outcome))
}

/// What `report compare` is to compare.
struct CompareWish {
    whom: Whom,
    asked: compare::Asked,
    earlier_days: i64,
    rule: Rule,
}

fn compare_wish(arguments: &ArgMatches, now: Timestamp) -> anyhow::Result<CompareWish> {
    let text = |name: &str| arguments.get_one::<String>(name).cloned();
    let said = compare::Said {
        at: text("at"),
        window: text("window"),
        before: text("before"),
        after: text("after"),
        event: match (arguments.get_flag("deploy"), arguments.get_flag("restart")) {
            (true, _) => Some(compare::Event::Deploy),
            (false, true) => Some(compare::Event::Restart),
            (false, false) => None,
        },
        by_version: arguments.get_flag("by-version"),
        version_before: text("version-before"),
        version_after: text("version-after"),
        last: text("last"),
    };
    let least_effect =
        compare::share(&text("least-effect").unwrap_or_default()).map_err(anyhow::Error::msg)?;
    Ok(CompareWish {
        whom: Whom {
            tenants: tenants(arguments),
            container: text("container"),
            service: text("service"),
            host: None,
        },
        asked: compare::Asked::of(&said, now, &TimeZone::UTC).map_err(anyhow::Error::msg)?,
        earlier_days: arguments.get_one("earlier-days").copied().unwrap_or_default(),
        rule: Rule { least_effect, ..Rule::default() },
    })
}

/// Says what holds requests up.
pub(super) fn insights(config: &Config, arguments: &ArgMatches) -> anyhow::Result<String> {
    let options = insights_options(arguments, Timestamp::now())?;
    let query = Upstream::new(Client::new(&config.prometheus)?);
    let mut progress = Progress { began: Instant::now(), shown: false };
    let found = runtime()?.block_on(insights::report(&query, options, &mut |share| progress.tell(share)));
    progress.clear();
    Ok(found?.page(format(arguments)))
}

fn insights_options(arguments: &ArgMatches, now: Timestamp) -> anyhow::Result<insights::Options> {
    let text = |name: &str| arguments.get_one::<String>(name).cloned();
    let from = text("from");
    let last = text("last").or_else(|| from.is_none().then(|| insights::LAST.to_owned()));
    let said = Said { from, to: text("to"), last, ..Said::default() };
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let whom = Whom {
        tenants: tenants(arguments),
        container: text("container"),
        service: text("service"),
        host: text("host"),
    };
    let mut period =
        Period::of(&said, now, &TimeZone::UTC).and_then(insights::bounded).map_err(anyhow::Error::msg)?;
    // What is still to come is told by nobody.
    period.to = period.to.min(now);
    Ok(insights::Options { with_host: whom.tenants.is_empty(), whom, period, limit: insights::MOST })
}

/// Says what should be limited otherwise.
pub(super) fn rightsize(config: &Config, arguments: &ArgMatches) -> anyhow::Result<String> {
    let options = rightsize_options(arguments, Timestamp::now())?;
    let query = Upstream::new(Client::new(&config.prometheus)?);
    let mut progress = Progress { began: Instant::now(), shown: false };
    let found = runtime()?.block_on(async {
        let mut found = rightsize::report(&query, options, &mut |share| progress.tell(share)).await?;
        found.followed_up = followup::follow(&query, remembered(config), &found, Timestamp::now()).await?;
        // What the exporter alone sees, such as health checks, is not told from here.
        found.followed_up.retain(|followed| followed.found.outcome != Became::NotKnown);
        Ok::<_, QueryError>(found)
    });
    progress.clear();
    Ok(found?.page(format(arguments)))
}

/// What an exporter with the same configuration has recommended, where its file can be read from here.
fn remembered(config: &Config) -> Vec<Entry> {
    let folder = config.history.path.as_deref().filter(|_| config.history.enabled);
    folder.and_then(|folder| ledger::read(folder).ok()).unwrap_or_default()
}

fn rightsize_options(arguments: &ArgMatches, now: Timestamp) -> anyhow::Result<rightsize::Options> {
    let container = arguments.get_one::<String>("container").cloned();
    sizes_of(arguments, Whom { tenants: tenants(arguments), container, ..Whom::default() }, now)
}

/// What is looked at of those who are meant.
pub(super) fn sizes_of(
    arguments: &ArgMatches,
    whom: Whom,
    now: Timestamp,
) -> anyhow::Result<rightsize::Options> {
    let said = Said { last: arguments.get_one::<String>("last").cloned(), ..Said::default() };
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    Ok(rightsize::Options {
        with_host: whom.tenants.is_empty() && whom.container.is_none(),
        whom,
        period: Period::of(&said, now, &TimeZone::UTC)
            .and_then(rightsize::bounded)
            .map_err(anyhow::Error::msg)?,
        host: None,
        known: BTreeMap::new(),
        beside: Looked::default(),
    })
}

/// Those who are named.
pub(super) fn tenants(arguments: &ArgMatches) -> Narrowing {
    tenant::Dimension::ALL.into_iter().fold(Narrowing::default(), |tenants, dimension| {
        let values = arguments.get_many::<String>(dimension.as_str()).into_iter().flatten().cloned();
        let values: Vec<String> = values.collect();
        if values.is_empty() { tenants } else { tenants.to(dimension, values) }
    })
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
