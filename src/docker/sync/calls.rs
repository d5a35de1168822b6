//! Which containers are to be inspected, and when: one call at a time each, few at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::inventory::ContainerId;

/// Calls at once for what is not urgent; a list of a thousand must not press the engine.
const MAX_NORMAL: usize = 4;

/// Calls at once in all: the rest is kept for containers that have just started.
const MAX_AT_ONCE: usize = 8;

/// Waiting time after a failed call; doubled with each further one of the container.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest waiting time.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// How soon an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    Normal,
    /// The process may end within milliseconds.
    Now,
}

#[derive(Debug, Default)]
struct Call {
    /// Whether, and how urgently, another call is wanted.
    wanted: Option<Urgency>,
    in_flight: bool,
    /// An event came while the call was in flight.
    overtaken: bool,
    failures: u32,
    retry_at: Option<Duration>,
}

/// The calls of all containers.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: BTreeMap<ContainerId, Call>,
    /// May name a container whose call is not wanted any more.
    urgent: VecDeque<ContainerId>,
    normal: VecDeque<ContainerId>,
    in_flight: usize,
    retries: BTreeSet<(Duration, ContainerId)>,
}

impl Calls {
    /// Asks for a call. One in flight is waited for, then another is made.
    pub(super) fn queue(&mut self, id: ContainerId, urgency: Urgency) {
        let call = self.calls.entry(id).or_default();
        if let Some(at) = call.retry_at.take() {
            self.retries.remove(&(at, id));
        }
        if call.wanted >= Some(urgency) {
            return;
        }
        call.wanted = Some(urgency);
        if !call.in_flight {
            self.enqueue(id, urgency);
        }
    }

    fn enqueue(&mut self, id: ContainerId, urgency: Urgency) {
        match urgency {
            Urgency::Now => self.urgent.push_back(id),
            Urgency::Normal => self.normal.push_back(id),
        }
    }

    /// Notes that an event is newer than what a call in flight will answer.
    pub(super) fn overtake(&mut self, id: ContainerId) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.overtaken = call.in_flight;
        }
    }

    /// No call is wanted any more; one in flight is still waited for.
    pub(super) fn cancel(&mut self, id: ContainerId) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.wanted = None;
        call.failures = 0;
        if let Some(at) = call.retry_at.take() {
            self.retries.remove(&(at, id));
        }
        if !call.in_flight {
            self.calls.remove(&id);
        }
    }

    /// The next container to inspect, if there is room for one.
    pub(super) fn next(&mut self) -> Option<ContainerId> {
        loop {
            let id = if self.in_flight < MAX_AT_ONCE && !self.urgent.is_empty() {
                self.urgent.pop_front()?
            } else if self.in_flight < MAX_NORMAL {
                self.normal.pop_front()?
            } else {
                return None;
            };
            let Some(call) = self.calls.get_mut(&id) else { continue };
            if call.in_flight || call.wanted.take().is_none() {
                continue;
            }
            call.in_flight = true;
            self.in_flight += 1;
            return Some(id);
        }
    }

    /// An answer came; says whether an event is newer than it.
    pub(super) fn answered(&mut self, id: ContainerId) -> bool {
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.in_flight) else { return false };
        call.in_flight = false;
        self.in_flight -= 1;
        let overtaken = std::mem::take(&mut call.overtaken);
        match call.wanted {
            Some(urgency) => self.enqueue(id, urgency),
            None if call.failures == 0 => drop(self.calls.remove(&id)),
            None => {}
        }
        overtaken
    }

    /// The answer was a good one.
    pub(super) fn succeeded(&mut self, id: ContainerId) {
        match self.calls.get_mut(&id) {
            Some(call) if call.wanted.is_some() => call.failures = 0,
            _ => drop(self.calls.remove(&id)),
        }
    }

    /// The answer was none.
    pub(super) fn retry_later(&mut self, id: ContainerId, now: Duration) {
        let call = self.calls.entry(id).or_default();
        let wait = LONGEST_RETRY.min(FIRST_RETRY * 2_u32.saturating_pow(call.failures.min(16)));
        call.failures += 1;
        if call.wanted.is_none() {
            call.retry_at = Some(now + wait);
            self.retries.insert((now + wait, id));
        }
    }

    /// Asks again for those whose waiting time is over.
    pub(super) fn retry_due(&mut self, now: Duration) {
        while let Some((at, id)) = self.retries.first().copied().filter(|(at, _)| *at <= now) {
            self.retries.remove(&(at, id));
            self.queue(id, Urgency::Normal);
        }
    }

    /// When the next waiting time is over.
    pub(super) fn retries_at(&self) -> Option<Duration> {
        self.retries.first().map(|(at, _)| *at)
    }

    /// How many containers' calls are held.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }
}
