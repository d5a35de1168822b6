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
use crate::engine::{BUSY, Container};
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::postgres::server::{PASSWORD, Server, engine};
use crate::prometheus::{ITSELF, Prometheus, free_address};
use crate::truth::disk::device_of;

fn is_later(selector: &str) -> bool {
    // Baselines want a day of data, efficiency a program in a container and then weeks of it
    // (`efficiency.rs`); alerts go on by themselves only once they fire.
    const EFFICIENCY: [&str; 5] =
        ["own_container:", "served_requests:", "cpu_usage:", "requests_per_core", "efficiency:"];
    let of_program = selector.strip_prefix("program:");
    let is_efficiency = of_program.is_some_and(|name| EFFICIENCY.iter().any(|part| name.starts_with(part)));
    selector.starts_with("ALERTS{") || selector.ends_with("7d") || is_efficiency
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

/// A machine with containers, programs, a database, probes and objectives, and a Prometheus that
/// scrapes it every second and evaluates all rules as often.
pub(crate) struct Scene<'s> {
    exporter: Exporter,
    failed: &'s Container<'s>,
    pub(crate) prometheus: Prometheus,
    project: String,
}

impl Scene<'_> {
    /// Sets the scene for an act; all names there begin with that of the project, and one port of
    /// the host is published, which nobody has. Nothing happens where something is missing for it.
    pub(crate) fn play(project: &str, act: impl FnOnce(&Scene<'_>)) {
        let (Some(engine), Some(alertmanager)) = (engine(), Alertmanager::silent()) else { return };
        let name = |of: &str| format!("{project}-{of}");
        let of = format!("--label=dockmeter.project={project}");
        let database =
            Server::start(&engine, "postgres18", &name("db"), &["--label=dockmeter.postgres=true", &of], &[]);
        database.set_up();
        database.connect().run("CREATE TABLE shelf (id int PRIMARY KEY); INSERT INTO shelf VALUES (1)");
        let limits = ["--memory=64m", "--cpus=0.5", "--pids-limit=50", "--restart=always"];
        let check = ["--health-cmd=true", "--health-interval=1s"];
        let labels = [&of, "--label=dockmeter.slo.uptime=99.5"];
        let published = [&*format!("--publish={}:80", free_address())];
        // Without a limit on the device cgroup v1 counts nothing of it.
        let device = [&*format!("--device-write-bps={}:1tb", device_of(&engine))];
        let shop = engine.run(
            &name("shop"),
            &[&limits[..], &check, &labels, &published, &device, &["--volume=/shelf"]].concat(),
            BUSY,
        );
        // What goes past the page cache is counted for it, whatever the kernel has cached.
        shop.exec(&["dd", "if=/dev/zero", "of=/shelf/book", "bs=4096", "count=1", "oflag=direct"]);
        shop.exec(&["dd", "if=/shelf/book", "of=/dev/null", "bs=4096", "count=1", "iflag=direct"]);
        let failed = engine.run(&name("failed"), &[], &["false"]);
        let folder = Folder::new(&format!(
            "auth: {{tokens: [{{name: {project}, hash: '{}', scopes: [write], project: {project}}}]}}\n\
             instrumentation: {{names: both}}\n\
             slo: {{objectives: [{{slo: availability, objective: 99.9, project: {project}}}, {{slo: latency, objective: 99, threshold: 500ms, project: {project}}}]}}\n\
             probes: [{{name: alertmanager, http: '{}/-/healthy', interval: 1s, timeout: 1s}}]\n",
            TokenHash::of(token(project)),
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
            let rules = rules.replace("interval: 5m", "interval: 1s").replace("interval: 1h", "interval: 1s");
            fs::write(&file, rules).unwrap();
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
        act(&Scene { exporter, failed: &failed, prometheus, project: project.to_owned() });
    }

    /// Gives the engine some work.
    pub(crate) fn work(&self) {
        self.failed.docker(&["start"]);
    }

    /// What a program tells of a second of its work, and what it gets wrong.
    pub(crate) fn tell(&self) {
        let request = |status: u16| json!({"method": "GET", "route": "/", "status_code": status, "duration_seconds": 0.25, "request_bytes": 120, "response_bytes": 2048, "service": "till", "service_instance": "0123456789ab"});
        let call = json!({"query": "SELECT * FROM orders", "system": "postgresql", "duration_seconds": 2, "service": "till"});
        let pool = json!({"pool": "main", "active": 7, "idle": 3, "max": 20, "pending": 1, "deadlocks_total": 0, "service": "till"});
        let tool = |success: &str| json!({"name": "tool_call_duration_seconds", "value": 0.5, "labels": {"tool": "grep", "success": success}, "service": "till"});
        let unknown = json!({"name": "nobody_defined_this", "value": 1});
        for (path, body, rejected) in [
            ("/api/metrics/http", json!([request(200), request(503)]), 0),
            ("/api/metrics/db", json!([call, pool]), 0),
            ("/api/metrics/custom", json!({"record": [tool("true"), tool("false"), unknown]}), 1),
        ] {
            self.send(path, &body, rejected);
        }
    }

    /// Sends a body, of which so many records are refused.
    pub(crate) fn send(&self, path: &str, body: &serde_json::Value, rejected: usize) {
        let headers = ["Content-Type: application/json", &bearer(&token(&self.project))];
        let answer = http::send(self.exporter.address, path, &headers, body.to_string().as_bytes()).unwrap();
        let refused = answer.json()["rejected"].as_array().map(Vec::len);
        assert_eq!((answer.status, refused), (200, Some(rejected)), "{path}: {}", answer.text());
    }
}

fn token(project: &str) -> String {
    format!("{project}-token")
}

#[test]
fn every_expression_finds_its_metrics_on_real_pages() {
    Scene::play("pages", |scene| {
        let prometheus = &scene.prometheus;
        let mut missing = eventually("Prometheus has read the rules", || {
            Some(selectors(prometheus)).filter(|selectors| !selectors.is_empty())
        });
        missing.retain(|selector, _| !is_later(selector));
        let started = std::time::Instant::now();
        while !missing.is_empty() && started.elapsed() < crate::poll::patience() {
            scene.tell();
            missing.retain(|selector, _| {
                prometheus.value(&format!("count(last_over_time({selector}[10m]))")).is_none()
            });
        }
        assert!(missing.is_empty(), "{missing:#?}");
    });
}
