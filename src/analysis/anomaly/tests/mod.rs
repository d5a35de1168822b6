//! What the detector and its rules say of series whose truth is known.

mod detector;
mod parts;
mod peers;
mod simulations;
mod usual;

use super::super::series::Series;
use super::super::simulation::Random;

/// A Monday's beginning.
const START_MS: i64 = 1_799_020_800_000;

const STEP_MS: i64 = 300_000;

const DAY_STEPS: usize = 288;

/// A series in steps of five minutes.
fn series(values: impl IntoIterator<Item = f64>) -> Series {
    Series::new(values.into_iter().enumerate().map(|(step, value)| (at(step), value)))
}

/// A step's end.
fn at(step: usize) -> i64 {
    START_MS + (step as i64 + 1) * STEP_MS
}

/// So many steps around 100, a few off.
fn noisy(steps: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..steps).map(|_| 100.0 + 3.0 * random.normal()).collect()
}
