//! When a series has been beyond a bound for long enough to count.

use super::super::finding::{Severity, Window};
use super::super::series::Series;
use super::super::statistics::order::median;

/// A burst of less is none. A finding is to be there within ten minutes, so this is less than the
/// quarter of an hour that alerts on throttling usually wait.
pub const LASTING_MS: i64 = 300_000;

/// Samples are joined to medians of so long, so that one odd sample is nothing.
const MINUTE_MS: i64 = 60_000;

/// So many missing steps do not end what is beyond a bound.
const GAP_STEPS: f64 = 2.5;

/// From where on a value is beyond its bound, by how much it matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Worth knowing; infinite where that is nothing.
    pub low: f64,
    /// Worth a look.
    pub medium: f64,
    /// Users notice it.
    pub high: f64,
}

impl Bound {
    /// Without anything worth knowing below what is worth a look.
    pub const fn of(medium: f64, high: f64) -> Bound {
        Bound { low: f64::INFINITY, medium, high }
    }

    fn severity(self, value: f64) -> Option<(Severity, f64)> {
        let from = [(Severity::High, self.high), (Severity::Medium, self.medium), (Severity::Low, self.low)];
        from.into_iter().find(|(_, bound)| value > *bound)
    }
}

/// A time beyond a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// How much it matters.
    pub severity: Severity,
    /// The median in that time.
    pub value: f64,
    /// The bound that it is beyond.
    pub threshold: f64,
    /// From its beginning to its last sample.
    pub window: Window,
    /// Samples in it.
    pub samples: usize,
}

/// The last time that a series was beyond a bound for long enough.
pub fn excess(series: &Series, bound: Bound) -> Option<Excess> {
    let least = bound.low.min(bound.medium);
    let points = smoothed(series.medians(MINUTE_MS).points());
    let step = step_of(&points)?;
    let is_apart = |earlier: i64, later: i64| (later - earlier) as f64 > GAP_STEPS * step as f64;
    let runs = points.chunk_by(|a, b| (a.1 > least) == (b.1 > least) && !is_apart(a.0, b.0));
    let last = runs.rev().find(|run| {
        let Some(((first, value), (last, _))) = run.first().zip(run.last()) else { return false };
        *value > least && run.len() > 1 && last - first + step >= LASTING_MS
    })?;
    let values: Vec<f64> = last.iter().map(|(_, value)| *value).collect();
    let value = median(&values)?;
    let (severity, threshold) = bound.severity(value)?;
    let window = Window { from: last.first()?.0 - step, to: last.last()?.0 };
    let samples = series.between(window.from, window.to).points().len();
    Some(Excess { severity, value, threshold, window, samples })
}

/// Each value as the median of itself and its neighbours: one that is odd neither begins nor ends
/// anything.
fn smoothed(points: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let inner = points.windows(3).map(|three| {
        let values: Vec<f64> = three.iter().map(|(_, value)| *value).collect();
        (three[1].0, median(&values).unwrap_or(three[1].1))
    });
    let ends = (points.first().copied(), (points.len() > 1).then(|| points.last().copied()).flatten());
    ends.0.into_iter().chain(inner).chain(ends.1).collect()
}

/// The usual time between two samples, a minute at least; `None` of fewer than two.
fn step_of(points: &[(i64, f64)]) -> Option<i64> {
    let steps: Vec<f64> = points.windows(2).map(|pair| (pair[1].0 - pair[0].0) as f64).collect();
    median(&steps).map(|step| (step as i64).max(MINUTE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound::of(0.5, 0.8);

    fn by_minute(values: &[f64]) -> Series {
        Series::new((1_i64..).map(|minute| minute * MINUTE_MS).zip(values.iter().copied()))
    }

    #[test]
    fn a_value_beyond_its_bound_for_five_minutes_is_an_excess_since_its_beginning() {
        let found = excess(&by_minute(&[0.1, 0.1, 0.6, 0.6, 0.7, 0.6, 0.6]), BOUND).unwrap();
        assert_eq!((found.severity, found.value, found.threshold), (Severity::Medium, 0.6, 0.5));
        assert_eq!(found.window, Window { from: 2 * MINUTE_MS, to: 7 * MINUTE_MS });
        assert_eq!(found.samples, 5);
    }

    #[test]
    fn bursts_and_values_at_the_bound_are_none() {
        assert_eq!(excess(&by_minute(&[0.1, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9]), BOUND), None);
        assert_eq!(excess(&by_minute(&[0.1, 0.9, 0.1, 0.1, 0.9, 0.1]), BOUND), None);
        assert_eq!(excess(&by_minute(&[0.5; 60]), BOUND), None);
        assert_eq!(excess(&Series::default(), BOUND), None);
        assert_eq!(excess(&by_minute(&[0.9]), BOUND), None);
    }

    #[test]
    fn one_odd_sample_does_not_end_it() {
        let found = excess(&by_minute(&[0.1, 0.1, 0.6, 0.6, 0.1, 0.6, 0.6, 0.6]), BOUND).unwrap();
        assert_eq!(found.window.from, 2 * MINUTE_MS);
    }

    #[test]
    fn a_hole_ends_an_excess_and_a_missing_step_does_not() {
        let minutes = |times: &[i64]| Series::new(times.iter().map(|minute| (minute * MINUTE_MS, 0.9)));
        assert_eq!(excess(&minutes(&[1, 2, 3, 10, 11, 12]), BOUND), None);
        assert!(excess(&minutes(&[1, 2, 3, 5, 6]), BOUND).is_some());
    }
}
