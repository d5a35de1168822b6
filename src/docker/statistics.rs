//! Asks the engine for the statistics of containers whose cgroups are out of reach.
//!
//! One task asks about every wanted container once an interval, few at a time, and about a
//! container that is newly wanted at once. It uses the watcher's connections, so there is
//! nothing to negotiate, and nothing is asked while the engine is away.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use super::client::Client;
use super::types::{Info, Sample};
use super::watch::Described;
use crate::inventory::ContainerId;
use crate::snapshot::{Machine, Statistics, StatisticsRead};

/// Calls at once with an engine that answers from the kernel: each costs it some milliseconds.
const AT_ONCE: usize = 4;

/// Calls at once with an engine that answers from its collector's next round, a second long,
/// however many wait for it.
const AT_ONCE_BY_ROUNDS: usize = 64;

/// How long a pass over all containers may take before the rest of it is given up.
const PASS_DEADLINE: Duration = Duration::from_secs(30);

/// How far the time that an engine gives to a read may be from when it was asked and answered;
/// beyond it a clock has been set.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// The name of a block device by major and minor number, `None` for one to leave out.
pub type DeviceNames = Box<dyn FnMut(u32, u32) -> Option<Arc<str>> + Send>;

/// What the engine said last, and what it is asked about.
pub struct EngineStatistics {
    wanted: watch::Sender<BTreeSet<ContainerId>>,
    known: Mutex<Known>,
    names: Mutex<DeviceNames>,
}

#[derive(Debug, Default)]
struct Known {
    machine: Option<Machine>,
    /// Whether the engine's statistics are not those of containers.
    without_cgroups: bool,
    /// With the time that the engine gave to each.
    reads: BTreeMap<ContainerId, (Timestamp, Arc<StatisticsRead>)>,
    failures: u64,
}

impl EngineStatistics {
    /// Nothing asked yet. `names` gives the block devices of the engine's machine their names.
    pub fn new(names: DeviceNames) -> Arc<Self> {
        let wanted = watch::Sender::new(BTreeSet::new());
        Arc::new(EngineStatistics { wanted, known: Mutex::default(), names: Mutex::new(names) })
    }

    /// Asks for ever, over whatever client there is, once the engine was asked what it is like.
    pub(super) async fn run(
        self: Arc<Self>,
        mut clients: watch::Receiver<Option<Client>>,
        mut infos: watch::Receiver<Described>,
        every: Duration,
    ) {
        let mut wanted = self.wanted.subscribe();
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        infos.mark_changed();
        loop {
            let ask_all = tokio::select! {
                _ = ticks.tick() => true,
                Ok(()) = wanted.changed() => false,
                Ok(()) = clients.changed() => true,
                Ok(()) = infos.changed() => {
                    self.learn(&infos.borrow_and_update());
                    true
                }
            };
            let Some(client) = clients.borrow_and_update().clone() else { continue };
            let mut ids = wanted.borrow_and_update().clone();
            if !ask_all {
                let known = lock(&self.known);
                ids.retain(|id| !known.reads.contains_key(id));
            }
            let described = !matches!(*infos.borrow(), Described::NotYet);
            if described && !lock(&self.known).without_cgroups {
                self.pass(&client, ids).await;
            }
        }
    }

    /// Takes what the engine says of itself.
    fn learn(&self, described: &Described) {
        let Described::By(Info { machine, has_cgroups, .. }) = described else { return };
        let mut known = lock(&self.known);
        let without_before = std::mem::replace(&mut known.without_cgroups, !has_cgroups);
        known.machine = Some(*machine);
        drop(known);
        if !has_cgroups && !without_before {
            tracing::warn!(
                "the engine gives its containers no cgroups, as rootless engines on cgroup v1, and its statistics are those of its own parents: its containers have no numbers"
            );
        }
    }

    /// Asks about some containers.
    async fn pass(&self, client: &Client, ids: BTreeSet<ContainerId>) {
        let at_once = if client.reads_at_once() { AT_ONCE } else { AT_ONCE_BY_ROUNDS };
        let mut left = ids.len() as u64;
        let asking = stream::iter(ids).map(|id| self.ask(client, id)).buffer_unordered(at_once);
        let counted = asking.for_each(|()| {
            left -= 1;
            std::future::ready(())
        });
        let done = timeout(PASS_DEADLINE, counted).await;
        if done.is_err() {
            lock(&self.known).failures += left;
            tracing::debug!(left, "the engine is too slow; some statistics were not asked for");
        }
    }

    async fn ask(&self, client: &Client, id: ContainerId) {
        let asked_at = Instant::now();
        let machine = lock(&self.known).machine;
        let answer = client.statistics(id, machine, &self.names).await;
        let arrived = Instant::now();
        match answer {
            Ok(Some(sample)) => lock(&self.known).take(id, sample, asked_at, arrived),
            // It does not run; whoever wants it will hear of it.
            Ok(None) => {}
            Err(error) if error.is_gone() => {}
            Err(error) => {
                lock(&self.known).failures += 1;
                tracing::debug!(%error, "the engine's statistics of a container could not be had");
            }
        }
    }
}

impl Known {
    fn take(&mut self, id: ContainerId, sample: Sample, asked_at: Instant, arrived: Instant) {
        let before = self.reads.get(&id).map(|(read, known)| (*read, known.read_at));
        let read_at = moment_of(sample.read, before, asked_at, arrived);
        let read = StatisticsRead { asked_at, read_at, stats: sample.stats };
        self.reads.insert(id, (sample.read, Arc::new(read)));
    }
}

/// When, by our clock, the engine read: after the read before by as much as its own clock says.
fn moment_of(
    read: Timestamp,
    before: Option<(Timestamp, Instant)>,
    asked_at: Instant,
    arrived: Instant,
) -> Instant {
    let by_engine = before.and_then(|(read_before, at)| {
        let since = Duration::try_from(read.duration_since(read_before)).ok()?;
        at.checked_add(since)
    });
    let earliest = asked_at.checked_sub(CLOCK_TOLERANCE).unwrap_or(asked_at);
    by_engine.filter(|at| (earliest..=arrived + CLOCK_TOLERANCE).contains(at)).unwrap_or(arrived)
}

impl Statistics for EngineStatistics {
    fn want(&self, containers: BTreeSet<ContainerId>) {
        lock(&self.known).reads.retain(|id, _| containers.contains(id));
        self.wanted.send_if_modified(|wanted| {
            let differs = *wanted != containers;
            *wanted = containers;
            differs
        });
    }

    fn latest(&self, container: &ContainerId) -> Option<Arc<StatisticsRead>> {
        lock(&self.known).reads.get(container).map(|(_, read)| read.clone())
    }

    fn machine(&self) -> Option<Machine> {
        lock(&self.known).machine
    }

    fn failures(&self) -> u64 {
        lock(&self.known).failures
    }
}

impl fmt::Debug for EngineStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineStatistics").field("known", &lock(&self.known)).finish_non_exhaustive()
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
