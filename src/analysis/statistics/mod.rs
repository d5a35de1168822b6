//! Statistics of samples that depend on each other, as those of machines do.
//!
//! - [`order`]: medians, quantiles, robust spread, ranks;
//! - [`distribution`]: how likely chance alone is;
//! - [`serial`]: how much a sample repeats the one before it, and what that takes from a test;
//! - [`rank_sum`]: whether two groups of samples differ, and by how much;
//! - [`monotone`]: whether samples rise or fall, and how fast;
//! - [`correlation`]: whether one series goes with another.
//!
//! All take finite numbers; [`Series`](super::series::Series) leaves the others out.

pub mod correlation;
pub mod distribution;
pub mod monotone;
pub mod order;
pub mod rank_sum;
pub mod serial;

#[cfg(test)]
mod simulations;
#[cfg(test)]
mod tests;
