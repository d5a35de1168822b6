//! Numbers that come from the engine's statistics, where the kernel's files are out of reach.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use super::{Machine, Stats};
use crate::inventory::ContainerId;

/// What the engine said of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticsRead {
    /// When it was asked: a run that began later is another one.
    pub asked_at: Instant,
    /// When it read the kernel; differences between two reads are by the engine's own clock.
    pub read_at: Instant,
    /// What it read. Groups that the engine does not tell are absent.
    pub stats: Stats,
}

/// Somebody who asks the engine for the statistics of containers, again and again.
pub trait Statistics: Debug + Send + Sync {
    /// Takes the containers to ask about from now on; must be quick and must not block.
    fn want(&self, containers: BTreeSet<ContainerId>);

    /// What was said last of a container.
    fn latest(&self, container: &ContainerId) -> Option<Arc<StatisticsRead>>;

    /// The size of the engine's machine; `None` while it is not known.
    fn machine(&self) -> Option<Machine>;

    /// Calls so far that brought nothing although the container was there.
    fn failures(&self) -> u64;
}
