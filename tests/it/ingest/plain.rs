//! Programs without OpenTelemetry send plain JSON.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{JSON, configuration};
use crate::exporter::{Exporter, bearer};
use crate::exposition::Page;
use crate::http;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

const HTTP: &str = "/api/metrics/http";
const DATABASE: &str = "/api/metrics/db";
const CUSTOM: &str = "/api/metrics/custom";

/// How many requests, or calls, a page has of a tenant, whatever names it gives them.
fn counted(page: &Page, names: [&str; 2], labels: &[(&str, &str)]) -> f64 {
    let found = names.map(|name| page.all(name, labels).map(|sample| sample.value).sum::<f64>());
    found.into_iter().fold(0.0, f64::max)
}

const REQUESTS: [&str; 2] =
    ["http_request_duration_seconds_count", "http_server_request_duration_seconds_count"];
const CALLS: [&str; 2] = ["db_query_duration_seconds_count", "db_client_operation_duration_seconds_count"];

fn start() -> (tempfile::TempDir, Exporter) {
    let folder = configuration();
    let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
    let exporter = Exporter::alone(&[&config]);
    (folder, exporter)
}

fn send(exporter: &Exporter, token: &str, path: &str, body: &Value) -> (u16, Value) {
    let headers = [JSON, &bearer(token)];
    let answer = http::send(exporter.address, path, &headers, body.to_string().as_bytes()).unwrap();
    (answer.status, answer.json())
}

#[test]
fn what_a_program_without_opentelemetry_tells_reaches_prometheus() {
    let (_folder, exporter) = start();
    let request = |status: u16| json!({"method": "GET", "route": "/orders/{id}", "status_code": status, "duration_seconds": 0.25, "service": "till"});
    let accepted = |taken: (u16, Value), count: u64| {
        assert_eq!(taken, (200, json!({"accepted": count, "rejected": []})));
    };
    accepted(send(&exporter, "shop-token", HTTP, &json!([request(200), request(200), request(503)])), 3);
    let call = json!({"query": "SELECT * FROM orders WHERE name = 'ann'", "system": "postgresql", "duration_seconds": 0.5, "rows": 1, "error": null, "service": "till"});
    let pool = json!({"pool": "main", "active": 7, "idle": 3, "max": 20, "pending": 0, "deadlocks_total": 0, "service": "till"});
    accepted(send(&exporter, "shop-token", DATABASE, &json!([call, pool])), 2);
    let custom = json!({
        "define": [{"name": "plain_story_orders_total", "type": "counter", "help": "Orders.", "labels": ["plan"]}],
        "record": [
            {"name": "plain_story_orders_total", "value": 2, "labels": {"plan": "gold"}, "service": "till"},
            {"name": "template_usage_total", "value": 1, "labels": {"template": "react"}, "service": "till"},
        ],
    });
    accepted(send(&exporter, "shop-token", CUSTOM, &custom), 2);
    let more = json!({"record": [{"name": "plain_story_orders_total", "value": 3, "labels": {"plan": "gold"}, "service": "till"}]});
    accepted(send(&exporter, "shop-token", CUSTOM, &more), 1);
    assert!(
        !String::from_utf8_lossy(&exporter.get("/metrics").body).contains("'ann'"),
        "no values of statements"
    );

    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let of = r#"{project="shop",service="till""#;
    let requests =
        r#"sum by (service) ({__name__=~"http_(server_)?request_duration_seconds_count",project="shop"})"#;
    let calls =
        r#"sum by (service) ({__name__=~"db_(query|client_operation)_duration_seconds_sum",project="shop"})"#;
    for (query, expected) in [
        (requests.to_owned(), 3.0),
        (calls.to_owned(), 0.5),
        (format!(r#"plain_story_orders_total{of},plan="gold"}}"#), 5.0),
        (format!(r#"template_usage_total{of},template="react"}}"#), 1.0),
    ] {
        eventually(&query, || prometheus.value(&query).filter(|value| *value == expected));
    }
}

#[test]
fn what_nobody_can_use_is_told_record_by_record() {
    let (_folder, exporter) = start();
    let good = json!({"method": "GET", "duration_seconds": 0.1});
    let (status, answer) = send(&exporter, "shop-token", HTTP, &json!([good, {"method": "GET"}]));
    assert_eq!(
        (status, &answer["accepted"], &answer["rejected"][0]["index"]),
        (200, &json!(1), &json!(1)),
        "{answer}"
    );
    let (status, answer) = send(&exporter, "shop-token", HTTP, &json!([{"method": "GET"}]));
    assert_eq!(
        (status, &answer["rejected"][0]["reason"]),
        (400, &json!("`duration_seconds` is missing")),
        "{answer}"
    );
    let headers = [JSON, &bearer("shop-token")];
    let answer = http::send(exporter.address, HTTP, &headers, b"[{").unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")));
    exporter.until_value(
        "dockmeter_ingest_rejected_points_total",
        &[("project", "shop"), ("reason", "malformed")],
        2.0,
    );
}

/// What a record claims of its tenant counts for nothing, but for the user that a delegate names.
#[test]
fn nobody_records_for_another_tenant() {
    let (_folder, exporter) = start();
    let claims = |mut record: Value| {
        for (key, value) in [("user", "bob"), ("project", "bank"), ("team", "core"), ("service", "till")] {
            record[key] = json!(value);
        }
        record
    };
    let bodies = [
        (HTTP, json!([claims(json!({"method": "GET", "duration_seconds": 1}))])),
        (DATABASE, json!([claims(json!({"system": "redis", "duration_seconds": 1}))])),
        (CUSTOM, json!({"record": [claims(json!({"name": "active_users", "value": 1}))]})),
    ];
    for (path, body) in &bodies {
        assert_eq!(
            http::send(exporter.address, path, &[JSON], body.to_string().as_bytes()).unwrap().status,
            401
        );
        assert_eq!(send(&exporter, "shop-token", path, body).0, 200, "{path}");
    }
    let claim = json!({"record": [{"name": "active_users", "value": 1, "labels": {"project": "bank"}}]});
    assert_eq!(send(&exporter, "shop-token", CUSTOM, &claim).0, 400);
    let forged = json!({"define": [{"name": "plain_story_forged", "type": "gauge", "labels": ["project"]}]});
    assert_eq!(send(&exporter, "shop-token", CUSTOM, &forged).0, 400);
    let page = exporter.page();
    for names in [REQUESTS, CALLS, ["active_users"; 2]] {
        assert_eq!(
            counted(&page, names, &[("project", "shop"), ("user", "unknown"), ("team", "unknown")]),
            1.0
        );
        for other in [("project", "bank"), ("user", "bob"), ("team", "core")] {
            assert_eq!(counted(&page, names, &[other]), 0.0, "{names:?} {other:?}");
        }
    }
    for (path, body) in &bodies {
        assert_eq!(send(&exporter, "shared-token", path, body).0, 200, "{path}");
    }
    let page = exporter.page();
    for names in [REQUESTS, CALLS, ["active_users"; 2]] {
        assert_eq!(counted(&page, names, &[("project", "shop"), ("user", "bob")]), 1.0);
        assert_eq!(counted(&page, names, &[("project", "bank")]), 0.0);
    }
}

/// However slow the machine is: what was sent just now is told of, and only to whom it is of.
#[test]
fn what_services_do_now_is_told_by_tenant() {
    let (_folder, exporter) = start();
    let records = json!([
        {"method": "GET", "status_code": 200, "duration_seconds": 0.25, "service": "till", "response_bytes": 100},
        {"method": "GET", "status_code": 500, "duration_seconds": 0.25, "service": "till", "response_bytes": 100},
    ]);
    let row = eventually("requests are told of", || {
        assert_eq!(send(&exporter, "shop-token", HTTP, &records).0, 200);
        let answer = exporter.get("/api/metrics/performance?project=shop").json();
        let rows = answer["services"].as_array().unwrap().clone();
        assert_eq!(rows.len(), 1, "{answer}");
        rows.into_iter().find(|row| row["requests"]["per_second"].as_f64() > Some(0.0))
    });
    let of = ["user", "project", "team", "service"].map(|key| row[key].as_str().unwrap());
    assert_eq!(of, ["unknown", "shop", "unknown", "till"]);
    assert_eq!(
        (&row["errors"]["ratio"], &row["latency"]["mean_seconds"]),
        (&json!(0.5), &json!(0.25)),
        "{row}"
    );
    assert!(row["throughput"]["transmit_bytes_per_second"].as_f64() > Some(0.0), "{row}");
    assert_eq!(
        (&row["throughput"]["receive_bytes_per_second"], &row["queries"]),
        (&Value::Null, &Value::Null)
    );
    let other = exporter.get("/api/metrics/performance?project=bank").json();
    assert_eq!(other["services"], json!([]));
}

/// Every `curl` of `docs/ingest.md`, sent as it stands there.
#[test]
fn the_examples_of_the_documentation_are_taken() {
    let (_folder, exporter) = start();
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ingest.md")).unwrap();
    let mut sent = 0;
    for example in docs.split("curl ").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()) {
        let Some((_, path)) = example.split_once("$DOCKMETER") else { continue };
        let path = path.split_whitespace().next().unwrap();
        let Some((_, body)) = example.split_once("-d '") else { continue };
        let body = body.split('\'').next().unwrap();
        let answer =
            http::send(exporter.address, path, &[JSON, &bearer("shop-token")], body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{example}\n{}", answer.text());
        let answer = answer.json();
        assert!(answer.get("partialSuccess").is_none(), "{example}\n{answer}");
        assert_eq!(answer.get("rejected").unwrap_or(&json!([])), &json!([]), "{example}\n{answer}");
        sent += 1;
    }
    assert!(sent >= 4, "only {sent} examples were found");
}
