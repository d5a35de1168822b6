//! An alert travels: from a real container over Prometheus and Alertmanager to the receiver of
//! the team that owns it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::Folder;
use crate::alertmanager::Alertmanager;
use crate::component::Component;
use crate::engine::{Engine, IDLE};
use crate::exporter::Exporter;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// A web server that keeps what it is sent: the path, and each alert of the message.
struct Receiver {
    address: SocketAddr,
    alerts: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Receiver { address: listener.local_addr().unwrap(), alerts: Arc::default() };
        let alerts = receiver.alerts.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let alerts = alerts.clone();
                // Connections stay open; one must not hold up another.
                std::thread::spawn(move || keep(connection, &alerts));
            }
        });
        receiver
    }

    /// Alerts of a name about a container that came to a path, in order.
    fn heard(&self, path: &str, name: &str, container: &str) -> Vec<Value> {
        let alerts = self.alerts.lock().unwrap();
        let wanted = alerts.iter().filter(|(to, alert)| {
            to == path && alert["labels"]["alertname"] == name && alert["labels"]["name"] == container
        });
        wanted.map(|(_, alert)| alert.clone()).collect()
    }

    /// Waits for an alert in a state.
    fn until(&self, path: &str, name: &str, container: &str, status: &str) -> Value {
        eventually(&format!("{name} of {container} is {status} at {path}"), || {
            self.heard(path, name, container).into_iter().find(|alert| alert["status"] == status)
        })
    }
}

/// Answers requests of a connection until it ends.
fn keep(connection: TcpStream, alerts: &Mutex<Vec<(String, Value)>>) -> Option<()> {
    let mut answers = connection.try_clone().ok()?;
    let mut requests = BufReader::new(connection);
    loop {
        let mut line = String::new();
        requests.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            requests.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let message: Value = serde_json::from_slice(&body).ok()?;
        let mut kept = alerts.lock().ok()?;
        kept.extend(message["alerts"].as_array()?.iter().map(|alert| (path.clone(), alert.clone())));
        drop(kept);
        answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}

/// Everything from a container to its team's receiver.
struct Stack {
    _folder: Folder,
    receiver: Receiver,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
}

impl Stack {
    fn start(exporter: &Exporter) -> Option<Self> {
        let receiver = Receiver::start();
        let hook = receiver.address;
        let folder = Folder::rendered(&format!(
            "alerting:\n  group_wait: 1s\n  group_interval: 1s\n  receivers:\n    ops: {{webhook: {{url: 'http://{hook}/ops'}}}}\n    \
             core: {{webhook: {{url: 'http://{hook}/core'}}}}\n  teams: {{platform: {{receiver: ops}}, travel-core: {{receiver: core}}}}\n  \
             alerts: {{ContainerGone: {{for: 0s}}}}\n"
        ));
        let configuration = fs::read_to_string(folder.alertmanager()).unwrap();
        let alertmanager = Alertmanager::run(&Component::Alertmanager.path()?, &configuration);
        let address = alertmanager.address;
        let prometheus = Prometheus::configured(&format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}/*.yml']\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{address}']}}]}}]}}\n\
             scrape_configs:\n\
             - {{job_name: dockmeter, static_configs: [{{targets: ['{}']}}]}}\n\
             - {{job_name: alertmanager, static_configs: [{{targets: ['{address}']}}]}}\n",
            folder.path("out/rules").display(),
            exporter.address
        ))?;
        Some(Stack { _folder: folder, receiver, prometheus, alertmanager })
    }
}

const CORE: [&str; 3] = [
    "--label=dockmeter.user=travel-ann",
    "--label=dockmeter.project=travel-shop",
    "--label=dockmeter.team=travel-core",
];

#[test]
fn a_kill_for_want_of_memory_is_told_to_the_team_that_owns_the_container() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(stack) = Stack::start(&exporter) else { return };
    let container = engine.run("travel-oom", &[&CORE[..], &["--memory=32m"]].concat(), IDLE);
    eventually("Prometheus knows that nothing was killed yet", || {
        stack
            .prometheus
            .value("container_oom_events_total{name=\"travel-oom\"}")
            .filter(|kills| *kills == 0.0)
    });
    // What the kernel ends is the process that takes the memory.
    let ended = engine.try_docker(&["exec", "travel-oom", "tail", "/dev/zero"]);
    assert!(!ended.status.success());
    let alert = stack.receiver.until("/core", "ContainerOomKilled", "travel-oom", "firing");
    for (label, value) in [
        ("user", "travel-ann"),
        ("project", "travel-shop"),
        ("team", "travel-core"),
        ("severity", "critical"),
        ("audience", "tenant"),
    ] {
        assert_eq!(alert["labels"][label], value, "{alert}");
    }
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(annotation("summary"), "travel-oom ran out of memory and the kernel killed a process of it");
    assert_eq!(annotation("limit"), "32MiB", "{alert}");
    assert!(annotation("description").contains("memory limit of 32MiB"), "{alert}");
    assert!(annotation("action").starts_with("1. Look at "), "{alert}");
    assert!(annotation("dashboard_url").contains("&var-project=travel-shop&"), "{alert}");
    assert!(annotation("runbook_url").ends_with("#containeroomkilled"), "{alert}");
    assert!(stack.receiver.heard("/ops", "ContainerOomKilled", "travel-oom").is_empty(), "it is told once");
    drop(container);
}

#[test]
fn what_is_over_is_told_too_also_by_an_alertmanager_that_was_restarted() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let owned = engine.run("travel-gone", &[&CORE[..], &["--restart=always"]].concat(), IDLE);
    let unowned = engine.run("travel-unowned", &["--restart=always"], IDLE);
    // Nobody is to hear of the moment between their creation and their start.
    for name in ["travel-gone", "travel-unowned"] {
        exporter.until_value("container_state", &[("name", name), ("state", "running")], 1.0);
    }
    let Some(mut stack) = Stack::start(&exporter) else { return };
    owned.docker(&["stop", "--time=0"]);
    unowned.docker(&["stop", "--time=0"]);
    stack.receiver.until("/core", "ContainerGone", "travel-gone", "firing");
    // Whose it is nobody knows; the platform team hears of it.
    stack.receiver.until("/ops", "ContainerGone", "travel-unowned", "firing");
    stack.alertmanager.restart();
    owned.docker(&["start"]);
    stack.receiver.until("/core", "ContainerGone", "travel-gone", "resolved");
    let heard = stack.receiver.heard("/core", "ContainerGone", "travel-gone");
    let firing = heard.iter().filter(|alert| alert["status"] == "firing").count();
    assert_eq!(firing, 1, "nothing is told twice: {heard:?}");
}

/// What recording rules are made of is on a real page.
#[test]
fn rules_find_what_they_are_made_of_on_a_real_page() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(stack) = Stack::start(&exporter) else { return };
    let _container = engine.run("travel-page", &[&CORE[..], &["--memory=64m", "--cpus=0.5"]].concat(), IDLE);
    for series in [
        "container:cpu_usage:cores{name=\"travel-page\"}",
        "container:cpu_limit:cores{name=\"travel-page\"} == 0.5",
        "container:cpu_share:ratio{name=\"travel-page\"}",
        "container:memory_limit:bytes{name=\"travel-page\"} == 64 * 1024 * 1024",
        "container:memory_share:ratio{name=\"travel-page\"}",
        "host:cpu_share:ratio",
        "host:memory_share:ratio",
        "host:utilisation:ratio",
        "host:performance_score:ratio",
    ] {
        eventually(series, || stack.prometheus.value(series));
    }
    let failed = stack.prometheus.by("alertname", "ALERTS{alertname=\"PrometheusRulesFailing\"}");
    assert!(failed.is_empty(), "{failed:?}");
}
