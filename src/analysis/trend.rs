//! Where a series is going: growing, falling or steady, how fast, and when it reaches a limit.

use super::series::Series;
use super::statistics::monotone::{self, LEAST_POINTS, Slope};
use super::statistics::order::median;

/// Points of which all pairs are taken; more are joined to medians.
const MOST_POINTS: usize = 240;

const DAY_MS: f64 = 86_400_000.0;

/// When a slope counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// The chance of a trend without a cause that is taken.
    pub significance: f64,
    /// The least change over the whole span, as a share of the level.
    pub least_change: f64,
    /// Relative slopes a day from which one is medium and high.
    pub medium: f64,
    /// See `medium`.
    pub high: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Rule { significance: 0.05, least_change: 0.05, medium: 0.1, high: 0.5 }
    }
}

/// Where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// There are too few points to tell.
    NotEnoughData,
    /// It rises and falls without an end.
    Steady,
    /// It rises.
    Growing,
    /// It falls.
    Falling,
}

/// How fast that is, for a value that should not rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pace {
    /// Slower than medium.
    Low,
    /// From [`Rule::medium`].
    Medium,
    /// From [`Rule::high`].
    High,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Where it goes.
    pub direction: Direction,
    /// How fast by [`Rule`], where it goes anywhere.
    pub pace: Pace,
    /// By a day, with the interval it is in in 95 of 100 such series.
    pub per_day: Option<Slope>,
    /// The same as a share of the median level.
    pub relative_per_day: Option<f64>,
    /// How many values it is told from.
    pub samples: usize,
}

/// The trend of a series.
pub fn trend(series: &Series, rule: Rule) -> Trend {
    let samples = series.points().len();
    let points = joined(series);
    let Some(slope) = monotone::slope(&points) else {
        return Trend {
            direction: Direction::NotEnoughData,
            pace: Pace::Low,
            per_day: None,
            relative_per_day: None,
            samples,
        };
    };
    let level = median(&series.values()).map(f64::abs).filter(|level| *level > 0.0);
    let days = points.last().map_or(0.0, |last| last.0) - points.first().map_or(0.0, |first| first.0);
    let is_large = level.is_none_or(|level| slope.slope.abs() * days >= rule.least_change * level);
    let direction = match slope.slope {
        rate if slope.p >= rule.significance || rate == 0.0 || !is_large => Direction::Steady,
        rate if rate > 0.0 => Direction::Growing,
        _ => Direction::Falling,
    };
    let relative_per_day = level.map(|level| slope.slope / level);
    let pace = match (direction, relative_per_day.map(f64::abs)) {
        (Direction::Growing | Direction::Falling, Some(share)) if share >= rule.high => Pace::High,
        (Direction::Growing | Direction::Falling, Some(share)) if share >= rule.medium => Pace::Medium,
        _ => Pace::Low,
    };
    Trend { direction, pace, per_day: Some(slope), relative_per_day, samples }
}

/// Points in days since the first, so few that all pairs can be taken.
fn joined(series: &Series) -> Vec<(f64, f64)> {
    let points = series.points();
    let Some((first, _)) = points.first() else { return Vec::new() };
    let in_days = |at: i64| (at - first) as f64 / DAY_MS;
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    let join = |group: &[(i64, f64)]| {
        let times: Vec<f64> = group.iter().map(|(at, _)| in_days(*at)).collect();
        let values: Vec<f64> = group.iter().map(|(_, value)| *value).collect();
        Some((median(&times)?, median(&values)?))
    };
    points.chunks(size).filter_map(join).collect()
}

/// When a limit is reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// It is there already.
    Now,
    /// After so many days, within so many at the soonest and, if the slowest slope gets there at
    /// all, the latest.
    Days {
        /// By the slope itself.
        days: f64,
        /// By the steepest that is likely.
        soonest: f64,
        /// By the flattest that is likely.
        latest: Option<f64>,
    },
    /// It does not go there.
    Never,
}

impl Trend {
    /// When an upper limit is reached, if the series goes on as it did. `None` where too little is
    /// known.
    pub fn reaches(&self, limit: f64) -> Option<Reach> {
        let slope = self.per_day?;
        if slope.now >= limit {
            return Some(Reach::Now);
        }
        if self.direction != Direction::Growing {
            return Some(Reach::Never);
        }
        let after = |rate: f64| (limit - slope.now) / rate;
        let latest = (slope.low > 0.0).then(|| after(slope.low));
        Some(Reach::Days { days: after(slope.slope), soonest: after(slope.high), latest })
    }
}

/// Whether memory leaks: the trend of the lowest values since the last restart, which garbage
/// collectors and caches leave where they were. `None` where there are too few.
pub fn leak(memory: &Series, restarts: &[i64], step_ms: i64, rule: Rule) -> Option<Trend> {
    let since = restarts.iter().copied().max().unwrap_or(i64::MIN);
    // The step of the restart itself is its beginning, which every program rises in.
    let lowest = memory.between(since, i64::MAX).minima(step_ms);
    let settled = Series::new(lowest.points().iter().copied().skip(usize::from(since > i64::MIN)));
    let found = trend(&settled, rule);
    (settled.points().len() >= LEAST_POINTS && found.direction == Direction::Growing).then_some(found)
}

#[cfg(test)]
mod tests;
