//! What programs send of themselves: metrics and traces.
//!
//! - [`otlp`]: the requests of OpenTelemetry's protocol.
//! - [`name`]: OpenTelemetry's names and units as Prometheus has them.
//! - [`Origin`]: who a request is from.
//! - [`Receiver`]: takes requests into `store`, the series that have been sent, bounded per
//!   tenant; [`Programs`] shows them.

mod collector;
mod labels;
pub mod name;
mod origin;
pub mod otlp;
mod receiver;
mod store;
mod translate;

pub use collector::Programs;
pub use origin::Origin;
pub use receiver::{Encoding, Received, Receiver, Unreadable};
