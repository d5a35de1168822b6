//! What programs send of themselves: metrics and traces.
//!
//! - [`otlp`]: the requests of OpenTelemetry's protocol.
//! - [`name`]: OpenTelemetry's names and units as Prometheus has them.

pub mod name;
pub mod otlp;
