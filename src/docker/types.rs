//! The engine's JSON, read leniently: a field that is missing or of another type than
//! expected is `None` and costs nothing else; a malformed element of a list costs that
//! element; a malformed event costs that event.
//!
//! Source: the Engine API, 1.24 to 1.52, and Podman's compatible one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::inventory::{ContainerId, EngineSettings, Health, Ports, Status, Storage, Volume, count_cpu_list};
use crate::tenant::{EngineResources, LabelValue};

mod event;
mod info;
mod networks;
mod objects;
mod ports;
mod signal;
mod stats;
mod usage;
mod version;

pub(super) use event::{Event, Happening, Heard, read_event};
pub(super) use info::{Info, read_info};
pub(super) use networks::addresses;
pub(super) use objects::{
    Image, Listed, Networks, count_volumes, read_images, read_networks, read_used_networks, read_volumes,
};
pub(super) use stats::{Sample, read_stats};
pub(super) use usage::read_usage;
pub(super) use version::{ApiVersion, Version};

/// What a stop begins with unless the container wants another signal.
pub(super) const SIGTERM: i32 = 15;

/// Docker labels.
pub(super) type Labels = BTreeMap<String, String>;

/// How the engine answered a question about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer<T> {
    /// With what was asked for.
    Found(T),
    /// That it does not exist.
    Gone,
    /// Not at all, or with an error.
    Failed,
}

/// The answer is not the JSON that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(String);

impl Malformed {
    /// A line of more than `limit` bytes.
    pub(super) fn too_long(limit: usize) -> Self {
        Malformed(format!("a line of more than {limit} bytes"))
    }
}

/// Reads a field; one of another type is as good as absent.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// Parses a whole answer. Bytes that are not UTF-8 cost the characters they stand for.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Malformed> {
    serde_json::from_str(&String::from_utf8_lossy(body)).map_err(|error| Malformed(error.to_string()))
}

/// A time as the engine writes it; the year 1 stands for never.
fn time(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

/// Labels without those whose value is no text.
fn texts(map: BTreeMap<String, Value>) -> Labels {
    map.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect()
}

/// A name without its leading `/`.
fn bare(name: &str) -> String {
    name.strip_prefix('/').unwrap_or(name).to_owned()
}

/// One container of `GET /containers/json`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Summary {
    pub(super) id: ContainerId,
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    pub(super) image_id: Option<String>,
    pub(super) labels: Option<Labels>,
    pub(super) status: Option<Status>,
    pub(super) created_at: Option<Timestamp>,
}

impl Summary {
    /// Whether it says that no process of the container runs.
    pub(super) fn is_over(&self) -> bool {
        let live = |status: &Status| matches!(status, Status::Running | Status::Paused | Status::Restarting);
        self.status.as_ref().is_some_and(|status| !live(status))
    }
}

/// The answer to `GET /containers/json`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct List {
    pub(super) containers: Vec<Summary>,
    /// Elements without a readable id: with some, absence from the list proves nothing.
    pub(super) malformed: usize,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SummaryJson {
    #[serde(deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    names: Option<Vec<Value>>,
    #[serde(deserialize_with = "lenient")]
    image: Option<String>,
    #[serde(rename = "ImageID", deserialize_with = "lenient")]
    image_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    labels: Option<BTreeMap<String, Value>>,
    #[serde(deserialize_with = "lenient")]
    state: Option<String>,
    #[serde(deserialize_with = "lenient")]
    created: Option<i64>,
}

/// Reads the answer to `GET /containers/json`.
pub(super) fn read_list(body: &[u8]) -> Result<List, Malformed> {
    let elements: Vec<Value> = parse(body)?;
    let mut list = List::default();
    for element in elements {
        match serde_json::from_value(element).ok().and_then(summary) {
            Some(summary) => list.containers.push(summary),
            None => list.malformed += 1,
        }
    }
    Ok(list)
}

fn summary(json: SummaryJson) -> Option<Summary> {
    // A legacy link shows up as a further name with a `/` inside.
    let own_name = |names: Vec<Value>| {
        names.iter().filter_map(Value::as_str).map(bare).find(|name| !name.is_empty() && !name.contains('/'))
    };
    Some(Summary {
        id: json.id?.parse().ok()?,
        name: json.names.and_then(own_name),
        image: json.image,
        image_id: json.image_id,
        labels: json.labels.map(texts),
        status: json.state.map(|word| Status::from_word(&word)),
        created_at: json.created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
    })
}

/// The answer to `GET /containers/{id}/json`, as far as it is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Details {
    pub(super) name: Option<String>,
    pub(super) image: Option<String>,
    pub(super) image_id: Option<String>,
    pub(super) labels: Option<Labels>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) restart_count: Option<u64>,
    pub(super) status: Option<Status>,
    pub(super) pid: Option<u32>,
    pub(super) exit_code: Option<i64>,
    pub(super) oom_killed: Option<bool>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) health: Option<Health>,
    /// When the checks began that have failed in a row since.
    pub(super) failing_since: Option<Timestamp>,
    pub(super) network_mode: Option<String>,
    pub(super) sandbox_id: Option<String>,
    /// Addresses by the name of each network.
    pub(super) networks: Vec<(String, IpAddr)>,
    pub(super) ports: Ports,
    pub(super) restart_policy: Option<String>,
    /// Whether the engine removes the container when it ends.
    pub(super) auto_remove: Option<bool>,
    /// The signal that a stop begins with; `None` for one that is not known.
    pub(super) stop_signal: Option<i32>,
    pub(super) runtime: Option<String>,
    pub(super) cpuset_cpus: Option<u32>,
    pub(super) resources: EngineResources,
    /// The same as the engine has it.
    pub(super) settings: EngineSettings,
    pub(super) storage: Storage,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DetailsJson {
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    image: Option<String>,
    #[serde(deserialize_with = "lenient")]
    created: Option<String>,
    #[serde(deserialize_with = "lenient")]
    restart_count: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    state: Option<StateJson>,
    #[serde(deserialize_with = "lenient")]
    config: Option<ConfigJson>,
    #[serde(deserialize_with = "lenient")]
    host_config: Option<HostConfigJson>,
    #[serde(deserialize_with = "lenient")]
    network_settings: Option<NetworkSettingsJson>,
    #[serde(deserialize_with = "lenient")]
    graph_driver: Option<GraphDriverJson>,
    #[serde(deserialize_with = "lenient")]
    log_path: Option<String>,
    #[serde(deserialize_with = "lenient")]
    mounts: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StateJson {
    #[serde(deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pid: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    exit_code: Option<i64>,
    #[serde(rename = "OOMKilled", deserialize_with = "lenient")]
    oom_killed: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    started_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    finished_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    health: Option<HealthJson>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HealthJson {
    #[serde(deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(deserialize_with = "lenient")]
    failing_streak: Option<usize>,
    #[serde(deserialize_with = "lenient")]
    log: Option<Vec<CheckJson>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CheckJson {
    #[serde(deserialize_with = "lenient")]
    start: Option<String>,
}

impl HealthJson {
    /// When the first check of a row of failures began. The engine remembers the last five, the
    /// newest at the end; those of a longer row are counted back at the pace of these, to the
    /// start of the run at most.
    fn failing_since(&self, started_at: Option<Timestamp>) -> Option<Timestamp> {
        let failed = self.failing_streak.filter(|failed| *failed > 0)?;
        let checks = self.log.as_deref()?;
        let start = |check: &CheckJson| time(check.start.clone());
        let forgotten = failed.saturating_sub(checks.len());
        let oldest = start(checks.get(checks.len().saturating_sub(failed))?)?;
        let gaps = i32::try_from(checks.len().saturating_sub(1)).ok().filter(|gaps| *gaps > 0);
        let (Some(gaps), Ok(forgotten)) = (gaps, i32::try_from(forgotten)) else { return Some(oldest) };
        let pace = checks.last().and_then(start)?.duration_since(oldest) / gaps;
        let began = pace.checked_mul(forgotten).and_then(|before| oldest.checked_sub(before).ok());
        Some(began.unwrap_or(oldest)).max(started_at).map(|began| began.min(oldest))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ConfigJson {
    #[serde(deserialize_with = "lenient")]
    image: Option<String>,
    #[serde(deserialize_with = "lenient")]
    labels: Option<BTreeMap<String, Value>>,
    #[serde(deserialize_with = "lenient")]
    exposed_ports: Option<BTreeMap<String, Value>>,
    #[serde(deserialize_with = "lenient")]
    stop_signal: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfigJson {
    #[serde(deserialize_with = "lenient")]
    auto_remove: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    network_mode: Option<String>,
    #[serde(deserialize_with = "lenient")]
    port_bindings: Option<BTreeMap<String, Value>>,
    #[serde(deserialize_with = "lenient")]
    restart_policy: Option<RestartPolicyJson>,
    #[serde(deserialize_with = "lenient")]
    runtime: Option<String>,
    #[serde(deserialize_with = "lenient")]
    cpuset_cpus: Option<String>,
    #[serde(deserialize_with = "lenient")]
    nano_cpus: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    cpu_quota: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    cpu_period: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    memory: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    memory_swap: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    memory_reservation: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    log_config: Option<LogConfigJson>,
}

impl HostConfigJson {
    /// As they stand there; what is not said is 0.
    fn settings(&self) -> EngineSettings {
        EngineSettings {
            nano_cpus: self.nano_cpus.unwrap_or(0),
            cpu_quota: self.cpu_quota.unwrap_or(0),
            cpu_period: self.cpu_period.unwrap_or(0),
            memory: self.memory.unwrap_or(0),
            memory_swap: self.memory_swap.unwrap_or(0),
            memory_reservation: self.memory_reservation.unwrap_or(0),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LogConfigJson {
    #[serde(rename = "Type", deserialize_with = "lenient")]
    driver: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GraphDriverJson {
    #[serde(deserialize_with = "lenient")]
    data: Option<GraphDataJson>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GraphDataJson {
    #[serde(deserialize_with = "lenient")]
    upper_dir: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MountJson {
    #[serde(rename = "Type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    source: Option<String>,
    #[serde(deserialize_with = "lenient")]
    driver: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicyJson {
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettingsJson {
    #[serde(rename = "SandboxID", deserialize_with = "lenient")]
    sandbox_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    ports: Option<BTreeMap<String, Value>>,
    #[serde(deserialize_with = "lenient")]
    networks: Option<BTreeMap<String, Value>>,
}

/// What `ps` says of a container's processes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Top {
    /// The heads of the columns.
    pub(super) titles: Vec<String>,
    /// A row a process.
    #[serde(rename = "Processes")]
    pub(super) rows: Vec<Vec<String>>,
}

/// Reads the answer to `GET /containers/{id}/top`.
pub(super) fn read_top(body: &[u8]) -> Result<Top, Malformed> {
    parse(body)
}

/// Reads the answer to `GET /containers/{id}/json`.
pub(super) fn read_details(body: &[u8]) -> Result<Details, Malformed> {
    let json: DetailsJson = parse(body)?;
    let state = json.state.unwrap_or_default();
    let started_at = time(state.started_at);
    let config = json.config.unwrap_or_default();
    let stop_signal = config.stop_signal.filter(|signal| !signal.is_empty());
    let host = json.host_config.unwrap_or_default();
    let settings = host.settings();
    let network = json.network_settings.unwrap_or_default();
    let storage = Storage {
        upper_dir: json.graph_driver.and_then(|driver| driver.data?.upper_dir).filter(|dir| !dir.is_empty()),
        log_driver: host.log_config.and_then(|log| log.driver).unwrap_or_default(),
        log_path: json.log_path.filter(|path| !path.is_empty()),
        volumes: local_volumes(json.mounts.unwrap_or_default()),
    };
    Ok(Details {
        name: json.name.as_deref().map(bare),
        image: config.image,
        image_id: json.image,
        labels: config.labels.map(texts),
        created_at: time(json.created),
        restart_count: json.restart_count,
        status: state.status.map(|word| Status::from_word(&word)),
        pid: state.pid,
        exit_code: state.exit_code,
        oom_killed: state.oom_killed,
        started_at,
        finished_at: time(state.finished_at),
        failing_since: state.health.as_ref().and_then(|health| health.failing_since(started_at)),
        health: state.health.and_then(|health| Health::from_word(&health.status?)),
        network_mode: host.network_mode,
        sandbox_id: network.sandbox_id,
        networks: networks::by_name(network.networks.unwrap_or_default()),
        ports: Ports {
            bound: ports::bindings(network.ports.unwrap_or_default()),
            configured: ports::bindings(host.port_bindings.unwrap_or_default()),
            exposed: ports::exposed(&config.exposed_ports.unwrap_or_default()),
        },
        restart_policy: host.restart_policy.and_then(|policy| policy.name),
        auto_remove: host.auto_remove,
        stop_signal: stop_signal.map_or(Some(SIGTERM), |signal| signal::signal_number(&signal)),
        runtime: host.runtime,
        cpuset_cpus: host.cpuset_cpus.and_then(|set| count_cpu_list(&set)),
        resources: settings.resources(),
        settings,
        storage,
    })
}

/// The local volumes among the mounts; one that is mounted twice counts once.
fn local_volumes(mounts: Vec<Value>) -> Vec<Volume> {
    let volume = |mount: Value| {
        let MountJson { kind, name, source, driver } = serde_json::from_value(mount).ok()?;
        let local = kind? == "volume" && driver? == "local";
        local.then_some(Volume { name: LabelValue::clean(&name?), source: source? })
    };
    let mut volumes: Vec<Volume> = mounts.into_iter().filter_map(volume).collect();
    volumes.sort();
    volumes.dedup_by(|one, other| one.name == other.name);
    volumes
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ImageJson {
    #[serde(deserialize_with = "lenient")]
    config: Option<ConfigJson>,
}

/// Reads the labels out of the answer to `GET /images/{name}/json`.
pub(super) fn read_image_labels(body: &[u8]) -> Result<Labels, Malformed> {
    let json: ImageJson = parse(body)?;
    Ok(json.config.and_then(|config| config.labels).map(texts).unwrap_or_default())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorJson {
    #[serde(deserialize_with = "lenient")]
    message: Option<String>,
}

/// The engine's words in an answer that is an error.
pub(super) fn read_error(body: &[u8]) -> Option<String> {
    parse::<ErrorJson>(body).ok()?.message
}

#[cfg(test)]
mod tests;
