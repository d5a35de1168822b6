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
    Buckets, Data, Exemplar, Exponential, Faults, Metric, Metrics, Number, Point, Quantiles, ResourceMetrics,
    Run, Temporality,
};
use super::protobuf::NO_RECORDED_VALUE;

/// Names of `AggregationTemporality`, by number.
const TEMPORALITIES: &[&str] = &[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
];

/// Reads an `ExportMetricsServiceRequest`.
///
/// # Errors
/// The text is no JSON, or not of that shape down to its lists of metrics.
pub fn metrics(body: &str) -> Result<Metrics<'_>, serde_json::Error> {
    let request: MetricsRequest<'_> = serde_json::from_str(body)?;
    let mut faults = Faults::default();
    let mut resources = Vec::with_capacity(request.resource_metrics.len());
    for of_resource in request.resource_metrics {
        let mut metrics = Vec::new();
        for raw in of_resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            match metric(raw, &mut faults) {
                Ok(metric) => metrics.push(metric),
                Err(why) => faults.malformed(1, why),
            }
        }
        resources.push(ResourceMetrics { attributes: attributes(of_resource.resource.attributes), metrics });
    }
    Ok(Metrics { resources, faults })
}

/// Reads what can be read of a list.
pub(super) fn each<'a, R: Deserialize<'a>, T>(
    list: impl Iterator<Item = &'a RawValue>,
    faults: &mut Faults,
    make: impl Fn(R) -> Result<T, String>,
) -> Vec<T> {
    let mut made = Vec::new();
    for raw in list {
        match serde_json::from_str(raw.get()).map_err(|error| error.to_string()).and_then(&make) {
            Ok(item) => made.push(item),
            Err(why) => faults.malformed(1, why),
        }
    }
    made
}

fn metric<'a>(raw: &'a RawValue, faults: &mut Faults) -> Result<Metric<'a>, serde_json::Error> {
    let raw: RawMetric<'a> = serde_json::from_str(raw.get())?;
    let temporality = |list: &Points<'a>| Temporality::of_number(list.aggregation_temporality.0);
    let data = if let Some(list) = raw.gauge {
        Data::Gauge(points(&list, faults, RawPoint::number))
    } else if let Some(list) = raw.sum {
        let (temporality, monotonic) = (temporality(&list), list.is_monotonic);
        Data::Sum { temporality, monotonic, points: points(&list, faults, RawPoint::number) }
    } else if let Some(list) = raw.histogram {
        Data::Histogram { temporality: temporality(&list), points: points(&list, faults, RawPoint::buckets) }
    } else if let Some(list) = raw.exponential_histogram {
        let temporality = temporality(&list);
        Data::ExponentialHistogram { temporality, points: points(&list, faults, RawPoint::exponential) }
    } else if let Some(list) = raw.summary {
        Data::Summary(points(&list, faults, RawPoint::quantiles))
    } else {
        Data::Empty
    };
    Ok(Metric { name: raw.name.0, description: raw.description.0, unit: raw.unit.0, data })
}

/// Reads the points of a metric: of each what all kinds have, and its value.
fn points<'a, V>(
    list: &Points<'a>,
    faults: &mut Faults,
    value: fn(&mut RawPoint<'a>) -> Option<V>,
) -> Vec<Point<'a, V>>
where
    V: Default,
{
    each::<RawPoint<'a>, _>(list.data_points.iter().copied(), faults, |mut raw| {
        let ended = raw.flags.0 & NO_RECORDED_VALUE != 0;
        let value = value(&mut raw).or(ended.then(V::default)).ok_or("a point has no value")?;
        Ok(Point {
            attributes: attributes(raw.attributes),
            start_ns: raw.start_time_unix_nano.0,
            time_ns: raw.time_unix_nano.0,
            ended,
            value,
            exemplars: raw.exemplars.into_iter().map(|raw| Exemplar::Json(raw.get())).collect(),
        })
    })
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
    fn number(&mut self) -> Option<Number> {
        number(self.as_double, self.as_int)
    }

    fn buckets(&mut self) -> Option<Buckets> {
        Some(Buckets {
            count: self.count.0,
            sum: self.sum.map(|sum| sum.0),
            bounds: self.explicit_bounds.iter().map(|bound| bound.0).collect(),
            counts: self.bucket_counts.iter().map(|count| count.0).collect(),
        })
    }

    fn exponential(&mut self) -> Option<Exponential> {
        Some(Exponential {
            count: self.count.0,
            sum: self.sum.map(|sum| sum.0),
            scale: i32::try_from(self.scale.0).ok()?,
            zero_count: self.zero_count.0,
            zero_threshold: self.zero_threshold.0,
            positive: self.positive.read()?,
            negative: self.negative.read()?,
        })
    }

    fn quantiles(&mut self) -> Option<Quantiles> {
        let values = self.quantile_values.iter().map(|at| (at.quantile.0, at.value.0)).collect();
        Some(Quantiles { count: self.count.0, sum: self.sum.map_or(0.0, |sum| sum.0), values })
    }
}

impl RawRun {
    fn read(&self) -> Option<Run> {
        let counts = self.bucket_counts.iter().map(|count| count.0).collect();
        Some(Run { offset: i32::try_from(self.offset.0).ok()?, counts })
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
