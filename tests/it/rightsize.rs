//! `dockmeter report rightsize` and `/api/analytics/recommendations` against a real Prometheus that
//! holds three days of five containers: one far below its limits, one that its limit holds back, one
//! that is killed for want of memory, one without limits, and one that has just begun.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::engine::Engine;
use crate::exporter::{BINARY, Exporter, bearer};
use crate::http;
use crate::prometheus::Prometheus;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Several in a step of five minutes.
const SCRAPES: i64 = 100;

const MIB: f64 = 1_048_576.0;
const HOST_CORES: f64 = 4.0;
const HOST_MEMORY: f64 = 4096.0 * MIB;

/// A container: whose it is, cores and memory with their limits, the share of periods that are held
/// back, and whether it is killed once a day.
struct Made {
    name: &'static str,
    project: &'static str,
    begins: i64,
    cores: f64,
    cores_limit: Option<f64>,
    held_back: f64,
    memory: f64,
    memory_limit: f64,
    is_killed: bool,
}

const MADE: [Made; 5] = [
    Made {
        name: "oversized",
        project: "shop",
        begins: 0,
        cores: 0.1,
        cores_limit: Some(2.0),
        held_back: 0.0,
        memory: 50.0 * MIB,
        memory_limit: 2048.0 * MIB,
        is_killed: false,
    },
    Made {
        name: "throttled",
        project: "shop",
        begins: 0,
        cores: 0.5,
        cores_limit: Some(0.5),
        held_back: 0.4,
        memory: 50.0 * MIB,
        memory_limit: 64.0 * MIB,
        is_killed: false,
    },
    Made {
        name: "killed",
        project: "mail",
        begins: 0,
        cores: 0.1,
        cores_limit: Some(0.15),
        held_back: 0.0,
        memory: 90.0 * MIB,
        memory_limit: 100.0 * MIB,
        is_killed: true,
    },
    Made {
        name: "unlimited",
        project: "blog",
        begins: 0,
        cores: 0.4,
        cores_limit: None,
        held_back: 0.0,
        memory: 100.0 * MIB,
        memory_limit: 0.0,
        is_killed: false,
    },
    Made {
        name: "short",
        project: "blog",
        begins: 3 * DAY - HOUR,
        cores: 0.1,
        cores_limit: Some(2.0),
        held_back: 0.0,
        memory: 50.0 * MIB,
        memory_limit: 512.0 * MIB,
        is_killed: false,
    },
];

/// The three days before now as a Prometheus reads them.
pub(crate) fn openmetrics() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let first = now - 3 * DAY;
    let mut families = BTreeMap::<&str, Vec<String>>::new();
    let mut add = |family: &'static str, name: &str, labels: &str, value: f64, time: i64| {
        families.entry(family).or_default().push(format!("{name}{{{labels}}} {value} {time}"));
    };
    for made in &MADE {
        let labels =
            format!("user=\"ann\",project=\"{}\",team=\"core\",name=\"{}\"", made.project, made.name);
        for since in (made.begins..=3 * DAY).step_by(SCRAPES as usize) {
            let time = first + since;
            let mut counter = |family, value: f64| {
                add(family, &format!("{}_total", family.trim_end_matches(" counter")), &labels, value, time);
            };
            let periods = since as f64 * 10.0;
            counter("container_cpu_usage_seconds counter", made.cores * since as f64);
            if made.cores_limit.is_some() {
                counter("container_cpu_cfs_periods counter", periods);
                counter("container_cpu_cfs_throttled_periods counter", periods * made.held_back);
            }
            // At noon of each day.
            let kills = if made.is_killed { (since + DAY / 2).div_euclid(DAY) } else { 0 };
            counter("container_oom_events counter", kills as f64);
            counter("container_restarts counter", kills as f64);
            let mut gauge = |name: &'static str, value: f64| {
                add(name, name.trim_end_matches(" gauge"), &labels, value, time)
            };
            // Once in five minutes it is at its highest.
            let share = if since % 300 == 0 { 1.0 } else { 0.6 };
            gauge("container_memory_working_set_bytes gauge", made.memory * share);
            gauge("container_spec_memory_limit_bytes gauge", made.memory_limit);
            if let Some(limit) = made.cores_limit {
                gauge("container_cpu_limit_cores gauge", limit);
            }
        }
    }
    for since in (0..=3 * DAY).step_by(SCRAPES as usize) {
        let instance = "instance=\"host:10417\"";
        add("machine_cpu_cores gauge", "machine_cpu_cores", instance, HOST_CORES, first + since);
        add("machine_memory_bytes gauge", "machine_memory_bytes", instance, HOST_MEMORY, first + since);
    }
    let mut text = String::new();
    for (family, lines) in families {
        let _ = writeln!(text, "# TYPE {family}");
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
    }
    text + "# EOF\n"
}

fn rightsize(prometheus: &str, flags: &[&str]) -> Output {
    let address = format!("--prometheus.url={prometheus}");
    Command::new(BINARY).args(["report", "rightsize", &address]).args(flags).env_clear().output().unwrap()
}

fn told(prometheus: &str, flags: &[&str]) -> Value {
    let output = rightsize(prometheus, &[flags, &["--format=json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What is recommended of each container: the setting, what it is now and what it should be.
fn changes(answer: &Value) -> Vec<(String, String, Option<f64>, f64)> {
    let of = |found: &Value| {
        let (container, change) = (found["scope"]["container"].as_str()?, &found["change"]);
        let number = |name: &str| change[name].as_f64();
        let from = number("from_cores").or(number("from_bytes").map(|bytes| bytes / MIB));
        let to = number("to_cores").or(number("to_bytes").map(|bytes| bytes / MIB))?;
        Some((container.to_owned(), found["kind"].as_str()?.to_owned(), from, to))
    };
    answer["recommendations"].as_array().unwrap().iter().filter_map(of).collect()
}

#[test]
fn each_container_is_told_what_fits_it() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let url = prometheus.url();
    let answer = told(&url, &[]);
    // There are three days, so the steps are fine whatever was asked for.
    assert_eq!((&answer["step_seconds"], &answer["containers"]), (&300.into(), &5.into()));
    let expected = [
        ("killed", "memory_limit", Some(100.0), 128.0),
        ("oversized", "memory_limit", Some(2048.0), 60.0),
        ("oversized", "cpu_limit", Some(2.0), 0.15),
        ("throttled", "cpu_limit", Some(0.5), 0.7),
        ("unlimited", "memory_limit", None, 116.0),
        ("unlimited", "cpu_limit", None, 0.5),
    ];
    let expected = expected.map(|(name, kind, from, to)| (name.to_owned(), kind.to_owned(), from, to));
    assert_eq!(changes(&answer), expected, "{answer:#}");
    assert_eq!(answer["recommendations"][0]["severity"], "critical");
    assert!(answer["recommendations"][0]["sentence"].as_str().unwrap().contains("was killed 3 times"));
    let throttled = &answer["recommendations"][3]["evidence"][0]["value"];
    assert!((throttled.as_f64().unwrap() - 0.4).abs() < 0.001, "{throttled}");
    let missing = answer["not_enough_data"].as_array().unwrap();
    assert!(missing.iter().all(|none| none["scope"]["container"] == "short"), "{missing:?}");
    assert_eq!(missing.len(), 2);
    // 2 + 0.5 + 0.15 + 2 of 4 cores; 2048 + 64 + 100 + 512 of 4096 MiB.
    let host = &answer["host"];
    assert!((host["cpu_ratio"].as_f64().unwrap() - 1.1625).abs() < 1e-9, "{host}");
    assert!((host["memory_ratio"].as_f64().unwrap() - 2724.0 / 4096.0).abs() < 1e-9, "{host}");
    let of_host = answer["recommendations"].as_array().unwrap().iter();
    let of_host: Vec<&Value> = of_host.filter(|found| found["kind"] == "host_overcommit").collect();
    assert_eq!(of_host.len(), 1, "{answer:#}");
}

#[test]
fn a_person_reads_what_to_write_where_and_mistakes_are_said() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let url = prometheus.url();
    let page = |flags: &[&str]| String::from_utf8(rightsize(&url, flags).stdout).unwrap();
    let text = page(&["--project=mail"]);
    for words in ["1 recommendation for 1 container", "whose: ann / mail / core / killed", "mem_limit: 128m"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("host's cores"), "a part says nothing of the host: {text}");
    let markdown = page(&["--container=throttled", "--format=markdown"]);
    assert!(markdown.contains("```yaml\ncpus: 0.70\n```"), "{markdown}");
    let csv = page(&["--container=throttled", "--format=csv"]);
    assert!(csv.contains("recommendation,cpu_limit,") && csv.contains(",throttled,0.5,0.7,"), "{csv}");
    assert!(page(&["--project=nobody"]).starts_with("No containers"));
    for (flags, words) in [
        (&["--last=soon"][..], "such as `30d`"),
        (&["--last=104w"], "more than 400 days"),
        (&["--last=10s"], "is not a minute"),
        (&["--format=pdf"], "markdown"),
    ] {
        let output = rightsize(&url, flags);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(words), "{flags:?}: {said}");
    }
    let unnamed = Command::new(BINARY).args(["report", "rightsize"]).env_clear().output().unwrap();
    assert!(String::from_utf8(unnamed.stderr).unwrap().contains("no Prometheus is named"));
}

#[test]
fn over_http_a_tenant_s_token_is_told_of_what_is_his() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let hash = dockmeter::config::TokenHash::of("mailer");
    let tokens =
        format!("auth: {{tokens: [{{name: mailer, hash: '{hash}', scopes: [read], project: mail}}]}}\n");
    std::fs::write(&file, format!("{tokens}prometheus: {{url: '{}'}}\n", prometheus.url())).unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let ask = |query: &str, token: Option<&str>| {
        let login = token.map(bearer);
        let headers: Vec<&str> = login.iter().map(String::as_str).collect();
        let path = format!("/api/analytics/recommendations?last=3d{query}");
        http::request(exporter.address, "GET", &path, &headers).unwrap()
    };
    let everybody = ask("", None).json();
    assert_eq!((&everybody["source"], &everybody["containers"]), (&"prometheus".into(), &5.into()));
    assert!(everybody["host"]["cpu_ratio"].is_number(), "{everybody}");
    let own = ask("", Some("mailer")).json();
    assert_eq!((&own["containers"], &own["host"]), (&1.into(), &Value::Null), "{own}");
    assert_eq!(changes(&own), [("killed".to_owned(), "memory_limit".to_owned(), Some(100.0), 128.0)]);
    let theirs = ask("&project=shop", Some("mailer")).json();
    assert_eq!(theirs["containers"], 0, "{theirs}");
    assert_eq!(ask("&container=oversized", Some("mailer")).status, 404);
}
