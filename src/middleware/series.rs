//! Series found by their labels without a lock, and bounded.
//!
//! A subject is what is known before something has ended: two words (method and route, or query
//! type and table) and the user. Each has a list of outcomes (status and error) with what was
//! measured. Both are lists that only grow, so readers never wait, and a subject that is known
//! is found without an allocation. New ones are admitted one at a time, up to the caps; beyond
//! them a word is `other`.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::label::{OTHER, RESERVED, claimed, clean};

/// Lists that subjects are spread over; twice the default cap of subjects.
const LISTS: usize = 4096;

/// How many different values there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    /// Of the first word.
    pub(super) kinds: usize,
    /// Of the second word.
    pub(super) places: usize,
    pub(super) users: usize,
    /// Of all three together.
    pub(super) subjects: usize,
}

/// What is known before something has ended.
#[derive(Debug)]
pub(super) struct Subject<C> {
    hash: u64,
    /// Method, or query type.
    pub(super) kind: Box<str>,
    /// Route, or table; empty where there is none.
    pub(super) place: Box<str>,
    /// Empty where users are not told apart.
    pub(super) user: Box<str>,
    outcomes: OnceLock<Box<Ended<C>>>,
}

/// Whose something is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    /// Of nobody that is named.
    Nobodys,
    /// Of a user by name, which is made safe and never a reserved word.
    Named(&'a str),
    /// As a subject's label says it.
    Labelled(&'a str),
}

/// How something has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome {
    /// 0 where none was sent.
    pub(super) status: u16,
    /// Empty where it went well.
    pub(super) error: &'static str,
}

#[derive(Debug)]
struct Ended<C> {
    outcome: Outcome,
    cells: C,
    next: OnceLock<Box<Ended<C>>>,
}

#[derive(Debug)]
struct Entry<C> {
    subject: Arc<Subject<C>>,
    next: OnceLock<Box<Entry<C>>>,
}

/// Every subject there is.
#[derive(Debug)]
pub(super) struct Table<C> {
    lists: Box<[OnceLock<Box<Entry<C>>>]>,
    hasher: RandomState,
    caps: Caps,
    /// The user of what names none.
    nobody: Box<str>,
    admitted: Mutex<Admitted>,
}

/// The words that were let in so far.
#[derive(Debug, Default)]
struct Admitted {
    kinds: HashSet<Box<str>>,
    places: HashSet<Box<str>>,
    users: HashSet<Box<str>>,
    subjects: usize,
}

impl<C: Default> Table<C> {
    pub(super) fn new(caps: Caps, nobody: &str) -> Self {
        let lists = (0..LISTS).map(|_| OnceLock::new()).collect();
        Table { lists, hasher: RandomState::new(), caps, nobody: nobody.into(), admitted: Mutex::default() }
    }

    /// The subject of these words.
    pub(super) fn subject(&self, kind: &str, place: &str, whose: Whose<'_>) -> Arc<Subject<C>> {
        self.known(kind, place, whose).unwrap_or_else(|| self.admit(kind, place, whose))
    }

    /// The same where it is known already.
    pub(super) fn known(&self, kind: &str, place: &str, whose: Whose<'_>) -> Option<Arc<Subject<C>>> {
        let user = match whose {
            Whose::Named(claim) if claim.is_empty() || RESERVED.contains(&claim) => return None,
            Whose::Nobodys => &self.nobody,
            Whose::Named(user) | Whose::Labelled(user) => user,
        };
        self.find(kind, place, user).cloned()
    }

    fn find(&self, kind: &str, place: &str, user: &str) -> Option<&Arc<Subject<C>>> {
        let hash = self.hasher.hash_one((kind, place, user));
        let mut entry = self.list(hash).get();
        while let Some(here) = entry {
            let subject = &here.subject;
            if subject.hash == hash
                && *subject.place == *place
                && *subject.user == *user
                && *subject.kind == *kind
            {
                return Some(subject);
            }
            entry = here.next.get();
        }
        None
    }

    fn list(&self, hash: u64) -> &OnceLock<Box<Entry<C>>> {
        &self.lists[hash as usize % LISTS]
    }

    #[cold]
    fn admit(&self, kind: &str, place: &str, whose: Whose<'_>) -> Arc<Subject<C>> {
        let (kind, place) = (clean(kind), clean(place));
        let claim = match whose {
            Whose::Named(user) => claimed(user),
            Whose::Nobodys | Whose::Labelled(_) => None,
        };
        // What panics under this lock has left nothing half done.
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = within(&mut admitted.kinds, self.caps.kinds, &kind);
        let mut place = within(&mut admitted.places, self.caps.places, &place);
        let mut user = match (&claim, whose) {
            (Some(claim), _) => within(&mut admitted.users, self.caps.users, claim),
            (None, Whose::Labelled(user)) => user,
            (None, _) => &self.nobody,
        };
        if admitted.subjects >= self.caps.subjects {
            let known = |place: &str, user: &str| self.find(kind, place, user).is_some();
            if !known(place, user) {
                user = other(user);
            }
            if !known(place, user) {
                place = other(place);
            }
        }
        match self.find(kind, place, user) {
            Some(subject) => subject.clone(),
            None => {
                admitted.subjects += 1;
                self.add(kind, place, user)
            }
        }
    }

    /// Puts a new subject at the end of its list; the caller holds the lock.
    fn add(&self, kind: &str, place: &str, user: &str) -> Arc<Subject<C>> {
        let hash = self.hasher.hash_one((kind, place, user));
        let (kind, place, user) = (kind.into(), place.into(), user.into());
        let subject = Arc::new(Subject { hash, kind, place, user, outcomes: OnceLock::new() });
        let mut end = self.list(hash);
        while let Some(entry) = end.get() {
            end = &entry.next;
        }
        end.get_or_init(|| Box::new(Entry { subject: subject.clone(), next: OnceLock::new() }));
        subject
    }

    /// Calls with every subject and each way in which it has ended.
    pub(super) fn each(&self, mut call: impl FnMut(&Subject<C>, Outcome, &C)) {
        for list in &self.lists {
            let mut entry = list.get();
            while let Some(here) = entry {
                let mut ended = here.subject.outcomes.get();
                while let Some(one) = ended {
                    call(&here.subject, one.outcome, &one.cells);
                    ended = one.next.get();
                }
                entry = here.next.get();
            }
        }
    }
}

impl<C: Default> Subject<C> {
    /// What is measured of this subject when it ends so. Whatever is usual came first and is
    /// found first.
    pub(super) fn ended(&self, outcome: Outcome) -> &C {
        let mut place = &self.outcomes;
        loop {
            let here =
                place.get_or_init(|| Box::new(Ended { outcome, cells: C::default(), next: OnceLock::new() }));
            if here.outcome == outcome {
                return &here.cells;
            }
            place = &here.next;
        }
    }
}

/// The word if there is room for it, else `other`.
fn within<'a>(words: &mut HashSet<Box<str>>, cap: usize, word: &'a str) -> &'a str {
    if word.is_empty() || words.contains(word) {
        return word;
    }
    if words.len() >= cap {
        return OTHER;
    }
    words.insert(word.into());
    word
}

/// `other`, unless there is no word.
fn other(word: &str) -> &'static str {
    if word.is_empty() { "" } else { OTHER }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[derive(Debug, Default)]
    struct Count(AtomicU64);

    const CAPS: Caps = Caps { kinds: 9, places: 3, users: 2, subjects: 6 };

    fn shown(table: &Table<Count>) -> Vec<(String, u64)> {
        let mut shown = Vec::new();
        table.each(|subject, outcome, count| {
            let name = format!("{} {} {} {}", subject.kind, subject.place, subject.user, outcome.status);
            shown.push((name, count.0.load(Ordering::Relaxed)));
        });
        shown.sort();
        shown
    }

    fn count(table: &Table<Count>, kind: &str, place: &str, user: Option<&str>, status: u16) {
        let outcome = Outcome { status, error: "" };
        table
            .subject(kind, place, user.map_or(Whose::Nobodys, Whose::Named))
            .ended(outcome)
            .0
            .fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn beyond_a_cap_a_word_is_other_and_nothing_is_lost() {
        let table = Table::new(Caps { subjects: 1000, ..CAPS }, "anonymous");
        for number in 0..50 {
            count(&table, "GET", &format!("/{number}"), None, 200);
            count(&table, "GET", "/0", Some(&format!("u{number}")), 200);
        }
        let shown = shown(&table);
        assert!(shown.contains(&("GET other anonymous 200".into(), 47)), "{shown:?}");
        assert!(shown.contains(&("GET /0 other 200".into(), 48)), "{shown:?}");
        assert_eq!(shown.iter().map(|(_, count)| count).sum::<u64>(), 100);
    }

    #[test]
    fn all_together_are_bounded_too() {
        let table = Table::new(Caps { places: 100, users: 100, ..CAPS }, "anonymous");
        for number in 0..600 {
            let user = format!("u{}", number % 20);
            count(&table, "GET", &format!("/{}", number / 20), Some(&user), 200);
        }
        let shown = shown(&table);
        assert!(shown.len() <= CAPS.subjects + 1, "{shown:?}");
        assert_eq!(shown.iter().map(|(_, count)| count).sum::<u64>(), 600);
    }

    #[test]
    fn nobody_can_claim_a_reserved_word_or_break_a_page() {
        let table = Table::new(Caps { users: 9, ..CAPS }, "anonymous");
        for user in ["other", "anonymous", "", " ann\n", "ann"] {
            count(&table, "GET", "/", Some(user), 200);
        }
        let expected = [
            ("GET / ann 200".to_owned(), 2),
            ("GET / anonymous 200".to_owned(), 1),
            ("GET / anonymous_ 200".to_owned(), 1),
            ("GET / other_ 200".to_owned(), 1),
        ];
        assert_eq!(shown(&table), expected);
    }

    #[test]
    fn threads_that_begin_the_same_series_count_into_one() {
        let table = Table::new(Caps { places: 100, subjects: 100, ..CAPS }, "");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..1000 {
                        count(&table, "GET", &format!("/{}", number % 10), None, 200 + number % 3);
                    }
                });
            }
        });
        let shown = shown(&table);
        assert_eq!(shown.len(), 30, "{shown:?}");
        assert_eq!(shown.iter().map(|(_, count)| count).sum::<u64>(), 4000);
    }
}
