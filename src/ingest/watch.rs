//! What programs' requests and counters come to, for whoever has promised something of them.
//!
//! A [`Tally`] takes every event once, as it comes: what a series gains, whether that was sent as
//! a difference, as a sum since the program's start, or event by event. It never falls: not when
//! a program restarts, nor when its series go. What a program did before it was known here does
//! not count.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use super::labels::labels;
use super::otlp::model::Attribute;
use super::store::Stored;
use crate::config::{Counted, Selector};
use crate::inventory::ContainerId;
use crate::tenant::{LabelValue, Tenant};

/// The durations of requests, under the conventions' name in Prometheus.
const REQUESTS: &str = "http_server_request_duration_seconds";

/// Statuses from here on are failures of the server.
const SERVER_ERROR: i64 = 500;

/// A bound is that of the threshold if they differ by no more than rounding.
const ROUNDING: f64 = 1e-9;

/// Says who wants to know what a program counts.
pub trait Watcher: Debug + Send + Sync {
    /// Changes with every change of what [`Watcher::tallies`] answers.
    fn generation(&self) -> u64;

    /// What a service's counters are to be added to.
    fn tallies(
        &self,
        tenant: &Tenant,
        service: &LabelValue,
        container: Option<ContainerId>,
    ) -> Vec<Arc<Tally>>;
}

/// Events so far, and the bad ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Events {
    /// All valid events.
    pub all: f64,
    /// The bad ones.
    pub bad: f64,
}

/// Two counters: events, and the bad ones among them.
#[derive(Debug)]
pub struct Tally(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    counted: Counted,
    events: Events,
    /// The latest time, by senders' clocks, at which a program that is forgotten was known.
    forgotten_ns: u64,
}

impl Tally {
    /// One that has counted nothing yet.
    pub fn new(counted: Counted) -> Self {
        Tally(Mutex::new(Inner { counted, events: Events::default(), forgotten_ns: 0 }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted so far.
    pub fn events(&self) -> Events {
        self.lock().events
    }

    /// Counts by another rule from now on.
    pub fn count_by(&self, counted: &Counted) {
        self.lock().counted.clone_from(counted);
    }

    /// Adds events that are not of a program's series.
    pub fn add(&self, more: Events) {
        let events = &mut self.lock().events;
        events.all += more.all.max(0.0);
        events.bad += more.bad.max(0.0);
    }

    fn wants(&self, family: &str) -> bool {
        match &self.lock().counted {
            Counted::Availability | Counted::Latency(_) => family == REQUESTS,
            Counted::Ratio { total, bad, .. } => family == total.family || family == bad.family,
            Counted::Uptime => false,
        }
    }

    fn take(&self, family: &str, attributes: &[Attribute<'_>], gain: &Stored) {
        let mut inner = self.lock();
        let events = match &inner.counted {
            Counted::Availability => {
                requests(gain, family, |count| Some(if has_failed(attributes) { 0 } else { count }))
            }
            Counted::Latency(threshold) => {
                requests(gain, family, |_| gain.at_most(threshold.as_secs_f64() * (1.0 + ROUNDING)))
            }
            Counted::Ratio { total, bad, .. } => ratio((total, bad), family, attributes, gain),
            Counted::Uptime => None,
        };
        if let Some(Events { all, bad }) = events {
            inner.events.all += all;
            inner.events.bad += bad;
        }
    }
}

/// Requests, of which `good` says how many are. Where it cannot be told, none count.
fn requests(gain: &Stored, family: &str, good: impl FnOnce(u64) -> Option<u64>) -> Option<Events> {
    let count = Some(gain.count()).filter(|count| family == REQUESTS && *count > 0)?;
    let good = good(count)?.min(count);
    Some(Events { all: count as f64, bad: (count - good) as f64 })
}

fn ratio(
    (total, bad): (&Selector, &Selector),
    family: &str,
    attributes: &[Attribute<'_>],
    gain: &Stored,
) -> Option<Events> {
    let Stored::Number(gain) = gain else { return None };
    let (labels, _) = labels(attributes);
    let of = |wanted: &Selector| match wanted.family == family && wanted.admits(&labels) {
        true => *gain,
        false => 0.0,
    };
    Some(Events { all: of(total), bad: of(bad) })
}

/// Whether a series is of requests that the server failed: a status from 500 on, or an error
/// where there is no status.
fn has_failed(attributes: &[Attribute<'_>]) -> bool {
    let of = |key: &str| {
        let found = attributes.iter().find(|attribute| attribute.key == key);
        found.map(|attribute| attribute.value.as_text()).filter(|text| !text.is_empty())
    };
    match of("http.response.status_code") {
        Some(status) => status.parse().is_ok_and(|status: i64| status >= SERVER_ERROR),
        None => of("error.type").is_some(),
    }
}

/// Who watches one sender.
#[derive(Debug)]
pub(super) struct Watch {
    /// Of which [`Watcher::generation`] the tallies are, and of which container.
    known: Option<(u64, Option<ContainerId>)>,
    tallies: Vec<Arc<Tally>>,
    /// Since when, by the clock on the wall, everything has been seen.
    since_ns: u64,
    /// The latest time, by the sender's clock, of a series that is gone.
    forgotten_ns: u64,
}

impl Watch {
    /// One that trusts counts of programs that began after a time by the clock on the wall.
    pub(super) fn since(since_ns: u64) -> Self {
        Watch { known: None, tallies: Vec::new(), since_ns, forgotten_ns: 0 }
    }

    /// Asks again whom the sender's counters are to be told, if that may have changed.
    pub(super) fn refresh(
        &mut self,
        watcher: &dyn Watcher,
        tenant: &Tenant,
        service: &LabelValue,
        container: Option<ContainerId>,
    ) {
        // Read first: what changes meanwhile is asked for again.
        let generation = watcher.generation();
        if self.known != Some((generation, container)) {
            self.tallies = watcher.tallies(tenant, service, container);
            self.known = Some((generation, container));
        }
    }

    pub(super) fn wants(&self, family: &str) -> bool {
        self.tallies.iter().any(|tally| tally.wants(family))
    }

    /// Counts what a series has gained.
    pub(super) fn take(&self, family: &str, attributes: &[Attribute<'_>], gain: &Stored) {
        self.tallies.iter().for_each(|tally| tally.take(family, attributes, gain));
    }

    /// Notes that a series is gone that was last known then.
    pub(super) fn forget(&mut self, time_ns: u64) {
        self.forgotten_ns = self.forgotten_ns.max(time_ns);
    }

    /// Whether the first sum of a series, which the sender says begins at `start_ns`, counts as a
    /// whole: only if all of it has happened since its stream, or its program, is known.
    pub(super) fn trusts(&self, start_ns: u64, stream_is_known: bool, forgotten_ns: u64) -> bool {
        let known_in_part = start_ns != 0 && start_ns <= forgotten_ns;
        !known_in_part && !self.may_know(start_ns) && (stream_is_known || start_ns > self.since_ns)
    }

    /// Whether what counts since then, by the sender's clock, may have been counted in part.
    fn may_know(&self, start_ns: u64) -> bool {
        let known = |tally: &Arc<Tally>| start_ns <= tally.lock().forgotten_ns;
        start_ns != 0 && (start_ns <= self.forgotten_ns || self.tallies.iter().any(known))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for tally in &self.tallies {
            let mut inner = tally.lock();
            inner.forgotten_ns = inner.forgotten_ns.max(self.forgotten_ns);
        }
    }
}

#[cfg(test)]
mod tests;
