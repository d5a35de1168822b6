//! What is not as usual in a series: told step by step from a stream, in bounded memory.
//!
//! - [`Detector`]: one per series; joins samples to steps, expects, scores, and speaks up;
//! - [`usual`]: the first users' rules, so many times the usual p95;
//! - [`rate`]: how much of a container, project or host is unusual at once;
//! - [`peers`]: which of a service's replicas is unlike its siblings;
//! - [`simulation`]: made-up series with known anomalies, on which all constants were chosen.

mod detector;
mod joined;
mod past;
pub mod peers;
pub mod rate;
mod record;
mod residuals;
pub mod simulation;
#[cfg(test)]
mod tests;
pub mod usual;

use serde::Serialize;

pub use detector::{Detector, LEAST_STEPS};

use super::finding::Window;
use super::series::Series;

const DAY_MS: i64 = 86_400_000;

/// What counts as unusual. The defaults were chosen on [`simulation`], for at most 0.2 false alarms
/// a series and day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// The step that samples are joined to, from a second to three hours. A detector keeps seven days
    /// of values and two of residuals, of 4 bytes a step: 12 kB at 5 minutes.
    pub step_ms: i64,
    /// The score from which a step is an anomaly.
    pub threshold: f64,
    /// How long a score is remembered: until it is forgotten, only a much higher one is told.
    pub memory_ms: i64,
    /// The least deviation that is taken for real, in the metric's unit: what is off by less than
    /// this times the threshold is never an anomaly. By it what an idle container does is silent.
    pub least_deviation: f64,
}

impl Default for Params {
    fn default() -> Self {
        Params { step_ms: 300_000, threshold: 6.0, memory_ms: 2 * DAY_MS, least_deviation: 1e-9 }
    }
}

/// A step that is not as usual, or how the last one was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Anomaly {
    /// The step's end, in milliseconds since 1970.
    pub at: i64,
    /// The time up to then that the value is of: a step, or the hours that something lasted.
    pub over_ms: i64,
    /// The median of that time; of hours, what was expected and how far they were off.
    pub value: f64,
    /// What was expected.
    pub expected: f64,
    /// The least that would not have been unusual.
    pub low: f64,
    /// The most that would not have been unusual.
    pub high: f64,
    /// How many deviations the value is from what was expected.
    pub score: f64,
    /// How many steps that was told from.
    pub samples: usize,
    /// The time of those steps.
    pub window: Window,
}

/// The anomalies of a series, as a detector that had watched it would have told them.
pub fn anomalies(series: &Series, params: Params) -> Vec<Anomaly> {
    let mut detector = Detector::new(params);
    let mut found: Vec<Anomaly> =
        series.points().iter().filter_map(|(at, value)| detector.observe(*at, *value)).collect();
    found.extend(detector.finish());
    found
}
