//! The series of one metric of one sender.
//!
//! A series stands under labels of its own, unless it is a part of totals only: where attributes
//! that are no labels tell it from others, or beyond a bound.

mod show;

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::{Budget, Budgets, Full};
use super::exemplars::{self, Room};
use super::keyed::{ByHash, hash_of};
use super::series::{Series, Taken};
use super::total::{First, TOTAL_BYTES, Total, TotalId, Totals};
use super::traffic::{Load, Role, Traffic, covered, has_failed};
use super::value::{Stored, Update, apply};
use super::{By, Refused};
use crate::ingest::labels::labels;
use crate::ingest::otlp::model::{Attribute, Exemplar};
use crate::ingest::route::template;
use crate::ingest::standard::upgrade::Convention;
use crate::ingest::standard::{self, Alias, Instrument};
use crate::ingest::watch::Watch;
use crate::metrics::foreign::Foreign;
use crate::metrics::{Kind, LabelBlock};
use crate::tenant::OTHER;

/// Ways in which one thing may come, on average, before all are forgotten and found anew: a
/// sender that shuffles attributes pays itself.
pub(super) const ALIASES: usize = 4;

/// Routes that one program may have; any more are `other`.
const MOST_ROUTES: usize = 500;

/// The label of what is beyond a bound.
const OVERFLOW: (&str, &str) = ("overflow", "true");

/// What a series takes beside its labels and its value: itself, the ways to it, and the room
/// that growing lists and maps keep.
const SERIES_BYTES: u64 = 2 * size_of::<Series>() as u64 + 120;

/// The same for the metric as a whole.
pub(super) const STREAM_BYTES: u64 = 2 * size_of::<Stream>() as u64 + 600;

/// What is kept of what has come lately.
const TRAFFIC_BYTES: u64 = 16 * size_of::<Load>() as u64;

/// The routes of a program, each held by the series that have it.
pub(super) type Routes = HashSet<Arc<str>>;

/// The series of one metric.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) family: Arc<Foreign>,
    /// What it is known as to dashboards, if it is.
    pub(super) instrument: Option<&'static Instrument>,
    /// Its classic names.
    pub(super) aliases: Vec<(Arc<Foreign>, &'static Alias)>,
    series: Vec<Series>,
    totals: Totals,
    /// Series by the hash of their labels as they came, and by those of attributes.
    by_labels: ByHash,
    by_attributes: ByHash,
    /// The series of this metric of all programs of the tenant.
    budget: Arc<Budget>,
    convention: Option<Convention>,
    /// Who has measured all of it; nobody yet while it is empty.
    by: Option<By>,
    /// Which of its points say what spans have told.
    repeats: Repeats,
    /// Since when there is any.
    begun: Instant,
    /// What has come lately, where that is asked for.
    traffic: Option<(Role, Box<Traffic>)>,
    /// The latest time, by the sender's clock, of a series that is gone.
    forgotten_ns: u64,
    /// What its series and totals take.
    bytes: u64,
}

/// What a stream draws on while a point is taken.
pub(super) struct Around<'a> {
    pub(super) shared: &'a Arc<LabelBlock>,
    pub(super) hasher: &'a RandomState,
    pub(super) budgets: &'a Budgets,
    pub(super) routes: &'a mut Routes,
    /// Who wants to know what comes.
    pub(super) watch: &'a Watch,
    pub(super) now: Instant,
}

/// Which points of a program say what its spans have told: those of its first export, which
/// have the same time, or times before.
#[derive(Clone, Copy, Debug)]
enum Repeats {
    Nothing,
    /// Nothing has been exported yet.
    First,
    /// Up to this time of the sender's clock.
    UpTo(u64),
}

impl Repeats {
    /// Whether a first point of a series is one of them. One without a time is a single
    /// measurement.
    fn holds(&mut self, time_ns: u64) -> bool {
        match *self {
            _ if time_ns == 0 => false,
            Repeats::Nothing => false,
            Repeats::First => {
                *self = Repeats::UpTo(time_ns);
                true
            }
            Repeats::UpTo(end) => time_ns <= end,
        }
    }
}

/// Where a point counts.
enum Place {
    Series(usize),
    /// In a total alone.
    Total(TotalId),
}

impl Stream {
    pub(super) fn new(
        family: Arc<Foreign>,
        aliases: Vec<(Arc<Foreign>, &'static Alias)>,
        budget: Arc<Budget>,
        now: Instant,
    ) -> Self {
        Stream {
            begun: now,
            traffic: Role::of(family.name()).map(|role| (role, Box::default())),
            instrument: Instrument::of(family.name(), family.kind()),
            family,
            aliases,
            series: Vec::new(),
            totals: Totals::default(),
            by_labels: ByHash::default(),
            by_attributes: ByHash::default(),
            budget,
            convention: None,
            by: None,
            repeats: Repeats::Nothing,
            forgotten_ns: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.series.is_empty() && self.totals.is_empty()
    }

    /// What it takes, all of it.
    pub(super) fn bytes(&self) -> u64 {
        let traffic = if self.traffic.is_some() { TRAFFIC_BYTES } else { 0 };
        STREAM_BYTES + traffic + self.bytes
    }

    /// What has come lately, if that is asked, and the time that it is of.
    pub(super) fn traffic(&self, now: Instant) -> Option<(Role, Load, Duration)> {
        let (role, traffic) = self.traffic.as_ref()?;
        let (load, over) = traffic.now(now);
        Some((*role, load, over))
    }

    /// Takes a point.
    pub(super) fn point(
        &mut self,
        attributes: &[Attribute<'_>],
        update: Update<'_>,
        times: (u64, u64),
        around: &mut Around<'_>,
    ) -> Result<(), Refused> {
        let as_it_came = hash_of(around.hasher, attributes);
        let place = match self.by_attributes.get(&as_it_came) {
            Some(place) => Place::Series(*place),
            None => self.place(attributes, &update, as_it_came, around)?,
        };
        match place {
            Place::Series(place) => self.take(place, attributes, update, times, around),
            Place::Total(id) => {
                let gain = apply(None, update).map_err(|(_, why)| why)?;
                if let Some((_, traffic)) = &mut self.traffic {
                    let covers = covered(&update, times, 0).unwrap_or_default();
                    traffic.add(&Load::of(&gain).failed(has_failed(attributes)), covers, around.now);
                }
                around.watch.take(self.family.name(), attributes, &gain);
                let before = self.totals.bytes();
                self.totals.gain_untracked(id, &gain, around.now);
                self.change_bytes(around.budgets, before, self.totals.bytes());
                Ok(())
            }
        }
    }

    fn take(
        &mut self,
        place: usize,
        attributes: &[Attribute<'_>],
        update: Update<'_>,
        times: (u64, u64),
        around: &Around<'_>,
    ) -> Result<(), Refused> {
        let Some(series) = self.series.get_mut(place) else { return Ok(()) };
        let parts = [series.shown_in, series.classic];
        let gauge = self.family.kind() == Kind::Gauge;
        let watched = !gauge && around.watch.wants(self.family.name());
        let before = (watched || (!gauge && parts != [None, None])).then(|| series.value.clone());
        let size = series.value.as_ref().map_or(0, Stored::heap_bytes);
        let growth = update.heap_bytes().saturating_sub(size);
        if growth > 0 && !around.budgets.has_room(growth) {
            return Err(Refused::Limit(Full::Memory.what()));
        }
        let load = self.traffic.as_ref().map(|_| series.value.as_ref().map(Load::of).unwrap_or_default());
        let covers = covered(&update, times, series.time_ns());
        let taken = series.take(update, times, around.now)?;
        // The first state of a program may hold all that it has done for days.
        if let (Some((_, traffic)), Some(load)) = (&mut self.traffic, load)
            && (covers.is_some() || self.begun < around.now)
        {
            let after = series.value.as_ref().map(Load::of).unwrap_or_default();
            let more = after.since(&load).failed(has_failed(attributes));
            traffic.add(&more, covers.unwrap_or_default(), around.now);
        }
        let grown = series.value.as_ref().map_or(0, Stored::heap_bytes);
        let totals = self.totals.bytes();
        if let (Some(after), Some(before)) = (&series.value, before)
            && taken != Taken::Known
        {
            let first = match before.is_none() {
                true if self.repeats.holds(times.1) => First::Repeats,
                true if update.is_cumulative() => First::Since(times.0),
                _ => First::New,
            };
            let before = before.filter(|_| taken == Taken::Yes);
            let is_new = match first {
                First::New => true,
                First::Repeats => false,
                First::Since(start) => {
                    let is_known = self.begun < around.now;
                    around.watch.trusts(start, is_known, self.forgotten_ns)
                }
            };
            if watched && is_new {
                around.watch.take(self.family.name(), attributes, &after.gained(before.as_ref()));
            }
            for id in parts.into_iter().flatten() {
                self.totals.gain(id, before.as_ref(), after, first);
            }
        }
        self.change_bytes(around.budgets, size + totals, grown + self.totals.bytes());
        Ok(())
    }

    /// Where a point counts whose attributes have not been seen in this order.
    fn place(
        &mut self,
        attributes: &[Attribute<'_>],
        update: &Update<'_>,
        as_it_came: u64,
        around: &mut Around<'_>,
    ) -> Result<Place, Refused> {
        let (labels, _) = labels(attributes);
        let hash = around.hasher.hash_one(&labels);
        let place = match self.by_labels.get(&hash) {
            Some(place) => *place,
            None => match self.new_series(labels, hash, update, around)? {
                Place::Series(place) => place,
                untracked => return Ok(untracked),
            },
        };
        if self.by_attributes.len() > ALIASES * self.series.len() {
            self.by_attributes.clear();
        }
        self.by_attributes.insert(as_it_came, place);
        Ok(Place::Series(place))
    }

    fn new_series(
        &mut self,
        labels: Vec<(String, String)>,
        hash: u64,
        update: &Update<'_>,
        around: &mut Around<'_>,
    ) -> Result<Place, Refused> {
        let text: usize = labels.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let needed = SERIES_BYTES + TOTAL_BYTES + 4 * text as u64 + 2 * update.heap_bytes();
        if let Err(full) = around.budgets.take_series(&self.budget, needed) {
            return self.overflowing(hash, update, full, around);
        }
        self.measured(around.budgets, |stream| stream.push(labels, hash, around));
        Ok(Place::Series(self.series.len() - 1))
    }

    fn push(&mut self, labels: Vec<(String, String)>, hash: u64, around: &mut Around<'_>) {
        let mut shown = labels.clone();
        standard::reduce(self.family.name(), &mut shown);
        let route = self.instrument.and_then(|_| admit_route(&mut shown, around.routes));
        let reduced = shown != labels;
        let shown_hash = around.hasher.hash_one(&shown);
        let key = around.hasher.hash_one((PLAIN, shown_hash));
        let shared = around.shared;
        let block = |labels: &[(String, String)]| {
            let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            LabelBlock::within(shared, pairs)
        };
        let shown_in = (reduced || self.totals.has(key)).then(|| {
            let id = self.totals.of(key, || Total::new(block(&shown), shown_hash, true, &[]));
            self.totals.join(id);
            self.absorb(shown_hash, id);
            id
        });
        let classic = self.instrument.and_then(|instrument| {
            let (aliases, labels) = instrument.classic(&shown);
            let first = aliases.first()?;
            let label_hash = around.hasher.hash_one(&labels);
            let key = around.hasher.hash_one((first.name, label_hash));
            let id = self.totals.of(key, || Total::new(block(&labels), label_hash, false, aliases));
            self.totals.join(id);
            Some(id)
        });
        let own = if shown_in.is_some() { LabelBlock::default() } else { block(&shown) };
        let mut series = Series::new(own, around.now);
        (series.shown_in, series.classic, series._route) = (shown_in, classic, route);
        self.series.push(series);
        self.by_labels.insert(hash, self.series.len() - 1);
    }

    /// A series that has stood alone under the labels of a total becomes a member.
    fn absorb(&mut self, label_hash: u64, id: TotalId) {
        let Some(place) = self.by_labels.get(&label_hash) else { return };
        let Some(series) = self.series.get_mut(*place).filter(|series| series.shown_in.is_none()) else {
            return;
        };
        series.shown_in = Some(id);
        self.totals.join(id);
        if let Some(value) = &series.value {
            self.totals.gain(id, None, value, First::New);
        }
    }

    /// Where a new series counts beyond a bound: with all others in one total. What it says is
    /// remembered where there is room; else only differences can be added.
    fn overflowing(
        &mut self,
        hash: u64,
        update: &Update<'_>,
        full: Full,
        around: &mut Around<'_>,
    ) -> Result<Place, Refused> {
        if !matches!(self.family.kind(), Kind::Counter | Kind::Histogram) {
            return Err(Refused::Limit(full.what()));
        }
        let needed = SERIES_BYTES + 2 * update.heap_bytes();
        let tracked = around.budgets.take_tracked(needed);
        if !tracked && update.is_cumulative() {
            return Err(Refused::Overflow(full.what()));
        }
        let aliases = self.instrument.map_or(&[][..], Instrument::always);
        let key = around.hasher.hash_one(OVERFLOW);
        let mut id = 0;
        self.measured(around.budgets, |stream| {
            id = stream.totals.of(key, || {
                let labels = LabelBlock::within(around.shared, [OVERFLOW]);
                Total::new(labels, key, true, aliases)
            });
            if tracked {
                stream.totals.join(id);
                let mut series = Series::new(LabelBlock::default(), around.now);
                (series.shown_in, series.tracked) = (Some(id), true);
                stream.series.push(series);
                stream.by_labels.insert(hash, stream.series.len() - 1);
            }
        });
        if !tracked {
            return Ok(Place::Total(id));
        }
        around.budgets.drop_series(full);
        Ok(Place::Series(self.series.len() - 1))
    }

    /// Notes who measures: false if the stream does not take it from there.
    pub(super) fn takes(&mut self, by: By, budgets: &Budgets, now: Instant) -> bool {
        match (self.by, by) {
            (Some(By::Program), By::Spans) => return false,
            // What spans have told stays in totals, and what the program counts begins there.
            (Some(By::Spans), By::Program) => {
                self.totals.stand_in(now);
                self.retain(budgets, |_| false);
                self.repeats = Repeats::First;
            }
            _ => {}
        }
        self.by = Some(by);
        true
    }

    /// Notes by which conventions the metric comes: false if its points are there already, by
    /// newer ones.
    pub(super) fn comes_by(&mut self, convention: Convention, budgets: &Budgets, now: Instant) -> bool {
        match (self.convention, convention) {
            (Some(Convention::Current), Convention::Old) => return false,
            // What was counted stays in totals, and what comes now begins where that ended.
            (Some(Convention::Old), Convention::Current) => {
                self.totals.hold(now);
                self.retain(budgets, |_| false);
            }
            _ => {}
        }
        self.convention = Some(convention);
        true
    }

    /// Removes what is idle.
    pub(super) fn expire(&mut self, budgets: &Budgets, now: Instant, idle: Duration) {
        let is_old = |since: Instant| now.saturating_duration_since(since) > idle;
        if self.series.iter().any(|series| is_old(series.seen)) {
            self.retain(budgets, |series| !is_old(series.seen));
        }
        let before = self.totals.bytes();
        self.totals.expire(is_old);
        self.change_bytes(budgets, before, self.totals.bytes());
    }

    /// Takes exemplars of the last point of a series, for wherever it is shown.
    pub(super) fn exemplars(
        &mut self,
        attributes: &[Attribute<'_>],
        sent: &[Exemplar<'_>],
        room: &Arc<Room>,
        hasher: &RandomState,
    ) {
        let place = self.by_attributes.get(&hash_of(hasher, attributes));
        let Some(series) = place.and_then(|place| self.series.get_mut(*place)) else { return };
        let exemplars = exemplars::read(sent, series.time_ns());
        if series.shown_in.is_none() {
            series.take_exemplars(&exemplars, room);
        }
        for id in [series.shown_in, series.classic].into_iter().flatten() {
            self.totals.take_exemplars(id, &exemplars, room);
        }
    }

    /// Ends the series with these attributes.
    pub(super) fn end(&mut self, attributes: &[Attribute<'_>], hasher: &RandomState, budgets: &Budgets) {
        let (labels, _) = labels(attributes);
        let Some(ended) = self.by_labels.get(&hasher.hash_one(&labels)).copied() else { return };
        let mut place = 0;
        self.retain(budgets, |_| {
            place += 1;
            place - 1 != ended
        });
    }

    /// Removes all series but those that are kept. Places move, so all ways to them are
    /// forgotten but the labels'.
    fn retain(&mut self, budgets: &Budgets, mut keep: impl FnMut(&Series) -> bool) {
        self.by_attributes.clear();
        let mut hashes: Vec<u64> = vec![0; self.series.len()];
        for (hash, place) in self.by_labels.drain() {
            hashes[place] = hash;
        }
        let (mut series, mut tracked) = (0, 0);
        let mut kept = Vec::with_capacity(self.series.len());
        let before = self.measure();
        for (one, hash) in std::mem::take(&mut self.series).into_iter().zip(hashes) {
            if keep(&one) {
                self.by_labels.insert(hash, kept.len());
                kept.push(one);
                continue;
            }
            self.forgotten_ns = self.forgotten_ns.max(one.time_ns());
            for id in [one.shown_in, one.classic].into_iter().flatten() {
                self.totals.leave(id, one.time_ns());
            }
            *(if one.tracked { &mut tracked } else { &mut series }) += 1;
        }
        kept.shrink_to_fit();
        self.series = kept;
        self.by_labels.shrink_to_fit();
        budgets.give_back_series(&self.budget, series);
        budgets.give_back_tracked(tracked);
        let after = self.measure();
        self.change_bytes(budgets, before, after);
    }

    /// The latest time, by the sender's clock, of a series that is gone.
    pub(super) fn forgotten_ns(&self) -> u64 {
        self.forgotten_ns
    }

    /// Gives back all that the stream has taken.
    pub(super) fn clear(&mut self, budgets: &Budgets) {
        self.retain(budgets, |_| false);
        self.totals = Totals::default();
        budgets.change_bytes(self.bytes, 0);
        self.bytes = 0;
    }

    /// Does something that changes what the stream takes by a series or a total.
    fn measured(&mut self, budgets: &Budgets, change: impl FnOnce(&mut Self)) {
        let (series, totals) = (self.series.len(), self.totals.bytes());
        change(self);
        let added = self.series.get(series..).unwrap_or_default().iter().map(series_bytes).sum::<u64>();
        let now = self.totals.bytes();
        self.change_bytes(budgets, totals, added + now);
    }

    fn measure(&self) -> u64 {
        self.series.iter().map(series_bytes).sum::<u64>() + self.totals.bytes()
    }

    fn change_bytes(&mut self, budgets: &Budgets, before: u64, now: u64) {
        budgets.change_bytes(before, now);
        self.bytes = (self.bytes + now).saturating_sub(before);
    }
}

/// The first word of keys of totals under the name of their stream.
const PLAIN: &str = "";

/// The route among labels, made one that may be shown.
fn admit_route(labels: &mut [(String, String)], routes: &mut Routes) -> Option<Arc<str>> {
    let route = standard::route(labels)?;
    if let Some(known) = routes.get(&**route) {
        return Some(known.clone());
    }
    if routes.len() < MOST_ROUTES {
        let known: Arc<str> = Arc::from(&**route);
        routes.insert(known.clone());
        return Some(known);
    }
    // A program with so many routes has put paths there.
    let other = routes.get(&*template(route)).cloned().unwrap_or_else(|| Arc::from(OTHER));
    (*other).clone_into(route);
    Some(other)
}

fn series_bytes(series: &Series) -> u64 {
    // In text, and as protobuf once somebody asks for that.
    let labels = 2 * series.labels.rendered().len() as u64;
    SERIES_BYTES + labels + series.value.as_ref().map_or(0, Stored::heap_bytes)
}
