//! What one sender has sent: its streams, each a metric with its series, and the budgets that
//! bound them.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::budget::Budgets;
use super::exemplars::Room;
use super::home::Home;
use super::names::{NameRefused, Names};
use super::stream::{ALIASES, Around, Routes, Stream};
use super::traffic::{Load, Role};
use super::value::{Unusable, Update};
use super::{Shown, lock};
use crate::config::Naming;
use crate::ingest::otlp::model::{Attribute, Exemplar};
use crate::ingest::standard::Instrument;
use crate::ingest::standard::upgrade::Convention;
use crate::ingest::watch::{Watch, Watcher};
use crate::inventory::ContainerId;
use crate::metrics::foreign::Foreign;
use crate::metrics::{Kind, LabelBlock};
use crate::tenant::{LabelValue, Tenant};

/// Series are kept for so many times the time between two requests of their sender, if that is
/// longer than the usual limit.
const INTERVALS_KEPT: u32 = 3;

/// A sender is remembered for so many times as long as its series, since one that comes seldom
/// would be new each time.
const REMEMBERED: u32 = 12;

/// What a sender takes beside its metrics.
const SENDER_BYTES: u64 = 2 * size_of::<Streams>() as u64 + 1_000;

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Sender {
    /// Whose program it is.
    pub(crate) tenant: Tenant,
    /// What the program calls itself.
    pub(crate) service: LabelValue,
    /// Which one of its like it is.
    pub(crate) instance: LabelValue,
}

/// Why a point is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// It makes no sense.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// Its name is not to be had.
    #[error(transparent)]
    Name(#[from] NameRefused),
    /// It has none.
    #[error("a metric has no name")]
    NoName,
    /// There are too many of something.
    #[error("there are too many {0}; what is new is left out until old ones have gone")]
    Limit(&'static str),
    /// It tells everything since the sender's start, and there is no room to remember what it
    /// has told before.
    #[error(
        "there are too many {0}, too many even to be counted together; use fewer values of attributes, or \
         let the exporter send differences (delta)"
    )]
    Overflow(&'static str),
}

impl Refused {
    /// The word of the label `reason`.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Refused::Unusable(_) => "unusable",
            Refused::Name(_) | Refused::NoName => "name",
            Refused::Limit(_) => "limit",
            Refused::Overflow(_) => "overflow",
        }
    }
}

/// The streams of one sender.
#[derive(Debug)]
pub(super) struct Streams {
    labels: Arc<LabelBlock>,
    budgets: Budgets,
    hasher: RandomState,
    /// One for each family.
    streams: Vec<Stream>,
    /// Streams by the hash of what metrics are as they came.
    identities: HashMap<u64, usize>,
    routes: Routes,
    /// The container that they came from last, where that is known.
    pub(super) container: Option<ContainerId>,
    /// The container that it runs in.
    home: Home,
    /// Who wants to know what comes.
    watch: Watch,
    seen: Instant,
    /// The longest time between two requests of late.
    interval: Duration,
}

/// Who has measured what is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The program itself.
    Program,
    /// Its spans, which stand in where the program measures nothing itself.
    Spans,
}

impl Streams {
    /// A sender without any series yet.
    ///
    /// # Errors
    /// Its tenant has too many.
    pub(super) fn new(
        sender: &Sender,
        budgets: Budgets,
        watch: Watch,
        now: Instant,
    ) -> Result<Self, Refused> {
        if !budgets.tenant.senders.take() {
            return Err(Refused::Limit("programs of this tenant"));
        }
        budgets.change_bytes(0, SENDER_BYTES);
        let own = [("service", sender.service.as_str()), ("service_instance", sender.instance.as_str())];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        Ok(Streams {
            labels: Arc::new(LabelBlock::of_tenant(&sender.tenant, own)),
            budgets,
            hasher: RandomState::new(),
            streams: Vec::new(),
            identities: HashMap::new(),
            routes: Routes::new(),
            container: None,
            home: Home::default(),
            watch,
            seen: now,
            interval: Duration::ZERO,
        })
    }

    /// Notes in which container the sender is, and who wants to know what comes from it.
    pub(super) fn come_from(
        &mut self,
        sender: &Sender,
        container: Option<ContainerId>,
        watcher: Option<&dyn Watcher>,
    ) {
        self.container = container;
        if let Some(watcher) = watcher {
            self.watch.refresh(watcher, &sender.tenant, &sender.service, container);
        }
    }

    /// Removes series that have not come for long, and metrics without any.
    pub(super) fn expire(&mut self, now: Instant, idle: Duration) {
        let idle = idle.max(self.interval * INTERVALS_KEPT);
        let Streams { budgets, streams, identities, routes, watch, .. } = self;
        streams.iter_mut().for_each(|stream| stream.expire(budgets, now, idle));
        let before = streams.len();
        streams.retain_mut(|stream| {
            let stays = !stream.is_empty();
            if !stays {
                watch.forget(stream.forgotten_ns());
                give_back(stream, budgets);
            }
            stays
        });
        if streams.len() < before {
            identities.clear();
        }
        routes.retain(|route| Arc::strong_count(route) > 1);
    }

    /// Whether nothing is left, and nothing has come for so long that it may be forgotten how
    /// often the sender came.
    pub(super) fn is_gone(&self, now: Instant, idle: Duration) -> bool {
        self.streams.is_empty() && now.saturating_duration_since(self.seen) > idle * REMEMBERED
    }

    /// The labels of all its series, if there are any.
    pub(super) fn shown(&self) -> Option<&LabelBlock> {
        (!self.streams.is_empty()).then_some(&*self.labels)
    }

    /// The container that it runs in, where that is sure.
    pub(super) fn home(&self, now: Instant) -> Option<ContainerId> {
        self.home.container(now)
    }

    /// The families under which the sender's series are shown.
    pub(super) fn families(&self, naming: Naming) -> impl Iterator<Item = Arc<Foreign>> {
        self.streams.iter().flat_map(move |stream| {
            let own = is_shown_plain(stream, naming).then(|| stream.family.clone());
            let classic = stream.aliases.iter().filter(move |_| naming.has_classic());
            own.into_iter().chain(classic.map(|(family, _)| family.clone()))
        })
    }

    /// Shows the series of a family. What the program itself sends under a classic name stands
    /// before what would have the same labels there.
    pub(super) fn show(
        &self,
        family: &Arc<Foreign>,
        naming: Naming,
        visit: &mut dyn FnMut(&LabelBlock, Shown<'_>),
    ) {
        let own = self.streams.iter().find(|stream| Arc::ptr_eq(&stream.family, family));
        if let Some(own) = own.filter(|own| is_shown_plain(own, naming)) {
            own.own(visit);
        }
        for stream in self.streams.iter().filter(|_| naming.has_classic()) {
            for (_, alias) in stream.aliases.iter().filter(|(known, _)| Arc::ptr_eq(known, family)) {
                stream.classic(alias, |hash| own.is_some_and(|own| own.shows(hash)), visit);
            }
        }
    }

    /// What has come lately of each metric of which that is asked, and the time that it is of.
    pub(super) fn traffic(&self, now: Instant) -> impl Iterator<Item = (Role, Load, Duration)> {
        self.streams.iter().filter_map(move |stream| stream.traffic(now))
    }

    /// The place of the stream of a family; a new one if there is room.
    fn place(&mut self, family: Arc<Foreign>, names: &Mutex<Names>) -> Result<usize, Refused> {
        let known = self.streams.iter().position(|stream| Arc::ptr_eq(&stream.family, &family));
        if let Some(place) = known {
            return Ok(place);
        }
        if !self.budgets.tenant.metrics.take() {
            return Err(Refused::Limit("metrics of this tenant"));
        }
        let instrument = Instrument::of(family.name(), family.kind());
        let aliases = instrument.into_iter().flat_map(Instrument::aliases);
        let mut names = lock(names);
        // A classic name that is not to be had is the only one that is not shown.
        let aliases = aliases
            .filter_map(|alias| Some((names.family(alias.name, alias.kind, alias.help).ok()?, alias)))
            .collect();
        let budget = self.budgets.tenant.of_metric(family.name());
        let stream = Stream::new(family, aliases, budget, self.seen);
        self.budgets.change_bytes(0, stream.bytes());
        self.streams.push(stream);
        Ok(self.streams.len() - 1)
    }
}

/// Whether a stream is shown under its own name.
fn is_shown_plain(stream: &Stream, naming: Naming) -> bool {
    stream.instrument.is_none() || naming.has_conventions()
}

/// Gives back all that a stream has taken.
fn give_back(stream: &mut Stream, budgets: &Budgets) {
    stream.clear(budgets);
    budgets.change_bytes(stream.bytes(), 0);
    budgets.tenant.metrics.give_back(1);
}

impl Drop for Streams {
    fn drop(&mut self) {
        let Streams { budgets, streams, watch, .. } = self;
        for stream in streams {
            give_back(stream, budgets);
            watch.forget(stream.forgotten_ns());
        }
        budgets.change_bytes(SENDER_BYTES, 0);
        budgets.tenant.senders.give_back(1);
    }
}

/// Writes what a sender sends.
pub(crate) struct Writer<'a> {
    streams: &'a mut Streams,
    names: &'a Mutex<Names>,
    now: Instant,
}

/// A metric of a sender, found once for all its points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamId(usize);

/// When a point counts from, and when it was taken, in nanoseconds of the sender's clock.
pub(crate) type Times = (u64, u64);

impl<'a> Writer<'a> {
    pub(super) fn new(streams: &'a mut Streams, names: &'a Mutex<Names>, now: Instant) -> Self {
        let since = now.saturating_duration_since(streams.seen);
        // It shrinks slowly, so that one request that is sent again soon does not make it short.
        streams.interval = since.max(streams.interval * 7 / 8);
        streams.seen = now;
        Writer { streams, names, now }
    }

    /// Notes in which container the sender runs, if that is known.
    pub(crate) fn runs_in(&mut self, container: Option<ContainerId>) {
        self.streams.home.see(container, self.now);
    }

    /// The stream of a metric. `identity` is what tells it from others as it came; only if it
    /// is new, `name` makes the name, kind and help of its family.
    ///
    /// # Errors
    /// The name is refused, or there are too many.
    pub(crate) fn stream(
        &mut self,
        identity: impl Hash,
        name: impl FnOnce() -> Result<(String, Kind, String), Refused>,
    ) -> Result<StreamId, Refused> {
        let hash = self.streams.hasher.hash_one(identity);
        if let Some(place) = self.streams.identities.get(&hash) {
            return Ok(StreamId(*place));
        }
        let (name, kind, help) = name()?;
        let family = lock(self.names).family(&name, kind, &help)?;
        let place = self.streams.place(family, self.names)?;
        if self.streams.identities.len() > ALIASES * self.streams.streams.len() {
            self.streams.identities.clear();
        }
        self.streams.identities.insert(hash, place);
        Ok(StreamId(place))
    }

    /// Whether a stream takes what `by` measures. The program's own measurements hold all that
    /// its spans tell: with the first one, what spans have counted goes, and no more of them
    /// count until the program has not sent any for so long that its series have gone.
    pub(crate) fn takes(&mut self, StreamId(place): StreamId, by: By) -> bool {
        let Streams { budgets, streams, .. } = &mut *self.streams;
        streams.get_mut(place).is_some_and(|stream| stream.takes(by, budgets, self.now))
    }

    /// Takes a point of a stream that the program itself has measured.
    ///
    /// # Errors
    /// It makes no sense, or there is no room for its series.
    pub(crate) fn point(
        &mut self,
        stream: StreamId,
        attributes: &[Attribute<'_>],
        update: Update<'_>,
        times: Times,
    ) -> Result<(), Refused> {
        self.takes(stream, By::Program);
        self.add(stream, attributes, update, times)
    }

    /// Takes a measurement of a stream that takes it.
    ///
    /// # Errors
    /// It makes no sense, or there is no room for its series.
    pub(crate) fn add(
        &mut self,
        StreamId(place): StreamId,
        attributes: &[Attribute<'_>],
        update: Update<'_>,
        times: Times,
    ) -> Result<(), Refused> {
        let Streams { labels: shared, budgets, hasher, streams, routes, watch, .. } = &mut *self.streams;
        let Some(stream) = streams.get_mut(place) else { return Ok(()) };
        let mut around = Around { shared, hasher, budgets, routes, watch, now: self.now };
        stream.point(attributes, update, times, &mut around)
    }

    /// Notes by which conventions a metric comes: false if its points are there already, by
    /// newer ones.
    pub(crate) fn comes_by(&mut self, StreamId(place): StreamId, convention: Convention) -> bool {
        let Streams { budgets, streams, .. } = &mut *self.streams;
        streams.get_mut(place).is_none_or(|stream| stream.comes_by(convention, budgets, self.now))
    }

    /// Takes exemplars that have come with a point that was taken.
    pub(crate) fn exemplars(
        &mut self,
        StreamId(place): StreamId,
        attributes: &[Attribute<'_>],
        sent: &[Exemplar<'_>],
        room: &Arc<Room>,
    ) {
        let Streams { hasher, streams, .. } = &mut *self.streams;
        if let Some(stream) = streams.get_mut(place) {
            stream.exemplars(attributes, sent, room, hasher);
        }
    }

    /// The sender says that a series has ended.
    pub(crate) fn end(&mut self, StreamId(place): StreamId, attributes: &[Attribute<'_>]) {
        let Streams { budgets, hasher, streams, .. } = &mut *self.streams;
        if let Some(stream) = streams.get_mut(place) {
            stream.end(attributes, hasher, budgets);
        }
    }
}
