//! OTLP requests in JSON.
//!
//! Every deviation that the protocol and the JSON form of protobuf allow is taken: 64-bit
//! numbers as text or number, enums by number or name, `NaN` and `Infinity` as text, `null` for
//! what is not set, unknown fields. Metrics and points are read one by one, so that one
//! that makes no sense costs itself alone. Source: OTLP specification, "JSON Protobuf Encoding".

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::json_value::{KeyValue, attributes};
use super::lenient::{Double, Enum, Integer, Text, Unsigned, or_default};
use super::model::{
    Buckets, Data, Exemplar, Exponential, Metric, Metrics, Number, Point, Quantiles, ResourceMetrics, Run,
    Temporality,
};
use super::protobuf::NO_RECORDED_VALUE;
use super::reading::{LONGEST_NAME, Reading};
use crate::ingest::allowance::{Allowance, Spent};
use crate::ingest::metered::{self, Unread};

/// Names of `AggregationTemporality`, by number.
const TEMPORALITIES: &[&str] = &[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
];

/// Reads an `ExportMetricsServiceRequest`.
///
/// # Errors
/// The text is no JSON, or not of that shape down to its lists of metrics, or takes more memory
/// than it may.
pub fn metrics<'a>(body: &'a str, allowance: &Allowance) -> Result<Metrics<'a>, Unread> {
    metered::scratch(body, allowance)?;
    let request: MetricsRequest<'_> = metered::read(body, allowance)?;
    let mut reading = Reading::within(allowance);
    let mut resources = Vec::new();
    for of_resource in request.resource_metrics {
        let raw = of_resource.scope_metrics.iter().flat_map(|scope| &scope.metrics);
        let metrics = each(raw.copied(), &mut reading, metric)?;
        let attributes = attributes(of_resource.resource.attributes, &mut reading)?;
        allowance.push(&mut resources, ResourceMetrics { attributes, metrics })?;
    }
    Ok(Metrics { resources, faults: reading.faults })
}

/// Reads what can be read of a list.
///
/// # Errors
/// The request takes more memory than it may.
pub(super) fn each<'a, R: Deserialize<'a>, T>(
    list: impl Iterator<Item = &'a RawValue>,
    reading: &mut Reading<'_>,
    make: impl Fn(R, &mut Reading<'_>) -> Result<T, Unread>,
) -> Result<Vec<T>, Spent> {
    let (mut made, allowance) = (Vec::new(), reading.allowance);
    for raw in list {
        match metered::read_into(raw.get(), allowance, |raw| make(raw, reading)) {
            Ok(item) => allowance.push(&mut made, item)?,
            Err(Unread::Spent(spent)) => return Err(spent),
            Err(why) => reading.faults.malformed(1, why),
        }
    }
    Ok(made)
}

fn metric<'a>(raw: RawMetric<'a>, reading: &mut Reading<'_>) -> Result<Metric<'a>, Unread> {
    if raw.name.0.len().max(raw.unit.0.len()) > LONGEST_NAME {
        return Err(Unread::Senseless("a metric's name or unit is longer than 1024 bytes"));
    }
    let temporality = |list: &Points<'a>| Temporality::of_number(list.aggregation_temporality.0);
    let data = if let Some(list) = raw.gauge {
        Data::Gauge(points(&list, reading, RawPoint::number)?)
    } else if let Some(list) = raw.sum {
        let (temporality, monotonic) = (temporality(&list), list.is_monotonic);
        Data::Sum { temporality, monotonic, points: points(&list, reading, RawPoint::number)? }
    } else if let Some(list) = raw.histogram {
        let temporality = temporality(&list);
        Data::Histogram { temporality, points: points(&list, reading, RawPoint::buckets)? }
    } else if let Some(list) = raw.exponential_histogram {
        let temporality = temporality(&list);
        Data::ExponentialHistogram { temporality, points: points(&list, reading, RawPoint::exponential)? }
    } else if let Some(list) = raw.summary {
        Data::Summary(points(&list, reading, RawPoint::quantiles)?)
    } else {
        Data::Empty
    };
    let kept = |text: Text<'a>| text.kept(reading.allowance);
    Ok(Metric { name: kept(raw.name)?, description: kept(raw.description)?, unit: kept(raw.unit)?, data })
}

/// Reads the points of a metric: of each what all kinds have, and its value.
fn points<'a, V>(
    list: &Points<'a>,
    reading: &mut Reading<'_>,
    value: fn(&RawPoint<'a>, &Allowance) -> Result<Option<V>, Spent>,
) -> Result<Vec<Point<'a, V>>, Spent>
where
    V: Default,
{
    each(list.data_points.iter().copied(), reading, |raw: RawPoint<'a>, reading| {
        let ended = raw.flags.0 & NO_RECORDED_VALUE != 0;
        let value = value(&raw, reading.allowance)?.or(ended.then(V::default));
        Ok(Point {
            start_ns: raw.start_time_unix_nano.0,
            time_ns: raw.time_unix_nano.0,
            ended,
            value: value.ok_or(Unread::Senseless("a point has no value"))?,
            exemplars: collected(
                raw.exemplars.iter().map(|raw| Exemplar::Json(raw.get())),
                reading.allowance,
            )?,
            attributes: attributes(raw.attributes, reading)?,
        })
    })
}

/// A list of exactly as many items as there are.
fn collected<T>(items: impl ExactSizeIterator<Item = T>, allowance: &Allowance) -> Result<Vec<T>, Spent> {
    let mut list = Vec::new();
    allowance.reserve(&mut list, items.len())?;
    list.extend(items);
    Ok(list)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct MetricsRequest<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    resource_metrics: Vec<RawResourceMetrics<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawResourceMetrics<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    resource: RawResource<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    scope_metrics: Vec<RawScopeMetrics<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawResource<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    pub(super) attributes: Vec<KeyValue<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawScopeMetrics<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    metrics: Vec<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawMetric<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Text<'a>,
    #[serde(borrow)]
    unit: Text<'a>,
    #[serde(borrow)]
    gauge: Option<Points<'a>>,
    #[serde(borrow)]
    sum: Option<Points<'a>>,
    #[serde(borrow)]
    histogram: Option<Points<'a>>,
    #[serde(borrow)]
    exponential_histogram: Option<Points<'a>>,
    #[serde(borrow)]
    summary: Option<Points<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Points<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    data_points: Vec<&'a RawValue>,
    #[serde(deserialize_with = "temporality")]
    aggregation_temporality: Enum,
    #[serde(deserialize_with = "or_default")]
    is_monotonic: bool,
}

/// A point of any kind: what one kind does not have is simply not there.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPoint<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    attributes: Vec<KeyValue<'a>>,
    start_time_unix_nano: Unsigned,
    time_unix_nano: Unsigned,
    flags: Unsigned,
    #[serde(borrow, deserialize_with = "or_default")]
    exemplars: Vec<&'a RawValue>,
    as_double: Option<Double>,
    as_int: Option<Integer>,
    count: Unsigned,
    sum: Option<Double>,
    #[serde(deserialize_with = "or_default")]
    bucket_counts: Vec<Unsigned>,
    #[serde(deserialize_with = "or_default")]
    explicit_bounds: Vec<Double>,
    scale: Integer,
    zero_count: Unsigned,
    zero_threshold: Double,
    #[serde(deserialize_with = "or_default")]
    positive: RawRun,
    #[serde(deserialize_with = "or_default")]
    negative: RawRun,
    #[serde(deserialize_with = "or_default")]
    quantile_values: Vec<RawQuantile>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawRun {
    offset: Integer,
    #[serde(deserialize_with = "or_default")]
    bucket_counts: Vec<Unsigned>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawQuantile {
    quantile: Double,
    value: Double,
}

impl RawPoint<'_> {
    fn number(&self, _: &Allowance) -> Result<Option<Number>, Spent> {
        Ok(number(self.as_double, self.as_int))
    }

    fn buckets(&self, allowance: &Allowance) -> Result<Option<Buckets>, Spent> {
        Ok(Some(Buckets {
            count: self.count.0,
            sum: self.sum.map(|sum| sum.0),
            bounds: collected(self.explicit_bounds.iter().map(|bound| bound.0), allowance)?,
            counts: collected(self.bucket_counts.iter().map(|count| count.0), allowance)?,
        }))
    }

    fn exponential(&self, allowance: &Allowance) -> Result<Option<Exponential>, Spent> {
        let (positive, negative) = (self.positive.read(allowance)?, self.negative.read(allowance)?);
        let scale = i32::try_from(self.scale.0);
        let (Ok(scale), Some(positive), Some(negative)) = (scale, positive, negative) else {
            return Ok(None);
        };
        Ok(Some(Exponential {
            count: self.count.0,
            sum: self.sum.map(|sum| sum.0),
            scale,
            zero_count: self.zero_count.0,
            zero_threshold: self.zero_threshold.0,
            positive,
            negative,
        }))
    }

    fn quantiles(&self, allowance: &Allowance) -> Result<Option<Quantiles>, Spent> {
        let values = self.quantile_values.iter().map(|at| (at.quantile.0, at.value.0));
        let (count, sum) = (self.count.0, self.sum.map_or(0.0, |sum| sum.0));
        Ok(Some(Quantiles { count, sum, values: collected(values, allowance)? }))
    }
}

impl RawRun {
    fn read(&self, allowance: &Allowance) -> Result<Option<Run>, Spent> {
        let counts = collected(self.bucket_counts.iter().map(|count| count.0), allowance)?;
        Ok(i32::try_from(self.offset.0).ok().map(|offset| Run { offset, counts }))
    }
}

/// A double wins where a sender has put both, as it says more.
fn number(double: Option<Double>, integer: Option<Integer>) -> Option<Number> {
    double.map(|value| Number::Double(value.0)).or(integer.map(|value| Number::Int(value.0)))
}

fn temporality<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Enum, D::Error> {
    Enum::read(deserializer, TEMPORALITIES)
}

#[cfg(test)]
mod tests;
