//! The exposition page as protobuf: `io.prometheus.client.MetricFamily`, delimited.
//!
//! Source: `metrics.proto` of Prometheus' client_model. Field numbers are those of that file.
//! A histogram has its classic and its native form in one message. Names, help and types are
//! those of text format 0.0.4; a unit is told where OpenMetrics tells it.
//!
//! A page is one buffer, as in [`text`](super::text). The length before a family is filled in
//! when the next one opens, and that before a series is reckoned before it is written.

use super::distribution::{deltas, spans};
use super::exemplar::ByBucket;
use super::label::{protobuf_label_length, write_protobuf_label};
use super::wire;
use super::{
    Distribution, Exemplar, Exponential, Family, Kind, LabelBlock, Mark, Page, Sink, Summary, Value,
};

/// Fields of `MetricFamily`.
mod family {
    pub(super) const NAME: u8 = 1;
    pub(super) const HELP: u8 = 2;
    pub(super) const TYPE: u8 = 3;
    pub(super) const METRIC: u8 = 4;
    pub(super) const UNIT: u8 = 5;
}

/// Fields of `Metric`, beside its labels, which [`LabelBlock`] writes. A `Gauge` and a `Counter`
/// hold a double as field 1.
mod metric {
    pub(super) const GAUGE: u8 = 2;
    pub(super) const COUNTER: u8 = 3;
    pub(super) const SUMMARY: u8 = 4;
    pub(super) const UNTYPED: u8 = 5;
    pub(super) const HISTOGRAM: u8 = 7;
}

/// Fields of `Counter`.
mod counter {
    pub(super) const VALUE: u8 = 1;
    pub(super) const EXEMPLAR: u8 = 2;
}

/// Fields of `Histogram`.
mod histogram {
    pub(super) const SAMPLE_COUNT: u8 = 1;
    pub(super) const SAMPLE_SUM: u8 = 2;
    pub(super) const BUCKET: u8 = 3;
    pub(super) const SCHEMA: u8 = 5;
    pub(super) const ZERO_THRESHOLD: u8 = 6;
    pub(super) const ZERO_COUNT: u8 = 7;
    pub(super) const NEGATIVE_SPAN: u8 = 9;
    pub(super) const NEGATIVE_DELTA: u8 = 10;
    pub(super) const POSITIVE_SPAN: u8 = 12;
    pub(super) const POSITIVE_DELTA: u8 = 13;
    pub(super) const EXEMPLARS: u8 = 16;
}

/// Fields of `Bucket`.
mod bucket {
    pub(super) const CUMULATIVE_COUNT: u8 = 1;
    pub(super) const UPPER_BOUND: u8 = 2;
    pub(super) const EXEMPLAR: u8 = 3;
}

/// Fields of `Summary`; a `Quantile` holds quantile and value as fields 1 and 2.
mod summary {
    pub(super) const SAMPLE_COUNT: u8 = 1;
    pub(super) const SAMPLE_SUM: u8 = 2;
    pub(super) const QUANTILE: u8 = 3;
}

/// Fields of `BucketSpan`.
mod span {
    pub(super) const OFFSET: u8 = 1;
    pub(super) const LENGTH: u8 = 2;
}

/// Writes samples into a page.
#[derive(Debug)]
pub struct ProtobufEncoder {
    page: Vec<u8>,
    series: u64,
    open: Option<Family>,
    /// Where the length of the family stands that has been announced last.
    length: Option<usize>,
    /// Whether the announced family's histograms have a native form.
    native: Option<bool>,
}

impl ProtobufEncoder {
    /// An empty page; `buffer` may be an old page, whose memory is used again.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        ProtobufEncoder { page: buffer, series: 0, open: None, length: None, native: None }
    }

    /// The finished page.
    pub fn finish(mut self) -> Vec<u8> {
        self.close_family();
        self.page
    }

    /// The kind of the open family, which is announced if this is its first series.
    #[inline]
    fn open_family(&mut self) -> Option<Kind> {
        let family = self.open.as_ref()?;
        if self.length.is_none() {
            self.length = Some(wire::open(&mut self.page));
            announce(family, &mut self.page);
        }
        Some(family.kind())
    }

    fn close_family(&mut self) {
        self.native = None;
        if let Some(length) = self.length.take() {
            wire::close(length, &mut self.page);
        }
    }
}

fn announce(family: &Family, page: &mut Vec<u8>) {
    wire::string(family::NAME, family.name(), page);
    wire::string(family::HELP, family.help(), page);
    let kind = match family.kind() {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Summary => 2,
        Kind::Untyped => 3,
        Kind::Histogram => 4,
    };
    wire::number(family::TYPE, kind, page);
    if let Some(unit) = family.named_unit() {
        wire::string(family::UNIT, unit, page);
    }
}

impl Page for ProtobufEncoder {
    fn mark(&self) -> Mark {
        Mark { length: self.page.len(), series: self.series }
    }

    fn roll_back(&mut self, mark: Mark) {
        self.page.truncate(mark.length);
        self.series = mark.series;
        self.open = None;
        // A family that was open at the mark has still to get its length.
        self.length = self.length.filter(|length| *length < mark.length);
        self.native = None;
    }

    fn series(&self) -> u64 {
        self.series
    }
}

impl Sink for ProtobufEncoder {
    fn open(&mut self, family: Family) {
        self.close_family();
        self.open = Some(family);
    }

    fn sample(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], value: Value) {
        let Some(kind) = self.open_family() else {
            debug_assert!(false, "a sample came before its family");
            return;
        };
        debug_assert!(kind.is_single(), "{:?} is no family of single samples", self.open);
        let field = match kind {
            Kind::Counter => metric::COUNTER,
            Kind::Untyped => metric::UNTYPED,
            _ => metric::GAUGE,
        };
        let [shared, own_block] = labels.protobuf();
        let own_length: usize = own.iter().map(|(name, value)| protobuf_label_length(name, value)).sum();
        let page = &mut self.page;
        let length = shared.len() + own_block.len() + own_length + wire::DOUBLE_MESSAGE;
        wire::head(family::METRIC, length, page);
        if !shared.is_empty() {
            page.extend_from_slice(shared);
        }
        page.extend_from_slice(own_block);
        for (name, value) in own {
            write_protobuf_label(name, value, page);
        }
        wire::double_message(field, value.as_f64(), page);
        self.series += 1;
    }

    fn sample_with(
        &mut self,
        labels: &LabelBlock,
        own: &[(&'static str, &str)],
        value: Value,
        exemplar: &Exemplar,
    ) {
        if self.open_family() != Some(Kind::Counter) {
            return self.sample(labels, own, value);
        }
        self.message(metric::COUNTER, labels, own, |page| {
            wire::double(counter::VALUE, value.as_f64(), page);
            wire::message(counter::EXEMPLAR, page, |page| exemplar.write_protobuf(page));
        });
        self.series += 1;
    }

    fn histogram(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], histogram: Distribution<'_>) {
        self.keep_forms_apart(histogram.native.is_some());
        self.message(metric::HISTOGRAM, labels, own, |page| write_histogram(&histogram, page));
        self.series += histogram.series();
    }

    fn summary(&mut self, labels: &LabelBlock, own: &[(&'static str, &str)], summary: Summary<'_>) {
        self.message(metric::SUMMARY, labels, own, |page| write_summary(&summary, page));
        self.series += summary.series();
    }
}

impl ProtobufEncoder {
    /// Announces the family anew where the next histogram has another form than those before.
    ///
    /// Prometheus looks at one histogram of a family to tell which form to read, and would read
    /// a classic one after a native one as native and empty.
    fn keep_forms_apart(&mut self, native: bool) {
        if self.native.is_some_and(|before| before != native) {
            self.close_family();
        }
        self.native = Some(native);
    }

    /// A series of the open family whose value is a message of unknown length.
    fn message(
        &mut self,
        field: u8,
        labels: &LabelBlock,
        own: &[(&'static str, &str)],
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.open_family().is_none() {
            debug_assert!(false, "a series came before its family");
            return;
        }
        wire::message(family::METRIC, &mut self.page, |page| {
            labels.protobuf().iter().for_each(|part| page.extend_from_slice(part));
            for (name, value) in own {
                write_protobuf_label(name, value, page);
            }
            wire::message(field, page, value);
        });
    }
}

/// Both forms. The last classic bucket is left out, as the count says the same.
fn write_histogram(histogram: &Distribution<'_>, page: &mut Vec<u8>) {
    wire::number(histogram::SAMPLE_COUNT, histogram.count, page);
    if let Some(sum) = histogram.sum {
        wire::double(histogram::SAMPLE_SUM, sum, page);
    }
    if histogram.exemplars.is_empty() {
        write_classic(histogram, page);
    } else {
        write_classic_with_exemplars(histogram, page);
    }
    if let Some(native) = &histogram.native {
        write_native(native, page);
        for exemplar in histogram.exemplars {
            wire::message(histogram::EXEMPLARS, page, |page| exemplar.write_protobuf(page));
        }
    }
}

fn write_classic(histogram: &Distribution<'_>, page: &mut Vec<u8>) {
    for (bound, below) in histogram.cumulative() {
        wire::head(histogram::BUCKET, 1 + wire::varint_length(below) + wire::DOUBLE_FIELD, page);
        wire::number(bucket::CUMULATIVE_COUNT, below, page);
        wire::double(bucket::UPPER_BOUND, bound, page);
    }
}

/// The last bucket is there if it has an exemplar.
fn write_classic_with_exemplars(histogram: &Distribution<'_>, page: &mut Vec<u8>) {
    let mut exemplars = ByBucket::new(histogram.exemplars);
    for (bound, below) in histogram.cumulative().chain([(f64::INFINITY, histogram.count)]) {
        let exemplar = exemplars.up_to(bound);
        if bound.is_infinite() && exemplar.is_none() {
            break;
        }
        wire::message(histogram::BUCKET, page, |page| {
            wire::number(bucket::CUMULATIVE_COUNT, below, page);
            wire::double(bucket::UPPER_BOUND, bound, page);
            if let Some(exemplar) = exemplar {
                wire::message(bucket::EXEMPLAR, page, |page| exemplar.write_protobuf(page));
            }
        });
    }
}

/// The native form. Its zero threshold is above zero, by which readers tell that there is one.
fn write_native(native: &Exponential<'_>, page: &mut Vec<u8>) {
    wire::signed(histogram::SCHEMA, native.schema.into(), page);
    wire::double(histogram::ZERO_THRESHOLD, native.zero_threshold, page);
    wire::number(histogram::ZERO_COUNT, native.zero_count, page);
    write_buckets(histogram::NEGATIVE_SPAN, histogram::NEGATIVE_DELTA, native.negative, page);
    write_buckets(histogram::POSITIVE_SPAN, histogram::POSITIVE_DELTA, native.positive, page);
}

fn write_buckets(span: u8, delta: u8, buckets: &[(i32, u64)], page: &mut Vec<u8>) {
    for (offset, length) in spans(buckets) {
        wire::message(span, page, |page| {
            wire::signed(span::OFFSET, offset.into(), page);
            wire::number(span::LENGTH, length.into(), page);
        });
    }
    if !buckets.is_empty() {
        wire::packed_signed(delta, deltas(buckets), page);
    }
}

fn write_summary(summary: &Summary<'_>, page: &mut Vec<u8>) {
    wire::number(summary::SAMPLE_COUNT, summary.count, page);
    wire::double(summary::SAMPLE_SUM, summary.sum, page);
    for (quantile, value) in summary.quantiles {
        wire::message(summary::QUANTILE, page, |page| {
            wire::double(1, *quantile, page);
            wire::double(2, *value, page);
        });
    }
}

#[cfg(test)]
mod tests;
