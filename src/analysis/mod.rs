//! What can be concluded from samples: pure functions over plain data.
//!
//! - [`counter`]: how much counters have counted in a period, exactly, over restarts and gaps;
//! - [`cost`]: what that costs, by tenant.

pub mod cost;
pub mod counter;
