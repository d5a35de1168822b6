//! That the reader is strict, and that it reads back what the encoder was given.

use std::collections::BTreeMap;

use dockmeter::metrics::catalogue::{Labels, Owner, Unit};
use dockmeter::metrics::protobuf::ProtobufEncoder;
use dockmeter::metrics::text::{self, TextEncoder};
use dockmeter::metrics::{Histogram, Kind, LabelBlock, Metric, Sink, Value, catalogue};
use proptest::prelude::*;

use super::{Dialect, Page};

const DIALECTS: [Dialect; 3] = [Dialect::Text, Dialect::OpenMetrics, Dialect::Protobuf];

/// A page in one of the formats.
fn encoded(dialect: Dialect, fill: impl Fn(&mut dyn Sink)) -> Vec<u8> {
    let text = |dialect| {
        let mut encoder = TextEncoder::new(dialect, Vec::new());
        fill(&mut encoder);
        encoder.finish()
    };
    match dialect {
        Dialect::Text => text(text::Dialect::Prometheus),
        Dialect::OpenMetrics => text(text::Dialect::OpenMetrics),
        Dialect::Protobuf => {
            let mut encoder = ProtobufEncoder::new(Vec::new());
            fill(&mut encoder);
            encoder.finish()
        }
    }
}

/// A family of histograms that a test fills as it likes.
static DURATION: Metric = Metric {
    name: "test_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    help: "How long a test took.",
    labels: Labels::Plain,
    own_labels: &["own"],
    source: "a test",
    collector: "test",
    owner: Owner::Dockmeter,
};

/// Bounds of its buckets: a fraction, a whole number, and one too large to be written as such.
const BOUNDS: &[f64] = &[0.005, 0.1, 1.0, 2.5, 10.0, 1e17];

#[test]
fn a_page_that_breaks_a_rule_is_refused_with_the_rule() {
    let cases = [
        ("a 1\n", "before any metadata"),
        ("# TYPE a gauge\na 1\n", "no HELP"),
        ("# HELP a x\na 1\n", "TYPE stands before"),
        ("# HELP a x\n# TYPE a gauge\n", "no samples"),
        ("# HELP a x\n# TYPE a gauge\na 1", "no line feed"),
        ("# HELP a x\n# TYPE a gauge\na 1 1700000000\n", "timestamp"),
        ("# HELP a x\n# TYPE a gauge\na  1\n", "not a value"),
        ("# HELP a x\n# TYPE a gauge\na inf\n", "not a value"),
        ("# HELP a x\n# TYPE a gauge\na{b=\"\\t\"} 1\n", "no such escape"),
        ("# HELP a x\n# TYPE a gauge\na{b=\"1\",} 1\n", "label is"),
        ("# HELP a x\n# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n", "twice"),
        ("# HELP a x\n# TYPE a gauge\na{b=\"1\"} 1\na{b=\"1\"} 2\n", "once"),
        ("# HELP a x\n# TYPE a gauge\n\na 1\n", "has a value"),
        ("# HELP a x\n# TYPE a counter\na -1\n", "negative"),
        ("# HELP a x\n# TYPE a gauge\na 1\n# HELP b x\n# TYPE b gauge\nb 1\n# HELP a x\n", "stand together"),
    ];
    for (page, rule) in cases {
        let error = Page::parse(page.as_bytes(), Dialect::Text).expect_err(page).to_string();
        assert!(error.contains(rule), "{page:?} was refused for another reason: {error}");
    }
}

#[test]
fn openmetrics_has_rules_of_its_own() {
    let cases = [
        ("# HELP a x\n# TYPE a gauge\na 1\n", "EOF"),
        ("# HELP a x\n# TYPE a counter\na 1\n# EOF\n", "not a sample of"),
        ("# HELP a x\n# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n", "ends with its unit"),
        ("# HELP a \"x\"\n# TYPE a gauge\na 1\n# EOF\n", "escaped"),
    ];
    for (page, rule) in cases {
        let error = Page::parse(page.as_bytes(), Dialect::OpenMetrics).expect_err(page).to_string();
        assert!(error.contains(rule), "{page:?} was refused for another reason: {error}");
    }
    let page =
        b"# HELP a_seconds x\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 1\n# EOF\n";
    assert_eq!(Page::parse(page, Dialect::OpenMetrics).unwrap().value("a_seconds_total", &[]), Some(1.0));
}

#[test]
fn every_family_of_the_catalogue_makes_a_valid_page_in_every_format() {
    let read = DIALECTS.map(|dialect| {
        let page = encoded(dialect, |sink| {
            for metric in catalogue::ALL {
                sink.family(metric);
                let own: Vec<_> = metric.own_labels.iter().map(|name| (*name, "value")).collect();
                match metric.kind {
                    Kind::Histogram => {
                        sink.histogram(&LabelBlock::default(), &own, Histogram::new(BOUNDS).view());
                    }
                    _ => sink.sample(&LabelBlock::default(), &own, Value::Int(1)),
                }
            }
        });
        Page::parse(&page, dialect).unwrap()
    });
    for page in &read {
        assert_eq!(page.families.len(), catalogue::ALL.len());
        for (family, metric) in page.families.iter().zip(catalogue::ALL) {
            assert_eq!(family.help, metric.help);
            assert!(family.samples[0].name.starts_with(metric.name));
        }
    }
    let [text, open_metrics, protobuf] = read;
    for (index, metric) in catalogue::ALL.iter().enumerate() {
        assert_eq!(protobuf.families[index].name, metric.name);
        assert_eq!(protobuf.families[index].kind, text.families[index].kind, "`{}`", metric.name);
        assert_eq!(protobuf.families[index].unit, open_metrics.families[index].unit, "`{}`", metric.name);
    }
}

#[test]
fn a_page_of_messages_that_breaks_a_rule_is_refused_with_the_rule() {
    let cases: [(&[u8], &str); 9] = [
        (&[3, 0x0a, 1], "goes beyond the end"),
        (&[2, 0x32, 0], "has no field 6"),
        (&[4, 0x0a, 1, b'a', 0x1d], "wire type 5"),
        (&[3, 0x0a, 1, 0xff], "not UTF-8"),
        (&[2, 0x18, 9], "no type 9"),
        (&[7, 0x0a, 1, b'a', 0x12, 0, 0x18, 1], "`a` has no samples"),
        (&[11, 0x0a, 1, b'a', 0x12, 0, 0x18, 1, 0x22, 2, 0x1a, 0], "`a` is a Some(\"gauge\")"),
        (&[11, 0x0a, 1, b'a', 0x12, 0, 0x18, 1, 0x22, 2, 0x12, 0], "one double"),
        (&[3, 0x0a, 1, b'a', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], "at most 64 bits"),
    ];
    for (page, rule) in cases {
        let error = Page::parse(page, Dialect::Protobuf).expect_err(rule).to_string();
        assert!(error.contains(rule), "{page:?} was refused for another reason: {error}");
    }
}

#[test]
fn a_histogram_that_breaks_a_rule_is_refused_with_the_rule() {
    let cases = [
        ("a_bucket{le=\"+Inf\"} 1\na_sum 1\n", "ends with its count"),
        ("a_bucket{le=\"+Inf\"} 1\na_count 1\na_sum 1\n", "before the sum"),
        ("a_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n", "`le` is a float"),
        ("a_bucket{le=\"1.0\"} 1\na_sum 1\na_count 1\n", "ascend to +Inf"),
        ("a_bucket{le=\"1.0\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n", "cumulative"),
        ("a_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n", "cumulative"),
        ("a_bucket{b=\"1\",le=\"+Inf\"} 1\na_sum 1\na_count 1\n", "stand together"),
        ("a 1\n", "not a sample of"),
    ];
    for (samples, rule) in cases {
        let page = format!("# HELP a x\n# TYPE a histogram\n{samples}");
        let error = Page::parse(page.as_bytes(), Dialect::Text).expect_err(samples).to_string();
        assert!(error.contains(rule), "{samples:?} was refused for another reason: {error}");
    }
}

/// Any text, with what formats give a meaning to more often than chance would have it.
fn text() -> impl Strategy<Value = String> {
    let marks = "\"\\\n\r\t\0\u{7f}\u{85}\u{2028}{},=# n".chars().collect::<Vec<_>>();
    let character = prop_oneof![any::<char>(), proptest::sample::select(marks)];
    proptest::collection::vec(character, 0..20).prop_map(String::from_iter)
}

/// Any value, with the ends of each kind more often than chance would have it.
fn value() -> impl Strategy<Value = Value> {
    let whole = || prop_oneof![Just(0), Just(1), Just((1 << 53) + 1), Just(u64::MAX), any::<u64>()];
    let ends = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, -0.0, 5e-324, 9e15];
    let float = prop_oneof![proptest::sample::select(ends.to_vec()), any::<u64>().prop_map(f64::from_bits)];
    prop_oneof![
        whole().prop_map(Value::Int),
        whole().prop_map(Value::Nanos),
        float.prop_map(Value::Float),
        any::<u32>().prop_map(|n| Value::Float(f64::from(n) / 7.0)),
    ]
}

/// What a family may have of it: a counter is neither negative nor NaN.
fn fitting(metric: &catalogue::Metric, value: Value) -> Value {
    match (metric.kind, value) {
        (Kind::Counter, Value::Float(float)) if float.is_nan() => Value::Float(0.0),
        (Kind::Counter, Value::Float(float)) => Value::Float(float.abs()),
        (_, value) => value,
    }
}

/// The float next to a value. A quotient of nanoseconds would be rounded twice.
fn nearest(value: Value) -> f64 {
    match value {
        Value::Int(whole) => whole.to_string().parse().unwrap(),
        Value::Nanos(nanos) => format!("{nanos}e-9").parse().unwrap(),
        Value::Float(float) => float,
    }
}

fn same(read: f64, written: f64) -> bool {
    read == written || (read.is_nan() && written.is_nan())
}

/// Families that have single samples.
fn singles() -> Vec<&'static Metric> {
    catalogue::ALL.iter().copied().filter(|metric| metric.kind != Kind::Histogram).collect()
}

/// Families by their place among [`singles`], each with samples of a shared label, an own one
/// and a value.
fn page() -> impl Strategy<Value = BTreeMap<usize, Vec<(String, String, Value)>>> {
    let samples = proptest::collection::vec((text(), text(), value()), 1..4);
    proptest::collection::btree_map(0..singles().len(), samples, 1..20)
}

/// Values to observe: small ones, large ones, those on bounds, and what has no place.
fn observed() -> impl Strategy<Value = Vec<f64>> {
    let ends = [0.0, -1.0, 0.005, 1.0, 1.0 / 1024.0, f64::MAX, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY];
    let value =
        prop_oneof![proptest::sample::select(ends.to_vec()), 0.0..20.0, (-40.0..40.0).prop_map(f64::exp2),];
    proptest::collection::vec(value, 0..100)
}

fn histogram(values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new(BOUNDS);
    values.iter().for_each(|value| histogram.observe(*value));
    histogram
}

proptest! {
    #[test]
    fn a_strict_parser_reads_back_exactly_what_the_encoder_was_given(page in page()) {
        let mut given = Vec::new();
        for (&index, samples) in &page {
            let metric = singles()[index];
            for (number, (shared, own, value)) in samples.iter().enumerate() {
                let labels = [("shared", shared.clone()), ("number", number.to_string()), ("own", own.clone())];
                given.push((metric, labels, fitting(metric, *value)));
            }
        }
        for dialect in DIALECTS {
            let page = encoded(dialect, |sink| {
                for family in given.chunk_by(|one, next| one.0.name == next.0.name) {
                    sink.family(family[0].0);
                    for (_, [shared, number, (_, own)], value) in family {
                        let shared = [shared, number].map(|(name, value)| (*name, value.as_str()));
                        sink.sample(&LabelBlock::new(shared), &[("own", own)], *value);
                    }
                }
            });
            let read = Page::parse(&page, dialect).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let read: Vec<_> = read.samples().collect();
            prop_assert_eq!(read.len(), given.len());
            for (sample, (metric, labels, value)) in read.into_iter().zip(&given) {
                prop_assert_eq!(&sample.name, metric.name);
                let labels = labels.clone().map(|(name, value)| (name.to_owned(), value));
                prop_assert_eq!(&sample.labels, &labels);
                let expected = if dialect == Dialect::Protobuf { value.as_f64() } else { nearest(*value) };
                prop_assert!(same(sample.value, expected), "{} is not {value:?}", sample.value);
            }
        }
    }

    #[test]
    fn a_float_of_a_value_is_the_nearest_one_but_for_the_last_digit(value in value()) {
        let (float, exact) = (value.as_f64(), nearest(value));
        prop_assert!(same(float, exact) || (float / exact - 1.0).abs() < 3e-16, "{float} is not {exact}");
    }

    #[test]
    fn histograms_are_the_same_in_every_format_and_native_in_protobuf(
        histograms in proptest::collection::vec((text(), observed()), 1..4),
    ) {
        let histograms: Vec<_> = histograms.iter().map(|(own, values)| (own, histogram(values))).collect();
        let pages = DIALECTS.map(|dialect| {
            let page = encoded(dialect, |sink| {
                sink.family(&DURATION);
                for (number, (own, histogram)) in histograms.iter().enumerate() {
                    let shared = LabelBlock::new([("number", number.to_string().as_str())]);
                    sink.histogram(&shared, &[("own", own)], histogram.view());
                }
            });
            Page::parse(&page, dialect)
        });
        let [text, open_metrics, protobuf] = pages;
        let text = text.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let open_metrics = open_metrics.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let protobuf = protobuf.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&text.families[0].samples, &open_metrics.families[0].samples);
        prop_assert_eq!(&text.families[0].samples, &protobuf.families[0].samples);
        prop_assert_eq!(protobuf.families[0].native.len(), histograms.len());
        for (number, (own, histogram)) in histograms.iter().enumerate() {
            let (labels, native) = &protobuf.families[0].native[number];
            let number = number.to_string();
            let series = [("number", number.as_str()), ("own", own.as_str())];
            prop_assert_eq!(labels, &series.map(|(name, value)| (name.to_owned(), value.to_owned())));
            prop_assert_eq!(text.value("test_duration_seconds_count", &series), Some(histogram.count() as f64));
            prop_assert_eq!(text.value("test_duration_seconds_sum", &series), Some(histogram.sum()));
            prop_assert_eq!((native.count, native.sum), (histogram.count(), histogram.sum()));
            prop_assert_eq!(native.schema, i64::from(histogram.native().schema()));
            prop_assert_eq!((native.zero_count, native.zero_threshold), histogram.native().zero());
            let buckets: Vec<_> = native.buckets.iter().map(|(index, count)| (*index as i32, *count)).collect();
            prop_assert_eq!(&buckets, histogram.native().buckets());
        }
    }

    #[test]
    fn any_bytes_are_a_page_or_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for dialect in DIALECTS {
            let _ = Page::parse(&bytes, dialect);
        }
    }
}
