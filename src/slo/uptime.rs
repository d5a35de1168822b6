//! How long containers should have been up, and how long they were not.
//!
//! Without I/O or clock: who calls says what a container is like and what time it is, on a clock
//! that never goes back. Whether a container should be up is told by its restart policy:
//!
//! | policy | not up, and nobody to blame |
//! |---|---|
//! | `always` | never: whoever stops it breaks the promise |
//! | `unless-stopped` | stopped or frozen by hand |
//! | `on-failure` | the same, and ended with status 0 |
//!
//! A container's promise begins with the first moment that it is seen up, and ends when it is
//! removed. What happened between two looks is taken from the engine's times.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::inventory::{Container, ContainerId, Health, Status};

/// A container that is down for so long is gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(300);

/// Whether the engine keeps containers of a restart policy up.
pub(super) fn keeps_up(policy: &str) -> bool {
    matches!(policy, "always" | "unless-stopped" | "on-failure")
}

/// How a container is, as its promise sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It does what it should.
    Up,
    /// It runs, and its health check fails.
    Unhealthy,
    /// It does not run and should.
    Down,
    /// It need not run.
    Excused,
}

impl Phase {
    fn of(container: &Container) -> Phase {
        let (state, policy) = (&container.state, container.restart_policy.as_str());
        let by_hand = |phase| if policy == "always" { phase } else { Phase::Excused };
        match state.status {
            Status::Running if state.health == Some(Health::Unhealthy) => Phase::Unhealthy,
            Status::Running => Phase::Up,
            Status::Paused => by_hand(Phase::Down),
            Status::Created => Phase::Excused,
            Status::Exited | Status::Dead | Status::Restarting | Status::Removing | Status::Other(_) => {
                let ended_well = policy == "on-failure" && state.exit_code == Some(0);
                if state.stopped_by_hand {
                    by_hand(Phase::Down)
                } else if ended_well {
                    Phase::Excused
                } else {
                    Phase::Down
                }
            }
        }
    }
}

/// Time in which a container should have been up, and of this the time in which it was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) expected: Duration,
    pub(super) bad: Duration,
}

/// One container.
#[derive(Clone, Debug)]
struct Watched {
    phase: Phase,
    /// Up to when time has been given out.
    until: Duration,
    /// Since when it is down without a break.
    down_since: Option<Duration>,
    /// The run that was seen last.
    run: u64,
}

/// Containers now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    /// Those that should be up.
    pub(super) expected: u64,
    /// Of these, those that are not, or are unhealthy.
    pub(super) down: u64,
    /// Of these, those that have been down for [`GONE_AFTER`].
    pub(super) gone: u64,
}

/// The containers that promise to be up.
#[derive(Debug, Default)]
pub(super) struct Uptime(BTreeMap<ContainerId, Watched>);

impl Uptime {
    /// Looks at a container, and says how the time since the last look was spent.
    pub(super) fn look(&mut self, container: &Container, now: Duration) -> Spent {
        let phase = Phase::of(container);
        let Some(watched) = self.0.get_mut(&container.id) else {
            // Nobody knows how long one that is first seen at rest has been so, and who wanted it.
            if matches!(phase, Phase::Up | Phase::Unhealthy) || container.restart_policy == "always" {
                let down_since = (phase == Phase::Down).then_some(now);
                let run = container.state.run;
                self.0.insert(container.id, Watched { phase, until: now, down_since, run });
            }
            return Spent::default();
        };
        let passed = now.saturating_sub(watched.until);
        let spent = match watched.phase {
            Phase::Excused => Spent::default(),
            Phase::Up => Spent { expected: passed, bad: missed(container, watched.run).min(passed) },
            Phase::Unhealthy | Phase::Down => Spent { expected: passed, bad: passed },
        };
        watched.down_since = match (phase, watched.phase) {
            (Phase::Down, Phase::Down) if watched.run == container.state.run => watched.down_since,
            (Phase::Down, _) => Some(now),
            _ => None,
        };
        (watched.phase, watched.until, watched.run) = (phase, watched.until.max(now), container.state.run);
        spent
    }

    /// A container has been removed, or promises nothing any more.
    pub(super) fn end(&mut self, id: &ContainerId) {
        self.0.remove(id);
    }

    /// How a container is now, which was looked at just now.
    pub(super) fn now(&self, id: &ContainerId, now: Duration) -> Now {
        let Some(watched) = self.0.get(id).filter(|watched| watched.phase != Phase::Excused) else {
            return Now::default();
        };
        let gone = watched.down_since.is_some_and(|since| now.saturating_sub(since) >= GONE_AFTER);
        Now { expected: 1, down: u64::from(watched.phase != Phase::Up), gone: u64::from(gone) }
    }
}

/// How long a container that runs again was down since it was last seen running, by the engine's
/// clock.
fn missed(container: &Container, run: u64) -> Duration {
    let state = &container.state;
    let between = |from: Timestamp, to: Timestamp| Duration::try_from(to.duration_since(from)).ok();
    let restarted = state.run != run && state.status == Status::Running;
    let excused = restarted && container.restart_policy != "always" && state.stopped_by_hand;
    match (state.finished_at, state.started_at) {
        (Some(end), Some(start)) if restarted && !excused => between(end, start).unwrap_or_default(),
        _ => Duration::ZERO,
    }
}

#[cfg(test)]
mod tests;
