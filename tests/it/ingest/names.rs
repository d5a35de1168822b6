//! HTTP and database metrics of a program stand under the names that dashboards know, or under
//! OpenTelemetry's, as it is configured.

use std::fs;

use rustix::process::Signal;

use super::{JSON, OTLP, configuration};
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// Requests that came over two schemes, which classic names do not tell apart, and a pool.
fn body(requests: [u32; 2]) -> String {
    let point = |scheme: &str, count: u32| {
        format!(
            r#"{{"count":{count},"sum":{count},"bucketCounts":[{count},0],"explicitBounds":[1],"attributes":[
                {{"key":"http.request.method","value":{{"stringValue":"GET"}}}},
                {{"key":"http.route","value":{{"stringValue":"/orders/{{id}}"}}}},
                {{"key":"http.response.status_code","value":{{"intValue":200}}}},
                {{"key":"url.scheme","value":{{"stringValue":"{scheme}"}}}}]}}"#
        )
    };
    let points = [point("http", requests[0]), point("https", requests[1])].join(",");
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"api"}}}}]}},
          "scopeMetrics":[{{"metrics":[
            {{"name":"http.server.request.duration","unit":"s","histogram":{{"aggregationTemporality":2,
              "dataPoints":[{points}]}}}},
            {{"name":"db.client.connections.usage","unit":"{{connection}}","sum":{{"aggregationTemporality":2,
              "dataPoints":[{{"asInt":3,"attributes":[{{"key":"state","value":{{"stringValue":"used"}}}}]}}]}}}}
          ]}}]}}]}}"#
    )
}

#[test]
fn requests_of_a_program_stand_under_the_names_that_are_configured() {
    let folder = configuration();
    let file = folder.path().join("dockmeter.yml");
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    let send = |requests| {
        let headers = [JSON, &bearer("shop-token")];
        let answer = http::send(exporter.address, OTLP, &headers, body(requests).as_bytes()).unwrap();
        assert_eq!((answer.status, answer.text()), (200, "{}"));
    };
    send([5, 2]);
    let labels = [("project", "shop"), ("method", "GET"), ("route", "/orders/{id}"), ("status_code", "200")];
    let page = exporter.page();
    assert_eq!(page.value("http_requests_total", &labels), Some(7.0));
    assert_eq!(page.value("http_request_duration_seconds_count", &labels), Some(7.0));
    assert_eq!(page.value("db_connections_active", &[("project", "shop")]), Some(3.0));
    assert_eq!(page.all("http_server_request_duration_seconds_count", &[]).count(), 0);

    // Started anew, both series count from zero; what they are together does not.
    send([1, 2]);
    assert_eq!(exporter.page().value("http_requests_total", &labels), Some(8.0));
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let query = r#"sum(http_requests_total{project="shop",route="/orders/{id}"})"#;
    eventually("Prometheus has the requests", || prometheus.value(query).filter(|value| *value == 8.0));

    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}instrumentation: {{names: both}}\n")).unwrap();
    exporter.signal(Signal::HUP);
    eventually("both names are shown", || {
        let page = exporter.page();
        let by_scheme: Vec<f64> =
            page.all("http_server_request_duration_seconds_count", &[]).map(|sample| sample.value).collect();
        let both = page.value("http_requests_total", &labels) == Some(8.0) && by_scheme == [1.0, 2.0];
        both.then_some(())
    });
}
