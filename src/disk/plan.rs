//! What is to be measured next: the stalest first, nothing more often than it is worth.
//!
//! No I/O and no clock. What lies still is not measured again: the writable layer of a stopped
//! container once after it stopped, a volume once after the last container that mounts it did.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::inventory::ContainerId;

/// How often at most a container's log files are looked at: a few calls each.
const QUICK_EVERY: Duration = Duration::from_secs(60);

/// A tree rests at least this many times as long as its walk took, so that a huge one leaves
/// time for the others.
const REST_PER_WALK: u32 = 4;

/// Something that is measured by itself; in the order in which new ones are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A container's log files, and whether its other files are within reach.
    Quick(ContainerId),
    /// A container's writable layer.
    Layer(ContainerId),
    /// A volume, by its folder.
    Volume(String),
}

/// Whether something can change by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Whether a container that writes to it runs.
    pub live: bool,
    /// The start of the latest run.
    pub run: Option<Timestamp>,
}

/// What is known of one subject.
#[derive(Debug, Default)]
struct Entry {
    activity: Activity,
    /// The beginning of the last attempt, and what the activity was then.
    attempt: Option<(Instant, Activity)>,
    /// Whether that attempt gave a figure.
    measured: bool,
    not_before: Option<Instant>,
    failures: u32,
}

impl Entry {
    /// When it is due: `None` for never as things are.
    fn due_at(&self, subject: &Subject, now: Instant) -> Option<Instant> {
        let Some((_, then)) = self.attempt else { return Some(now) };
        let unchanged = then.run == self.activity.run;
        match subject {
            Subject::Quick(_) if !unchanged => Some(now),
            Subject::Layer(_) | Subject::Volume(_)
                if self.measured && unchanged && !then.live && !self.activity.live =>
            {
                None
            }
            _ => Some(self.not_before.unwrap_or(now)),
        }
    }
}

/// Everything that is to be measured.
#[derive(Debug)]
pub struct Plan {
    interval: Duration,
    entries: BTreeMap<Subject, Entry>,
}

impl Plan {
    /// Nothing to measure yet. A tree is left alone for `interval` after it was measured.
    pub fn new(interval: Duration) -> Plan {
        Plan { interval, entries: BTreeMap::new() }
    }

    /// Takes over what there is now.
    pub fn follow(&mut self, subjects: BTreeMap<Subject, Activity>) {
        self.entries.retain(|subject, _| subjects.contains_key(subject));
        for (subject, activity) in subjects {
            self.entries.entry(subject).or_default().activity = activity;
        }
    }

    /// Whether something is still to be measured at all.
    pub fn holds(&self, subject: &Subject) -> bool {
        self.entries.contains_key(subject)
    }

    /// What is due: new things first, then what was tried the longest ago.
    pub fn next(&self, now: Instant) -> Option<Subject> {
        let due = |(subject, entry): &(&Subject, &Entry)| {
            entry.due_at(subject, now).is_some_and(|due_at| due_at <= now)
        };
        let stalest =
            self.entries.iter().filter(due).min_by_key(|(_, entry)| entry.attempt.map(|(at, _)| at));
        stalest.map(|(subject, _)| subject.clone())
    }

    /// When something will be due, if nothing changes.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        self.entries.iter().filter_map(|(subject, entry)| entry.due_at(subject, now)).min()
    }

    /// The measurement of something begins.
    pub fn began(&mut self, subject: &Subject, now: Instant) {
        if let Some(entry) = self.entries.get_mut(subject) {
            entry.attempt = Some((now, entry.activity));
            entry.measured = false;
        }
    }

    /// It has ended, with a figure or without one; says how often in a row it was without.
    pub fn ended(&mut self, subject: &Subject, measured: bool, now: Instant) -> u32 {
        let interval = match subject {
            Subject::Quick(_) => self.interval.min(QUICK_EVERY),
            Subject::Layer(_) | Subject::Volume(_) => self.interval,
        };
        let Some(entry) = self.entries.get_mut(subject) else { return 0 };
        let took = entry.attempt.map_or(Duration::ZERO, |(began, _)| now.saturating_duration_since(began));
        let rest = interval.saturating_sub(took).max(took * REST_PER_WALK);
        entry.not_before = Some(now + rest);
        entry.measured = measured;
        entry.failures = if measured { 0 } else { entry.failures.saturating_add(1) };
        entry.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    fn id(digit: &str) -> ContainerId {
        digit.repeat(64).parse().unwrap()
    }

    fn layer(digit: &str) -> Subject {
        Subject::Layer(id(digit))
    }

    fn run(second: i64) -> Activity {
        Activity { live: true, run: Timestamp::from_second(second).ok() }
    }

    fn measure(plan: &mut Plan, subject: &Subject, now: Instant, took: Duration) {
        plan.began(subject, now);
        plan.ended(subject, true, now + took);
    }

    #[test]
    fn the_stalest_comes_first_and_nothing_before_its_time() {
        let (mut plan, start) = (Plan::new(INTERVAL), Instant::now());
        plan.follow(BTreeMap::from([(layer("a"), run(1)), (layer("b"), run(1))]));
        measure(&mut plan, &layer("b"), start, Duration::ZERO);
        assert_eq!(plan.next(start), Some(layer("a")), "what was never measured");
        measure(&mut plan, &layer("a"), start + Duration::from_secs(1), Duration::ZERO);
        assert_eq!(plan.next(start + Duration::from_secs(2)), None);
        assert_eq!(plan.wakes_at(start + Duration::from_secs(2)), Some(start + INTERVAL));
        assert_eq!(plan.next(start + INTERVAL * 2), Some(layer("b")));
    }

    #[test]
    fn a_tree_that_takes_long_is_walked_less_often() {
        let (mut plan, start) = (Plan::new(INTERVAL), Instant::now());
        plan.follow(BTreeMap::from([(layer("a"), run(1))]));
        measure(&mut plan, &layer("a"), start, Duration::from_secs(1000));
        assert_eq!(plan.wakes_at(start), Some(start + Duration::from_secs(5000)));
    }

    #[test]
    fn what_lies_still_is_measured_once_more_and_then_left_alone() {
        let (mut plan, start) = (Plan::new(INTERVAL), Instant::now());
        plan.follow(BTreeMap::from([(layer("a"), run(1))]));
        measure(&mut plan, &layer("a"), start, Duration::ZERO);
        let stopped = Activity { live: false, ..run(1) };
        plan.follow(BTreeMap::from([(layer("a"), stopped)]));
        assert_eq!(plan.next(start + Duration::from_secs(1)), None, "not before its time");
        assert_eq!(plan.next(start + INTERVAL), Some(layer("a")));
        measure(&mut plan, &layer("a"), start + INTERVAL, Duration::ZERO);
        assert_eq!(plan.wakes_at(start + INTERVAL), None);
        // It ran in between, unseen.
        plan.follow(BTreeMap::from([(layer("a"), Activity { live: false, ..run(2) })]));
        assert_eq!(plan.next(start + INTERVAL * 2), Some(layer("a")));
    }

    #[test]
    fn what_failed_is_tried_again_although_it_lies_still() {
        let (mut plan, start) = (Plan::new(INTERVAL), Instant::now());
        plan.follow(BTreeMap::from([(layer("a"), Activity::default())]));
        plan.began(&layer("a"), start);
        assert_eq!(plan.ended(&layer("a"), false, start), 1);
        assert_eq!(plan.next(start + INTERVAL), Some(layer("a")));
        plan.began(&layer("a"), start + INTERVAL);
        assert_eq!(plan.ended(&layer("a"), false, start + INTERVAL), 2);
    }

    #[test]
    fn a_new_run_is_looked_at_at_once() {
        let (mut plan, start) = (Plan::new(INTERVAL), Instant::now());
        let quick = Subject::Quick(id("a"));
        plan.follow(BTreeMap::from([(quick.clone(), Activity::default())]));
        measure(&mut plan, &quick, start, Duration::ZERO);
        assert_eq!(plan.wakes_at(start), Some(start + QUICK_EVERY));
        plan.follow(BTreeMap::from([(quick.clone(), run(5))]));
        assert_eq!(plan.next(start), Some(quick));
    }
}
