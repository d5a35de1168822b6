//! What the engine holds beside containers: images, networks and volumes, listed when events say
//! that something has changed, else once an hour, and never because somebody scrapes.
//!
//! Which images are unused is known without asking again: the watcher says which of them
//! containers were made from.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::client::{CallError, Client};
use super::types::{Image, Networks};
use crate::inventory::{ByDriver, EngineFacts, Images, Inventory};

/// Events come in groups: a pull tags, a `compose up` makes networks and volumes.
const QUIET: Duration = Duration::from_secs(2);

/// The least time between two lists of a kind, however much happens: a list of some hundred
/// images takes an engine tens of milliseconds.
const LEAST: Duration = Duration::from_secs(30);

/// How often lists are read although nothing was heard, in case an event was lost.
const SAFETY: Duration = Duration::from_secs(3600);

/// How soon a list is asked for again that was not answered.
const RETRY: Duration = Duration::from_secs(60);

/// A kind of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Images,
    Networks,
    Volumes,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Images, Kind::Networks, Kind::Volumes];

    /// The call that lists them, as a log names it.
    fn call(self) -> &'static str {
        match self {
            Kind::Images => "GET /images/json",
            Kind::Networks => "GET /networks",
            Kind::Volumes => "GET /volumes",
        }
    }

    /// What an event may have changed, by its words. Containers use networks and volumes for as
    /// long as they exist.
    pub(super) fn touched_by((kind, action): (&str, &str)) -> &'static [Kind] {
        match (kind, action) {
            ("image", _) => &[Kind::Images],
            ("network", _) => &[Kind::Networks],
            ("volume", "mount" | "unmount") => &[],
            ("volume", _) => &[Kind::Volumes],
            ("container", "create" | "destroy") => &[Kind::Networks, Kind::Volumes],
            _ => &[],
        }
    }
}

/// How often each kind was touched so far, in the order of [`Kind::ALL`].
pub(super) type Touched = [u64; 3];

/// When the lists of a kind are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Plan {
    /// `None` while a proxy does not let the call through.
    due: Option<Instant>,
    asked_at: Option<Instant>,
}

impl Plan {
    /// Another engine, or the same one again: everything may be different.
    fn begin(&mut self, now: Instant) {
        self.due = Some(now);
    }

    fn touched(&mut self, now: Instant) {
        let earliest = self.asked_at.map_or(now, |asked_at| asked_at + LEAST);
        let wanted = earliest.max(now + QUIET);
        self.due = self.due.map(|due| due.min(wanted));
    }

    fn answered(&mut self, now: Instant) {
        (self.asked_at, self.due) = (Some(now), Some(now + SAFETY));
    }

    fn failed(&mut self, now: Instant, forbidden: bool) {
        (self.asked_at, self.due) = (Some(now), (!forbidden).then_some(now + RETRY));
    }
}

/// The task.
pub(super) struct Objects {
    inventory: Arc<Inventory>,
    clients: watch::Receiver<Option<Client>>,
    touched: watch::Receiver<Touched>,
    /// Ids of the images that containers were made from.
    used: watch::Receiver<BTreeSet<String>>,
    plans: [Plan; 3],
    /// What was touched when the plans were last looked at.
    seen: Touched,
    /// The last list of images, and when it was made.
    images: Option<(Timestamp, Vec<Image>)>,
}

impl Objects {
    pub(super) fn new(
        inventory: Arc<Inventory>,
        clients: watch::Receiver<Option<Client>>,
        touched: watch::Receiver<Touched>,
        used: watch::Receiver<BTreeSet<String>>,
    ) -> Self {
        let seen = *touched.borrow();
        Objects { inventory, clients, touched, used, plans: Default::default(), seen, images: None }
    }

    /// Asks for as long as there is a watcher.
    pub(super) async fn run(mut self) {
        self.clients.mark_changed();
        loop {
            let next = self.plans.iter().filter_map(|plan| plan.due).min();
            let client = self.clients.borrow().clone();
            let changed = tokio::select! {
                changed = self.clients.changed() => {
                    let now = Instant::now();
                    self.plans.iter_mut().for_each(|plan| plan.begin(now));
                    changed
                }
                changed = self.touched.changed() => {
                    self.heed();
                    changed
                }
                changed = self.used.changed() => {
                    self.show_images();
                    changed
                }
                () = super::watch::at(next), if client.is_some() => {
                    if let Some(client) = client {
                        self.ask_due(&client).await;
                    }
                    Ok(())
                }
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Plans what events have touched.
    fn heed(&mut self) {
        let (now, touched) = (Instant::now(), *self.touched.borrow_and_update());
        for (index, plan) in self.plans.iter_mut().enumerate() {
            if touched[index] != self.seen[index] {
                plan.touched(now);
            }
        }
        self.seen = touched;
    }

    async fn ask_due(&mut self, client: &Client) {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            if self.plans[index].due.is_none_or(|due| due > Instant::now()) {
                continue;
            }
            // What happens from now on is not in the answer.
            self.heed();
            let answer = self.ask(kind, client).await;
            let now = Instant::now();
            match answer {
                Ok(()) => self.plans[index].answered(now),
                Err(error) => {
                    self.plans[index].failed(now, error.is_forbidden());
                    self.tell(kind, &error);
                }
            }
        }
    }

    async fn ask(&mut self, kind: Kind, client: &Client) -> Result<(), CallError> {
        let listed_at = Timestamp::now();
        match kind {
            Kind::Images => {
                self.images = Some((listed_at, client.images().await?));
                self.show_images();
            }
            Kind::Networks => {
                let Networks { count, removable } = client.networks().await?;
                let used = client.used_networks().await.ok();
                let unused = used.map(|used| {
                    let is_used = |(id, name): &&(String, String)| used.contains(id) || used.contains(name);
                    removable.iter().filter(|network| !is_used(network)).count() as u64
                });
                let networks = ByDriver { listed_at, count, unused };
                self.note(|facts| facts.networks = Some(networks));
            }
            Kind::Volumes => {
                let count = client.volumes().await?;
                let volumes = ByDriver { listed_at, count, unused: client.unused_volumes().await.ok() };
                self.note(|facts| facts.volumes = Some(volumes));
            }
        }
        Ok(())
    }

    /// One line for what is not let through; what was known of it is not shown any longer.
    fn tell(&mut self, kind: Kind, error: &CallError) {
        let call = kind.call();
        if !error.is_forbidden() {
            tracing::debug!(%error, "a list of the engine could not be had; it is asked for again");
            return;
        }
        tracing::warn!(%error, call, "the call is not let through, so what it lists is not shown; it is tried again when the engine is connected anew");
        match kind {
            Kind::Images => {
                self.images = None;
                self.note(|facts| facts.images = None);
            }
            Kind::Networks => self.note(|facts| facts.networks = None),
            Kind::Volumes => self.note(|facts| facts.volumes = None),
        }
    }

    fn show_images(&mut self) {
        let used = self.used.borrow_and_update();
        let images = self.images.as_ref().map(|(listed_at, images)| summed(*listed_at, images, &used));
        drop(used);
        if images.is_some() {
            self.note(|facts| facts.images = images);
        }
    }

    fn note(&self, change: impl FnOnce(&mut EngineFacts)) {
        note(&self.inventory, change);
    }
}

/// Changes what is known of the engine.
pub(super) fn note(inventory: &Inventory, change: impl FnOnce(&mut EngineFacts)) {
    inventory.update(|snapshot| change(Arc::make_mut(&mut snapshot.facts)));
}

/// An id without the name of its hash, which not every engine writes.
pub(super) fn bare_id(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

fn summed(listed_at: Timestamp, images: &[Image], used: &BTreeSet<String>) -> Images {
    let unused: Vec<&Image> = images.iter().filter(|image| !used.contains(bare_id(&image.id))).collect();
    let mut unused_created: Vec<Timestamp> = unused.iter().filter_map(|image| image.created_at).collect();
    unused_created.sort_unstable();
    Images {
        listed_at,
        count: images.len() as u64,
        dangling: images.iter().filter(|image| image.dangling).count() as u64,
        unused: unused.len() as u64,
        unused_created,
    }
}

#[cfg(test)]
mod tests;
