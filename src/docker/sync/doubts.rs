//! Ends of runs that the kernel has shown and the event stream has not told: after a while they
//! are evidence that the stream is dead, although the engine answers everything else.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::inventory::{ContainerId, SilentEnds};

/// How long the event of an end may be on its way: on a busy machine the engine comes seconds
/// after the kernel.
const GRACE: Duration = Duration::from_secs(5);

/// How soon an engine that itself does not know yet is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(15);

/// The ends that are waited for.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Since when, by container and process id.
    since: BTreeMap<(ContainerId, u32), Duration>,
    /// When the engine was asked last.
    asked_at: Option<Duration>,
}

impl Doubts {
    /// Takes in the ends that are untold now. Whether one has been for so long that the engine
    /// is to be asked.
    pub(super) fn grew_old(&mut self, ended: SilentEnds, now: Duration) -> bool {
        let before = std::mem::take(&mut self.since);
        self.since = ended.into_iter().map(|run| (run, before.get(&run).copied().unwrap_or(now))).collect();
        let old = self.since.values().any(|since| now >= *since + GRACE);
        let rested = self.asked_at.is_none_or(|asked_at| now >= asked_at + ASK_AGAIN);
        if old && rested {
            self.asked_at = Some(now);
        }
        old && rested
    }

    /// The stream has told something of a container, so it is not dead.
    pub(super) fn told_of(&mut self, id: ContainerId) {
        self.since.retain(|(doubted, _), _| *doubted != id);
    }

    /// How many of them the engine knows of too, by its list; they are waited for no more.
    pub(super) fn confirmed(&mut self, is_over: impl Fn(&ContainerId) -> bool) -> u64 {
        let before = self.since.len();
        self.since.retain(|(id, _), _| !is_over(id));
        (before - self.since.len()) as u64
    }

    /// The same by its description of one container, which has another process now, or none.
    pub(super) fn confirmed_by(&mut self, id: ContainerId, now: Option<u32>) -> u64 {
        let before = self.since.len();
        self.since.retain(|(doubted, pid), _| *doubted != id || now == Some(*pid));
        (before - self.since.len()) as u64
    }

    /// The containers that are still in doubt.
    pub(super) fn left(&self) -> impl Iterator<Item = ContainerId> {
        self.since.keys().map(|(id, _)| *id)
    }
}
