//! A histogram: how often which values were seen, cumulative as a counter is.
//!
//! It holds both forms that Prometheus knows. Classic buckets have bounds fixed in advance;
//! native ones have exponential bounds, and only those that were hit take room. Source of the
//! latter: Prometheus' native histogram specification.

use super::distribution::{Distribution, Exponential};

/// Buckets for each power of two, as a power of two: 2³, so a bucket is 9 % wide.
const FINEST_SCHEMA: i8 = 3;

/// Lower bounds of the buckets between 0.5 and 1 at the finest schema.
const FRACTIONS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    std::f64::consts::FRAC_1_SQRT_2,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_5,
    0.917_004_043_204_671_1,
];

/// Values up to this one count as zero in the native form; a normal number.
const ZERO_THRESHOLD: f64 = 1.0 / 1024.0;

/// The same where values are microseconds in seconds.
const FINE_ZERO_THRESHOLD: f64 = 1.0 / 1_048_576.0;

/// More native buckets than these are halved in number, at half the resolution.
const MOST_NATIVE_BUCKETS: usize = 160;

/// What was observed so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    /// By classic bucket, not cumulative; the last one is beyond every bound.
    counts: Box<[u64]>,
    count: u64,
    sum: f64,
    native: Native,
}

/// The native form: exponential buckets that were hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Native {
    schema: i8,
    zero_threshold: f64,
    zero: u64,
    /// Index and count, by index. Bucket `i` ends at 2 to the power of `i` / 2^schema.
    buckets: Vec<(i32, u64)>,
}

impl Histogram {
    /// A histogram with these upper bounds of classic buckets, ascending and finite.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self::with_zero(bounds, ZERO_THRESHOLD)
    }

    /// The same for values of which thousandths are many: its native form tells millionths apart.
    pub fn fine(bounds: &'static [f64]) -> Self {
        Self::with_zero(bounds, FINE_ZERO_THRESHOLD)
    }

    fn with_zero(bounds: &'static [f64], zero_threshold: f64) -> Self {
        let native = Native { schema: FINEST_SCHEMA, zero_threshold, zero: 0, buckets: Vec::new() };
        Histogram { bounds, counts: vec![0; bounds.len() + 1].into(), count: 0, sum: 0.0, native }
    }

    /// Counts a value. Values are amounts, so what is not a finite number is left out and
    /// what is below zero counts as zero.
    pub fn observe(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let value = value.max(0.0);
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.count += 1;
        self.sum += value;
        self.native.observe(value);
    }

    /// How many values were observed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Both forms, as a sink takes them.
    pub fn view(&self) -> Distribution<'_> {
        let native = Exponential {
            schema: self.native.schema,
            zero_count: self.native.zero,
            zero_threshold: ZERO_THRESHOLD,
            positive: &self.native.buckets,
            negative: &[],
        };
        Distribution {
            count: self.count,
            sum: Some(self.sum),
            bounds: self.bounds,
            counts: &self.counts,
            native: Some(native),
            exemplars: &[],
        }
    }

    /// The native form.
    pub fn native(&self) -> &Native {
        &self.native
    }
}

impl Native {
    /// Two to the power of this many buckets for each power of two.
    pub fn schema(&self) -> i8 {
        self.schema
    }

    /// How many values counted as zero, and up to which value they do.
    pub fn zero(&self) -> (u64, f64) {
        (self.zero, self.zero_threshold)
    }

    /// Index and count of every bucket that was hit, by index.
    pub fn buckets(&self) -> &[(i32, u64)] {
        &self.buckets
    }

    fn observe(&mut self, value: f64) {
        if value <= self.zero_threshold {
            self.zero += 1;
            return;
        }
        let index = coarser(finest_index(value), FINEST_SCHEMA - self.schema);
        match self.buckets.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(place) => self.buckets[place].1 += 1,
            Err(place) => self.buckets.insert(place, (index, 1)),
        }
        while self.buckets.len() > MOST_NATIVE_BUCKETS {
            self.halve();
        }
    }

    /// Joins neighbours: each bucket of the next coarser schema is two of this one.
    fn halve(&mut self) {
        self.schema -= 1;
        let mut joined: Vec<(i32, u64)> = Vec::with_capacity(self.buckets.len());
        for (index, count) in self.buckets.drain(..) {
            let index = coarser(index, 1);
            match joined.last_mut() {
                Some((last, total)) if *last == index => *total += count,
                _ => joined.push((index, count)),
            }
        }
        self.buckets = joined;
    }
}

/// The bucket of a normal positive number at the finest schema.
fn finest_index(value: f64) -> i32 {
    const MANTISSA: u64 = (1 << 52) - 1;
    const HALF: u64 = 1022 << 52;
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1022;
    let fraction = f64::from_bits(bits & MANTISSA | HALF);
    let within = FRACTIONS.partition_point(|bound| *bound < fraction) as i32;
    within + (exponent - 1) * FRACTIONS.len() as i32
}

/// The bucket that holds a bucket at a schema that is coarser by `steps`.
fn coarser(index: i32, steps: i8) -> i32 {
    (0..steps).fold(index, |index, _| (index + 1) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: &[f64] = &[0.1, 1.0, 10.0];

    fn observed(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::new(BOUNDS);
        values.iter().for_each(|value| histogram.observe(*value));
        histogram
    }

    #[test]
    fn a_value_on_a_bound_lies_below_it() {
        let cumulative: Vec<_> = observed(&[0.1, 0.2, 1.0, 11.0]).view().cumulative().collect();
        assert_eq!(cumulative, [(0.1, 1), (1.0, 3), (10.0, 3)]);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        assert_eq!(observed(&[f64::NAN, f64::INFINITY]).count(), 0);
    }

    #[test]
    fn a_fine_histogram_tells_microseconds_apart() {
        let mut histogram = Histogram::fine(BOUNDS);
        [0.000_04, 0.000_09, 0.0].into_iter().for_each(|value| histogram.observe(value));
        assert_eq!(histogram.native().buckets().len(), 2);
        assert_eq!(histogram.native().zero(), (1, 1.0 / 1_048_576.0));
    }

    #[test]
    fn powers_of_two_end_their_buckets() {
        assert_eq!(observed(&[1.0, 2.0, 2.0001, 0.5]).native().buckets(), [(-8, 1), (0, 1), (8, 1), (9, 1)]);
    }

    #[test]
    fn the_number_of_native_buckets_is_bounded() {
        let values: Vec<f64> = (0..4000).map(|step| 0.001 * 1.01_f64.powi(step)).collect();
        let histogram = observed(&values);
        let native = histogram.native();
        assert!(native.buckets().len() <= MOST_NATIVE_BUCKETS, "{} buckets", native.buckets().len());
        let total: u64 = native.buckets().iter().map(|(_, count)| count).sum();
        assert_eq!(total + native.zero().0, histogram.count());
    }

    proptest! {
        #[test]
        fn a_value_lies_within_its_native_bucket(value in 0.001_f64..1e6) {
            let histogram = observed(&[value]);
            let native = histogram.native();
            let (index, _) = native.buckets()[0];
            let end = |index: i32| (f64::from(index) / f64::from(1 << native.schema())).exp2();
            prop_assert!(end(index - 1) < value * (1.0 + 1e-12) && value <= end(index) * (1.0 + 1e-12));
        }

        #[test]
        fn cumulative_counts_are_those_of_a_naive_count(values in proptest::collection::vec(0.0_f64..20.0, 0..50)) {
            let histogram = observed(&values);
            for (bound, count) in histogram.view().cumulative() {
                prop_assert_eq!(count, values.iter().filter(|value| **value <= bound).count() as u64);
            }
            prop_assert_eq!(histogram.count(), values.len() as u64);
        }
    }
}
