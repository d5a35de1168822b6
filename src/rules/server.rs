//! `prometheus.yml`: what Prometheus scrapes, which rules it evaluates, and whom it tells of alerts.

use crate::config::{Config, Upstream, show_duration};

/// Where Prometheus and Alertmanager are beside dockmeter, if nobody says.
const PROMETHEUS: &str = "127.0.0.1:9090";
const ALERTMANAGER: &str = "127.0.0.1:9093";

/// The configuration of a Prometheus.
pub(super) fn configuration(config: &Config) -> String {
    let interval = show_duration(config.scrape.interval);
    let targets = &config.scrape.targets;
    let listed = targets.iter().map(|target| format!("'{target}'")).collect::<Vec<_>>().join(", ");
    let discovered: String = targets
        .iter()
        .map(|target| {
            format!("      - {{url: 'http://{target}/api/sd/prometheus', refresh_interval: 15s}}\n")
        })
        .collect();
    let prometheus = Server::of(&config.prometheus, PROMETHEUS);
    let alertmanager = Server::of(&config.alertmanager, ALERTMANAGER);
    format!(
        "global:
  scrape_interval: 15s
  evaluation_interval: 15s
rule_files: ['rules/*.yml']
alerting:
  alertmanagers:
    - {told}
scrape_configs:
  - job_name: dockmeter
    scrape_interval: {interval}
    scrape_timeout: {interval}
    static_configs: [{{targets: [{listed}]}}]
  # Containers that expose metrics and say so by a label. What is scraped is written by tenants:
  # docs/discovery.md says what each line is for.
  - job_name: containers
    http_sd_configs:
{discovered}    honor_labels: false
    follow_redirects: false
    body_size_limit: 10MB
    sample_limit: 10000
    label_limit: 40
    label_value_length_limit: 1024
    metric_relabel_configs:
      - source_labels: [__name__]
        regex: '(container|dockmeter|machine|node|scrape|slo|tenant)_.*|ALERTS.*|up|.*:.*'
        action: drop
  - job_name: prometheus
    {prometheus}
  - job_name: alertmanager
    {alertmanager}
",
        told = alertmanager.as_alertmanager(),
        prometheus = prometheus.as_target(),
        alertmanager = alertmanager.as_target(),
    )
}

/// The parts of a server's address, as Prometheus's configuration names them.
struct Server<'u> {
    scheme: &'u str,
    host: &'u str,
    /// With a `/` before it, or empty.
    path: &'u str,
}

impl<'u> Server<'u> {
    fn of(upstream: &'u Upstream, usual: &'u str) -> Self {
        let (scheme, rest) =
            upstream.url.as_deref().and_then(|url| url.split_once("://")).unwrap_or(("http", usual));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Server { scheme, host, path }
    }

    /// What differs from plain HTTP at the root, with the key of the path.
    fn apart(&self, key: &str, end: &str) -> String {
        let mut text = String::new();
        if self.scheme != "http" {
            text += &format!("scheme: {}, ", self.scheme);
        }
        if !self.path.is_empty() {
            text += &format!("{key}: '{}{end}', ", self.path);
        }
        text
    }

    fn as_alertmanager(&self) -> String {
        format!("{{{}static_configs: [{{targets: ['{}']}}]}}", self.apart("path_prefix", ""), self.host)
    }

    fn as_target(&self) -> String {
        let apart = self.apart("metrics_path", "/metrics").replace(", ", "\n    ");
        format!("{apart}static_configs: [{{targets: ['{}']}}]", self.host)
    }
}
