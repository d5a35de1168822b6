//! Trends as JSON.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{Row, Trends};
use crate::analysis::change::Change;
use crate::analysis::trend::{Direction, Pace, Reach};
use crate::report::whose::Whose;

/// A series as programs read it.
#[derive(Serialize)]
struct Entry<'a> {
    metric: &'static str,
    description: &'static str,
    #[serde(flatten)]
    of: Whose<'a>,
    direction: &'static str,
    severity: Option<&'static str>,
    leak: bool,
    now: Option<f64>,
    per_day: Option<f64>,
    per_day_low: Option<f64>,
    per_day_high: Option<f64>,
    relative_per_day_ratio: Option<f64>,
    p: Option<f64>,
    samples: usize,
    limit: Option<Limit>,
    changes: Vec<Changed>,
}

#[derive(Serialize)]
struct Limit {
    value: f64,
    reached: bool,
    days: Option<f64>,
    days_soonest: Option<f64>,
    days_latest: Option<f64>,
}

#[derive(Serialize)]
struct Changed {
    at: String,
    before: f64,
    after: f64,
    change_ratio: Option<f64>,
    p: f64,
}

#[derive(Serialize)]
struct Whole<'a> {
    source: &'static str,
    from: String,
    to: String,
    step_seconds: i64,
    series: usize,
    trends: Vec<Entry<'a>>,
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::NotEnoughData => "not_enough_data",
        Direction::Steady => "steady",
        Direction::Growing => "growing",
        Direction::Falling => "falling",
    }
}

/// How fast it is, where it goes anywhere.
fn severity(row: &Row) -> Option<&'static str> {
    let moves = matches!(row.trend.direction, Direction::Growing | Direction::Falling);
    moves.then_some(match row.trend.pace {
        Pace::Low => "low",
        Pace::Medium => "medium",
        Pace::High => "high",
    })
}

fn changed((at, change): &(i64, Change)) -> Option<Changed> {
    let Change { before, after, p, .. } = *change;
    let at = Timestamp::from_millisecond(*at).ok()?.to_string();
    Some(Changed { at, before, after, change_ratio: change.relative(), p })
}

fn limit((value, reach): (f64, Reach)) -> Limit {
    let (days, soonest, latest) = match reach {
        Reach::Days { days, soonest, latest } => (Some(days), Some(soonest), latest),
        Reach::Now | Reach::Never => (None, None, None),
    };
    Limit { value, reached: reach == Reach::Now, days, days_soonest: soonest, days_latest: latest }
}

fn entry(row: &Row) -> Entry<'_> {
    let slope = row.trend.per_day;
    Entry {
        metric: row.measure.name,
        description: row.measure.words,
        of: Whose::from(&row.labels),
        direction: direction(row.trend.direction),
        severity: severity(row),
        leak: row.leaks,
        now: slope.map(|slope| slope.now),
        per_day: slope.map(|slope| slope.slope),
        per_day_low: slope.map(|slope| slope.low),
        per_day_high: slope.map(|slope| slope.high),
        relative_per_day_ratio: row.trend.relative_per_day,
        p: slope.map(|slope| slope.p),
        samples: row.trend.samples,
        limit: row.limit.map(limit),
        changes: row.changes.iter().filter_map(changed).collect(),
    }
}

impl Serialize for Trends {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let period = self.options.period;
        let whole = Whole {
            source: self.source,
            from: period.from.to_string(),
            to: period.to.to_string(),
            step_seconds: self.step_s,
            series: self.looked_at,
            trends: self.rows.iter().map(entry).collect(),
        };
        whole.serialize(serializer)
    }
}
