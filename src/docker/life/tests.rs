//! What inspections and events make of a container's state, in whatever order they come.

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
