//! The engine behind the inventory: how it is, how it works, and what it holds beside containers.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::tenant::LabelValue;

/// What is known of the engine behind the inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    /// Whether the event stream is up and the list has been read since.
    pub connected: bool,
    /// Whether a list has ever been read, and every container on it been inspected.
    pub ever_connected: bool,
    /// Name and version, as `Docker Engine 28.5.2`.
    pub version: Option<String>,
    /// The API version spoken, as `1.51`.
    pub api_version: Option<String>,
    /// What went wrong last, while not connected.
    pub last_error: Option<String>,
    /// When the list was last read in full.
    pub synced_at: Option<Timestamp>,
    /// Ends of runs that the kernel has shown and the event stream has not.
    pub missed_ends: u64,
}

/// What the engine says of itself and of what it holds beside containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineFacts {
    /// How it works; `None` before it has been asked, and empty where it has not said so.
    pub info: Option<EngineInfo>,
    /// Its images, likewise.
    pub images: Option<Images>,
    /// Its networks, likewise.
    pub networks: Option<ByDriver>,
    /// Its volumes, likewise.
    pub volumes: Option<ByDriver>,
}

/// How the engine works (`GET /info`); what it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// `Driver`: how layers are stored, as `overlay2`.
    pub storage_driver: LabelValue,
    /// `CgroupDriver`: `systemd` or `cgroupfs`.
    pub cgroup_driver: LabelValue,
    /// `CgroupVersion`: `1` or `2`.
    pub cgroup_version: LabelValue,
}

/// The images that the engine has (`GET /images/json`), without intermediate ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// When they were listed.
    pub listed_at: Timestamp,
    /// How many there are.
    pub count: u64,
    /// Those without a tag.
    pub dangling: u64,
    /// Those from which no container was made, running or stopped.
    pub unused: u64,
    /// When the unused ones were made, the oldest first. Images that do not say so are left
    /// out, as those of reproducible builds, whose time is that of no clock.
    pub unused_created: Vec<Timestamp>,
}

/// How many of something the engine has, by the driver that provides it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByDriver {
    /// When they were listed.
    pub listed_at: Timestamp,
    /// How many there are of each driver.
    pub count: BTreeMap<LabelValue, u64>,
    /// Those that nothing uses; `None` if the engine does not say.
    pub unused: Option<u64>,
}

/// What the engine says of its own storage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineStorage {
    /// `DockerRootDir`: the folder under which it keeps everything, as a path of its host.
    pub data_root: Option<String>,
    /// The last answer to how much is in use.
    pub usage: Option<EngineUsage>,
}

/// How much the engine says is in use (`GET /system/df`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineUsage {
    /// When it was asked.
    pub measured_at: Timestamp,
    /// Images, each layer once.
    pub images: Occupied,
    /// Writable layers of containers.
    pub containers: Occupied,
    /// Local volumes.
    pub volumes: Occupied,
    /// What builds have left.
    pub build_cache: Occupied,
}

/// Bytes of one kind; what the engine does not know is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// In use.
    pub bytes: Option<u64>,
    /// Of these, what nothing needs.
    pub reclaimable_bytes: Option<u64>,
}
