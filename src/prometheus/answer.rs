//! The JSON of an answer. Source: Prometheus' HTTP API, version 1.

use serde::Deserialize;

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
    value: Option<(f64, String)>,
    /// Of a matrix.
    #[serde(default)]
    values: Vec<(f64, String)>,
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
    let sample =
        |(time, value): (f64, String)| Some((time, value.parse::<f64>().ok().filter(|v| v.is_finite())?));
    let series = data.result.into_iter().map(|row| Series {
        labels: row.metric,
        samples: row.value.into_iter().chain(row.values).filter_map(sample).collect(),
    });
    Some(Answer::Series(series.filter(|series| !series.samples.is_empty()).collect()))
}
