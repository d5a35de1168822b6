//! What is looked at: series of rates and shares, a minute or less between samples, of one host
//! and one time.

use super::super::finding::Scope;
use super::super::series::Series;
use super::super::words::called;
use super::statement::shortened;

/// Everything about one host.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The end of the time that is looked at, in milliseconds since 1970. Some hours of series
    /// before it are enough to see what is usual.
    pub now: i64,
    /// Running containers.
    pub containers: Vec<Container>,
    /// Programs that tell of requests.
    pub services: Vec<Service>,
    /// Pools of connections.
    pub pools: Vec<Pool>,
    /// Databases that are watched.
    pub databases: Vec<Database>,
    /// Statements that are called.
    pub statements: Vec<Statement>,
    /// The host.
    pub host: Host,
    /// What happened to containers in that time.
    pub events: Vec<Event>,
    /// Points at which series changed for good.
    pub changes: Vec<Change>,
}

/// A container.
#[derive(Clone, Debug, Default)]
pub struct Container {
    /// Whose it is; `container` is its name.
    pub scope: Scope,
    /// The rate of `container_cpu_usage_seconds_total`.
    pub cpu_cores: Series,
    /// The rate of `container_fs_reads_bytes_total` and `container_fs_writes_bytes_total`.
    pub io_bytes_per_second: Series,
    /// `container_cpu_cfs_throttled_periods_total` by `container_cpu_cfs_periods_total`.
    pub throttled_ratio: Series,
    /// The rate of `container_pressure_cpu_waiting_seconds_total`.
    pub cpu_waiting_ratio: Series,
    /// The rate of `container_pressure_io_waiting_seconds_total`.
    pub io_waiting_ratio: Series,
    /// The rate of `container_pressure_memory_waiting_seconds_total`.
    pub memory_waiting_ratio: Series,
    /// The rate of `container_pressure_memory_stalled_seconds_total`.
    pub memory_stalled_ratio: Series,
    /// `container_memory_working_set_bytes` by its limit; empty without one.
    pub memory_ratio: Series,
    /// The rate of `container_memory_failures_total{failure_type="pgmajfault"}`.
    pub major_faults_per_second: Series,
    /// `container_memory_rss`: what no cache is.
    pub rss_bytes: Series,
    /// `container_spec_memory_limit_bytes`, if there is one.
    pub memory_limit_bytes: Option<f64>,
}

/// A service that tells of its requests.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Whose it is; `service` is its name.
    pub scope: Scope,
    /// `program:http_duration_p95:seconds`.
    pub latency_seconds: Series,
    /// `program:http_requests:per_second`.
    pub requests_per_second: Series,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A route of a service.
#[derive(Clone, Debug, Default)]
pub struct Route {
    /// `method`.
    pub method: String,
    /// `route`.
    pub route: String,
    /// The rate of `http_request_duration_seconds_sum` by that of `_count`.
    pub mean_seconds: Series,
    /// The rate of `http_requests_total{status_code=~"5.."}` by that of all.
    pub failed_ratio: Series,
    /// The rate of `http_requests_total`.
    pub requests_per_second: Series,
}

/// A pool of connections.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Whose it is.
    pub scope: Scope,
    /// `db_client_connection_pool_name`.
    pub name: String,
    /// `db_connections_active` by `db_connections_max`.
    pub used_ratio: Series,
    /// `db_connections_pending`.
    pub waiting: Series,
}

/// A database of a server.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Whose it is.
    pub scope: Scope,
    /// `server`.
    pub server: String,
    /// `datname`.
    pub datname: String,
    /// `dockmeter_postgres_lock_waiters`.
    pub lock_waiters: Series,
    /// `dockmeter_postgres_lock_wait_longest_seconds`.
    pub longest_wait_seconds: Series,
}

/// A statement.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// Whose it is; `service` where the caller is known.
    pub scope: Scope,
    /// `queryid`, or its fingerprint.
    pub id: String,
    /// Its text without values, for the sentence.
    pub text: String,
    /// The rate of `pg_stat_statements_calls_total`.
    pub calls_per_second: Series,
    /// The rate of `pg_stat_statements_seconds_total` by that of calls.
    pub mean_seconds: Series,
    /// How much `pg_stat_statements_rows_total` grew by how much calls did.
    pub rows_per_call: Option<f64>,
}

/// The host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// `node_load5` by `machine_cpu_cores`.
    pub load_per_core: Series,
    /// `host:cpu_share:ratio`.
    pub cpu_ratio: Series,
    /// The rate of `node_pressure_cpu_waiting_seconds_total`.
    pub cpu_waiting_ratio: Series,
    /// The rate of `node_pressure_io_waiting_seconds_total`.
    pub io_waiting_ratio: Series,
    /// The rate of `node_pressure_memory_waiting_seconds_total`.
    pub memory_waiting_ratio: Series,
    /// The rate of `node_pressure_memory_stalled_seconds_total`.
    pub memory_stalled_ratio: Series,
    /// Its devices.
    pub disks: Vec<Disk>,
}

/// A device.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// `device`.
    pub device: String,
    /// The rate of `node_disk_io_time_weighted_seconds_total`.
    pub queue: Series,
    /// The rate of `node_disk_read_time_seconds_total` and `_write_time_` by that of operations.
    pub latency_seconds: Series,
}

/// What happened to a container.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: i64,
    /// To whose.
    pub scope: Scope,
    /// What.
    pub kind: EventKind,
}

/// What happens to containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was started, and was not there before.
    Start,
    /// It was started of another image than before.
    Deploy,
    /// It was started again.
    Restart,
    /// A process of it was killed for want of memory.
    OutOfMemory,
}

/// A point at which a series changed for good.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: i64,
    /// Whose series.
    pub scope: Scope,
    /// Of what.
    pub what: Changed,
    /// The level after it by that before; `None` where there was nothing before.
    pub ratio: Option<f64>,
}

/// Levels whose changes may be behind something. Response times are not among them: they are what
/// is held up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Requests of a service.
    Requests,
    /// Cores that a container uses.
    Cores,
    /// Memory that a container holds.
    Memory,
    /// The time that a call of a statement takes.
    Statement {
        /// [`Statement::id`].
        id: String,
        /// [`Statement::text`].
        text: String,
    },
}

impl Event {
    pub(super) fn in_words(&self) -> String {
        let who = called(&self.scope);
        match self.kind {
            EventKind::Start => format!("the start of {who}"),
            EventKind::Deploy => format!("a deploy of {who}"),
            EventKind::Restart => format!("a restart of {who}"),
            EventKind::OutOfMemory => format!("a kill in {who} for want of memory"),
        }
    }
}

impl Change {
    pub(super) fn in_words(&self) -> String {
        let who = called(&self.scope);
        let what = match &self.what {
            Changed::Requests => format!("requests of {who}"),
            Changed::Cores => format!("use of cores of {who}"),
            Changed::Memory => format!("memory of {who}"),
            Changed::Statement { text, .. } => format!("calls of `{}`", shortened(text)),
        };
        match (self.ratio, &self.what) {
            (Some(ratio), Changed::Statement { .. }) => format!("{what} taking {ratio:.1} times as long"),
            (Some(ratio), _) => format!("{what} becoming {ratio:.1} times as much"),
            (None, _) => format!("the first {what}"),
        }
    }
}

/// Whether one scope is of the same tenant as another. What a scope does not say, every tenant is:
/// of the host is everybody.
pub fn is_of(one: &Scope, other: &Scope) -> bool {
    let same = |one: &Option<String>, other: &Option<String>| match (one, other) {
        (Some(one), Some(other)) => one == other,
        (None, Some(_)) => false,
        (_, None) => true,
    };
    same(&one.user, &other.user) && same(&one.project, &other.project) && same(&one.team, &other.team)
}
