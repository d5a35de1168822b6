//! The plain numbers of one moment: what collectors render and handlers answer.
//!
//! Nothing here reads or formats anything. Times are nanoseconds, sizes bytes; a group that
//! the host does not have is `None`, never zero.

mod audience;
pub mod host;
mod logs;
mod processes;
mod statistics;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::inventory::{ActivityTotals, Container, Engine, EngineFacts, EngineStorage, Operation};
use crate::metrics::{Histogram, LabelBlock};
use crate::tenant::{LabelValue, Tenant};

pub use audience::{Audience, FastSample};
pub use logs::{LogError, LogFilter, LogFlow, LogLine, LogQuery, LogSource, LogStream};
pub use processes::{
    Process, ProcessError, ProcessList, ProcessOrder, ProcessQuery, ProcessSource, state_word,
};
pub use statistics::{Statistics, StatisticsRead};

/// Everything known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When reading the numbers began: none is older.
    pub taken_at: Timestamp,
    /// When they were put together, up to a quarter of a second later where a reading is shared.
    pub published_at: Timestamp,
    /// Every container that has not been gone for longer than the linger time, by id.
    pub containers: Vec<Arc<Reading>>,
    /// What tenants have used so far, by tenant.
    pub tenants: Vec<TenantUse>,
    /// How long the engine worked on tenants' containers so far, by tenant.
    pub operations: Vec<TenantOperations>,
    /// The engine.
    pub engine: Arc<Engine>,
    /// Inventory look-ups so far: hits, misses.
    pub lookups: (u64, u64),
    /// Container files that could not be read so far, by reason.
    pub read_errors: Vec<(&'static str, u64)>,
    /// How long the reading took, in nanoseconds of wall time.
    pub read_duration_ns: u64,
    /// Ticks of the sampler that came too late and were left out.
    pub overruns: u64,
    /// The machine the containers run on.
    pub machine: Machine,
    /// What the engine has last said of its storage.
    pub storage: Arc<EngineStorage>,
    /// What the engine has last said of itself and of what it holds beside containers.
    pub facts: Arc<EngineFacts>,
    /// Events that the engine told of, and calls to it.
    pub activity: ActivityTotals,
    /// Time spent so far on measuring what lies on disks, in nanoseconds; `None` if that is off.
    pub disk_walk_ns: Option<u64>,
    /// How many running containers are read from where.
    pub sources: Sources,
    /// What the machine as a whole does; `None` where every collector of the host is off.
    pub host: Option<Arc<host::Host>>,
}

#[cfg(test)]
impl Snapshot {
    /// One without containers.
    pub(crate) fn of_host(host: host::Host) -> Self {
        Snapshot { host: Some(Arc::new(host)), ..Snapshot::default() }
    }
}

/// The machine's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Logical cores that are online.
    pub cpu_cores: Option<u32>,
    /// `MemTotal` in bytes.
    pub memory_bytes: Option<u64>,
}

/// How many running containers are read from where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// From the kernel's files.
    pub cgroup: u64,
    /// From the engine's statistics.
    pub api: u64,
}

/// One container and what was read of it.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The engine's description.
    pub container: Arc<Container>,
    /// Its shared labels.
    pub labels: Arc<LabelBlock>,
    /// Its cgroup: the present path, the last one, or `/docker/<id>` where there was none.
    pub cgroup: Arc<str>,
    /// The kernel's numbers; of a run that has ended, the last ones, until the linger time is over.
    pub stats: Option<Arc<Stats>>,
    /// What it has on disk, as it was last measured; `None` before the first time.
    pub disk: Option<Arc<Disk>>,
    /// CPU use over the last full sampling interval, in cores.
    pub usage_cores: Option<f64>,
    /// Rates over the last full sampling interval.
    pub rates: Option<Rates>,
    /// What fast samples say; as long as there are `stats`.
    pub fast: Option<Fast>,
    /// Processes killed for want of memory, over all runs since dockmeter has known the
    /// container: what the kernel counted, and of a run that is over the larger of that and of
    /// what the engine says.
    pub oom_kills: u64,
    /// Whether the kernel says that the last run is over; the engine may not have said so yet.
    pub ended: bool,
}

impl Reading {
    /// Cores the container may use at most: its quota, else the size of its cpu set.
    pub fn cpu_limit_cores(&self) -> Option<f64> {
        let quota = self.stats.as_ref().and_then(|stats| stats.cpu_limits?.cores());
        quota.or(self.container.cpuset_cpus.map(f64::from))
    }
}

/// What samples below the second say of a container, over all its runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Fast {
    /// Cores used between two samples.
    pub cpu_usage: Histogram,
    /// The highest of those within the peak window.
    pub cpu_peak_cores: Option<f64>,
    /// The highest memory use within the peak window, in bytes.
    pub memory_peak: Option<u64>,
}

/// Bytes per second over the last full sampling interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Received over the network.
    pub receive_bytes: Option<f64>,
    /// Sent over the network.
    pub transmit_bytes: Option<f64>,
    /// Read from devices.
    pub read_bytes: Option<f64>,
    /// Written to devices.
    pub write_bytes: Option<f64>,
    /// Share of quota periods that were throttled, 0 to 1.
    pub throttled_periods_ratio: Option<f64>,
    /// Share of time some task waited for a core, 0 to 1.
    pub cpu_waiting_ratio: Option<f64>,
    /// Share of time every task waited for memory, 0 to 1.
    pub memory_stalled_ratio: Option<f64>,
    /// Share of time every task waited for a device, 0 to 1.
    pub io_stalled_ratio: Option<f64>,
}

/// What the kernel says of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Time on cores.
    pub cpu: Option<Cpu>,
    /// Enforcement of a quota; only with one.
    pub throttling: Option<Throttling>,
    /// Limits of CPU use.
    pub cpu_limits: Option<CpuLimits>,
    /// Memory.
    pub memory: Option<Memory>,
    /// Operations by device.
    pub io: Option<Vec<DeviceIo>>,
    /// Traffic by interface; `None` where the namespace is not the container's own.
    pub network: Option<Network>,
    /// Pressure.
    pub pressure: Pressure,
    /// Processes and threads.
    pub processes: Processes,
}

/// Time on cores, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// All of it.
    pub usage_ns: u64,
    /// In user mode.
    pub user_ns: Option<u64>,
    /// In kernel mode.
    pub system_ns: Option<u64>,
}

/// Enforcement of the CPU quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// Periods that have passed.
    pub periods: u64,
    /// Periods in which the quota was used up.
    pub throttled_periods: u64,
    /// Time held back, in nanoseconds.
    pub throttled_ns: u64,
}

/// Limits of CPU use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuLimits {
    /// Time allowed in a period, in microseconds; `None` without a quota.
    pub quota_us: Option<u64>,
    /// Length of a period, in microseconds.
    pub period_us: Option<u64>,
    /// Weight, on the scale of `cpu.shares`.
    pub shares: Option<u64>,
}

impl CpuLimits {
    /// The quota in cores.
    pub fn cores(&self) -> Option<f64> {
        let period = self.period_us.filter(|period| *period > 0)?;
        Some(self.quota_us? as f64 / period as f64)
    }
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Charged, page cache included.
    pub usage: u64,
    /// Usage less inactive page cache.
    pub working_set: u64,
    /// What of the working set the kernel would give away before it swaps, as far as it tells:
    /// active page cache, and on v2 reclaimable slab.
    pub reclaimable: u64,
    /// Anonymous memory.
    pub rss: Option<u64>,
    /// Page cache.
    pub cache: Option<u64>,
    /// Swap in use.
    pub swap: Option<u64>,
    /// Mapped files.
    pub mapped_file: Option<u64>,
    /// Kernel memory.
    pub kernel: Option<u64>,
    /// Highest usage since the start.
    pub peak: Option<u64>,
    /// Limit; `None` without one.
    pub limit: Option<u64>,
    /// Whether a limit could be read at all.
    pub limit_known: bool,
    /// How often the limit was reached.
    pub failcnt: Option<u64>,
    /// Page faults: of the container's own cgroup, and of all below it.
    pub pgfault: Option<(u64, u64)>,
    /// Page faults that needed the disk, likewise.
    pub pgmajfault: Option<(u64, u64)>,
    /// Events by kind.
    pub events: MemoryEvents,
}

/// Events of `memory.events`; cgroup v1 knows `oom_kill` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Reclaimed although below `memory.low`.
    pub low: Option<u64>,
    /// Throttled above `memory.high`.
    pub high: Option<u64>,
    /// The limit was reached.
    pub max: Option<u64>,
    /// An allocation was about to fail at the limit.
    pub oom: Option<u64>,
    /// Processes killed.
    pub oom_kill: Option<u64>,
    /// Whole groups killed.
    pub oom_group_kill: Option<u64>,
}

/// Operations on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIo {
    /// The device, as `/dev/sda`.
    pub device: Arc<str>,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Reads; the engine's statistics do not tell them on cgroup v2.
    pub reads: Option<u64>,
    /// Writes, likewise.
    pub writes: Option<u64>,
}

/// Traffic of a network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Every interface but `lo`.
    pub interfaces: Vec<Interface>,
    /// Established TCP connections.
    pub tcp_established: Option<u64>,
}

/// Counters of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its name inside the namespace.
    pub name: Arc<str>,
    /// What came in.
    pub receive: Traffic,
    /// What went out.
    pub transmit: Traffic,
}

/// Counters of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Errors.
    pub errors: u64,
    /// Dropped packets.
    pub dropped: u64,
}

/// Pressure of the three resources; `None` where the kernel does not account it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Cores.
    pub cpu: Option<Stall>,
    /// Memory.
    pub memory: Option<Stall>,
    /// Devices.
    pub io: Option<Stall>,
}

/// Time lost to one resource, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stall {
    /// Some task waited.
    pub waiting_ns: u64,
    /// Every task waited; older kernels do not say so of cores.
    pub stalled_ns: Option<u64>,
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// Processes.
    pub processes: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Threads allowed; `None` without a limit.
    pub threads_max: Option<u64>,
}

/// What a container has on disk: allocated bytes, each figure with its age.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// What it has written over its image.
    pub writable_layer: Option<Measured>,
    /// Its log files, rotated ones included.
    pub log: Option<Measured>,
    /// Its local volumes by name; each counts in full for every container that mounts it.
    pub volumes: Vec<(LabelValue, Measured)>,
    /// The file system that holds its writable layer.
    pub file_system: Option<Arc<FileSystem>>,
    /// Bytes its tenant is billed for: layer, log, and an even share of each volume.
    pub billed_bytes: u64,
    /// Of those, what does not lie on the file system of the engine's data root.
    pub billed_elsewhere_bytes: u64,
}

/// A figure and its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Allocated bytes.
    pub bytes: u64,
    /// When the measurement began.
    pub at: Timestamp,
}

/// The size of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Where it lies, as `/dev/sda1`.
    pub device: Arc<str>,
    /// Its size in bytes.
    pub bytes: u64,
    /// Inodes and how many are free; `None` where the file system has no fixed number.
    pub inodes: Option<(u64, u64)>,
}

/// What one tenant has been billed since dockmeter was started, or `system` or `idle` been given.
#[derive(Clone, Debug)]
pub struct TenantUse {
    /// The tenant.
    pub tenant: Tenant,
    /// Its labels.
    pub labels: Arc<LabelBlock>,
    /// Cores multiplied by time, in nanoseconds; `None` where the host does not tell.
    pub cpu_ns: Option<u128>,
    /// Memory multiplied by time, likewise.
    pub memory_byte_seconds: Option<f64>,
    /// Bytes received and sent; only of containers.
    pub network_bytes: Option<[u64; 2]>,
    /// Bytes on disk multiplied by time; `None` if disks are not measured.
    pub disk_byte_seconds: Option<f64>,
}

/// How long the engine worked on one tenant's containers since dockmeter was started.
#[derive(Clone, Debug)]
pub struct TenantOperations {
    /// The tenant's labels.
    pub labels: Arc<LabelBlock>,
    /// Durations in seconds by operation; only of those that there were.
    pub durations: Vec<(Operation, Arc<Histogram>)>,
}

/// Where snapshots come from: the sampler, or a fixture in tests.
pub trait Source: Send + Sync {
    /// A snapshot read now, or one that is at most 250 ms old.
    fn fresh(&self) -> BoxFuture<'_, Arc<Snapshot>>;

    /// The last snapshot, without reading; `None` before the first.
    fn latest(&self) -> Option<Arc<Snapshot>>;
}
