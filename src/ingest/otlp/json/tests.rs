//! Requests in JSON as senders write them, and as they should not.

use super::*;
use crate::ingest::otlp::model::{AnyValue, Attribute, Faults};

use proptest::prelude::*;

/// A body read with as much memory as it takes.
fn metrics(body: &str) -> Result<Metrics<'_>, Unread> {
    super::metrics(body, &Allowance::new(u64::MAX))
}

fn request(metric: &str) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}},
            "scopeMetrics":[{{"scope":{{"name":"a library"}},"metrics":[{metric}]}}]}}]}}"#
    )
}

fn only_metric(body: &str) -> Metric<'_> {
    let mut metrics = metrics(body).unwrap();
    assert_eq!(metrics.faults, Faults::default());
    metrics.resources.remove(0).metrics.remove(0)
}

#[test]
fn integers_are_texts_or_numbers_and_enums_numbers_or_names() {
    for (integer, temporality) in [(r#""5""#, "2"), ("5", r#""AGGREGATION_TEMPORALITY_CUMULATIVE""#)] {
        let body = request(&format!(
            r#"{{"name":"jobs","unit":"1","description":null,"sum":{{"aggregationTemporality":{temporality},"isMonotonic":true,
               "dataPoints":[{{"asInt":{integer},"startTimeUnixNano":"10","timeUnixNano":20,
               "attributes":[{{"key":"ok","value":{{"boolValue":true}}}},{{"key":"n","value":{{"intValue":"-5"}}}}]}}]}}}}"#
        ));
        let metric = only_metric(&body);
        let Data::Sum { temporality: Temporality::Cumulative, monotonic: true, points } = &metric.data else {
            panic!("{metric:?}")
        };
        let attribute = |key: &'static str, value| Attribute { key: key.into(), value };
        let point = Point {
            attributes: vec![attribute("ok", AnyValue::Bool(true)), attribute("n", AnyValue::Int(-5))],
            start_ns: 10,
            time_ns: 20,
            ended: false,
            value: Number::Int(5),
            exemplars: vec![],
        };
        assert_eq!(*points, [point]);
    }
}

#[test]
fn doubles_have_names_where_they_are_no_numbers() {
    let value = |text: &str| {
        let body = request(&format!(r#"{{"gauge":{{"dataPoints":[{{"asDouble":{text}}}]}}}}"#));
        let Data::Gauge(points) = only_metric(&body).data else { panic!() };
        points[0].value.as_f64()
    };
    assert!(value(r#""NaN""#).is_nan());
    assert_eq!(
        [r#""Infinity""#, r#""-Infinity""#, "1.5", "2", r#""3.5""#].map(value),
        [f64::INFINITY, f64::NEG_INFINITY, 1.5, 2.0, 3.5]
    );
}

#[test]
fn every_kind_of_distribution_is_read() {
    let body = request(
        r#"{"histogram":{"aggregationTemporality":1,"dataPoints":[{"count":"6","sum":2.5,
           "bucketCounts":["1","2",3],"explicitBounds":[0.1,1]}]}}"#,
    );
    let Data::Histogram { temporality: Temporality::Delta, points } = only_metric(&body).data else {
        panic!()
    };
    let expected = Buckets { count: 6, sum: Some(2.5), bounds: vec![0.1, 1.0], counts: vec![1, 2, 3] };
    assert_eq!(points[0].value, expected);

    let body = request(
        r#"{"exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[{"count":"5","scale":-1,"zeroCount":"4",
           "zeroThreshold":1e-6,"positive":{"offset":-2,"bucketCounts":["1"]}}]}}"#,
    );
    let Data::ExponentialHistogram { points, .. } = only_metric(&body).data else { panic!() };
    let value = &points[0].value;
    assert_eq!((value.scale, value.sum, value.zero_count, value.zero_threshold), (-1, None, 4, 1e-6));
    assert_eq!(value.positive, Run { offset: -2, counts: vec![1] });

    let body = request(
        r#"{"summary":{"dataPoints":[{"count":2,"sum":6,"quantileValues":[{"quantile":0.5,"value":3}]}]}}"#,
    );
    let Data::Summary(points) = only_metric(&body).data else { panic!() };
    assert_eq!(points[0].value, Quantiles { count: 2, sum: 6.0, values: vec![(0.5, 3.0)] });
}

#[test]
fn what_cannot_be_read_costs_itself_alone() {
    let body = request(
        r#"{"name":"g","gauge":{"dataPoints":[{"asInt":"five"},{"asInt":1},{"asInt":1.5},{},
           {"asInt":1,"flags":1},{"asInt":2,"attributes":[{"key":"empty","value":{}}]}]}},
           {"name":7},{"name":"later","unknown":{"a":[1]},"gauge":{"dataPoints":[{"asDouble":1}]}}"#,
    );
    let read = metrics(&body).unwrap();
    let names: Vec<_> = read.resources[0].metrics.iter().map(|m| (&*m.name, m.data.len())).collect();
    assert_eq!(names, [("g", 3), ("later", 1)]);
    assert_eq!(read.faults.malformed, 4);
    assert!(read.faults.first.unwrap().contains("five"));
}

#[test]
fn nested_values_become_json_and_escapes_are_undone() {
    let body = request(
        r#"{"name":"a\u00e4\nb","gauge":{"dataPoints":[{"asInt":1,"attributes":[
           {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":1},{"stringValue":"a"}]}}}]}}},
           {"key":"bytes","value":{"bytesValue":"/wA="}}]}]}}"#,
    );
    let metric = only_metric(&body);
    assert_eq!(metric.name, "aä\nb");
    let Data::Gauge(points) = metric.data else { panic!() };
    let texts: Vec<_> = points[0].attributes.iter().map(|a| a.value.as_text().into_owned()).collect();
    assert_eq!(texts, [r#"{"k":[1,"a"]}"#, "/wA="]);
}

#[test]
fn an_empty_request_is_empty_and_a_broken_one_refused() {
    assert_eq!(metrics("{}").unwrap(), Metrics::default());
    assert_eq!(metrics(r#"{"resourceMetrics":null}"#).unwrap(), Metrics::default());
    assert!(metrics("").is_err());
    assert!(metrics(r#"{"resourceMetrics":[{"#).is_err());
    assert!(metrics("[1]").is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), point in ".{0,60}") {
        let _ = metrics(&text);
        let _ = metrics(&request(&format!(r#"{{"gauge":{{"dataPoints":[{point}]}}}}"#)));
    }
}
