//! What a series has done: gone along a line, or changed its level.
//!
//! A line looks like a stair of many levels, and a stair like a line; what leaves less of the
//! values unexplained is told.

use super::change::{self, Change};
use super::series::Series;
use super::trend::{self, Trend, trend};

const DAY_MS: f64 = 86_400_000.0;

/// The course of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// Where it goes: as a whole or, where its level has changed, since then.
    pub trend: Trend,
    /// When its level changed: the beginning of the new one, by time.
    pub changes: Vec<(i64, Change)>,
}

/// The course of a series.
pub fn course(series: &Series, trends: trend::Rule, changes: change::Rule) -> Course {
    let whole = trend(series, trends);
    let changes = change::changes_of(series, changes);
    let Some((last, _)) = changes.last().copied() else { return Course { trend: whole, changes } };
    if beside_line(series, &whole).is_some_and(|line| line <= beside_levels(series, &changes)) {
        return Course { trend: whole, changes: Vec::new() };
    }
    Course { trend: trend(&series.between(last - 1, i64::MAX), trends), changes }
}

/// How far values lie from the line, all together.
fn beside_line(series: &Series, trend: &Trend) -> Option<f64> {
    let slope = trend.per_day?;
    let last = series.points().last()?.0;
    let line = |at: i64| slope.now - slope.slope * (last - at) as f64 / DAY_MS;
    Some(series.points().iter().map(|(at, value)| (value - line(*at)).abs()).sum())
}

/// How far values lie from the level that they are of, all together.
fn beside_levels(series: &Series, changes: &[(i64, Change)]) -> f64 {
    let Some((_, first)) = changes.first() else { return f64::INFINITY };
    let level = |at: i64| {
        let since = changes.partition_point(|(begins, _)| *begins <= at);
        since
            .checked_sub(1)
            .and_then(|place| changes.get(place))
            .map_or(first.before, |(_, change)| change.after)
    };
    series.points().iter().map(|(at, value)| (value - level(*at)).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::simulation::Random;
    use crate::analysis::trend::Direction;

    /// A week of hours: what a function of days is, with a little noise.
    fn week(of: impl Fn(f64) -> f64) -> Series {
        let noise = Random::new(7).repeating(168, 0.3);
        let hour = |(hour, noise): (usize, f64)| (hour as i64 * 3_600_000, of(hour as f64 / 24.0) + noise);
        Series::new(noise.into_iter().enumerate().map(hour))
    }

    fn of(series: &Series) -> Course {
        course(series, trend::Rule::default(), change::Rule::default())
    }

    #[test]
    fn a_line_is_no_stair_and_a_stair_no_line() {
        let line = of(&week(|days| 100.0 + 20.0 * days));
        assert_eq!((line.trend.direction, line.changes.len()), (Direction::Growing, 0));
        let stair = of(&week(|days| if days < 3.0 { 100.0 } else { 200.0 }));
        assert_eq!((stair.trend.direction, stair.changes.len()), (Direction::Steady, 1), "{stair:?}");
    }

    #[test]
    fn after_a_change_it_may_go_somewhere() {
        let leaks_since = of(&week(|days| if days < 3.0 { 100.0 } else { 200.0 + 10.0 * (days - 3.0) }));
        assert_eq!(leaks_since.trend.direction, Direction::Growing, "{leaks_since:?}");
        assert!(!leaks_since.changes.is_empty());
    }

    #[test]
    fn nothing_has_no_course() {
        for series in [Series::default(), Series::new([(0, 1.0)]), week(|_| 0.0).between(0, 1)] {
            let found = of(&series);
            assert_eq!((found.trend.direction, found.changes.len()), (Direction::NotEnoughData, 0));
        }
    }
}
