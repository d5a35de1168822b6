//! A distribution as a sink takes it, whoever keeps it: in classic buckets, native ones, or both;
//! and one of which only quantiles are known.

use super::Exemplar;

/// How often which values were seen since the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distribution<'a> {
    /// How many values.
    pub count: u64,
    /// Their sum, if it is known.
    pub sum: Option<f64>,
    /// Upper bounds of the classic buckets, ascending and finite.
    pub bounds: &'a [f64],
    /// Values in each, not cumulative; the last one is beyond every bound.
    pub counts: &'a [u64],
    /// The native form.
    pub native: Option<Exponential<'a>>,
    /// Measurements that stand for others of their buckets, ascending by value.
    pub exemplars: &'a [Exemplar],
}

/// The native form: exponential buckets that were hit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential<'a> {
    /// Two to the power of this many buckets for each power of two.
    pub schema: i8,
    /// Values that count as zero.
    pub zero_count: u64,
    /// Up to which distance from zero they do; above zero.
    pub zero_threshold: f64,
    /// Index and count by index. Bucket `i` ends at 2 to the power of `i` / 2^schema.
    pub positive: &'a [(i32, u64)],
    /// The same for values below zero.
    pub negative: &'a [(i32, u64)],
}

/// Quantiles that somebody else has computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary<'a> {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Quantile and value.
    pub quantiles: &'a [(f64, f64)],
}

impl Distribution<'_> {
    /// Upper bounds of the classic buckets with the number of values at or below each,
    /// without the last one that holds everything.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let below = self.counts.iter().scan(0, |total, count| {
            *total += count;
            Some(*total)
        });
        self.bounds.iter().copied().zip(below)
    }

    /// How many series the classic form makes: buckets, `+Inf`, sum and count.
    pub(super) fn series(&self) -> u64 {
        self.bounds.len() as u64 + 2 + u64::from(self.sum.is_some())
    }
}

impl Summary<'_> {
    /// How many series it makes: quantiles, sum and count.
    pub(super) fn series(&self) -> u64 {
        self.quantiles.len() as u64 + 2
    }
}

/// Runs of buckets with neighbouring indices: how far each begins behind the end of the
/// one before it (the first: its index), and how many buckets it has.
pub(super) fn spans(buckets: &[(i32, u64)]) -> impl Iterator<Item = (i32, u32)> {
    let mut end = 0;
    buckets.chunk_by(|(one, _), (next, _)| one + 1 == *next).map(move |run| {
        let (start, length) = (run[0].0, run.len() as u32);
        let offset = start - end;
        end = start + length as i32;
        (offset, length)
    })
}

/// Each bucket's count less that of the bucket before it (the first: its count).
pub(super) fn deltas(buckets: &[(i32, u64)]) -> impl Iterator<Item = i64> {
    buckets.iter().scan(0_u64, |before, (_, count)| {
        let delta = count.wrapping_sub(*before) as i64;
        *before = *count;
        Some(delta)
    })
}
