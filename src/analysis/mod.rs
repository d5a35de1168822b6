//! What can be concluded from samples: pure functions over plain data.
//!
//! - [`counter`]: how much counters have counted in a period, exactly, over restarts and gaps;
//! - [`cost`]: what that costs, by tenant;
//! - [`slo`]: whether promises were kept, what is left of their budgets, and when they broke;
//! - [`compare`]: whether one time differs from another;
//! - [`change`]: where a series changes its level;
//! - [`trend`]: where a series is going, and when it gets there;
//! - [`course`]: which of both a series has done;
//! - [`anomaly`]: what is not as usual, told from a stream;
//! - [`rightsize`]: limits and reservations of containers;
//! - [`advice`]: what else should be changed: disks, statements, pools, settings, slow answers;
//! - [`bottleneck`]: what holds a tenant's requests up;
//! - [`efficiency`]: how much a service does with its cores;
//! - [`finding`], [`recommendation`]: what methods answer with: why, how, and what it brings;
//! - [`followup`]: what became of what was recommended;
//! - [`words`]: numbers as people read them;
//! - [`series`]: values by time, cleaned;
//! - [`simulation`]: made-up series whose truth is known;
//! - [`statistics`]: tests that stay honest for samples that repeat each other.

pub mod advice;
pub mod anomaly;
pub mod bottleneck;
pub mod change;
pub mod compare;
pub mod cost;
pub mod counter;
pub mod course;
pub mod efficiency;
pub mod finding;
pub mod followup;
pub mod recommendation;
pub mod rightsize;
pub mod series;
pub mod simulation;
pub mod slo;
pub mod statistics;
pub mod trend;
pub mod words;
