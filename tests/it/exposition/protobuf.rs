//! A strict reader of a page of delimited `io.prometheus.client.MetricFamily` messages.
//!
//! Source: `metrics.proto` of Prometheus' client_model. A histogram's classic form becomes the
//! samples that the text format has for it, so that pages compare; its native form stands beside.

use super::{LabelPairs, Sample, wire};

/// A family as the message has it.
#[derive(Debug, Default)]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) help: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) samples: Vec<Sample>,
    pub(super) native: Vec<(LabelPairs, Native)>,
}

/// A native histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Native {
    /// How many values there were.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: f64,
    /// Two to the power of this many buckets for each power of two.
    pub(crate) schema: i64,
    /// How many values counted as zero.
    pub(crate) zero_count: u64,
    /// Up to which value they do.
    pub(crate) zero_threshold: f64,
    /// Index and count of every bucket that a span covers.
    pub(crate) buckets: Vec<(i64, u64)>,
}

/// Reads the families of a page.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn parse(mut page: &[u8]) -> Result<Vec<Message>, String> {
    let mut families = Vec::new();
    while !page.is_empty() {
        families.push(family(wire::delimited(&mut page)?)?);
    }
    Ok(families)
}

fn family(message: &[u8]) -> Result<Message, String> {
    let mut family = Message::default();
    for (number, field) in wire::fields(message)? {
        match number {
            1 => family.name = field.text()?,
            2 => family.help = Some(field.text()?),
            3 => family.kind = Some(kind(field.number()?)?.to_owned()),
            4 => metric(field.bytes()?, &mut family)?,
            5 => family.unit = Some(field.text()?),
            other => return Err(format!("`MetricFamily` has no field {other}")),
        }
    }
    Ok(family)
}

fn kind(number: u64) -> Result<&'static str, String> {
    let kinds = ["counter", "gauge", "summary", "untyped", "histogram", "gaugehistogram"];
    let kind = usize::try_from(number).ok().and_then(|number| kinds.get(number));
    kind.copied().ok_or_else(|| format!("there is no type {number}"))
}

fn metric(message: &[u8], family: &mut Message) -> Result<(), String> {
    let mut labels = LabelPairs::new();
    let mut value = None;
    for (number, field) in wire::fields(message)? {
        match number {
            1 => labels.push(label(field.bytes()?)?),
            2 | 3 | 5 | 7 if value.is_none() => value = Some((number, field.bytes()?)),
            other => return Err(format!("a `Metric` has one value and no field {other}")),
        }
    }
    let name = family.name.clone();
    match (family.kind.as_deref(), value) {
        (Some("gauge"), Some((2, bytes)))
        | (Some("counter"), Some((3, bytes)))
        | (Some("untyped"), Some((5, bytes))) => {
            family.samples.push(Sample { name, labels, value: single(bytes)? });
        }
        (Some("histogram"), Some((7, bytes))) => {
            let (classic, native) = histogram(bytes)?;
            family.samples.extend(classic.into_samples(&name, &labels));
            family.native.push((labels, native));
        }
        (kind, value) => return Err(format!("`{name}` is a {kind:?} and has the value {value:?}")),
    }
    Ok(())
}

fn label(message: &[u8]) -> Result<(String, String), String> {
    match wire::fields(message)?.as_slice() {
        [(1, name), (2, value)] => Ok((name.text()?, value.text()?)),
        other => Err(format!("a label has a name and a value, not {other:?}")),
    }
}

/// The value of a `Gauge` or a `Counter`.
fn single(message: &[u8]) -> Result<f64, String> {
    match wire::fields(message)?.as_slice() {
        [(1, value)] => value.double(),
        other => Err(format!("a value is one double, not {other:?}")),
    }
}

/// Upper bounds and cumulative counts, with the last bucket that has everything.
struct Classic {
    buckets: Vec<(f64, u64)>,
    sum: f64,
    count: u64,
}

impl Classic {
    fn into_samples(self, name: &str, labels: &LabelPairs) -> Vec<Sample> {
        let sample = |suffix: &str, labels: LabelPairs, value| Sample {
            name: format!("{name}_{suffix}"),
            labels,
            value,
        };
        let mut samples = Vec::new();
        for (bound, below) in self.buckets.into_iter().chain([(f64::INFINITY, self.count)]) {
            let le = if bound.is_finite() { float(bound) } else { "+Inf".to_owned() };
            let labels = labels.iter().cloned().chain([("le".to_owned(), le)]).collect();
            samples.push(sample("bucket", labels, below as f64));
        }
        samples.push(sample("sum", labels.clone(), self.sum));
        samples.push(sample("count", labels.clone(), self.count as f64));
        samples
    }
}

/// `1.0` and `1e+17`, as the text format writes them.
fn float(bound: f64) -> String {
    format!("{bound:?}").replace('e', "e+").replace("e+-", "e-")
}

fn histogram(message: &[u8]) -> Result<(Classic, Native), String> {
    let mut classic = Classic { buckets: Vec::new(), sum: f64::NAN, count: 0 };
    let mut native = Native::default();
    let (mut spans, mut deltas) = (Vec::new(), Vec::new());
    for (number, field) in wire::fields(message)? {
        match number {
            1 => classic.count = field.number()?,
            2 => classic.sum = field.double()?,
            3 => classic.buckets.push(bucket(field.bytes()?)?),
            5 => native.schema = field.signed()?,
            6 => native.zero_threshold = field.double()?,
            7 => native.zero_count = field.number()?,
            12 => spans.push(span(field.bytes()?)?),
            13 => deltas.extend(wire::packed_signed(field.bytes()?)?),
            other => return Err(format!("our `Histogram` has no field {other}")),
        }
    }
    (native.count, native.sum) = (classic.count, classic.sum);
    native.buckets = buckets(&spans, &deltas)?;
    let counted = native.zero_count + native.buckets.iter().map(|(_, count)| count).sum::<u64>();
    if counted != native.count {
        return Err(format!("the native buckets hold {counted} of {} values", native.count));
    }
    Ok((classic, native))
}

fn bucket(message: &[u8]) -> Result<(f64, u64), String> {
    match wire::fields(message)?.as_slice() {
        [(1, count), (2, bound)] => Ok((bound.double()?, count.number()?)),
        other => Err(format!("a bucket has a count and a bound, not {other:?}")),
    }
}

fn span(message: &[u8]) -> Result<(i64, u64), String> {
    match wire::fields(message)?.as_slice() {
        [(1, offset), (2, length)] => Ok((offset.signed()?, length.number()?)),
        other => Err(format!("a span has an offset and a length, not {other:?}")),
    }
}

/// Spans and deltas to indices and counts.
fn buckets(spans: &[(i64, u64)], deltas: &[i64]) -> Result<Vec<(i64, u64)>, String> {
    let mut deltas = deltas.iter();
    let (mut index, mut count) = (0_i64, 0_i64);
    let mut buckets = Vec::new();
    for (number, (offset, length)) in spans.iter().enumerate() {
        if (number > 0 && *offset < 1) || *length == 0 {
            return Err(format!("spans have gaps between them and are not empty: {spans:?}"));
        }
        index += offset;
        for _ in 0..*length {
            count += deltas.next().ok_or("there are fewer deltas than the spans have buckets")?;
            buckets.push((index, u64::try_from(count).map_err(|_| "a bucket's count is below zero")?));
            index += 1;
        }
    }
    if deltas.next().is_some() {
        return Err("there are more deltas than the spans have buckets".to_owned());
    }
    Ok(buckets)
}
