//! That the reader is strict, and that it reads back what the encoder was given.

use std::collections::BTreeMap;

use dockmeter::metrics::text::{Format, TextEncoder};
use dockmeter::metrics::{Kind, LabelBlock, Sink as _, Value, catalogue};
use proptest::prelude::*;

use super::{Dialect, Page};

const FORMATS: [(Format, Dialect); 2] =
    [(Format::Text, Dialect::Text), (Format::OpenMetrics, Dialect::OpenMetrics)];

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
fn every_family_of_the_catalogue_makes_a_valid_page_in_both_formats() {
    for (format, dialect) in FORMATS {
        let mut encoder = TextEncoder::new(format, Vec::new());
        for metric in catalogue::ALL {
            encoder.family(metric);
            let own: Vec<_> = metric.own_labels.iter().map(|name| (*name, "value")).collect();
            encoder.sample(&LabelBlock::default(), &own, Value::Int(1));
        }
        let page = Page::parse(&encoder.finish(), dialect).unwrap();
        assert_eq!(page.families.len(), catalogue::ALL.len());
        for (family, metric) in page.families.iter().zip(catalogue::ALL) {
            assert_eq!(family.help, metric.help);
            assert_eq!(family.samples[0].name, metric.name);
        }
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

/// Families by their place in the catalogue, each with samples of a shared label, an own one
/// and a value.
fn page() -> impl Strategy<Value = BTreeMap<usize, Vec<(String, String, Value)>>> {
    let samples = proptest::collection::vec((text(), text(), value()), 1..4);
    proptest::collection::btree_map(0..catalogue::ALL.len(), samples, 1..20)
}

proptest! {
    #[test]
    fn a_strict_parser_reads_back_exactly_what_the_encoder_was_given(page in page()) {
        for (format, dialect) in FORMATS {
            let mut encoder = TextEncoder::new(format, Vec::new());
            let mut given = Vec::new();
            for (&index, samples) in &page {
                let metric = catalogue::ALL[index];
                encoder.family(metric);
                for (number, (shared, own, value)) in samples.iter().enumerate() {
                    let (number, value) = (number.to_string(), fitting(metric, *value));
                    let block = LabelBlock::new([("shared", shared.as_str()), ("number", &number)]);
                    encoder.sample(&block, &[("own", own)], value);
                    given.push((metric.name, [("shared", shared.clone()), ("number", number), ("own", own.clone())], value));
                }
            }
            let read = Page::parse(&encoder.finish(), dialect).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let read: Vec<_> = read.samples().collect();
            prop_assert_eq!(read.len(), given.len());
            for (sample, (name, labels, value)) in read.into_iter().zip(given) {
                prop_assert_eq!(&sample.name, name);
                prop_assert_eq!(&sample.labels, &labels.map(|(name, value)| (name.to_owned(), value)));
                prop_assert!(same(sample.value, nearest(value)), "{} is not {value:?}", sample.value);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_page_or_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, dialect) in FORMATS {
            let _ = Page::parse(&bytes, dialect);
        }
    }
}
