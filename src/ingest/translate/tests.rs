//! Requests, and the pages that they make.

use super::*;
use crate::ingest::collector::show;
use crate::ingest::otlp::json;
use crate::ingest::store::{Limits, Rooms, Visit};
use crate::metrics::text::{Dialect, TextEncoder};
use crate::metrics::{Family, Sink as _};
use std::time::Duration;

const LIMITS: Limits = Limits {
    senders_per_tenant: 100,
    metrics_per_tenant: 100,
    series_per_tenant: 100,
    series_per_metric: 100,
    series_total: 100,
    idle: Duration::from_secs(300),
};

/// What becomes of metrics in JSON, and the page that they make.
fn sent(metrics: &str) -> (Outcome, String) {
    let body = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.namespace","value":{{"stringValue":"shop"}}}},
            {{"key":"service.name","value":{{"stringValue":"api"}}}},
            {{"key":"user","value":{{"stringValue":"eve"}}}}]}},"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#
    );
    let store = Store::new(LIMITS);
    let tenant = Tenant::claimed(Some("ann"), None, None);
    let origin = Origin { instance: LabelValue::clean("0123456789ab"), ..Origin::of(tenant) };
    let request = json::metrics(&body).unwrap();
    let rooms = Rooms::default();
    let outcome = record(&store, &Users::default(), Some(&rooms), &origin, request, Instant::now());
    let mut encoder = TextEncoder::new(Dialect::OpenMetrics, Vec::new());
    store.walk(&mut |visit| match visit {
        Visit::Family(family) => encoder.open(Family::Foreign(family.clone())),
        Visit::Series(labels, value, exemplars) => show(&mut encoder, labels, value, exemplars),
    });
    (outcome, String::from_utf8(encoder.finish()).unwrap())
}

const SENDER: &str =
    r#"service="shop/api",service_instance="0123456789ab",user="ann",project="unknown",team="unknown""#;

#[test]
fn every_kind_of_metric_has_its_shape_on_the_page() {
    let (outcome, page) = sent(
        r#"{"name":"translate.test.requests","unit":"{request}","description":"Requests.",
            "sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":"5","attributes":[
                {"key":"http.route","value":{"stringValue":"/a"}}]}]}},
           {"name":"translate.test.open","sum":{"aggregationTemporality":2,"dataPoints":[{"asInt":3}]}},
           {"name":"translate.test.heat","unit":"Cel","gauge":{"dataPoints":[{"asDouble":-1.5}]}},
           {"name":"translate.test.duration","unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[
                {"count":3,"sum":2.5,"bucketCounts":[1,2],"explicitBounds":[1]}]}},
           {"name":"translate.test.size","unit":"By","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
                {"count":2,"scale":0,"positive":{"offset":0,"bucketCounts":[2]}}]}},
           {"name":"translate.test.wait","unit":"s","summary":{"dataPoints":[
                {"count":2,"sum":6,"quantileValues":[{"quantile":0.5,"value":3}]}]}}"#,
    );
    assert_eq!(outcome, Outcome { taken: 6, refused: vec![] });
    let expected = r##"# HELP translate_test_duration_seconds 
# TYPE translate_test_duration_seconds histogram
translate_test_duration_seconds_bucket{SENDER,le="1.0"} 1
translate_test_duration_seconds_bucket{SENDER,le="+Inf"} 3
translate_test_duration_seconds_sum{SENDER} 2.5
translate_test_duration_seconds_count{SENDER} 3
# HELP translate_test_heat_celsius 
# TYPE translate_test_heat_celsius gauge
translate_test_heat_celsius{SENDER} -1.5
# HELP translate_test_open 
# TYPE translate_test_open gauge
translate_test_open{SENDER} 3
# HELP translate_test_requests Requests.
# TYPE translate_test_requests counter
translate_test_requests_total{SENDER,http_route="/a"} 5
# HELP translate_test_size_bytes 
# TYPE translate_test_size_bytes histogram
translate_test_size_bytes_bucket{SENDER,le="1e-128"} 0
translate_test_size_bytes_bucket{SENDER,le="1.0"} 0
translate_test_size_bytes_bucket{SENDER,le="2.0"} 2
translate_test_size_bytes_bucket{SENDER,le="+Inf"} 2
translate_test_size_bytes_count{SENDER} 2
# HELP translate_test_wait_seconds 
# TYPE translate_test_wait_seconds summary
translate_test_wait_seconds{SENDER,quantile="0.5"} 3
translate_test_wait_seconds_sum{SENDER} 6
translate_test_wait_seconds_count{SENDER} 2
# EOF
"##;
    assert_eq!(page, expected.replace("SENDER", SENDER));
}

#[test]
fn a_point_that_is_refused_says_why_and_leaves_the_others() {
    let (outcome, page) = sent(
        r#"{"name":"node.load1","gauge":{"dataPoints":[{"asInt":1},{"asInt":2}]}},
           {"name":"...","gauge":{"dataPoints":[{"asInt":1}]}},
           {"name":"translate.test.negative","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
               {"asInt":-1},{"asInt":1}]}},
           {"name":"translate.test.unsaid","sum":{"isMonotonic":true,"dataPoints":[{"asInt":1}]}}"#,
    );
    assert_eq!((outcome.taken, outcome.rejected()), (1, 5));
    let reasons: Vec<String> =
        outcome.refused.iter().map(|(why, points)| format!("{points}: {why}")).collect();
    assert!(reasons[0].starts_with("2: `node_load1` is a name of dockmeter"), "{reasons:?}");
    assert!(reasons[3].contains("cumulative or delta"), "{reasons:?}");
    assert!(page.contains("translate_test_negative_total{"));
}

#[test]
fn exemplars_stand_behind_the_buckets_and_counters_that_they_are_of() {
    let exemplar = |value: f64, time: u32| {
        format!(
            r#"{{"asDouble":{value},"timeUnixNano":"{time}500000000","traceId":"0AF7651916CD43DD8448EB211C80319C",
                "spanId":"b7ad6b7169203331","filteredAttributes":[
                    {{"key":"user","value":{{"stringValue":"eve"}}}},
                    {{"key":"long","value":{{"stringValue":"{}"}}}}]}}"#,
            "x".repeat(100)
        )
    };
    let (outcome, page) = sent(&format!(
        r#"{{"name":"translate.exemplar.duration","unit":"s","histogram":{{"aggregationTemporality":1,"dataPoints":[
                {{"count":4,"sum":9,"bucketCounts":[1,0,3],"explicitBounds":[1,2],"exemplars":[{},{},{}]}}]}}}},
           {{"name":"translate.exemplar.requests","sum":{{"aggregationTemporality":2,"isMonotonic":true,
                "dataPoints":[{{"asInt":5,"exemplars":[{}]}}]}}}},
           {{"name":"translate.exemplar.heat","gauge":{{"dataPoints":[{{"asInt":5,"exemplars":[{}]}}]}}}}"#,
        exemplar(0.5, 1),
        exemplar(3.0, 3),
        exemplar(7.0, 2),
        exemplar(1.0, 4),
        exemplar(1.0, 4),
    ));
    assert_eq!(outcome.rejected(), 0);
    let trace =
        r#"{trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331",exported_user="eve"}"#;
    let behind: Vec<_> = page.lines().filter(|line| !line.starts_with('#')).collect();
    let expected = [
        format!(r#"translate_exemplar_duration_seconds_bucket{{{SENDER},le="1.0"}} 1 # {trace} 0.5 1.5"#),
        format!(r#"translate_exemplar_duration_seconds_bucket{{{SENDER},le="2.0"}} 1"#),
        format!(r#"translate_exemplar_duration_seconds_bucket{{{SENDER},le="+Inf"}} 4 # {trace} 3 3.5"#),
        format!("translate_exemplar_duration_seconds_sum{{{SENDER}}} 9"),
        format!("translate_exemplar_duration_seconds_count{{{SENDER}}} 4"),
        format!("translate_exemplar_heat{{{SENDER}}} 5"),
        format!("translate_exemplar_requests_total{{{SENDER}}} 5 # {trace} 1 4.5"),
    ];
    assert_eq!(behind, expected);
}
