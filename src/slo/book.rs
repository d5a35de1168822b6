//! Which promises hold, and what was counted for each.
//!
//! A promise is of a [`Key`]: a service of a tenant and what is counted. It comes from the
//! configuration, which may mean many services, or from a container's labels, which mean the
//! services of that container's programs and nobody else's. Of several for one key the strictest
//! holds. A key keeps its counters for a while when its promise goes, so that they go on when it
//! comes back.
//!
//! Bounded: so many keys in all and of one tenant; those without a promise make room first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::labels::{self, Refused};
use super::uptime::{Now, Uptime, keeps_up};
use super::{Key, service_of};
use crate::config::{Counted, Objective, Promise};
use crate::ingest::{Events, Tally};
use crate::inventory::{Container, ContainerId, Snapshot};
use crate::tenant::{LabelValue, Tenant};

/// Promises that hold at once.
const MOST: usize = 10_000;

/// Promises of one tenant.
const MOST_OF_TENANT: usize = 500;

/// Services of one container that its labels are for.
const MOST_SERVICES: usize = 32;

/// How long counters are kept of what nobody promises any more: long enough for a container to
/// be made anew, and so short that whoever adds counters up still knows where they were.
const KEPT: Duration = Duration::from_secs(3600);

/// The service of programs outside of containers that do not say which they are.
const UNNAMED: &str = "unknown";

/// What is kept of a key.
#[derive(Debug)]
struct Entry {
    /// What holds; `None` while nobody promises anything.
    promise: Option<Promise>,
    tally: Arc<Tally>,
    /// How often somebody has promised something else for the key.
    conflicts: u64,
    disagrees: bool,
    /// Since when nobody promises anything.
    idle_since: Option<Duration>,
}

impl Entry {
    /// Nobody promises anything from now on.
    fn rest(&mut self, now: Duration) {
        (self.promise, self.disagrees) = (None, false);
        self.idle_since.get_or_insert(now);
    }
}

/// A promise that holds.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) key: &'a Key,
    pub(super) promise: &'a Promise,
    pub(super) events: Events,
    pub(super) conflicts: u64,
}

/// What is known of a container.
#[derive(Debug)]
struct Known {
    /// As it was when this was read off it.
    container: Arc<Container>,
    /// Whether it has promised, or the configuration has, that it is up.
    uptime: bool,
    tenant: Tenant,
    /// What its programs are called that do not name themselves.
    name: LabelValue,
    promises: Vec<Promise>,
    /// Services that its programs have named, and its own name if one has named none.
    services: BTreeSet<LabelValue>,
}

/// Everything that is promised.
#[derive(Debug, Default)]
pub(super) struct Book {
    configured: Vec<Objective>,
    containers: BTreeMap<ContainerId, Known>,
    /// Services that have sent something, by tenant.
    services: BTreeSet<(Tenant, LabelValue)>,
    entries: BTreeMap<Key, Entry>,
    uptime: Uptime,
    refused: BTreeMap<(Tenant, &'static str), u64>,
    /// What was refused of each container, so that it is told once.
    told: BTreeMap<ContainerId, Vec<Refused>>,
    /// Keys for which there was no room, so that they are told once.
    crowded_out: BTreeSet<Key>,
    generation: u64,
    /// When it was last looked.
    now: Duration,
}

impl Book {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes the objectives of the configuration.
    pub(super) fn configure(&mut self, objectives: Vec<Objective>) {
        if self.configured != objectives {
            self.configured = objectives;
            self.settle();
        }
    }

    /// Takes what the inventory knows now, by a clock that never goes back.
    pub(super) fn see(&mut self, snapshot: &Snapshot, now: Duration) {
        self.now = self.now.max(now);
        let (mut changed, long_ago) = (false, self.now.saturating_sub(KEPT));
        if self.entries.values().any(|entry| entry.idle_since.is_some_and(|since| since < long_ago)) {
            self.entries.retain(|_, entry| entry.idle_since.is_none_or(|since| since >= long_ago));
        }
        let gone: Vec<ContainerId> = self
            .containers
            .keys()
            .filter(|id| snapshot.containers.get(id).is_none_or(|container| container.removed_at.is_some()))
            .copied()
            .collect();
        for id in gone {
            changed = true;
            self.containers.remove(&id);
            self.told.remove(&id);
            self.uptime.end(&id);
        }
        let present = snapshot.containers.values().filter(|one| one.removed_at.is_none());
        for container in present.filter(|one| one.tenant_known) {
            changed |= self.know(container);
        }
        if changed {
            self.settle();
        }
        for known in self.containers.values().filter(|known| known.uptime) {
            let spent = self.uptime.look(&known.container, now);
            if let Some(entry) = self.entries.get(&uptime_key(known)) {
                let (all, bad) = (spent.expected.as_secs_f64(), spent.bad.as_secs_f64());
                entry.tally.add(Events { all, bad });
            }
        }
    }

    /// Takes what a container is and promises; whether that has changed anything.
    fn know(&mut self, container: &Arc<Container>) -> bool {
        let known = self.containers.get(&container.id);
        if known.is_some_and(|known| Arc::ptr_eq(&known.container, container)) {
            return false;
        }
        let (promises, refused) = labels::read(&container.labels, &container.restart_policy);
        self.tell(container, refused);
        let (tenant, name) = (container.tenant.clone(), service_of(container));
        match self.containers.get_mut(&container.id).filter(|known| known.tenant == tenant) {
            Some(known) => {
                let same = known.name == name
                    && known.promises == promises
                    && known.container.restart_policy == container.restart_policy;
                known.container = container.clone();
                (known.name, known.promises) = (name, promises);
                !same
            }
            None => {
                let (container, services) = (container.clone(), BTreeSet::new());
                let known = Known { container, uptime: false, tenant, name, promises, services };
                self.containers.insert(known.container.id, known);
                true
            }
        }
    }

    /// Counts and tells what was refused of a container, once.
    fn tell(&mut self, container: &Container, refused: Vec<Refused>) {
        if self.told.get(&container.id).map_or(&[][..], Vec::as_slice) == refused {
            return;
        }
        for Refused { reason, message } in &refused {
            let container = container.name.as_str();
            tracing::warn!(container, reason, "an objective is refused: {message}");
        }
        for Refused { reason, .. } in &refused {
            *self.refused.entry((container.tenant.clone(), reason)).or_default() += 1;
        }
        self.told.insert(container.id, refused);
    }

    /// What a program's counters are to be added to. It is noted that it has sent something.
    pub(super) fn tallies(
        &mut self,
        tenant: &Tenant,
        service: &LabelValue,
        container: Option<ContainerId>,
    ) -> Vec<Arc<Tally>> {
        let known = container.and_then(|id| self.containers.get_mut(&id));
        let own_name = known.as_ref().map(|known| known.name.clone());
        let name = match (service.is_empty(), own_name) {
            (false, _) => service.clone(),
            (true, Some(own)) => own,
            (true, None) => LabelValue::clean(UNNAMED),
        };
        let mut changed = false;
        // Whoever sends for others from a container promises nothing in their names.
        if let Some(known) = known.filter(|known| known.tenant == *tenant)
            && known.services.len() < MOST_SERVICES
        {
            changed |= known.services.insert(name.clone()) && !known.promises.is_empty();
        }
        if self.services.len() < MOST && self.services.insert((tenant.clone(), name.clone())) {
            changed |= !self.configured.is_empty();
        }
        if changed {
            self.settle();
        }
        let first = Key { tenant: tenant.clone(), service: name, slo: LabelValue::clean("") };
        let of_service = self
            .entries
            .range(&first..)
            .take_while(|(key, _)| key.tenant == first.tenant && key.service == first.service);
        let is_counted =
            |entry: &&Entry| entry.promise.as_ref().is_some_and(|promise| promise.of != Counted::Uptime);
        of_service.map(|(_, entry)| entry).filter(is_counted).map(|entry| entry.tally.clone()).collect()
    }

    /// Finds out which promises hold.
    fn settle(&mut self) {
        let wanted = self.wanted();
        let now = self.now;
        for (_, entry) in self.entries.iter_mut().filter(|(key, _)| !wanted.contains_key(key)) {
            entry.rest(now);
        }
        let mut of_tenants: BTreeMap<Tenant, usize> = BTreeMap::new();
        let mut held = 0;
        for (key, promises) in wanted {
            let of_tenant = of_tenants.entry(key.tenant.clone()).or_default();
            if held >= MOST || *of_tenant >= MOST_OF_TENANT {
                self.crowd_out(key);
                continue;
            }
            held += 1;
            *of_tenant += 1;
            self.hold(key, promises);
        }
        // Counters of what nobody promises any more are kept as long as there is room.
        let mut idle: Vec<Key> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.promise.is_none())
            .map(|(key, _)| key.clone())
            .collect();
        idle.truncate(self.entries.len().saturating_sub(MOST));
        idle.iter().for_each(|key| drop(self.entries.remove(key)));
        for known in self.containers.values_mut() {
            let held = self.entries.get(&uptime_key(known)).is_some_and(|entry| entry.promise.is_some());
            known.uptime =
                held && keeps_up(&known.container.restart_policy) && promises_uptime(known, &self.configured);
            if !known.uptime {
                self.uptime.end(&known.container.id);
            }
        }
        self.generation += 1;
    }

    fn crowd_out(&mut self, key: Key) {
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.rest(now);
        }
        if self.crowded_out.len() < MOST && self.crowded_out.insert(key.clone()) {
            let Key { tenant, service, slo } = &key;
            tracing::warn!(%service, %slo, user = %tenant.user, project = %tenant.project, team = %tenant.team, "an objective is refused: there are too many");
            *self.refused.entry((key.tenant, "limit")).or_default() += 1;
        }
    }

    fn hold(&mut self, key: Key, mut promises: Vec<Promise>) {
        promises.sort_by(stricter);
        promises.dedup();
        let disagrees = promises.len() > 1;
        let Some(promise) = promises.into_iter().next() else { return };
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            promise: None,
            tally: Arc::new(Tally::new(promise.of.clone())),
            conflicts: 0,
            disagrees: false,
            idle_since: None,
        });
        entry.idle_since = None;
        entry.conflicts += u64::from(disagrees && !entry.disagrees);
        entry.disagrees = disagrees;
        if entry.promise.as_ref() != Some(&promise) {
            entry.tally.count_by(&promise.of);
            entry.promise = Some(promise);
        }
    }

    /// All that is promised, by key.
    fn wanted(&self) -> BTreeMap<Key, Vec<Promise>> {
        let mut wanted: BTreeMap<Key, Vec<Promise>> = BTreeMap::new();
        let mut want = |tenant: &Tenant, service: &LabelValue, promise: &Promise| {
            let slo = LabelValue::clean(promise.of.name());
            let key = Key { tenant: tenant.clone(), service: service.clone(), slo };
            wanted.entry(key).or_default().push(promise.clone());
        };
        for known in self.containers.values() {
            for promise in &known.promises {
                match promise.of {
                    Counted::Uptime => want(&known.tenant, &known.name, promise),
                    _ => known.services.iter().for_each(|service| want(&known.tenant, service, promise)),
                }
            }
        }
        for Objective { whose, promise } in &self.configured {
            if promise.of == Counted::Uptime {
                let meant = self.containers.values().filter(|known| {
                    keeps_up(&known.container.restart_policy) && whose.admits(&known.tenant, &known.name)
                });
                meant.for_each(|known| want(&known.tenant, &known.name, promise));
                continue;
            }
            if let Some((tenant, service)) = whose.only() {
                want(&tenant, &service, promise);
                continue;
            }
            let meant = self.services.iter().filter(|(tenant, service)| whose.admits(tenant, service));
            meant.for_each(|(tenant, service)| want(tenant, service, promise));
        }
        wanted
    }

    /// The promises that hold.
    pub(super) fn held(&self) -> impl Iterator<Item = Held<'_>> {
        self.entries.iter().filter_map(|(key, entry)| {
            let promise = entry.promise.as_ref()?;
            Some(Held { key, promise, events: entry.tally.events(), conflicts: entry.conflicts })
        })
    }

    /// Containers that promise to be up, by key.
    pub(super) fn containers(&self, now: Duration) -> BTreeMap<Key, Now> {
        let mut all: BTreeMap<Key, Now> = BTreeMap::new();
        for (id, known) in self.containers.iter().filter(|(_, known)| known.uptime) {
            let (sum, one) = (all.entry(uptime_key(known)).or_default(), self.uptime.now(id, now));
            sum.expected += one.expected;
            sum.down += one.down;
            sum.gone += one.gone;
        }
        all
    }

    /// Objectives of containers that were refused, by tenant and reason.
    pub(super) fn refused(&self) -> &BTreeMap<(Tenant, &'static str), u64> {
        &self.refused
    }
}

fn uptime_key(known: &Known) -> Key {
    let slo = LabelValue::clean(Counted::Uptime.name());
    Key { tenant: known.tenant.clone(), service: known.name.clone(), slo }
}

/// Whether a container itself, or the configuration, promises that it is up.
fn promises_uptime(known: &Known, configured: &[Objective]) -> bool {
    let by_label = known.promises.iter().any(|promise| promise.of == Counted::Uptime);
    let meant = |objective: &Objective| {
        objective.promise.of == Counted::Uptime && objective.whose.admits(&known.tenant, &known.name)
    };
    by_label || configured.iter().any(meant)
}

/// The stricter promise first: that of the higher target, else that of the lower threshold.
fn stricter(one: &Promise, other: &Promise) -> std::cmp::Ordering {
    let threshold = |promise: &Promise| match promise.of {
        Counted::Latency(threshold) => threshold,
        _ => Duration::ZERO,
    };
    other.target.cmp(&one.target).then_with(|| threshold(one).cmp(&threshold(other)))
}

#[cfg(test)]
mod tests;
