//! What is found without being asked: what holds requests up on this host, looked for again and
//! again, as a metric and in a report for each team once a week.
//!
//! - `board`: what was found last;
//! - `collector`: `dockmeter_findings`;
//! - `watch`: who looks, and how often;
//! - `weekly`: the report, through Alertmanager.
//!
//! Every dockmeter looks at its own host alone, whatever else its Prometheus scrapes.

mod board;
mod collector;
mod watch;
mod weekly;

#[cfg(test)]
mod fixture;

pub use board::{Board, Found};
pub use collector::FindingsCollector;
pub use watch::{Source, Watch};
pub use weekly::WeeklyReporter;
