//! Anomalies as JSON.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Anomalies, Labels, Row, STEP_S};
use crate::analysis::anomaly::rate::Rate;
use crate::report::whose::Whose;
use crate::tenant::Dimension;

/// Rates that are told of each sort.
const MOST_RATES: usize = 200;

#[derive(Serialize)]
struct Entry<'a> {
    kind: &'static str,
    metric: &'static str,
    description: &'static str,
    #[serde(flatten)]
    of: Whose<'a>,
    text: String,
    at: String,
    since: String,
    value: f64,
    expected: f64,
    low: f64,
    high: f64,
    score: f64,
    samples: usize,
    window: Window,
}

#[derive(Serialize)]
struct Window {
    from: String,
    to: String,
}

#[derive(Serialize)]
struct Share {
    unusual: usize,
    series: usize,
    ratio: Option<f64>,
}

#[derive(Serialize)]
struct ShareOf<'a> {
    #[serde(flatten)]
    of: Whose<'a>,
    #[serde(flatten)]
    share: Share,
}

#[derive(Serialize)]
struct Rates<'a> {
    all: Share,
    projects: Vec<ShareOf<'a>>,
    each: Vec<ShareOf<'a>>,
    left_out: usize,
}

#[derive(Serialize)]
struct Whole<'a> {
    source: &'static str,
    from: String,
    to: String,
    learned_from: String,
    step_seconds: i64,
    series: usize,
    not_enough_data: usize,
    ended: usize,
    series_left_out: usize,
    rates: Rates<'a>,
    anomalies: Vec<Entry<'a>>,
    left_out: usize,
}

fn time(at: i64) -> String {
    Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default()
}

fn entry(row: &Row) -> Entry<'_> {
    let found = row.anomaly;
    Entry {
        kind: row.kind.word(),
        metric: row.measure.name,
        description: row.measure.words,
        of: Whose::from(&row.labels),
        text: row.sentence(),
        at: time(found.at),
        since: time(row.since),
        value: found.value,
        expected: found.expected,
        low: row.low(),
        high: found.high,
        score: found.score,
        samples: found.samples,
        window: Window { from: time(found.window.from), to: time(found.window.to) },
    }
}

fn share(rate: Rate) -> Share {
    Share { unusual: rate.unusual, series: rate.series, ratio: rate.share() }
}

/// All of them together.
fn sum<'a>(rates: impl IntoIterator<Item = &'a Rate>) -> Rate {
    let add =
        |all: Rate, one: &Rate| Rate { unusual: all.unusual + one.unusual, series: all.series + one.series };
    rates.into_iter().fold(Rate::default(), add)
}

/// The highest first, and how many were left out.
fn highest(rates: &BTreeMap<Labels, Rate>) -> (Vec<ShareOf<'_>>, usize) {
    let mut all: Vec<(&Labels, Rate)> = rates.iter().map(|(labels, rate)| (labels, *rate)).collect();
    let key = |rate: Rate| rate.share().unwrap_or(-1.0);
    all.sort_by(|a, b| key(b.1).total_cmp(&key(a.1)));
    let told = all.iter().take(MOST_RATES);
    let told = told.map(|(labels, rate)| ShareOf { of: Whose::from(*labels), share: share(*rate) });
    (told.collect(), all.len().saturating_sub(MOST_RATES))
}

impl Anomalies {
    /// Rates of projects: all that carries the labels of one tenant.
    fn by_project(&self) -> BTreeMap<Labels, Rate> {
        let mut projects = BTreeMap::<Labels, Rate>::new();
        for (labels, rate) in &self.rates {
            let is_tenant = |label: &str| Dimension::ALL.iter().any(|dimension| dimension.as_str() == label);
            let tenant = labels.iter().filter(|(label, _)| is_tenant(label));
            let project = tenant.map(|(label, value)| (label.clone(), value.clone())).collect();
            let all = projects.entry(project).or_default();
            *all = sum([&*all, rate]);
        }
        projects
    }
}

impl Serialize for Anomalies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let period = self.options.period;
        let by_project = self.by_project();
        let ((projects, fewer), (each, fewer_still)) = (highest(&by_project), highest(&self.rates));
        let all = share(sum(self.rates.values()));
        let whole = Whole {
            source: self.source,
            from: period.from.to_string(),
            to: period.to.to_string(),
            learned_from: self.learned_from.to_string(),
            step_seconds: STEP_S,
            series: self.looked_at,
            not_enough_data: self.not_enough_data,
            ended: self.ended,
            series_left_out: self.unseen,
            rates: Rates { all, projects, each, left_out: fewer + fewer_still },
            anomalies: self.rows.iter().map(entry).collect(),
            left_out: self.left_out,
        };
        whole.serialize(serializer)
    }
}
