//! OTLP requests in protobuf.
//!
//! The message is walked by hand: texts are repaired where they are not UTF-8, which a
//! generated decoder answers by refusing the whole request, and a point that cannot be read
//! costs that point. Only where the outer messages are broken, so that it is not known where
//! anything begins, is the request refused. Field numbers are those of opentelemetry-proto.

use serde_json::{Map, Value};

use super::model::{
    AnyValue, Attribute, Buckets, Data, Exemplar, Exponential, Metric, Metrics, Number, Point, Quantiles,
    ResourceMetrics, Run, Temporality,
};
use super::reading::{LONGEST_NAME, MOST_ATTRIBUTES, Reading};
use super::wire::{DEEPEST, Field, Fields, Malformed};
use crate::ingest::allowance::Allowance;

/// Flag of a point: the series has ended.
pub(super) const NO_RECORDED_VALUE: u64 = 1;

/// Reads an `ExportMetricsServiceRequest`.
///
/// # Errors
/// The bytes are not such a message, or take more memory than they may.
pub fn metrics<'a>(body: &'a [u8], allowance: &Allowance) -> Result<Metrics<'a>, Malformed> {
    let mut reading = Reading::within(allowance);
    let resource = |attributes, metrics| ResourceMetrics { attributes, metrics };
    let resources = by_resource(body, &mut reading, metric, resource)?;
    Ok(Metrics { resources, faults: reading.faults })
}

/// Walks over a request: things in scopes of resources, which have the same places whatever the
/// things are.
pub(super) fn by_resource<'a, T, R>(
    body: &'a [u8],
    reading: &mut Reading<'_>,
    read: fn(&'a [u8], &mut Reading<'_>) -> Result<T, Malformed>,
    make: fn(Vec<Attribute<'a>>, Vec<T>) -> R,
) -> Result<Vec<R>, Malformed> {
    let mut resources = Vec::new();
    for field in Fields::of(body) {
        let (1, field) = field? else { continue };
        let (mut attributes, mut things) = (Vec::new(), Vec::new());
        for field in Fields::of(field.bytes(1)?) {
            match field? {
                (1, field) => attributes = resource(field.bytes(1)?, reading)?,
                (2, field) => scope(field.bytes(2)?, &mut things, reading, read)?,
                _ => {}
            }
        }
        reading.allowance.push(&mut resources, make(attributes, things))?;
    }
    Ok(resources)
}

/// The attributes of a `Resource`.
fn resource<'a>(message: &'a [u8], reading: &mut Reading<'_>) -> Result<Vec<Attribute<'a>>, Malformed> {
    let mut attributes = Vec::new();
    for field in Fields::of(message) {
        if let (1, field) = field? {
            push_attribute(field.bytes(1)?, &mut attributes, reading)?;
        }
    }
    Ok(attributes)
}

/// Reads what can be read of a scope.
fn scope<'a, T>(
    message: &'a [u8],
    to: &mut Vec<T>,
    reading: &mut Reading<'_>,
    read: fn(&'a [u8], &mut Reading<'_>) -> Result<T, Malformed>,
) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        let (2, field) = field? else { continue };
        push_readable(field.bytes(2), to, reading, read)?;
    }
    Ok(())
}

/// Appends a part that can be read, and counts one that cannot.
fn push_readable<'a, T>(
    message: Result<&'a [u8], Malformed>,
    to: &mut Vec<T>,
    reading: &mut Reading<'_>,
    read: fn(&'a [u8], &mut Reading<'_>) -> Result<T, Malformed>,
) -> Result<(), Malformed> {
    match message.and_then(|message| read(message, reading)) {
        Ok(part) => reading.allowance.push(to, part)?,
        Err(spent @ Malformed::Spent(_)) => return Err(spent),
        Err(why) => reading.faults.malformed(1, why),
    }
    Ok(())
}

fn metric<'a>(message: &'a [u8], reading: &mut Reading<'_>) -> Result<Metric<'a>, Malformed> {
    let mut metric = Metric::default();
    for field in Fields::of(message) {
        let (number, field) = field?;
        match number {
            1 => metric.name = reading.text(field.bytes(1)?)?,
            2 => metric.description = reading.text(field.bytes(2)?)?,
            3 => metric.unit = reading.text(field.bytes(3)?)?,
            5 | 7 | 9 | 10 | 11 => metric.data = data(number, field.bytes(number)?, reading)?,
            _ => {}
        }
    }
    if metric.name.len().max(metric.unit.len()) > LONGEST_NAME {
        return Err(Malformed::LongName);
    }
    Ok(metric)
}

/// The points of a metric; which kind they are says the field that they are in.
fn data<'a>(kind: u32, message: &'a [u8], reading: &mut Reading<'_>) -> Result<Data<'a>, Malformed> {
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
        5 => Data::Gauge(points(message, reading, number_point)?),
        7 => Data::Sum { temporality, monotonic, points: points(message, reading, number_point)? },
        9 => Data::Histogram { temporality, points: points(message, reading, histogram_point)? },
        10 => {
            Data::ExponentialHistogram { temporality, points: points(message, reading, exponential_point)? }
        }
        _ => Data::Summary(points(message, reading, summary_point)?),
    })
}

/// Reads every point that can be read.
fn points<'a, V>(
    message: &'a [u8],
    reading: &mut Reading<'_>,
    read: fn(&'a [u8], &mut Reading<'_>) -> Result<Point<'a, V>, Malformed>,
) -> Result<Vec<Point<'a, V>>, Malformed> {
    let mut points = Vec::new();
    for field in Fields::of(message) {
        let (1, field) = field? else { continue };
        push_readable(field.bytes(1), &mut points, reading, read)?;
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
    fn of(message: &[u8], reading: &Reading<'_>) -> Result<Self, Malformed> {
        let mut attributes = Vec::new();
        reading.allowance.reserve(&mut attributes, (message.len() / USUAL_LENGTH).min(USUAL_ATTRIBUTES))?;
        Ok(Point { attributes, ..Point::default() })
    }

    /// Takes a field that every kind of point has; gives back one that it does not know.
    fn take(
        &mut self,
        places: &Places,
        number: u32,
        field: Field<'a>,
        reading: &mut Reading<'_>,
    ) -> Result<Option<Field<'a>>, Malformed> {
        if number == places.attributes {
            push_attribute(field.bytes(number)?, &mut self.attributes, reading)?;
        } else if number == 2 {
            self.start_ns = field.fixed64(2)?;
        } else if number == 3 {
            self.time_ns = field.fixed64(3)?;
        } else if number == places.exemplars {
            let exemplar = Exemplar::Protobuf(field.bytes(number)?);
            reading.allowance.push(&mut self.exemplars, exemplar)?;
        } else if number == places.flags {
            self.ended = field.varint(number)? & NO_RECORDED_VALUE != 0;
        } else {
            return Ok(Some(field));
        }
        Ok(None)
    }
}

fn number_point<'a>(message: &'a [u8], reading: &mut Reading<'_>) -> Result<Point<'a, Number>, Malformed> {
    const PLACES: Places = Places { attributes: 7, exemplars: 5, flags: 8 };
    let mut point = Point::<Number>::of(message, reading)?;
    let mut value = None;
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, reading)? else { continue };
        match number {
            4 => value = Some(Number::Double(field.double(4)?)),
            6 => value = Some(Number::Int(field.fixed64(6)? as i64)),
            _ => {}
        }
    }
    point.value = value.or(point.ended.then(Number::default)).ok_or(Malformed::NoValue)?;
    Ok(point)
}

fn histogram_point<'a>(
    message: &'a [u8],
    reading: &mut Reading<'_>,
) -> Result<Point<'a, Buckets>, Malformed> {
    const PLACES: Places = Places { attributes: 9, exemplars: 8, flags: 10 };
    let mut point = Point::<Buckets>::of(message, reading)?;
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, reading)? else { continue };
        match number {
            4 => point.value.count = field.fixed64(4)?,
            5 => point.value.sum = Some(field.double(5)?),
            6 => field.push_fixed64(6, &mut point.value.counts, reading.allowance)?,
            7 => field.push_doubles(7, &mut point.value.bounds, reading.allowance)?,
            _ => {}
        }
    }
    Ok(point)
}

fn exponential_point<'a>(
    message: &'a [u8],
    reading: &mut Reading<'_>,
) -> Result<Point<'a, Exponential>, Malformed> {
    const PLACES: Places = Places { attributes: 1, exemplars: 11, flags: 10 };
    let mut point = Point::<Exponential>::of(message, reading)?;
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, reading)? else { continue };
        match number {
            4 => point.value.count = field.fixed64(4)?,
            5 => point.value.sum = Some(field.double(5)?),
            6 => point.value.scale = field.sint32(6)?,
            7 => point.value.zero_count = field.fixed64(7)?,
            8 => point.value.positive = run(field.bytes(8)?, reading.allowance)?,
            9 => point.value.negative = run(field.bytes(9)?, reading.allowance)?,
            14 => point.value.zero_threshold = field.double(14)?,
            _ => {}
        }
    }
    Ok(point)
}

fn run(message: &[u8], allowance: &Allowance) -> Result<Run, Malformed> {
    let mut run = Run::default();
    for field in Fields::of(message) {
        match field? {
            (1, field) => run.offset = field.sint32(1)?,
            (2, field) => field.push_varints(2, &mut run.counts, allowance)?,
            _ => {}
        }
    }
    Ok(run)
}

fn summary_point<'a>(
    message: &'a [u8],
    reading: &mut Reading<'_>,
) -> Result<Point<'a, Quantiles>, Malformed> {
    // A summary has no exemplars: 0 is no field's number.
    const PLACES: Places = Places { attributes: 7, exemplars: 0, flags: 8 };
    let mut point = Point::<Quantiles>::of(message, reading)?;
    for field in Fields::of(message) {
        let (number, field) = field?;
        let Some(field) = point.take(&PLACES, number, field, reading)? else { continue };
        match number {
            4 => point.value.count = field.fixed64(4)?,
            5 => point.value.sum = field.double(5)?,
            6 => reading.allowance.push(&mut point.value.values, quantile(field.bytes(6)?)?)?,
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

/// Appends a `KeyValue`.
pub(super) fn push_attribute<'a>(
    message: &'a [u8],
    to: &mut Vec<Attribute<'a>>,
    reading: &mut Reading<'_>,
) -> Result<(), Malformed> {
    if to.len() == MOST_ATTRIBUTES {
        return Err(Malformed::TooMany);
    }
    let attribute = attribute(message, reading)?;
    Ok(reading.allowance.push(to, attribute)?)
}

fn attribute<'a>(message: &'a [u8], reading: &mut Reading<'_>) -> Result<Attribute<'a>, Malformed> {
    if let Some((key, value)) = plain_text(message) {
        return Ok(Attribute { key: reading.text(key)?, value: AnyValue::Text(reading.text(value)?) });
    }
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::of(message) {
        match field? {
            (1, field) => key = field.bytes(1)?,
            (2, field) => value = field.bytes(2)?,
            _ => {}
        }
    }
    Ok(Attribute { key: reading.text(key)?, value: any_value(value, reading)? })
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

fn any_value<'a>(message: &'a [u8], reading: &mut Reading<'_>) -> Result<AnyValue<'a>, Malformed> {
    let mut value = AnyValue::Empty;
    for field in Fields::of(message) {
        let (number, field) = field?;
        value = match number {
            1 => AnyValue::Text(reading.text(field.bytes(1)?)?),
            2 => AnyValue::Bool(field.varint(2)? != 0),
            3 => AnyValue::Int(field.varint(3)? as i64),
            4 => AnyValue::Double(field.double(4)?),
            5 | 6 => AnyValue::Json(reading.json(|reading| nested(number, field, DEEPEST, reading))?),
            7 => AnyValue::Text(super::base64(field.bytes(7)?, reading.allowance)?.into()),
            _ => continue,
        };
    }
    Ok(value)
}

/// A list, a map or bytes as JSON.
fn nested(number: u32, field: Field<'_>, deeper: u32, reading: &mut Reading<'_>) -> Result<Value, Malformed> {
    let deeper = deeper.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let bytes = field.bytes(number)?;
    if number == 7 {
        return Ok(super::base64(bytes, reading.allowance)?.into());
    }
    let mut list = Vec::new();
    let mut map = Map::new();
    for field in Fields::of(bytes) {
        let (1, field) = field? else { continue };
        if number == 5 {
            let value = json_value(field.bytes(1)?, deeper, reading)?;
            reading.allowance.push(&mut list, value)?;
            continue;
        }
        let (mut key, mut value) = (String::new(), Value::Null);
        for field in Fields::of(field.bytes(1)?) {
            match field? {
                (1, field) => key = owned(field.bytes(1)?, reading)?,
                (2, field) => value = json_value(field.bytes(2)?, deeper, reading)?,
                _ => {}
            }
        }
        reading.allowance.entry(size_of::<(String, Value)>(), map.len())?;
        map.insert(key, value);
    }
    Ok(if number == 5 { list.into() } else { map.into() })
}

/// A text that does not borrow.
fn owned(bytes: &[u8], reading: &mut Reading<'_>) -> Result<String, Malformed> {
    let text = reading.text(bytes)?;
    reading.allowance.take(text.len())?;
    Ok(text.into_owned())
}

/// An `AnyValue` within another one.
fn json_value(message: &[u8], deeper: u32, reading: &mut Reading<'_>) -> Result<Value, Malformed> {
    let mut value = Value::Null;
    for field in Fields::of(message) {
        let (number, field) = field?;
        value = match number {
            1 => owned(field.bytes(1)?, reading)?.into(),
            2 => (field.varint(2)? != 0).into(),
            3 => (field.varint(3)? as i64).into(),
            4 => field.double(4)?.into(),
            5..=7 => nested(number, field, deeper, reading)?,
            _ => continue,
        };
    }
    Ok(value)
}

#[cfg(test)]
pub(super) mod tests;
