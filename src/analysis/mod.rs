//! What can be concluded from samples: pure functions over plain data.
//!
//! - [`counter`]: how much counters have counted in a period, exactly, over restarts and gaps;
//! - [`cost`]: what that costs, by tenant;
//! - [`slo`]: whether promises were kept, what is left of their budgets, and when they broke.

pub mod cost;
pub mod counter;
pub mod slo;
