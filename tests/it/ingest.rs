//! Programs send what they measure: it reaches Prometheus under the tenant of their token, at an
//! address where nothing else is served.

mod bounds;
mod names;
mod odd;
mod plain;
mod spans;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use dockmeter::config::TokenHash;

use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::{Prometheus, free_address};

/// A configuration with a token for the programs of two projects.
fn configuration() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let token = |name: &str, rest: &str| {
        let hash = TokenHash::of(name);
        format!("  - {{name: {name}, hash: '{hash}', scopes: [write], {rest}}}\n")
    };
    let tokens = [
        token("shop-token", "project: shop"),
        token("bank-token", "project: bank"),
        token("shared-token", "project: shop, delegate: true"),
    ]
    .concat();
    fs::write(folder.path().join("dockmeter.yml"), format!("auth:\n  tokens:\n{tokens}")).unwrap();
    folder
}

/// A request of a shop's program that claims to be somebody else's.
fn body(metric: &str, value: u32) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"api"}}}},
            {{"key":"service.instance.id","value":{{"stringValue":"api-1"}}}},
            {{"key":"project","value":{{"stringValue":"bank"}}}}]}},
          "scopeMetrics":[{{"metrics":[{{"name":"{metric}","sum":{{"aggregationTemporality":2,"isMonotonic":true,
            "dataPoints":[{{"asInt":"{value}","timeUnixNano":"{value}","attributes":[
                {{"key":"project","value":{{"stringValue":"bank"}}}},
                {{"key":"plan","value":{{"stringValue":"gold"}}}}]}}]}}}}]}}]}}]}}"#
    )
}

const OTLP: &str = "/v1/metrics";
const JSON: &str = "Content-Type: application/json";

#[test]
fn what_a_program_counts_reaches_prometheus_under_its_tenant() {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let address = free_address();
    let exporter = Exporter::alone(&[&config, &format!("--ingest.listen-address={address}")]);
    let send = |value| {
        let headers = [JSON, &bearer("shop-token")];
        let answer = http::send(address, OTLP, &headers, body("ingest.orders", value).as_bytes()).unwrap();
        assert_eq!((answer.status, answer.text()), (200, "{}"));
    };
    send(5);
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let orders = r#"ingest_orders_total{project="shop",user="unknown",service="api",service_instance="api-1",plan="gold"}"#;
    eventually("Prometheus has what was sent", || prometheus.value(orders).filter(|value| *value == 5.0));
    send(7);
    eventually("and what was sent then", || prometheus.value(orders).filter(|value| *value == 7.0));
    // Sent again, as after a lost answer.
    send(7);
    let points = [("project", "shop")];
    exporter.until_value("dockmeter_ingest_points_total", &points, 3.0);
    assert_eq!(exporter.page().value("ingest_orders_total", &points), Some(7.0));
}

#[test]
fn nobody_writes_for_another_tenant() {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let exporter = Exporter::alone(&[&config]);
    let send = |headers: &[&str], metric: &str| {
        http::send(exporter.address, OTLP, headers, body(metric, 5).as_bytes()).unwrap()
    };
    let (shop, bank) = (bearer("shop-token"), bearer("bank-token"));
    assert_eq!(send(&[JSON], "ingest.forged").status, 401, "loopback is everybody's");
    assert_eq!(send(&[JSON, &bearer("guessed")], "ingest.forged").status, 401);
    assert_eq!(send(&[JSON, &shop], "ingest.forged").status, 200);
    let page = exporter.page();
    let forged: Vec<_> = page.all("ingest_forged_total", &[]).collect();
    assert_eq!(forged.len(), 1);
    assert_eq!(
        page.value("ingest_forged_total", &[("project", "shop"), ("exported_project", "bank")]),
        Some(5.0)
    );

    // The same name of another tenant is another series, and the exporter's own names are its own.
    assert_eq!(send(&[JSON, &bank], "ingest.forged").status, 200);
    assert_eq!(exporter.page().all("ingest_forged_total", &[]).count(), 2);
    let refused = send(&[JSON, &shop], "tenant.cpu_core_seconds").json();
    assert_eq!(refused["partialSuccess"]["rejectedDataPoints"], "1", "{refused}");
    let rejected = [("project", "shop"), ("reason", "name")];
    exporter.until_value("dockmeter_ingest_rejected_points_total", &rejected, 1.0);
}

#[test]
fn a_shared_service_names_the_user_of_each_point_within_its_project() {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let exporter = Exporter::alone(&[&config]);
    let point = |user: &str, value: u32| {
        format!(
            r#"{{"asInt":"{value}","attributes":[{user}{{"key":"project","value":{{"stringValue":"bank"}}}}]}}"#
        )
    };
    let user = |name: &str| format!(r#"{{"key":"user","value":{{"stringValue":"{name}"}}}},"#);
    let points = [point(&user("ann"), 2), point(&user("bob"), 3), point("", 4), point(&user("system"), 5)];
    let body = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"ingest.shared",
            "gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    );
    let send = |token: &str| {
        http::send(exporter.address, OTLP, &[JSON, &bearer(token)], body.as_bytes()).unwrap().status
    };
    assert_eq!(send("shared-token"), 200);
    let page = exporter.page();
    let of = |user| page.value("ingest_shared", &[("project", "shop"), ("user", user)]);
    let values = ["ann", "bob", "anonymous", "system_"].map(of);
    assert_eq!(values, [Some(2.0), Some(3.0), Some(4.0), Some(5.0)]);
    assert_eq!(page.all("ingest_shared", &[("project", "bank")]).count(), 0);

    assert_eq!(send("bank-token"), 200);
    let page = exporter.page();
    assert_eq!(page.all("ingest_shared", &[("project", "bank"), ("user", "unknown")]).count(), 4);
}

#[test]
fn where_programs_send_nothing_else_is_served() {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let socket = folder.path().join("ingest.sock");
    let address = free_address();
    let exporter = Exporter::alone(&[
        &config,
        &format!("--ingest.listen-address={address}"),
        &format!("--ingest.listen-address=unix:{}", socket.display()),
    ]);
    for path in ["/", "/metrics", "/api/containers", "/-/healthy"] {
        assert_eq!(http::get(address, path, &[]).unwrap().status, 404, "{path}");
    }
    let body = body("ingest.socket", 5);
    let mut stream = UnixStream::connect(&socket).unwrap();
    let head = format!(
        "POST {OTLP} HTTP/1.0\r\nHost: localhost\r\n{JSON}\r\n{}\r\nContent-Length: {}\r\n\r\n",
        bearer("shop-token"),
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    exporter.until_value("ingest_socket_total", &[("project", "shop")], 5.0);
}

/// A counter and a histogram of each kind, with a measurement whose trace is known; and requests
/// of two kinds in milliseconds, which are one under their classic name.
fn traced() -> String {
    let now = jiff::Timestamp::now().as_nanosecond();
    let exemplar = |trace: &str, value: f64| {
        format!(
            r#""exemplars":[{{"timeUnixNano":"{now}","asDouble":{value},"spanId":"b7ad6b7169203331",
                "traceId":"{}","filteredAttributes":[{{"key":"order","value":{{"stringValue":"17"}}}}]}}]"#,
            trace.repeat(16)
        )
    };
    let (counted, classic, native) = (exemplar("c0", 1.0), exemplar("c1", 7.5), exemplar("ff", 3.0));
    let later = now + 1_000_000;
    let [early, late] =
        [exemplar("a1", 300.0), exemplar("a2", 420.0).replace(&now.to_string(), &later.to_string())];
    let request = |scheme: &str, exemplars: &str| {
        format!(
            r#"{{"attributes":[{{"key":"http.method","value":{{"stringValue":"GET"}}}},
                {{"key":"http.scheme","value":{{"stringValue":"{scheme}"}}}}],
                "count":1,"sum":300,"bucketCounts":[0,1,0],"explicitBounds":[250,500],"timeUnixNano":"{now}",{exemplars}}}"#
        )
    };
    let requests = [request("http", &early), request("https", &late)].join(",");
    let metrics = format!(
        r#"{{"name":"http.server.duration","unit":"ms","histogram":{{"aggregationTemporality":2,"dataPoints":[{requests}]}}}},
           {{"name":"ingest.traced","sum":{{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
                {{"asInt":"5","timeUnixNano":"{now}",{counted}}}]}}}},
           {{"name":"ingest.traced.classic","histogram":{{"aggregationTemporality":2,"dataPoints":[
                {{"count":2,"sum":8,"bucketCounts":[1,1],"explicitBounds":[5],"timeUnixNano":"{now}",{classic}}}]}}}},
           {{"name":"ingest.traced.native","exponentialHistogram":{{"aggregationTemporality":2,"dataPoints":[
                {{"count":2,"sum":6,"scale":0,"positive":{{"offset":1,"bucketCounts":[2]}},
                  "timeUnixNano":"{now}",{native}}}]}}}}"#
    );
    format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metrics}]}}]}}]}}"#)
}

#[test]
fn a_count_leads_to_the_trace_of_one_that_was_counted() {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let exporter = Exporter::alone(&[&config, "--instrumentation.exemplars"]);
    let answer =
        http::send(exporter.address, OTLP, &[JSON, &bearer("shop-token")], traced().as_bytes()).unwrap();
    assert_eq!((answer.status, answer.text()), (200, "{}"));
    let plain = http::get(exporter.address, "/metrics", &["Accept: text/plain;version=0.0.4"]).unwrap();
    assert!(!plain.text().contains("trace_id"), "the old text format has no place for it");

    let holds = |prometheus: &Prometheus, query: &str, trace: &str, value: &str| {
        let labels =
            serde_json::json!({"trace_id": trace.repeat(16), "span_id": "b7ad6b7169203331", "order": "17"});
        let expected = vec![(labels, value.to_owned())];
        let held = || Some(prometheus.exemplars(query)).filter(|held| !held.is_empty());
        assert_eq!(eventually(&format!("Prometheus holds an exemplar of {query}"), held), expected);
    };
    // In OpenMetrics, every bucket is a series of its own.
    if let Some(prometheus) = Prometheus::keeping_exemplars(exporter.address) {
        holds(&prometheus, "ingest_traced_total", "c0", "1");
        holds(&prometheus, r#"http_request_duration_seconds_bucket{le="0.5"}"#, "a2", "0.42");
        holds(&prometheus, r#"ingest_traced_classic_bucket{le="+Inf"}"#, "c1", "7.5");
        holds(&prometheus, r#"ingest_traced_native_bucket{le="4.0"}"#, "ff", "3");
    }
    // In protobuf, a native histogram has them as a whole.
    if let Some(prometheus) = Prometheus::keeping_native_exemplars(exporter.address) {
        holds(&prometheus, "ingest_traced_total", "c0", "1");
        holds(&prometheus, r#"http_request_duration_seconds_bucket{le="0.5"}"#, "a2", "0.42");
        holds(&prometheus, r#"ingest_traced_classic_bucket{le="+Inf"}"#, "c1", "7.5");
        holds(&prometheus, "ingest_traced_native", "ff", "3");
    }
}
