//! What is remembered of reasons from look to look.

use super::*;
use crate::health::{About, Domain, Status, Verdict};
use crate::tenant::{LabelValue, Tenant};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn reason(kind: Kind, subject: &str) -> Reason {
    Reason {
        kind,
        status: Status::Warning,
        since: None,
        detail: String::new(),
        next_step: String::new(),
        about: None,
        subject: Some(subject.to_owned()),
    }
}

fn of_container(id: &str) -> Reason {
    let id = id.repeat(32).parse().unwrap();
    let about = About { id, name: LabelValue::clean("api"), tenant: Tenant::unknown() };
    Reason { about: Some(about), subject: None, ..reason(Kind::MemoryLimit, "") }
}

/// Seconds since which these hold, by a report of this moment, in its order.
fn dated(memory: &mut Memory, second: i64, reasons: &[Reason]) -> Vec<i64> {
    let verdict = Verdict { domain: Domain::Host, summary: String::new(), reasons: reasons.to_vec() };
    let mut report = Report { verdicts: vec![verdict] };
    memory.date(&mut report, at(second));
    report.verdicts[0].reasons.iter().map(|reason| reason.since.unwrap().as_second()).collect()
}

/// The same of a look at everything.
fn look(memory: &mut Memory, second: i64, reasons: &[Reason]) -> Vec<i64> {
    let since = dated(memory, second, reasons);
    memory.forget(at(second));
    since
}

#[test]
fn a_reason_holds_since_it_was_seen_first_whoever_looked() {
    let (mut memory, full) = (Memory::default(), [reason(Kind::DiskFull, "/")]);
    assert_eq!(dated(&mut memory, 103, &full), [103], "somebody asked between two looks");
    for second in [110, 120, 130] {
        assert_eq!(look(&mut memory, second, &full), [103]);
    }
    let grave = [Reason { status: Status::Unhealthy, ..full[0].clone() }];
    assert_eq!(look(&mut memory, 140, &grave), [103], "worse than before, and the same");
    assert_eq!(dated(&mut memory, 102, &full), [102], "a report of an earlier moment came later");
    assert_eq!(dated(&mut memory, 141, &full), [102]);
}

#[test]
fn what_flickers_stays_and_what_was_away_begins_anew() {
    let (mut memory, full) = (Memory::default(), [reason(Kind::DiskFull, "/")]);
    look(&mut memory, 0, &full);
    for second in [10, 20] {
        look(&mut memory, second, &[]);
    }
    assert_eq!(look(&mut memory, 30, &full), [0]);
    for second in [40, 50, 60, 70] {
        look(&mut memory, second, &[]);
    }
    assert_eq!(look(&mut memory, 80, &full), [80]);
    // Nobody looked for an hour; it was never missed.
    assert_eq!(look(&mut memory, 3680, &full), [80]);
}

#[test]
fn each_disk_and_each_container_has_a_memory_of_its_own() {
    let mut memory = Memory::default();
    look(&mut memory, 0, &[reason(Kind::DiskFull, "/"), of_container("aa")]);
    let more = [reason(Kind::DiskFull, "/"), reason(Kind::DiskFull, "/data"), reason(Kind::InodesFull, "/")];
    assert_eq!(look(&mut memory, 10, &more), [10, 10, 0], "the newest first");
    assert_eq!(look(&mut memory, 20, &[of_container("aa"), of_container("bb")]), [20, 0]);
}

#[test]
fn what_is_gone_takes_no_memory() {
    let mut memory = Memory::default();
    for second in 0..1000 {
        let id = format!("{:02x}", second % 250);
        look(&mut memory, second * 10, &[of_container(&id)]);
        assert!(memory.0.len() <= 4, "{}", memory.0.len());
    }
    look(&mut memory, 20_000, &[]);
    assert!(memory.0.is_empty());
}

#[test]
fn a_clock_that_is_set_back_makes_no_reason_begin_in_the_future() {
    let (mut memory, full) = (Memory::default(), [reason(Kind::DiskFull, "/")]);
    look(&mut memory, 10_000, &[full[0].clone(), of_container("aa")]);
    assert_eq!(look(&mut memory, 5_000, &full), [5_000]);
    assert_eq!(memory.0.len(), 1, "what was seen by the old clock alone is forgotten");
}

#[test]
fn a_moment_that_is_known_is_believed_and_not_remembered() {
    let (mut memory, second) = (Memory::default(), 3);
    let ended = Reason { since: Some(at(second)), ..of_container("aa") };
    assert_eq!(look(&mut memory, 100, &[ended]), [second]);
    assert!(memory.0.is_empty());
}

#[test]
fn the_gravest_come_first_then_the_newest_and_the_rest_by_what_they_are_about() {
    let mut memory = Memory::default();
    let old = Reason { since: Some(at(1)), ..of_container("cc") };
    let grave = Reason { status: Status::Unhealthy, since: Some(at(0)), ..of_container("dd") };
    let reasons = [old.clone(), of_container("bb"), grave.clone(), of_container("aa")];
    for reasons in [reasons.clone(), [&reasons[2..], &reasons[..2]].concat().try_into().unwrap()] {
        let verdict = Verdict { domain: Domain::Host, summary: String::new(), reasons: reasons.to_vec() };
        let mut report = Report { verdicts: vec![verdict] };
        memory.date(&mut report, at(9));
        let ids: Vec<String> =
            report.verdicts[0].reasons.iter().map(|r| r.about.as_ref().unwrap().id.to_string()).collect();
        assert_eq!(ids, ["dd", "aa", "bb", "cc"].map(|id| id.repeat(32)));
    }
}
