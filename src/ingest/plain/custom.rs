//! Records of metrics that a program has defined.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::definition::{Definition, Definitions};
use super::{Measurement, amount, is_list, needed, said};
use crate::ingest::allowance::Allowance;
use crate::ingest::metered::{self, Unread};
use crate::ingest::otlp::lenient::{Double, Scalar, Text, or_default};
use crate::ingest::otlp::model::{Attribute, Temporality};
use crate::ingest::slow::SlowCalls;
use crate::ingest::store::{Refused, Update, Writer};
use crate::metrics::Kind;

/// A body: definitions, which hold for its own records as well, and records.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Body<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) define: Vec<&'a RawValue>,
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) record: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    value: Option<Double>,
    #[serde(borrow, deserialize_with = "or_default")]
    labels: BTreeMap<Cow<'a, str>, Scalar<'a>>,
}

/// One value of a metric.
pub(super) struct Recorded {
    definition: Arc<Definition>,
    value: f64,
    labels: Vec<Attribute<'static>>,
}

/// Reads a body; a list alone is one of records.
///
/// # Errors
/// It is neither.
pub(super) fn body<'a>(body: &'a str, allowance: &Allowance) -> Result<Body<'a>, Unread> {
    if is_list(body) {
        return Ok(Body { define: Vec::new(), record: metered::read(body, allowance)? });
    }
    metered::read(body, allowance)
}

/// Reads a record.
pub(super) fn read(
    raw: &str,
    known: &mut Definitions,
    allowance: &Allowance,
    now: Instant,
) -> Result<Recorded, String> {
    let record: Record<'_> = metered::read(raw, allowance).map_err(|why| why.to_string())?;
    let name = needed("name", said(record.name))?;
    let definition = known
        .get(&name, now)
        .ok_or_else(|| format!("`{name}` is not defined; say what it is under `define`"))?;
    let value = needed("value", record.value)?.0;
    let value = match definition.kind {
        Kind::Counter => amount("value", value)?,
        _ if value.is_finite() => value,
        _ => return Err(format!("`value` is {value}; it has to be a number")),
    };
    let mut labels = Vec::new();
    for (name, value) in record.labels {
        if !definition.labels.iter().any(|label| **label == *name) {
            let declared = definition.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>();
            return Err(format!("`{name}` is none of the labels that are defined: {}", declared.join(", ")));
        }
        let text = match value {
            Scalar::Null => continue,
            Scalar::Text(text) => text.into_owned(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Number(value) => value.to_string(),
            Scalar::Nested => return Err(format!("the label `{name}` is no text")),
        };
        labels.push(Attribute::text(name.into_owned(), text));
    }
    Ok(Recorded { definition, value, labels })
}

impl Measurement for Recorded {
    fn memory(&self) -> usize {
        let text = |label: &Attribute<'_>| label.key.len() + label.value.as_text().len();
        self.labels.capacity() * size_of::<Attribute<'_>>() + self.labels.iter().map(text).sum::<usize>()
    }

    fn record(&self, writer: &mut Writer<'_>, _: SlowCalls<'_>) -> Result<(), Refused> {
        let Definition { name, kind, help, bounds, .. } = &*self.definition;
        let update = match kind {
            Kind::Counter => Update::Sum(self.value, Temporality::Delta),
            Kind::Histogram | Kind::Summary => Update::Observe(self.value, bounds),
            Kind::Gauge | Kind::Untyped => Update::Last(self.value),
        };
        let stream = writer.stream((name, kind), || Ok((name.to_string(), *kind, help.to_string())))?;
        writer.point(stream, &self.labels, update, (0, 0))
    }
}
