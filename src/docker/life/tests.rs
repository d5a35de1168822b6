//! What inspections and events make of a container's state, in whatever order they come.

use super::super::types::Labels;
use super::*;
use crate::inventory::Health;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn running() -> Details {
    Details {
        name: Some("one".into()),
        status: Some(Status::Running),
        pid: Some(7),
        exit_code: Some(0),
        started_at: Some(at(10)),
        health: Some(Health::Healthy),
        sandbox_id: Some("5a".into()),
        ..Details::default()
    }
}

fn life(details: Details) -> Life {
    let mut life = Life::new("ab".repeat(32).parse().unwrap(), Status::Created);
    life.inspected(details, false);
    life
}

#[test]
fn a_field_that_could_not_be_read_leaves_what_is_known() {
    let mut life = life(running());
    let unreadable = Details { name: None, started_at: None, status: None, ..running() };
    life.inspected(unreadable, false);
    let container = &life.container;
    assert_eq!(container.name.as_str(), "one");
    assert_eq!((&container.state.status, container.state.started_at), (&Status::Running, Some(at(10))));
}

#[test]
fn a_stopped_container_has_no_pid_and_no_sandbox_whatever_the_engine_still_says() {
    let stopped =
        Details { status: Some(Status::Exited), finished_at: Some(at(20)), exit_code: Some(2), ..running() };
    let container = life(stopped).container;
    assert_eq!((container.state.pid, container.network.sandbox_id.as_str()), (None, ""));
    assert_eq!(container.state.exit_code, Some(2));
}

#[test]
fn a_running_container_keeps_the_exit_code_of_its_last_run() {
    let stopped =
        Details { status: Some(Status::Exited), finished_at: Some(at(20)), exit_code: Some(2), ..running() };
    let mut life = life(stopped);
    life.inspected(Details { started_at: Some(at(30)), ..running() }, false);
    assert_eq!(life.container.state.exit_code, Some(2));
}

#[test]
fn an_unknown_state_is_kept_as_it_is() {
    let stopping = Details { status: Some(Status::from_word("stopping")), ..running() };
    assert_eq!(life(stopping).container.state.status.as_str(), "stopping");
}

#[test]
fn what_the_engine_said_of_earlier_runs_is_kept() {
    let mut life = life(running());
    life.ran_out_of_memory(at(11));
    life.ran_out_of_memory(at(12));
    life.died(at(13), Some(137));
    life.started(at(20));
    let state = &life.container.state;
    assert_eq!((state.run, state.oom_kills(), state.earlier_oom_kills), (1, 0, 2));
    // The engine's own time of that start is another one, and it is the same run.
    life.inspected(Details { started_at: Some(at(19)), ..running() }, false);
    life.inspected(Details { started_at: Some(at(30)), oom_killed: Some(true), ..running() }, false);
    let state = &life.container.state;
    assert_eq!((state.run, state.oom_kills(), state.earlier_oom_kills), (2, 1, 2));
}

#[test]
fn an_oom_event_that_comes_after_the_next_run_was_seen_counts_for_its_own() {
    let mut life = life(Details { oom_killed: Some(true), ..running() });
    life.inspected(Details { started_at: Some(at(30)), ..running() }, false);
    assert_eq!(life.container.state.earlier_oom_kills, 1);
    life.ran_out_of_memory(at(11));
    assert_eq!(life.container.state.earlier_oom_kills, 1, "the flag told of it");
    life.ran_out_of_memory(at(12));
    assert_eq!((life.container.state.earlier_oom_kills, life.container.state.oom_kills()), (2, 0));
}

#[test]
fn a_late_start_of_a_run_that_is_over_does_not_revive_it() {
    let stopped = Details { status: Some(Status::Exited), finished_at: Some(at(20)), ..running() };
    let mut life = life(stopped);
    assert_eq!(life.started(at(11)), Verdict::InspectNow);
    assert_eq!(life.container.state.status, Status::Exited);
}

fn event(happening: Happening, second: i64) -> Event {
    Event {
        id: "ab".repeat(32).parse().unwrap(),
        happening,
        at: Some(at(second)),
        name: None,
        image: None,
        labels: Labels::new(),
    }
}

/// A container that events have been told of from its making on.
fn made(events: impl IntoIterator<Item = (Happening, i64)>) -> Life {
    let mut life = Life::new("ab".repeat(32).parse().unwrap(), Status::Created);
    for (happening, second) in events {
        life.apply(&event(happening, second), at(second));
    }
    life
}

/// Seconds until it ran and until it was healthy.
fn took(life: &Life) -> (Option<u64>, Option<u64>) {
    let start = &life.container.state.start;
    (start.until_running().map(|time| time.as_secs()), start.until_healthy().map(|time| time.as_secs()))
}

/// What an inspect says of a container that was made at 5.
fn inspected(status: Status, started: i64, finished: Option<i64>, health: Health) -> Details {
    Details {
        status: Some(status),
        created_at: Some(at(5)),
        started_at: Some(at(started)),
        finished_at: finished.map(at),
        health: Some(health),
        ..running()
    }
}

const HEALTHY: Happening = Happening::Health(Some(Health::Healthy));
const UNHEALTHY: Happening = Happening::Health(Some(Health::Unhealthy));
const DIE: Happening = Happening::Die { exit_code: Some(1) };

#[test]
fn a_first_start_lasts_from_the_making_until_it_runs_and_until_it_is_healthy_first() {
    let mut life = made([(Happening::Create, 6), (Happening::Start, 10)]);
    assert_eq!(took(&life), (None, None), "when it began is not known yet");
    life.inspected(inspected(Status::Running, 10, None, Health::Starting), false);
    assert_eq!(took(&life), (Some(5), None));
    for (health, second) in [(UNHEALTHY, 12), (HEALTHY, 15), (UNHEALTHY, 20), (HEALTHY, 25)] {
        life.apply(&event(health, second), at(second));
    }
    assert_eq!(took(&life), (Some(5), Some(10)));
    life.apply(&event(DIE, 30), at(30));
    assert_eq!(took(&life), (Some(5), Some(10)), "of the last run");
}

#[test]
fn a_row_of_failures_is_as_old_as_its_oldest_word_and_ends_with_the_run() {
    let ill = |failing_since: i64| Details {
        failing_since: Some(at(failing_since)),
        ..inspected(Status::Running, 10, None, Health::Unhealthy)
    };
    let since = |life: &Life| life.container.state.failing_since;
    let mut life = life(ill(15));
    life.inspected(ill(45), false);
    assert_eq!(since(&life), Some(at(15)), "the engine has forgotten the first");
    life.apply(&event(HEALTHY, 60), at(60));
    assert_eq!(since(&life), None);
    assert_eq!(life.apply(&event(UNHEALTHY, 80), at(80)), Verdict::Inspect);
    life.inspected(ill(70), false);
    assert_eq!(since(&life), Some(at(70)));
    life.inspected(Details { started_at: Some(at(90)), ..ill(95) }, false);
    assert_eq!(since(&life), Some(at(95)), "of the run that is");
    life.apply(&event(DIE, 100), at(100));
    life.apply(&event(Happening::Start, 101), at(101));
    assert_eq!(since(&life), None);
}

#[test]
fn a_first_run_that_is_over_before_it_could_be_inspected_has_its_start_all_the_same() {
    let mut life = made([(Happening::Create, 6), (Happening::Start, 10), (DIE, 11)]);
    life.inspected(inspected(Status::Exited, 10, Some(11), Health::Starting), false);
    assert_eq!(took(&life), (Some(5), None));
}

#[test]
fn a_later_start_lasts_from_its_own_beginning() {
    let mut life = made([(Happening::Create, 6), (Happening::Start, 10), (DIE, 20)]);
    life.inspected(inspected(Status::Exited, 10, Some(20), Health::Healthy), false);
    life.apply(&event(Happening::Connect, 97), at(97));
    life.apply(&event(Happening::Start, 100), at(100));
    assert_eq!(life.container.state.health, Some(Health::Starting), "the last run's health says nothing");
    life.inspected(inspected(Status::Running, 99, Some(20), Health::Starting), false);
    assert_eq!(took(&life), (Some(3), None));
    life.apply(&event(HEALTHY, 104), at(104));
    assert_eq!(took(&life), (Some(3), Some(7)));
}

#[test]
fn a_later_start_whose_beginning_was_not_seen_has_no_duration() {
    let mut life = life(inspected(Status::Exited, 10, Some(20), Health::Healthy));
    life.apply(&event(Happening::Start, 100), at(100));
    life.apply(&event(HEALTHY, 104), at(104));
    life.inspected(inspected(Status::Running, 99, Some(20), Health::Healthy), false);
    assert_eq!(took(&life), (None, None));
}

#[test]
fn the_first_run_of_a_container_that_was_there_before_is_known_from_its_inspect() {
    let mut running = life(inspected(Status::Running, 10, None, Health::Starting));
    assert_eq!(took(&running), (Some(5), None));
    running.apply(&event(HEALTHY, 15), at(15));
    assert_eq!(took(&running), (Some(5), Some(10)));
    let mut healthy = life(inspected(Status::Running, 10, None, Health::Healthy));
    healthy.apply(&event(UNHEALTHY, 50), at(50));
    healthy.apply(&event(HEALTHY, 60), at(60));
    assert_eq!(took(&healthy), (Some(5), None), "it had been healthy before, and nobody knows when");
    let later = life(inspected(Status::Running, 30, Some(20), Health::Starting));
    assert_eq!(took(&later), (None, None));
}

#[test]
fn a_start_that_was_missed_is_not_taken_for_the_first() {
    let mut life = made([(Happening::Create, 6), (Happening::Start, 10)]);
    life.inspected(inspected(Status::Running, 10, None, Health::Starting), false);
    life.forget_beginnings();
    life.inspected(inspected(Status::Running, 200, Some(150), Health::Starting), false);
    assert_eq!(took(&life), (None, None));
}

#[test]
fn restarts_by_the_policy_after_one_by_hand_are_counted_from_zero() {
    let restarted = |count, started| Details {
        restart_count: Some(count),
        ..inspected(Status::Running, started, Some(1), Health::Healthy)
    };
    let mut life = life(restarted(3, 10));
    // By hand, then four times by the policy, before the engine could be asked.
    for (happening, second) in [(DIE, 20), (Happening::Stop, 22), (Happening::Start, 23), (DIE, 30)] {
        life.apply(&event(happening, second), at(second));
    }
    life.inspected(restarted(3, 10), true);
    assert_eq!(life.container.state.restarts, 3, "an older answer");
    life.inspected(restarted(4, 40), false);
    assert_eq!(life.container.state.restarts, 7);
}
