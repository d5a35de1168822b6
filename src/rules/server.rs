//! `prometheus.yml`: what Prometheus scrapes, which rules it evaluates, and whom it tells of alerts.

use crate::config::{Config, Upstream, show_duration};
use crate::yaml::write::Node;

/// Where Prometheus and Alertmanager are beside dockmeter, if nobody says.
const PROMETHEUS: &str = "127.0.0.1:9090";
const ALERTMANAGER: &str = "127.0.0.1:9093";

/// Names that are ours or Prometheus's own, which a tenant's container may not expose.
const RESERVED: &str = "(container|dockmeter|machine|node|scrape|slo|tenant)_.*|ALERTS.*|up|.*:.*";

/// The configuration of a Prometheus.
pub(super) fn configuration(config: &Config) -> Node {
    let prometheus = Server::of(&config.prometheus, PROMETHEUS);
    let alertmanager = Server::of(&config.alertmanager, ALERTMANAGER);
    Node::map([
        (
            "global",
            Node::map([("scrape_interval", Node::from("15s")), ("evaluation_interval", Node::from("15s"))]),
        ),
        ("rule_files", Node::texts(["rules/*.yml"])),
        ("alerting", Node::map([("alertmanagers", Node::list([alertmanager.as_alertmanager()]))])),
        (
            "scrape_configs",
            Node::list([
                hosts(config),
                containers(config),
                prometheus.as_job("prometheus"),
                alertmanager.as_job("alertmanager"),
            ]),
        ),
    ])
}

/// The job that reads every dockmeter.
fn hosts(config: &Config) -> Node {
    let interval = show_duration(config.scrape.interval);
    Node::map([
        ("job_name", Node::from("dockmeter")),
        ("scrape_interval", interval.as_str().into()),
        ("scrape_timeout", interval.as_str().into()),
        ("static_configs", targets(config.scrape.targets.iter().map(String::as_str))),
    ])
}

/// The job that reads containers that expose metrics and say so by a label. What is scraped is
/// written by tenants; `docs/discovery.md` says what each line is for.
fn containers(config: &Config) -> Node {
    let discovered = config.scrape.targets.iter().map(|target| {
        Node::map([
            ("url", Node::from(format!("http://{target}/api/sd/prometheus"))),
            ("refresh_interval", "15s".into()),
        ])
    });
    let no_reserved = Node::map([
        ("source_labels", Node::texts(["__name__"])),
        ("regex", RESERVED.into()),
        ("action", "drop".into()),
    ]);
    Node::map([
        ("job_name", Node::from("containers")),
        ("http_sd_configs", Node::list(discovered)),
        ("honor_labels", Node::plain(false)),
        ("follow_redirects", Node::plain(false)),
        ("body_size_limit", "10MB".into()),
        ("sample_limit", Node::plain(10_000)),
        ("label_limit", Node::plain(40)),
        ("label_value_length_limit", Node::plain(1024)),
        ("metric_relabel_configs", Node::list([no_reserved])),
    ])
}

fn targets<'t>(addresses: impl IntoIterator<Item = &'t str>) -> Node {
    Node::list([Node::map([("targets", Node::texts(addresses))])])
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

    fn as_alertmanager(&self) -> Node {
        Node::map(self.parts("path_prefix", ""))
    }

    fn as_job(&self, name: &str) -> Node {
        let parts = self.parts("metrics_path", "/metrics");
        Node::map([("job_name", Node::from(name))].into_iter().chain(parts))
    }

    /// Where it is; plain HTTP at the root goes without saying. `key` is that of the path.
    fn parts(&self, key: &'static str, end: &str) -> Vec<(&'static str, Node)> {
        let mut parts = Vec::new();
        if self.scheme != "http" {
            parts.push(("scheme", self.scheme.into()));
        }
        if !self.path.is_empty() {
            parts.push((key, Node::from(format!("{}{end}", self.path))));
        }
        parts.push(("static_configs", targets([self.host])));
        parts
    }
}
