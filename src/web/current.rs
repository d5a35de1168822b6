//! Values and rates of one container now: `GET /api/containers/{id}/metrics/current`, and the
//! rows of the summary.
//!
//! Invariants: every field is always there; what the host does not have, and every number of
//! a container that does not run, is `null`, never 0. A percentage is the share of the
//! container's own limit, and of the host where it has none.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::inventory::{Container, ContainerId};
use crate::snapshot::{Machine, Reading, Snapshot, Stats};
use crate::tenant::LabelValue;

/// A time as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub(super) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One container and its numbers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Current {
    pub(super) container_id: ContainerId,
    pub(super) name: LabelValue,
    pub(super) image: LabelValue,
    pub(super) user: LabelValue,
    pub(super) project: LabelValue,
    pub(super) team: LabelValue,
    pub(super) status: String,
    pub(super) health: Option<&'static str>,
    pub(super) started_at: Option<Time>,
    pub(super) uptime_seconds: Option<u64>,
    pub(super) timestamp: Time,
    pub(super) cpu: Cpu,
    pub(super) memory: Memory,
    pub(super) network: Network,
    pub(super) disk: Disk,
    pub(super) processes: Processes,
    pub(super) pressure: Pressure,
}

/// Use of cores over the last full sampling interval, and its limit.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Cpu {
    pub(super) usage_cores: Option<f64>,
    percent: Option<f64>,
    limit_cores: Option<f64>,
    pub(super) percent_of_limit: Option<f64>,
    throttled_periods_ratio: Option<f64>,
    usage_seconds_total: Option<f64>,
}

/// Memory now.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Memory {
    pub(super) usage_bytes: Option<u64>,
    pub(super) working_set_bytes: Option<u64>,
    rss_bytes: Option<u64>,
    cache_bytes: Option<u64>,
    swap_bytes: Option<u64>,
    limit_bytes: Option<u64>,
    available_bytes: Option<u64>,
    pub(super) percent_of_limit: Option<f64>,
}

/// Traffic over all interfaces.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Network {
    receive_bytes_total: Option<u64>,
    transmit_bytes_total: Option<u64>,
    pub(super) receive_bytes_per_second: Option<f64>,
    pub(super) transmit_bytes_per_second: Option<f64>,
}

/// Input and output over all devices.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Disk {
    read_bytes_total: Option<u64>,
    write_bytes_total: Option<u64>,
    pub(super) read_bytes_per_second: Option<f64>,
    pub(super) write_bytes_per_second: Option<f64>,
}

/// Processes and threads now.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Processes {
    pub(super) current: Option<u64>,
    pub(super) threads: Option<u64>,
    threads_limit: Option<u64>,
}

/// Share of time lost to each resource over the last full sampling interval, 0 to 1.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Pressure {
    cpu_waiting_ratio: Option<f64>,
    memory_stalled_ratio: Option<f64>,
    io_stalled_ratio: Option<f64>,
}

impl Current {
    /// What `snapshot` says of a container; `reading` is its part of it, if it has one.
    pub(super) fn new(container: &Container, reading: Option<&Reading>, snapshot: &Snapshot) -> Self {
        let state = &container.state;
        let uptime = |started: Timestamp| snapshot.taken_at.duration_since(started).as_secs();
        let started = state.started_at.filter(|_| state.is_live());
        let mut current = Current {
            container_id: container.id,
            name: container.name.clone(),
            image: container.image.clone(),
            user: container.tenant.user.clone(),
            project: container.tenant.project.clone(),
            team: container.tenant.team.clone(),
            status: state.status.as_str().to_owned(),
            health: state.health.map(|health| health.as_str()),
            started_at: state.started_at.map(Time),
            uptime_seconds: started.map(|started| u64::try_from(uptime(started)).unwrap_or(0)),
            timestamp: Time(snapshot.taken_at),
            cpu: Cpu::default(),
            memory: Memory::default(),
            network: Network::default(),
            disk: Disk::default(),
            processes: Processes::default(),
            pressure: Pressure::default(),
        };
        if let Some(reading) = reading.filter(|_| state.is_live()) {
            current.fill(reading, &snapshot.machine);
        }
        current
    }

    fn fill(&mut self, reading: &Reading, machine: &Machine) {
        let none = Stats::default();
        let stats = reading.stats.as_deref().unwrap_or(&none);
        self.cpu = Cpu::of(reading, stats, machine);
        self.memory = Memory::of(stats, machine);
        self.network = Network::of(reading, stats);
        self.disk = Disk::of(reading, stats);
        self.processes = Processes {
            current: stats.processes.processes,
            threads: stats.processes.threads,
            threads_limit: stats.processes.threads_max,
        };
        let rates = reading.rates.unwrap_or_default();
        self.pressure = Pressure {
            cpu_waiting_ratio: rates.cpu_waiting_ratio,
            memory_stalled_ratio: rates.memory_stalled_ratio,
            io_stalled_ratio: rates.io_stalled_ratio,
        };
    }
}

impl Cpu {
    fn of(reading: &Reading, stats: &Stats, machine: &Machine) -> Self {
        let limit = reading.cpu_limit_cores();
        Cpu {
            usage_cores: reading.usage_cores,
            percent: reading.usage_cores.map(|cores| cores * 100.0),
            limit_cores: limit,
            percent_of_limit: percent(reading.usage_cores, limit.or(machine.cpu_cores.map(f64::from))),
            throttled_periods_ratio: reading.rates.and_then(|rates| rates.throttled_periods_ratio),
            usage_seconds_total: stats.cpu.map(|cpu| cpu.usage_ns as f64 / 1e9),
        }
    }
}

impl Memory {
    fn of(stats: &Stats, machine: &Machine) -> Self {
        let Some(memory) = stats.memory else { return Memory::default() };
        let whole = memory.limit.or(machine.memory_bytes);
        Memory {
            usage_bytes: Some(memory.usage),
            working_set_bytes: Some(memory.working_set),
            rss_bytes: memory.rss,
            cache_bytes: memory.cache,
            swap_bytes: memory.swap,
            limit_bytes: memory.limit,
            available_bytes: memory.limit.map(|limit| limit.saturating_sub(memory.usage)),
            percent_of_limit: percent(Some(memory.usage as f64), whole.map(|bytes| bytes as f64)),
        }
    }
}

impl Network {
    fn of(reading: &Reading, stats: &Stats) -> Self {
        let interfaces = stats.network.as_ref().map(|network| &network.interfaces);
        let rates = reading.rates.unwrap_or_default();
        Network {
            receive_bytes_total: interfaces.map(|all| all.iter().map(|i| i.receive.bytes).sum()),
            transmit_bytes_total: interfaces.map(|all| all.iter().map(|i| i.transmit.bytes).sum()),
            receive_bytes_per_second: rates.receive_bytes,
            transmit_bytes_per_second: rates.transmit_bytes,
        }
    }
}

impl Disk {
    fn of(reading: &Reading, stats: &Stats) -> Self {
        let devices = stats.io.as_ref();
        let rates = reading.rates.unwrap_or_default();
        Disk {
            read_bytes_total: devices.map(|all| all.iter().map(|device| device.read_bytes).sum()),
            write_bytes_total: devices.map(|all| all.iter().map(|device| device.write_bytes).sum()),
            read_bytes_per_second: rates.read_bytes,
            write_bytes_per_second: rates.write_bytes,
        }
    }
}

/// What percentage `part` is of `whole`; of nothing there is no share.
pub(super) fn percent(part: Option<f64>, whole: Option<f64>) -> Option<f64> {
    Some(part? / whole.filter(|whole| *whole > 0.0)? * 100.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::web::fixture;

    fn current(name: &str) -> serde_json::Value {
        let snapshot = fixture::snapshot();
        let reading = snapshot.containers.iter().find(|r| r.container.name.as_str() == name).unwrap();
        serde_json::to_value(Current::new(&reading.container, Some(reading), &snapshot)).unwrap()
    }

    #[test]
    fn a_running_container_is_answered_in_the_shape_of_the_contract() {
        assert_eq!(
            current("shop-api-1"),
            json!({
                "container_id": "3f".repeat(32), "name": "shop-api-1", "image": "shop/api:1",
                "user": "ann", "project": "shop", "team": "core", "status": "running", "health": "healthy",
                "started_at": "2026-01-01T00:00:00Z", "uptime_seconds": 3600, "timestamp": "2026-01-01T01:00:00Z",
                "cpu": {"usage_cores": 0.125, "percent": 12.5, "limit_cores": 0.5, "percent_of_limit": 25.0,
                        "throttled_periods_ratio": 0.02, "usage_seconds_total": 1250.0},
                "memory": {"usage_bytes": 536870912, "working_set_bytes": 500000000, "rss_bytes": 400000000,
                           "cache_bytes": 100000000, "swap_bytes": 0, "limit_bytes": 2147483648u32,
                           "available_bytes": 1610612736, "percent_of_limit": 25.0},
                "network": {"receive_bytes_total": 1048576, "transmit_bytes_total": 524288,
                            "receive_bytes_per_second": 1024.0, "transmit_bytes_per_second": 512.0},
                "disk": {"read_bytes_total": 10485760, "write_bytes_total": 5242880,
                         "read_bytes_per_second": 1024.0, "write_bytes_per_second": 512.0},
                "processes": {"current": 15, "threads": 40, "threads_limit": 1024},
                "pressure": {"cpu_waiting_ratio": 0.01, "memory_stalled_ratio": 0.0, "io_stalled_ratio": 0.0},
            })
        );
    }

    #[test]
    fn without_a_limit_of_its_own_a_container_is_measured_by_the_host() {
        let current = current("shop-db-1");
        assert_eq!(current["cpu"]["limit_cores"], json!(null));
        assert_eq!(current["cpu"]["percent_of_limit"], json!(50.0), "2 of 4 cores");
        assert_eq!(current["memory"]["limit_bytes"], json!(null));
        assert_eq!(current["memory"]["available_bytes"], json!(null));
        assert_eq!(current["memory"]["percent_of_limit"], json!(12.5), "1 of 8 GiB");
    }

    #[test]
    fn a_cpu_set_is_a_limit_where_there_is_no_quota() {
        let snapshot = fixture::snapshot();
        let mut reading = snapshot.containers[1].as_ref().clone();
        let mut container = reading.container.as_ref().clone();
        container.cpuset_cpus = Some(2);
        reading.container = container.into();
        let limit =
            |reading: &Reading| Current::new(&reading.container, Some(reading), &snapshot).cpu.limit_cores;
        assert_eq!(limit(&reading), Some(0.5));
        reading.stats = None;
        assert_eq!(limit(&reading), Some(2.0));
    }

    #[test]
    fn a_container_that_does_not_run_has_no_numbers() {
        let current = current("idle-1");
        assert_eq!(current["status"], json!("exited"));
        assert_eq!(current["uptime_seconds"], json!(null));
        for group in ["cpu", "memory", "network", "disk", "processes", "pressure"] {
            let fields = current[group].as_object().unwrap();
            assert!(fields.values().all(serde_json::Value::is_null), "{group}: {fields:?}");
        }
    }
}
