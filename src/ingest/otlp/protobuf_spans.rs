//! OTLP's trace requests in protobuf. Field numbers are those of opentelemetry-proto.

use std::borrow::Cow;

use super::protobuf::{by_resource, push_attribute};
use super::reading::Reading;
use super::spans::{ResourceSpans, Span, SpanKind, Traces};
use super::wire::{Fields, Malformed};
use crate::ingest::allowance::Allowance;

/// Code of a span's status: it failed.
pub(super) const STATUS_ERROR: u64 = 2;

/// Reads an `ExportTraceServiceRequest`.
///
/// # Errors
/// The bytes are not such a message, or take more memory than they may.
pub fn traces<'a>(body: &'a [u8], allowance: &Allowance) -> Result<Traces<'a>, Malformed> {
    let mut reading = Reading::within(allowance);
    let resource = |attributes, spans| ResourceSpans { attributes, spans };
    let resources = by_resource(body, &mut reading, span, resource)?;
    Ok(Traces { resources, faults: reading.faults })
}

fn span<'a>(message: &'a [u8], reading: &mut Reading<'_>) -> Result<Span<'a>, Malformed> {
    let mut span = Span::default();
    for field in Fields::of(message) {
        let (number, field) = field?;
        match number {
            1 => span.id.0 = Cow::Borrowed(field.bytes(1)?),
            2 => span.id.1 = Cow::Borrowed(field.bytes(2)?),
            6 => span.kind = SpanKind::of_number(field.varint(6)?),
            7 => span.start_ns = field.fixed64(7)?,
            8 => span.end_ns = field.fixed64(8)?,
            9 => push_attribute(field.bytes(9)?, &mut span.attributes, reading)?,
            15 => span.failed = status_is_error(field.bytes(15)?)?,
            _ => {}
        }
    }
    Ok(span)
}

fn status_is_error(message: &[u8]) -> Result<bool, Malformed> {
    let mut code = 0;
    for field in Fields::of(message) {
        if let (3, field) = field? {
            code = field.varint(3)?;
        }
    }
    Ok(code == STATUS_ERROR)
}

#[cfg(test)]
mod tests;
