//! `/api/analytics/anomalies` against a real Prometheus that holds eight made-up days: today a worker
//! takes a core more than its daily wave, a service is not asked any more, and one of three replicas
//! holds more memory than the others.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::engine::Engine;
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::prometheus::Prometheus;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// 2026-01-11T12:00:00Z, when somebody asks.
const NOW: i64 = 1_767_225_600 + 10 * DAY + 12 * HOUR;
const PATH: &str = "/api/analytics/anomalies?to=2026-01-11T12:00:00Z&last=24h";

/// Since when a worker takes a core more, and since when a service is not asked any more.
const JUMP: i64 = NOW - 2 * HOUR;
const SILENCE: i64 = NOW - 90 * MINUTE;

const MIB: f64 = 1_048_576.0;

/// Some hundredths more or less, differently each time.
fn noise(time: i64, number: i64) -> f64 {
    let mixed = (time / MINUTE * 2_654_435_761 + number * 40_503).rem_euclid(1000);
    1.0 + (mixed as f64 / 1000.0 - 0.5) * 0.1
}

/// Cores of a worker in the minute up to a time: a wave by day, and today more.
fn wave(time: i64) -> f64 {
    let day = (time.rem_euclid(DAY) as f64 / DAY as f64 * std::f64::consts::TAU).sin();
    0.5 + 0.3 * day + if time > JUMP { 1.0 } else { 0.0 }
}

/// The days as a Prometheus reads them.
fn openmetrics() -> String {
    let mut families = BTreeMap::<&str, Vec<String>>::new();
    let mut add = |family, name: &str, labels: &str, value: f64, time: i64| {
        families.entry(family).or_default().push(format!("{name}{{{labels}}} {value} {time}"));
    };
    let shop = "user=\"ann\",project=\"shop\",team=\"core\"";
    let blog = "user=\"bob\",project=\"blog\",team=\"core\"";
    let (mut worker, mut quiet, mut requests) = (0.0, 0.0, 0.0);
    for time in (NOW - 8 * DAY..=NOW).step_by(MINUTE as usize) {
        worker += wave(time) * MINUTE as f64 * noise(time, 1);
        quiet += 0.2 * MINUTE as f64 * noise(time, 2);
        requests += if time <= SILENCE { (20.0 * MINUTE as f64 * noise(time, 3)).round() } else { 0.0 };
        let cpu = ("container_cpu_usage_seconds counter", "container_cpu_usage_seconds_total");
        add(cpu.0, cpu.1, &format!("{shop},name=\"shop-worker-1\""), worker, time);
        add(cpu.0, cpu.1, &format!("{blog},name=\"blog-db-1\""), quiet, time);
        let api = format!("{shop},service=\"api\",method=\"GET\",route=\"/\",status_code=\"200\"");
        add("http_requests counter", "http_requests_total", &api, requests, time);
        for replica in 1..=3 {
            let held = if replica == 2 { 400.0 } else { 200.0 } * MIB * noise(time, 3 + replica);
            let web = format!("{blog},name=\"blog-web-{replica}\"");
            let memory = "container_memory_working_set_bytes";
            add("container_memory_working_set_bytes gauge", memory, &web, held.round(), time);
        }
    }
    let mut text = String::new();
    for (family, lines) in families {
        let _ = writeln!(text, "# TYPE {family}\n{}", lines.join("\n"));
    }
    text + "# EOF\n"
}

/// Anomalies of a kind, of a container or service.
fn of<'a>(answer: &'a Value, kind: &str, name: &str) -> Vec<&'a Value> {
    let is_of =
        |entry: &&Value| entry["kind"] == kind && (entry["container"] == name || entry["service"] == name);
    answer["anomalies"].as_array().unwrap().iter().filter(is_of).collect()
}

#[test]
fn what_is_unlike_the_days_before_is_told_to_whom_it_belongs() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let hash = dockmeter::config::TokenHash::of("blogger");
    let tokens =
        format!("auth: {{tokens: [{{name: blogger, hash: '{hash}', scopes: [read], project: blog}}]}}\n");
    std::fs::write(&file, format!("{tokens}prometheus: {{url: '{}'}}\n", prometheus.url())).unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let ask = |query: &str, token: Option<&str>| {
        let login = token.map(bearer);
        let headers: Vec<&str> = login.iter().map(String::as_str).collect();
        http::request(exporter.address, "GET", &format!("{PATH}{query}"), &headers).unwrap().json()
    };

    let all = ask("", None);
    assert_eq!(
        (&all["source"], &all["learned_from"]),
        (&"prometheus".into(), &"2026-01-03T12:00:00Z".into())
    );
    let jump = of(&all, "unusual", "shop-worker-1");
    let first = jump.last().unwrap_or_else(|| panic!("{all}"));
    assert_eq!((&first["metric"], &first["project"]), (&"cpu_usage_cores".into(), &"shop".into()));
    assert_eq!(first["at"], "2026-01-11T10:05:00Z", "within five minutes: {first}");
    let number = |name: &str| first[name].as_f64().unwrap();
    assert!(number("value") > 1.2 && number("expected") < 0.8 && number("high") < 1.2, "{first}");
    assert_eq!(of(&all, "above_usual", "shop-worker-1").len(), 1, "{all}");

    let silent = of(&all, "unusual", "api");
    let first = silent.last().unwrap_or_else(|| panic!("{all}"));
    assert_eq!((&first["metric"], &first["value"]), (&"http_requests_per_second".into(), &0.0.into()));
    assert!(first["text"].as_str().unwrap().starts_with("service `api`: requests a second 0/s"), "{first}");

    let odd = of(&all, "unlike_siblings", "blog-web-2");
    assert_eq!(odd.len(), 1, "{all}");
    assert_eq!(odd[0]["metric"], "memory_working_set_bytes");

    // The others are as always.
    let told: Vec<&Value> = all["anomalies"].as_array().unwrap().iter().collect();
    let is_expected = |entry: &&&Value| {
        ["shop-worker-1", "blog-web-2"].iter().any(|name| entry["container"] == *name)
            || entry["service"] == "api"
    };
    assert_eq!(told.iter().filter(is_expected).count(), told.len(), "{all}");
    // Errors of the service, too, but not any more where there are no requests.
    assert_eq!((&all["series"], &all["not_enough_data"]), (&7.into(), &0.into()), "{all}");
    assert_eq!((&all["rates"]["all"]["unusual"], &all["rates"]["all"]["series"]), (&2.into(), &6.into()));

    let own = ask("", Some("blogger"));
    assert_eq!(own["series"], 4, "{own}");
    assert!(!own.to_string().contains("shop"), "{own}");
    assert_eq!(of(&own, "unlike_siblings", "blog-web-2").len(), 1, "{own}");
    let theirs = ask("&container=shop-worker-1", Some("blogger"));
    let nobodys = ask("&container=nobody-at-all", Some("blogger"));
    assert_eq!(theirs, nobodys);

    let one = ask("&limit=1", None);
    assert_eq!(one["anomalies"].as_array().unwrap().len(), 1);
    assert_eq!(one["left_out"], told.len() - 1);
}
