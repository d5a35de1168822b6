//! What a measure's series have done that was not as usual.

use std::collections::BTreeMap;

use super::{CPU, Kind, Labels, MEMORY, Row, Span};
use crate::analysis::anomaly::rate::{LAST_STEPS, Rate};
use crate::analysis::anomaly::usual::{self, Verdict};
use crate::analysis::anomaly::{Anomaly, Detector, Params, peers};
use crate::analysis::series::Series;
use crate::history::{Line, Measure};

/// Points of a measure that are looked at: a thousand series of eight days, which take some six
/// seconds.
const MOST_POINTS: usize = 2_400_000;

/// How long a replica has to be unlike its siblings: of a whole day too much is forgiven, and in an
/// hour one may just have more to do.
const UNLIKE_MS: i64 = 3 * 3_600_000;

/// The least deviation of a score from which on something is told, so that nothing is told that
/// nobody would notice: the threshold counts deviations, and so many of these are the least change.
fn least_deviation(measure: &Measure, threshold: f64) -> f64 {
    measure.least_change / threshold
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) rows: Vec<Row>,
    pub(super) rates: BTreeMap<Labels, Rate>,
    pub(super) looked_at: usize,
    pub(super) not_enough_data: usize,
    pub(super) ended: usize,
    pub(super) unseen: usize,
}

impl Judged {
    /// Both together.
    pub(super) fn and(mut self, other: Judged) -> Judged {
        self.rows.extend(other.rows);
        for (labels, Rate { unusual, series }) in other.rates {
            let rate = self.rates.entry(labels).or_default();
            rate.unusual += unusual;
            rate.series += series;
        }
        self.looked_at += other.looked_at;
        self.not_enough_data += other.not_enough_data;
        self.ended += other.ended;
        self.unseen += other.unseen;
        self
    }

    /// What the detector told of a series in the time that is meant, had it watched since it began
    /// to learn; and whether the series is unusual at its end.
    fn detect(&mut self, measure: Measure, labels: &Labels, series: &Series, span: Span) {
        let params = Params::default();
        let least_deviation = least_deviation(&measure, params.threshold);
        let mut detector = Detector::new(Params { least_deviation, ..params });
        let observe = |(at, value): &(i64, f64)| detector.observe(*at, *value);
        let mut found: Vec<Anomaly> = series.points().iter().filter_map(observe).collect();
        found.extend(detector.finish());
        let is_known = detector.last().is_some_and(|last| last.at > span.from);
        self.not_enough_data += usize::from(!is_known);
        let is_unusual = detector.is_unusual(LAST_STEPS, span.to).filter(|_| is_known);
        self.rates.entry(labels.clone()).or_default().add(is_unusual);
        let found = found.into_iter().filter(|found| found.at > span.from && found.at <= span.to);
        self.rows.extend(found.map(|anomaly| Row {
            kind: Kind::Unusual,
            measure,
            labels: labels.clone(),
            since: anomaly.at - anomaly.over_ms,
            anomaly,
        }));
    }

    /// Whether a series is, at the end, so many times what it usually reaches.
    fn hold_to_usual(&mut self, measure: Measure, labels: &Labels, series: &Series, span: Span) {
        let Some(rule) = rule(&measure) else { return };
        if let Verdict::More(anomaly) = usual::judge(series, span.to, rule) {
            let since = above_since(series, anomaly.high, rule.step_ms);
            let since = since.unwrap_or(anomaly.at).min(anomaly.at - anomaly.over_ms);
            self.rows.push(Row { kind: Kind::AboveUsual, measure, labels: labels.clone(), since, anomaly });
        }
    }

    /// Which of a group's replicas are unlike the others in the last hours, and whether they have
    /// been all the time.
    fn hold_to_siblings(&mut self, measure: Measure, replicas: &[&(Labels, Series)], span: Span) {
        let default = peers::Rule::default();
        let least_deviation = least_deviation(&measure, default.threshold);
        let rule = peers::Rule { least_deviation, ..default };
        let odd = |from: i64| {
            let series: Vec<Series> =
                replicas.iter().map(|(_, series)| series.between(from, span.to)).collect();
            peers::odd(&series, rule)
        };
        let always = odd(span.from);
        for lately in odd(span.from.max(span.to - UNLIKE_MS)) {
            let found = always.iter().find(|odd| odd.replica == lately.replica).unwrap_or(&lately);
            let Some((labels, _)) = replicas.get(found.replica) else { continue };
            self.rows.push(Row {
                kind: Kind::UnlikeSiblings,
                measure,
                labels: labels.clone(),
                since: found.anomaly.window.from,
                anomaly: found.anomaly,
            });
        }
    }
}

/// The users' rule of a measure.
pub(super) fn rule(measure: &Measure) -> Option<usual::Rule> {
    match measure.name {
        CPU => Some(usual::Rule::CPU),
        MEMORY => Some(usual::Rule::MEMORY),
        _ => None,
    }
}

/// Judges each series of a measure, and containers beside their siblings.
pub(super) fn judge(measure: Measure, lines: Vec<Line>, span: Span) -> Judged {
    let mut judged = Judged::default();
    let (mut known, mut points) = (Vec::new(), 0);
    for line in lines {
        let series = Series::new(line.points.into_iter().filter(|(at, _)| *at <= span.to));
        if series.points().last().is_none_or(|(at, _)| *at <= span.from) {
            judged.ended += 1;
            continue;
        }
        points += series.points().len();
        if points > MOST_POINTS {
            judged.unseen += 1;
            continue;
        }
        judged.looked_at += 1;
        judged.detect(measure, &line.labels, &series, span);
        judged.hold_to_usual(measure, &line.labels, &series, span);
        known.push((line.labels, series.between(span.from, span.to)));
    }
    for replicas in siblings(&known) {
        judged.hold_to_siblings(measure, &replicas, span);
    }
    judged
}

/// The end of the step before a series went above a value, of which it has been above since.
fn above_since(series: &Series, value: f64, step_ms: i64) -> Option<i64> {
    let above = series.points().iter().rev().take_while(|(_, other)| *other > value);
    above.last().map(|(at, _)| at - step_ms)
}

/// Containers of one tenant whose names differ in nothing but a number at their end, as Compose
/// names replicas.
fn siblings(known: &[(Labels, Series)]) -> Vec<Vec<&(Labels, Series)>> {
    let mut groups = BTreeMap::<Labels, Vec<&(Labels, Series)>>::new();
    for one in known {
        let Some(name) = one.0.get("name") else { continue };
        let stem = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
        if !stem.is_empty() && stem.len() < name.len() {
            let mut service = one.0.clone();
            service.insert("name".to_owned(), stem.to_owned());
            groups.entry(service).or_default().push(one);
        }
    }
    groups.into_values().collect()
}
