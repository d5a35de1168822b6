//! An alert travels: from a real container over Prometheus and Alertmanager to the receiver of
//! the team that owns it.

use std::fs;

use dockmeter::config::{Every, SlaReport, Upstream};
use dockmeter::exporter::SlaReporter;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Folder;
use crate::alertmanager::Alertmanager;
use crate::component::Component;
use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::Exporter;
use crate::poll::eventually;
use crate::prometheus::Prometheus;
use crate::sla;
use crate::webhook::Receiver;

/// An Alertmanager that tells two teams, at `/ops` and `/core`.
fn told() -> Option<(Folder, Receiver, Alertmanager)> {
    let receiver = Receiver::start();
    let hook = receiver.address;
    let folder = Folder::rendered(&format!(
        "alerting:\n  group_wait: 1s\n  group_interval: 1s\n  receivers:\n    ops: {{webhook: {{url: 'http://{hook}/ops'}}}}\n    \
         core: {{webhook: {{url: 'http://{hook}/core'}}}}\n  teams: {{platform: {{receiver: ops}}, core: {{receiver: core}}}}\n  \
         alerts: {{ContainerGone: {{for: 0s}}, ContainerCpuThrottled: {{for: 0s}}}}\n"
    ));
    let configuration = fs::read_to_string(folder.alertmanager()).unwrap();
    let alertmanager = Alertmanager::run(&Component::Alertmanager.path()?, &configuration);
    Some((folder, receiver, alertmanager))
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
        let (folder, receiver, alertmanager) = told()?;
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

/// An alert about a container.
fn of<'a>(alert: &'a str, container: &'a str) -> [(&'static str, &'a str); 2] {
    [("alertname", alert), ("name", container)]
}

const CORE: [&str; 3] = [
    "--label=dockmeter.user=travel-ann",
    "--label=dockmeter.project=travel-shop",
    "--label=dockmeter.team=core",
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
    let alert = stack.receiver.until("/core", &of("ContainerOomKilled", "travel-oom"), "firing");
    for (label, value) in [
        ("user", "travel-ann"),
        ("project", "travel-shop"),
        ("team", "core"),
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
    assert!(
        stack.receiver.heard("/ops", &of("ContainerOomKilled", "travel-oom")).is_empty(),
        "it is told once"
    );
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
    owned.docker(&["kill"]);
    unowned.docker(&["stop", "--time=0"]);
    stack.receiver.until("/core", &of("ContainerGone", "travel-gone"), "firing");
    // Whose it is nobody knows; the platform team hears of it.
    stack.receiver.until("/ops", &of("ContainerGone", "travel-unowned"), "firing");
    stack.alertmanager.restart();
    owned.docker(&["start"]);
    stack.receiver.until("/core", &of("ContainerGone", "travel-gone"), "resolved");
    let heard = stack.receiver.heard("/core", &of("ContainerGone", "travel-gone"));
    let firing = heard.iter().filter(|alert| alert["status"] == "firing").count();
    assert_eq!(firing, 1, "nothing is told twice: {heard:?}");
}

#[test]
fn a_team_is_told_that_its_container_is_throttled_until_it_has_more_cpu() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(stack) = Stack::start(&exporter) else { return };
    let container = engine.run("travel-throttled", &[&CORE[..], &["--cpus=0.1"]].concat(), BUSY);
    let alert = stack.receiver.until("/core", &of("ContainerCpuThrottled", "travel-throttled"), "firing");
    let annotation = |name: &str| alert["annotations"][name].as_str().unwrap_or_default();
    assert_eq!(
        (&alert["labels"]["user"], annotation("limit")),
        (&"travel-ann".into(), "0.10 cores"),
        "{alert}"
    );
    let share: f64 = annotation("value").trim_end_matches('%').parse().unwrap();
    assert!(share > 50.0, "{alert}");
    assert!(annotation("action").starts_with("1. Raise the container's CPU limit."), "{alert}");
    container.docker(&["update", "--cpus=2"]);
    stack.receiver.until("/core", &of("ContainerCpuThrottled", "travel-throttled"), "resolved");
}

/// The month that is over has the figures that `tests/it/sla.rs` has computed by hand.
#[tokio::test]
async fn every_team_hears_of_the_report_on_its_objectives_of_the_last_month() {
    let Some((_folder, receiver, alertmanager)) = told() else { return };
    let today = Timestamp::now().to_zoned(TimeZone::UTC);
    let first = today.first_of_month().and_then(|first| first.start_of_day()).unwrap();
    let last_day = first.yesterday().unwrap();
    let Some(prometheus) = Prometheus::holding(&sla::openmetrics(last_day.timestamp().as_second())) else {
        return;
    };
    let reports = tempfile::tempdir().unwrap();
    let config =
        SlaReport { folder: Some(reports.path().to_owned()), every: Every::Month, zone: TimeZone::UTC };
    let at = |url: String| Upstream { url: Some(url), ..Upstream::default() };
    let mut reporter =
        SlaReporter::new(&config, &at(prometheus.url()), &at(alertmanager.url()), "platform").unwrap();
    // Not in the first minutes of a month, in which its last scrapes may not have come.
    reporter.look(Timestamp::now().max(first.timestamp() + SignedDuration::from_mins(10))).await;
    let period = last_day.strftime("%Y-%m").to_string();
    let report = [("alertname", "SlaReport"), ("period", period.as_str())];
    for (path, team, summary) in [
        ("/core", "core", "1 of 2 objectives of core were not met"),
        ("/ops", "platform", "the objective of platform was met"),
    ] {
        let alert = receiver.until(path, &report, "firing");
        assert_eq!(alert["labels"]["team"], team);
        assert_eq!(alert["annotations"]["summary"], format!("{period}: {summary}"), "{alert}");
        let more = format!("or `dockmeter report sla --month={period} --team={team}`");
        assert!(alert["annotations"]["report"].as_str().unwrap().ends_with(&more), "{alert}");
        assert_eq!(receiver.heard(path, &report).len(), 1, "it is told once, and to nobody else");
    }
}
