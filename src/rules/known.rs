//! Which metrics there are and which labels they have: those of the catalogue of metrics, what
//! programs send under names that dashboards know, what recording rules make, and what
//! Prometheus and Alertmanager tell of themselves.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::Kind;
use crate::metrics::catalogue::ALL;

/// The labels of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    /// These, and no others.
    These(BTreeSet<String>),
    /// Nobody here knows; they are taken on trust.
    Any,
}

impl Labels {
    /// Whether there may be such a label.
    pub(crate) fn has(&self, label: &str) -> bool {
        match self {
            // Which Docker labels are shown is configuration.
            Labels::These(labels) => {
                labels.contains(label) || (label.starts_with("container_label_") && labels.contains("image"))
            }
            Labels::Any => true,
        }
    }

    fn these(labels: impl IntoIterator<Item = &'static str>) -> Labels {
        Labels::These(labels.into_iter().map(str::to_owned).collect())
    }
}

/// What every scrape adds.
const SCRAPED: [&str; 2] = ["instance", "job"];
const PROGRAM: [&str; 5] = ["user", "project", "team", "service", "service_instance"];

/// What programs send under standard names: name, kind, labels besides [`PROGRAM`].
const PROGRAMS: &[(&str, Kind, &[&str])] = &[
    ("http_requests_total", Kind::Counter, &["method", "route", "status_code"]),
    ("http_request_duration_seconds", Kind::Histogram, &["method", "route", "status_code"]),
    (
        "http_server_request_duration_seconds",
        Kind::Histogram,
        &["http_request_method", "http_route", "http_response_status_code", "error_type"],
    ),
    ("db_queries_total", Kind::Counter, &["query_type", "table"]),
    ("db_query_duration_seconds", Kind::Histogram, &["query_type", "table"]),
    ("db_slow_queries_total", Kind::Counter, &["query_type", "table"]),
    ("db_client_operation_duration_seconds", Kind::Histogram, &["db_operation_name", "db_collection_name"]),
    ("db_connections_active", Kind::Gauge, &["db_client_connection_pool_name"]),
    ("db_connections_idle", Kind::Gauge, &["db_client_connection_pool_name"]),
    ("db_connections_max", Kind::Gauge, &["db_client_connection_pool_name"]),
    ("db_connections_pending", Kind::Gauge, &["db_client_connection_pool_name"]),
    (
        "db_client_connection_count",
        Kind::Gauge,
        &["db_client_connection_pool_name", "db_client_connection_state"],
    ),
    ("db_client_connection_max", Kind::Gauge, &["db_client_connection_pool_name"]),
    ("db_client_connection_pending_requests", Kind::Gauge, &["db_client_connection_pool_name"]),
    ("db_deadlocks_total", Kind::Counter, &["db_client_connection_pool_name"]),
    ("http_request_size_bytes", Kind::Histogram, &["method", "route", "status_code"]),
    ("http_response_size_bytes", Kind::Histogram, &["method", "route", "status_code"]),
    (
        "http_server_request_body_size_bytes",
        Kind::Histogram,
        &["http_request_method", "http_route", "http_response_status_code"],
    ),
    (
        "http_server_response_body_size_bytes",
        Kind::Histogram,
        &["http_request_method", "http_route", "http_response_status_code"],
    ),
    ("tool_call_duration_seconds", Kind::Histogram, &["tool", "success"]),
    ("active_users", Kind::Gauge, &[]),
    ("feature_usage_total", Kind::Counter, &["feature"]),
    ("project_creations_total", Kind::Counter, &[]),
    ("template_usage_total", Kind::Counter, &["template"]),
    ("nodejs_eventloop_delay_p50_seconds", Kind::Gauge, &[]),
    ("nodejs_eventloop_delay_p99_seconds", Kind::Gauge, &[]),
    ("nodejs_eventloop_delay_max_seconds", Kind::Gauge, &[]),
    ("nodejs_eventloop_utilization_ratio", Kind::Gauge, &[]),
    ("v8js_memory_heap_used_bytes", Kind::Gauge, &["v8js_heap_space_name"]),
    ("v8js_memory_heap_limit_bytes", Kind::Gauge, &["v8js_heap_space_name"]),
    ("v8js_gc_duration_seconds", Kind::Histogram, &["v8js_gc_type"]),
    ("cpython_gc_collections_total", Kind::Counter, &[]),
    ("process_memory_usage_bytes", Kind::Gauge, &[]),
    ("jvm_memory_used_bytes", Kind::Gauge, &["jvm_memory_type", "jvm_memory_pool_name"]),
    ("jvm_memory_limit_bytes", Kind::Gauge, &["jvm_memory_type", "jvm_memory_pool_name"]),
    ("jvm_gc_duration_seconds", Kind::Histogram, &["jvm_gc_name", "jvm_gc_action"]),
    ("jvm_thread_count", Kind::Gauge, &["jvm_thread_daemon", "jvm_thread_state"]),
    ("go_memory_used_bytes", Kind::Gauge, &["go_memory_type"]),
    ("go_memory_gc_goal_bytes", Kind::Gauge, &[]),
    ("go_goroutine_count", Kind::Gauge, &[]),
    ("go_schedule_duration_seconds", Kind::Histogram, &[]),
    ("dotnet_gc_last_collection_heap_size_bytes", Kind::Gauge, &["gc_heap_generation"]),
    ("dotnet_gc_pause_time_seconds_total", Kind::Counter, &[]),
];

/// What Prometheus and Alertmanager tell of themselves begins with one of these.
const THEIR_OWN: [&str; 3] = ["prometheus_", "alertmanager_", "scrape_"];

/// Whether Prometheus and Alertmanager tell it of themselves, or Prometheus makes it.
fn is_theirs(name: &str) -> bool {
    matches!(name, "ALERTS" | "ALERTS_FOR_STATE") || THEIR_OWN.iter().any(|prefix| name.starts_with(prefix))
}

/// Every name that an expression may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    metrics: BTreeMap<String, Labels>,
    /// Those that only rise, and those that are levels, as far as anybody has said.
    counters: BTreeSet<String>,
    gauges: BTreeSet<String>,
}

impl Known {
    /// All but recording rules and what files declare.
    pub(crate) fn new() -> Self {
        let mut known =
            Known { metrics: BTreeMap::new(), counters: BTreeSet::new(), gauges: BTreeSet::new() };
        for metric in ALL {
            let labels = [metric.labels.names(), metric.own_labels, &SCRAPED].concat();
            known.series(metric.name, metric.kind, &labels);
        }
        for (name, kind, own) in PROGRAMS {
            known.series(name, *kind, &[&PROGRAM, *own, &SCRAPED].concat());
        }
        known.series("up", Kind::Gauge, &SCRAPED);
        known
    }

    fn series(&mut self, name: &str, kind: Kind, labels: &[&'static str]) {
        let plain = Labels::these(labels.iter().copied());
        if kind == Kind::Histogram {
            let buckets = Labels::these(labels.iter().copied().chain(["le"]));
            self.metrics.insert(format!("{name}_bucket"), buckets);
            self.metrics.insert(format!("{name}_sum"), plain.clone());
            self.metrics.insert(format!("{name}_count"), plain.clone());
            self.counters.extend(["bucket", "sum", "count"].map(|end| format!("{name}_{end}")));
        }
        match kind {
            Kind::Counter | Kind::Histogram => self.counters.insert(name.to_owned()),
            Kind::Gauge => self.gauges.insert(name.to_owned()),
            Kind::Summary | Kind::Untyped => false,
        };
        self.metrics.insert(name.to_owned(), plain);
    }

    /// Adds a metric; whether it is new.
    pub(crate) fn add(&mut self, name: &str, labels: Labels) -> bool {
        self.metrics.insert(name.to_owned(), labels).is_none()
    }

    /// The labels of a metric, if there is one.
    pub(crate) fn labels(&self, name: &str) -> Option<Labels> {
        self.metrics.get(name).cloned().or_else(|| is_theirs(name).then_some(Labels::Any))
    }

    /// Whether it only rises.
    pub(crate) fn is_counter(&self, name: &str) -> bool {
        const ENDS: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];
        self.counters.contains(name) || (is_theirs(name) && ENDS.iter().any(|end| name.ends_with(end)))
    }

    /// Whether it is a level.
    pub(crate) fn is_gauge(&self, name: &str) -> bool {
        self.gauges.contains(name)
    }

    /// The name that was meant, if one is close.
    pub(crate) fn close_to(&self, name: &str) -> Option<&str> {
        let distance = |known: &&String| strsim::damerau_levenshtein(known, name);
        self.metrics.keys().min_by_key(distance).filter(|known| distance(known) <= 4).map(String::as_str)
    }
}
