//! One container's numbers as a member of a JSON object, as the contract shows them.

use std::fmt::{self, Write as _};

use crate::snapshot::{FastSample, Machine, Reading};

/// `"<id>":{"cpu":…,"memory":…,"network":…}`. Use of cores and memory is that of a fast sample
/// where there is one, else of the last full reading. What is not known is `null`.
pub(super) fn of(reading: &Reading, sample: Option<&FastSample>, machine: &Machine) -> String {
    let cores = sample.and_then(|sample| sample.usage_cores).or(reading.usage_cores);
    let memory = reading.stats.as_ref().and_then(|stats| stats.memory);
    let usage = sample.and_then(|sample| sample.memory).or(memory.map(|memory| memory.usage));
    let whole = memory.and_then(|memory| memory.limit).or(machine.memory_bytes);
    let share = usage.zip(whole.filter(|whole| *whole > 0));
    let rates = reading.rates.unwrap_or_default();
    let mut text = String::with_capacity(256);
    // A `String` takes everything.
    let _ = write!(
        text,
        "\"{}\":{{\"cpu\":{{\"percent\":{}}},\"memory\":{{\"percent_of_limit\":{},\"usage_bytes\":{}}},\
         \"network\":{{\"receive_bytes_per_second\":{},\"transmit_bytes_per_second\":{}}}}}",
        reading.container.id,
        Hundredths(cores.map(|cores| cores * 100.0)),
        Hundredths(share.map(|(usage, whole)| usage as f64 / whole as f64 * 100.0)),
        Whole(usage),
        Whole(rates.receive_bytes.map(|rate| rate.round() as u64)),
        Whole(rates.transmit_bytes.map(|rate| rate.round() as u64)),
    );
    text
}

/// A number with two decimals at most; finer is noise, and bytes for every reader.
struct Hundredths(Option<f64>);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.filter(|value| value.is_finite()) {
            Some(value) => write!(f, "{:?}", (value * 100.0).round() / 100.0),
            None => f.write_str("null"),
        }
    }
}

struct Whole(Option<u64>);

impl fmt::Display for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}
