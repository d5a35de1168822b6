//! The machine with a clock: takes what the sampler and the inventory say, and wakes readers.
//!
//! Who tells only puts it into a small box; a task of its own encodes. So neither the sampler's
//! thread nor whoever follows the engine ever waits for readers.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use super::core::{Batch, Core, Cursor, Moment, Steps};
use super::selection::Selection;
use super::unusual::{Board, Turned};
use crate::inventory::{self, Inventory};
use crate::snapshot::{Audience, FastSample, Snapshot};

/// States of the inventory that wait to be compared. Beyond it only the last counts: what is
/// between is not told in every step, but what it comes to is.
const WAITING_STATES: usize = 64;

/// What has turned unusual or usual and waits to be told. Beyond it the first are lost; what is
/// unusual now stands on the board all the same.
const WAITING_TURNS: usize = 4096;

/// What has been said and not been taken yet. Of numbers only the newest count.
#[derive(Default)]
struct Said {
    inventories: VecDeque<Arc<inventory::Snapshot>>,
    samples: Option<(Vec<FastSample>, Moment)>,
    readings: Option<(Arc<Snapshot>, Moment)>,
    turned: VecDeque<Turned>,
}

/// Where readers are told of everything.
pub struct Hub {
    started: Instant,
    core: Mutex<Core>,
    said: Mutex<Said>,
    anything: Notify,
    wants_samples: AtomicBool,
    /// Readers that sleep, by interval.
    sleepers: Mutex<HashMap<Duration, watch::Sender<()>>>,
}

impl Hub {
    /// One that follows an inventory from now on; [`Audience`] is how the sampler tells it. Somebody
    /// has to [`Hub::run`] it.
    pub fn of(inventory: &Inventory, steps: Steps) -> Arc<Self> {
        let started = Instant::now();
        let hub = Arc::new(Hub {
            started,
            core: Mutex::new(Core::new(steps, Moment { uptime: Duration::ZERO, wall: Timestamp::now() })),
            said: Mutex::default(),
            anything: Notify::new(),
            wants_samples: AtomicBool::new(false),
            sleepers: Mutex::default(),
        });
        hub.changed(inventory.snapshot());
        hub
    }

    /// Follows the changes of an inventory that is shared.
    pub fn follow(self: &Arc<Self>, inventory: &Arc<Inventory>) {
        let (hub, of): (Weak<Hub>, Weak<Inventory>) = (Arc::downgrade(self), Arc::downgrade(inventory));
        inventory.on_change(Box::new(move || {
            if let (Some(hub), Some(inventory)) = (hub.upgrade(), of.upgrade()) {
                hub.changed(inventory.snapshot());
            }
        }));
        self.changed(inventory.snapshot());
    }

    fn changed(&self, inventory: Arc<inventory::Snapshot>) {
        let mut said = self.said();
        if said.inventories.back().is_some_and(|last| Arc::ptr_eq(last, &inventory)) {
            return;
        }
        if said.inventories.len() >= WAITING_STATES {
            said.inventories.pop_back();
        }
        said.inventories.push_back(inventory);
        drop(said);
        self.anything.notify_one();
    }

    /// Where it stands what is unusual now; empty until somebody detects it.
    pub fn board(&self) -> Arc<Board> {
        self.core().board().clone()
    }

    /// Tells of what has become unusual, or is as usual again.
    pub fn turned(&self, turned: impl IntoIterator<Item = Turned>) {
        let mut said = self.said();
        for one in turned {
            if said.turned.len() >= WAITING_TURNS {
                said.turned.pop_front();
            }
            said.turned.push_back(one);
        }
        drop(said);
        self.anything.notify_one();
    }

    /// Takes what is said; never ends.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.anything.notified().await;
            self.take_in();
        }
    }

    /// Takes what has been said so far, and wakes whom it concerns.
    pub fn take_in(&self) {
        let said = std::mem::take(&mut *self.said());
        let (mut happened, mut due) = (false, Vec::new());
        {
            let mut core = self.core();
            for inventory in said.inventories {
                happened |= core.follow(inventory, self.now());
            }
            for turned in said.turned {
                core.turned(&turned);
                happened = true;
            }
            if let Some((samples, at)) = said.samples {
                due.extend(core.sampled(samples, at));
            }
            if let Some((readings, at)) = said.readings {
                due.extend(core.published(readings, at));
            }
            self.wants_samples.store(core.wants_samples(), Ordering::Relaxed);
        }
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.retain(|_, wake| wake.receiver_count() > 0);
        for (interval, wake) in sleepers.iter() {
            if happened || due.contains(interval) {
                wake.send_replace(());
            }
        }
    }

    /// A reader of a selection at an interval; `last` is the number of the last event that he got
    /// before he was cut off.
    pub fn enter(self: &Arc<Self>, selection: Selection, interval: Duration, last: Option<u64>) -> Reader {
        // Before he is known to the machine, so that nothing comes unheard.
        let wake = {
            let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            sleepers.entry(interval).or_insert_with(|| watch::Sender::new(())).subscribe()
        };
        let mut core = self.core();
        let cursor = core.enter(selection, interval, last, self.now());
        self.wants_samples.store(core.wants_samples(), Ordering::Relaxed);
        drop(core);
        Reader { hub: self.clone(), cursor, wake }
    }

    fn now(&self) -> Moment {
        Moment { uptime: self.started.elapsed(), wall: Timestamp::now() }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience for Hub {
    fn wants_samples(&self) -> bool {
        self.wants_samples.load(Ordering::Relaxed)
    }

    fn sampled(&self, samples: Vec<FastSample>) {
        self.said().samples = Some((samples, self.now()));
        self.anything.notify_one();
    }

    fn published(&self, snapshot: &Arc<Snapshot>) {
        self.said().readings = Some((snapshot.clone(), self.now()));
        self.anything.notify_one();
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("started", &self.started).finish_non_exhaustive()
    }
}

/// Somebody who reads along; goes when dropped.
#[derive(Debug)]
pub struct Reader {
    hub: Arc<Hub>,
    cursor: Cursor,
    wake: watch::Receiver<()>,
}

impl Reader {
    /// What comes next, once there is anything. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Batch {
        loop {
            let batch = self.hub.core().take(&mut self.cursor, self.hub.now());
            if !batch.events.is_empty() || batch.missed.is_some() {
                return batch;
            }
            if self.wake.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.core().leave(&self.cursor, self.hub.now());
    }
}
