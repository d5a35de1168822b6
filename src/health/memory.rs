//! Since when reasons hold that do not know it themselves: when they were seen first.
//!
//! Every report notes what it finds, so that all that are made of the same moment, or of a later
//! one, say the same. Only a look at everything forgets, and only what has been out of sight for
//! longer than [`FLICKER`]; so there are never more sightings than reasons there were lately.
//! How grave a reason is does not count: a disk that was nearly full and is full now has been in
//! trouble since the former.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Kind, Reason, Report};
use crate::inventory::ContainerId;

/// What comes back within this time has not been away: a value at its threshold flickers.
/// Three looks, so that it takes more than a single one to forget.
const FLICKER: Duration = Duration::from_secs(30);

/// What makes a reason the same one at two moments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: Kind,
    container: Option<ContainerId>,
    subject: Option<String>,
}

impl Key {
    fn of(reason: &Reason) -> Self {
        let container = reason.about.as_ref().map(|about| about.id);
        Key { kind: reason.kind, container, subject: reason.subject.clone() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    first: Timestamp,
    last: Timestamp,
}

/// What was seen, and when.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<Key, Sighting>);

impl Memory {
    /// Says of every reason since when it holds, and puts them in order: the gravest first, of
    /// these the newest, of these by kind and what they are about. The report is about `at`.
    pub(super) fn date(&mut self, report: &mut Report, at: Timestamp) {
        for verdict in &mut report.verdicts {
            for reason in &mut verdict.reasons {
                let since = reason.since.unwrap_or_else(|| self.seen(reason, at));
                reason.since = Some(since);
            }
            verdict.reasons.sort_by_cached_key(|reason| {
                (Reverse(reason.status), Reverse(reason.since), Key::of(reason))
            });
        }
    }

    /// Reports are not always made in the order of their moments, and clocks are set back: the
    /// earliest moment counts.
    fn seen(&mut self, reason: &Reason, at: Timestamp) -> Timestamp {
        let sighting = self.0.entry(Key::of(reason)).or_insert(Sighting { first: at, last: at });
        *sighting = Sighting { first: sighting.first.min(at), last: at };
        sighting.first
    }

    /// Forgets what is gone, after everything of this moment has been dated.
    pub(super) fn forget(&mut self, at: Timestamp) {
        self.0.retain(|_, sighting| at.duration_since(sighting.last).unsigned_abs() <= FLICKER);
    }
}

#[cfg(test)]
mod tests;
