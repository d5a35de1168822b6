//! `GET /api/analytics/trends`: what grows, falls or has changed its level, container by container
//! and service by service, and when it reaches its limit; and when disks are full and error budgets
//! are gone, of which only a Prometheus knows.

mod page;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::aside;
use super::each::{each, had_ended};
use super::period::Period;
use crate::analysis::change::{self, Change};
use crate::analysis::course::{Course, course};
use crate::analysis::series::Series;
use crate::analysis::trend::{Direction, Reach, Rule, Trend, leak};
use crate::history::bound::{BUDGET_SPENT, DISK_SIZE, DISK_USED};
use crate::history::{Line, MEASURES, MEMORY_LIMIT, Measure, Query, RESTARTS, Whom};
use crate::prometheus::QueryError;

/// Measures that are asked for at once.
const AT_ONCE: usize = 4;

/// Steps, the finest first, and the longest time that each is taken for: some hundreds of points
/// each, of lengths that the embedded history keeps.
const STEPS: [(i64, i64); 3] = [(60, 6 * HOUR_S), (300, 2 * 24 * HOUR_S), (3600, i64::MAX)];

const HOUR_S: i64 = 3600;

/// A file system that is nearly full grows by little of its level until it is.
const LEAST_CHANGE_OF_BOUNDS: f64 = 0.01;

const MEMORY: &str = "memory_working_set_bytes";

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of whom.
    pub whom: Whom,
    /// Which time.
    pub period: Period,
    /// When a trend counts.
    pub rule: Rule,
    /// Whether what stays as it is is told, too.
    pub with_steady: bool,
}

/// What a series does.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is measured.
    pub measure: Measure,
    /// Whose it is, and of what.
    pub labels: BTreeMap<String, String>,
    /// Where it goes.
    pub trend: Trend,
    /// Of memory: whether what is given back at times grows, too, since the last restart.
    pub leaks: bool,
    /// What there may be of it (memory, a disk, a budget), and when that is reached.
    pub limit: Option<(f64, Reach)>,
    /// When its level changed.
    pub changes: Vec<(i64, Change)>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Trends {
    /// What was asked.
    pub options: Options,
    /// Who answered.
    pub source: &'static str,
    /// The step of the series, in seconds.
    pub step_s: i64,
    /// How many series were looked at.
    pub looked_at: usize,
    /// What is to be said, the fastest growing first.
    pub rows: Vec<Row>,
}

/// Asks for every measure one by one, and says where each goes.
///
/// # Errors
/// The history does not answer.
pub async fn report(query: &dyn Query, options: Options) -> Result<Trends, QueryError> {
    let step_s = step(&options.period);
    let (whom, period) = (&options.whom, options.period);
    let limits = by_labels(each(query, whom, period, MEMORY_LIMIT, step_s).await?);
    let sizes = by_labels(each(query, whom, period, DISK_SIZE, step_s).await?);
    let restarts = by_labels(each(query, whom, period, RESTARTS, step_s).await?);
    let asked: Vec<(Measure, Vec<Line>)> =
        stream::iter(MEASURES.into_iter().chain([DISK_USED, BUDGET_SPENT]))
            .map(|measure| async move {
                Ok::<_, QueryError>((measure, each(query, whom, period, measure, step_s).await?))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
    let known = Known { options: options.clone(), step_s, limits, sizes, restarts };
    // It takes some seconds for a thousand containers, in which others are answered.
    let (looked_at, rows) = aside(move || known.rows(&asked)).await;
    Ok(Trends { source: query.name(), step_s, looked_at, rows, options })
}

/// What is known of all series.
struct Known {
    options: Options,
    step_s: i64,
    limits: BTreeMap<BTreeMap<String, String>, Series>,
    /// Of file systems.
    sizes: BTreeMap<BTreeMap<String, String>, Series>,
    restarts: BTreeMap<BTreeMap<String, String>, Series>,
}

impl Known {
    /// How many series there are, and what is to be said of them.
    fn rows(&self, asked: &[(Measure, Vec<Line>)]) -> (usize, Vec<Row>) {
        let series =
            || asked.iter().flat_map(|(measure, lines)| lines.iter().map(move |line| (*measure, line)));
        let mut rows: Vec<Row> = series().filter_map(|(measure, line)| self.row(measure, line)).collect();
        rows.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
        (series().count(), rows)
    }

    /// What is to be said of a series, if anything.
    fn row(&self, measure: Measure, line: &Line) -> Option<Row> {
        let Options { period, rule, with_steady, .. } = &self.options;
        let series = Series::new(line.points.iter().copied());
        if had_ended(series.points().last()?.0, *period) {
            return None;
        }
        let changes = change::Rule { least_change: self.least(), ..change::Rule::default() };
        let limit = self.limit(measure, line);
        let is_bound = [DISK_USED.name, BUDGET_SPENT.name].contains(&measure.name);
        let rule = if is_bound { Rule { least_change: LEAST_CHANGE_OF_BOUNDS, ..*rule } } else { *rule };
        let Course { trend: found, changes } = course(&series, rule, changes);
        let is_memory = measure.name == MEMORY;
        let leaks = is_memory && leak(&series, &self.restarts_of(line), self.step_s * 1000, rule).is_some();
        let limit = limit.and_then(|limit| Some((limit, found.reaches(limit)?)));
        let noticed = |change: &Change| (change.after - change.before).abs() >= measure.least_change;
        let changes: Vec<(i64, Change)> = changes.into_iter().filter(|(_, change)| noticed(change)).collect();
        let moves = matches!(found.direction, Direction::Growing | Direction::Falling)
            && self.is_noticed(&found, measure);
        if !moves && changes.is_empty() && !with_steady {
            return None;
        }
        let trend = if moves || found.direction == Direction::NotEnoughData {
            found
        } else {
            Trend { direction: Direction::Steady, ..found }
        };
        Some(Row { measure, labels: line.labels.clone(), trend, leaks: leaks && moves, limit, changes })
    }

    /// How much there may be of what a series measures, as far as that is known.
    fn limit(&self, measure: Measure, line: &Line) -> Option<f64> {
        let of = |known: &BTreeMap<BTreeMap<String, String>, Series>| {
            Some(known.get(&line.labels)?.points().last()?.1)
        };
        match measure.name {
            MEMORY => of(&self.limits),
            name if name == DISK_USED.name => of(&self.sizes),
            // All of a budget.
            name if name == BUDGET_SPENT.name => Some(1.0),
            _ => None,
        }
    }

    /// Changes of a level count from the same share on as comparisons do.
    fn least(&self) -> f64 {
        crate::analysis::compare::Rule::default().least_effect
    }

    /// Whether anybody would notice what has come of it over the whole time.
    fn is_noticed(&self, found: &Trend, measure: Measure) -> bool {
        let days = self.options.period.seconds() as f64 / 86_400.0;
        found.per_day.is_some_and(|slope| (slope.slope * days).abs() >= measure.least_change)
    }

    /// When a container began anew.
    fn restarts_of(&self, line: &Line) -> Vec<i64> {
        let Some(restarts) = self.restarts.get(&line.labels) else { return Vec::new() };
        restarts.points().iter().filter(|(_, count)| *count > 0.0).map(|(at, _)| *at).collect()
    }
}

impl Row {
    /// What comes first: what reaches its limit soonest, then what grows fastest for its level.
    fn rank(&self) -> f64 {
        let soon = match self.limit {
            Some((_, Reach::Now)) => f64::MAX,
            Some((_, Reach::Days { days, .. })) => 1e6 / days.max(1e-3),
            _ => 0.0,
        };
        soon.max(self.trend.relative_per_day.unwrap_or_default().abs())
    }
}

/// The finest step that is enough for a time.
fn step(period: &Period) -> i64 {
    STEPS.iter().find(|(_, longest)| period.seconds() <= *longest).map_or(HOUR_S, |(step, _)| *step)
}

fn by_labels(lines: Vec<Line>) -> BTreeMap<BTreeMap<String, String>, Series> {
    lines.into_iter().map(|line| (line.labels, Series::new(line.points))).collect()
}

#[cfg(test)]
mod tests;
