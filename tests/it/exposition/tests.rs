//! That the reader is strict, and that it reads back what the encoder was given.

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

/// A value that its family may have: anything, or for a counter what is not negative.
fn value(metric: &catalogue::Metric, kind: u8, bits: u64) -> Value {
    match (kind % 3, metric.kind) {
        (0, _) => Value::Int(bits),
        (1, _) => Value::Nanos(bits),
        (_, Kind::Gauge) => Value::Float(f64::from_bits(bits)),
        (_, Kind::Counter) => Value::Float(f64::from(u32::try_from(bits >> 32).unwrap()) / 7.0),
    }
}

/// Equal, but for the last digits: nanoseconds are written exactly, and a float of them is not.
fn same(read: f64, written: f64) -> bool {
    read == written || (read.is_nan() && written.is_nan()) || (read / written - 1.0).abs() < 1e-15
}

proptest! {
    #[test]
    fn a_strict_parser_reads_back_what_the_encoder_was_given(
        samples in proptest::collection::vec(
            (0..catalogue::ALL.len(), proptest::collection::vec(any::<u8>(), 0..40), any::<u8>(), any::<u64>()), 1..20)
    ) {
        let samples: std::collections::BTreeMap<usize, _> = samples
            .into_iter()
            .map(|(index, bytes, kind, bits)| (index, (String::from_utf8_lossy(&bytes).into_owned(), kind, bits)))
            .collect();
        for (format, dialect) in FORMATS {
            let mut encoder = TextEncoder::new(format, Vec::new());
            for (&index, (text, kind, bits)) in &samples {
                let metric = catalogue::ALL[index];
                encoder.family(metric);
                encoder.sample(&LabelBlock::new([("name", text.as_str())]), &[("own", text)], value(metric, *kind, *bits));
            }
            let page = Page::parse(&encoder.finish(), dialect).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let back: Vec<_> = page.samples().collect();
            prop_assert_eq!(back.len(), samples.len());
            for (sample, (&index, (text, kind, bits))) in back.into_iter().zip(&samples) {
                let metric = catalogue::ALL[index];
                prop_assert_eq!(&sample.name, metric.name);
                prop_assert!(sample.has(&[("name", text), ("own", text)]));
                let expected = value(metric, *kind, *bits).as_f64();
                prop_assert!(same(sample.value, expected), "{} is not {}", sample.value, expected);
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
