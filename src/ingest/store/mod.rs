//! The series that programs have sent, bounded per tenant, per metric and in all.
//!
//! A sender has a lock of its own, so that a slow one or a big page holds up nobody else. What
//! a series is, is found by a keyed hash of its attributes as they came; only new ones are
//! made into labels. Series that nobody has sent for a while go, and with the last one of a
//! family its name.

mod budget;
mod exemplars;
mod home;
mod keyed;
mod names;
mod senders;
mod series;
mod stream;
mod total;
mod traffic;
mod value;

pub(crate) use budget::{Full, Limits};
pub(crate) use exemplars::{Room, Rooms};
pub(crate) use names::refuse_reserved;
pub(crate) use senders::{By, Refused, Sender, StreamId, Writer};
pub(crate) use traffic::{Load, Role, WINDOW};
pub(crate) use value::{Stored, Unusable, Update};

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::watch::{Watch, Watcher};
use crate::config::Naming;
use crate::inventory::ContainerId;
use crate::metrics::foreign::Foreign;
use crate::metrics::{Exemplar, LabelBlock};
use crate::tenant::Tenant;
use budget::{Budgets, TenantBudget, Total};
use names::Names;
use senders::Streams;

/// What a sender has sent, behind its lock.
type Shared = Arc<Mutex<Streams>>;

/// Everything that programs have sent.
#[derive(Debug)]
pub(crate) struct Store {
    limits: Limits,
    names: Mutex<Names>,
    senders: Mutex<HashMap<Sender, Shared>>,
    budgets: Mutex<HashMap<Tenant, Arc<TenantBudget>>>,
    all: Arc<Total>,
    /// Who wants to know what comes, if anybody does.
    watcher: OnceLock<Arc<dyn Watcher>>,
    /// When it began to take, by the clock on the wall, in nanoseconds since 1970.
    since_ns: u64,
}

/// How often an idle sender's streams are held while it is looked whether they may go: in the
/// map, and by who looks.
const HELD_HERE: usize = 2;

/// What a walk comes by.
pub(crate) enum Visit<'a> {
    /// The series that follow belong to this one.
    Family(&'a Arc<Foreign>),
    /// A series.
    Series(&'a LabelBlock, Shown<'a>),
}

/// What is shown of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    /// What is kept of it, with its exemplars ascending by value.
    Whole(&'a Stored, &'a [Exemplar]),
    /// How many values its distribution has.
    Count(u64),
    /// A sum of gauges.
    Number(f64),
}

/// A lock that a panic has left behind guards numbers that are still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// An empty store.
    pub(crate) fn new(limits: Limits) -> Self {
        Store {
            limits,
            names: Mutex::default(),
            senders: Mutex::default(),
            budgets: Mutex::default(),
            all: Arc::new(Total::new(limits)),
            watcher: OnceLock::new(),
            since_ns: SystemTime::UNIX_EPOCH
                .elapsed()
                .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)),
        }
    }

    /// Tells somebody of all that comes from now on; the first one stays.
    pub(crate) fn watched_by(&self, watcher: Arc<dyn Watcher>) {
        // Who is second has nothing to be told.
        let _ = self.watcher.set(watcher);
    }

    /// Lets a sender write, while nobody else writes or shows the same one. It is in a
    /// container, if that is known.
    ///
    /// # Errors
    /// It is one too many of its tenant.
    pub(crate) fn record<T>(
        &self,
        sender: &Sender,
        container: Option<ContainerId>,
        now: Instant,
        write: impl FnOnce(&mut Writer<'_>) -> T,
    ) -> Result<T, Refused> {
        let streams = self.streams(sender, now)?;
        let mut streams = lock(&streams);
        streams.come_from(sender, container, self.watcher.get().map(AsRef::as_ref));
        Ok(write(&mut Writer::new(&mut streams, &self.names, now)))
    }

    fn streams(&self, sender: &Sender, now: Instant) -> Result<Shared, Refused> {
        let mut senders = lock(&self.senders);
        if let Some(known) = senders.get(sender) {
            return Ok(known.clone());
        }
        let tenant = lock(&self.budgets)
            .entry(sender.tenant.clone())
            .or_insert_with(|| Arc::new(TenantBudget::new(self.limits)))
            .clone();
        let budgets = Budgets { tenant, all: self.all.clone() };
        let streams = Arc::new(Mutex::new(Streams::new(sender, budgets, Watch::since(self.since_ns), now)?));
        senders.insert(sender.clone(), streams.clone());
        Ok(streams)
    }

    /// Removes what senders have sent whose container is gone; to be called now and then.
    pub(crate) fn forget(&self, is_gone: &dyn Fn(&ContainerId) -> bool) {
        let senders: Vec<_> =
            lock(&self.senders).iter().map(|(s, streams)| (s.clone(), streams.clone())).collect();
        for (sender, streams) in senders {
            let mut senders = lock(&self.senders);
            // Nobody is about to write: that one may be in another container.
            if Arc::strong_count(&streams) == HELD_HERE
                && lock(&streams).container.is_some_and(|id| is_gone(&id))
            {
                senders.remove(&sender);
            }
        }
    }

    /// Removes what has not been sent for long; to be called now and then.
    pub(crate) fn expire(&self, now: Instant) {
        let senders: Vec<_> =
            lock(&self.senders).iter().map(|(s, streams)| (s.clone(), streams.clone())).collect();
        for (sender, streams) in senders {
            lock(&streams).expire(now, self.limits.idle);
            let mut senders = lock(&self.senders);
            // Who is about to write holds it, too, and nobody else can get it now.
            if Arc::strong_count(&streams) == HELD_HERE && lock(&streams).is_gone(now, self.limits.idle) {
                senders.remove(&sender);
            }
        }
        lock(&self.budgets).retain(|_, budget| Arc::strong_count(budget) > 1);
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> u64 {
        self.all.series()
    }

    /// What they take, in bytes, as it is estimated.
    pub(crate) fn bytes(&self) -> u64 {
        self.all.bytes()
    }

    /// Series that were given no place of their own, and why.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (Full, u64)> {
        self.all.dropped()
    }

    /// What has come lately from each sender whose tenant is admitted, in the order of senders.
    pub(crate) fn traffic(
        &self,
        now: Instant,
        admits: impl Fn(&Tenant) -> bool,
        visit: &mut dyn FnMut(&Sender, Role, &Load, Duration),
    ) {
        let admitted = lock(&self.senders);
        let admitted = admitted.iter().filter(|(sender, _)| admits(&sender.tenant));
        let mut senders: Vec<_> = admitted.map(|(s, streams)| (s.clone(), streams.clone())).collect();
        senders.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (sender, streams) in senders {
            for (role, load, over) in lock(&streams).traffic(now) {
                visit(&sender, role, &load, over);
            }
        }
    }

    /// Every program of which there is anything, in their order, with the container that it runs in,
    /// where that is sure.
    pub(crate) fn programs(&self, now: Instant, visit: &mut dyn FnMut(&LabelBlock, Option<ContainerId>)) {
        let mut senders: Vec<_> =
            lock(&self.senders).iter().map(|(s, streams)| (s.clone(), streams.clone())).collect();
        senders.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (_, streams) in senders {
            let streams = lock(&streams);
            if let Some(labels) = streams.shown() {
                visit(labels, streams.home(now));
            }
        }
    }

    /// Walks over every series, family by family in the order of their names.
    pub(crate) fn walk(&self, naming: Naming, visit: &mut dyn FnMut(Visit<'_>)) {
        for (family, senders) in self.families(naming).into_values() {
            visit(Visit::Family(&family));
            for streams in senders {
                lock(&streams).show(&family, naming, &mut |labels, shown| {
                    visit(Visit::Series(labels, shown));
                });
            }
        }
    }

    /// The families in the order of their names, with the senders that have any of it.
    fn families(&self, naming: Naming) -> BTreeMap<Box<str>, (Arc<Foreign>, Vec<Shared>)> {
        let mut families = BTreeMap::new();
        let mut senders: Vec<_> =
            lock(&self.senders).iter().map(|(s, streams)| (s.clone(), streams.clone())).collect();
        senders.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (_, streams) in senders {
            for family in lock(&streams).families(naming) {
                let entry = families.entry(Box::from(family.name())).or_insert_with(|| (family, Vec::new()));
                // A program that sends what is shown under a classic name, too, has it twice.
                if !entry.1.last().is_some_and(|last| Arc::ptr_eq(last, &streams)) {
                    entry.1.push(streams.clone());
                }
            }
        }
        families
    }
}

#[cfg(test)]
mod tests;
