//! What one sender has sent: its streams, each a metric with its series, and the budgets that
//! bound them.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::exemplars::Room;
use super::lock;
use super::names::{NameRefused, Names};
use super::series::Series;
use super::traffic::{Load, Role, Traffic, covered, has_failed};
use super::value::{Unusable, Update};
use crate::ingest::labels::labels;
use crate::ingest::otlp::model::{Attribute, Exemplar};
use crate::inventory::ContainerId;
use crate::metrics::foreign::Foreign;
use crate::metrics::{Kind, LabelBlock};
use crate::tenant::{LabelValue, Tenant};

/// Ways in which one thing may come, on average, before all are forgotten and found anew: a
/// sender that shuffles attributes pays itself.
const ALIASES: usize = 4;

/// Series are kept for so many times the time between two requests of their sender, if that is
/// longer than the usual limit.
const INTERVALS_KEPT: u32 = 3;

/// A sender is remembered for so many times as long as its series, since one that comes seldom
/// would be new each time.
const REMEMBERED: u32 = 12;

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Series of one tenant.
    pub(crate) series_per_tenant: u64,
    /// Programs of one tenant, by service and instance.
    pub(crate) senders_per_tenant: u64,
    /// Metrics of one tenant.
    pub(crate) metrics_per_tenant: u64,
    /// Series of one metric of one sender.
    pub(crate) series_per_metric: u64,
    /// Series of all.
    pub(crate) series_total: u64,
    /// How long a series is kept that is not sent any more.
    pub(crate) idle: Duration,
}

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

/// How many of something there may be, and are.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u64,
    used: AtomicU64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Budget { most, used: AtomicU64::new(0) }
    }

    fn take(&self) -> bool {
        let more = |used| (used < self.most).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, count: u64) {
        self.used.fetch_sub(count, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// What a tenant may use, by all its senders together.
#[derive(Debug)]
pub(super) struct TenantBudget {
    senders: Budget,
    metrics: Budget,
    series: Budget,
}

impl TenantBudget {
    pub(super) fn new(limits: Limits) -> Self {
        TenantBudget {
            senders: Budget::new(limits.senders_per_tenant),
            metrics: Budget::new(limits.metrics_per_tenant),
            series: Budget::new(limits.series_per_tenant),
        }
    }
}

/// The budgets that a sender draws on.
#[derive(Clone, Debug)]
pub(super) struct Budgets {
    pub(super) tenant: Arc<TenantBudget>,
    /// Series of all.
    pub(super) all: Arc<Budget>,
}

impl Budgets {
    fn take_series(&self) -> Result<(), Refused> {
        if !self.tenant.series.take() {
            return Err(Refused::Limit("series of this tenant"));
        }
        if !self.all.take() {
            self.tenant.series.give_back(1);
            return Err(Refused::Limit("series in all"));
        }
        Ok(())
    }

    fn give_back(&self, metrics: u64, series: u64) {
        self.tenant.metrics.give_back(metrics);
        self.tenant.series.give_back(series);
        self.all.give_back(series);
    }
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
}

impl Refused {
    /// The word of the label `reason`.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Refused::Unusable(_) => "unusable",
            Refused::Name(_) | Refused::NoName => "name",
            Refused::Limit(_) => "limit",
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
    /// The container that they came from last, where that is known.
    pub(super) container: Option<ContainerId>,
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

/// The series of one metric.
#[derive(Debug)]
struct Stream {
    family: Arc<Foreign>,
    /// Who has measured all of it; nobody yet while it is empty.
    by: Option<By>,
    /// Since when there is any.
    begun: Instant,
    /// What has come lately, where that is asked for.
    traffic: Option<(Role, Box<Traffic>)>,
    series: Vec<Series>,
    /// Series by the hash of their labels, and by those of attributes as they came.
    by_labels: HashMap<u64, usize>,
    by_attributes: HashMap<u64, usize>,
}

impl Streams {
    /// A sender without any series yet.
    ///
    /// # Errors
    /// Its tenant has too many.
    pub(super) fn new(sender: &Sender, budgets: Budgets, now: Instant) -> Result<Self, Refused> {
        if !budgets.tenant.senders.take() {
            return Err(Refused::Limit("programs of this tenant"));
        }
        let own = [("service", sender.service.as_str()), ("service_instance", sender.instance.as_str())];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        Ok(Streams {
            labels: Arc::new(LabelBlock::of_tenant(&sender.tenant, own)),
            budgets,
            hasher: RandomState::new(),
            streams: Vec::new(),
            identities: HashMap::new(),
            container: None,
            seen: now,
            interval: Duration::ZERO,
        })
    }

    /// Removes series that have not come for long, and metrics without any.
    pub(super) fn expire(&mut self, now: Instant, idle: Duration) {
        let idle = idle.max(self.interval * INTERVALS_KEPT);
        let metrics = self.streams.len();
        let series: u64 = self.streams.iter_mut().map(|stream| stream.expire(now, idle)).sum();
        self.streams.retain(|stream| !stream.series.is_empty());
        if self.streams.len() < metrics {
            self.identities.clear();
        }
        self.budgets.give_back((metrics - self.streams.len()) as u64, series);
    }

    /// Whether nothing is left, and nothing has come for so long that it may be forgotten how
    /// often the sender came.
    pub(super) fn is_gone(&self, now: Instant, idle: Duration) -> bool {
        self.streams.is_empty() && now.saturating_duration_since(self.seen) > idle * REMEMBERED
    }

    pub(super) fn families(&self) -> impl Iterator<Item = Arc<Foreign>> {
        self.streams.iter().map(|stream| stream.family.clone())
    }

    /// The series of a family.
    pub(super) fn of<'a>(&'a self, family: &'a Arc<Foreign>) -> impl Iterator<Item = &'a Series> {
        let streams = self.streams.iter().filter(move |stream| Arc::ptr_eq(&stream.family, family));
        streams.flat_map(|stream| &stream.series)
    }

    /// What has come lately of each metric of which that is asked, and the time that it is of.
    pub(super) fn traffic(&self, now: Instant) -> impl Iterator<Item = (Role, Load, Duration)> {
        let asked = self.streams.iter().filter_map(|stream| stream.traffic.as_ref());
        asked.map(move |(role, traffic)| {
            let (load, over) = traffic.now(now);
            (*role, load, over)
        })
    }

    /// The place of the stream of a family; a new one if there is room.
    fn place(&mut self, family: Arc<Foreign>) -> Result<usize, Refused> {
        let known = self.streams.iter().position(|stream| Arc::ptr_eq(&stream.family, &family));
        if let Some(place) = known {
            return Ok(place);
        }
        if !self.budgets.tenant.metrics.take() {
            return Err(Refused::Limit("metrics of this tenant"));
        }
        self.streams.push(Stream::new(family, self.seen));
        Ok(self.streams.len() - 1)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let series = self.streams.iter().map(|stream| stream.series.len() as u64).sum();
        self.budgets.give_back(self.streams.len() as u64, series);
        self.budgets.tenant.senders.give_back(1);
    }
}

impl Stream {
    fn new(family: Arc<Foreign>, now: Instant) -> Self {
        let traffic = Role::of(family.name()).map(|role| (role, Box::default()));
        Stream {
            family,
            by: None,
            begun: now,
            traffic,
            series: Vec::new(),
            by_labels: HashMap::new(),
            by_attributes: HashMap::new(),
        }
    }

    /// Removes what is idle and says how much that was. Places move, so all ways to them are
    /// forgotten but the labels', which are rendered and can be hashed again.
    fn expire(&mut self, now: Instant, idle: Duration) -> u64 {
        let before = self.series.len();
        let old = |series: &Series| now.saturating_duration_since(series.seen) > idle;
        if !self.series.iter().any(old) {
            return 0;
        }
        self.by_attributes.clear();
        let mut kept = HashMap::with_capacity(self.by_labels.len());
        let mut place = 0;
        let by_place: HashMap<usize, u64> =
            self.by_labels.drain().map(|(hash, place)| (place, hash)).collect();
        let mut index = 0;
        self.series.retain(|series| {
            let stays = !old(series);
            if stays {
                kept.extend(by_place.get(&index).map(|hash| (*hash, place)));
                place += 1;
            }
            index += 1;
            stays
        });
        self.by_labels = kept;
        (before - self.series.len()) as u64
    }
}

/// Writes what a sender sends.
pub(crate) struct Writer<'a> {
    streams: &'a mut Streams,
    names: &'a Mutex<Names>,
    limits: Limits,
    now: Instant,
}

/// A metric of a sender, found once for all its points.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamId(usize);

/// When a point counts from, and when it was taken, in nanoseconds of the sender's clock.
pub(crate) type Times = (u64, u64);

impl<'a> Writer<'a> {
    pub(super) fn new(
        streams: &'a mut Streams,
        names: &'a Mutex<Names>,
        limits: Limits,
        now: Instant,
    ) -> Self {
        let since = now.saturating_duration_since(streams.seen);
        // It shrinks slowly, so that one request that is sent again soon does not make it short.
        streams.interval = since.max(streams.interval * 7 / 8);
        streams.seen = now;
        Writer { streams, names, limits, now }
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
        let place = self.streams.place(family)?;
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
        let Some(stream) = streams.get_mut(place) else { return false };
        match (stream.by, by) {
            (Some(By::Program), By::Spans) => return false,
            (Some(By::Spans), By::Program) => budgets.give_back(0, stream.clear()),
            _ => {}
        }
        stream.by = Some(by);
        true
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
        let (now, limits) = (self.now, self.limits);
        let Streams { labels: shared, budgets, hasher, streams, .. } = &mut *self.streams;
        let Some(stream) = streams.get_mut(place) else { return Ok(()) };
        let as_it_came = hash_of(hasher, attributes);
        let place = match stream.by_attributes.get(&as_it_came) {
            Some(place) => *place,
            None => {
                let place = stream.place(attributes, shared, hasher, budgets, limits, now)?;
                if stream.by_attributes.len() > ALIASES * stream.series.len() {
                    stream.by_attributes.clear();
                }
                stream.by_attributes.insert(as_it_came, place);
                place
            }
        };
        let Some(series) = stream.series.get_mut(place) else { return Ok(()) };
        let Some((_, traffic)) = &mut stream.traffic else {
            series.take(update, times, now)?;
            return Ok(());
        };
        let before = series.value.as_ref().map(Load::of);
        let covers = covered(&update, times, series.time_ns());
        series.take(update, times, now)?;
        // The first state of a program may hold all that it has done for days.
        if covers.is_some() || stream.begun < now {
            let after = series.value.as_ref().map(Load::of).unwrap_or_default();
            let more = after.since(&before.unwrap_or_default()).failed(has_failed(attributes));
            traffic.add(&more, covers.unwrap_or_default(), now);
        }
        Ok(())
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
        let Some(stream) = streams.get_mut(place) else { return };
        let place = stream.by_attributes.get(&hash_of(hasher, attributes));
        if let Some(series) = place.and_then(|place| stream.series.get_mut(*place)) {
            series.take_exemplars(sent, room);
        }
    }

    /// The sender says that a series has ended.
    pub(crate) fn end(&mut self, StreamId(place): StreamId, attributes: &[Attribute<'_>]) {
        let Streams { budgets, hasher, streams, .. } = &mut *self.streams;
        let Some(stream) = streams.get_mut(place) else { return };
        let (labels, _) = labels(attributes);
        if let Some(place) = stream.by_labels.remove(&hasher.hash_one(&labels)) {
            stream.remove(place);
            budgets.give_back(0, 1);
        }
    }
}

impl Stream {
    /// The place of the series with these attributes; a new one if there is room.
    fn place(
        &mut self,
        attributes: &[Attribute<'_>],
        shared: &Arc<LabelBlock>,
        hasher: &RandomState,
        budgets: &Budgets,
        limits: Limits,
        now: Instant,
    ) -> Result<usize, Refused> {
        let (labels, _) = labels(attributes);
        let hash = hasher.hash_one(&labels);
        if let Some(place) = self.by_labels.get(&hash) {
            return Ok(*place);
        }
        if self.series.len() as u64 >= limits.series_per_metric {
            return Err(Refused::Limit("series of this metric"));
        }
        budgets.take_series()?;
        let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.series.push(Series::new(LabelBlock::within(shared, pairs), now));
        self.by_labels.insert(hash, self.series.len() - 1);
        Ok(self.series.len() - 1)
    }

    /// Removes all series and says how many there were.
    fn clear(&mut self) -> u64 {
        let before = self.series.len() as u64;
        *self = Stream::new(self.family.clone(), self.begun);
        before
    }

    /// Removes the series at a place; the last one takes it.
    fn remove(&mut self, place: usize) {
        let last = self.series.len() - 1;
        self.series.swap_remove(place);
        self.by_attributes.clear();
        self.by_labels.values_mut().filter(|at| **at == last).for_each(|at| *at = place);
    }
}

/// A hash of attributes in their order.
fn hash_of(hasher: &RandomState, attributes: &[Attribute<'_>]) -> u64 {
    let mut state = hasher.build_hasher();
    for attribute in attributes {
        attribute.key.hash(&mut state);
        attribute.value.hash_into(&mut state);
    }
    state.finish()
}
