//! Requests, and the pages that they make.

use super::*;
use crate::config::Naming;
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
    bytes: 1 << 20,
    idle: Duration::from_secs(300),
};

/// What becomes of metrics in JSON, and the page that they make.
fn sent(metrics: &str) -> (Outcome, String) {
    sent_as(metrics, Naming::Classic)
}

fn sent_as(metrics: &str, naming: Naming) -> (Outcome, String) {
    let body = format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.namespace","value":{{"stringValue":"shop"}}}},
            {{"key":"service.name","value":{{"stringValue":"api"}}}},
            {{"key":"user","value":{{"stringValue":"eve"}}}}]}},"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#
    );
    let store = Store::new(LIMITS);
    let tenant = Tenant::claimed(Some("ann"), None, None);
    let origin = Origin { instance: LabelValue::clean("0123456789ab"), ..Origin::of(tenant) };
    let request = json::metrics(&body, &Allowance::new(u64::MAX)).unwrap();
    let rooms = Rooms::default();
    let (users, allowance) = (Users::default(), Allowance::new(u64::MAX));
    let outcome = record(&store, &users, Some(&rooms), &origin, request, &allowance, Instant::now()).unwrap();
    let mut encoder = TextEncoder::new(Dialect::OpenMetrics, Vec::new());
    store.walk(naming, &mut |visit| match visit {
        Visit::Family(family) => encoder.open(Family::Foreign(family.clone())),
        Visit::Series(labels, value) => show(&mut encoder, labels, value),
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

/// One program's HTTP and database metrics, by old conventions and new ones, beside what it
/// sends under a classic name itself.
const PROGRAM: &str = r#"
    {"name":"http.server.request.duration","unit":"s","description":"Duration of HTTP server requests.",
     "histogram":{"aggregationTemporality":2,"dataPoints":[
        {"count":4,"sum":0.75,"bucketCounts":[1,2,1],"explicitBounds":[0.1,1],"attributes":[
            {"key":"http.request.method","value":{"stringValue":"GET"}},
            {"key":"http.route","value":{"stringValue":"/orders/{id}"}},
            {"key":"http.response.status_code","value":{"intValue":200}},
            {"key":"url.scheme","value":{"stringValue":"http"}}]},
        {"count":2,"sum":0.25,"bucketCounts":[0,2,0],"explicitBounds":[0.1,1],"attributes":[
            {"key":"http.request.method","value":{"stringValue":"GET"}},
            {"key":"http.route","value":{"stringValue":"/orders/{id}"}},
            {"key":"http.response.status_code","value":{"intValue":200}},
            {"key":"url.scheme","value":{"stringValue":"https"}}]}]}},
    {"name":"http.server.duration","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[
        {"count":4,"sum":750,"bucketCounts":[1,2,1],"explicitBounds":[100,1000],"attributes":[
            {"key":"http.method","value":{"stringValue":"GET"}}]}]}},
    {"name":"http.server.request.size","unit":"By","histogram":{"aggregationTemporality":2,"dataPoints":[
        {"count":1,"sum":500,"bucketCounts":[1,0],"explicitBounds":[1024],"attributes":[
            {"key":"http.method","value":{"stringValue":"POST"}},
            {"key":"http.target","value":{"stringValue":"/orders/17?plan=gold"}}]}]}},
    {"name":"db.client.operation.duration","unit":"s","exponentialHistogram":{"aggregationTemporality":2,"dataPoints":[
        {"count":3,"sum":4.5,"scale":0,"positive":{"offset":-1,"bucketCounts":[1,2]},"attributes":[
            {"key":"db.system.name","value":{"stringValue":"postgresql"}},
            {"key":"db.operation.name","value":{"stringValue":"SELECT"}},
            {"key":"db.collection.name","value":{"stringValue":"orders"}},
            {"key":"db.query.text","value":{"stringValue":"SELECT 'secret'"}}]}]}},
    {"name":"db.client.connections.usage","unit":"{connection}","sum":{"aggregationTemporality":2,"dataPoints":[
        {"asInt":"3","attributes":[{"key":"state","value":{"stringValue":"used"}},
            {"key":"pool.name","value":{"stringValue":"main"}}]},
        {"asInt":"1","attributes":[{"key":"state","value":{"stringValue":"used"}},
            {"key":"pool.name","value":{"stringValue":"jobs"}}]},
        {"asInt":"5","attributes":[{"key":"state","value":{"stringValue":"idle"}},
            {"key":"pool.name","value":{"stringValue":"main"}}]}]}},
    {"name":"db.client.connections.max","unit":"{connection}","sum":{"aggregationTemporality":2,"dataPoints":[
        {"asInt":"10","attributes":[{"key":"pool.name","value":{"stringValue":"main"}}]}]}},
    {"name":"http_requests_total","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
        {"asInt":"7","attributes":[{"key":"method","value":{"stringValue":"GET"}},
            {"key":"handler","value":{"stringValue":"orders"}}]}]}}"#;

#[test]
fn golden_pages_of_a_program_under_every_naming() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for (word, naming) in Naming::ALL {
        let (outcome, page) = sent_as(PROGRAM, naming);
        assert_eq!(outcome, Outcome { taken: 10, refused: vec![] });
        let file = folder.join(format!("programs-{word}.prom"));
        if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap();
        assert!(page == expected, "{} differs; this is the page now:\n{page}", file.display());
    }
}
