//! Values by time, cleaned once for all methods.

use std::sync::Arc;

use super::statistics::order::median_of;

/// Values by time; all finite, and no time twice. A clone shares them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    points: Arc<[(i64, f64)]>,
}

impl Series {
    /// Of times in milliseconds since 1970 and values, in any order. What is not a finite number
    /// is left out; of several values at one time the last holds.
    pub fn new(points: impl IntoIterator<Item = (i64, f64)>) -> Series {
        let mut points: Vec<(i64, f64)> = points.into_iter().filter(|(_, value)| value.is_finite()).collect();
        points.sort_by_key(|(at, _)| *at);
        points.reverse();
        points.dedup_by_key(|(at, _)| *at);
        points.reverse();
        Series { points: points.into() }
    }

    /// Times and values, by time.
    pub fn points(&self) -> &[(i64, f64)] {
        &self.points
    }

    /// The values, by time.
    pub fn values(&self) -> Vec<f64> {
        self.points.iter().map(|(_, value)| *value).collect()
    }

    /// What lies after a time, up to and with another.
    pub fn between(&self, after: i64, until: i64) -> Series {
        let first = self.points.partition_point(|(at, _)| *at <= after);
        let last = self.points.partition_point(|(at, _)| *at <= until).max(first);
        Series { points: self.points[first..last].into() }
    }

    /// The median of each step in which there is a value, at the step's end. Steps begin at whole
    /// multiples of their length since 1970.
    pub fn medians(&self, step_ms: i64) -> Series {
        self.steps(step_ms, median_of)
    }

    /// The lowest value of each step in which there is one, at the step's end.
    pub fn minima(&self, step_ms: i64) -> Series {
        self.steps(step_ms, |values| values.iter().copied().min_by(f64::total_cmp))
    }

    fn steps(&self, step_ms: i64, of: impl Fn(&mut [f64]) -> Option<f64>) -> Series {
        let step_of = |at: i64| (at - 1).div_euclid(step_ms);
        let groups = self.points.chunk_by(|a, b| step_of(a.0) == step_of(b.0));
        let points = groups.filter_map(|group| {
            let mut values: Vec<f64> = group.iter().map(|(_, value)| *value).collect();
            Some(((step_of(group.first()?.0) + 1) * step_ms, of(&mut values)?))
        });
        Series { points: points.collect() }
    }
}
