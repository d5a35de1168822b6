//! The catalogue that is delivered, and what comes of changes to it.

use std::fs;
use std::path::Path;

use super::*;
use crate::config::{Severity, Sources};

/// That of objectives.
const PERIOD: Duration = Duration::from_secs(30 * 86_400);

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dockmeter.yml");
    fs::write(&path, text).unwrap();
    Sources { default_file: Some(path), ..Sources::default() }.load().unwrap()
}

pub(super) fn alerting(text: &str) -> Alerting {
    config(text).alerting
}

pub(super) fn delivered() -> Catalogue {
    catalogue(&alerting(""), PERIOD).unwrap_or_else(|error| panic!("\n{error}"))
}

fn rendered(text: &str, name: &str) -> String {
    let config = config(text);
    let files = render(&catalogue(&config.alerting, PERIOD).unwrap(), &config);
    files.into_iter().find(|file| file.path == Path::new(name)).unwrap().text
}

#[test]
fn the_catalogue_that_is_delivered_is_right() {
    for file in render(&delivered(), &config("")) {
        assert!(file.text.ends_with('\n'), "{}", file.path.display());
    }
}

/// What mutes something else says of what it speaks.
#[test]
fn every_alert_has_a_subject_but_the_one_that_always_fires() {
    let catalogue = delivered();
    let without = catalogue.alerts().filter(|alert| !alert.marks.contains_key("subject"));
    assert_eq!(without.map(|alert| alert.name.as_str()).collect::<Vec<_>>(), ["Watchdog"]);
}

#[test]
fn the_first_users_thresholds_wake_nobody_until_somebody_says_so() {
    let catalogue = delivered();
    for (name, fire) in [
        ("HostCpuHigh", 0.8),
        ("HostMemoryHigh", 0.85),
        ("HostDiskOperationsHigh", 1000.0),
        ("HostNetworkHigh", 1e8),
        ("ContainerCpuHigh", 0.7),
        ("ContainerMemoryHigh", 0.75),
        ("HostHealthWarning", 0.9),
        ("HostHealthUnhealthy", 0.95),
        ("HostPerformanceScoreHigh", 0.8),
        ("HostUtilisationHigh", 0.85),
        ("ContainerCpuUnusual", 1.5),
        ("ContainerMemoryUnusual", 1.2),
        ("ContainerStartSlow", 3.0),
        ("ContainerResponseSlow", 0.1),
        ("ToolCallsSlow", 0.5),
    ] {
        let alert = catalogue.alerts().find(|alert| alert.name == name).unwrap();
        assert_eq!((alert.fire, alert.severity), (fire, Severity::Info), "{name}");
    }
}

#[test]
fn factors_of_burn_rates_follow_from_the_period() {
    for (days, factors) in
        [(30, [14.4, 6.0, 3.0, 1.0]), (28, [13.44, 5.6, 2.8, 1.0]), (7, [3.36, 1.4, 1.0, 1.0])]
    {
        let terms = Terms::new(&alerting(""), Duration::from_secs(days * 86_400));
        let filled = terms.fill("$factor_1h $factor_6h $factor_1d $factor_3d $period $period_days");
        let factors = factors.map(|factor: f64| factor.to_string()).join(" ");
        assert_eq!(filled, format!("{factors} {days}d {days}"));
    }
}

#[test]
fn what_is_of_no_tenant_is_the_platform_team_s() {
    let text = "alerting: {platform_team: ops}";
    let host = rendered(text, "rules/host.yml");
    assert!(host.contains("team: ops") && !host.contains("team: platform"), "{host}");
    assert!(rendered(text, "rules/slo_5m.yml").contains("team: ops"));
}

#[test]
fn a_threshold_that_is_raised_keeps_its_distance() {
    let rules = rendered("alerting: {alerts: {ContainerCpuHigh: {fire: 0.35}}}", "rules/containers.yml");
    assert!(rules.contains("(container:cpu_share:ratio) > 0.35"), "{rules}");
    assert!(rules.contains("(container:cpu_share:ratio) > 0.3\n"), "{rules}");
}

#[test]
fn secrets_stay_in_their_files() {
    let page = rendered(
        "alerting:\n  receivers: {ops: {slack: {url_file: /run/s}}}\n  teams: {platform: {receiver: ops}}\n",
        "alertmanager.yml",
    );
    assert!(page.contains("api_url_file: /run/s") && page.contains("dockmeter.title"), "{page}");
}

/// A server may be served below a path and over TLS.
#[test]
fn servers_are_where_the_configuration_says() {
    let text = "alertmanager: {url: 'https://alerts.example:9443/am'}\nscrape: {targets: ['a:1', 'b:2']}";
    let text = rendered(text, "prometheus.yml");
    for part in [
        "- scheme: https\n      path_prefix: /am\n      static_configs:\n        - targets: [alerts.example:9443]\n",
        "scheme: https\n    metrics_path: /am/metrics\n    static_configs:\n      - targets: [alerts.example:9443]\n",
        "static_configs:\n      - targets: [a:1, b:2]\n",
        "- url: http://b:2/api/sd/prometheus\n        refresh_interval: 15s\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
