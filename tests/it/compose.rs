//! The compose file brings the whole stack: an exporter that shows everything of its machine, a
//! Prometheus that reads it and evaluates the rules, an Alertmanager that it tells, and a network
//! that tenants' containers join.

mod images;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use dockmeter::config::Sources;
use serde_json::Value;
use tempfile::TempDir;

use crate::component::Component;
use crate::container::host;
use crate::engine::{BUSY, Engine, IMAGE, done};
use crate::exporter::BINARY;
use crate::exposition::{Dialect, Page};
use crate::grafana::standin::{Manners, Standin};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::free_address;

/// Every service but Grafana, of which there is no image and for which the stand-in answers.
const SERVICES: [&str; 10] = [
    "grafana-token",
    "provisioner",
    "secrets",
    "rules",
    "dockmeter",
    "prometheus",
    "alertmanager",
    "demo-shop",
    "demo-reports",
    "demo-notebook",
];

/// The stack of the compose file in an engine; it is taken down when dropped.
struct Stack<'e> {
    engine: &'e Engine,
    compose: std::path::PathBuf,
    folder: TempDir,
    /// The first two numbers of its networks' addresses.
    networks: String,
    dockmeter: SocketAddr,
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
    grafana: Standin,
}

impl<'e> Stack<'e> {
    /// The project, which is a part of every name.
    const PROJECT: &'static str = "compose-story";

    fn up(engine: &'e Engine) -> Option<Self> {
        let compose = Component::Compose.path()?;
        let folder = tempfile::tempdir().expect("a temporary directory");
        // Another engine's data, and perhaps a machine whose mounts are not shared.
        let mounts = host(engine).into_iter().map(|mount| mount.trim_start_matches("--volume=").to_owned());
        let socket = format!("{}:/var/run/docker.sock", engine.socket().display());
        let configuration = folder.path().join("dockmeter.yml");
        fs::write(&configuration, "alerting: {receivers: {ops: {webhook: {url: 'http://127.0.0.1:9/'}}}, teams: {platform: {receiver: ops}}}\n")
            .expect("a configuration");
        let seen = format!("{}:/etc/dockmeter/dockmeter.yml:ro", configuration.display());
        let volumes = ["provisioned:/run/provisioned:ro", "history:/var/lib/dockmeter"].map(str::to_owned);
        let mounts: Vec<_> = mounts.chain([socket, seen]).chain(volumes).collect();
        let [dockmeter, prometheus, alertmanager] = [(); 3].map(|()| free_address());
        // Ports of this machine are free at random, and so is what their number makes of networks.
        let networks = format!("10.{}", 64 + dockmeter.port() % 128);
        // Containers reach the stand-in by the address that this machine has in their network.
        let grafana = Standin::listening("0.0.0.0:0", Manners::default());
        let there = format!("http://{networks}.93.1:{}", grafana.address.port());
        let there = format!(
            "{{environment: {{DOCKMETER_GRAFANA_URL: '{there}'}}, depends_on: !override {{secrets: {{condition: service_completed_successfully}}}}}}"
        );
        let here = format!(
            "services:\n  dockmeter: {{volumes: !override {mounts:?}}}\n  grafana-token: {there}\n  provisioner: {there}\n"
        );
        fs::write(folder.path().join("here.yml"), here).expect("what is different here");
        let stack = Stack { engine, compose, folder, networks, dockmeter, prometheus, alertmanager, grafana };
        stack.run(&["up", "--no-build", "secrets"]);
        let login = Some(("admin".to_owned(), stack.password()));
        stack.grafana.behave(Manners { login, ..Manners::default() });
        stack.run(&[&["--profile", "demo", "up", "--detach", "--no-build"][..], &SERVICES].concat());
        Some(stack)
    }

    /// What Grafana would be told that its administrator's password is.
    fn password(&self) -> String {
        let volume = format!("--volume={}_secrets:/made:ro", Self::PROJECT);
        self.engine.docker(&["run", "--rm", &volume, IMAGE, "cat", "/made/grafana_admin_password"])
    }

    /// How a service that runs once has ended; none before it has.
    fn ended(&self, service: &str) -> Option<String> {
        let name = format!("{}-{service}-1", Self::PROJECT);
        let state = self.engine.docker(&["inspect", "--format={{.State.Status}} {{.State.ExitCode}}", &name]);
        state.strip_prefix("exited ").map(str::to_owned)
    }

    /// `docker compose …`.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.engine.command(&self.compose);
        for (variable, value) in [
            ("DOCKMETER_PORT", self.dockmeter.port().to_string()),
            ("PROMETHEUS_PORT", self.prometheus.port().to_string()),
            ("ALERTMANAGER_PORT", self.alertmanager.port().to_string()),
            ("GRAFANA_PORT", self.grafana.address.port().to_string()),
            ("DOCKMETER_CONFIG", self.folder.path().join("dockmeter.yml").display().to_string()),
            ("DOCKMETER_NETWORKS", self.networks.clone()),
        ] {
            command.env(variable, value);
        }
        command.args(["--project-name", Self::PROJECT, "--file"]).arg(images::file());
        command.arg("--file").arg(self.folder.path().join("here.yml"));
        done(command.args(arguments))
    }

    /// What Prometheus answers, below `data`; nothing before it is ready.
    fn asked(&self, path: &str) -> Option<Value> {
        let answer = http::get(self.prometheus, path, &[]).ok().filter(|answer| answer.status == 200)?;
        Some(answer.json()["data"].take())
    }

    /// The rows of the answer to a query.
    fn rows(&self, query: &str) -> Vec<Value> {
        let answer = self.asked(&format!("/api/v1/query?query={}", http::encode(query)));
        answer.and_then(|data| data["result"].as_array().cloned()).unwrap_or_default()
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        let mut command = self.engine.command(&self.compose);
        command.args(["--project-name", Self::PROJECT, "--profile", "demo", "--file"]).arg(images::file());
        // What cannot be taken down goes with the engine.
        let _ = command.args(["down", "--volumes", "--timeout=1"]).output();
    }
}

#[test]
fn compose_brings_the_stack_and_three_teams_that_send_what_they_measure() {
    let Some(engine) = Engine::shared() else { return };
    // Before anything keeps a core busy.
    let Some(()) = images::made(&engine) else { return };
    let _busy = engine.run("compose-busy", &["--label=dockmeter.user=compose-ann"], BUSY);
    let Some(stack) = Stack::up(&engine) else { return };
    let ann = [("name", "compose-busy"), ("user", "compose-ann")];
    eventually("containers, the host, its connections and a probe are shown", || {
        let answer = http::get(stack.dockmeter, "/metrics", &[]).ok()?;
        let page = Page::parse(&answer.body, Dialect::Text).unwrap();
        page.value("container_cpu_usage_seconds_total", &ann).filter(|cpu| *cpu > 0.0)?;
        page.value("container_fs_writable_layer_bytes", &ann)?;
        page.value("node_load1", &[])?;
        page.value("node_tcp_connection_states", &[("state", "listen")]).filter(|sockets| *sockets > 0.0)?;
        page.value("dockmeter_probe_success", &[("target", "prometheus")]).filter(|up| *up == 1.0)
    });
    for job in ["dockmeter", "prometheus", "alertmanager"] {
        eventually(&format!("the job `{job}` is read"), || {
            stack.rows(&format!("up{{job=\"{job}\"}} == 1")).into_iter().next()
        });
    }
    for (team, sent) in [
        ("core", "http_requests_total{user=\"ann\",project=\"shop\"}"),
        ("data", "template_usage_total{user=\"bob\",project=\"reports\"}"),
        ("learn", "active_users{user=\"cleo\",project=\"course\"}"),
    ] {
        eventually(&format!("what the team `{team}` sends is its own"), || {
            stack.rows(sent).into_iter().find(|row| row["metric"]["team"] == team)
        });
    }
    for service in ["grafana-token", "provisioner"] {
        let status = eventually(&format!("`{service}` has ended"), || stack.ended(service));
        assert_eq!(status, "0", "{}", String::from_utf8_lossy(&stack.run(&["logs", service]).stdout));
    }
    stack.grafana.with(|world| {
        assert!(world.dashboards.contains_key("system-overview") && !world.groups.is_empty());
        for (uid, url) in [
            ("dockmeter-prometheus", "http://prometheus:9090"),
            ("dockmeter-alertmanager", "http://alertmanager:9093"),
        ] {
            assert_eq!(world.sources[uid]["url"], url);
        }
    });
    let asked = |status: u16| {
        let calls = stack.grafana.calls();
        calls
            .iter()
            .any(|call| call.path.starts_with("/api/prometheus/") && call.status == status)
            .then_some(())
    };
    eventually("dockmeter is told by Grafana of its rules, by the token", || asked(200));
    stack.run(&["up", "--detach", "--no-build", "--no-deps", "grafana-token", "provisioner"]);
    let told = eventually("a second run of the provisioner has nothing to do", || {
        let logs = String::from_utf8_lossy(&stack.run(&["logs", "provisioner"]).stdout).into_owned();
        logs.contains("nothing to change").then_some(logs)
    });
    assert!(!told.contains("is left alone"), "{told}");
    let told = eventually("Prometheus has found Alertmanager", || {
        stack.asked("/api/v1/alertmanagers")?["activeAlertmanagers"][0]["url"].as_str().map(str::to_owned)
    });
    assert!(told.starts_with("http://alertmanager:9093/"), "{told}");
    eventually("rules were evaluated, and none failed", || {
        let rules = stack.asked("/api/v1/rules")?;
        let rules = rules["groups"].as_array()?.iter().flat_map(|group| group["rules"].as_array()).flatten();
        let health: Vec<_> = rules.map(|rule| (rule["name"].clone(), rule["health"].clone())).collect();
        let failed: Vec<_> = health.iter().filter(|(_, health)| health == "err").collect();
        assert!(failed.is_empty(), "{failed:?}");
        // Groups of five minutes and of an hour have not had their turn.
        (health.iter().filter(|(_, health)| health == "ok").count() > 50).then_some(())
    });
    let watchdog = eventually("Alertmanager is told by Prometheus", || {
        let answer = http::get(stack.alertmanager, "/api/v2/alerts?filter=alertname%3DWatchdog", &[]).ok()?;
        answer.json().get(0).cloned()
    });
    assert_eq!(watchdog["labels"]["team"], "platform", "{watchdog}");
    let logs = String::from_utf8_lossy(&stack.run(&["logs"]).stdout).into_owned();
    let troubles: Vec<_> = logs.lines().filter(|line| line.contains("level=error")).collect();
    assert!(troubles.is_empty(), "{troubles:#?}");
}

#[test]
fn the_compose_file_is_clean_and_names_nothing_unpinned() {
    let Some(compose) = Component::Compose.path() else { return };
    let mut command = std::process::Command::new(compose);
    let output = done(command.env_clear().arg("--file").arg(images::file()).args([
        "--profile",
        "*",
        "config",
        "--format",
        "json",
    ]));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (name, service) in config["services"].as_object().unwrap() {
        let image = service["image"].as_str().unwrap();
        assert!(
            image == "dockmeter" || image.split_once(':').is_some_and(|(_, tag)| tag != "latest"),
            "{image}"
        );
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"][0], "ALL", "{name}");
        assert!(service["mem_limit"].is_string(), "{name} has no limit of memory");
        assert_eq!(service["logging"]["options"]["max-size"], "10m", "{name}");
        if image == "dockmeter" {
            is_understood(name, service);
        }
        for mount in
            service["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind")
        {
            let source = Path::new(mount["source"].as_str().unwrap());
            assert!(!source.starts_with(env!("CARGO_MANIFEST_DIR")) || source.exists(), "{name}: {mount}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            assert_eq!(port["host_ip"], "127.0.0.1", "{name}");
        }
    }
}

/// The program knows the command and the variables that a service gives it.
fn is_understood(name: &str, service: &Value) {
    let words = service["command"].as_array().into_iter().flatten().map(|word| word.as_str().unwrap());
    let mut command = std::process::Command::new(BINARY);
    done(command.env_clear().args(words.clone()).arg("--help"));
    let env: BTreeMap<String, String> = service["environment"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(variable, value)| (variable.clone(), value.as_str().unwrap().to_owned()))
        .filter(|(variable, _)| variable != "DOCKMETER_CONFIG_FILE")
        .collect();
    let config = Sources { env: env.clone(), ..Sources::default() }.load();
    let config = config.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(config.unknown_variables.is_empty(), "{name}: {:?}", config.unknown_variables);
    // What is named below a mount has to be somewhere.
    let mounts = service["volumes"].as_array().into_iter().flatten();
    let mounts: Vec<&str> = mounts.map(|mount| mount["target"].as_str().unwrap()).collect();
    let is_file = |variable: &str| variable.ends_with("_FILE") || variable == "DOCKMETER_HISTORY_PATH";
    let files = env.iter().filter(|(variable, _)| is_file(variable)).map(|(_, file)| file.as_str());
    for file in files.chain(words.filter_map(|word| word.strip_prefix("--output="))) {
        assert!(
            mounts.iter().any(|mount| Path::new(file).starts_with(mount)),
            "{name}: `{file}` is in no mount"
        );
    }
}
