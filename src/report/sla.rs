//! `dockmeter report sla`: whether what was promised of services was kept.

mod gather;
mod schedule;

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Format;
use super::period::Period;
use super::table::{Column, Table};
use crate::analysis::slo::{Breach, Budget, float, percent};
use crate::prometheus::{Client, QueryError};

pub use gather::{Key, Record, gather};
pub use schedule::Due;

/// Decimals of shares in percent.
const SHARE_DECIMALS: u32 = 4;

/// Breaches that are told to people of one objective; programs are told all.
const MOST_SHOWN: usize = 20;

/// What a report is of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which time.
    pub period: Period,
    /// In which zone times are told.
    pub zone: TimeZone,
    /// The time of the report.
    pub now: Timestamp,
    /// Only what has one of these values, by label; all where none are given.
    pub only: Vec<(&'static str, Vec<String>)>,
    /// The team that the stack's own objective is of.
    pub platform_team: String,
    /// How it is written.
    pub format: Format,
}

/// The labels that a report can be narrowed by.
pub const LABELS: [&str; 5] = ["slo", "service", "user", "project", "team"];

impl Key {
    /// The value of one of [`LABELS`].
    pub fn label(&self, name: &str) -> &str {
        match name {
            "slo" => &self.slo,
            "service" => &self.service,
            "user" => &self.user,
            "project" => &self.project,
            _ => &self.team,
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum SlaError {
    /// Prometheus does not answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It holds nothing of the period.
    #[error(
        "`{url}` holds no objectives from {} to {}; does it scrape dockmeter, and has anybody an objective (`slo.objectives`, or the label `dockmeter.slo.availability=99.9`)?",
        period.from, period.to
    )]
    Nothing {
        /// The address.
        url: String,
        /// What was asked about.
        period: Period,
    },
    /// Nothing is left of what it holds.
    #[error("no objective has these labels; those that there are: {0}")]
    NoneLeft(String),
}

/// A report, and whether everything that was promised was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its text.
    pub text: String,
    /// Whether all objectives were met.
    pub met: bool,
}

/// Asks Prometheus and writes the report. `progress` is told the share that is done.
///
/// # Errors
/// See [`SlaError`].
pub async fn report(
    client: &Client,
    options: &Options,
    progress: &mut dyn FnMut(f64),
) -> Result<Report, SlaError> {
    let mut records = gather(client, options.period, options.now, &options.platform_team, progress).await?;
    let known: Vec<String> =
        records.iter().map(|record| format!("`{}` of `{}`", record.key.slo, record.key.service)).collect();
    let admits = |key: &Key| {
        options
            .only
            .iter()
            .all(|(name, values)| values.is_empty() || values.iter().any(|value| value == key.label(name)))
    };
    records.retain(|record| admits(&record.key));
    if records.is_empty() {
        return Err(SlaError::NoneLeft(known.join(", ")));
    }
    Ok(Report { text: page(&records, options), met: records.iter().all(|record| record.standing.is_met()) })
}

/// Writes what was gathered.
pub fn page(records: &[Record], options: &Options) -> String {
    let pages = Pages { records, options };
    match options.format {
        Format::Text => pages.text(),
        Format::Markdown => pages.markdown(),
        Format::Csv => pages.table(true).csv(),
        Format::Json => pages.json(),
    }
}

struct Pages<'a> {
    records: &'a [Record],
    options: &'a Options,
}

/// A number with so many decimals at most.
fn shown(number: Decimal, decimals: u32) -> String {
    number.round_dp(decimals).normalize().to_string()
}

/// The figures of a few objectives, a line each, for a message.
pub fn figures(records: &[&Record]) -> String {
    let line = |record: &&Record| {
        let Record { key, standing, breaches, .. } = record;
        let indicator = standing.indicator().map_or_else(
            || "no events".to_owned(),
            |good| {
                format!(
                    "{} % of {} {}",
                    percent(good, SHARE_DECIMALS),
                    shown(standing.events, 0),
                    unit(&key.slo)
                )
            },
        );
        let verdict = if standing.is_met() { "met" } else { "NOT MET" };
        let Budget { total, left, .. } = standing.in_minutes();
        format!(
            "{} of {}: {verdict}, {indicator}, objective {} %, {} of {} min of the budget left, {} breaches",
            key.slo,
            key.service,
            percent(standing.objective, SHARE_DECIMALS),
            shown(left, 1),
            shown(total, 1),
            breaches.len(),
        )
    };
    records.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What events are, in a word.
fn unit(slo: &str) -> &'static str {
    match slo {
        "availability" | "latency" => "requests",
        "uptime" => "seconds",
        "stack" => "scrapes",
        _ => "events",
    }
}

impl Pages<'_> {
    /// A time as people read it, in the report's zone.
    fn time(&self, time: Timestamp) -> String {
        time.to_zoned(self.options.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    fn at(&self, seconds: i64) -> String {
        Timestamp::from_second(seconds).map(|time| self.time(time)).unwrap_or_default()
    }

    /// A time as programs read it, in the report's zone.
    fn exact(&self, time: Timestamp) -> String {
        match self.options.zone == TimeZone::UTC {
            true => time.to_string(),
            false => time.to_zoned(self.options.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }

    fn exact_second(&self, seconds: i64) -> String {
        Timestamp::from_second(seconds).map(|time| self.exact(time)).unwrap_or_default()
    }

    fn zone(&self) -> &str {
        self.options.zone.iana_name().unwrap_or("UTC")
    }

    fn head(&self) -> String {
        let Period { from, to } = self.options.period;
        let zone = match self.options.zone.iana_name() {
            Some(name) => name.to_owned(),
            None => from.to_zoned(self.options.zone.clone()).strftime("UTC%:z").to_string(),
        };
        let zone = if self.options.zone == TimeZone::UTC { "UTC".to_owned() } else { zone };
        format!("SLA from {} to {}, {zone}", self.time(from), self.time(to))
    }

    /// The table; for programs with everything that is one number.
    fn table(&self, detailed: bool) -> Table {
        let text = |name: &str| Column { head: name.to_owned(), name: name.to_owned(), numeric: false };
        let number =
            |head: &str, name: &str| Column { head: head.to_owned(), name: name.to_owned(), numeric: true };
        let mut columns: Vec<Column> = LABELS.iter().map(|name| text(name)).collect();
        columns.extend([
            number("objective", "objective_percent"),
            number("events", "events"),
            number("bad", "bad_events"),
            number("SLI", "sli_percent"),
            text("met"),
            number("budget min", "budget_minutes"),
            number("used", "budget_minutes_used"),
            number("left", "budget_minutes_left"),
        ]);
        if detailed {
            columns.extend([
                number("", "budget_events"),
                number("", "budget_events_used"),
                number("", "budget_events_left"),
            ]);
        }
        columns.push(number("breaches", "breaches"));
        if detailed {
            columns.push(number("", "breach_minutes"));
        }
        columns.push(number("data", "data_coverage_percent"));
        let rows = self.records.iter().map(|record| self.row(record, detailed)).collect();
        Table { columns, rows, total: None }
    }

    fn row(&self, record: &Record, detailed: bool) -> Vec<String> {
        let Record { key, standing, breaches, .. } = record;
        let share = |share: Decimal, sign: &str| {
            let sign = if detailed { "" } else { sign };
            format!("{}{sign}", percent(share, SHARE_DECIMALS))
        };
        let mut cells: Vec<String> = LABELS.iter().map(|name| key.label(name).to_owned()).collect();
        let indicator = standing.indicator().map(|good| share(good, " %"));
        let none = if detailed { "" } else { "-" };
        cells.extend([
            share(standing.objective, " %"),
            shown(standing.events, 3),
            shown(standing.bad, 3),
            indicator.unwrap_or_else(|| none.to_owned()),
            if standing.is_met() { "yes" } else { "no" }.to_owned(),
        ]);
        let budget = |Budget { total, used, left }: Budget, decimals| {
            [total, used, left].map(|part| shown(part, decimals))
        };
        cells.extend(budget(standing.in_minutes(), if detailed { 6 } else { 1 }));
        if detailed {
            cells.extend(budget(standing.in_events(), 6));
        }
        let count = breaches.len().to_string();
        let more = !detailed && record.more_breaches > 0;
        cells.push(if more { format!("{count}+") } else { count });
        if detailed {
            cells.push(breaches.iter().map(Breach::minutes).sum::<i64>().to_string());
        }
        cells.push(share(record.coverage, " %"));
        cells
    }

    fn text(&self) -> String {
        let mut text = format!("{}\n\n{}\n", self.head(), self.table(false).text());
        for (title, lines) in self.breaches() {
            let _ = writeln!(text, "{title}");
            for line in lines {
                let _ = writeln!(text, "  {line}");
            }
            text.push('\n');
        }
        for note in self.notes() {
            let _ = writeln!(text, "{note}");
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n", self.head(), self.table(false).markdown());
        for (title, lines) in self.breaches() {
            let _ = writeln!(text, "## {title}\n");
            for line in lines {
                let _ = writeln!(text, "- {line}");
            }
            text.push('\n');
        }
        for note in self.notes() {
            let _ = writeln!(text, "- {note}");
        }
        text
    }

    /// The breaches of each objective that has any, under a title.
    fn breaches(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        let with = self.records.iter().filter(|record| !record.breaches.is_empty());
        with.map(|record| {
            let Key { slo, service, project, user, team } = &record.key;
            let title = format!("Breaches: {slo} of {service} (user {user}, project {project}, team {team})");
            let clean = title.replace(|c: char| c.is_control(), " ");
            let line = |breach: &Breach| {
                format!(
                    "{} to {}: {} min, at worst {:.1} times what is allowed, {} % of the budget",
                    self.at(breach.start),
                    self.at(breach.end),
                    breach.minutes(),
                    breach.worst_burn,
                    shown(breach.share(&record.standing) * Decimal::ONE_HUNDRED, 1),
                )
            };
            let mut lines: Vec<String> = record.breaches.iter().take(MOST_SHOWN).map(line).collect();
            let rest = record.breaches.len().saturating_sub(MOST_SHOWN);
            if rest > 0 || record.more_breaches > 0 {
                lines.push(format!("and {rest} more; `--format=json` lists up to 1000"));
            }
            (clean, lines)
        })
    }

    /// What a reader has to know.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Options { period, now, .. } = self.options;
        if period.to > *now {
            notes.push(format!("the period is not over; events are those until {}", self.time(*now)));
        }
        for Record { key, objectives, .. } in self.records.iter().filter(|one| one.objectives.len() > 1) {
            let changes: Vec<String> = objectives
                .iter()
                .map(|(at, objective)| {
                    format!("{} % from {}", percent(*objective, SHARE_DECIMALS), self.at(*at))
                })
                .collect();
            notes.push(format!(
                "the objective {} of {} changed within the period: {}; the last one counts",
                key.slo,
                key.service,
                changes.join(", ")
            ));
        }
        let partly: Vec<_> = self.records.iter().filter(|one| one.coverage < Decimal::ONE).collect();
        if !partly.is_empty() {
            notes.push(
                "data: the share of minutes of which Prometheus has data; of others nothing is known"
                    .to_owned(),
            );
        }
        notes.push(
            "events are requests, for uptime seconds, for the stack scrapes; a budget in minutes is what the objective allows of the whole period"
                .to_owned(),
        );
        notes
    }

    fn json(&self) -> String {
        let Options { period, now, .. } = self.options;
        let slos: Vec<Value> = self.records.iter().map(|record| self.json_of(record)).collect();
        let report = json!({
            "from": self.exact(period.from),
            "to": self.exact(period.to),
            "until": self.exact(period.to.min(*now)),
            "time_zone": self.zone(),
            "met": self.records.iter().all(|record| record.standing.is_met()),
            "slos": slos,
        });
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    }

    fn json_of(&self, record: &Record) -> Value {
        let Record { key, standing, .. } = record;
        let number = |number: Decimal, decimals| float(number.round_dp(decimals));
        let share = |share: Decimal| float(percent(share, SHARE_DECIMALS));
        let budget = |Budget { total, used, left }: Budget| json!({"total": number(total, 6), "used": number(used, 6), "left": number(left, 6)});
        let breach = |breach: &Breach| {
            json!({
                "start": self.exact_second(breach.start),
                "end": self.exact_second(breach.end),
                "minutes": breach.minutes(),
                "worst_burn_rate": (breach.worst_burn * 1000.0).round() / 1000.0,
                "bad_events": (breach.bad * 1000.0).round() / 1000.0,
                "budget_share_percent": number(breach.share(standing) * Decimal::ONE_HUNDRED, 4),
            })
        };
        let change = |(at, objective): &(i64, Decimal)| json!({"from": self.exact_second(*at), "objective_percent": share(*objective)});
        json!({
            "slo": key.slo,
            "service": key.service,
            "user": key.user,
            "project": key.project,
            "team": key.team,
            "objective_percent": share(standing.objective),
            "unit": unit(&key.slo),
            "events": number(standing.events, 3),
            "bad_events": number(standing.bad, 3),
            "sli_percent": standing.indicator().map(share),
            "met": standing.is_met(),
            "budget_minutes": budget(standing.in_minutes()),
            "budget_events": budget(standing.in_events()),
            "objectives": record.objectives.iter().map(change).collect::<Vec<_>>(),
            "breaches": record.breaches.iter().map(breach).collect::<Vec<_>>(),
            "data_coverage_percent": share(record.coverage),
        })
    }
}

#[cfg(test)]
mod tests;
