//! What else should be changed, from plain facts.
//!
//! - [`reclaim`]: images, volumes and caches that nothing needs;
//! - [`statement`]: statements that an index would help;
//! - [`pool`]: pools of connections that are too small;
//! - [`setting`]: health checks and restart policies that are missing;
//! - [`traffic`]: slow answers and failing requests, with four things to do each.

pub mod pool;
pub mod reclaim;
pub mod setting;
pub mod statement;
#[cfg(test)]
mod tests;
pub mod traffic;

use super::finding::{Evidence, Window};

/// A number of a whole time.
fn evidence(metric: &str, value: f64, threshold: Option<f64>, window: Window, samples: usize) -> Evidence {
    Evidence { metric: metric.to_owned(), value, threshold, window, samples }
}
