//! The reference of all metrics as Markdown, made from the catalogue.

use std::fmt::Write;

use super::catalogue::{self, Kind, Labels, Metric, Owner};

const INTRODUCTION: &str = "\
# Metrics

Made from the catalogue in `src/metrics/catalogue.rs` and beside it by `cargo run --example reference`; do not edit.

- Units are base units: seconds, bytes, cores. What a host does not have is absent, never 0.
- **Container labels** are `id` (the cgroup's path while the container runs, the last one afterwards, `/docker/<id>` where there never was one), `name`, `image`, `user`, `project`, `team`, and `container_label_*` for the Docker labels of `containers.labels`.
- **Tenant labels** are `user`, `project` and `team`: always all three, never empty.
- Names marked *cAdvisor* keep cAdvisor's spelling, labels and unit, so that dashboards and rules written for it work. The one exception: there is no aggregate `id=\"/\"`, which counts everything twice.
- Names marked *node_exporter* keep node_exporter's spelling, labels, type and unit; `--no-collector.host` turns all of them off. See [host.md](host.md).
- Names marked *postgres_exporter* keep postgres_exporter's spelling, type and unit; what differs is in [postgres.md](postgres.md).
- A heading is the name of a collector, as `?collect[]=`, `?exclude[]=` and `--no-collector.NAME` take it.
";

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for collector in catalogue::COLLECTORS {
        let _ = write!(text, "\n## {collector}\n\n");
        text.push_str("| metric | type | labels | what it says | source |\n|---|---|---|---|---|\n");
        for metric in catalogue::ALL.iter().filter(|metric| metric.collector == *collector) {
            text.push_str(&row(metric));
        }
    }
    text
}

fn row(metric: &Metric) -> String {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Untyped => "untyped",
    };
    let shared = match metric.labels {
        Labels::Container => Some("container"),
        Labels::Tenant => Some("tenant"),
        Labels::Plain => None,
    };
    let own = metric.own_labels.iter().map(|label| format!("`{label}`"));
    let labels: Vec<String> = shared.map(str::to_owned).into_iter().chain(own).collect();
    let owner = match metric.owner {
        Owner::Dockmeter => "",
        Owner::Cadvisor => " *cAdvisor*",
        Owner::NodeExporter => " *node_exporter*",
        Owner::PostgresExporter => " *postgres_exporter*",
        Owner::Prometheus => " *Prometheus clients*",
    };
    let (name, help, source) = (metric.name, metric.help, metric.source.replace('|', "\\|"));
    format!("| `{name}`{owner} | {kind} | {} | {help} | {source} |\n", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_row() {
        let text = markdown();
        for metric in catalogue::ALL {
            assert!(text.contains(&format!("| `{}`", metric.name)), "{}", metric.name);
        }
    }
}
