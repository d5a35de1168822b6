//! The exposition page: Prometheus text 0.0.4 and OpenMetrics 1.0.
//!
//! Sources: Prometheus' exposition formats page; the OpenMetrics 1.0 specification.
//! A page is one buffer. A family's `HELP` and `TYPE` are written with its first sample, so
//! a family without samples leaves nothing; what a failed collector wrote is taken back.

use super::exemplar::ByBucket;
use super::label::write_label;
use super::{Distribution, Exemplar, Family, Kind, LabelBlock, Mark, Page, Sink, Summary, Value};

/// Which text format a page is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Prometheus text format 0.0.4.
    Prometheus,
    /// OpenMetrics text format 1.0.0.
    OpenMetrics,
}

/// Writes samples into a page.
#[derive(Debug)]
pub struct TextEncoder {
    dialect: Dialect,
    page: Vec<u8>,
    series: u64,
    open: Option<Family>,
    announced: bool,
    bucket_ends: BucketEnds,
}

impl TextEncoder {
    /// An empty page; `buffer` may be an old page, whose memory is used again.
    pub fn new(dialect: Dialect, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        TextEncoder {
            dialect,
            page: buffer,
            series: 0,
            open: None,
            announced: false,
            bucket_ends: BucketEnds::default(),
        }
    }

    /// The finished page.
    pub fn finish(mut self) -> Vec<u8> {
        if self.dialect == Dialect::OpenMetrics {
            self.page.extend_from_slice(b"# EOF\n");
        }
        self.page
    }

    /// Announces the open family if this is its first sample; false if none is open.
    fn announce_open(&mut self) -> bool {
        if let Some(family) = self.open.as_ref().filter(|_| !self.announced) {
            self.announced = true;
            announce(family, self.dialect, &mut self.page);
        }
        self.open.is_some()
    }
}

/// The name in `HELP` and `TYPE`, and the type: in OpenMetrics a counter's family has no
/// `_total`, and a counter whose name does not end so has to be `unknown`.
fn announced_as(family: &Family, dialect: Dialect) -> (&str, &'static str) {
    let name = family.name();
    match (dialect, family.kind()) {
        (_, Kind::Gauge) => (name, "gauge"),
        (_, Kind::Histogram) => (name, "histogram"),
        (_, Kind::Summary) => (name, "summary"),
        (Dialect::Prometheus, Kind::Untyped) => (name, "untyped"),
        (Dialect::OpenMetrics, Kind::Untyped) => (name, "unknown"),
        (Dialect::Prometheus, Kind::Counter) => (name, "counter"),
        (Dialect::OpenMetrics, Kind::Counter) => match name.strip_suffix("_total") {
            Some(family) => (family, "counter"),
            None => (name, "unknown"),
        },
    }
}

fn announce(family: &Family, dialect: Dialect, page: &mut Vec<u8>) {
    let (name, kind) = announced_as(family, dialect);
    for part in ["# HELP ", name, " "] {
        page.extend_from_slice(part.as_bytes());
    }
    write_help(family.help(), dialect, page);
    for part in ["\n# TYPE ", name, " ", kind, "\n"] {
        page.extend_from_slice(part.as_bytes());
    }
    if let (Dialect::OpenMetrics, Some(unit)) = (dialect, family.named_unit()) {
        for part in ["# UNIT ", name, " ", unit, "\n"] {
            page.extend_from_slice(part.as_bytes());
        }
    }
}

/// The beginning of the label `quantile`.
const QUANTILE: &[u8; 10] = b"quantile=\"";

/// The beginning of a line up to where a further label or the value comes; false if there is no
/// label yet. `parts` make the name.
#[inline]
fn begin(page: &mut Vec<u8>, parts: [&str; 2], labels: &LabelBlock, own: &[(&'static str, &str)]) -> bool {
    page.extend_from_slice(parts[0].as_bytes());
    if !parts[1].is_empty() {
        page.extend_from_slice(parts[1].as_bytes());
    }
    page.push(b'{');
    let mut any = labels.write(page);
    for (name, value) in own {
        separate(any, page);
        any = true;
        write_label(name, value, page);
    }
    any
}

/// The end of a line that [`begin`] has begun.
#[inline]
fn end(page: &mut Vec<u8>, any: bool, value: Value) {
    if any {
        page.extend_from_slice(b"} ");
    } else {
        page.pop();
        page.push(b' ');
    }
    value.write(page);
    page.push(b'\n');
}

/// The last labels of the lines of buckets with what follows them, as `le="0.5"} `. Rendered
/// once for all histograms that follow each other with the same bounds.
#[derive(Debug, Default)]
struct BucketEnds {
    bounds: Vec<f64>,
    rendered: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl BucketEnds {
    fn of(&mut self, bounds: &[f64]) -> impl Iterator<Item = &[u8]> {
        if self.ends.is_empty() || self.bounds != bounds {
            self.render(bounds);
        }
        self.ends.iter().scan(0, |start, end| {
            let one = &self.rendered[*start..*end];
            *start = *end;
            Some(one)
        })
    }

    fn render(&mut self, bounds: &[f64]) {
        self.bounds.clear();
        self.bounds.extend_from_slice(bounds);
        self.rendered.clear();
        self.ends.clear();
        for bound in bounds.iter().copied().chain([f64::INFINITY]) {
            self.rendered.extend_from_slice(b"le=\"");
            write_decimal(bound, &mut self.rendered);
            self.rendered.extend_from_slice(b"\"} ");
            self.ends.push(self.rendered.len());
        }
    }
}

impl Page for TextEncoder {
    fn mark(&self) -> Mark {
        Mark { length: self.page.len(), series: self.series }
    }

    fn roll_back(&mut self, mark: Mark) {
        self.page.truncate(mark.length);
        self.series = mark.series;
        self.open = None;
    }

    fn series(&self) -> u64 {
        self.series
    }
}

impl Sink for TextEncoder {
    fn open(&mut self, family: Family) {
        self.open = Some(family);
        self.announced = false;
    }

    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value) {
        let announced = self.announce_open();
        debug_assert!(announced, "a sample came before its family");
        let Some(family) = &self.open else { return };
        debug_assert!(family.kind().is_single(), "`{}` is no family of single samples", family.name());
        let any = begin(&mut self.page, [family.name(), ""], labels, own);
        end(&mut self.page, any, value);
        self.series += 1;
    }

    fn sample_with(
        &mut self,
        labels: &LabelBlock,
        own: &[(&'static str, &str)],
        value: Value,
        exemplar: &Exemplar,
    ) {
        self.sample(labels, own, value);
        let is_counter =
            self.open.as_ref().is_some_and(|family| announced_as(family, self.dialect).1 == "counter");
        if is_counter && self.dialect == Dialect::OpenMetrics {
            append(exemplar, &mut self.page);
        }
    }

    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: Distribution<'_>) {
        let announced = self.announce_open();
        debug_assert!(announced, "a histogram came before its family");
        let Some(family) = &self.open else { return };
        let (page, name) = (&mut self.page, family.name());
        let shown: &[Exemplar] = if self.dialect == Dialect::OpenMetrics { histogram.exemplars } else { &[] };
        let mut exemplars = ByBucket::new(shown);
        let start = page.len();
        let any = begin(page, [name, "_bucket"], labels, own);
        separate(any, page);
        // Every further bucket's line begins as the first.
        let head = start..page.len();
        let bounds = histogram.cumulative().chain([(f64::INFINITY, histogram.count)]);
        for (index, (bucket_end, (bound, below))) in
            self.bucket_ends.of(histogram.bounds).zip(bounds).enumerate()
        {
            if index > 0 {
                page.extend_from_within(head.clone());
            }
            page.extend_from_slice(bucket_end);
            Value::Int(below).write(page);
            page.push(b'\n');
            if let Some(exemplar) = exemplars.up_to(bound) {
                append(exemplar, page);
            }
        }
        if let Some(sum) = histogram.sum {
            let any = begin(page, [name, "_sum"], labels, own);
            end(page, any, Value::Float(sum));
        }
        let any = begin(page, [name, "_count"], labels, own);
        end(page, any, Value::Int(histogram.count));
        self.series += histogram.series();
    }

    fn summary(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], summary: Summary<'_>) {
        let announced = self.announce_open();
        debug_assert!(announced, "a summary came before its family");
        let Some(family) = &self.open else { return };
        let (page, name) = (&mut self.page, family.name());
        for (quantile, value) in summary.quantiles {
            let any = begin(page, [name, ""], labels, own);
            separate(any, page);
            page.extend_from_slice(QUANTILE);
            write_decimal(*quantile, page);
            page.push(b'"');
            end(page, true, Value::Float(*value));
        }
        let any = begin(page, [name, "_sum"], labels, own);
        end(page, any, Value::Float(summary.sum));
        let any = begin(page, [name, "_count"], labels, own);
        end(page, any, Value::Int(summary.count));
        self.series += summary.series();
    }
}

/// An exemplar behind the line that was written last.
fn append(exemplar: &Exemplar, page: &mut Vec<u8>) {
    page.pop();
    exemplar.write_text(page);
    page.push(b'\n');
}

/// A comma behind labels that there are.
fn separate(any: bool, page: &mut Vec<u8>) {
    if any {
        page.push(b',');
    }
}

/// A bound or quantile as a float in every format: `1.0`, not `1`.
fn write_decimal(number: f64, page: &mut Vec<u8>) {
    let start = page.len();
    Value::Float(number).write(page);
    if page[start..].iter().all(u8::is_ascii_digit) {
        page.extend_from_slice(b".0");
    }
}

/// The escapes of a help text differ: OpenMetrics also wants that of `"`.
fn write_help(help: &str, dialect: Dialect, out: &mut Vec<u8>) {
    let mut rest = help.as_bytes();
    while let Some(place) = memchr::memchr3(b'\\', b'\n', b'"', rest) {
        out.extend_from_slice(&rest[..place]);
        match rest[place] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if dialect == Dialect::Prometheus => out.push(b'"'),
            byte => out.extend_from_slice(&[b'\\', byte]),
        }
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}
