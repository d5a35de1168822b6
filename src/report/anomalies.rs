//! `GET /api/analytics/anomalies`: what was not as usual, container by container and service by
//! service, by what the days before let expect.

mod judge;
mod page;
mod said;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use super::aside;
use super::period::Period;
use crate::analysis::anomaly::Anomaly;
use crate::analysis::anomaly::rate::Rate;
use crate::history::{By, MEASURES, Measure, Query, Wanted, Whom};
use crate::prometheus::QueryError;
use judge::{Judged, judge};

/// What is looked at: what users notice, and what makes them wait. Traffic, disks, caches and
/// numbers of processes jump with every job and harm nobody.
const LOOKED_AT: [&str; 10] = [
    "http_request_duration_mean_seconds",
    "http_request_duration_p95_seconds",
    "http_errors_ratio",
    "http_requests_per_second",
    CPU,
    "cpu_throttled_periods_ratio",
    MEMORY,
    "pressure_cpu_waiting_ratio",
    "pressure_memory_stalled_ratio",
    "pressure_io_stalled_ratio",
];

const CPU: &str = "cpu_usage_cores";
const MEMORY: &str = "memory_working_set_bytes";

/// The step of the series: the embedded history keeps it for a week, and all constants of the
/// detector were chosen for it.
const STEP_S: i64 = 300;

/// How long before the time that is told of it is learned what is usual.
const LEARNED_S: i64 = 7 * 86_400;

/// The longest time that is told of: a Prometheus answers 11,000 steps at most, 38 days of these.
pub const LONGEST_DAYS: i64 = 30;

/// How many anomalies are told if nobody says, and at most.
pub const LIMIT: usize = 100;
/// See [`LIMIT`].
pub const MOST: usize = 1_000;

/// Measures that are asked for at once.
const AT_ONCE: usize = 2;

/// Whose a series is, and of what.
type Labels = BTreeMap<String, String>;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of whom.
    pub whom: Whom,
    /// Which time.
    pub period: Period,
    /// How many anomalies are told.
    pub limit: usize,
}

/// By what something is not as usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By the same time of the days before.
    Unusual,
    /// It is so many times what it usually reaches.
    AboveUsual,
    /// Replicas of the same are otherwise.
    UnlikeSiblings,
}

/// Something that was not as usual.
#[derive(Clone, Debug)]
pub struct Row {
    /// By what.
    pub kind: Kind,
    /// What is measured.
    pub measure: Measure,
    /// Whose it is, and of what.
    pub labels: BTreeMap<String, String>,
    /// From when on it was so, in milliseconds since 1970.
    pub since: i64,
    /// Value, expectation and score.
    pub anomaly: Anomaly,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Anomalies {
    /// What was asked.
    pub options: Options,
    /// Who answered.
    pub source: &'static str,
    /// From when on was learned what is usual.
    pub learned_from: Timestamp,
    /// How many series were looked at.
    pub looked_at: usize,
    /// Of how many of them too little is known to say anything.
    pub not_enough_data: usize,
    /// How many others had ended before the time that is told of.
    pub ended: usize,
    /// How many others were too many to be looked at.
    pub unseen: usize,
    /// How many series are unusual at the end, by container or service.
    pub rates: BTreeMap<BTreeMap<String, String>, Rate>,
    /// What is told, the newest first.
    pub rows: Vec<Row>,
    /// How many more there are, all of them older.
    pub left_out: usize,
}

/// The times that are meant, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Span {
    learned_from: i64,
    from: i64,
    to: i64,
}

impl Span {
    /// Learning begins a week before, or with what is kept in steps that are short enough.
    fn of(query: &dyn Query, period: &Period) -> Span {
        let (from, to) = (period.from.as_millisecond(), period.to.as_millisecond());
        let step_ms = STEP_S * 1000;
        let week = from - LEARNED_S * 1000;
        // A step later, since what is kept moves on while it is asked for.
        let kept = query.kept_since(step_ms).map_or(week, |since| since + step_ms);
        Span { learned_from: week.max(kept).min(to), from, to }
    }
}

/// Asks for measure by measure, and says what was not as usual.
///
/// # Errors
/// The history does not answer.
pub async fn report(query: &dyn Query, options: Options) -> Result<Anomalies, QueryError> {
    let span = Span::of(query, &options.period);
    let whom = &options.whom;
    let mut measures = MEASURES.to_vec();
    measures.retain(|measure| LOOKED_AT.contains(&measure.name));
    let judged: Judged = stream::iter(measures)
        .map(|measure| judged(query, measure, whom, span))
        .buffered(AT_ONCE)
        .try_fold(Judged::default(), async |all, one| Ok(all.and(one)))
        .await?;
    let Judged { mut rows, rates, looked_at, not_enough_data, ended, unseen } = judged;
    let newest = |row: &Row| (row.anomaly.at, row.anomaly.score);
    rows.sort_by(|a, b| {
        let ((a, a_score), (b, b_score)) = (newest(a), newest(b));
        b.cmp(&a).then(b_score.total_cmp(&a_score))
    });
    let left_out = rows.len().saturating_sub(options.limit);
    rows.truncate(options.limit);
    let learned_from = Timestamp::from_millisecond(span.learned_from).unwrap_or(options.period.from);
    let source = query.name();
    Ok(Anomalies {
        options,
        source,
        learned_from,
        looked_at,
        not_enough_data,
        ended,
        unseen,
        rates,
        rows,
        left_out,
    })
}

/// One measure, judged where no task waits.
async fn judged(query: &dyn Query, measure: Measure, whom: &Whom, span: Span) -> Result<Judged, QueryError> {
    let wanted = Wanted {
        measure,
        whom: whom.clone(),
        by: By::Each,
        from: span.learned_from,
        to: span.to,
        step_ms: STEP_S * 1000,
    };
    let lines = query.lines(&wanted).await?;
    Ok(aside(move || judge(measure, lines, span)).await)
}

#[cfg(test)]
mod tests;
