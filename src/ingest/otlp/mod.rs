//! OTLP over HTTP: what a request holds.
//!
//! [`protobuf`] and [`json`] read bodies of metrics into the same [`model`], [`protobuf_spans`]
//! and [`json_spans`] those of traces into [`spans`]. Nothing here knows what
//! becomes of it. Invariant: a part that cannot be read is counted and costs itself alone.

mod exemplar;
pub mod json;
pub mod json_spans;
mod json_value;
pub(super) mod lenient;
pub mod model;
pub mod protobuf;
pub mod protobuf_spans;
pub mod spans;
pub mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes as the value of an attribute shows them.
fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
