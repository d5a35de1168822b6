//! What the rules may look at, and what they answer.

use std::collections::BTreeMap;

use super::{Resources, Tenant};

/// What is known of a container when its tenant is looked for.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The container's name, without the leading `/`.
    pub name: &'a str,
    /// The container's Docker labels, those of its image included.
    pub labels: &'a BTreeMap<String, String>,
    /// The image's own labels; `None` while they are not known.
    pub image_labels: Option<&'a BTreeMap<String, String>>,
    /// The text of `/proc/PID/cgroup` of its init, if it could be read.
    pub cgroup: Option<&'a str>,
    /// Whether it runs on this machine, so that a path that its labels name means something here.
    pub here: bool,
}

/// What the engine says of a container's share of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineResources {
    /// Reserved.
    pub reservations: Resources,
    /// The most that it may use.
    pub limits: Resources,
}

/// Decides whose a container is and whether it is looked at at all.
pub trait Attribution: Send + Sync {
    /// Whose the container is.
    fn tenant(&self, facts: &Facts<'_>) -> Tenant;

    /// What the container has reserved: what its labels declare, and what the engine says that
    /// it has reserved and is limited to.
    fn reserved(&self, facts: &Facts<'_>, engine: &EngineResources) -> Resources;

    /// Whether the container is observed (`containers.include`, `containers.exclude`, `dockmeter.ignore`).
    fn observes(&self, facts: &Facts<'_>, image: &str) -> bool;
}
