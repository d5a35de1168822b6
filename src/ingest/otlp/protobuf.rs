//! OTLP requests in protobuf.
//!
//! The message is walked by hand: texts are repaired where they are not UTF-8, which a
//! generated decoder answers by refusing the whole request, and a point that cannot be read
//! costs that point. Only where the outer messages are broken, so that it is not known where
//! anything begins, is the request refused. Field numbers are those of opentelemetry-proto.

use std::borrow::Cow;

use super::model::{
    AnyValue, Attribute, Buckets, Data, Exemplar, Exponential, Faults, Metric, Metrics, Number, Point,
    Quantiles, ResourceMetrics, Run, Temporality,
};
use super::wire::{DEEPEST, Field, Fields, Malformed, text};

/// Flag of a point: the series has ended.
pub(super) const NO_RECORDED_VALUE: u64 = 1;

/// Reads an `ExportMetricsServiceRequest`.
///
/// # Errors
/// The bytes are not such a message.
pub fn metrics(body: &[u8]) -> Result<Metrics<'_>, Malformed> {
    let mut faults = Faults::default();
    let read = by_resource(body, &mut faults, metric)?;
    let resources = read.into_iter().map(|(attributes, metrics)| ResourceMetrics { attributes, metrics });
    Ok(Metrics { resources: resources.collect(), faults })
}

/// The attributes of a resource, and what is of it.
type OfResource<'a, T> = (Vec<Attribute<'a>>, Vec<T>);

/// Walks over a request: things in scopes of resources, which have the same places whatever the
/// things are.
pub(super) fn by_resource<'a, T>(
    body: &'a [u8],
    faults: &mut Faults,
    read: fn(&'a [u8], &mut Faults) -> Result<T, Malformed>,
) -> Result<Vec<OfResource<'a, T>>, Malformed> {
    let mut resources = Vec::new();
    for field in Fields::of(body) {
        let (1, field) = field? else { continue };
        let (mut attributes, mut things) = (Vec::new(), Vec::new());
        for field in Fields::of(field.bytes(1)?) {
            match field? {
                (1, field) => attributes = resource(field.bytes(1)?, &mut faults.mended)?,
                (2, field) => scope(field.bytes(2)?, &mut things, faults, read)?,
                _ => {}
            }
        }
        resources.push((attributes, things));
    }
    Ok(resources)
}

/// The attributes of a `Resource`.
fn resource<'a>(message: &'a [u8], mended: &mut u64) -> Result<Vec<Attribute<'a>>, Malformed> {
    let mut attributes = Vec::new();
    for field in Fields::of(message) {
        if let (1, field) = field? {
            attributes.push(attribute(field.bytes(1)?, mended)?);
        }
    }
    Ok(attributes)
}

/// Reads what can be read of a scope.
fn scope<'a, T>(
    message: &'a [u8],
    to: &mut Vec<T>,
    faults: &mut Faults,
    read: fn(&'a [u8], &mut Faults) -> Result<T, Malformed>,
) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        let (2, field) = field? else { continue };
        match field.bytes(2).and_then(|message| read(message, faults)) {
            Ok(thing) => to.push(thing),
            Err(why) => faults.malformed(1, why),
        }
    }
    Ok(())
}

fn metric<'a>(message: &'a [u8], faults: &mut Faults) -> Result<Metric<'a>, Malformed> {
    let mut metric = Metric::default();
    for field in Fields::of(message) {
        let (number, field) = field?;
        match number {
            1 => metric.name = text(field.bytes(1)?, &mut faults.mended),
            2 => metric.description = text(field.bytes(2)?, &mut faults.mended),
            3 => metric.unit = text(field.bytes(3)?, &mut faults.mended),
            5 | 7 | 9 | 10 | 11 => metric.data = data(number, field.bytes(number)?, faults)?,
            _ => {}
        }
    }
    Ok(metric)
}

/// The points of a metric; which kind they are says the field that they are in.
fn data<'a>(kind: u32, message: &'a [u8], faults: &mut Faults) -> Result<Data<'a>, Malformed> {
    let mut temporality = Temporality::default();
    let mut monotonic = false;
    for field in Fields::of(message) {
        match field? {
            (2, field) => temporality = Temporality::of_number(field.varint(2)?),
            (3, field) => monotonic = field.varint(3)? != 0,
            _ => {}
        }
    }
    Ok(match kind {
        5 => Data::Gauge(points(message, faults, number_point)?),
        7 => Data::Sum { temporality, monotonic, points: points(message, faults, number_point)? },
        9 => Data::Histogram { temporality, points: points(message, faults, histogram_point)? },
        10 => Data::ExponentialHistogram { temporality, points: points(message, faults, exponential_point)? },
        _ => Data::Summary(points(message, faults, summary_point)?),
    })
}

/// Reads every point that can be read.
fn points<'a, V>(
    message: &'a [u8],
    faults: &mut Faults,
    read: fn(&'a [u8], &mut u64) -> Result<Point<'a, V>, Malformed>,
) -> Result<Vec<Point<'a, V>>, Malformed> {
    let mut points = Vec::new();
    for field in Fields::of(message) {
        let (1, field) = field? else { continue };
        match field.bytes(1).and_then(|point| read(point, &mut faults.mended)) {
            Ok(point) => points.push(point),
            Err(why) => faults.malformed(1, why),
        }
    }
    Ok(points)
}

/// As many attributes as most points have, and fewer bytes than most attributes take.
const USUAL_ATTRIBUTES: usize = 8;
const USUAL_LENGTH: usize = 32;

/// Where the fields stand that every kind of point has. Start and time are 2 and 3 in all.
struct Places {
    attributes: u32,
    exemplars: u32,
    flags: u32,
}

impl<'a, V: Default> Point<'a, V> {
    /// An empty point with room for the attributes that its message is long enough for.
    fn of(message: &[u8]) -> Self {
        let attributes = Vec::with_capacity((message.len() / USUAL_LENGTH).min(USUAL_ATTRIBUTES));
        Point { attributes, ..Point::default() }
    }

    /// Takes a field that every kind of point has; gives back one that it does not know.
    fn take(
        &mut self,
        places: &Places,
        number: u32,
        field: Field<'a>,
        mended: &mut u64,
    ) -> Result<Option<Field<'a>>, Malformed> {
        if number == places.attributes {
            self.attributes.push(attribute(field.bytes(number)?, mended)?);
        } else if number == 2 {
            self.start_ns = field.fixed64(2)?;
        } else if number == 3 {
            self.time_ns = field.fixed64(3)?;
        } else if number == places.exemplars {
            self.exemplars.push(Exemplar::Protobuf(field.bytes(number)?));
        } else if number == places.flags {
            self.ended = field.varint(number)? & NO_RECORDED_VALUE != 0;
        } else {
            return Ok(Some(field));
        }
        Ok(None)
    }
}

fn number_point<'a>(message: &'a [u8], mended: &mut u64) -> Result<Point<'a, Number>, Malformed> {
    const PLACES: Places = Places { attributes: 7, exemplars: 5, flags: 8 };
    let mut point = Point::<Number>::of(message);
    let mut value = None;
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, mended)? else { continue };
        match number {
            4 => value = Some(Number::Double(field.double(4)?)),
            6 => value = Some(Number::Int(field.fixed64(6)? as i64)),
            _ => {}
        }
    }
    point.value = value.or(point.ended.then(Number::default)).ok_or(Malformed::NoValue)?;
    Ok(point)
}

fn histogram_point<'a>(message: &'a [u8], mended: &mut u64) -> Result<Point<'a, Buckets>, Malformed> {
    const PLACES: Places = Places { attributes: 9, exemplars: 8, flags: 10 };
    let mut point = Point::<Buckets>::of(message);
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, mended)? else { continue };
        match number {
            4 => point.value.count = field.fixed64(4)?,
            5 => point.value.sum = Some(field.double(5)?),
            6 => field.push_fixed64(6, &mut point.value.counts)?,
            7 => field.push_doubles(7, &mut point.value.bounds)?,
            _ => {}
        }
    }
    Ok(point)
}

fn exponential_point<'a>(message: &'a [u8], mended: &mut u64) -> Result<Point<'a, Exponential>, Malformed> {
    const PLACES: Places = Places { attributes: 1, exemplars: 11, flags: 10 };
    let mut point = Point::<Exponential>::of(message);
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, mended)? else { continue };
        match number {
            4 => point.value.count = field.fixed64(4)?,
            5 => point.value.sum = Some(field.double(5)?),
            6 => point.value.scale = field.sint32(6)?,
            7 => point.value.zero_count = field.fixed64(7)?,
            8 => point.value.positive = run(field.bytes(8)?)?,
            9 => point.value.negative = run(field.bytes(9)?)?,
            14 => point.value.zero_threshold = field.double(14)?,
            _ => {}
        }
    }
    Ok(point)
}

fn run(message: &[u8]) -> Result<Run, Malformed> {
    let mut run = Run::default();
    for field in Fields::of(message) {
        match field? {
            (1, field) => run.offset = field.sint32(1)?,
            (2, field) => field.push_varints(2, &mut run.counts)?,
            _ => {}
        }
    }
    Ok(run)
}

fn summary_point<'a>(message: &'a [u8], mended: &mut u64) -> Result<Point<'a, Quantiles>, Malformed> {
    // A summary has no exemplars: 0 is no field's number.
    const PLACES: Places = Places { attributes: 7, exemplars: 0, flags: 8 };
    let mut point = Point::<Quantiles>::of(message);
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, mended)? else { continue };
        match number {
            4 => point.value.count = field.fixed64(4)?,
            5 => point.value.sum = field.double(5)?,
            6 => point.value.values.push(quantile(field.bytes(6)?)?),
            _ => {}
        }
    }
    Ok(point)
}

fn quantile(message: &[u8]) -> Result<(f64, f64), Malformed> {
    let mut read = (0.0, 0.0);
    for field in Fields::of(message) {
        match field? {
            (1, field) => read.0 = field.double(1)?,
            (2, field) => read.1 = field.double(2)?,
            _ => {}
        }
    }
    Ok(read)
}

/// A `KeyValue`.
pub(super) fn attribute<'a>(message: &'a [u8], mended: &mut u64) -> Result<Attribute<'a>, Malformed> {
    if let Some((key, value)) = plain_text(message) {
        return Ok(Attribute { key: text(key, mended), value: AnyValue::Text(text(value, mended)) });
    }
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::of(message) {
        match field? {
            (1, field) => key = field.bytes(1)?,
            (2, field) => value = field.bytes(2)?,
            _ => {}
        }
    }
    Ok(Attribute { key: text(key, mended), value: any_value(value, mended)? })
}

/// Key and value of a `KeyValue` as nearly all are: a short key, then a short text, and nothing
/// else. It says the same as the fields one by one, in a fraction of the time.
fn plain_text(message: &[u8]) -> Option<(&[u8], &[u8])> {
    const KEY: u8 = 1 << 3 | 2;
    const VALUE: u8 = 2 << 3 | 2;
    const TEXT: u8 = 1 << 3 | 2;
    let [KEY, length @ ..0x80, rest @ ..] = message else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*length))?;
    let [VALUE, outer @ 2..0x80, TEXT, inner, value @ ..] = rest else { return None };
    let is_all = usize::from(*inner) == value.len() && usize::from(*outer) == value.len() + 2;
    is_all.then_some((key, value))
}

fn any_value<'a>(message: &'a [u8], mended: &mut u64) -> Result<AnyValue<'a>, Malformed> {
    let mut value = AnyValue::Empty;
    for field in Fields::of(message) {
        let (number, field) = field?;
        value = match number {
            1 => AnyValue::Text(text(field.bytes(1)?, mended)),
            2 => AnyValue::Bool(field.varint(2)? != 0),
            3 => AnyValue::Int(field.varint(3)? as i64),
            4 => AnyValue::Double(field.double(4)?),
            5 | 6 => AnyValue::Json(nested(number, field, DEEPEST, mended)?.to_string()),
            7 => AnyValue::Text(super::base64(field.bytes(7)?).into()),
            _ => continue,
        };
    }
    Ok(value)
}

/// A list, a map or bytes as JSON.
fn nested(
    number: u32,
    field: Field<'_>,
    deeper: u32,
    mended: &mut u64,
) -> Result<serde_json::Value, Malformed> {
    let deeper = deeper.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let bytes = field.bytes(number)?;
    if number == 7 {
        return Ok(super::base64(bytes).into());
    }
    let mut list = Vec::new();
    let mut map = serde_json::Map::new();
    for field in Fields::of(bytes) {
        let (1, field) = field? else { continue };
        if number == 5 {
            list.push(json_value(field.bytes(1)?, deeper, mended)?);
            continue;
        }
        let (mut key, mut value) = (Cow::default(), serde_json::Value::Null);
        for field in Fields::of(field.bytes(1)?) {
            match field? {
                (1, field) => key = text(field.bytes(1)?, mended),
                (2, field) => value = json_value(field.bytes(2)?, deeper, mended)?,
                _ => {}
            }
        }
        map.insert(key.into_owned(), value);
    }
    Ok(if number == 5 { list.into() } else { map.into() })
}

/// An `AnyValue` within another one.
fn json_value(message: &[u8], deeper: u32, mended: &mut u64) -> Result<serde_json::Value, Malformed> {
    let mut value = serde_json::Value::Null;
    for field in Fields::of(message) {
        let (number, field) = field?;
        value = match number {
            1 => text(field.bytes(1)?, mended).into_owned().into(),
            2 => (field.varint(2)? != 0).into(),
            3 => (field.varint(3)? as i64).into(),
            4 => field.double(4)?.into(),
            5..=7 => nested(number, field, deeper, mended)?,
            _ => continue,
        };
    }
    Ok(value)
}

#[cfg(test)]
pub(super) mod tests;
