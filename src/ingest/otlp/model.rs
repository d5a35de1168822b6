//! What an OTLP request holds, the same whether it came as protobuf or as JSON.
//!
//! Texts borrow from the body wherever they can. Instrumentation scopes are not kept: nothing
//! is shown of them, and one service's points belong together whichever library made them.
//! Source: opentelemetry-proto, `metrics.proto`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

pub use super::exemplar::Exemplar;
use crate::ingest::allowance::{Allowance, Spent};

/// The metrics of one request, and what could not be taken of it.
#[derive(Debug, Default, PartialEq)]
pub struct Metrics<'a> {
    /// By the resource that they are of.
    pub resources: Vec<ResourceMetrics<'a>>,
    /// What was left out or mended.
    pub faults: Faults,
}

/// The metrics of one resource.
#[derive(Debug, Default, PartialEq)]
pub struct ResourceMetrics<'a> {
    /// What the sender says of itself.
    pub attributes: Vec<Attribute<'a>>,
    /// What it measured.
    pub metrics: Vec<Metric<'a>>,
}

/// What had to be left out of a request, or mended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Points that could not be read.
    pub malformed: u64,
    /// Why the first of them could not.
    pub first: Option<String>,
    /// Texts in which bytes that are not UTF-8 were replaced.
    pub mended: u64,
}

impl Faults {
    /// Counts points that could not be read.
    pub(super) fn malformed(&mut self, points: u64, why: impl ToString) {
        self.malformed += points;
        self.first.get_or_insert_with(|| why.to_string());
    }
}

/// One metric with its points.
#[derive(Debug, Default, PartialEq)]
pub struct Metric<'a> {
    /// Its name, as `http.server.request.duration`.
    pub name: Cow<'a, str>,
    /// What it says.
    pub description: Cow<'a, str>,
    /// Its unit by UCUM, as `s` or `By`.
    pub unit: Cow<'a, str>,
    /// Its points, all of one kind.
    pub data: Data<'a>,
}

/// The points of a metric.
#[derive(Debug, Default, PartialEq)]
pub enum Data<'a> {
    /// None that this version knows.
    #[default]
    Empty,
    /// Last values.
    Gauge(Vec<Point<'a, Number>>),
    /// Sums.
    Sum {
        /// How they add up.
        temporality: Temporality,
        /// Whether they never fall.
        monotonic: bool,
        /// The points.
        points: Vec<Point<'a, Number>>,
    },
    /// Distributions over bounds of the sender's choice.
    Histogram {
        /// How they add up.
        temporality: Temporality,
        /// The points.
        points: Vec<Point<'a, Buckets>>,
    },
    /// Distributions over exponential bounds.
    ExponentialHistogram {
        /// How they add up.
        temporality: Temporality,
        /// The points.
        points: Vec<Point<'a, Exponential>>,
    },
    /// Quantiles that the sender has computed.
    Summary(Vec<Point<'a, Quantiles>>),
}

impl<'a> Data<'a> {
    /// The points apart by what `key` makes, and takes, of their attributes.
    ///
    /// # Errors
    /// They take more memory than they may.
    pub fn apart<K: Ord>(
        self,
        key: &mut impl FnMut(&mut Vec<Attribute<'a>>) -> K,
        allowance: &Allowance,
    ) -> Result<BTreeMap<K, Data<'a>>, Spent> {
        match self {
            Data::Empty => Ok(BTreeMap::new()),
            Data::Gauge(points) => apart(points, key, allowance, Data::Gauge),
            Data::Sum { temporality, monotonic, points } => {
                apart(points, key, allowance, |points| Data::Sum { temporality, monotonic, points })
            }
            Data::Histogram { temporality, points } => {
                apart(points, key, allowance, |points| Data::Histogram { temporality, points })
            }
            Data::ExponentialHistogram { temporality, points } => {
                apart(points, key, allowance, |points| Data::ExponentialHistogram { temporality, points })
            }
            Data::Summary(points) => apart(points, key, allowance, Data::Summary),
        }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        match self {
            Data::Empty => 0,
            Data::Gauge(points) | Data::Sum { points, .. } => points.len(),
            Data::Histogram { points, .. } => points.len(),
            Data::ExponentialHistogram { points, .. } => points.len(),
            Data::Summary(points) => points.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn apart<'a, K: Ord, V>(
    points: Vec<Point<'a, V>>,
    key: &mut impl FnMut(&mut Vec<Attribute<'a>>) -> K,
    allowance: &Allowance,
    data: impl Fn(Vec<Point<'a, V>>) -> Data<'a>,
) -> Result<BTreeMap<K, Data<'a>>, Spent> {
    let mut parts: BTreeMap<K, Vec<Point<'a, V>>> = BTreeMap::new();
    for mut point in points {
        let (key, known) = (key(&mut point.attributes), parts.len());
        let part = parts.entry(key).or_default();
        if part.is_empty() {
            // Here, and twice in what is made of it.
            allowance.entry(3 * size_of::<(K, Data<'_>)>(), known)?;
        }
        allowance.push(part, point)?;
    }
    Ok(parts.into_iter().map(|(key, points)| (key, data(points))).collect())
}

/// What a point's value counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Not said, which is an error of the sender.
    #[default]
    Unspecified,
    /// From the point before.
    Delta,
    /// From the sender's start.
    Cumulative,
}

impl Temporality {
    /// The value of the enum `AggregationTemporality`.
    pub(super) fn of_number(number: u64) -> Self {
        match number {
            1 => Temporality::Delta,
            2 => Temporality::Cumulative,
            _ => Temporality::Unspecified,
        }
    }
}

/// One point in time of one series.
#[derive(Debug, Default, PartialEq)]
pub struct Point<'a, V> {
    /// What tells the series from others of the metric.
    pub attributes: Vec<Attribute<'a>>,
    /// Since when it counts, in nanoseconds of Unix time; 0 is not known.
    pub start_ns: u64,
    /// When it was taken, in nanoseconds of Unix time; 0 is not known.
    pub time_ns: u64,
    /// Whether the sender says that the series has ended (`NO_RECORDED_VALUE`).
    pub ended: bool,
    /// The value.
    pub value: V,
    /// Measurements that stand for others like them, as they came.
    pub exemplars: Vec<Exemplar<'a>>,
}

/// A number of either kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A 64-bit integer.
    Int(i64),
    /// A double.
    Double(f64),
}

impl Number {
    /// The number as a double.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Double(value) => value,
        }
    }
}

impl Default for Number {
    fn default() -> Self {
        Number::Int(0)
    }
}

/// A distribution over explicit bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets {
    /// How many values.
    pub count: u64,
    /// Their sum, unless some were negative.
    pub sum: Option<f64>,
    /// Upper bounds, ascending.
    pub bounds: Vec<f64>,
    /// Values in each bucket, one more than bounds; none where only count and sum are known.
    pub counts: Vec<u64>,
}

/// A distribution over exponential bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exponential {
    /// How many values.
    pub count: u64,
    /// Their sum, unless some were negative.
    pub sum: Option<f64>,
    /// Two to the power of this many buckets for each power of two.
    pub scale: i32,
    /// Values that count as zero.
    pub zero_count: u64,
    /// Up to which distance from zero they do.
    pub zero_threshold: f64,
    /// Values above.
    pub positive: Run,
    /// Values below.
    pub negative: Run,
}

/// Exponential buckets one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Index of the first; bucket `i` holds what lies above base^i and up to base^(i + 1).
    pub offset: i32,
    /// Values in each.
    pub counts: Vec<u64>,
}

/// Quantiles that the sender has computed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quantiles {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// Quantile and value.
    pub values: Vec<(f64, f64)>,
}

/// A key with a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attribute<'a> {
    /// The key, as `service.name`.
    pub key: Cow<'a, str>,
    /// The value.
    pub value: AnyValue<'a>,
}

impl<'a> Attribute<'a> {
    /// A text under a key.
    pub fn text(key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        Attribute { key: key.into(), value: AnyValue::Text(value.into()) }
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum AnyValue<'a> {
    /// None, or one that this version does not know.
    #[default]
    Empty,
    /// A text; bytes in base64.
    Text(Cow<'a, str>),
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// Lists and maps as JSON, which is how a label shows them.
    Json(String),
}

impl AnyValue<'_> {
    /// Feeds the value to a hasher; doubles by their bits.
    pub(crate) fn hash_into(&self, state: &mut impl Hasher) {
        match self {
            AnyValue::Empty => 0_u8.hash(state),
            AnyValue::Text(text) => (5_u8, text).hash(state),
            AnyValue::Bool(value) => (1_u8, value).hash(state),
            AnyValue::Int(value) => (2_u8, value).hash(state),
            AnyValue::Double(value) => (3_u8, value.to_bits()).hash(state),
            AnyValue::Json(json) => (4_u8, json).hash(state),
        }
    }

    /// The value as a label shows it.
    pub fn as_text(&self) -> Cow<'_, str> {
        match self {
            AnyValue::Empty => Cow::Borrowed(""),
            AnyValue::Text(text) => Cow::Borrowed(text),
            AnyValue::Bool(true) => Cow::Borrowed("true"),
            AnyValue::Bool(false) => Cow::Borrowed("false"),
            AnyValue::Int(value) => Cow::Owned(value.to_string()),
            AnyValue::Double(value) => Cow::Owned(double_text(*value)),
            AnyValue::Json(json) => Cow::Borrowed(json),
        }
    }
}

/// A double as JSON has it, as Prometheus's receiver writes it: an exponent only for what is
/// very large or very small. What is no number has a name.
fn double_text(value: f64) -> String {
    const SMALLEST: f64 = 1e-6;
    const LARGEST: f64 = 1e21;
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if value == 0.0 || (SMALLEST..LARGEST).contains(&value.abs()) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    if value.abs() >= LARGEST { text.replace('e', "e+") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_prometheus_writes_them() {
        let cases = [
            (1.0, "1"),
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-2.5e300, "-2.5e+300"),
            (0.000001, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (value, text) in cases {
            assert_eq!(AnyValue::Double(value).as_text(), text);
        }
    }
}
