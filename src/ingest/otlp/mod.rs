//! OTLP over HTTP: what a request holds.
//!
//! [`protobuf`] and [`json`] read bodies of metrics into the same [`model`], [`protobuf_spans`]
//! and [`json_spans`] those of traces into [`spans`]. Nothing here knows what
//! becomes of it. Invariants: a part that cannot be read is counted and costs itself alone; all
//! memory that grows with a body is taken from its [allowance](super::Allowance) first.

mod exemplar;
pub mod json;
pub mod json_spans;
mod json_value;
pub(super) mod lenient;
pub mod model;
pub mod protobuf;
pub mod protobuf_spans;
pub(super) mod reading;
pub mod spans;
pub mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::allowance::{Allowance, Spent};

/// Bytes as the value of an attribute shows them.
fn base64(bytes: &[u8], allowance: &Allowance) -> Result<String, Spent> {
    allowance.take(bytes.len().div_ceil(3).saturating_mul(4))?;
    Ok(STANDARD.encode(bytes))
}
