//! The state machine that joins the list and the event stream into one inventory.
//!
//! No I/O and no clock: inputs and the time go in, [`Action`]s and [`Changes`] come out.
//!
//! ```text
//! Disconnected ──Connect──▶ Connecting ──Subscribe──▶ Subscribing ──List──▶ Listing ──▶ Live
//!      ▲  any call fails, or the stream ends ◀──────────────┴───────────────────┴────────┘
//! ```
//!
//! Why nothing is missed and nothing gone is kept:
//! - the subscription stands before the list is asked for, so whatever happens after the
//!   list was made comes as an event;
//! - containers that events touch while a list is on its way are not judged by that list;
//!   all others that it does not show are gone;
//! - an event that does not tell everything leads to an inspect, one at a time a container,
//!   and to another one if an event came while it was on its way;
//! - after a loss everything is listed and inspected again;
//! - a stream that is silent although the kernel has ended a container is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::client::Greeting;
use super::images::{ImageLabels, Images};
use super::life::{Life, Verdict};
use super::types::{Answer, Details, Event, Happening, Labels, List, Summary};
use super::work::Written;
use crate::inventory::{ContainerId, Engine, SilentEnds, Status};

mod calls;
mod doubts;
mod exchange;

use calls::{Calls, Urgency};
use doubts::Doubts;
pub(super) use exchange::{Action, Changes, Input, Moment, Notice};

/// Waiting time after the first failure to connect; doubled with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);

/// The longest waiting time: an engine that comes back is seen within it.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

/// How long a connection has to last for the next loss to count as the first.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// Silence on the event stream after which the engine is asked whether it is well.
const SILENCE: Duration = Duration::from_secs(60);

/// How often the list is read although the stream is up, in case an event was lost.
const RELIST_EVERY: Duration = Duration::from_secs(300);

/// How soon it is read again after it failed or an event was unreadable.
const RELIST_SOON: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Disconnected { retry_at: Duration },
    Connecting,
    Subscribing,
    Listing,
    Live { since: Duration },
}

#[derive(Debug)]
struct Entry {
    life: Life,
    /// When a removed one is dropped.
    drop_at: Option<Duration>,
}

/// The state machine.
#[derive(Debug)]
pub(super) struct Reconciler {
    /// How long a removed container stays.
    linger: Duration,
    phase: Phase,
    /// Every container that the engine has, and those that linger.
    entries: BTreeMap<ContainerId, Entry>,
    /// The images of these.
    images: Images,
    /// The inspects of these; emptied at a loss.
    calls: Calls,
    engine: Engine,
    /// Containers that events spoke of since the list on its way was asked for; `None` while
    /// none is on its way.
    touched: Option<BTreeSet<ContainerId>>,
    /// Whether the list on its way is the first since a loss.
    resync: bool,
    /// Containers of the very first list that have not been inspected yet.
    awaited: BTreeSet<ContainerId>,
    /// When the list is read again.
    list_at: Duration,
    /// When the stream last said something.
    heard_at: Duration,
    /// Runs whose end the stream has not told.
    doubts: Doubts,
    /// Whether a ping is in flight.
    pinging: bool,
    /// Losses in a row.
    failures: u32,
    /// Since when the engine has been out of reach.
    lost_at: Option<Duration>,
    /// Time of the latest event, by the engine's clock.
    last_event: Option<Timestamp>,
    /// What this input has led to; handed out at its end.
    actions: Vec<Action>,
    changes: Changes,
}

impl Reconciler {
    /// A machine that knows nothing and connects at the first tick.
    pub(super) fn new(linger: Duration, now: Moment) -> Self {
        Reconciler {
            linger,
            phase: Phase::Disconnected { retry_at: now.uptime },
            entries: BTreeMap::new(),
            images: Images::default(),
            calls: Calls::default(),
            engine: Engine::default(),
            touched: None,
            resync: true,
            awaited: BTreeSet::new(),
            list_at: now.uptime,
            heard_at: now.uptime,
            doubts: Doubts::default(),
            pinging: false,
            failures: 0,
            lost_at: None,
            last_event: None,
            actions: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// Takes one input and says what to do next, in order.
    pub(super) fn handle(&mut self, input: Input, now: Moment) -> Vec<Action> {
        match input {
            Input::Connected(Ok(greeting)) => self.connected(greeting),
            Input::Subscribed(Ok(())) => {
                self.heard_at = now.uptime;
                self.phase = Phase::Listing;
                self.resync = true;
                self.list();
            }
            Input::Listed(Ok(list)) => self.listed(list, now),
            Input::Listed(Err(_)) if matches!(self.phase, Phase::Live { .. }) => {
                self.touched = None;
                self.list_at = now.uptime + RELIST_SOON;
                self.ping();
            }
            Input::Pinged(Ok(())) => {
                self.pinging = false;
                self.heard_at = now.uptime;
            }
            Input::Connected(Err(error))
            | Input::Subscribed(Err(error))
            | Input::Listed(Err(error))
            | Input::Pinged(Err(error))
            | Input::StreamEnded(error) => self.lose(error, now),
            Input::Event(event) => self.happened(event, now),
            Input::Wrote(id, written) => self.wrote(id, written, now),
            Input::MissedWriting => self.forget_beginnings(),
            Input::UnreadableEvent => {
                self.forget_beginnings();
                self.heard_at = now.uptime;
                self.list_at = self.list_at.min(now.uptime + RELIST_SOON);
            }
            Input::OtherEvent => self.heard_at = now.uptime,
            Input::Doubted(ended) => self.doubt(ended, now),
            Input::Inspected(id, answer) => self.inspected(id, answer, now),
            Input::ImageInspected(key, answer) => self.image_inspected(&key, answer),
            Input::Tick => {}
        }
        self.be_complete();
        self.keep_time(now);
        self.ask_next();
        std::mem::take(&mut self.actions)
    }

    /// When [`Input::Tick`] is due, if nothing else comes before.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Disconnected { retry_at } => Some(retry_at),
            Phase::Live { .. } => {
                let list_at = self.touched.is_none().then_some(self.list_at);
                let ping_at = (!self.pinging).then_some(self.heard_at + SILENCE);
                list_at.into_iter().chain(ping_at).chain(self.calls.retries_at()).min()
            }
            _ => None,
        };
        let drop_at = self.entries.values().filter_map(|entry| entry.drop_at).min();
        phase.into_iter().chain(drop_at).min()
    }

    /// What changed since the last time this was asked.
    pub(super) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// What is known of the engine.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A container that is to be shown, and its image's labels.
    pub(super) fn shown(&self, id: &ContainerId) -> Option<(&Life, ImageLabels)> {
        let life = &self.entries.get(id).filter(|entry| entry.life.settled)?.life;
        let labels = image_key(life).map_or(ImageLabels::Unknown, |key| self.images.labels(key));
        Some((life, labels))
    }

    /// The ids of all containers that are to be shown.
    pub(super) fn ids(&self) -> impl Iterator<Item = ContainerId> {
        self.entries.iter().filter(|(_, entry)| entry.life.settled).map(|(id, _)| *id)
    }

    /// The ids of the images of all containers that the engine has, shown or not.
    pub(super) fn image_ids(&self) -> impl Iterator<Item = &str> {
        let present = self.entries.values().filter(|entry| entry.drop_at.is_none());
        present.map(|entry| entry.life.container.image_id.as_str()).filter(|id| !id.is_empty())
    }

    fn connected(&mut self, greeting: Greeting) {
        self.engine.version = greeting.product;
        self.engine.api_version = greeting.api.map(|api| api.to_string());
        self.changes.engine = true;
        self.phase = Phase::Subscribing;
        // The engine answers a subscription a moment before it stands. Asking for the last
        // second as well, by its own clock, closes that gap; after a loss what it still
        // remembers of the time between is wanted too.
        let after_last = self.last_event.and_then(|last| last.checked_add(Duration::from_nanos(1)).ok());
        self.actions.push(Action::Subscribe { since: after_last.or(greeting.clock) });
    }

    fn list(&mut self) {
        self.touched = Some(BTreeSet::new());
        self.actions.push(Action::List);
    }

    /// An end that no event tells within the time that an event takes is asked about.
    fn doubt(&mut self, ended: SilentEnds, now: Moment) {
        let shown = |(id, pid): &(ContainerId, u32)| {
            let entry = self.entries.get(id).filter(|entry| entry.drop_at.is_none());
            entry.is_some_and(|entry| entry.life.container.state.pid == Some(*pid))
        };
        let ended = ended.into_iter().filter(shown).collect();
        let live = matches!(self.phase, Phase::Live { .. }) && self.touched.is_none();
        if self.doubts.grew_old(ended, now.uptime) && live {
            self.list();
        }
    }

    fn ping(&mut self) {
        if !self.pinging {
            self.pinging = true;
            self.actions.push(Action::Ping);
        }
    }

    /// What is due by the time alone.
    fn keep_time(&mut self, now: Moment) {
        match self.phase {
            Phase::Disconnected { retry_at } if now.uptime >= retry_at => {
                self.phase = Phase::Connecting;
                self.actions.push(Action::Connect);
            }
            Phase::Live { .. } => {
                if self.touched.is_none() && now.uptime >= self.list_at {
                    self.list();
                }
                if now.uptime >= self.heard_at + SILENCE {
                    self.ping();
                }
            }
            _ => {}
        }
        self.calls.retry_due(now.uptime);
        let over = |entry: &Entry| entry.drop_at.is_some_and(|drop_at| now.uptime >= drop_at);
        let dropped: Vec<_> =
            self.entries.iter().filter(|(_, entry)| over(entry)).map(|(id, _)| *id).collect();
        if !dropped.is_empty() {
            self.entries.retain(|_, entry| !over(entry));
            self.changes.containers.extend(dropped);
            let used: BTreeSet<&str> =
                self.entries.values().filter_map(|entry| image_key(&entry.life)).collect();
            self.images.retain(&used);
        }
    }

    fn lose(&mut self, error: String, now: Moment) {
        if let Phase::Live { since } = self.phase
            && now.uptime >= since + STABLE_AFTER
        {
            self.failures = 0;
        }
        let retry_in = LONGEST_BACKOFF.min(FIRST_BACKOFF * 2_u32.saturating_pow(self.failures.min(16)));
        self.failures += 1;
        self.phase = Phase::Disconnected { retry_at: now.uptime + retry_in };
        self.touched = None;
        self.pinging = false;
        self.forget_beginnings();
        self.calls = Calls::default();
        self.images.forget_calls();
        self.engine.connected = false;
        self.engine.last_error = Some(error.clone());
        self.changes.engine = true;
        self.actions.push(Action::Disconnect);
        self.actions.push(Action::Tell(match self.lost_at {
            Some(_) => Notice::StillLost { error, retry_in },
            None => Notice::Lost { error },
        }));
        self.lost_at.get_or_insert(now.uptime);
    }

    fn listed(&mut self, list: List, now: Moment) {
        let touched = self.touched.take().unwrap_or_default();
        let complete = list.malformed == 0;
        let live: BTreeSet<ContainerId> =
            list.containers.iter().filter(|one| !one.is_over()).map(|summary| summary.id).collect();
        let missed = self.doubts.confirmed(|id| complete && !live.contains(id));
        // It may have been started again.
        self.doubts.left().for_each(|id| self.calls.queue(id, Urgency::Normal));
        let shown: BTreeSet<ContainerId> = list.containers.iter().map(|summary| summary.id).collect();
        let (running, others): (Vec<_>, Vec<_>) =
            list.containers.into_iter().partition(|summary| summary.status == Some(Status::Running));
        for summary in running.into_iter().chain(others) {
            self.listed_one(summary, &touched);
        }
        let unseen = |(id, entry): &(&ContainerId, &Entry)| {
            !shown.contains(id) && !touched.contains(id) && entry.drop_at.is_none()
        };
        let absent: Vec<_> = self.entries.iter().filter(unseen).map(|(id, _)| *id).collect();
        for id in absent {
            match complete {
                true => self.gone(id, now),
                false => self.calls.queue(id, Urgency::Normal),
            }
        }
        if !self.engine.ever_connected {
            let unsettled = self.entries.iter().filter(|(_, entry)| !entry.life.settled);
            self.awaited = unsettled.map(|(id, _)| *id).collect();
        }
        self.images.retry_failed();
        self.list_at = now.uptime + RELIST_EVERY;
        self.engine.synced_at = Some(now.wall);
        self.changes.engine = true;
        if self.phase == Phase::Listing {
            self.live(now);
        }
        self.missed(missed, now);
    }

    /// Ends have been missed: what stream there is, is not to be believed.
    fn missed(&mut self, ends: u64, now: Moment) {
        self.engine.missed_ends += ends;
        if ends > 0 && matches!(self.phase, Phase::Live { .. }) {
            let error = "the event stream has not told of a container that has ended; it is made anew";
            self.lose(error.to_owned(), now);
        }
    }

    fn live(&mut self, now: Moment) {
        self.phase = Phase::Live { since: now.uptime };
        self.resync = false;
        self.engine.connected = true;
        self.engine.last_error = None;
        let after = self.lost_at.take().map(|lost_at| now.uptime.saturating_sub(lost_at));
        self.actions.push(Action::Tell(Notice::Connected { after }));
    }

    /// Whoever waits for the first list waits until everything on it can be shown.
    fn be_complete(&mut self) {
        let live = matches!(self.phase, Phase::Live { .. });
        if live && !self.engine.ever_connected && self.awaited.is_empty() {
            self.engine.ever_connected = true;
            self.changes.engine = true;
        }
    }

    fn listed_one(&mut self, summary: Summary, touched: &BTreeSet<ContainerId>) {
        let id = summary.id;
        match self.entries.get_mut(&id) {
            // What events said since is newer; they have seen to the rest.
            None if touched.contains(&id) => {}
            None => {
                let life = Life::from_summary(summary);
                self.entries.insert(id, Entry { life, drop_at: None });
                self.calls.queue(id, Urgency::Normal);
                self.want_image(id);
            }
            Some(entry) if touched.contains(&id) => {
                if self.resync && entry.drop_at.is_none() {
                    self.calls.queue(id, Urgency::Normal);
                }
            }
            Some(entry) => {
                let was_gone = entry.drop_at.take().is_some();
                entry.life.container.removed_at = None;
                if was_gone || self.resync || !entry.life.settled || entry.life.differs_from(&summary) {
                    self.calls.queue(id, Urgency::Normal);
                } else {
                    self.changes.hits += 1;
                }
            }
        }
    }

    fn happened(&mut self, event: Event, now: Moment) {
        self.heard_at = now.uptime;
        let id = event.id;
        let at = event.at.unwrap_or(now.wall);
        self.last_event = self.last_event.max(event.at);
        if event.happening.is_only_work() {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.life.work_on(&event);
                // While it starts and stops, other events lead to the same question.
                if event.happening.changes_addresses() && entry.life.container.state.is_live() {
                    self.calls.queue(id, Urgency::Normal);
                }
            }
            return self.collect_work(id);
        }
        self.doubts.told_of(id);
        if let Some(touched) = &mut self.touched {
            touched.insert(id);
        }
        let is_new = !self.entries.contains_key(&id);
        if is_new && event.happening == Happening::Destroy {
            return;
        }
        let entry =
            self.entries.entry(id).or_insert_with(|| Entry { life: Life::from_event(&event), drop_at: None });
        let verdict = entry.life.apply(&event, at);
        self.collect_work(id);
        self.changes.containers.insert(id);
        self.calls.overtake(id);
        if event.happening == Happening::Destroy {
            self.gone(id, now);
        }
        let known = self.entries.get(&id).is_some_and(|entry| entry.life.settled);
        match verdict {
            _ if self.is_removed(id) => self.changes.hits += 1,
            Verdict::InspectNow => self.calls.queue(id, Urgency::Now),
            Verdict::Inspect => self.calls.queue(id, Urgency::Normal),
            Verdict::Known if !known => self.calls.queue(id, Urgency::Normal),
            Verdict::Known => self.changes.hits += 1,
        }
    }

    /// What the engine wrote into a container's folder. Without a stream nothing could follow.
    fn wrote(&mut self, id: ContainerId, written: Written, now: Moment) {
        if let (Some(entry), Phase::Listing | Phase::Live { .. }) = (self.entries.get_mut(&id), self.phase) {
            entry.life.work.wrote(written, now.wall);
        }
    }

    fn forget_beginnings(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.life.forget_beginnings());
    }

    /// Hands on what was measured of a container.
    fn collect_work(&mut self, id: ContainerId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let done = entry.life.work.take_done();
        if !done.is_empty() {
            self.changes.containers.insert(id);
            self.changes.work.extend(done.into_iter().map(|(operation, took)| (id, operation, took)));
        }
    }

    /// Whether a container is known that does not run, so that the engine may start or remove it.
    pub(super) fn rests(&self, id: &ContainerId) -> bool {
        let entry = self.entries.get(id).filter(|entry| entry.drop_at.is_none());
        entry.is_some_and(|entry| {
            !matches!(entry.life.container.state.status, Status::Running | Status::Paused)
        })
    }

    /// Whether a container is known, shown or not.
    pub(super) fn knows(&self, id: &ContainerId) -> bool {
        self.entries.contains_key(id)
    }

    fn is_removed(&self, id: ContainerId) -> bool {
        self.entries.get(&id).is_none_or(|entry| entry.drop_at.is_some())
    }

    /// The engine has it no more: it lingers, and is dropped later.
    fn gone(&mut self, id: ContainerId, now: Moment) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.life.removed(now.wall);
        entry.drop_at.get_or_insert(now.uptime + self.linger);
        self.awaited.remove(&id);
        self.changes.containers.insert(id);
        self.calls.cancel(id);
        self.want_image(id);
    }

    fn want_image(&mut self, id: ContainerId) {
        if let Some(key) = self.entries.get(&id).and_then(|entry| image_key(&entry.life)) {
            self.images.want(key);
        }
    }

    fn inspected(&mut self, id: ContainerId, answer: Answer<Box<Details>>, now: Moment) {
        let overtaken = self.calls.answered(id);
        self.awaited.remove(&id);
        let removed = self.is_removed(id);
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match answer {
            Answer::Found(details) => {
                self.calls.succeeded(id);
                entry.life.inspected(*details, overtaken);
                let pid = entry.life.container.state.pid;
                self.collect_work(id);
                if overtaken && !removed {
                    self.calls.queue(id, Urgency::Now);
                }
                let missed = self.doubts.confirmed_by(id, pid);
                self.missed(missed, now);
            }
            Answer::Gone => self.gone(id, now),
            Answer::Failed => {
                entry.life.settled = true;
                if !removed {
                    self.calls.retry_later(id, now.uptime);
                }
                self.ping();
            }
        }
        self.changes.containers.insert(id);
        self.want_image(id);
    }

    fn image_inspected(&mut self, key: &str, answer: Answer<Labels>) {
        self.images.answered(key, answer);
        let users = self.entries.iter().filter(|(_, entry)| image_key(&entry.life) == Some(key));
        self.changes.containers.extend(users.map(|(id, _)| *id));
    }

    /// Calls for which there is room.
    fn ask_next(&mut self) {
        if !matches!(self.phase, Phase::Listing | Phase::Live { .. }) {
            return;
        }
        while let Some(id) = self.calls.next() {
            self.actions.push(Action::Inspect(id));
        }
        while let Some(key) = self.images.next_call() {
            self.actions.push(Action::InspectImage(key));
        }
    }
}

/// What a container's image is asked for by: its id; its reference, once it is clear that
/// no id will come; nothing, as long as one may.
fn image_key(life: &Life) -> Option<&str> {
    let (id, reference) = (life.container.image_id.as_str(), life.container.image.as_str());
    match (id.is_empty(), life.settled && !reference.is_empty()) {
        (false, _) => Some(id),
        (true, true) => Some(reference),
        (true, false) => None,
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
