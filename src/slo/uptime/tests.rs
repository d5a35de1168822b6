//! A container's promise through its life, with hand-computed seconds.

use super::*;
use crate::inventory::Start;

const SECOND: Duration = Duration::from_secs(1);

fn container(policy: &str, status: Status) -> Container {
    let mut container = Container::new("ab".repeat(32).parse().unwrap(), status);
    container.restart_policy = policy.to_owned();
    container.state.start = Start::default();
    container
}

/// What is said of a container from a second on.
type Change = fn(&mut Container);

/// Looks at every change and at the end; seconds expected and seconds bad.
fn lived(policy: &str, changes: &[(u64, Change)], end: u64) -> (u64, u64) {
    let (mut uptime, mut container) = (Uptime::default(), container(policy, Status::Created));
    let mut sum = Spent::default();
    let mut add = |spent: Spent| {
        sum.expected += spent.expected;
        sum.bad += spent.bad;
    };
    for (at, change) in changes {
        change(&mut container);
        add(uptime.look(&container, SECOND * u32::try_from(*at).unwrap()));
    }
    add(uptime.look(&container, SECOND * u32::try_from(end).unwrap()));
    (sum.expected.as_secs(), sum.bad.as_secs())
}

fn started(container: &mut Container) {
    container.state.status = Status::Running;
    container.state.run += 1;
}

fn crashed(container: &mut Container) {
    container.state.status = Status::Exited;
    container.state.exit_code = Some(137);
    container.state.stopped_by_hand = false;
}

fn restarting(container: &mut Container) {
    container.state.status = Status::Restarting;
}

fn stopped(container: &mut Container) {
    crashed(container);
    container.state.stopped_by_hand = true;
}

fn ended_well(container: &mut Container) {
    crashed(container);
    container.state.exit_code = Some(0);
}

#[test]
fn a_crash_and_the_wait_for_the_next_start_are_down() {
    let life: [(u64, Change); 5] =
        [(0, |_| ()), (10, started), (100, crashed), (101, restarting), (130, started)];
    for policy in ["always", "unless-stopped", "on-failure"] {
        assert_eq!(lived(policy, &life, 200), (190, 30), "{policy}: from its first start on");
    }
}

#[test]
fn a_stop_by_hand_breaks_the_promise_of_always_alone() {
    let life: [(u64, Change); 3] = [(0, started), (60, stopped), (100, started)];
    assert_eq!(lived("always", &life, 120), (120, 40));
    assert_eq!(lived("unless-stopped", &life, 120), (80, 0));
    assert_eq!(lived("on-failure", &life, 120), (80, 0));
    let frozen: [(u64, Change); 2] =
        [(0, started), (60, |container| container.state.status = Status::Paused)];
    assert_eq!(lived("always", &frozen, 100), (100, 40));
    assert_eq!(lived("unless-stopped", &frozen, 100), (60, 0));
}

#[test]
fn what_is_done_need_not_be_up() {
    let life: [(u64, Change); 2] = [(0, started), (60, ended_well)];
    assert_eq!(lived("on-failure", &life, 100), (60, 0));
    assert_eq!(lived("always", &life, 100), (100, 40));
    assert_eq!(lived("unless-stopped", &life, 100), (100, 40), "the engine would start it again");
}

#[test]
fn unhealthy_is_bad_and_starting_is_not() {
    fn health(container: &mut Container, health: Health) {
        container.state.health = Some(health);
    }
    let life: [(u64, Change); 4] = [
        (0, |container| {
            started(container);
            health(container, Health::Starting);
        }),
        (30, |container| health(container, Health::Healthy)),
        (60, |container| health(container, Health::Unhealthy)),
        (75, |container| health(container, Health::Healthy)),
    ];
    assert_eq!(lived("always", &life, 100), (100, 15));
}

#[test]
fn a_restart_between_two_looks_is_known_by_the_engine_s_times() {
    let life: [(u64, Change); 2] = [
        (0, started),
        (60, |container| {
            started(container);
            container.state.finished_at = Some("2026-01-01T00:00:10Z".parse().unwrap());
            container.state.started_at = Some("2026-01-01T00:00:17Z".parse().unwrap());
        }),
    ];
    assert_eq!(lived("unless-stopped", &life, 100), (100, 7));
    let by_hand: [(u64, Change); 2] = [
        (0, started),
        (60, |container| {
            (life_of_restart())(container);
            container.state.stopped_by_hand = true;
        }),
    ];
    assert_eq!(lived("unless-stopped", &by_hand, 100), (100, 0));
    assert_eq!(lived("always", &by_hand, 100), (100, 7));
}

fn life_of_restart() -> Change {
    |container| {
        started(container);
        container.state.finished_at = Some("2026-01-01T00:00:10Z".parse().unwrap());
        container.state.started_at = Some("2026-01-01T00:00:17Z".parse().unwrap());
    }
}

#[test]
fn who_is_first_seen_at_rest_has_promised_nothing_unless_it_is_always() {
    let life: [(u64, Change); 2] = [(0, crashed), (60, started)];
    assert_eq!(lived("unless-stopped", &life, 100), (40, 0));
    assert_eq!(lived("always", &life, 100), (100, 60));
}

#[test]
fn down_for_five_minutes_without_a_break_is_gone() {
    let (mut uptime, mut container) = (Uptime::default(), container("always", Status::Running));
    let mut look = |container: &Container, second: u32| {
        uptime.look(container, SECOND * second);
        uptime.now(&container.id, SECOND * second)
    };
    let now = |expected, down, gone| Now { expected, down, gone };
    assert_eq!(look(&container, 0), now(1, 0, 0));
    crashed(&mut container);
    assert_eq!(look(&container, 10), now(1, 1, 0));
    assert_eq!(look(&container, 309), now(1, 1, 0));
    assert_eq!(look(&container, 310), now(1, 1, 1));
    // It has run in between, if only for a moment.
    container.state.run += 1;
    assert_eq!(look(&container, 320), now(1, 1, 0));
    started(&mut container);
    assert_eq!(look(&container, 330), now(1, 0, 0));
}
