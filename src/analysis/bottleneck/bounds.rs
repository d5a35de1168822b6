//! The bounds of containers, services, pools, databases and the host.
//!
//! There are no agreed numbers for pressure. These lie between the checks of monitoring plugins
//! (which warn of memory at 3 to 5 %, of devices at 7 to 15 %) and what `systemd-oomd` kills at
//! (60 %), and above what quiet machines show.

use super::super::finding::Scope;
use super::super::series::Series;
use super::super::statistics::order::median;
use super::super::words::{called, counted, percent, seconds, short};
use super::excess::{Bound, Excess, excess};
use super::facts::{Container, Database, Disk, Facts, Host, Pool, Route};
use super::{Candidate, Concerns, Kind, Tier, of_whom};

/// Throttled periods: the alerts on it and the mixins of Kubernetes tell of 25 %, and warn at 50 %.
const THROTTLED: Bound = Bound::of(0.25, 0.5);

/// From here on a container waits for its own limit.
pub(super) const THROTTLED_AT_ALL: f64 = super::super::rightsize::cpu::THROTTLED;

/// Time in which some task waited for memory.
const MEMORY_WAITING: Bound = Bound::of(0.05, 0.10);

/// Time in which every task waited for memory.
const MEMORY_STALLED: Bound = Bound::of(0.02, 0.03);

/// The working set by its limit; the alerts `ContainerMemoryNearLimit` and `Critical`.
const MEMORY: Bound = Bound { low: 0.8, medium: 0.9, high: 0.95 };

/// Time in which some task waited for a core. A busy host lets everybody wait a little.
const CORE_WAITING: Bound = Bound::of(0.25, 0.5);

/// Pages that had to be read from disk again, a second.
const MAJOR_FAULTS: Bound = Bound::of(500.0, 2_000.0);

/// Time in which some task waited for a device.
pub(super) const IO_WAITING: Bound = Bound::of(0.10, 0.20);

/// Operations that a device has at a time.
const QUEUE: Bound = Bound::of(10.0, 32.0);

/// What a device takes for one.
const DISK_SECONDS: Bound = Bound::of(0.1, 0.5);

/// Connections in use by those there are.
const POOL: Bound = Bound::of(0.8, 0.95);

/// Any that wait for one for minutes.
const WAITING: Bound = Bound::of(0.0, 0.5);

/// What a lock is waited for; `deadlock_timeout`, from which on PostgreSQL logs it, is 1 s.
const LOCK_SECONDS: Bound = Bound::of(1.0, 10.0);

/// An average answer; the alert `HttpLatencyHigh`.
const ROUTE_SECONDS: Bound = Bound::of(2.0, 5.0);

/// Requests that fail; the alert `HttpErrorsHigh`.
const FAILED: Bound = Bound::of(0.05, 0.25);

/// Of fewer requests a second, one a minute, no share is told; as of the alert.
const LEAST_REQUESTS: f64 = 0.02;

/// Tasks that run or wait for each core.
const LOAD: Bound = Bound::of(2.0, 4.0);

/// Cores in use: alone worth knowing only.
const HOST_CPU: Bound = Bound { low: 0.9, medium: f64::INFINITY, high: f64::INFINITY };

/// All that is beyond a bound of these.
pub(super) fn candidates(facts: &Facts) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = facts.containers.iter().flat_map(container).collect();
    for service in &facts.services {
        found.extend(service.routes.iter().flat_map(|one| route(&service.scope, one)));
    }
    found.extend(facts.pools.iter().flat_map(pool));
    found.extend(facts.databases.iter().filter_map(database));
    found.extend(host(&facts.host));
    found.extend(facts.host.disks.iter().flat_map(disk));
    found
}

/// What makes candidates of one thing: who it is, and whom it concerns.
struct About<'s> {
    kind: Kind,
    tier: Tier,
    scope: &'s Scope,
    subject: Option<String>,
    /// What tells it from others of its scope.
    labels: Vec<(&'static str, &'s str)>,
    concerns: Concerns,
}

impl About<'_> {
    /// A candidate, if a series is beyond its bound: metric, its values in words, what is so, what
    /// to do.
    fn beyond(
        &self,
        series: &Series,
        bound: Bound,
        (metric, words): (&str, fn(f64) -> String),
        sentence: impl Fn(&Excess) -> String,
        next_step: &str,
    ) -> Option<Candidate> {
        let excess = excess(series, bound)?;
        Some(Candidate {
            kind: self.kind,
            tier: self.tier,
            scope: self.scope.clone(),
            subject: self.subject.clone(),
            metric: of_whom(metric, self.scope, &self.labels),
            words,
            excess,
            saturation: series.clone(),
            concerns: self.concerns.clone(),
            sentence: sentence(&excess),
            next_step: next_step.to_owned(),
        })
    }
}

fn container(facts: &Container) -> Vec<Candidate> {
    let who = called(&facts.scope);
    let about = |kind| About {
        kind,
        tier: Tier::Saturation,
        scope: &facts.scope,
        subject: None,
        labels: Vec::new(),
        concerns: Concerns::Tenant,
    };
    let memory = about(Kind::MemoryPressure);
    let more_memory = "raise `mem_limit` if what it holds is wanted, else have it hold less at once; `dockmeter report rightsize` says how much";
    let waits = |what: &'static str| {
        let who = who.clone();
        move |found: &Excess| format!("{who} has waited for {what} in {} of the time", percent(found.value))
    };
    let stalled = |found: &Excess| {
        format!("{who} has stood still for want of memory in {} of the time", percent(found.value))
    };
    let full = |found: &Excess| format!("{who} has used {} of its memory", percent(found.value));
    let faults =
        |found: &Excess| format!("{who} has read {} pages a second back from disk", short(found.value));
    let throttled = |found: &Excess| {
        format!("{who} was held back by its limit of cores in {} of its periods", percent(found.value))
    };
    let core = About { tier: Tier::Symptom, ..about(Kind::CoreWait) };
    let core = core.beyond(
        &facts.cpu_waiting_ratio,
        CORE_WAITING,
        ("rate(container_pressure_cpu_waiting_seconds_total{@}[5m])", percent),
        waits("a core"),
        "see by `container_cpu_usage_seconds_total` who uses them; give it more `cpu_shares` than those who can wait, or move one of them",
    );
    // Who is held back by its own limit waits for that.
    let is_throttled = |found: &Candidate| {
        let window = found.excess.window;
        let ratios = facts.throttled_ratio.between(window.from, window.to).values();
        median(&ratios).is_some_and(|ratio| ratio > THROTTLED_AT_ALL)
    };
    [
        core.filter(|found| !is_throttled(found)),
        about(Kind::Throttling).beyond(
            &facts.throttled_ratio,
            THROTTLED,
            ("rate(container_cpu_cfs_throttled_periods_total{@}[5m]) / rate(container_cpu_cfs_periods_total{@}[5m])", percent),
            throttled,
            "raise `cpus`; `dockmeter report rightsize` says how far",
        ),
        memory.beyond(
            &facts.memory_waiting_ratio,
            MEMORY_WAITING,
            ("rate(container_pressure_memory_waiting_seconds_total{@}[5m])", percent),
            waits("memory"),
            more_memory,
        ),
        memory.beyond(
            &facts.memory_stalled_ratio,
            MEMORY_STALLED,
            ("rate(container_pressure_memory_stalled_seconds_total{@}[5m])", percent),
            stalled,
            more_memory,
        ),
        memory.beyond(&facts.memory_ratio, MEMORY, ("container_memory_working_set_bytes{@} / container_spec_memory_limit_bytes{@}", percent), full, more_memory),
        memory.beyond(
            &facts.major_faults_per_second,
            MAJOR_FAULTS,
            ("rate(container_memory_failures_total{failure_type=\"pgmajfault\",scope=\"container\",@}[5m])", short),
            faults,
            more_memory,
        ),
        about(Kind::DiskQueue).beyond(
            &facts.io_waiting_ratio,
            IO_WAITING,
            ("rate(container_pressure_io_waiting_seconds_total{@}[5m])", percent),
            waits("a device"),
            "see by `container_fs_reads_bytes_total` and `_writes_` who uses the device, and have it read and write less at once",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn route(scope: &Scope, facts: &Route) -> Vec<Candidate> {
    let who = called(scope);
    let name = format!("{} {}", facts.method, facts.route);
    let about = |kind| About {
        kind,
        tier: Tier::Symptom,
        scope,
        subject: Some(name.clone()),
        labels: vec![("method", &facts.method), ("route", &facts.route)],
        concerns: Concerns::Nobody,
    };
    let slow = |found: &Excess| format!("`{name}` of {who} has taken {} to answer", seconds(found.value));
    let fails =
        |found: &Excess| format!("`{name}` of {who} has failed {} of its requests", percent(found.value));
    let all = [
        about(Kind::SlowEndpoint).beyond(
            &facts.mean_seconds,
            ROUTE_SECONDS,
            ("sum(rate(http_request_duration_seconds_sum{@}[5m])) / sum(rate(http_request_duration_seconds_count{@}[5m]))", seconds),
            slow,
            "look at what it waits for: a database (`/api/queries/slow`), a pool, another service; then profile it",
        ),
        about(Kind::ErrorCluster).beyond(
            &facts.failed_ratio,
            FAILED,
            ("sum(rate(http_requests_total{status_code=~\"5..\",@}[5m])) / sum(rate(http_requests_total{@}[5m]))", percent),
            fails,
            "read the service's log at the time that it began, and compare with the last deploy",
        ),
    ];
    let is_asked = |found: &Candidate| {
        let window = found.excess.window;
        let requests = facts.requests_per_second.between(window.from, window.to).values();
        median(&requests).is_some_and(|requests| requests >= LEAST_REQUESTS)
    };
    all.into_iter().flatten().filter(is_asked).collect()
}

fn pool(facts: &Pool) -> Vec<Candidate> {
    // Under classic names the pools of a program are one.
    let name = Some(&facts.name).filter(|name| !name.is_empty());
    let about = About {
        kind: Kind::PoolLimit,
        tier: Tier::Saturation,
        scope: &facts.scope,
        subject: name.cloned(),
        labels: name.iter().map(|name| ("db_client_connection_pool_name", name.as_str())).collect(),
        concerns: Concerns::Tenant,
    };
    let who = called(&facts.scope);
    let pool =
        name.map_or_else(|| format!("the pool of {who}"), |name| format!("the pool `{name}` of {who}"));
    let step = "give connections back sooner, or raise the pool's size; `/api/analytics/recommendations` says to what";
    let waited = |found: &Excess| format!("{} callers have waited for {pool}", short(found.value));
    let used = |found: &Excess| format!("{pool} was {} used", percent(found.value));
    let pending = ("sum(db_connections_pending{@})", short as fn(f64) -> String);
    let waiting = about.beyond(&facts.waiting, WAITING, pending, waited, step);
    let share = ("max(db_connections_active{@} / db_connections_max{@})", percent as fn(f64) -> String);
    let used = about.beyond(&facts.used_ratio, POOL, share, used, step);
    [waiting, used].into_iter().flatten().collect()
}

fn database(facts: &Database) -> Option<Candidate> {
    let name = format!("{}/{}", facts.server, facts.datname);
    let about = About {
        kind: Kind::LockWait,
        tier: Tier::Saturation,
        scope: &facts.scope,
        subject: Some(name.clone()),
        labels: vec![("server", &facts.server), ("datname", &facts.datname)],
        concerns: Concerns::Tenant,
    };
    let waits = |found: &Excess| {
        let window = found.window;
        let waiters = median(&facts.lock_waiters.between(window.from, window.to).values());
        let who = waiters.map_or_else(
            || "connections".to_owned(),
            |waiters| counted(waiters.ceil() as usize, "connection"),
        );
        format!("locks in `{name}` have kept {who} waiting, {} at the longest,", seconds(found.value))
    };
    about.beyond(
        &facts.longest_wait_seconds,
        LOCK_SECONDS,
        ("dockmeter_postgres_lock_wait_longest_seconds{@}", seconds),
        waits,
        "find who holds them with `SELECT pid, pg_blocking_pids(pid), query FROM pg_stat_activity WHERE wait_event_type = 'Lock'`, and shorten that transaction",
    )
}

fn host(facts: &Host) -> Vec<Candidate> {
    let nobody = Scope::default();
    let about = |tier| About {
        kind: Kind::HostSaturation,
        tier,
        scope: &nobody,
        subject: None,
        labels: Vec::new(),
        concerns: Concerns::All,
    };
    let saturation = about(Tier::Saturation);
    let load =
        |found: &Excess| format!("{} tasks have run or waited for each core of the host", short(found.value));
    let waits = |found: &Excess| {
        format!("something on the host has waited for memory in {} of the time", percent(found.value))
    };
    let stalls = |found: &Excess| {
        format!(
            "everything on the host has stood still for want of memory in {} of the time",
            percent(found.value)
        )
    };
    let used = |found: &Excess| format!("{} of the host's cores were in use", percent(found.value));
    let less = "set limits for those who use most, or move one to another host";
    [
        saturation.beyond(
            &facts.load_per_core,
            LOAD,
            ("node_load5{@} / machine_cpu_cores{@}", short),
            load,
            less,
        ),
        saturation.beyond(
            &facts.memory_waiting_ratio,
            MEMORY_WAITING,
            ("rate(node_pressure_memory_waiting_seconds_total{@}[5m])", percent),
            waits,
            less,
        ),
        saturation.beyond(
            &facts.memory_stalled_ratio,
            MEMORY_STALLED,
            ("rate(node_pressure_memory_stalled_seconds_total{@}[5m])", percent),
            stalls,
            less,
        ),
        about(Tier::Utilisation).beyond(
            &facts.cpu_ratio,
            HOST_CPU,
            ("host:cpu_share:ratio{@}", percent),
            used,
            less,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn disk(facts: &Disk) -> Vec<Candidate> {
    let nobody = Scope::default();
    let about = About {
        kind: Kind::DiskQueue,
        tier: Tier::Saturation,
        scope: &nobody,
        subject: Some(facts.device.clone()),
        labels: vec![("device", &facts.device)],
        concerns: Concerns::All,
    };
    let queue = |found: &Excess| {
        format!("`{}` has had {} operations at a time to do", facts.device, short(found.value))
    };
    let slow =
        |found: &Excess| format!("`{}` has taken {} for an operation", facts.device, seconds(found.value));
    let step = "see by `container_fs_reads_bytes_total` and `_writes_` who uses it, and have that one read and write less at once";
    let queue = about.beyond(
        &facts.queue,
        QUEUE,
        ("rate(node_disk_io_time_weighted_seconds_total{@}[5m])", short),
        queue,
        step,
    );
    let slow = about.beyond(
        &facts.latency_seconds,
        DISK_SECONDS,
        ("(rate(node_disk_read_time_seconds_total{@}[5m]) + rate(node_disk_write_time_seconds_total{@}[5m])) / (rate(node_disk_reads_completed_total{@}[5m]) + rate(node_disk_writes_completed_total{@}[5m]))", seconds),
        slow,
        step,
    );
    [queue, slow].into_iter().flatten().collect()
}
