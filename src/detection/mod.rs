//! What is unusual as it happens: a detector for each measure of each container follows full
//! readings, having learned from the history what is usual.
//!
//! - `meter`: what a container did in the step of five minutes that is not over, exactly as the
//!   history counts it, so that what was learned and what is seen are the same;
//! - `series`: one measure of one service: what is known of it, and whether it is unusual;
//! - `watch`: all of them within a bound of memory, without clock, thread or I/O;
//! - `learn`: the week before, asked of [`Query`](crate::history::Query) container by container;
//! - `thread`: the thread around it, which nobody waits for.
//!
//! A step is judged when it is over, or as soon as it is certain to be unusual: time on a core
//! that has been used in it cannot become less.

mod learn;
mod meter;
mod series;
#[cfg(test)]
mod tests;
mod thread;
mod watch;

use crate::history::{MEASURES, Measure};

pub use learn::Sources;
pub use thread::start;
pub use watch::{Learned, Service, Watch};

/// The step of all series, as of `/api/analytics/anomalies`: the embedded history keeps it for a
/// week, and all constants of the detector were chosen for it.
const STEP_MS: i64 = 300_000;

/// How much is learned from: what a detector remembers.
const LEARNED_MS: i64 = 7 * 86_400_000;

/// How many measures there are of a container.
const COUNT: usize = 6;

/// What is looked at of a container, in the order of its series: what `/api/analytics/anomalies`
/// looks at of containers.
const NAMES: [&str; COUNT] = [
    "cpu_usage_cores",
    "cpu_throttled_periods_ratio",
    "memory_working_set_bytes",
    "pressure_cpu_waiting_ratio",
    "pressure_memory_stalled_ratio",
    "pressure_io_stalled_ratio",
];

/// The measures of [`NAMES`].
fn measures() -> [Option<&'static Measure>; COUNT] {
    NAMES.map(|name| MEASURES.iter().find(|measure| measure.name == name))
}
