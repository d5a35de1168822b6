//! A histogram that many threads observe into at once, without a lock.
//!
//! Values are whole numbers (nanoseconds or bytes), so that a sum is one addition and exact.
//! How many there were is what the buckets hold together, so the two never disagree on a page.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::proto;

/// The most bounds that [`Scale`] has.
const MOST_BOUNDS: usize = 15;

const MS: u64 = 1_000_000;
const S: u64 = 1000 * MS;

/// Upper bounds of buckets, and what they are counted in.
#[derive(Debug)]
pub(super) struct Scale {
    /// Ascending.
    bounds: &'static [u64],
    /// How many of what is counted make one of the unit on the page.
    per_unit: f64,
}

/// Durations of requests in nanoseconds: the bounds of OpenTelemetry's conventions with 2 s.
pub(super) static REQUEST_NS: Scale = Scale {
    bounds: &[
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        75 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        750 * MS,
        S,
        2 * S,
        2500 * MS,
        5 * S,
        7500 * MS,
        10 * S,
    ],
    per_unit: 1e9,
};

/// Durations of database calls in nanoseconds: the bounds of OpenTelemetry's conventions with 2 s.
pub(super) static QUERY_NS: Scale = Scale {
    bounds: &[MS, 5 * MS, 10 * MS, 50 * MS, 100 * MS, 500 * MS, S, 2 * S, 5 * S, 10 * S],
    per_unit: 1e9,
};

/// Sizes of bodies in bytes: powers of four from 256 B to 16 MiB. The conventions name none.
pub(super) static BODY_BYTES: Scale = Scale {
    bounds: &[1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24],
    per_unit: 1.0,
};

/// What was observed so far.
#[derive(Debug)]
pub(super) struct Histogram {
    scale: &'static Scale,
    /// By bucket, not cumulative; the one after the last bound is beyond every bound.
    buckets: [AtomicU64; MOST_BOUNDS + 1],
    sum: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    scale: &'static Scale,
    buckets: [u64; MOST_BOUNDS + 1],
    sum: u64,
}

impl Histogram {
    pub(super) fn new(scale: &'static Scale) -> Self {
        debug_assert!(scale.bounds.len() <= MOST_BOUNDS);
        Histogram { scale, buckets: array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }

    /// Counts a value; one on a bound is below it, as Prometheus has it.
    pub(super) fn observe(&self, value: u64) {
        let bucket = self.scale.bounds.iter().position(|bound| value <= *bound);
        self.buckets[bucket.unwrap_or(self.scale.bounds.len())].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            scale: self.scale,
            buckets: array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed)),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Counts {
    /// Adds what another histogram of the same scale held.
    pub(super) fn add(&mut self, other: &Counts) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(bucket, more)| *bucket += more);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// How many values there were.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn to_proto(&self) -> proto::Histogram {
        let mut below = 0;
        let buckets = self.scale.bounds.iter().zip(self.buckets).map(|(bound, count)| {
            below += count;
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound as f64 / self.scale.per_unit);
            bucket.set_cumulative_count(below);
            bucket
        });
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_sum(self.sum as f64 / self.scale.per_unit);
        histogram.set_sample_count(self.count());
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_below_it() {
        let histogram = Histogram::new(&QUERY_NS);
        [0, MS, MS + 1, 10 * S, 10 * S + 1].into_iter().for_each(|value| histogram.observe(value));
        let shown = histogram.counts().to_proto();
        let below: Vec<_> =
            shown.get_bucket().iter().map(|one| (one.upper_bound(), one.cumulative_count())).collect();
        assert_eq!(below[..2], [(0.001, 2), (0.005, 3)]);
        assert_eq!(below.last(), Some(&(10.0, 4)));
        assert_eq!((shown.get_sample_count(), shown.get_sample_sum()), (5, 20.002_000_002));
    }

    #[test]
    fn the_bounds_that_dashboards_ask_for_are_there_and_ascend() {
        for (scale, wanted) in [
            (&REQUEST_NS, &[0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0][..]),
            (&QUERY_NS, &[0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0]),
            (&BODY_BYTES, &[256.0, 1048576.0, 16777216.0]),
        ] {
            assert!(scale.bounds.is_sorted() && scale.bounds.len() <= MOST_BOUNDS);
            let shown: Vec<f64> = scale.bounds.iter().map(|bound| *bound as f64 / scale.per_unit).collect();
            assert!(wanted.iter().all(|bound| shown.contains(bound)), "{shown:?}");
        }
    }
}
