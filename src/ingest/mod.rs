//! What programs send of themselves: metrics and traces.
//!
//! - [`otlp`]: the requests of OpenTelemetry's protocol.
//! - [`Allowance`]: how much memory the reading of a request may take.
//! - `metered`: JSON within it.
//! - `measure`: single measurements, under the names of the semantic conventions.
//! - `plain`: plain JSON; `spans`: what spans measure.
//! - [`Service`]: what a service does now.
//! - [`name`]: OpenTelemetry's names and units as Prometheus has them.
//! - [`Correspondents`]: which container is at the other end of a connection.
//! - [`Origin`]: who a request is from.
//! - `slow`: which of their database calls are listed.
//! - [`Tally`]: what requests and counters of a service come to, for a [`Watcher`].
//! - [`Receiver`]: takes requests into `store`, the series that have been sent, bounded per
//!   tenant; [`Programs`] shows them.

mod allowance;
mod collector;
mod correspondent;
#[cfg(test)]
mod fixture;
pub mod intake;
mod labels;
mod measure;
mod metered;
pub mod name;
mod origin;
pub mod otlp;
mod performance;
mod plain;
mod receiver;
pub mod route;
mod seen;
mod slow;
mod spans;
mod standard;
mod store;
mod translate;
mod watch;

pub use allowance::{Allowance, Spent};
pub use collector::Programs;
pub use correspondent::{Correspondent, Correspondents, Found, Way};
pub use metered::Unread;
pub use origin::Origin;
pub use performance::{PERFORMANCE_WINDOW, Rates, Service};
pub use plain::{MOST_TOLD, Records, Taken, Told};
pub use receiver::{Encoding, Received, Receiver, Unreadable};
pub use watch::{Events, Tally, Watcher};
