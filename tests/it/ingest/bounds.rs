//! A program that sends without end hurts its own tenant alone.

use std::fs;

use super::{JSON, OTLP, body, configuration};
use crate::exporter::{Exporter, bearer};
use crate::http;

/// Series that one tenant may have in these stories.
const SERIES: u64 = 400;

/// Requests of a program that makes a series of everything, and how many each counts.
const ATTACKS: u64 = 100;
const POINTS: u64 = 10_000;

/// A request in which every difference has a value of its own.
fn attack(request: u64) -> String {
    let point = |n: u64| {
        let id = request * POINTS + n;
        format!(
            r#"{{"asInt":1,"timeUnixNano":"{}","attributes":[{{"key":"id","value":{{"intValue":{id}}}}}]}}"#,
            request + 1
        )
    };
    let points: Vec<String> = (0..POINTS).map(point).collect();
    format!(
        r#"{{"resourceMetrics":[{{"resource":{{"attributes":[
            {{"key":"service.name","value":{{"stringValue":"eve"}}}}]}},
          "scopeMetrics":[{{"metrics":[{{"name":"bounds.attack","sum":{{"aggregationTemporality":1,
            "isMonotonic":true,"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    )
}

fn start(folder: &tempfile::TempDir, limits: &str) -> Exporter {
    let file = folder.path().join("dockmeter.yml");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{config}limits: {{{limits}}}\n")).unwrap();
    Exporter::alone(&[&format!("--config.file={}", file.display())])
}

#[test]
fn a_million_values_of_a_label_of_one_tenant_cost_another_nothing() {
    let folder = configuration();
    let limits = format!("series_per_tenant: {SERIES}, points_per_second: 10000000");
    let exporter = start(&folder, &limits);
    let send = |token: &str, body: &str| {
        http::send(exporter.address, OTLP, &[JSON, &bearer(token)], body.as_bytes()).unwrap()
    };
    for request in 0..ATTACKS {
        assert_eq!(send("bank-token", &attack(request)).status, 200);
        let value = u32::try_from(request + 1).unwrap();
        let answer = send("shop-token", &body("bounds.orders", value));
        assert_eq!((answer.status, answer.text()), (200, "{}"));
    }
    let page = exporter.page();
    let orders = [("project", "shop")];
    assert_eq!(page.value("bounds_orders_total", &orders), Some(ATTACKS as f64));
    assert_eq!(page.value("dockmeter_ingest_points_total", &orders), Some(ATTACKS as f64));
    let attacked: Vec<f64> =
        page.all("bounds_attack_total", &[("project", "bank")]).map(|sample| sample.value).collect();
    assert!(attacked.len() as u64 <= SERIES, "{}", attacked.len());
    assert_eq!(attacked.iter().sum::<f64>(), (ATTACKS * POINTS) as f64, "each counts once");
    let overflow = [("project", "bank"), ("overflow", "true"), ("service", "eve")];
    assert!(page.value("bounds_attack_total", &overflow).is_some_and(|value| value > 0.0));
    assert!(page.value("dockmeter_dropped_series_total", &[("reason", "metric")]).is_some_and(|v| v > 0.0));
}

#[test]
fn a_tenant_that_sends_too_fast_is_asked_to_wait_and_nobody_else_is() {
    let folder = configuration();
    let exporter = start(&folder, "points_per_second: 1");
    let send = |token: &str, body: &str| {
        http::send(exporter.address, OTLP, &[JSON, &bearer(token)], body.as_bytes()).unwrap()
    };
    // Far more than ten seconds allow, however slow this machine is.
    assert_eq!(send("bank-token", &attack(0)).status, 200);
    let refused = send("bank-token", &body("bounds.fast", 1));
    assert_eq!(refused.status, 429, "{}", refused.text());
    let wait: u64 = refused.header("retry-after").and_then(|value| value.parse().ok()).unwrap();
    assert!(wait > 60 && wait <= 10_000, "{wait}");
    assert!(refused.text().contains("limits.points_per_second"), "{}", refused.text());
    assert_eq!(send("shop-token", &body("bounds.slow", 1)).status, 200);
}
