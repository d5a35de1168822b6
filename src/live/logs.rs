//! What containers write, for many readers at once.
//!
//! The engine is asked once for each container that anybody reads (`follow`), and a line is encoded
//! once, into a small memory of that container (`ring`) from which all readers take. Nobody is
//! waited for: who is slow finds the oldest lines gone and is told how many they were. A reader
//! (`reader`) has the newest lines read from the engine when he comes to a container, and those
//! that are in the memory, too, once only (`overlap`).

mod follow;
mod overlap;
mod reader;
mod ring;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

use self::follow::{Follow, Following};
use self::ring::ReaderId;
use super::selection::Selection;
use crate::inventory::{ContainerId, Inventory};
use crate::snapshot::LogSource;

pub use self::reader::{LogMessage, LogReader, LogWish};

/// Containers that are followed at once. Each costs the engine and this process a connection, and
/// up to a quarter of a megabyte where a reader is slow.
const MOST_FOLLOWED: usize = 256;

/// How long a container is followed on when nobody reads it any more: for a page that is loaded
/// anew.
const LINGER: Duration = Duration::from_secs(10);

/// Where readers of logs are.
pub struct LogHub {
    source: Arc<dyn LogSource>,
    inventory: Arc<Inventory>,
    /// Told when the inventory has changed.
    changes: watch::Sender<()>,
    most: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    last_reader: u64,
    followed: HashMap<ContainerId, Followed>,
}

/// A container that is followed.
struct Followed {
    follow: Arc<Follow>,
    task: AbortHandle,
    readers: usize,
    /// How often somebody has come, so that a parting is known to be the last.
    arrivals: u64,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LogHub {
    /// One that asks this source, and follows so many containers at once at most.
    pub fn new(source: Arc<dyn LogSource>, inventory: Arc<Inventory>, most: usize) -> Arc<Self> {
        let hub = Arc::new(LogHub {
            source,
            inventory: inventory.clone(),
            changes: watch::Sender::new(()),
            most,
            known: Mutex::default(),
        });
        let told: Weak<LogHub> = Arc::downgrade(&hub);
        inventory.on_change(Box::new(move || {
            if let Some(hub) = told.upgrade() {
                hub.changes.send_replace(());
            }
        }));
        hub
    }

    /// As many as this process has descriptors for: an eighth of them.
    pub fn most_of_this_process() -> usize {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        limit.map_or(MOST_FOLLOWED, |limit| MOST_FOLLOWED.min((limit / 8).max(1)))
    }

    /// A reader of the containers of a selection, those among them that come later, too. Must be
    /// called within a tokio runtime.
    pub fn enter(self: &Arc<Self>, selection: Selection, wish: LogWish) -> LogReader {
        let mut known = self.known();
        known.last_reader += 1;
        let number = ReaderId(known.last_reader);
        drop(known);
        LogReader::new(self.clone(), number, selection, wish)
    }

    /// A seat at a container, from which its lines are taken; `None` where too many are followed.
    fn join(self: &Arc<Self>, id: ContainerId, reader: ReaderId, wake: &Arc<Notify>) -> Option<Seat> {
        let mut known = self.known();
        if known.followed.len() >= self.most && !known.followed.contains_key(&id) {
            // Those whom nobody reads any more give way.
            let idle =
                known.followed.iter().find(|(_, followed)| followed.readers == 0).map(|(id, _)| *id)?;
            known.followed.remove(&idle);
        }
        let followed = known.followed.entry(id).or_insert_with(|| {
            let follow = Arc::<Follow>::default();
            let following = Following {
                id,
                follow: follow.clone(),
                source: self.source.clone(),
                inventory: self.inventory.clone(),
                changes: self.changes.subscribe(),
            };
            Followed { follow, task: tokio::spawn(following.run()).abort_handle(), readers: 0, arrivals: 0 }
        });
        followed.readers += 1;
        followed.arrivals += 1;
        let follow = followed.follow.clone();
        follow.enter(reader, wake.clone());
        Some(Seat { hub: self.clone(), id, reader, follow })
    }

    /// A reader leaves; the last one's container is followed on for a while.
    fn leave(self: &Arc<Self>, seat: &Seat) {
        seat.follow.leave(seat.reader);
        let mut known = self.known();
        let Some(followed) = known.followed.get_mut(&seat.id) else { return };
        if !Arc::ptr_eq(&followed.follow, &seat.follow) {
            return;
        }
        followed.readers -= 1;
        let (last, arrivals) = (followed.readers == 0, followed.arrivals);
        drop(known);
        // Without a runtime everything ends.
        if let (true, Ok(runtime)) = (last, tokio::runtime::Handle::try_current()) {
            let (hub, id): (Weak<LogHub>, ContainerId) = (Arc::downgrade(self), seat.id);
            runtime.spawn(async move {
                tokio::time::sleep(LINGER).await;
                let Some(hub) = hub.upgrade() else { return };
                let mut known = hub.known();
                let over = |followed: &Followed| followed.readers == 0 && followed.arrivals == arrivals;
                if known.followed.get(&id).is_some_and(over) {
                    known.followed.remove(&id);
                }
            });
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LogHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogHub").field("followed", &self.known().followed.len()).finish_non_exhaustive()
    }
}

/// A reader's place at a container that is followed; given back when dropped.
struct Seat {
    hub: Arc<LogHub>,
    id: ContainerId,
    reader: ReaderId,
    follow: Arc<Follow>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.clone().leave(self);
    }
}

#[cfg(test)]
mod tests;
