//! Services that send spans have their requests counted, once.

use super::{JSON, configuration};
use crate::exporter::{Exporter, bearer};
use crate::exposition::Page;
use crate::http;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

const TRACES: &str = "/v1/traces";

const RESOURCE: &str = r#""resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"api"}},
    {"key":"service.instance.id","value":{"stringValue":"api-1"}}]}"#;

/// Requests to a route, a span each, with ids from `first` on.
fn spans(first: u32, count: u32) -> String {
    let span = |id: u32| {
        format!(
            r#"{{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"{id:016x}","name":"GET /orders/{{id}}",
            "kind":2,"startTimeUnixNano":"1800000000000000000","endTimeUnixNano":"1800000000250000000","attributes":[
            {{"key":"http.request.method","value":{{"stringValue":"GET"}}}},
            {{"key":"http.route","value":{{"stringValue":"/orders/{{id}}"}}}},
            {{"key":"project","value":{{"stringValue":"bank"}}}},
            {{"key":"http.response.status_code","value":{{"intValue":"200"}}}}]}}"#
        )
    };
    let spans: Vec<_> = (first..first + count).map(span).collect();
    format!(r#"{{"resourceSpans":[{{{RESOURCE},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

/// The service's own metric of so many requests since its start.
fn metric(count: u32) -> String {
    format!(
        r#"{{"resourceMetrics":[{{{RESOURCE},"scopeMetrics":[{{"metrics":[
            {{"name":"http.server.request.duration","unit":"s","histogram":{{"aggregationTemporality":2,"dataPoints":[
            {{"startTimeUnixNano":"1","timeUnixNano":"{count}","count":"{count}","sum":1.5,
            "explicitBounds":[1],"bucketCounts":["{count}","0"],"attributes":[
            {{"key":"http.request.method","value":{{"stringValue":"GET"}}}},
            {{"key":"http.route","value":{{"stringValue":"/orders/{{id}}"}}}},
            {{"key":"url.scheme","value":{{"stringValue":"http"}}}},
            {{"key":"http.response.status_code","value":{{"intValue":"200"}}}}]}}]}}}}]}}]}}]}}"#
    )
}

/// Requests on a page, whatever names it gives them.
fn requests(page: &Page, labels: &[(&str, &str)]) -> f64 {
    let names = ["http_request_duration_seconds_count", "http_server_request_duration_seconds_count"];
    let found = names.map(|name| page.all(name, labels).map(|sample| sample.value).sum::<f64>());
    found.into_iter().fold(0.0, f64::max)
}

fn start() -> (tempfile::TempDir, Exporter) {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let exporter = Exporter::alone(&[&config]);
    (folder, exporter)
}

fn send(exporter: &Exporter, path: &str, body: &str) {
    let headers = [JSON, &bearer("shop-token")];
    let answer = http::send(exporter.address, path, &headers, body.as_bytes()).unwrap();
    assert_eq!((answer.status, answer.text()), (200, "{}"));
}

const SHOP: [(&str, &str); 3] = [("project", "shop"), ("service", "api"), ("service_instance", "api-1")];

#[test]
fn requests_of_a_service_that_sends_only_spans_reach_prometheus_once() {
    let (_folder, exporter) = start();
    send(&exporter, TRACES, &spans(1, 4));
    // Sent again, as after a lost answer.
    send(&exporter, TRACES, &spans(1, 4));
    send(&exporter, TRACES, &spans(3, 4));
    assert_eq!(requests(&exporter.page(), &SHOP), 6.0);
    assert_eq!(requests(&exporter.page(), &[("project", "bank")]), 0.0);
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let duration =
        r#"sum({__name__=~"http_(server_)?request_duration_seconds_sum",project="shop",service="api"})"#;
    eventually("Prometheus has what the spans tell", || prometheus.value(duration).filter(|sum| *sum == 1.5));
}

#[test]
fn the_metric_of_a_service_takes_the_place_of_what_its_spans_have_counted() {
    let (_folder, exporter) = start();
    send(&exporter, TRACES, &spans(1, 4));
    assert_eq!(requests(&exporter.page(), &SHOP), 4.0);
    send(&exporter, "/v1/metrics", &metric(6));
    assert_eq!(requests(&exporter.page(), &SHOP), 4.0, "it holds the four, and is what later ones begin at");
    send(&exporter, TRACES, &spans(5, 4));
    assert_eq!(requests(&exporter.page(), &SHOP), 4.0);
    send(&exporter, "/v1/metrics", &metric(8));
    assert_eq!(requests(&exporter.page(), &SHOP), 6.0);
}

#[test]
fn a_span_that_makes_no_sense_is_told_and_costs_itself_alone() {
    let (_folder, exporter) = start();
    let body = spans(1, 2).replacen("1800000000250000000", "17", 1);
    let headers = [JSON, &bearer("shop-token")];
    let answer = http::send(exporter.address, TRACES, &headers, body.as_bytes()).unwrap();
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1", "{partial}");
    assert!(
        partial["errorMessage"].as_str().is_some_and(|why| why.contains("ends before it begins")),
        "{partial}"
    );
    assert_eq!(requests(&exporter.page(), &SHOP), 1.0);
    assert_eq!(http::send(exporter.address, TRACES, &[JSON], body.as_bytes()).unwrap().status, 401);
}
