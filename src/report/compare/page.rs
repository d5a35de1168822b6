//! A comparison as text, Markdown, JSON and CSV.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Compared, Happened, Judgement, Outcome, Ran, Row, Times, Version, Why};
use crate::analysis::compare::{Rule, Verdict};
use crate::analysis::words;
use crate::config::show_duration;
use crate::report::Format;
use crate::report::amount::{amount, change};
use crate::report::period::Period;
use crate::report::table::{Column, Table};
use crate::tenant::Dimension;

impl Judgement {
    /// As programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Judgement::Worse => "worse",
            Judgement::Better => "better",
            Judgement::MoreLoad => "more_load",
            Judgement::LessLoad => "less_load",
            Judgement::WithTheLoad => "with_the_load",
            Judgement::Of(Verdict::AsOnOtherDays) => "as_on_other_days",
            Judgement::Of(Verdict::NotEnoughData) => "not_enough_data",
            Judgement::Of(_) => "same",
        }
    }
}

impl Outcome {
    /// As programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Regression => "regression",
            Outcome::Improvement => "improvement",
            Outcome::Same => "same",
            Outcome::NotEnoughData => "not_enough_data",
        }
    }
}

/// How long a version ran alone, for people.
fn lasting(ran: &Ran) -> String {
    show_duration(Duration::from_secs(ran.seconds().unsigned_abs()))
}

/// A word of programs for people.
fn plain(word: &str) -> String {
    word.replace('_', " ")
}

impl Compared {
    /// The report in a format.
    pub fn page(&self, format: Format) -> String {
        match format {
            Format::Text => {
                format!("{}\n\n{}\n{}\n", self.head(), self.table().text(), self.notes().join("\n"))
            }
            Format::Markdown => {
                let notes: Vec<String> = self.notes().iter().map(|note| format!("- {note}")).collect();
                format!("## {}\n\n{}\n{}\n", self.head(), self.table().markdown(), notes.join("\n"))
            }
            Format::Csv => self.figures().csv(),
            Format::Json => serde_json::to_string_pretty(self).unwrap_or_default() + "\n",
        }
    }

    /// The verdict, and what is worse, in a sentence.
    fn head(&self) -> String {
        let worse = self.rows.iter().filter(|row| row.judgement == Judgement::Worse);
        let worse: Vec<&str> = worse.map(|row| row.measure.words).collect();
        match self.outcome {
            Outcome::Regression => format!("Regression: worse are {}", worse.join("; ")),
            Outcome::Improvement => "Improvement: something is better, and nothing is worse".to_owned(),
            Outcome::Same => "No difference that counts".to_owned(),
            Outcome::NotEnoughData => "Not enough data to say anything".to_owned(),
        }
    }

    /// What people want to see: what is worse first.
    fn table(&self) -> Table {
        let columns = vec![
            Column::text(""),
            Column::number("before"),
            Column::number("after"),
            Column::number("change"),
            Column::number("95 % interval"),
            Column::text("verdict"),
        ];
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.judgement != Judgement::Worse);
        Table { columns, rows: rows.into_iter().map(cells).collect(), total: None }
    }

    /// What a reader has to know.
    fn notes(&self) -> Vec<String> {
        let Times { before, after } = self.options.meant.times;
        let Rule { least_effect, least_samples, significance } = self.options.rule;
        let mut notes = vec![
            format!("before: {} to {}; after: {} to {}", before.from, before.to, after.from, after.to),
            format!("of {}", self.whom()),
            format!(
                "a difference counts if it is at least {} of the median, not by chance ({} over all, corrected for samples that repeat each other), told from at least {least_samples} samples a side, and not what earlier days show at these hours",
                words::percent(least_effect),
                words::percent(significance),
            ),
        ];
        notes.extend(self.reason());
        if self.rows.iter().all(|row| row.comparison.usual_ratio.is_none()) {
            notes.push("there is nothing of these hours on earlier days to hold it to".to_owned());
        }
        notes
    }

    /// Why it is these times, if not for somebody's saying so.
    fn reason(&self) -> Option<String> {
        match &self.options.meant.why {
            Why::Said => None,
            Why::Happened(Happened::Deploy(at, version)) => {
                Some(format!("between them {version} was deployed, at {at}"))
            }
            Why::Happened(Happened::Restart(at, name)) => {
                Some(format!("between them `{name}` was restarted, at {at}"))
            }
            Why::Versions { before, after } => Some(format!(
                "before is {}, alone for {}, after is {}, alone for {}; what was measured while both ran is left out",
                before.version,
                lasting(before),
                after.version,
                lasting(after),
            )),
        }
    }

    /// Who is meant, for people.
    fn whom(&self) -> String {
        let whom = &self.options.whom;
        let mut parts: Vec<String> = Dimension::ALL
            .into_iter()
            .filter_map(|dimension| {
                let values: Vec<&str> = whom.tenants.values(dimension)?.iter().map(String::as_str).collect();
                Some(format!("{} {}", dimension.as_str(), values.join(" or ")))
            })
            .collect();
        parts.extend(whom.container.iter().map(|name| format!("container {name}")));
        parts.extend(whom.service.iter().map(|name| format!("service {name}")));
        if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
    }

    /// What programs want: every number as it is.
    fn figures(&self) -> Table {
        let columns = vec![
            Column::text("metric"),
            Column::number("before_median"),
            Column::number("after_median"),
            Column::number("change_ratio"),
            Column::number("shift"),
            Column::number("shift_low"),
            Column::number("shift_high"),
            Column::number("usual_change_ratio"),
            Column::number("superiority_ratio"),
            Column::number("p"),
            Column::number("before_samples"),
            Column::number("after_samples"),
            Column::text("verdict"),
        ];
        let shown = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        let row = |row: &Row| {
            let found = Figures::of(row);
            let shift = found.shift.as_ref();
            vec![
                found.metric.to_owned(),
                shown(found.before.median),
                shown(found.after.median),
                shown(found.change_ratio),
                shown(shift.map(|shift| shift.by)),
                shown(shift.map(|shift| shift.low)),
                shown(shift.map(|shift| shift.high)),
                shown(found.usual_change_ratio),
                shown(found.superiority_ratio),
                shown(found.p),
                found.before.samples.to_string(),
                found.after.samples.to_string(),
                found.verdict.to_owned(),
            ]
        };
        Table { columns, rows: self.rows.iter().map(row).collect(), total: None }
    }
}

/// A row for people.
fn cells(row: &Row) -> Vec<String> {
    let name = row.measure.name;
    let found = &row.comparison;
    let shown = |value: Option<f64>| value.map(|value| amount(name, value)).unwrap_or_default();
    let interval =
        found.shift.map(|shift| format!("{} to {}", amount(name, shift.low), amount(name, shift.high)));
    let verdict = match row.judgement {
        Judgement::Of(Verdict::NotEnoughData) => {
            format!("not enough data ({} and {} samples)", found.samples.0, found.samples.1)
        }
        judgement => plain(judgement.word()),
    };
    vec![
        row.measure.words.to_owned(),
        shown(found.medians.0),
        shown(found.medians.1),
        found.ratio.map(|ratio| change(ratio - 1.0)).unwrap_or_default(),
        interval.unwrap_or_default(),
        verdict,
    ]
}

/// A row as programs read it.
#[derive(Serialize)]
struct Figures {
    metric: &'static str,
    description: &'static str,
    verdict: &'static str,
    before: Side,
    after: Side,
    change_ratio: Option<f64>,
    usual_change_ratio: Option<f64>,
    shift: Option<Interval>,
    superiority_ratio: Option<f64>,
    p: Option<f64>,
}

#[derive(Serialize)]
struct Side {
    median: Option<f64>,
    samples: usize,
}

#[derive(Serialize)]
struct Interval {
    by: f64,
    low: f64,
    high: f64,
}

impl Figures {
    fn of(row: &Row) -> Figures {
        let found = &row.comparison;
        Figures {
            metric: row.measure.name,
            description: row.measure.words,
            verdict: row.judgement.word(),
            before: Side { median: found.medians.0, samples: found.samples.0 },
            after: Side { median: found.medians.1, samples: found.samples.1 },
            change_ratio: found.ratio.map(|ratio| ratio - 1.0),
            usual_change_ratio: found.usual_ratio.map(|ratio| ratio - 1.0),
            shift: found.shift.map(|shift| Interval { by: shift.by, low: shift.low, high: shift.high }),
            superiority_ratio: found.superiority,
            p: found.shift.map(|shift| shift.p),
        }
    }
}

#[derive(Serialize)]
struct Between {
    from: String,
    to: String,
}

impl From<Period> for Between {
    fn from(Period { from, to }: Period) -> Self {
        Between { from: from.to_string(), to: to.to_string() }
    }
}

/// Who was meant, as programs read it.
#[derive(Serialize)]
struct Of<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Vec<&'a String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<Vec<&'a String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<Vec<&'a String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
}

/// What happened between the two times.
#[derive(Serialize)]
struct Event<'a> {
    kind: &'static str,
    at: String,
    #[serde(flatten)]
    version: Option<&'a Version>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
}

impl<'a> From<&'a Happened> for Event<'a> {
    fn from(happened: &'a Happened) -> Self {
        match happened {
            Happened::Deploy(at, version) => {
                Event { kind: "deploy", at: at.to_string(), version: Some(version), container: None }
            }
            Happened::Restart(at, name) => {
                Event { kind: "restart", at: at.to_string(), version: None, container: Some(name) }
            }
        }
    }
}

/// What ran in the two times.
#[derive(Serialize)]
struct Versions<'a> {
    before: Alone<'a>,
    after: Alone<'a>,
}

#[derive(Serialize)]
struct Alone<'a> {
    #[serde(flatten)]
    version: &'a Version,
    alone_seconds: i64,
}

impl<'a> From<&'a Ran> for Alone<'a> {
    fn from(ran: &'a Ran) -> Self {
        Alone { version: &ran.version, alone_seconds: ran.seconds() }
    }
}

#[derive(Serialize)]
struct Counts {
    least_effect_ratio: f64,
    least_samples: usize,
    significance: f64,
    earlier_days: i64,
}

#[derive(Serialize)]
struct Whole<'a> {
    verdict: &'static str,
    source: &'static str,
    scope: Of<'a>,
    before: Between,
    after: Between,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Versions<'a>>,
    rule: Counts,
    metrics: Vec<Figures>,
}

impl Serialize for Compared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let whom = &self.options.whom;
        let values = |dimension| Some(whom.tenants.values(dimension)?.iter().collect());
        let Rule { least_effect, least_samples, significance } = self.options.rule;
        let whole = Whole {
            verdict: self.outcome.word(),
            source: self.source,
            scope: Of {
                user: values(Dimension::User),
                project: values(Dimension::Project),
                team: values(Dimension::Team),
                container: whom.container.as_deref(),
                service: whom.service.as_deref(),
            },
            before: self.options.meant.times.before.into(),
            after: self.options.meant.times.after.into(),
            event: match &self.options.meant.why {
                Why::Happened(happened) => Some(happened.into()),
                _ => None,
            },
            versions: match &self.options.meant.why {
                Why::Versions { before, after } => {
                    Some(Versions { before: before.into(), after: after.into() })
                }
                _ => None,
            },
            rule: Counts {
                least_effect_ratio: least_effect,
                least_samples,
                significance,
                earlier_days: self.options.earlier_days,
            },
            metrics: self.rows.iter().map(Figures::of).collect(),
        };
        whole.serialize(serializer)
    }
}
