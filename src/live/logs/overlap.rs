//! What a reader has had from the engine when he came, so that the same lines are not shown again
//! when they are in the memory of the container, too.
//!
//! Lines of the two outputs may stand in a log a little out of order, so a line is known by its
//! whole text, of which a keyed hash is kept, and not by being older than another.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};

use jiff::{SignedDuration, Timestamp};

use super::ring::Entry;

/// How far out of order lines may be.
const DISORDER: SignedDuration = SignedDuration::from_secs(1);

/// Lines that may come again.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    key: RandomState,
    /// How often each was had.
    had: HashMap<u64, u32>,
    /// Of those that were had.
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl Overlap {
    /// Lines that were had, encoded as they would come again.
    pub(super) fn of<'e>(lines: impl IntoIterator<Item = &'e Entry>) -> Self {
        let mut overlap = Overlap::default();
        for line in lines {
            let hash = overlap.key.hash_one(&line.json);
            *overlap.had.entry(hash).or_default() += 1;
            overlap.newest = overlap.newest.max(line.at);
            overlap.oldest = match (overlap.oldest, line.at) {
                (Some(oldest), Some(at)) => Some(oldest.min(at)),
                (oldest, at) => oldest.or(at),
            };
        }
        overlap
    }

    /// The time of the newest line.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Whether a line is new. Older ones than all that were had are not: only so many were wanted.
    pub(super) fn admits(&mut self, line: &Entry) -> bool {
        if self.had.is_empty() {
            return true;
        }
        if line.at.zip(self.newest).is_some_and(|(at, newest)| at > newest + DISORDER) {
            *self = Overlap::default();
            return true;
        }
        let hash = self.key.hash_one(&line.json);
        if let Some(times) = self.had.get_mut(&hash).filter(|times| **times > 0) {
            *times -= 1;
            return false;
        }
        line.at.zip(self.oldest).is_none_or(|(at, oldest)| at >= oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: i64, text: &str) -> Entry {
        Entry::new(Timestamp::from_second(second).ok(), text.to_owned(), "")
    }

    #[test]
    fn what_was_had_is_not_new_and_what_is_equal_but_more_is() {
        let mut overlap = Overlap::of(&[line(5, "a"), line(6, "a"), line(6, "b")]);
        assert!(!overlap.admits(&line(4, "before")), "so many were wanted");
        let told = [line(5, "a"), line(6, "b"), line(6, "a"), line(6, "a"), line(5, "late")];
        assert_eq!(told.each_ref().map(|line| overlap.admits(line)), [false, false, false, true, true]);
        assert!(overlap.admits(&line(7, "b")));
        assert!(overlap.admits(&line(8, "next")) && overlap.had.is_empty(), "nothing comes again after it");
        assert!(overlap.admits(&line(6, "b")));
        assert!(Overlap::default().admits(&line(0, "any")));
    }
}
