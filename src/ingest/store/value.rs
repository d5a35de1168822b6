//! What is kept of a series, and how a point changes it.
//!
//! Everything is kept as Prometheus counts: since the beginning. What a program sends as
//! differences is added up. Sources: the OpenTelemetry specification, "Metrics Data Model", for
//! temporality, and Prometheus' native histograms for the conversion of exponential ones.

use std::sync::Arc;

use crate::ingest::otlp::model::{Buckets, Exponential, Quantiles, Run, Temporality};

/// The finest and the coarsest native histogram that Prometheus takes.
const FINEST_SCHEMA: i32 = 8;
const COARSEST_SCHEMA: i32 = -4;

/// More exponential buckets than these, each way, are halved in number.
const MOST_EXPONENTIAL: usize = 160;

/// More explicit bounds than these are no histogram but a mistake.
const MOST_BOUNDS: usize = 200;

/// Up to which distance from zero values count as zero where the sender names none.
const ZERO_THRESHOLD: f64 = 1e-128;

/// What a point says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Update<'a> {
    /// The value is this now.
    Last(f64),
    /// The value has changed by this.
    Change(f64),
    /// A sum that never falls, since the sender's start or the point before.
    Sum(f64, Temporality),
    /// One more value of a distribution, over these bounds unless it has others already.
    Observe(f64, &'a Arc<[f64]>),
    /// A distribution over explicit bounds.
    Buckets(&'a Buckets, Temporality),
    /// A distribution over exponential bounds.
    Exponential(&'a Exponential, Temporality),
    /// Quantiles that the sender has computed.
    Quantiles(&'a Quantiles),
}

impl Update<'_> {
    /// Whether it tells everything since the sender's start.
    pub(super) fn is_cumulative(&self) -> bool {
        match self {
            Update::Sum(_, temporality)
            | Update::Buckets(_, temporality)
            | Update::Exponential(_, temporality) => *temporality == Temporality::Cumulative,
            Update::Last(_) | Update::Change(_) | Update::Observe(..) | Update::Quantiles(_) => false,
        }
    }

    /// What may have to be kept of it outside the series itself, in bytes.
    pub(super) fn heap_bytes(&self) -> u64 {
        match self {
            Update::Last(_) | Update::Change(_) | Update::Sum(..) => 0,
            Update::Observe(_, bounds) => buckets_bytes(bounds.len()),
            Update::Buckets(buckets, _) => buckets_bytes(buckets.bounds.len()),
            Update::Exponential(exponential, _) => {
                let of =
                    |run: &Run| run.counts.iter().filter(|count| **count > 0).count().min(MOST_EXPONENTIAL);
                exponential_bytes(of(&exponential.positive) + of(&exponential.negative))
            }
            Update::Quantiles(quantiles) => quantiles_bytes(quantiles.values.len()),
        }
    }
}

fn buckets_bytes(bounds: usize) -> u64 {
    (size_of::<StoredBuckets>() + 16 + 8 * (2 * bounds + 1)) as u64
}

fn exponential_bytes(buckets: usize) -> u64 {
    // Lists grow to twice what they hold.
    (size_of::<StoredExponential>() + 2 * size_of::<(i32, u64)>() * buckets) as u64
}

fn quantiles_bytes(quantiles: usize) -> u64 {
    (size_of::<Quantiles>() + size_of::<(f64, f64)>() * quantiles) as u64
}

/// Why a point is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("a sum or a histogram does not say whether it is cumulative or delta")]
    Temporality,
    #[error("a sum that never falls is below zero, or not a finite number")]
    Sum,
    #[error(
        "another program that began earlier sends under the same service and instance; give each a \
         `service.instance.id` of its own"
    )]
    Twin,
    #[error("a measured value is not a finite number")]
    Observed,
    #[error("a span ends before it begins, or does not say when")]
    Span,
    #[error("the bounds of a histogram do not ascend, are not finite, or are more than {MOST_BOUNDS}")]
    Bounds,
    #[error("the buckets of a histogram do not fit its bounds or its count")]
    Counts,
    #[error("the scale of an exponential histogram is below {COARSEST_SCHEMA}")]
    Scale,
    #[error("an exponential histogram has more than {MOST_EXPONENTIAL} buckets far apart")]
    Spread,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stored {
    Number(f64),
    Buckets(Box<StoredBuckets>),
    Exponential(Box<StoredExponential>),
    Quantiles(Box<Quantiles>),
}

impl Stored {
    /// What it takes outside the series itself, in bytes.
    pub(super) fn heap_bytes(&self) -> u64 {
        match self {
            Stored::Number(_) => 0,
            Stored::Buckets(kept) => buckets_bytes(kept.bounds.len()),
            Stored::Exponential(kept) => exponential_bytes(kept.positive.len() + kept.negative.len()),
            Stored::Quantiles(kept) => quantiles_bytes(kept.values.len()),
        }
    }

    /// How many values a distribution has.
    pub(crate) fn count(&self) -> u64 {
        match self {
            Stored::Number(_) => 0,
            Stored::Buckets(kept) => kept.count,
            Stored::Exponential(kept) => kept.count,
            Stored::Quantiles(kept) => kept.count,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredBuckets {
    pub(crate) bounds: Arc<[f64]>,
    pub(crate) counts: Box<[u64]>,
    pub(crate) count: u64,
    pub(crate) sum: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct StoredExponential {
    pub(crate) schema: i8,
    pub(crate) count: u64,
    pub(crate) sum: Option<f64>,
    pub(crate) zero_count: u64,
    pub(crate) zero_threshold: f64,
    /// Index and count by index; bucket `i` ends at 2 to the power of `i` / 2^schema.
    pub(crate) positive: Vec<(i32, u64)>,
    pub(crate) negative: Vec<(i32, u64)>,
}

/// Applies a point to what is kept, if anything is yet.
///
/// # Errors
/// The point makes no sense; what is kept stays as it was.
pub(super) fn apply(
    stored: Option<Stored>,
    update: Update<'_>,
) -> Result<Stored, (Option<Stored>, Unusable)> {
    let keep = |why| move |stored| (stored, why);
    Ok(match update {
        Update::Last(value) => Stored::Number(value),
        Update::Change(by) => match stored {
            Some(Stored::Number(before)) => Stored::Number(before + by),
            _ => Stored::Number(by),
        },
        Update::Quantiles(quantiles) => Stored::Quantiles(Box::new(quantiles.clone())),
        Update::Sum(value, _) if !value.is_finite() || value < 0.0 => {
            return Err(keep(Unusable::Sum)(stored));
        }
        Update::Sum(value, temporality) => match (temporality, stored) {
            (Temporality::Unspecified, stored) => return Err(keep(Unusable::Temporality)(stored)),
            (Temporality::Delta, Some(Stored::Number(before))) => Stored::Number(before + value),
            _ => Stored::Number(value),
        },
        Update::Observe(value, _) if !value.is_finite() => return Err(keep(Unusable::Observed)(stored)),
        Update::Observe(value, bounds) => match stored {
            Some(Stored::Exponential(mut kept)) => {
                kept.observe(value);
                Stored::Exponential(kept)
            }
            Some(Stored::Buckets(mut kept)) => {
                kept.observe(value);
                Stored::Buckets(kept)
            }
            _ => {
                let mut first = StoredBuckets::empty(bounds.clone());
                first.observe(value);
                Stored::Buckets(Box::new(first))
            }
        },
        Update::Buckets(buckets, temporality) => match (StoredBuckets::of(buckets), temporality) {
            (Err(why), _) => return Err(keep(why)(stored)),
            (_, Temporality::Unspecified) => return Err(keep(Unusable::Temporality)(stored)),
            (Ok(read), _) => Stored::Buckets(Box::new(match stored {
                Some(Stored::Buckets(before)) => read.after(*before, temporality),
                _ => read,
            })),
        },
        Update::Exponential(exponential, temporality) => {
            match (StoredExponential::of(exponential), temporality) {
                (Err(why), _) => return Err(keep(why)(stored)),
                (_, Temporality::Unspecified) => return Err(keep(Unusable::Temporality)(stored)),
                (Ok(mut read), Temporality::Delta) => {
                    if let Some(Stored::Exponential(before)) = &stored {
                        read.add(before);
                    }
                    Stored::Exponential(Box::new(read))
                }
                (Ok(read), Temporality::Cumulative) => Stored::Exponential(Box::new(read)),
            }
        }
    })
}

impl StoredBuckets {
    fn empty(bounds: Arc<[f64]>) -> Self {
        let counts = vec![0; bounds.len() + 1].into();
        StoredBuckets { bounds, counts, count: 0, sum: Some(0.0) }
    }

    /// Counts one value; a bucket holds what is not above its bound.
    fn observe(&mut self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(place) {
            *count = count.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.map(|sum| sum + value);
    }

    fn of(buckets: &Buckets) -> Result<Self, Unusable> {
        let ascending = buckets.bounds.is_sorted_by(|one, next| one < next);
        if !ascending || buckets.bounds.iter().any(|b| !b.is_finite()) || buckets.bounds.len() > MOST_BOUNDS {
            return Err(Unusable::Bounds);
        }
        // A histogram of one bucket may come without any.
        let counts = match (&*buckets.counts, &*buckets.bounds) {
            ([], []) => vec![buckets.count],
            (counts, bounds) if counts.len() == bounds.len() + 1 => counts.to_vec(),
            _ => return Err(Unusable::Counts),
        };
        let total = counts.iter().try_fold(0_u64, |total, count| total.checked_add(*count));
        if total != Some(buckets.count) {
            return Err(Unusable::Counts);
        }
        Ok(StoredBuckets {
            bounds: Arc::from(&*buckets.bounds),
            counts: counts.into(),
            count: buckets.count,
            sum: buckets.sum.filter(|sum| !sum.is_nan()),
        })
    }

    /// What is kept after `before`. Bounds that have changed begin a new count.
    fn after(mut self, before: StoredBuckets, temporality: Temporality) -> Self {
        if self.bounds != before.bounds {
            return self;
        }
        self.bounds = before.bounds;
        if temporality == Temporality::Delta {
            for (count, earlier) in self.counts.iter_mut().zip(&before.counts) {
                *count = count.saturating_add(*earlier);
            }
            self.count = self.count.saturating_add(before.count);
            self.sum = self.sum.zip(before.sum).map(|(sum, earlier)| sum + earlier);
        }
        self
    }
}

impl StoredExponential {
    fn of(exponential: &Exponential) -> Result<Self, Unusable> {
        if exponential.scale < COARSEST_SCHEMA {
            return Err(Unusable::Scale);
        }
        let schema = exponential.scale.min(FINEST_SCHEMA);
        let steps = exponential.scale.saturating_sub(schema);
        let threshold = Some(exponential.zero_threshold).filter(|threshold| *threshold > 0.0);
        let mut read = StoredExponential {
            schema: schema as i8,
            count: exponential.count,
            sum: exponential.sum.filter(|sum| !sum.is_nan()),
            zero_count: exponential.zero_count,
            zero_threshold: threshold.unwrap_or(ZERO_THRESHOLD),
            positive: sparse(&exponential.positive, steps),
            negative: sparse(&exponential.negative, steps),
        };
        let counts = read.positive.iter().chain(&read.negative).map(|(_, count)| *count);
        let total = counts.chain([read.zero_count]).try_fold(0_u64, u64::checked_add);
        if total != Some(read.count) {
            return Err(Unusable::Counts);
        }
        if !read.shrink() {
            return Err(Unusable::Spread);
        }
        Ok(read)
    }

    /// Counts one value.
    fn observe(&mut self, value: f64) {
        let mut one = StoredExponential {
            schema: self.schema,
            count: 1,
            sum: Some(value),
            zero_threshold: self.zero_threshold,
            ..StoredExponential::default()
        };
        let index = (value.abs().log2() * 2_f64.powi(i32::from(self.schema))).ceil() as i32;
        match value {
            _ if value.abs() <= self.zero_threshold => one.zero_count = 1,
            _ if value > 0.0 => one.positive.push((index, 1)),
            _ => one.negative.push((index, 1)),
        }
        one.add(self);
        *self = one;
    }

    /// Adds what was counted before.
    pub(super) fn add(&mut self, before: &StoredExponential) {
        let mut before = before.clone();
        while self.schema > before.schema {
            self.halve();
        }
        while before.schema > self.schema {
            before.halve();
        }
        self.positive = merged(&self.positive, &before.positive);
        self.negative = merged(&self.negative, &before.negative);
        self.count = self.count.saturating_add(before.count);
        self.zero_count = self.zero_count.saturating_add(before.zero_count);
        self.zero_threshold = self.zero_threshold.max(before.zero_threshold);
        self.sum = self.sum.zip(before.sum).map(|(sum, earlier)| sum + earlier);
        self.shrink();
    }

    /// Halves the resolution until there are few enough buckets; false if that is not enough.
    fn shrink(&mut self) -> bool {
        while self.positive.len().max(self.negative.len()) > MOST_EXPONENTIAL {
            if i32::from(self.schema) <= COARSEST_SCHEMA {
                return false;
            }
            self.halve();
        }
        true
    }

    pub(super) fn halve(&mut self) {
        self.schema -= 1;
        self.positive = coarser(&self.positive, 1);
        self.negative = coarser(&self.negative, 1);
    }

    /// Upper bounds and counts of classic buckets that hold the same: powers of two, so that
    /// every native bucket lies within one. The first bound holds all that is not above zero.
    pub(crate) fn classic(&self) -> (Vec<f64>, Vec<u64>) {
        let steps = i32::from(self.schema).max(0);
        let by_power = coarser(&self.positive, steps);
        let schema = i32::from(self.schema) - steps;
        let below: u64 = self.negative.iter().map(|(_, count)| *count).sum();
        let mut bounds = vec![self.zero_threshold];
        let mut counts = vec![below.saturating_add(self.zero_count)];
        let mut next = None;
        for (index, count) in by_power {
            let bound = f64::from(index) * 2_f64.powi(-schema);
            let lower = f64::from(index - 1) * 2_f64.powi(-schema);
            // An empty bucket between two runs keeps what lies above it apart.
            let lower = 2_f64.powf(lower);
            if next != Some(index) && lower > self.zero_threshold && lower.is_finite() {
                bounds.push(lower);
                counts.push(0);
            }
            next = Some(index + 1);
            let bound = 2_f64.powf(bound);
            if bound.is_finite() && bounds.last().is_some_and(|last| *last < bound) {
                bounds.push(bound);
                counts.push(count);
            } else if bound.is_finite() {
                // What is not above the threshold for zero is as good as zero.
                counts[0] = counts[0].saturating_add(count);
            }
        }
        let counted: u64 = counts.iter().sum();
        counts.push(self.count.saturating_sub(counted));
        (bounds, counts)
    }
}

/// Buckets that were hit, with Prometheus' index: one higher, as it names the upper bound.
fn sparse(run: &Run, steps: i32) -> Vec<(i32, u64)> {
    let indices = (0_i64..).map(|place| place + i64::from(run.offset) + 1);
    let hit = indices.zip(&run.counts).filter(|(_, count)| **count > 0);
    let fitting = hit.filter_map(|(index, count)| Some((i32::try_from(index).ok()?, *count)));
    coarser(&fitting.collect::<Vec<_>>(), steps)
}

/// Buckets of a schema that is coarser by `steps`.
fn coarser(buckets: &[(i32, u64)], steps: i32) -> Vec<(i32, u64)> {
    let shift = steps.clamp(0, 31);
    let mut joined: Vec<(i32, u64)> = Vec::with_capacity(buckets.len());
    for (index, count) in buckets {
        let index = ((i64::from(*index) - 1) >> shift) as i32 + 1;
        match joined.last_mut() {
            Some((last, total)) if *last == index => *total = total.saturating_add(*count),
            _ => joined.push((index, *count)),
        }
    }
    joined
}

fn merged(one: &[(i32, u64)], other: &[(i32, u64)]) -> Vec<(i32, u64)> {
    let mut all: Vec<(i32, u64)> = one.iter().chain(other).copied().collect();
    all.sort_unstable_by_key(|(index, _)| *index);
    coarser(&all, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Temporality::{Cumulative, Delta, Unspecified};
    use proptest::prelude::*;

    fn applied(updates: &[Update<'_>]) -> Stored {
        let mut stored = None;
        for update in updates {
            stored = Some(apply(stored, *update).unwrap());
        }
        stored.unwrap()
    }

    fn refused(update: Update<'_>) -> Unusable {
        apply(Some(Stored::Number(1.0)), update)
            .map_err(|(kept, why)| {
                assert_eq!(kept, Some(Stored::Number(1.0)));
                why
            })
            .unwrap_err()
    }

    #[test]
    fn sums_are_taken_as_they_are_or_added_up() {
        assert_eq!(
            applied(&[Update::Sum(3.0, Cumulative), Update::Sum(5.0, Cumulative)]),
            Stored::Number(5.0)
        );
        assert_eq!(applied(&[Update::Sum(3.0, Delta), Update::Sum(5.0, Delta)]), Stored::Number(8.0));
        assert_eq!(applied(&[Update::Last(3.0), Update::Last(-5.0)]), Stored::Number(-5.0));
        assert_eq!(refused(Update::Sum(1.0, Unspecified)), Unusable::Temporality);
        assert_eq!(refused(Update::Sum(-1.0, Delta)), Unusable::Sum);
        assert_eq!(refused(Update::Sum(f64::NAN, Delta)), Unusable::Sum);
    }

    fn buckets(bounds: &[f64], counts: &[u64]) -> Buckets {
        Buckets { count: counts.iter().sum(), sum: Some(1.0), bounds: bounds.into(), counts: counts.into() }
    }

    #[test]
    fn histograms_add_up_while_their_bounds_stay() {
        let (one, other) = (buckets(&[1.0], &[1, 2]), buckets(&[2.0], &[1, 2]));
        let Stored::Buckets(twice) = applied(&[Update::Buckets(&one, Delta), Update::Buckets(&one, Delta)])
        else {
            panic!()
        };
        assert_eq!((&*twice.counts, twice.count, twice.sum), (&[2, 4][..], 6, Some(2.0)));
        let Stored::Buckets(anew) = applied(&[Update::Buckets(&one, Delta), Update::Buckets(&other, Delta)])
        else {
            panic!()
        };
        assert_eq!((&*anew.counts, &*anew.bounds), (&[1, 2][..], &[2.0][..]));
    }

    #[test]
    fn histograms_that_contradict_themselves_are_refused() {
        for bounds in [&[1.0, 1.0][..], &[2.0, 1.0], &[f64::NAN], &[f64::INFINITY]] {
            let counts = vec![0; bounds.len() + 1];
            assert_eq!(refused(Update::Buckets(&buckets(bounds, &counts), Delta)), Unusable::Bounds);
        }
        assert_eq!(refused(Update::Buckets(&buckets(&[1.0], &[1]), Delta)), Unusable::Counts);
        let wrong = Buckets { count: 9, ..buckets(&[1.0], &[1, 2]) };
        assert_eq!(refused(Update::Buckets(&wrong, Delta)), Unusable::Counts);
        let one_bucket = Buckets { count: 9, ..Buckets::default() };
        assert!(apply(None, Update::Buckets(&one_bucket, Cumulative)).is_ok());
    }

    #[test]
    fn values_that_are_measured_one_by_one_fill_the_buckets_that_there_are() {
        let bounds: Arc<[f64]> = [0.1, 1.0].into();
        let observed = [0.1, 0.5, 7.0].map(|value| Update::Observe(value, &bounds));
        let Stored::Buckets(kept) = applied(&observed) else { panic!() };
        assert_eq!((&*kept.counts, kept.count, kept.sum), (&[1, 1, 1][..], 3, Some(7.6)));
        let (own, more) = (buckets(&[5.0], &[1, 2]), Update::Observe(3.0, &bounds));
        let Stored::Buckets(kept) = applied(&[Update::Buckets(&own, Cumulative), more]) else { panic!() };
        assert_eq!((&*kept.bounds, &*kept.counts, kept.count), (&[5.0][..], &[2, 2][..], 4));
        assert_eq!(refused(Update::Observe(f64::NAN, &bounds)), Unusable::Observed);
    }

    #[test]
    fn a_value_joins_the_exponential_bucket_that_it_is_in() {
        let bounds: Arc<[f64]> = [1.0].into();
        let first = exponential(0, 0, &[1]);
        let values = [2.0, 2.5, -3.0, 0.0].map(|value| Update::Observe(value, &bounds));
        let all: Vec<_> = [Update::Exponential(&first, Cumulative)].into_iter().chain(values).collect();
        let Stored::Exponential(kept) = applied(&all) else { panic!() };
        assert_eq!((&*kept.positive, &*kept.negative), (&[(1, 2), (2, 1)][..], &[(2, 1)][..]));
        assert_eq!((kept.count, kept.zero_count, kept.sum), (5, 1, Some(1.5)));
    }

    fn exponential(scale: i32, offset: i32, counts: &[u64]) -> Exponential {
        Exponential {
            count: counts.iter().sum(),
            sum: Some(0.0),
            scale,
            positive: Run { offset, counts: counts.into() },
            ..Exponential::default()
        }
    }

    fn stored(update: &Exponential) -> StoredExponential {
        StoredExponential::of(update).unwrap()
    }

    #[test]
    fn an_exponential_bucket_is_named_by_its_upper_bound() {
        // At scale 0 bucket 0 holds what is above 1 and up to 2, which Prometheus calls 1.
        let read = stored(&exponential(0, 0, &[5, 0, 7]));
        assert_eq!((read.schema, &*read.positive), (0, &[(1, 5), (3, 7)][..]));
        // Two steps finer than Prometheus knows: four buckets become one.
        let read = stored(&exponential(10, 0, &[1, 1, 1, 1, 1]));
        assert_eq!((read.schema, &*read.positive), (8, &[(1, 4), (2, 1)][..]));
        assert_eq!(StoredExponential::of(&exponential(-5, 0, &[1])), Err(Unusable::Scale));
    }

    #[test]
    fn classic_buckets_of_an_exponential_histogram_end_at_powers_of_two() {
        let mut read = stored(&exponential(1, 0, &[1, 2, 3]));
        read.zero_count = 4;
        read.count += 4;
        assert_eq!(read.classic(), (vec![1e-128, 1.0, 2.0, 4.0], vec![4, 0, 3, 3, 0]));
    }

    proptest! {
        /// Whatever scales differences come in: no value is lost, and classic buckets hold all.
        #[test]
        fn exponential_differences_add_up(
            parts in proptest::collection::vec(
                (-4_i32..=12, -500_i32..500, proptest::collection::vec(0_u64..5, 0..200)), 1..6)
        ) {
            let mut stored = None;
            let mut total = 0;
            for (scale, offset, counts) in parts {
                let update = exponential(scale, offset, &counts);
                match apply(stored, Update::Exponential(&update, Delta)) {
                    Ok(next) => {
                        total += update.count;
                        stored = Some(next);
                    }
                    Err((kept, why)) => {
                        prop_assert_eq!(why, Unusable::Spread);
                        stored = kept;
                    }
                }
            }
            let Some(Stored::Exponential(stored)) = stored else { return Ok(()) };
            let native: u64 = stored.positive.iter().map(|(_, count)| count).sum();
            prop_assert_eq!((native, stored.count), (total, total));
            let (bounds, counts) = stored.classic();
            prop_assert!(bounds.is_sorted_by(|one, next| one < next));
            prop_assert_eq!(counts.len(), bounds.len() + 1);
            prop_assert_eq!(counts.iter().sum::<u64>(), total);
        }
    }
}
