//! What is measured of sequences that real engines write and say, and what is not.

use super::*;

use Happening::{Connect, Create, Destroy, Disconnect, Restart, Start, Stop};

const RUNS: bool = true;
const RESTS: bool = false;
const DIE: Happening = Happening::Die { exit_code: Some(137) };
const EARLY: Written = Written::Prepared { late: false };
const LATE: Written = Written::Prepared { late: true };

fn kill(signal: i32) -> Happening {
    Happening::Kill { signal: Some(signal) }
}

fn ms(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_000_000_000_000 + milliseconds).unwrap()
}

/// What an inspect says of a run, in the words that matter here.
fn details(status: Status, started: Option<i64>) -> Box<Details> {
    Box::new(Details {
        status: Some(status),
        created_at: Some(ms(0)),
        started_at: started.map(ms),
        stop_signal: Some(SIGTERM),
        auto_remove: Some(false),
        ..Details::default()
    })
}

/// One step of a sequence.
enum Step {
    Says(i64, Happening, bool),
    Writes(i64, Written),
    Answers(Box<Details>),
}

use Step::{Answers, Says, Writes};

/// What is measured of a container that has been known from its making, at 10 ms.
fn measured(steps: impl IntoIterator<Item = Step>) -> Vec<(Operation, u128)> {
    let mut work = Work::default();
    work.happened(&Create, ms(10), RESTS);
    work.inspected(&details(Status::Created, None), false);
    assert_eq!(work.take_done(), [(Operation::Create, Duration::from_millis(10))]);
    for step in steps {
        take(&mut work, step);
    }
    work.take_done().into_iter().map(|(operation, took)| (operation, took.as_millis())).collect()
}

fn take(work: &mut Work, step: Step) {
    match step {
        Says(at, happening, runs) => drop(work.happened(&happening, ms(at), runs)),
        Writes(at, written) => work.wrote(written, ms(at)),
        Answers(details) => work.inspected(&details, false),
    }
}

#[test]
fn a_start_begins_with_the_first_file_that_is_written_for_it() {
    let seen = measured([
        Writes(100, EARLY),
        Writes(101, EARLY),
        Writes(103, LATE),
        Writes(230, EARLY),
        Says(290, Connect, RESTS),
        Writes(299, Written::Described),
        Says(300, Start, RESTS),
        Answers(details(Status::Running, Some(110))),
    ]);
    assert_eq!(seen, [(Operation::Start, 200)]);
}

#[test]
fn a_start_whose_first_files_were_missed_is_not_measured_from_a_later_one() {
    let seen = measured([Writes(230, EARLY), Says(300, Start, RESTS)]);
    assert_eq!(seen, []);
}

#[test]
fn without_files_a_start_begins_with_its_network_where_that_comes_before_the_process() {
    let start = [Says(100, Connect, RESTS), Says(102, Connect, RESTS), Says(300, Start, RESTS)];
    let before = start.into_iter().chain([Answers(details(Status::Running, Some(298)))]);
    assert_eq!(measured(before), [(Operation::Start, 200)]);
    let start = [Says(280, Connect, RESTS), Says(300, Start, RESTS)];
    let after = start.into_iter().chain([Answers(details(Status::Running, Some(110)))]);
    assert_eq!(measured(after), [], "Docker 28 connects when the process is there");
}

#[test]
fn a_network_that_is_connected_while_it_runs_begins_no_start() {
    let seen = measured([
        Says(200, Connect, RUNS),
        Says(300, DIE, RUNS),
        Says(400, Start, RESTS),
        Answers(details(Status::Running, Some(399))),
    ]);
    assert_eq!(seen, []);
}

#[test]
fn a_start_that_failed_is_not_the_beginning_of_the_next_one() {
    let by_events = measured([
        Says(100, Connect, RESTS),
        Says(150, Disconnect, RESTS),
        Says(9_000, Start, RESTS),
        Answers(details(Status::Running, Some(8_999))),
    ]);
    assert_eq!(by_events, []);
    let by_files = measured([
        Writes(100, EARLY),
        Writes(101, LATE),
        Writes(150, Written::Described),
        Writes(8_900, EARLY),
        Writes(8_901, LATE),
        Says(9_000, Start, RESTS),
    ]);
    assert_eq!(by_files, [(Operation::Start, 100)]);
}

#[test]
fn a_stop_begins_with_the_stop_signal_and_not_with_one_before_or_after_it() {
    let reload_then_forced =
        [Says(100, kill(1), RUNS), Says(5_000, kill(15), RUNS), Says(6_000, kill(9), RUNS)];
    let end = [Says(6_020, DIE, RUNS), Says(6_100, Stop, RESTS)];
    assert_eq!(measured(reload_then_forced.into_iter().chain(end)), [(Operation::Stop, 1_100)]);
    // Docker 28 may say that it has stopped before it says that it has died.
    let end = [Says(5_000, kill(15), RUNS), Says(5_100, Stop, RUNS), Says(5_101, DIE, RUNS)];
    assert_eq!(measured(end), [(Operation::Stop, 100)]);
}

#[test]
fn a_stop_by_another_signal_is_measured_unless_it_may_not_have_begun_with_it() {
    let interrupt = measured([Says(5_000, kill(2), RUNS), Says(5_100, Stop, RESTS)]);
    assert_eq!(interrupt, [(Operation::Stop, 100)]);
    let forced = [Says(100, kill(1), RUNS), Says(5_000, kill(9), RUNS), Says(5_100, Stop, RESTS)];
    assert_eq!(measured(forced), []);
    let lost = measured([Says(5_100, Stop, RESTS)]);
    assert_eq!(lost, []);
}

fn restart(offset: i64) -> [Step; 4] {
    [
        Writes(offset, EARLY),
        Writes(offset + 1, LATE),
        Says(offset + 200, Start, RESTS),
        Says(offset + 201, Restart, RUNS),
    ]
}

#[test]
fn a_restart_is_a_stop_and_a_start_and_both_together() {
    let stop = [Says(5_000, kill(15), RUNS), Says(5_090, DIE, RUNS), Says(5_100, Stop, RESTS)];
    let seen = measured(stop.into_iter().chain(restart(5_120)));
    assert_eq!(seen, [(Operation::Stop, 100), (Operation::Start, 200), (Operation::Restart, 321)]);
}

#[test]
fn a_restart_of_a_stopped_container_begins_with_its_start() {
    let start = |at| {
        let stop = [Says(5_000, kill(15), RUNS), Says(5_090, DIE, RUNS), Says(5_100, Stop, RESTS)];
        measured(stop.into_iter().chain(restart(at)))
    };
    assert_eq!(start(60_000)[1..], [(Operation::Start, 200), (Operation::Restart, 201)]);
    assert_eq!(start(9_000)[1..], [(Operation::Start, 200)], "one operation or two: who knows");
    let by_network = measured([
        Says(100, Connect, RESTS),
        Says(300, Start, RESTS),
        Says(301, Restart, RUNS),
        Answers(details(Status::Running, Some(299))),
    ]);
    assert_eq!(by_network, [(Operation::Start, 200), (Operation::Restart, 201)]);
}

/// A container that is killed, and what the engine then says of it.
fn killed(status: Option<Status>) -> impl Iterator<Item = Step> {
    let answer = status.map(|status| Answers(details(status, Some(50))));
    [Says(100, kill(9), RUNS), Says(130, DIE, RUNS)].into_iter().chain(answer)
}

#[test]
fn a_removal_by_force_begins_with_the_kill_once_the_engine_says_that_it_is_one() {
    let removed = |status| measured(killed(status).chain([Says(300, Destroy, RESTS)]));
    assert_eq!(removed(Some(Status::Removing)), [(Operation::Remove, 200)]);
    assert_eq!(removed(Some(Status::Exited)), []);
    assert_eq!(removed(None), []);
}

#[test]
fn another_removal_begins_with_the_description_that_marks_it() {
    let marked =
        || [Writes(200, Written::Described), Writes(290, Written::Described), Says(300, Destroy, RESTS)];
    assert_eq!(measured(killed(Some(Status::Exited)).chain(marked())), [(Operation::Remove, 10)]);
    assert_eq!(measured(marked()), [(Operation::Remove, 10)], "one that never ran");
}

#[test]
fn a_container_that_removes_itself_is_removed_from_its_death_on() {
    let itself = Box::new(Details { auto_remove: Some(true), ..*details(Status::Running, Some(50)) });
    let seen = measured([Answers(itself), Says(100, DIE, RUNS), Says(150, Destroy, RESTS)]);
    assert_eq!(seen, [(Operation::Remove, 50)]);
}

#[test]
fn what_had_begun_before_events_were_missed_is_not_measured() {
    let mut work = Work::default();
    work.happened(&Create, ms(10), RESTS);
    for step in [Says(100, kill(15), RUNS), Writes(100, EARLY), Writes(101, LATE)] {
        take(&mut work, step);
    }
    work.forget_beginnings();
    for step in [Says(90_000, Stop, RESTS), Says(90_001, Start, RESTS), Says(90_002, Restart, RUNS)] {
        take(&mut work, step);
    }
    work.inspected(&details(Status::Running, Some(90_000)), false);
    assert_eq!(work.take_done(), [(Operation::Create, Duration::from_millis(10))], "both its ends are known");
}

#[test]
fn an_event_that_comes_again_counts_once() {
    let stop = || [Says(100, kill(15), RUNS), Says(200, Stop, RESTS)];
    assert_eq!(measured(stop().into_iter().chain(stop())), [(Operation::Stop, 100)]);
}
