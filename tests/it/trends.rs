//! `/api/analytics/trends` against a real Prometheus that holds a week: one container leaks towards its
//! limit, one swings with the day, one uses twice as much since the fourth day.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::prometheus::Prometheus;

const DAY: i64 = 86_400;

/// 2026-01-08T00:00:00Z, the end of the week.
const END: i64 = 1_767_225_600 + 7 * DAY;

const SCRAPES: i64 = 300;

const MEGABYTE: f64 = 1e6;

fn memory(name: &str, days: f64) -> f64 {
    let wave = 4.0 * (days * std::f64::consts::TAU).sin();
    MEGABYTE
        * match name {
            "shop-leaks-1" => 100.0 + 20.0 * days + wave,
            "blog-moved-1" if days >= 4.0 => 200.0 + wave,
            _ => 100.0 + wave,
        }
}

fn openmetrics() -> String {
    let containers = [("shop", "shop-leaks-1"), ("shop", "shop-waves-1"), ("blog", "blog-moved-1")];
    let mut text = String::new();
    let mut family = |name: &str, value: &dyn Fn(&str, f64) -> Option<f64>| {
        let _ = writeln!(text, "# TYPE {name} gauge");
        for (project, container) in containers {
            for time in (END - 7 * DAY..=END).step_by(SCRAPES as usize) {
                let days = (time - END) as f64 / DAY as f64 + 7.0;
                if let Some(value) = value(container, days) {
                    let _ = writeln!(
                        text,
                        "{name}{{user=\"ann\",project=\"{project}\",team=\"core\",name=\"{container}\"}} {value} {time}"
                    );
                }
            }
        }
    };
    family("container_memory_working_set_bytes", &|name, days| Some(memory(name, days)));
    family("container_spec_memory_limit_bytes", &|name, _| {
        Some(if name == "shop-leaks-1" { 300.0 * MEGABYTE } else { 0.0 })
    });
    // A disk that takes a GB a day, and half of a budget that goes within the week.
    let mut of = |name: &str, labels: &str, value: &dyn Fn(f64) -> f64| {
        let _ = writeln!(text, "# TYPE {name} gauge");
        for time in (END - 7 * DAY..=END).step_by(SCRAPES as usize) {
            let days = (time - END) as f64 / DAY as f64 + 7.0;
            let _ = writeln!(text, "{name}{{{labels}}} {} {time}", value(days));
        }
    };
    let disk = "instance=\"a:10417\",device=\"/dev/vda1\",fstype=\"ext4\",mountpoint=\"/data\"";
    of("node_filesystem_size_bytes", disk, &|_| 100e9);
    of("node_filesystem_avail_bytes", disk, &|days| 12e9 - 1e9 * days);
    let promise = "user=\"ann\",project=\"blog\",team=\"core\",service=\"api\",slo=\"availability\"";
    of("slo:period_error_budget_remaining:ratio", promise, &|days| 1.0 - 0.5 * days / 7.0);
    text + "# EOF\n"
}

#[test]
fn a_leak_is_told_with_the_day_on_which_it_reaches_its_limit() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let hash = dockmeter::config::TokenHash::of("blogger");
    let tokens =
        format!("auth: {{tokens: [{{name: blogger, hash: '{hash}', scopes: [read], project: blog}}]}}\n");
    std::fs::write(&file, format!("{tokens}prometheus: {{url: '{}'}}\n", prometheus.url())).unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let ask = |query: &str, token: Option<&str>| -> Value {
        let login = token.map(bearer);
        let headers: Vec<&str> = login.iter().map(String::as_str).collect();
        let path = format!("/api/analytics/trends?to=2026-01-08T00:00:00Z{query}");
        http::request(exporter.address, "GET", &path, &headers).unwrap().json()
    };
    let names = |answer: &Value| -> Vec<String> {
        let trends = answer["trends"].as_array().unwrap().iter();
        trends.map(|one| one["container"].as_str().unwrap_or_default().to_owned()).collect()
    };

    let everybody = ask("", None);
    assert_eq!(names(&everybody), ["shop-leaks-1", "", "", "blog-moved-1"], "{everybody}");
    let leak = &everybody["trends"][0];
    assert_eq!(
        (&leak["direction"], &leak["leak"], &leak["changes"]),
        (&json!("growing"), &json!(true), &json!([]))
    );
    // At 240 MB of 300, and 20 MB more each day.
    let days = leak["limit"]["days"].as_f64().unwrap();
    assert!((2.5..3.5).contains(&days), "{leak}");
    let days = |one: &Value| one["limit"]["days"].as_f64().unwrap().round();
    let disk = &everybody["trends"][1];
    assert_eq!((&disk["host"], &disk["mountpoint"]), (&json!("a:10417"), &json!("/data")), "{disk}");
    assert_eq!((days(disk), &disk["limit"]["value"]), (5.0, &json!(100e9)), "{disk}");
    let budget = &everybody["trends"][2];
    assert_eq!((&budget["service"], &budget["slo"]), (&json!("api"), &json!("availability")), "{budget}");
    assert_eq!((days(budget), &budget["severity"]), (7.0, &json!("medium")), "{budget}");
    assert_eq!(ask("&medium=0.9&high=90%25", None)["trends"][2]["severity"], "low");
    let moved = &everybody["trends"][3];
    assert_eq!(moved["direction"], "steady", "{moved}");
    let at = moved["changes"][0]["at"].as_str().unwrap();
    assert!(at.starts_with("2026-01-05T0"), "{moved}");

    assert_eq!(names(&ask("&steady=true&project=shop", None)).len(), 2);
    let own = ask("", Some("blogger"));
    assert_eq!(names(&own), ["", "blog-moved-1"], "a tenant is told of his own, and of no disk: {own}");
    assert_eq!(names(&ask("&project=shop", Some("blogger"))), [""; 0]);
}
