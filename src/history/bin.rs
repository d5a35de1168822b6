//! What happened in one step, exactly: how much each counter grew, and of each gauge count, sum,
//! lowest, highest, last, and what a standard deviation is made of.
//!
//! Steps are of all samples after their beginning up to and with their end, as a range in
//! Prometheus is, and named by that end. Growth between two samples counts in the step of the
//! later one, so that steps add up to the whole. A counter that is below what it was has begun
//! anew and has grown by what it shows, as in Prometheus. Bins of steps that lie in a longer one
//! merge into exactly what its samples would have made.

use super::codec::{Columns, Shape};
use super::field::{Key, Sample};

/// Columns that a gauge has in a coarse row.
const COLUMNS_OF_A_GAUGE: usize = 8;

/// One gauge in one step. Sums are of what lies above the lowest: small numbers, and none that
/// are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Samples.
    pub count: u64,
    /// The lowest.
    pub min: u64,
    /// The highest.
    pub max: u64,
    /// The last.
    pub last: u64,
    /// The sum of what each is above the lowest.
    pub above: u128,
    /// The sum of the squares of that.
    pub squares: u128,
}

impl Spread {
    /// Of a single sample.
    pub(super) fn one(value: u64) -> Self {
        Spread { count: 1, min: value, max: value, last: value, above: 0, squares: 0 }
    }

    /// The same with what came later.
    #[must_use]
    pub fn and(self, later: Spread) -> Self {
        let min = self.min.min(later.min);
        let (one, other) = (self.down_to(min), later.down_to(min));
        Spread {
            count: one.count + other.count,
            min,
            max: self.max.max(later.max),
            last: later.last,
            above: one.above.saturating_add(other.above),
            squares: one.squares.saturating_add(other.squares),
        }
    }

    /// The same above a lower base.
    fn down_to(self, min: u64) -> Self {
        let (count, by) = (u128::from(self.count), u128::from(self.min - min));
        let squares = by.saturating_mul(by).saturating_mul(count);
        let squares = squares.saturating_add(self.above.saturating_mul(2 * by)).saturating_add(self.squares);
        Spread { min, above: self.above.saturating_add(by * count), squares, ..self }
    }

    /// All samples together.
    pub fn sum(&self) -> f64 {
        self.above.saturating_add(u128::from(self.min) * u128::from(self.count)) as f64
    }

    /// Their mean.
    pub fn average(&self) -> f64 {
        self.min as f64 + self.above as f64 / self.count as f64
    }

    /// Their standard deviation, as of a whole population.
    pub fn deviation(&self) -> f64 {
        let count = self.count as f64;
        let mean = self.above as f64 / count;
        (self.squares as f64 / count - mean * mean).max(0.0).sqrt()
    }
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    /// Its end, or when its only sample was taken; in milliseconds since 1970.
    pub at: i64,
    /// The time from the last sample before it to its own last one, in milliseconds; 0 if it
    /// has the first of all.
    pub elapsed_ms: u64,
    /// Growth by counter; `None` where two samples to compare were not there.
    pub counters: Columns,
    /// By gauge.
    pub gauges: Vec<Option<Spread>>,
}

impl Bin {
    /// The same with what came later.
    pub(super) fn merge(&mut self, later: &Bin) {
        self.elapsed_ms += later.elapsed_ms;
        for (mine, grown) in self.counters.iter_mut().zip(&later.counters) {
            if let Some(grown) = grown {
                *mine = Some(mine.unwrap_or(0).saturating_add(*grown));
            }
        }
        for (mine, spread) in self.gauges.iter_mut().zip(&later.gauges) {
            if let Some(spread) = spread {
                *mine = Some(mine.map_or(*spread, |mine| mine.and(*spread)));
            }
        }
    }

    /// As a row.
    pub(super) fn columns(&self) -> Columns {
        let mut columns = Vec::with_capacity(1 + self.counters.len() + 8 * self.gauges.len());
        columns.push(Some(self.elapsed_ms));
        columns.extend_from_slice(&self.counters);
        for gauge in &self.gauges {
            let Some(gauge) = gauge else {
                columns.extend([None; COLUMNS_OF_A_GAUGE]);
                continue;
            };
            let halves = |number: u128| [number as u64, (number >> 64) as u64];
            let plain = [gauge.count, gauge.min, gauge.max - gauge.min, gauge.last - gauge.min];
            columns
                .extend(plain.into_iter().chain(halves(gauge.above)).chain(halves(gauge.squares)).map(Some));
        }
        columns
    }

    /// Of a row.
    pub(super) fn of_columns(key: Key, at: i64, columns: &[Option<u64>]) -> Option<Bin> {
        let (elapsed, rest) = columns.split_first()?;
        let (counters, rest) = rest.split_at_checked(key.counters())?;
        let gauge = |columns: &[Option<u64>]| {
            let [count, min, max, last, above, above_high, squares, squares_high] = columns else {
                return None;
            };
            let whole = |low: u64, high: u64| u128::from(high) << 64 | u128::from(low);
            let min = (*min)?;
            Some(Spread {
                count: (*count)?,
                min,
                max: min.checked_add((*max)?)?,
                last: min.checked_add((*last)?)?,
                above: whole((*above)?, (*above_high)?),
                squares: whole((*squares)?, (*squares_high)?),
            })
        };
        let gauges = rest.chunks(COLUMNS_OF_A_GAUGE).map(gauge).collect();
        Some(Bin { at, elapsed_ms: (*elapsed)?, counters: counters.to_vec(), gauges })
    }
}

/// What counters showed last, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    at: Option<i64>,
    counters: Columns,
}

impl Before {
    /// The bin of one sample.
    pub(super) fn bin(&mut self, at: i64, sample: &Sample) -> Bin {
        self.counters.resize(sample.counters.len(), None);
        let elapsed = self.at.map_or(0, |before| at - before);
        self.at = Some(at);
        let grown = |(before, now): (&mut Option<u64>, &Option<u64>)| {
            let now = (*now)?;
            let before = before.replace(now)?;
            Some(if now < before { now } else { now - before })
        };
        Bin {
            at,
            elapsed_ms: u64::try_from(elapsed).unwrap_or(0),
            counters: self.counters.iter_mut().zip(&sample.counters).map(grown).collect(),
            gauges: sample.gauges.iter().map(|value| value.map(Spread::one)).collect(),
        }
    }
}

/// The same in longer steps.
pub(super) fn longer(bins: Vec<Bin>, step_ms: i64) -> Vec<Bin> {
    let mut longer: Vec<Bin> = Vec::new();
    for bin in bins {
        let end = end_of(bin.at, step_ms);
        match longer.last_mut().filter(|last| last.at == end) {
            Some(last) => last.merge(&bin),
            None => longer.push(Bin { at: end, ..bin }),
        }
    }
    longer
}

/// The shape of rows that hold samples.
pub(super) fn fine(key: Key) -> Shape {
    Shape { columns: key.counters() + key.gauges(), counters: key.counters() }
}

/// The shape of rows that hold bins.
pub(super) fn coarse(key: Key) -> Shape {
    Shape { columns: 1 + key.counters() + COLUMNS_OF_A_GAUGE * key.gauges(), counters: 0 }
}

/// The end of the step that a time lies in.
pub(super) fn end_of(at: i64, step_ms: i64) -> i64 {
    at.div_euclid(step_ms) * step_ms + if at.rem_euclid(step_ms) == 0 { 0 } else { step_ms }
}
