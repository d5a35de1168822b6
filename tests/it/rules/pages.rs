//! Every expression finds its metrics on real pages: of a machine with containers, programs that
//! tell of requests and databases, a PostgreSQL server, probes and objectives.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use dockmeter::config::TokenHash;
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::json;

use super::Folder;
use crate::alertmanager::Alertmanager;
use crate::engine::BUSY;
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::postgres::server::{PASSWORD, Server, engine};
use crate::prometheus::{ITSELF, Prometheus};

fn is_later(selector: &str) -> bool {
    // Baselines want a day of data; alerts go on by themselves only once they fire.
    selector.starts_with("ALERTS{") || selector.ends_with("7d")
}

/// The selectors of an expression, as text without offset and range.
struct Selectors(Vec<String>);

impl ExprVisitor for Selectors {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        let selector = match expr {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            _ => return Ok(true),
        };
        let now = VectorSelector { offset: None, at: None, ..selector.clone() };
        self.0.push(now.to_string());
        Ok(true)
    }
}

/// Every selector of the rules that a Prometheus has, with a rule that uses it.
fn selectors(prometheus: &Prometheus) -> BTreeMap<String, String> {
    let mut used = BTreeMap::new();
    for (name, query) in prometheus.rules() {
        let mut found = Selectors(Vec::new());
        let Ok(_) = walk_expr(&mut found, &parser::parse(&query).unwrap());
        used.extend(found.0.into_iter().map(|selector| (selector, name.clone())));
    }
    used
}

/// What a program tells of a second of its work, and what it gets wrong.
fn tell(exporter: &Exporter) {
    let request = |status: u16| json!({"method": "GET", "route": "/", "status_code": status, "duration_seconds": 0.25, "service": "till"});
    let call = json!({"query": "SELECT * FROM orders", "system": "postgresql", "duration_seconds": 2, "service": "till"});
    let pool = json!({"pool": "main", "active": 7, "idle": 3, "max": 20, "pending": 1, "deadlocks_total": 0, "service": "till"});
    let tool = json!({"name": "tool_call_duration_seconds", "value": 0.5, "labels": {"tool": "grep", "success": "true"}, "service": "till"});
    let unknown = json!({"name": "nobody_defined_this", "value": 1});
    for (path, body, rejected) in [
        ("/api/metrics/http", json!([request(200), request(503)]), 0),
        ("/api/metrics/db", json!([call, pool]), 0),
        ("/api/metrics/custom", json!({"record": [tool, unknown]}), 1),
    ] {
        let headers = ["Content-Type: application/json", &bearer("pages-token")];
        let answer = http::send(exporter.address, path, &headers, body.to_string().as_bytes()).unwrap();
        let refused = answer.json()["rejected"].as_array().map(Vec::len);
        assert_eq!((answer.status, refused), (200, Some(rejected)), "{path}: {}", answer.text());
    }
}

#[test]
fn every_expression_finds_its_metrics_on_real_pages() {
    let (Some(engine), Some(alertmanager)) = (engine(), Alertmanager::silent()) else { return };
    let database =
        Server::start(&engine, "postgres18", "pages-db", &["--label=dockmeter.postgres=true"], &[]);
    database.set_up();
    database.connect().run("CREATE TABLE shelf (id int PRIMARY KEY); INSERT INTO shelf VALUES (1)");
    let limits = ["--memory=64m", "--cpus=0.5", "--pids-limit=50", "--restart=always"];
    let check = ["--health-cmd=true", "--health-interval=1s"];
    let labels = ["--label=dockmeter.project=pages", "--label=dockmeter.slo.uptime=99.5"];
    let port = ["--publish=127.0.0.1:18419:80"];
    let _shop = engine.run("pages-shop", &[&limits[..], &check, &labels, &port].concat(), BUSY);
    let failed = engine.run("pages-failed", &[], &["false"]);
    let folder = Folder::new(&format!(
        "auth: {{tokens: [{{name: pages, hash: '{}', scopes: [write], project: pages}}]}}\n\
         instrumentation: {{names: both}}\n\
         slo: {{objectives: [{{slo: availability, objective: 99.9, project: pages}}, {{slo: latency, objective: 99, threshold: 500ms, project: pages}}]}}\n\
         probes: [{{name: alertmanager, http: '{}/-/healthy', interval: 1s, timeout: 1s}}]\n",
        TokenHash::of("pages-token"),
        alertmanager.url()
    ));
    fs::write(folder.path("postgres"), PASSWORD).unwrap();
    let exporter = Exporter::with(
        &engine,
        &[
            &format!("--config.file={}", folder.path("dockmeter.yml").display()),
            &format!("--postgres.password-directory={}", folder.path("").display()),
            "--postgres.interval=1s",
        ],
    );
    failed.docker(&["start"]);
    assert!(folder.render(&[]).status.success());
    // Nobody wants to wait for an hour until a group that is evaluated each hour has its turn.
    for file in folder.files("rules") {
        let rules = fs::read_to_string(&file).unwrap();
        fs::write(
            &file,
            rules.replace("interval: 5m", "interval: 1s").replace("interval: 1h", "interval: 1s"),
        )
        .unwrap();
    }
    let Some(prometheus) = Prometheus::configured(&format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}/*.yml']\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{told}']}}]}}]}}\n\
         scrape_configs:\n\
         - {{job_name: dockmeter, static_configs: [{{targets: ['{}']}}]}}\n\
         - {{job_name: alertmanager, static_configs: [{{targets: ['{told}']}}]}}\n\
         - {{job_name: prometheus, static_configs: [{{targets: ['{ITSELF}']}}]}}\n",
        folder.path("out/rules").display(),
        exporter.address,
        told = alertmanager.address,
    )) else {
        return;
    };
    let mut missing = eventually("Prometheus has read the rules", || {
        Some(selectors(&prometheus)).filter(|selectors| !selectors.is_empty())
    });
    missing.retain(|selector, _| !is_later(selector));
    let started = std::time::Instant::now();
    while !missing.is_empty() && started.elapsed() < crate::poll::patience() {
        tell(&exporter);
        missing.retain(|selector, _| {
            prometheus.value(&format!("count(last_over_time({selector}[10m]))")).is_none()
        });
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
