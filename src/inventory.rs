//! The live map of containers: plain types that `docker` fills and everybody else reads.
//!
//! Invariants: nothing here knows the engine's JSON; a [`Snapshot`] never changes once it
//! has been handed out, and a container's entry is replaced as a whole.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::tenant::{EngineResources, LabelValue, Resources, Tenant};

mod activity;
mod engine;
mod operations;
mod ports;
mod settings;
mod start;

pub use activity::{Activity, ActivityTotals, Call, CallTotals, EVENTS, OTHER, event_number};
pub use engine::{ByDriver, Engine, EngineFacts, EngineInfo, EngineStorage, EngineUsage, Images, Occupied};
pub use operations::{Operation, Operations, Performed};
pub use ports::{Binding, MAX_BINDINGS, Ports, Protocol, conflicts};
pub use settings::{CPU_PERIOD_US, EngineSettings, EngineUpdate, UNLIMITED_BYTES};
pub use start::Start;

/// A container's full id: 64 hexadecimal digits, as Docker and Podman give it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId([u8; 32]);

/// The text is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a container id: 64 hexadecimal digits are expected")]
pub struct InvalidContainerId(String);

impl FromStr for ContainerId {
    type Err = InvalidContainerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidContainerId(text.chars().take(80).collect());
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(invalid());
        }
        let mut id = [0; 32];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or_else(invalid);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(ContainerId(id))
    }
}

impl ContainerId {
    /// Its first 12 digits, as the engine shows it and names the container's host.
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(12);
        digits
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for ContainerId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many processors a list such as `0-3,8` names; `None` for an empty or malformed one.
/// Source: `cpuset(7)`, list format.
pub fn count_cpu_list(list: &str) -> Option<u32> {
    list.trim().split(',').try_fold(0_u32, |count, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        count.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

/// What the engine says a container is doing (`State.Status`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Made, never started.
    Created,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Between two runs of its restart policy.
    Restarting,
    /// The engine is deleting it.
    Removing,
    /// Its process has ended.
    Exited,
    /// The engine failed to delete it.
    Dead,
    /// A word of an older or newer engine that this version does not know.
    Other(LabelValue),
}

impl Status {
    /// The states every container is asked about, in the order of a life.
    pub const KNOWN: [Status; 7] = [
        Status::Created,
        Status::Running,
        Status::Paused,
        Status::Restarting,
        Status::Removing,
        Status::Exited,
        Status::Dead,
    ];

    /// The engine's word.
    pub fn as_str(&self) -> &str {
        match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Restarting => "restarting",
            Status::Removing => "removing",
            Status::Exited => "exited",
            Status::Dead => "dead",
            Status::Other(word) => word.as_str(),
        }
    }

    /// The status of an engine's word; an unknown one is kept as it is.
    pub fn from_word(word: &str) -> Status {
        let word = word.to_ascii_lowercase();
        let known = Status::KNOWN.into_iter().find(|status| status.as_str() == word);
        known.unwrap_or_else(|| Status::Other(LabelValue::clean(&word)))
    }
}

/// What the health check says (`State.Health.Status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Within its start period.
    Starting,
    /// The last check passed.
    Healthy,
    /// Enough checks failed in a row.
    Unhealthy,
}

impl Health {
    /// Every value of a container that has a health check.
    pub const ALL: [Health; 3] = [Health::Starting, Health::Healthy, Health::Unhealthy];

    /// The engine's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Starting => "starting",
            Health::Healthy => "healthy",
            Health::Unhealthy => "unhealthy",
        }
    }

    /// The health of an engine's word; `none` and unknown words are no health.
    pub fn from_word(word: &str) -> Option<Health> {
        Health::ALL.into_iter().find(|health| health.as_str().eq_ignore_ascii_case(word))
    }
}

/// Whose network a container uses, so that traffic is counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// `HostConfig.NetworkMode`: `bridge`, `host`, `none`, `container:<id>` or a network's name.
    pub mode: String,
    /// `NetworkSettings.SandboxID`; equal for containers that share a namespace, empty when stopped.
    pub sandbox_id: String,
    /// Its addresses on the networks that it is attached to
    /// (`NetworkSettings.Networks.*.IPAddress`, `.GlobalIPv6Address`), ascending; none when
    /// stopped, in the host's network, and in another container's.
    pub addresses: Vec<IpAddr>,
    /// The same by the name of each network, ascending.
    pub networks: Vec<(String, IpAddr)>,
}

impl Network {
    /// Its namespace is gone, and with it every address.
    pub fn detach(&mut self) {
        self.sandbox_id.clear();
        self.addresses.clear();
        self.networks.clear();
    }
}

/// Where the engine keeps what a container writes, as paths of the engine's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// `GraphDriver.Data.UpperDir`: the writable layer of overlay2 and fuse-overlayfs; `None`
    /// with other drivers and with the image store of containerd.
    pub upper_dir: Option<String>,
    /// `HostConfig.LogConfig.Type`.
    pub log_driver: String,
    /// `LogPath`; only of `json-file`, and only once the container has run.
    pub log_path: Option<String>,
    /// `Mounts` of the type `volume` and the driver `local`, by name, each once.
    pub volumes: Vec<Volume>,
}

/// A volume that a container mounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volume {
    /// Its name; of an anonymous one 64 digits.
    pub name: LabelValue,
    /// Its folder.
    pub source: String,
}

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What it is doing.
    pub status: Status,
    /// Process id of its init in the host's process namespace; only while it runs.
    pub pid: Option<u32>,
    /// Exit status of the last run; only once a run has ended.
    pub exit_code: Option<i64>,
    /// Whether the engine saw an OOM kill in the current or last run.
    pub oom_killed: bool,
    /// The engine's `oom` events of the current or last run.
    pub oom_events: u64,
    /// What the engine said of earlier runs, as far as dockmeter has known them: for each the
    /// larger of its `oom` events and 1 if it saw an OOM kill. Never falls.
    pub earlier_oom_kills: u64,
    /// Number of the current or last run: one more with every start that dockmeter has seen.
    pub run: u64,
    /// Start of the current or last run.
    pub started_at: Option<Timestamp>,
    /// End of the last run.
    pub finished_at: Option<Timestamp>,
    /// How the current or last run came to be.
    pub start: Start,
    /// Restarts since dockmeter has known the container, including those the engine had
    /// counted before; never falls back, unlike the engine's own `RestartCount`.
    pub restarts: u64,
    /// Health check; `None` without one.
    pub health: Option<Health>,
    /// While that is unhealthy: when the checks began that have failed in a row since, as far
    /// as the engine remembers them, or when it said so.
    pub failing_since: Option<Timestamp>,
    /// Whether somebody ended the last run that is over, by `docker stop`, `restart` or `kill`;
    /// what ended before dockmeter looked is not known to be so.
    pub stopped_by_hand: bool,
}

impl State {
    /// A state of which nothing else is known.
    pub fn new(status: Status) -> Self {
        State {
            status,
            pid: None,
            exit_code: None,
            oom_killed: false,
            oom_events: 0,
            earlier_oom_kills: 0,
            run: 0,
            started_at: None,
            finished_at: None,
            start: Start::default(),
            restarts: 0,
            health: None,
            failing_since: None,
            stopped_by_hand: false,
        }
    }

    /// Whether the kernel has something to read about it.
    pub fn is_live(&self) -> bool {
        self.pid.is_some()
    }

    /// OOM kills of the current or last run as the engine tells them.
    pub fn oom_kills(&self) -> u64 {
        self.oom_events.max(u64::from(self.oom_killed))
    }
}

/// One container, as the engine describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name without the leading `/`.
    pub name: LabelValue,
    /// The image reference it was made from.
    pub image: LabelValue,
    /// The image's id (`sha256:…`).
    pub image_id: String,
    /// Its Docker labels, the image's included.
    pub labels: BTreeMap<String, String>,
    /// Whose it is.
    pub tenant: Tenant,
    /// Whether that is final; while the image's labels are asked for it is not, and what the
    /// container uses is billed once it is.
    pub tenant_known: bool,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// Its state.
    pub state: State,
    /// Its network.
    pub network: Network,
    /// What it publishes on the host.
    pub ports: Ports,
    /// `HostConfig.RestartPolicy.Name`.
    pub restart_policy: String,
    /// `HostConfig.AutoRemove`: whether the engine removes it when it ends.
    pub auto_remove: bool,
    /// `HostConfig.Runtime`.
    pub runtime: String,
    /// Size of the cpu set it is bound to, if it is bound to one.
    pub cpuset_cpus: Option<u32>,
    /// What the engine says that it has reserved and is limited to.
    pub engine_resources: EngineResources,
    /// What it has reserved, by its labels too: its tenant is billed for this at least.
    pub reserved: Resources,
    /// Where what it writes is kept.
    pub storage: Storage,
    /// When the engine removed it; it lingers for a while.
    pub removed_at: Option<Timestamp>,
}

impl Container {
    /// A container of which nothing else is known.
    pub fn new(id: ContainerId, status: Status) -> Self {
        let nothing = LabelValue::clean("");
        Container {
            id,
            name: nothing.clone(),
            image: nothing,
            image_id: String::new(),
            labels: BTreeMap::new(),
            tenant: Tenant::unknown(),
            tenant_known: true,
            created_at: None,
            state: State::new(status),
            network: Network::default(),
            ports: Ports::default(),
            restart_policy: String::new(),
            auto_remove: false,
            runtime: String::new(),
            cpuset_cpus: None,
            engine_resources: EngineResources::default(),
            reserved: Resources::default(),
            storage: Storage::default(),
            removed_at: None,
        }
    }
}

/// Every container known at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By id; removed ones that linger are included.
    pub containers: BTreeMap<ContainerId, Arc<Container>>,
    /// The engine's state at that moment.
    pub engine: Arc<Engine>,
    /// What the engine has last said of its storage.
    pub storage: Arc<EngineStorage>,
    /// What the engine has last said of itself and of what it holds beside containers.
    pub facts: Arc<EngineFacts>,
}

impl Snapshot {
    /// The container of a name, a full id, or a unique prefix of an id, in that order: a name
    /// that looks like a prefix means the container of that name. Containers that are there
    /// come before removed ones that linger; those that are not `seen` do not exist, so that
    /// they make no name taken and no prefix ambiguous.
    ///
    /// # Errors
    /// Nothing fits, or more than one container does.
    pub fn find(&self, key: &str, seen: impl Fn(&Container) -> bool) -> Result<&Arc<Container>, FindError> {
        let key = key.strip_prefix('/').unwrap_or(key);
        if key.is_empty() {
            return Err(FindError::Unknown(String::new()));
        }
        if let Some(named) = self.only(key, |container| container.name.as_str() == key && seen(container))? {
            return Ok(named);
        }
        // A full id is a prefix that fits nothing else.
        let prefix = key.to_ascii_lowercase();
        self.only(key, |container| container.id.to_string().starts_with(&prefix) && seen(container))?
            .ok_or_else(|| FindError::Unknown(key.to_owned()))
    }

    /// The one container that fits, removed ones only where no other does.
    fn only(
        &self,
        key: &str,
        fits: impl Fn(&Container) -> bool,
    ) -> Result<Option<&Arc<Container>>, FindError> {
        let (present, removed): (Vec<_>, Vec<_>) = self
            .containers
            .values()
            .filter(|container| fits(container))
            .partition(|container| container.removed_at.is_none());
        let fitting = if present.is_empty() { removed } else { present };
        match fitting.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            several => Err(FindError::Ambiguous(key.to_owned(), several.len())),
        }
    }
}

/// Why no container was found.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FindError {
    /// No container has such an id, prefix or name.
    #[error("no container `{0}`")]
    Unknown(String),
    /// The key fits several containers; a longer prefix helps.
    #[error("`{0}` fits {1} containers; give more digits of the id")]
    Ambiguous(String, usize),
}

/// Counts of look-ups in the inventory: answered from it, or by a call to the engine.
#[derive(Debug, Default)]
pub struct Lookups {
    hit: AtomicU64,
    miss: AtomicU64,
}

impl Lookups {
    /// The inventory knew what was asked.
    pub fn count_hit(&self) {
        self.hit.fetch_add(1, Ordering::Relaxed);
    }

    /// The engine had to be asked.
    pub fn count_miss(&self) {
        self.miss.fetch_add(1, Ordering::Relaxed);
    }

    /// Hits and misses so far.
    pub fn totals(&self) -> (u64, u64) {
        (self.hit.load(Ordering::Relaxed), self.miss.load(Ordering::Relaxed))
    }
}

/// Called after every change of the inventory; must be quick and must not block.
pub type Listener = Box<dyn Fn() + Send + Sync>;

/// Runs, by container and process id, that the kernel has ended although they are shown.
pub type SilentEnds = Vec<(ContainerId, u32)>;

/// Called with runs of which no end was told; must be quick and must not block.
pub type DoubtListener = Box<dyn Fn(SilentEnds) + Send + Sync>;

/// The shared, live map. Readers take a [`Snapshot`]; `docker` replaces it.
#[derive(Default)]
pub struct Inventory {
    current: RwLock<Arc<Snapshot>>,
    listeners: RwLock<Vec<Listener>>,
    doubt_listeners: RwLock<Vec<DoubtListener>>,
    /// Counts of look-ups.
    pub lookups: Lookups,
    /// Events that the engine told of, and calls to it.
    pub activity: Arc<Activity>,
    /// Operations of the engine that are over.
    pub operations: Operations,
}

impl Inventory {
    /// What is known now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the map and tells the listeners. The change sees a private copy.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            change(Arc::make_mut(&mut current));
        }
        for listener in self.listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener();
        }
    }

    /// Adds a listener.
    pub fn on_change(&self, listener: Listener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Says which runs the kernel has ended although they are shown: either their events are
    /// on the way, or they are lost.
    pub fn doubt(&self, ended: &SilentEnds) {
        for listener in self.doubt_listeners.read().unwrap_or_else(PoisonError::into_inner).iter() {
            listener(ended.clone());
        }
    }

    /// Adds a listener to doubts.
    pub fn on_doubt(&self, listener: DoubtListener) {
        self.doubt_listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("current", &self.snapshot()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
