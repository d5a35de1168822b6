//! What a verdict is made of: plain numbers of one moment. Shares are from 0 to 1 (more where
//! somebody uses more than is his); what is not known is `None`.

use jiff::Timestamp;

use super::About;
use crate::inventory::{Health, Status};

/// Everything that is judged. A part that is `None` is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// The moment.
    pub at: Timestamp,
    /// The engine.
    pub engine: Option<EngineFacts>,
    /// Containers that are there; `None` before the first list.
    pub containers: Option<Vec<ContainerFacts>>,
    /// Images.
    pub images: Option<Objects>,
    /// Networks.
    pub networks: Option<Objects>,
    /// Volumes.
    pub volumes: Option<Objects>,
    /// Containers that want a port of the host that another one has or wants, too.
    pub port_conflicts: Option<Vec<About>>,
    /// Size of the file system that the engine keeps its data on, in bytes.
    pub data_root_bytes: Option<u64>,
    /// The machine.
    pub host: Option<HostFacts>,
    /// Servers of the stack that are named.
    pub stack: Vec<ServerFacts>,
    /// dockmeter itself.
    pub own: Option<OwnFacts>,
}

/// How dockmeter stands with the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// Whether it answers.
    pub connected: bool,
    /// Name and version.
    pub version: Option<String>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// One container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerFacts {
    /// Which.
    pub about: About,
    /// What it is doing.
    pub status: Status,
    /// What its health check says.
    pub health: Option<Health>,
    /// When that began to fail, if it does.
    pub failing_since: Option<Timestamp>,
    /// Its restart policy.
    pub restart_policy: String,
    /// Exit status of a run that has ended.
    pub exit_code: Option<i64>,
    /// When that was.
    pub ended_at: Option<Timestamp>,
    /// Restarts within `trend::RESTART_WINDOW`.
    pub restarts: usize,
    /// When a process was killed last for want of memory.
    pub oom_at: Option<Timestamp>,
    /// Share of its cores in use over a minute, and whether they are its own limit rather than
    /// the host's.
    pub cpu_share: Option<(f64, bool)>,
    /// Share of CPU periods over a minute in which its own limit held it back.
    pub throttled: Option<f64>,
    /// The same as of CPU, of memory now.
    pub memory_share: Option<(f64, bool)>,
    /// What is wrong with its labels for Prometheus' discovery.
    pub mistake: Option<String>,
}

/// Things that the engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// How many.
    pub count: u64,
    /// How many nothing uses.
    pub unused: Option<u64>,
    /// Bytes that nothing needs.
    pub reclaimable_bytes: Option<u64>,
}

/// The machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    /// Share of its cores in use over a minute.
    pub cpu_share: Option<f64>,
    /// Share of memory that is not available.
    pub memory_share: Option<f64>,
    /// Load of a minute by core.
    pub load_per_core: Option<f64>,
    /// Share of a minute in which every task waited for memory.
    pub memory_stalled: Option<f64>,
    /// The same for devices.
    pub io_stalled: Option<f64>,
    /// Share of file handles in use.
    pub file_handles: Option<f64>,
    /// Share of tracked connections in use.
    pub connections: Option<f64>,
    /// Its file systems.
    pub disks: Vec<DiskFacts>,
}

/// One file system that can be written.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskFacts {
    /// Where it is mounted.
    pub mountpoint: String,
    /// Share of what is not reserved for root that is used.
    pub used: f64,
    /// Share of inodes that is used; `None` where their number is not fixed.
    pub inodes: Option<f64>,
}

/// One server of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// `Prometheus` or `Alertmanager`.
    pub name: &'static str,
    /// Why it does not answer, if it does not; `Ok` also before it was asked.
    pub answer: Result<(), String>,
}

/// dockmeter itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnFacts {
    /// Ticks that came too late within five minutes.
    pub overruns: u64,
    /// Series of programs that were refused within five minutes.
    pub dropped_series: u64,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Whether what lies on disk was refused at the last reload.
    pub reload_refused: bool,
    /// Collectors of the host that could not read, and why.
    pub unread: Vec<(String, String)>,
}
