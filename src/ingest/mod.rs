//! What programs send of themselves: metrics and traces.
//!
//! - [`otlp`]: the requests of OpenTelemetry's protocol.
//! - [`name`]: OpenTelemetry's names and units as Prometheus has them.
//! - [`store`]: the series that have been sent.

mod labels;
pub mod name;
pub mod otlp;
pub mod store;
mod translate;
