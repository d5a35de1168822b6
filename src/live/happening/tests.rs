//! What the difference of two states comes to.

use std::collections::BTreeMap;

use super::*;
use crate::inventory::{Engine, Health};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn container(status: Status) -> Container {
    let id = "3f".repeat(32).parse().unwrap();
    let mut container = Container { name: LabelValue::clean("api"), ..Container::new(id, status) };
    container.state.started_at = Some(at(100));
    container
}

fn state(containers: &[&Container]) -> Snapshot {
    let containers: BTreeMap<_, _> =
        containers.iter().map(|one| (one.id, Arc::new((*one).clone()))).collect();
    Snapshot {
        containers,
        engine: Arc::new(Engine { ever_connected: true, ..Engine::default() }),
        ..Snapshot::default()
    }
}

/// What is told, as text.
fn told(old: &Snapshot, new: &Snapshot) -> Vec<serde_json::Value> {
    between(old, new, at(50), at(200)).iter().map(|one| serde_json::to_value(one).unwrap()).collect()
}

fn actions(before: &Container, after: &Container) -> Vec<String> {
    let told = told(&state(&[before]), &state(&[after]));
    told.iter().map(|one| one["action"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_end_of_a_run_says_by_whom_it_was_ended_and_how() {
    let running = container(Status::Running);
    let mut over = container(Status::Exited);
    (over.state.exit_code, over.state.oom_killed) = (Some(137), true);
    over.state.finished_at = Some(at(150));
    let expected = serde_json::json!({
        "timestamp": "1970-01-01T00:02:30Z", "container_id": "3f".repeat(32), "name": "api",
        "action": "died", "exit_code": 137, "oom_killed": true,
    });
    let told = told(&state(&[&running]), &state(&[&over]));
    // The kill is told, too.
    assert_eq!(told.iter().map(|one| &one["action"]).collect::<Vec<_>>(), ["oom", "died"]);
    assert_eq!(told[1], expected);
    over.state.oom_killed = false;
    over.state.stopped_by_hand = true;
    assert_eq!(actions(&running, &over), ["stopped"]);
    // The engine's own word about the end comes later, and is no other end.
    let mut later = over.clone();
    later.state.finished_at = Some(at(151));
    assert!(actions(&over, &later).is_empty());
    later.state.status = Status::Restarting;
    assert!(actions(&over, &later).is_empty());
}

#[test]
fn runs_between_two_states_are_told() {
    let running = container(Status::Running);
    let exited = container(Status::Exited);
    let next = |container: &Container| {
        let mut next = container.clone();
        next.state.run += 1;
        next
    };
    assert_eq!(actions(&exited, &next(&running)), ["started"]);
    assert_eq!(actions(&running, &next(&running)), ["died", "started"]);
    assert_eq!(actions(&exited, &next(&exited)), ["started", "died"]);
    assert_eq!(actions(&running, &next(&exited)), ["died", "started", "died"]);
    assert_eq!(actions(&container(Status::Created), &running), ["started"]);
}

#[test]
fn freezing_health_names_and_removal_are_told() {
    let running = container(Status::Running);
    let paused = container(Status::Paused);
    assert_eq!(actions(&running, &paused), ["paused"]);
    assert_eq!(actions(&paused, &running), ["unpaused"]);
    let mut ill = running.clone();
    ill.state.health = Some(Health::Unhealthy);
    let one = told(&state(&[&running]), &state(&[&ill]));
    assert_eq!((&one[0]["action"], &one[0]["health"]), (&"health".into(), &"unhealthy".into()));
    let renamed = Container { name: LabelValue::clean("web"), ..running.clone() };
    let one = told(&state(&[&running]), &state(&[&renamed]));
    assert_eq!((&one[0]["name"], &one[0]["old_name"]), (&"web".into(), &"api".into()));
    let mut gone = container(Status::Exited);
    gone.removed_at = Some(at(190));
    assert_eq!(actions(&running, &gone), ["died", "removed"]);
    // Once it has lingered it is forgotten, and that is no event.
    assert!(told(&state(&[&gone]), &state(&[])).is_empty());
    assert_eq!(told(&state(&[&running]), &state(&[]))[0]["action"], "removed");
}

#[test]
fn what_was_there_before_has_not_been_started() {
    let running = container(Status::Running);
    let mut earlier = running.clone();
    earlier.state.started_at = Some(at(10));
    let unread = Snapshot::default();
    assert!(told(&unread, &state(&[&earlier])).is_empty(), "the first list");
    assert_eq!(told(&unread, &state(&[&running]))[0]["action"], "started", "while the first list was read");
    let one = told(&state(&[]), &state(&[&running]));
    assert_eq!(
        (&one[0]["action"], &one[0]["timestamp"]),
        (&"started".into(), &"1970-01-01T00:01:40Z".into())
    );
    assert!(told(&state(&[]), &state(&[&earlier])).is_empty(), "it came into sight");
    let mut short = container(Status::Exited);
    short.state.exit_code = Some(3);
    let both = told(&state(&[]), &state(&[&short]));
    assert_eq!(both.iter().map(|one| &one["action"]).collect::<Vec<_>>(), ["started", "died"]);
}
