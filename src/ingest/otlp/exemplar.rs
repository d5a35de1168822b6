//! Exemplars of points: single measurements with the trace that they were part of.
//!
//! They stay as they came until somebody wants them, which costs nothing where nobody does. One
//! that cannot be read costs itself alone. Source: `Exemplar` of opentelemetry-proto.

use std::fmt::Write as _;

use serde::Deserialize;

use super::json_value::{KeyValue, attributes};
use super::lenient::{Double, Integer, Text, Unsigned, or_default};
use super::model::Attribute;
use super::protobuf::push_attribute;
use super::reading::Reading;
use super::wire::{Fields, Malformed};
use crate::ingest::allowance::{Allowance, Spent};
use crate::ingest::metered;

/// Memory that reading one may take. They have few attributes and short ones, or they are not
/// kept.
pub(in crate::ingest) const MOST_BYTES: u64 = 16 << 10;

/// An exemplar as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exemplar<'a> {
    /// The message.
    Protobuf(&'a [u8]),
    /// The object.
    Json(&'a str),
    /// The message, of a value in milliseconds that is wanted in seconds.
    ProtobufInSeconds(&'a [u8]),
    /// The object, likewise.
    JsonInSeconds(&'a str),
}

const MILLISECONDS: f64 = 1_000.0;

/// An exemplar that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurement<'a> {
    /// When it was taken, in nanoseconds of Unix time; 0 is not known.
    pub time_ns: u64,
    /// What was measured.
    pub value: f64,
    /// The trace that it was part of, in hexadecimal digits; empty outside of one.
    pub trace_id: String,
    /// The span that it was part of, likewise.
    pub span_id: String,
    /// Attributes that the point does not have.
    pub attributes: Vec<Attribute<'a>>,
}

impl<'a> Exemplar<'a> {
    /// What it says; `None` if it cannot be read or has no value.
    pub fn read(self) -> Option<Measurement<'a>> {
        match self {
            Exemplar::Protobuf(message) => protobuf(message).ok().flatten(),
            Exemplar::Json(text) => json(text),
            Exemplar::ProtobufInSeconds(message) => in_seconds(Exemplar::Protobuf(message).read()?),
            Exemplar::JsonInSeconds(text) => in_seconds(Exemplar::Json(text).read()?),
        }
    }

    /// The same measurement, which came in milliseconds.
    pub fn in_seconds(self) -> Self {
        match self {
            Exemplar::Protobuf(message) => Exemplar::ProtobufInSeconds(message),
            Exemplar::Json(text) => Exemplar::JsonInSeconds(text),
            already => already,
        }
    }
}

fn in_seconds(read: Measurement<'_>) -> Option<Measurement<'_>> {
    Some(Measurement { value: read.value / MILLISECONDS, ..read })
}

fn protobuf(message: &[u8]) -> Result<Option<Measurement<'_>>, Malformed> {
    let (mut read, mut value) = (Measurement::default(), None);
    let allowance = Allowance::new(MOST_BYTES);
    let mut reading = Reading::within(&allowance);
    for field in Fields::of(message) {
        let (number, field) = field?;
        match number {
            2 => read.time_ns = field.fixed64(2)?,
            3 => value = Some(field.double(3)?),
            4 => read.span_id = id(field.bytes(4)?, &allowance)?,
            5 => read.trace_id = id(field.bytes(5)?, &allowance)?,
            6 => value = Some(field.fixed64(6)? as i64 as f64),
            7 => push_attribute(field.bytes(7)?, &mut read.attributes, &mut reading)?,
            _ => {}
        }
    }
    Ok(value.map(|value| Measurement { value, ..read }))
}

/// Bytes of an id in digits; nothing if all are zero, which stands for no id.
fn id(bytes: &[u8], allowance: &Allowance) -> Result<String, Spent> {
    let mut digits = String::new();
    if bytes.iter().any(|byte| *byte != 0) {
        allowance.take(2 * bytes.len())?;
        digits.reserve_exact(2 * bytes.len());
        for byte in bytes {
            let _ = write!(digits, "{byte:02x}");
        }
    }
    Ok(digits)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Raw<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    filtered_attributes: Vec<KeyValue<'a>>,
    time_unix_nano: Unsigned,
    as_double: Option<Double>,
    as_int: Option<Integer>,
    #[serde(borrow)]
    span_id: Text<'a>,
    #[serde(borrow)]
    trace_id: Text<'a>,
}

fn json(text: &str) -> Option<Measurement<'_>> {
    let allowance = Allowance::new(MOST_BYTES);
    let raw: Raw<'_> = metered::read(text, &allowance).ok()?;
    // In OTLP's JSON ids are hexadecimal, and not base64 as other bytes.
    let id = |text: &str| {
        let is_id =
            text.bytes().all(|byte| byte.is_ascii_hexdigit()) && text.bytes().any(|byte| byte != b'0');
        if is_id { text.to_ascii_lowercase() } else { String::new() }
    };
    Some(Measurement {
        time_ns: raw.time_unix_nano.0,
        value: raw.as_double.map(|value| value.0).or(raw.as_int.map(|value| value.0 as f64))?,
        trace_id: id(&raw.trace_id.0),
        span_id: id(&raw.span_id.0),
        attributes: attributes(raw.filtered_attributes, &mut Reading::within(&allowance)).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let message = [
            &[2 << 3 | 1][..],
            &5_u64.to_le_bytes(),
            &[3 << 3 | 1],
            &0.25_f64.to_le_bytes(),
            &[4 << 3 | 2, 2, 0xab, 0x01, 5 << 3 | 2, 2, 0xcd, 0x02],
            b"\x3a\x0a\x0a\x03who\x12\x03\x0a\x01x",
        ]
        .concat();
        let text = r#"{"timeUnixNano":"5","asDouble":0.25,"spanId":"AB01","traceId":"cd02",
            "filteredAttributes":[{"key":"who","value":{"stringValue":"x"}}]}"#;
        let read = Measurement {
            time_ns: 5,
            value: 0.25,
            trace_id: "cd02".to_owned(),
            span_id: "ab01".to_owned(),
            attributes: vec![Attribute::text("who", "x")],
        };
        assert_eq!(Exemplar::Protobuf(&message).read().as_ref(), Some(&read));
        assert_eq!(Exemplar::Json(text).read(), Some(read));
    }

    #[test]
    fn what_has_no_value_or_no_sense_is_nothing() {
        for text in ["{}", r#"{"asInt":"x"}"#, "[", r#"{"traceId":"00"}"#] {
            assert_eq!(Exemplar::Json(text).read(), None, "{text}");
        }
        assert_eq!(Exemplar::Protobuf(&[]).read(), None);
        assert_eq!(Exemplar::Protobuf(&[0xff]).read(), None);
        let outside = Exemplar::Json(r#"{"asInt":3,"traceId":"0000","spanId":"no id"}"#).read().unwrap();
        assert_eq!((outside.value, &*outside.trace_id, &*outside.span_id), (3.0, "", ""));
    }
}
