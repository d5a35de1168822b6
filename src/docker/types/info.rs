//! What the engine says of itself and its machine: `GET /info`.

use serde::Deserialize;

use super::{Malformed, lenient, parse};
use crate::inventory::EngineInfo;
use crate::snapshot::Machine;
use crate::tenant::LabelValue;

/// The answer, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) struct Info {
    pub(in crate::docker) machine: Machine,
    /// Whether containers have cgroups. Without, as under a rootless engine on cgroup v1, the
    /// engine reads those of its own parents and calls the numbers a container's.
    pub(in crate::docker) has_cgroups: bool,
    /// Where it keeps its data, as an absolute path on its host.
    pub(in crate::docker) data_root: Option<String>,
    /// How it works.
    pub(in crate::docker) engine: EngineInfo,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InfoJson {
    #[serde(rename = "NCPU", deserialize_with = "lenient")]
    cpus: Option<u32>,
    #[serde(rename = "MemTotal", deserialize_with = "lenient")]
    memory: Option<u64>,
    #[serde(rename = "CgroupDriver", deserialize_with = "lenient")]
    cgroup_driver: Option<String>,
    #[serde(rename = "CgroupVersion", deserialize_with = "lenient")]
    cgroup_version: Option<String>,
    #[serde(rename = "Driver", deserialize_with = "lenient")]
    storage_driver: Option<String>,
    #[serde(rename = "DockerRootDir", deserialize_with = "lenient")]
    data_root: Option<String>,
}

/// Reads the answer to `GET /info`.
pub(in crate::docker) fn read_info(body: &[u8]) -> Result<Info, Malformed> {
    let json: InfoJson = parse(body)?;
    let machine = Machine {
        cpu_cores: json.cpus.filter(|cpus| *cpus > 0),
        memory_bytes: json.memory.filter(|bytes| *bytes > 0),
    };
    let label = |text: Option<&str>| LabelValue::clean(text.unwrap_or_default());
    Ok(Info {
        machine,
        has_cgroups: json.cgroup_driver.as_deref() != Some("none"),
        engine: EngineInfo {
            storage_driver: label(json.storage_driver.as_deref()),
            cgroup_driver: label(json.cgroup_driver.as_deref()),
            cgroup_version: label(json.cgroup_version.as_deref()),
        },
        data_root: json.data_root.filter(|root| root.starts_with('/')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_root_is_a_path() {
        let data_root = |body: &str| read_info(body.as_bytes()).unwrap().data_root;
        assert_eq!(data_root(r#"{"DockerRootDir": "/var/lib/docker"}"#).as_deref(), Some("/var/lib/docker"));
        for other in [r#"{"DockerRootDir": 7}"#, r#"{"DockerRootDir": ""}"#, "{}"] {
            assert_eq!(data_root(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_said_of_the_engine_is_empty() {
        let body = br#"{"Driver": "overlay2", "CgroupDriver": "systemd", "CgroupVersion": 2}"#;
        let EngineInfo { storage_driver, cgroup_driver, cgroup_version } = read_info(body).unwrap().engine;
        let said = [storage_driver, cgroup_driver, cgroup_version].map(|label| label.to_string());
        assert_eq!(said, ["overlay2", "systemd", ""]);
    }
}
