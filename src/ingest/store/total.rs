//! What several series are together: under names with fewer labels, or beyond a bound.
//!
//! A total only ever gains what its members gain, so it never falls: not when a member restarts,
//! nor when it goes, whose count stays. Of histograms only what their bounds have in common can
//! be added exactly, and so only that is kept. Totals of gauges are added up when they are shown.

mod form;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::exemplars::{Exemplars, Room};
use super::value::{Stored, StoredBuckets, StoredExponential};
use crate::ingest::standard::Alias;
use crate::metrics::{Exemplar, LabelBlock};

/// A place among totals.
pub(super) type TotalId = u32;

/// Series added up.
#[derive(Debug)]
pub(super) struct Total {
    pub(super) labels: LabelBlock,
    /// A hash of its labels, as series of a stream have them.
    pub(super) label_hash: u64,
    /// Whether it stands under the name of its stream.
    pub(super) plain: bool,
    /// The classic names that it stands under.
    pub(super) aliases: &'static [Alias],
    /// What was counted; of gauges nothing.
    pub(super) value: Option<Stored>,
    members: u32,
    /// The latest time, by the senders' clock, at which a member that is gone was known: what
    /// began before may have been counted.
    forgotten_ns: u64,
    /// When something was counted that no member remembers.
    untracked: Option<Instant>,
    /// Whether it holds what spans have told, until the program itself has counted more.
    stands_in: bool,
    /// The latest of its members, for each bucket; nothing where none have come.
    exemplars: Option<Box<Exemplars>>,
    key: u64,
}

/// What the first value of a member says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// What nobody has counted.
    New,
    /// What was since then, by the sender's clock: if that was before a member went, it may be
    /// that one, and counts from now on.
    Since(u64),
    /// What spans have told, where they have told anything.
    Repeats,
}

/// All totals of a stream.
#[derive(Debug, Default)]
pub(super) struct Totals {
    slots: Vec<Option<Total>>,
    free: Vec<TotalId>,
    by_key: HashMap<u64, TotalId>,
    /// What they take.
    bytes: u64,
}

/// What a total takes beside its labels and its value, with the room that lists keep.
pub(super) const TOTAL_BYTES: u64 = 2 * size_of::<Option<Total>>() as u64 + 60;

impl Totals {
    /// The total of a key; a new one is made by `make`.
    pub(super) fn of(&mut self, key: u64, make: impl FnOnce() -> Total) -> TotalId {
        if let Some(known) = self.by_key.get(&key) {
            return *known;
        }
        let total = Some(Total { key, ..make() });
        self.bytes += total.as_ref().map_or(0, Total::bytes);
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = total;
                id
            }
            None => {
                self.slots.push(total);
                (self.slots.len() - 1) as TotalId
            }
        };
        self.by_key.insert(key, id);
        id
    }

    pub(super) fn has(&self, key: u64) -> bool {
        self.by_key.contains_key(&key)
    }

    fn get_mut(&mut self, id: TotalId) -> Option<&mut Total> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    /// Adds what a member has gained from `before` to `after`, which is all of `after` if it has
    /// begun anew.
    pub(super) fn gain(&mut self, id: TotalId, before: Option<&Stored>, after: &Stored, first: First) {
        self.change(id, |total| {
            let is_known = match first {
                First::New => false,
                First::Since(since) => total.may_know(since),
                First::Repeats => total.stands_in,
            };
            if !is_known {
                total.gain(before, after);
            }
        });
    }

    /// Adds what no member remembers.
    pub(super) fn gain_untracked(&mut self, id: TotalId, gain: &Stored, now: Instant) {
        self.change(id, |total| {
            total.untracked = Some(now);
            total.gain(None, gain);
        });
    }

    /// Keeps all totals until they are idle, whoever leaves them.
    pub(super) fn hold(&mut self, now: Instant) {
        self.slots.iter_mut().flatten().for_each(|total| total.untracked = Some(now));
    }

    /// Keeps what spans have told, likewise, until the program itself has counted more.
    pub(super) fn stand_in(&mut self, now: Instant) {
        self.hold(now);
        self.slots.iter_mut().flatten().for_each(|total| total.stands_in = total.value.is_some());
    }

    /// Takes exemplars of a member's last point.
    pub(super) fn take_exemplars(&mut self, id: TotalId, exemplars: &[Exemplar], room: &Arc<Room>) {
        let Some(total) = self.get_mut(id) else { return };
        if let Some(value) = &total.value {
            let kept = total.exemplars.get_or_insert_with(|| Box::new(Exemplars::within(room)));
            kept.take(exemplars, value);
        }
    }

    fn change(&mut self, id: TotalId, change: impl FnOnce(&mut Total)) {
        let Some(total) = self.slots.get_mut(id as usize).and_then(Option::as_mut) else { return };
        let before = total.bytes();
        change(total);
        self.bytes = (self.bytes + total.bytes()).saturating_sub(before);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn join(&mut self, id: TotalId) {
        if let Some(total) = self.get_mut(id) {
            total.members += 1;
        }
    }

    /// A member goes that was last known at a time of its sender's clock; the total goes with
    /// the last one.
    pub(super) fn leave(&mut self, id: TotalId, time_ns: u64) {
        let Some(total) = self.get_mut(id) else { return };
        total.members = total.members.saturating_sub(1);
        total.forgotten_ns = total.forgotten_ns.max(time_ns);
        if total.members == 0 && total.untracked.is_none() {
            self.remove(id);
        }
    }

    /// Removes totals without members to which nobody has added for long.
    pub(super) fn expire(&mut self, is_old: impl Fn(Instant) -> bool) {
        for id in 0..self.slots.len() as TotalId {
            let Some(total) = self.get_mut(id) else { continue };
            total.untracked = total.untracked.filter(|since| !is_old(*since));
            if total.members == 0 && total.untracked.is_none() {
                self.remove(id);
            }
        }
    }

    fn remove(&mut self, id: TotalId) {
        if let Some(total) = self.slots.get_mut(id as usize).and_then(Option::take) {
            self.by_key.remove(&total.key);
            self.bytes = self.bytes.saturating_sub(total.bytes());
            self.free.push(id);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TotalId, &Total)> {
        let all = self.slots.iter().enumerate();
        all.filter_map(|(id, total)| Some((id as TotalId, total.as_ref()?)))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

impl Total {
    pub(super) fn new(labels: LabelBlock, label_hash: u64, plain: bool, aliases: &'static [Alias]) -> Self {
        Total {
            labels,
            label_hash,
            plain,
            aliases,
            value: None,
            members: 0,
            forgotten_ns: 0,
            untracked: None,
            stands_in: false,
            exemplars: None,
            key: 0,
        }
    }

    fn bytes(&self) -> u64 {
        // Labels in text, and as protobuf once somebody asks for that.
        let labels = 2 * self.labels.rendered().len() as u64;
        TOTAL_BYTES + labels + self.value.as_ref().map_or(0, Stored::heap_bytes)
    }

    /// Whether what began at a time of its sender's clock may have been counted in part.
    fn may_know(&self, start_ns: u64) -> bool {
        start_ns != 0 && start_ns <= self.forgotten_ns
    }

    fn gain(&mut self, before: Option<&Stored>, after: &Stored) {
        let gained = after.gained(before);
        self.value = Some(match self.value.take() {
            None => gained,
            // What stood in takes on the form of what it stood in for.
            Some(value) if std::mem::take(&mut self.stands_in) => value.in_form_of(&gained).plus(gained),
            Some(value) => value.plus(gained),
        });
    }

    /// The exemplars of its members, ascending by value.
    pub(super) fn exemplars(&self) -> &[Exemplar] {
        self.exemplars.as_ref().map_or(&[], |exemplars| exemplars.kept())
    }
}

impl Stored {
    /// What was counted since `before`, which is all if this does not go on from there.
    pub(super) fn gained(&self, before: Option<&Stored>) -> Stored {
        before.and_then(|before| self.since(before)).unwrap_or_else(|| self.clone())
    }

    /// How many values of a distribution are surely not above a threshold: those up to the
    /// largest bound that is not above it. `None` where there is no such bound.
    pub(crate) fn at_most(&self, threshold: f64) -> Option<u64> {
        match self {
            Stored::Buckets(kept) => {
                let below = kept.bounds.partition_point(|bound| *bound <= threshold);
                let counts = kept.counts.get(..below).filter(|counts| !counts.is_empty())?;
                Some(counts.iter().sum())
            }
            Stored::Exponential(kept) => {
                let end = |index: i32| (f64::from(index) / f64::from(kept.schema).exp2()).exp2();
                let below = kept.positive.iter().filter(|(index, _)| end(*index) <= threshold);
                let negative: u64 = kept.negative.iter().map(|(_, count)| count).sum();
                Some(below.map(|(_, count)| count).sum::<u64>() + negative + kept.zero_count)
            }
            Stored::Number(_) | Stored::Quantiles(_) => None,
        }
    }

    /// What was counted since `before`; `None` if this does not go on from there.
    fn since(&self, before: &Stored) -> Option<Stored> {
        match (self, before) {
            (Stored::Number(after), Stored::Number(before)) => {
                (after >= before).then(|| Stored::Number(after - before))
            }
            (Stored::Buckets(after), Stored::Buckets(before)) => {
                Some(Stored::Buckets(Box::new(after.since(before)?)))
            }
            (Stored::Exponential(after), Stored::Exponential(before)) => {
                Some(Stored::Exponential(Box::new(after.since(before)?)))
            }
            _ => None,
        }
    }

    /// Both together, as far as they can be added.
    fn plus(self, other: Stored) -> Stored {
        match (self, other) {
            (Stored::Number(one), Stored::Number(other)) => Stored::Number(one + other),
            (Stored::Buckets(one), Stored::Buckets(other)) => Stored::Buckets(Box::new(one.plus(*other))),
            (Stored::Exponential(one), Stored::Exponential(mut other)) => {
                other.add(&one);
                Stored::Exponential(other)
            }
            (Stored::Buckets(buckets), Stored::Exponential(exponential))
            | (Stored::Exponential(exponential), Stored::Buckets(buckets)) => {
                let over = exponential.over(&buckets.bounds);
                Stored::Buckets(Box::new(buckets.plus(over)))
            }
            // A family has one kind, so there is nothing else that could meet.
            (one, _) => one,
        }
    }
}

impl StoredBuckets {
    fn since(&self, before: &StoredBuckets) -> Option<StoredBuckets> {
        if self.bounds != before.bounds {
            return None;
        }
        let counts = self.counts.iter().zip(&before.counts);
        let counts = counts.map(|(after, before)| after.checked_sub(*before)).collect::<Option<_>>()?;
        let sum = self.sum.zip(before.sum).map(|(after, before)| after - before);
        Some(StoredBuckets {
            bounds: self.bounds.clone(),
            counts,
            count: self.count.checked_sub(before.count)?,
            sum,
        })
    }

    /// Both together over the bounds that both have.
    fn plus(self, other: StoredBuckets) -> StoredBuckets {
        let bounds = if self.bounds == other.bounds {
            self.bounds.clone()
        } else {
            self.bounds.iter().filter(|bound| other.bounds.contains(bound)).copied().collect()
        };
        let (mut one, other) = (self.over(&bounds), other.over(&bounds));
        for (count, more) in one.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        one.count = one.count.saturating_add(other.count);
        one.sum = one.sum.zip(other.sum).map(|(one, other)| one + other);
        one
    }

    /// The same over some of its bounds.
    fn over(self, bounds: &Arc<[f64]>) -> StoredBuckets {
        if self.bounds == *bounds {
            return StoredBuckets { bounds: bounds.clone(), ..self };
        }
        let mut counts = vec![0_u64; bounds.len() + 1];
        for (place, count) in self.counts.iter().enumerate() {
            // What lies in a bucket lies in the one that ends where it ends, or next after that.
            let into = self
                .bounds
                .get(place)
                .map_or(bounds.len(), |end| bounds.partition_point(|bound| bound < end));
            counts[into] = counts[into].saturating_add(*count);
        }
        StoredBuckets { bounds: bounds.clone(), counts: counts.into(), ..self }
    }
}

impl StoredExponential {
    fn since(&self, before: &StoredExponential) -> Option<StoredExponential> {
        let mut before = before.clone();
        while before.schema > self.schema {
            before.halve();
        }
        // Nobody can tell finer buckets from coarser ones.
        if before.schema < self.schema {
            return None;
        }
        Some(StoredExponential {
            schema: self.schema,
            count: self.count.checked_sub(before.count)?,
            sum: self.sum.zip(before.sum).map(|(after, before)| after - before),
            zero_count: self.zero_count.checked_sub(before.zero_count)?,
            zero_threshold: self.zero_threshold,
            positive: less(&self.positive, &before.positive)?,
            negative: less(&self.negative, &before.negative)?,
        })
    }

    /// The same in classic buckets, over those of some bounds at which its own buckets end.
    fn over(&self, bounds: &[f64]) -> StoredBuckets {
        let exact: Vec<(f64, u64)> =
            bounds.iter().filter_map(|bound| Some((*bound, self.up_to(*bound)?))).collect();
        let mut counts: Vec<u64> = Vec::with_capacity(exact.len() + 1);
        let mut below = 0;
        for (_, up_to) in &exact {
            counts.push(up_to.saturating_sub(below));
            below = *up_to;
        }
        counts.push(self.count.saturating_sub(below));
        StoredBuckets {
            bounds: exact.iter().map(|(bound, _)| *bound).collect(),
            counts: counts.into(),
            count: self.count,
            sum: self.sum,
        }
    }

    /// How many values are not above a bound; `None` where a bucket goes beyond it on both sides.
    fn up_to(&self, bound: f64) -> Option<u64> {
        // A power of two, at which buckets of every schema from 0 on end, and of coarser ones
        // those of every so many powers.
        let bits = bound.to_bits();
        let is_power = bound.is_normal() && bound > self.zero_threshold && bits.trailing_zeros() >= 52;
        let power = (bits >> 52) as i32 - 1023;
        let index = match u32::try_from(self.schema) {
            Ok(finer) => power.checked_mul(1 << finer),
            Err(_) => {
                let width = 1 << -i32::from(self.schema);
                (power % width == 0).then_some(power / width)
            }
        };
        let index = index.filter(|_| is_power)?;
        let below = self.positive.iter().filter(|(at, _)| *at <= index).map(|(_, count)| count);
        let negative: u64 = self.negative.iter().map(|(_, count)| count).sum();
        Some(below.sum::<u64>().saturating_add(negative).saturating_add(self.zero_count))
    }
}

/// Buckets less what they held before; `None` if one held more.
fn less(after: &[(i32, u64)], before: &[(i32, u64)]) -> Option<Vec<(i32, u64)>> {
    let mut rest = before.iter().peekable();
    let mut gained = Vec::with_capacity(after.len());
    for (index, count) in after {
        let known = rest.next_if(|(at, _)| at == index).map_or(0, |(_, count)| *count);
        let more = count.checked_sub(known)?;
        if more > 0 {
            gained.push((*index, more));
        }
    }
    rest.next().is_none().then_some(gained)
}

#[cfg(test)]
mod tests;
