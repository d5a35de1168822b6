//! What bottlenecks are told from, host by host: where several dockmeters are scraped, their
//! containers neither wait for nor disturb each other.
//!
//! Two jobs that scrape one dockmeter tell the same twice: of both the higher counts.

use super::{Meaning, Measure, Of, Taken};

const HOST: &[&str] = &["instance"];

const fn of(name: &'static str, of: Of, apart: &'static [&'static str], expression: &'static str) -> Measure {
    Measure {
        name,
        words: name,
        meaning: Meaning::Harm,
        least_change: 0.0,
        expression,
        of,
        apart,
        taken: Taken::Together,
    }
}

const fn container(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Container, HOST, expression)
}

const fn counted(name: &'static str, expression: &'static str) -> Measure {
    Measure { taken: Taken::Growth, ..container(name, expression) }
}

pub(super) const fn service(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Service, HOST, expression)
}

const fn route(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Service, &["instance", "method", "route"], expression)
}

pub(super) const fn pool(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Service, &["instance", "db_client_connection_pool_name"], expression)
}

const fn database(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Server, &["instance", "datname"], expression)
}

const fn statement(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Server, &["instance", "datname", "queryid"], expression)
}

const fn host(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Host, &[], expression)
}

const fn disk(name: &'static str, expression: &'static str) -> Measure {
    of(name, Of::Host, &["device"], expression)
}

/// Cores that a container uses.
pub static CPU: Measure = container(
    "cpu_usage_cores",
    "max by ($) (sum without (cpu) (rate(container_cpu_usage_seconds_total{@}[])))",
);

/// Its periods in which its quota was used up.
pub static THROTTLED: Measure = container(
    "cpu_throttled_periods_ratio",
    "max by ($) (rate(container_cpu_cfs_throttled_periods_total{@}[]) / (rate(container_cpu_cfs_periods_total{@}[]) > 0))",
);

/// Memory in use that cannot be taken back.
pub static MEMORY: Measure = container(
    "memory_working_set_bytes",
    "max by ($) (avg_over_time(container_memory_working_set_bytes{@}[]))",
);

/// Memory that no cache is.
pub static RSS: Measure =
    container("memory_rss_bytes", "max by ($) (avg_over_time(container_memory_rss{@}[]))");

/// Memory that may be used; those without a limit have none.
pub static MEMORY_LIMIT: Measure = container(
    "memory_limit_bytes",
    "max by ($) (last_over_time(container_spec_memory_limit_bytes{@}[]) > 0)",
);

/// Bytes read from devices a second.
pub static READ: Measure = container(
    "disk_read_bytes_per_second",
    "max by ($) (sum without (device) (rate(container_fs_reads_bytes_total{@}[])))",
);

/// Bytes written to them.
pub static WRITTEN: Measure = container(
    "disk_write_bytes_per_second",
    "max by ($) (sum without (device) (rate(container_fs_writes_bytes_total{@}[])))",
);

/// Bytes received a second.
pub static RECEIVED: Measure = container(
    "network_receive_bytes_per_second",
    "max by ($) (sum without (interface) (rate(container_network_receive_bytes_total{@}[])))",
);

/// Bytes sent.
pub static SENT: Measure = container(
    "network_transmit_bytes_per_second",
    "max by ($) (sum without (interface) (rate(container_network_transmit_bytes_total{@}[])))",
);

/// Time in which some task waited for a core.
pub static CPU_WAITING: Measure = container(
    "pressure_cpu_waiting_ratio",
    "max by ($) (rate(container_pressure_cpu_waiting_seconds_total{@}[]))",
);

/// Time in which some task waited for a device.
pub static IO_WAITING: Measure = container(
    "pressure_io_waiting_ratio",
    "max by ($) (rate(container_pressure_io_waiting_seconds_total{@}[]))",
);

/// Time in which every task waited for one, which is what the embedded history keeps.
pub static IO_STALLED: Measure = container(
    "pressure_io_stalled_ratio",
    "max by ($) (rate(container_pressure_io_stalled_seconds_total{@}[]))",
);

/// Time in which some task waited for memory.
pub static MEMORY_WAITING: Measure = container(
    "pressure_memory_waiting_ratio",
    "max by ($) (rate(container_pressure_memory_waiting_seconds_total{@}[]))",
);

/// Time in which every task did.
pub static MEMORY_STALLED: Measure = container(
    "pressure_memory_stalled_ratio",
    "max by ($) (rate(container_pressure_memory_stalled_seconds_total{@}[]))",
);

/// Pages read from disk again a second.
pub static MAJOR_FAULTS: Measure = container(
    "memory_major_faults_per_second",
    "max by ($) (rate(container_memory_failures_total{@,failure_type=\"pgmajfault\",scope=\"container\"}[]))",
);

/// Kills for want of memory.
pub static KILLS: Measure =
    counted("oom_kills", "max by ($) (last_over_time(container_oom_events_total{@}[]))");

/// Restarts by the restart policy, where starts are not known.
pub static RESTARTS: Measure =
    counted("restarts", "max by ($) (last_over_time(container_restarts_total{@}[]))");

/// When a container was started, in seconds since 1970, by its image.
pub static STARTED: Measure = of(
    "start_time_seconds",
    Of::Container,
    &["instance", "image_id"],
    "max by ($) (max by (user, project, team, name, instance, id) (last_over_time(container_start_time_seconds{@}[])) * on (instance, id) group_left (image_id) max by (instance, id, image_id) (last_over_time(container_info{@}[])))",
);

/// Requests that a service answers a second.
pub static REQUESTS: Measure = service(
    "http_requests_per_second",
    "sum by ($) (rate(http_requests_total{@}[])) or sum by ($) (rate(http_server_request_duration_seconds_count{@}[]))",
);

/// Those that fail.
pub static FAILURES: Measure = service(
    "http_failures_per_second",
    "sum by ($) (rate(http_requests_total{@,status_code=~\"5..\"}[])) or sum by ($) (rate(http_server_request_duration_seconds_count{@,http_response_status_code=~\"5..\"}[]))",
);

/// Seconds that answers take, each second.
pub static BUSY: Measure = service(
    "http_request_seconds_per_second",
    "sum by ($) (rate(http_request_duration_seconds_sum{@}[])) or sum by ($) (rate(http_server_request_duration_seconds_sum{@}[]))",
);

/// The time within which 95 of 100 are answered.
pub static LATENCY: Measure = service(
    "http_request_duration_p95_seconds",
    "histogram_quantile(0.95, sum by ($le) (rate(http_request_duration_seconds_bucket{@}[]))) or histogram_quantile(0.95, sum by ($le) (rate(http_server_request_duration_seconds_bucket{@}[])))",
);

/// What answers of a route take on average.
pub static ROUTE_SECONDS: Measure = route(
    "http_route_duration_mean_seconds",
    "(sum by ($) (rate(http_request_duration_seconds_sum{@}[])) / (sum by ($) (rate(http_request_duration_seconds_count{@}[])) > 0)) or (sum by ($) (label_replace(label_replace(rate(http_server_request_duration_seconds_sum{@}[]), \"method\", \"%1\", \"http_request_method\", \"(.*)\"), \"route\", \"%1\", \"http_route\", \"(.*)\")) / (sum by ($) (label_replace(label_replace(rate(http_server_request_duration_seconds_count{@}[]), \"method\", \"%1\", \"http_request_method\", \"(.*)\"), \"route\", \"%1\", \"http_route\", \"(.*)\")) > 0))",
);

/// Requests of a route a second.
pub static ROUTE_REQUESTS: Measure = route(
    "http_route_requests_per_second",
    "sum by ($) (rate(http_requests_total{@}[])) or sum by ($) (label_replace(label_replace(rate(http_server_request_duration_seconds_count{@}[]), \"method\", \"%1\", \"http_request_method\", \"(.*)\"), \"route\", \"%1\", \"http_route\", \"(.*)\"))",
);

/// Those of them that fail.
pub static ROUTE_FAILURES: Measure = route(
    "http_route_failures_per_second",
    "sum by ($) (rate(http_requests_total{@,status_code=~\"5..\"}[])) or sum by ($) (label_replace(label_replace(rate(http_server_request_duration_seconds_count{@,http_response_status_code=~\"5..\"}[]), \"method\", \"%1\", \"http_request_method\", \"(.*)\"), \"route\", \"%1\", \"http_route\", \"(.*)\"))",
);

/// The share of a pool's connections that is in use, of the fullest of its replicas.
pub static POOL_USED: Measure = pool(
    "db_connections_used_ratio",
    "max by ($) (avg_over_time(db_connections_active{@}[]) / (avg_over_time(db_connections_max{@}[]) > 0)) or max by ($) (sum without (db_client_connection_state) (avg_over_time(db_client_connection_count{@,db_client_connection_state=\"used\"}[])) / (avg_over_time(db_client_connection_max{@}[]) > 0))",
);

/// Callers that wait for one.
pub static POOL_WAITING: Measure = pool(
    "db_connections_pending",
    "sum by ($) (avg_over_time(db_connections_pending{@}[])) or sum by ($) (avg_over_time(db_client_connection_pending_requests{@}[]))",
);

/// Connections that wait for a lock.
pub static LOCK_WAITERS: Measure =
    database("lock_waiters", "max by ($) (max_over_time(dockmeter_postgres_lock_waiters{@}[]))");

/// How long the longest of them has waited.
pub static LOCK_SECONDS: Measure = database(
    "lock_wait_longest_seconds",
    "max by ($) (max_over_time(dockmeter_postgres_lock_wait_longest_seconds{@}[]))",
);

/// Calls of a statement a second, by all who make them.
pub static CALLS: Measure =
    statement("statement_calls_per_second", "sum by ($) (rate(pg_stat_statements_calls_total{@}[]))");

/// Seconds that they take, each second.
pub static CALL_SECONDS: Measure =
    statement("statement_seconds_per_second", "sum by ($) (rate(pg_stat_statements_seconds_total{@}[]))");

/// Rows that they give or change, each second.
pub static ROWS: Measure =
    statement("statement_rows_per_second", "sum by ($) (rate(pg_stat_statements_rows_total{@}[]))");

/// What a statement is called, in `query`.
pub static TEXTS: Measure = of(
    "statement_text",
    Of::Server,
    &["instance", "queryid", "query"],
    "max by ($) (last_over_time(pg_stat_statements_query_id{@}[]))",
);

/// Tasks that run or wait for each core of a host.
pub static LOAD: Measure = host(
    "load_per_core",
    "max by ($) (avg_over_time(node_load5{@}[])) / max by ($) (last_over_time(machine_cpu_cores{@}[]))",
);

/// Its cores that are in use, as a share.
pub static HOST_CPU: Measure = host(
    "host_cpu_ratio",
    "1 - avg by ($) (sum without (mode) (rate(node_cpu_seconds_total{@,mode=~\"idle|iowait|steal\"}[])))",
);

/// Time in which some task of it waited for a core.
pub static HOST_CPU_WAITING: Measure = host(
    "host_pressure_cpu_waiting_ratio",
    "max by ($) (rate(node_pressure_cpu_waiting_seconds_total{@}[]))",
);

/// Time in which some task of it waited for a device.
pub static HOST_IO_WAITING: Measure =
    host("host_pressure_io_waiting_ratio", "max by ($) (rate(node_pressure_io_waiting_seconds_total{@}[]))");

/// Time in which some task of it waited for memory.
pub static HOST_MEMORY_WAITING: Measure = host(
    "host_pressure_memory_waiting_ratio",
    "max by ($) (rate(node_pressure_memory_waiting_seconds_total{@}[]))",
);

/// Time in which every task did.
pub static HOST_MEMORY_STALLED: Measure = host(
    "host_pressure_memory_stalled_ratio",
    "max by ($) (rate(node_pressure_memory_stalled_seconds_total{@}[]))",
);

/// Operations that a device has at a time.
pub static DISK_QUEUE: Measure =
    disk("disk_queue", "max by ($) (rate(node_disk_io_time_weighted_seconds_total{@}[]))");

/// What a device takes for one.
pub static DISK_SECONDS: Measure = disk(
    "disk_operation_seconds",
    "max by ($) ((rate(node_disk_read_time_seconds_total{@}[]) + rate(node_disk_write_time_seconds_total{@}[])) / (rate(node_disk_reads_completed_total{@}[]) + rate(node_disk_writes_completed_total{@}[]) > 0))",
);

/// All of them.
pub static ALL: [&Measure; 41] = [
    &CPU,
    &THROTTLED,
    &MEMORY,
    &RSS,
    &MEMORY_LIMIT,
    &READ,
    &WRITTEN,
    &RECEIVED,
    &SENT,
    &CPU_WAITING,
    &IO_WAITING,
    &IO_STALLED,
    &MEMORY_WAITING,
    &MEMORY_STALLED,
    &MAJOR_FAULTS,
    &KILLS,
    &RESTARTS,
    &STARTED,
    &REQUESTS,
    &FAILURES,
    &BUSY,
    &LATENCY,
    &ROUTE_SECONDS,
    &ROUTE_REQUESTS,
    &ROUTE_FAILURES,
    &POOL_USED,
    &POOL_WAITING,
    &LOCK_WAITERS,
    &LOCK_SECONDS,
    &CALLS,
    &CALL_SECONDS,
    &ROWS,
    &TEXTS,
    &LOAD,
    &HOST_CPU,
    &HOST_CPU_WAITING,
    &HOST_IO_WAITING,
    &HOST_MEMORY_WAITING,
    &HOST_MEMORY_STALLED,
    &DISK_QUEUE,
    &DISK_SECONDS,
];
