//! OTLP's trace requests in protobuf. Field numbers are those of opentelemetry-proto.

use std::borrow::Cow;

use super::model::Faults;
use super::protobuf::{attribute, by_resource};
use super::spans::{ResourceSpans, Span, SpanKind, Traces};
use super::wire::{Fields, Malformed};

/// Code of a span's status: it failed.
pub(super) const STATUS_ERROR: u64 = 2;

/// Reads an `ExportTraceServiceRequest`.
///
/// # Errors
/// The bytes are not such a message.
pub fn traces(body: &[u8]) -> Result<Traces<'_>, Malformed> {
    let mut faults = Faults::default();
    let read = by_resource(body, &mut faults, |message, faults| span(message, &mut faults.mended))?;
    let resources = read.into_iter().map(|(attributes, spans)| ResourceSpans { attributes, spans });
    Ok(Traces { resources: resources.collect(), faults })
}

fn span<'a>(message: &'a [u8], mended: &mut u64) -> Result<Span<'a>, Malformed> {
    let mut span = Span::default();
    for field in Fields::of(message) {
        let (number, field) = field?;
        match number {
            1 => span.id.0 = Cow::Borrowed(field.bytes(1)?),
            2 => span.id.1 = Cow::Borrowed(field.bytes(2)?),
            6 => span.kind = SpanKind::of_number(field.varint(6)?),
            7 => span.start_ns = field.fixed64(7)?,
            8 => span.end_ns = field.fixed64(8)?,
            9 => span.attributes.push(attribute(field.bytes(9)?, mended)?),
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
