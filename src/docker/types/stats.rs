//! The answer to `GET /containers/{id}/stats`, as the numbers that the kernel's files give.
//!
//! Docker forwards what it reads from cgroup v1 or v2, each in its own words; Podman fills
//! fewer fields. What is not said stays `None`: pressure, processes, TCP connections, limits
//! of CPU, and by version and engine more.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Malformed, lenient, parse, time};
use crate::snapshot::{
    Cpu, DeviceIo, Interface, Machine, Memory, MemoryEvents, Network, Processes, Stats, Throttling, Traffic,
};

/// What cgroup v1 says of a container without a limit, and anything beyond, is no limit.
const UNLIMITED: u64 = 1 << 62;

/// The name of a block device of the engine's machine, by major and minor number; `None`
/// leaves it out.
pub(in crate::docker) type DeviceName<'a> = &'a mut dyn FnMut(u32, u32) -> Option<Arc<str>>;

/// What the engine read and when, by its clock.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::docker) struct Sample {
    pub(in crate::docker) read: Timestamp,
    pub(in crate::docker) stats: Stats,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatsJson {
    #[serde(deserialize_with = "lenient")]
    read: Option<String>,
    #[serde(deserialize_with = "lenient")]
    cpu_stats: Option<CpuJson>,
    #[serde(deserialize_with = "lenient")]
    memory_stats: Option<MemoryJson>,
    #[serde(deserialize_with = "lenient")]
    blkio_stats: Option<BlkioJson>,
    #[serde(deserialize_with = "lenient")]
    pids_stats: Option<PidsJson>,
    #[serde(deserialize_with = "lenient")]
    networks: Option<BTreeMap<String, InterfaceJson>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CpuJson {
    #[serde(deserialize_with = "lenient")]
    cpu_usage: Option<CpuUsageJson>,
    #[serde(deserialize_with = "lenient")]
    throttling_data: Option<ThrottlingJson>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct CpuUsageJson {
    #[serde(deserialize_with = "lenient")]
    total_usage: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    usage_in_usermode: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    usage_in_kernelmode: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThrottlingJson {
    #[serde(deserialize_with = "lenient")]
    periods: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    throttled_periods: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    throttled_time: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MemoryJson {
    #[serde(deserialize_with = "lenient")]
    usage: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    max_usage: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    failcnt: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    limit: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    stats: Option<BTreeMap<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BlkioJson {
    #[serde(deserialize_with = "lenient")]
    io_service_bytes_recursive: Option<Vec<BlkioEntryJson>>,
    #[serde(deserialize_with = "lenient")]
    io_serviced_recursive: Option<Vec<BlkioEntryJson>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BlkioEntryJson {
    #[serde(deserialize_with = "lenient")]
    major: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    minor: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    op: Option<String>,
    #[serde(deserialize_with = "lenient")]
    value: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PidsJson {
    #[serde(deserialize_with = "lenient")]
    current: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    limit: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InterfaceJson {
    #[serde(deserialize_with = "lenient")]
    rx_bytes: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    rx_packets: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    rx_errors: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    rx_dropped: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    tx_bytes: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    tx_packets: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    tx_errors: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    tx_dropped: Option<u64>,
}

/// Reads the answer to `GET /containers/{id}/stats`. `None` is the empty answer about a
/// container that does not run. `machine` is the engine's: it says that much memory of a
/// container without a limit.
pub(in crate::docker) fn read_stats(
    body: &[u8],
    machine: Option<Machine>,
    device: DeviceName<'_>,
) -> Result<Option<Sample>, Malformed> {
    let json: StatsJson = parse(body)?;
    let Some(read) = time(json.read) else { return Ok(None) };
    let cpu = json.cpu_stats.unwrap_or_default();
    let pids = json.pids_stats.unwrap_or_default();
    let stats = Stats {
        cpu: cpu.cpu_usage.and_then(cpu_time),
        throttling: cpu.throttling_data.and_then(throttling),
        memory: json
            .memory_stats
            .and_then(|memory| memory_of(&memory, machine.and_then(|machine| machine.memory_bytes))),
        io: json.blkio_stats.and_then(|blkio| io(blkio, device)),
        network: json.networks.map(network),
        processes: Processes {
            threads: pids.current.filter(|current| *current > 0),
            threads_max: pids.limit.filter(|limit| (1..UNLIMITED).contains(limit)),
            ..Processes::default()
        },
        ..Stats::default()
    };
    Ok(Some(Sample { read, stats }))
}

fn cpu_time(json: CpuUsageJson) -> Option<Cpu> {
    let CpuUsageJson { total_usage, usage_in_usermode: user_ns, usage_in_kernelmode: system_ns } = json;
    Some(Cpu { usage_ns: total_usage?, user_ns, system_ns })
}

/// Zeros stand for a container without a quota.
fn throttling(json: ThrottlingJson) -> Option<Throttling> {
    let periods = json.periods.filter(|periods| *periods > 0)?;
    Some(Throttling {
        periods,
        throttled_periods: json.throttled_periods.unwrap_or(0),
        throttled_ns: json.throttled_time.unwrap_or(0),
    })
}

fn memory_of(json: &MemoryJson, machine: Option<u64>) -> Option<Memory> {
    let usage = json.usage?;
    let told = json.stats.as_ref().filter(|stats| !stats.is_empty());
    let stat = |key: &str| told?.get(key)?.as_u64();
    let unified = stat("anon").is_some();
    // cgroup v1 has the hierarchy's numbers beside the group's own; v2 has only these.
    let whole = |v1: &str, v2: &str| if unified { stat(v2) } else { stat(v1) };
    let faults = |own: &str, total: &str| match unified {
        true => stat(own).map(|count| (count, count)),
        false => stat(own).zip(stat(total)),
    };
    let inactive = whole("total_inactive_file", "inactive_file");
    let own_limit =
        json.limit.zip(machine).map(|(limit, machine)| Some(limit).filter(|limit| *limit < machine));
    let hierarchy = stat("hierarchical_memory_limit").map(|limit| Some(limit).filter(|l| *l < UNLIMITED));
    let limit = own_limit.or(hierarchy);
    // A zero is left out of the answer; on cgroup v2 the field holds `oom` of `memory.events`.
    let count = told.map(|_| json.failcnt.unwrap_or(0));
    Some(Memory {
        usage,
        working_set: usage.saturating_sub(inactive.unwrap_or(0)),
        reclaimable: whole("total_active_file", "active_file").unwrap_or(0),
        rss: whole("total_rss", "anon"),
        cache: whole("total_cache", "file"),
        swap: if unified { None } else { stat("total_swap") },
        mapped_file: whole("total_mapped_file", "file_mapped"),
        kernel: None,
        peak: json.max_usage.filter(|peak| *peak > 0),
        limit: limit.flatten(),
        limit_known: limit.is_some(),
        failcnt: count.filter(|_| !unified),
        pgfault: faults("pgfault", "total_pgfault"),
        pgmajfault: faults("pgmajfault", "total_pgmajfault"),
        events: MemoryEvents { oom: count.filter(|_| unified), ..MemoryEvents::default() },
    })
}

/// Counters by device; what cgroup v2's engines do not count, the operations, stays absent.
fn io(json: BlkioJson, device: DeviceName<'_>) -> Option<Vec<DeviceIo>> {
    #[derive(Default)]
    struct Counters {
        bytes: [u64; 2],
        operations: Option<[u64; 2]>,
    }
    let mut devices: BTreeMap<(u32, u32), Counters> = BTreeMap::new();
    for (number, way, value) in json.io_service_bytes_recursive?.into_iter().filter_map(entry) {
        devices.entry(number).or_default().bytes[way] = value;
    }
    for (number, way, value) in json.io_serviced_recursive.into_iter().flatten().filter_map(entry) {
        devices.entry(number).or_default().operations.get_or_insert_default()[way] = value;
    }
    let named = devices.into_iter().filter_map(|((major, minor), counters)| {
        Some(DeviceIo {
            device: device(major, minor)?,
            read_bytes: counters.bytes[0],
            write_bytes: counters.bytes[1],
            reads: counters.operations.map(|operations| operations[0]),
            writes: counters.operations.map(|operations| operations[1]),
        })
    });
    Some(named.collect())
}

/// The device, 0 for read or 1 for write, and the value; totals and other kinds are passed over.
fn entry(json: BlkioEntryJson) -> Option<((u32, u32), usize, u64)> {
    let way = ["read", "write"]
        .iter()
        .position(|op| json.op.as_ref().is_some_and(|o| o.eq_ignore_ascii_case(op)))?;
    Some(((json.major?, json.minor?), way, json.value?))
}

fn network(json: BTreeMap<String, InterfaceJson>) -> Network {
    let interface = |(name, json): (String, InterfaceJson)| {
        let traffic =
            |bytes: Option<u64>, packets: Option<u64>, errors: Option<u64>, dropped: Option<u64>| {
                Some(Traffic {
                    bytes: bytes?,
                    packets: packets.unwrap_or(0),
                    errors: errors.unwrap_or(0),
                    dropped: dropped.unwrap_or(0),
                })
            };
        Some(Interface {
            name: name.into(),
            receive: traffic(json.rx_bytes, json.rx_packets, json.rx_errors, json.rx_dropped)?,
            transmit: traffic(json.tx_bytes, json.tx_packets, json.tx_errors, json.tx_dropped)?,
        })
    };
    let interfaces = json.into_iter().filter(|(name, _)| name != "lo").filter_map(interface).collect();
    Network { interfaces, tcp_established: None }
}

#[cfg(test)]
mod tests;
