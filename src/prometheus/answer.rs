//! The JSON of an answer. Source: Prometheus' HTTP API, version 1.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::{Labels, Series};

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: Labels,
    /// Of a vector.
    value: Option<(f64, Number)>,
    /// Of a matrix.
    #[serde(default)]
    values: Vec<(f64, Number)>,
}

/// A value, which is written as a string. What is no number is none: `NaN`.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

/// Reads a [`Number`] without a copy of its digits: an answer has hundreds of thousands.
struct Digits;

impl Visitor<'_> for Digits {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value in a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Number, E> {
        Ok(Number(text.parse().unwrap_or(f64::NAN)))
    }
}

/// What an answer says.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// Series; of a vector each has one sample.
    Series(Vec<Series>),
    /// The query was refused, with the server's words.
    Refused(String),
}

/// Reads an answer; `None` if it is none of a Prometheus. Values that are no numbers are left
/// out, native histograms among them.
pub(super) fn read(body: &[u8]) -> Option<Answer> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    if envelope.status != "success" {
        return (envelope.status == "error").then_some(Answer::Refused(envelope.error));
    }
    let data = envelope.data?;
    matches!(data.result_type.as_str(), "vector" | "matrix").then_some(())?;
    let sample = |(time, Number(value)): (f64, Number)| value.is_finite().then_some((time, value));
    let series = data.result.into_iter().map(|row| Series {
        labels: row.metric,
        samples: row.value.into_iter().chain(row.values).filter_map(sample).collect(),
    });
    Some(Answer::Series(series.filter(|series| !series.samples.is_empty()).collect()))
}
