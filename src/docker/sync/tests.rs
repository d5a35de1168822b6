//! The machine's rules, one story each.

use super::*;
use crate::inventory::{Container, Health, Operation};

const LINGER: Duration = Duration::from_secs(60);

/// A machine with its clock at hand.
struct Bench {
    reconciler: Reconciler,
    now: Moment,
}

fn id(number: u8) -> ContainerId {
    format!("{number:02x}").repeat(32).parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn summary(number: u8, status: Status) -> Summary {
    Summary {
        id: id(number),
        name: Some(format!("c{number}")),
        image: Some("bb".into()),
        image_id: Some("sha256:bb".into()),
        labels: None,
        status: Some(status),
        created_at: None,
    }
}

fn details(number: u8, status: Status, pid: u32, started: i64) -> Details {
    Details {
        name: Some(format!("c{number}")),
        image_id: Some("sha256:bb".into()),
        status: Some(status),
        pid: Some(pid),
        exit_code: Some(0),
        started_at: Some(at(started)),
        restart_count: Some(0),
        restart_policy: Some("no".into()),
        ..Details::default()
    }
}

fn found(details: Details) -> Answer<Box<Details>> {
    Answer::Found(Box::new(details))
}

fn event(number: u8, happening: Happening, second: i64) -> Event {
    Event {
        id: id(number),
        happening,
        at: Some(at(second)),
        name: Some(format!("c{number}")),
        image: Some("bb".into()),
        labels: Labels::from([("team".into(), "core".into())]),
    }
}

fn list(containers: Vec<Summary>) -> Input {
    Input::Listed(Ok(List { containers, malformed: 0 }))
}

impl Bench {
    fn new() -> Self {
        let now = Moment { uptime: Duration::ZERO, wall: at(0) };
        Bench { reconciler: Reconciler::new(LINGER, now), now }
    }

    /// A machine that has read a list.
    fn live(containers: Vec<Summary>) -> Self {
        let mut bench = Bench::new();
        assert_eq!(bench.give(Input::Tick), [Action::Connect]);
        bench.give(Input::Connected(Ok(Greeting::default())));
        assert_eq!(bench.give(Input::Subscribed(Ok(()))), [Action::List]);
        bench.give(list(containers));
        assert!(bench.reconciler.engine().connected);
        bench
    }

    /// A machine that knows one running container, whose pid is 7 and which started at 10.
    fn with_one_running() -> Self {
        let mut bench = Bench::live(vec![summary(1, Status::Running)]);
        bench.give(Input::ImageInspected("sha256:bb".into(), Answer::Found(Labels::new())));
        assert_eq!(bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 10)))), []);
        bench
    }

    fn give(&mut self, input: Input) -> Vec<Action> {
        self.reconciler.handle(input, self.now)
    }

    fn event(&mut self, number: u8, happening: Happening, second: i64) -> Vec<Action> {
        self.give(Input::Event(event(number, happening, second)))
    }

    fn pass(&mut self, time: Duration) -> Vec<Action> {
        self.now.uptime += time;
        self.now.wall += time;
        self.give(Input::Tick)
    }

    #[track_caller]
    fn container(&self, number: u8) -> &Container {
        &self.reconciler.shown(&id(number)).expect("the container is shown").0.container
    }

    fn shows(&self, number: u8) -> bool {
        self.reconciler.shown(&id(number)).is_some()
    }
}

#[test]
fn the_subscription_stands_before_the_list_is_asked_for() {
    let mut bench = Bench::new();
    assert_eq!(bench.give(Input::Tick), [Action::Connect]);
    let greeting = Greeting { clock: Some(at(5)), ..Greeting::default() };
    assert_eq!(bench.give(Input::Connected(Ok(greeting))), [Action::Subscribe { since: Some(at(5)) }]);
    assert_eq!(bench.give(Input::Subscribed(Ok(()))), [Action::List]);
    assert!(!bench.reconciler.engine().connected);
    assert_eq!(bench.give(list(vec![])), [Action::Tell(Notice::Connected { after: None })]);
    assert!(bench.reconciler.engine().connected);
}

#[test]
fn nobody_is_told_that_it_is_complete_before_all_of_the_first_list_can_be_shown() {
    let mut bench = Bench::live(vec![summary(1, Status::Running), summary(2, Status::Running)]);
    let complete = |bench: &Bench| bench.reconciler.engine().ever_connected;
    assert!(!complete(&bench));
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 10))));
    assert!(!complete(&bench));
    bench.event(3, Happening::Create, 11);
    bench.event(2, Happening::Destroy, 12);
    assert!(complete(&bench), "one that comes later is not waited for, and none that has gone");
    assert!(bench.reconciler.take_changes().engine);
}

#[test]
fn a_container_that_starts_while_the_list_is_on_its_way_is_not_missed() {
    let mut bench = Bench::new();
    bench.give(Input::Tick);
    bench.give(Input::Connected(Ok(Greeting::default())));
    bench.give(Input::Subscribed(Ok(())));
    assert_eq!(bench.event(1, Happening::Start, 1), [Action::Inspect(id(1))]);
    bench.give(list(vec![]));
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 1))));
    assert_eq!(bench.container(1).state.pid, Some(7));
}

#[test]
fn a_container_that_goes_while_the_list_is_on_its_way_does_not_come_back_with_it() {
    let mut bench = Bench::with_one_running();
    assert_eq!(bench.pass(RELIST_EVERY)[0], Action::List);
    bench.event(1, Happening::Destroy, 300);
    bench.event(2, Happening::Destroy, 300);
    bench.give(list(vec![summary(1, Status::Running), summary(2, Status::Running)]));
    assert!(bench.container(1).removed_at.is_some());
    assert!(!bench.shows(2));
}

#[test]
fn what_a_list_does_not_show_any_more_is_gone_unless_the_list_was_damaged() {
    let mut bench = Bench::with_one_running();
    bench.pass(RELIST_EVERY);
    let damaged = Input::Listed(Ok(List { containers: vec![], malformed: 1 }));
    assert_eq!(bench.give(damaged), [Action::Inspect(id(1))]);
    assert_eq!(bench.container(1).removed_at, None);
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 10))));
    bench.pass(RELIST_EVERY);
    bench.give(list(vec![]));
    let gone = bench.container(1);
    assert!(gone.removed_at.is_some());
    assert_eq!((gone.state.pid, &gone.state.status), (None, &Status::Exited));
}

#[test]
fn a_later_list_that_says_nothing_new_asks_nothing() {
    let mut bench = Bench::with_one_running();
    bench.pass(RELIST_EVERY);
    assert_eq!(bench.give(list(vec![summary(1, Status::Running)])), []);
    bench.pass(RELIST_EVERY);
    assert_eq!(bench.give(list(vec![summary(1, Status::Paused)])), [Action::Inspect(id(1))]);
}

#[test]
fn events_that_tell_everything_are_hits() {
    let mut bench = Bench::with_one_running();
    bench.reconciler.take_changes();
    let renamed = Event { name: Some("new".into()), ..event(1, Happening::Rename, 20) };
    assert_eq!(bench.give(Input::Event(renamed)), []);
    assert_eq!(bench.event(1, Happening::Health(Some(Health::Healthy)), 21), []);
    assert_eq!(bench.event(1, Happening::Pause, 22), []);
    assert_eq!(bench.container(1).state.status, Status::Paused);
    assert_eq!(bench.event(1, Happening::Unpause, 23), []);
    assert_eq!(bench.event(1, Happening::Oom, 24), []);
    assert_eq!(bench.event(1, Happening::Die { exit_code: Some(137) }, 25), []);
    let container = bench.container(1);
    assert_eq!(container.name.as_str(), "new");
    let state = &container.state;
    assert_eq!((&state.status, state.pid, state.exit_code), (&Status::Exited, None, Some(137)));
    assert_eq!((state.finished_at, state.oom_events, state.oom_killed), (Some(at(25)), 1, true));
    assert_eq!(state.health, Some(Health::Healthy));
    assert_eq!(bench.reconciler.take_changes().hits, 6);
}

#[test]
fn one_that_becomes_ill_is_asked_since_when() {
    let mut bench = Bench::with_one_running();
    let ill = Happening::Health(Some(Health::Unhealthy));
    assert_eq!(bench.event(1, ill.clone(), 21), [Action::Inspect(id(1))]);
    assert_eq!(bench.container(1).state.failing_since, Some(at(21)), "until it is known better");
    let (health, failing_since) = (Some(Health::Unhealthy), Some(at(15)));
    let told = Details { health, failing_since, ..details(1, Status::Running, 7, 10) };
    assert_eq!(bench.give(Input::Inspected(id(1), found(told))), []);
    assert_eq!(bench.container(1).state.failing_since, Some(at(15)));
    assert_eq!(bench.event(1, ill, 30), [], "it was ill already");
    assert_eq!(bench.container(1).state.failing_since, Some(at(15)));
}

#[test]
fn an_event_that_overtakes_an_inspect_is_believed_and_asked_about_again() {
    let mut bench = Bench::with_one_running();
    assert_eq!(bench.event(1, Happening::Update, 20), [Action::Inspect(id(1))]);
    assert_eq!(bench.event(1, Happening::Die { exit_code: Some(1) }, 21), []);
    let older = found(details(1, Status::Running, 7, 10));
    assert_eq!(bench.give(Input::Inspected(id(1), older)), [Action::Inspect(id(1))]);
    assert_eq!(bench.container(1).state.pid, None);
}

#[test]
fn the_end_of_an_earlier_run_does_not_end_the_present_one() {
    let mut bench = Bench::with_one_running();
    bench.event(1, Happening::Die { exit_code: Some(1) }, 9);
    assert_eq!(bench.container(1).state.pid, Some(7));
}

#[test]
fn an_end_told_by_a_clock_that_was_set_back_is_asked_about() {
    let mut bench = Bench::with_one_running();
    let actions = bench.event(1, Happening::Die { exit_code: Some(1) }, -3600);
    assert_eq!(actions, [Action::Inspect(id(1))]);
    bench.give(Input::Inspected(id(1), found(details(1, Status::Exited, 0, 10))));
    assert_eq!(bench.container(1).state.pid, None);
}

/// Says at every reading that the kernel has ended a run of container 1, until the engine is asked.
fn doubt_until_asked(bench: &mut Bench, pid: u32) -> Duration {
    let step = Duration::from_secs(1);
    for waited in 0..60 {
        let ended = SilentEnds::from([(id(1), pid)]);
        if bench.give(Input::Doubted(ended)) == [Action::List] {
            return step * waited;
        }
        bench.pass(step);
    }
    panic!("nobody asks the engine");
}

#[test]
fn an_end_that_only_the_kernel_tells_renews_the_stream() {
    let mut bench = Bench::with_one_running();
    assert!(doubt_until_asked(&mut bench, 7) >= Duration::from_secs(5), "an event may be on its way");
    let actions = bench.give(list(vec![summary(1, Status::Exited)]));
    assert!(
        matches!(actions.as_slice(), [Action::Disconnect, Action::Tell(Notice::Lost { .. })]),
        "{actions:?}"
    );
    assert_eq!(bench.reconciler.engine().missed_ends, 1);
    assert_eq!(bench.pass(FIRST_BACKOFF), [Action::Connect]);
}

#[test]
fn a_restart_that_only_the_kernel_tells_of_renews_the_stream() {
    let mut bench = Bench::with_one_running();
    doubt_until_asked(&mut bench, 7);
    assert_eq!(bench.give(list(vec![summary(1, Status::Running)])), [Action::Inspect(id(1))]);
    let actions = bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 8, 20))));
    assert!(actions.contains(&Action::Disconnect), "{actions:?}");
    assert_eq!((bench.container(1).state.pid, bench.reconciler.engine().missed_ends), (Some(8), 1));
}

#[test]
fn an_end_that_is_told_late_is_no_reason_to_doubt_the_stream() {
    let mut bench = Bench::with_one_running();
    doubt_until_asked(&mut bench, 7);
    bench.event(1, Happening::Die { exit_code: Some(0) }, 300);
    bench.give(list(vec![summary(1, Status::Exited)]));
    assert!(bench.reconciler.engine().connected);
    assert_eq!(bench.reconciler.engine().missed_ends, 0);
}

#[test]
fn an_engine_that_does_not_know_of_an_end_itself_is_not_pressed() {
    let mut bench = Bench::with_one_running();
    doubt_until_asked(&mut bench, 7);
    bench.give(list(vec![summary(1, Status::Running)]));
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 10))));
    assert!(bench.reconciler.engine().connected);
    assert!(doubt_until_asked(&mut bench, 7) >= Duration::from_secs(14));
}

#[test]
fn a_container_that_was_removed_before_it_could_be_inspected_is_known_from_its_events() {
    let mut bench = Bench::live(vec![]);
    assert_eq!(bench.event(1, Happening::Start, 1), [Action::Inspect(id(1))]);
    bench.event(1, Happening::Die { exit_code: Some(3) }, 2);
    let actions = bench.event(1, Happening::Destroy, 3);
    assert_eq!(actions, [Action::InspectImage("bb".into())], "the image may have made the labels");
    assert_eq!(bench.give(Input::Inspected(id(1), Answer::Gone)), []);
    let container = bench.container(1);
    assert_eq!((container.name.as_str(), container.image.as_str()), ("c1", "bb"));
    assert_eq!(container.labels.get("team").map(String::as_str), Some("core"));
    assert_eq!((container.state.started_at, container.state.exit_code), (Some(at(1)), Some(3)));
    assert!(container.removed_at.is_some());
}

#[test]
fn a_removed_container_lingers_and_leaves_nothing_behind() {
    let mut bench = Bench::with_one_running();
    bench.event(1, Happening::Destroy, 20);
    bench.pass(LINGER - Duration::from_millis(1));
    assert!(bench.shows(1));
    bench.reconciler.take_changes();
    bench.pass(Duration::from_millis(1));
    assert!(!bench.shows(1));
    assert!(bench.reconciler.take_changes().containers.contains(&id(1)));
    assert_eq!(bench.reconciler.images.len(), 0);
    assert_eq!(bench.reconciler.calls.len(), 0);
}

#[test]
fn a_start_is_inspected_before_a_thousand_others() {
    let mut bench = Bench::live((0..200).map(|number| summary(number, Status::Exited)).collect());
    assert_eq!(bench.event(201, Happening::Start, 1), [Action::Inspect(id(201))]);
}

#[test]
fn few_inspects_are_made_at_once_and_one_a_container() {
    let mut bench = Bench::new();
    bench.give(Input::Tick);
    bench.give(Input::Connected(Ok(Greeting::default())));
    bench.give(Input::Subscribed(Ok(())));
    let inspects = |actions: &[Action]| actions.iter().filter(|a| matches!(a, Action::Inspect(_))).count();
    let first = bench.give(list((0..100).map(|number| summary(number, Status::Running)).collect()));
    assert_eq!(inspects(&first), 4);
    assert_eq!(bench.event(0, Happening::Update, 1), []);
    let next = bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 1))));
    assert_eq!(inspects(&next), 1);
}

#[test]
fn restarts_never_fall_back_although_the_engine_counts_from_zero_again() {
    let mut bench = Bench::with_one_running();
    let mut seen = Vec::new();
    for (second, count) in [(20, 2), (30, 5), (40, 0), (50, 1)] {
        bench.event(1, Happening::Die { exit_code: Some(1) }, second);
        bench.event(1, Happening::Start, second + 1);
        let details = Details { restart_count: Some(count), ..details(1, Status::Running, 8, second + 1) };
        bench.give(Input::Inspected(id(1), found(details)));
        seen.push(bench.container(1).state.restarts);
    }
    assert_eq!(seen, [2, 5, 5, 6]);
}

#[test]
fn oom_events_are_those_of_one_run() {
    let mut bench = Bench::with_one_running();
    bench.event(1, Happening::Oom, 11);
    bench.event(1, Happening::Die { exit_code: Some(137) }, 12);
    assert_eq!(bench.container(1).state.oom_events, 1);
    bench.event(1, Happening::Start, 13);
    bench.event(1, Happening::Oom, 14);
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 8, 13))));
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 8, 13))));
    assert_eq!(bench.container(1).state.oom_events, 1);
}

#[test]
fn a_container_that_never_ran_has_no_exit_code() {
    let mut bench = Bench::live(vec![summary(1, Status::Created)]);
    let created = Details { started_at: None, ..details(1, Status::Created, 0, 0) };
    bench.give(Input::Inspected(id(1), found(created)));
    let state = &bench.container(1).state;
    assert_eq!((state.exit_code, state.pid, state.started_at), (None, None, None));
}

#[test]
fn with_a_restart_policy_a_death_is_asked_about() {
    let mut bench = Bench::live(vec![summary(1, Status::Running)]);
    let always = Details { restart_policy: Some("always".into()), ..details(1, Status::Running, 7, 10) };
    bench.give(Input::Inspected(id(1), found(always)));
    assert_eq!(bench.event(1, Happening::Die { exit_code: Some(1) }, 20), [Action::Inspect(id(1))]);
    assert_eq!(bench.container(1).state.pid, None);
}

#[test]
fn an_inspect_that_fails_shows_what_the_list_said_and_is_tried_again() {
    let mut bench = Bench::live(vec![summary(1, Status::Running)]);
    assert_eq!(bench.give(Input::Inspected(id(1), Answer::Failed)), [Action::Ping]);
    assert_eq!(bench.container(1).state.status, Status::Running);
    bench.give(Input::Pinged(Ok(())));
    assert_eq!(bench.pass(Duration::from_secs(1)), [Action::Inspect(id(1))]);
    assert_eq!(bench.give(Input::Inspected(id(1), Answer::Failed)), [Action::Ping]);
    assert_eq!(bench.pass(Duration::from_secs(1)), []);
    assert_eq!(bench.pass(Duration::from_secs(1)), [Action::Inspect(id(1))]);
}

#[test]
fn an_image_is_asked_for_once_for_all_its_containers() {
    let mut bench = Bench::new();
    bench.give(Input::Tick);
    bench.give(Input::Connected(Ok(Greeting::default())));
    bench.give(Input::Subscribed(Ok(())));
    let actions = bench.give(list(vec![summary(1, Status::Running), summary(2, Status::Running)]));
    let images = actions.iter().filter(|action| matches!(action, Action::InspectImage(_))).count();
    assert_eq!(images, 1);
    bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 1))));
    let labels_of_image = |bench: &Bench| bench.reconciler.shown(&id(1)).unwrap().1;
    assert_eq!(labels_of_image(&bench), ImageLabels::Pending);
    bench.give(Input::ImageInspected("sha256:bb".into(), Answer::Failed));
    assert_eq!(labels_of_image(&bench), ImageLabels::Unknown);
    bench.pass(RELIST_EVERY);
    let actions = bench.give(list(vec![summary(1, Status::Running), summary(2, Status::Running)]));
    assert!(actions.contains(&Action::InspectImage("sha256:bb".into())));
    bench.give(Input::ImageInspected("sha256:bb".into(), Answer::Found(Labels::new())));
    assert_eq!(labels_of_image(&bench), ImageLabels::Known(Labels::new().into()));
}

#[test]
fn a_lost_engine_is_told_once_served_on_and_tried_ever_more_rarely() {
    let mut bench = Bench::with_one_running();
    bench.pass(STABLE_AFTER);
    let actions = bench.give(Input::StreamEnded("it closed".into()));
    assert_eq!(actions, [Action::Disconnect, Action::Tell(Notice::Lost { error: "it closed".into() })]);
    assert_eq!(bench.reconciler.engine().last_error.as_deref(), Some("it closed"));
    assert!(!bench.reconciler.engine().connected && bench.reconciler.engine().ever_connected);
    assert_eq!(bench.container(1).state.pid, Some(7));
    let mut waits = Vec::new();
    for _ in 0..8 {
        let wait = bench.reconciler.wakes_at().unwrap() - bench.now.uptime;
        assert_eq!(bench.pass(wait), [Action::Connect]);
        waits.push(wait.as_millis());
        let actions = bench.give(Input::Connected(Err("no".into())));
        assert!(matches!(actions[1], Action::Tell(Notice::StillLost { .. })));
    }
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000]);
}

#[test]
fn an_engine_that_comes_back_is_subscribed_to_from_the_last_event_and_inspected_anew() {
    let mut bench = Bench::with_one_running();
    bench.event(1, Happening::Oom, 20);
    bench.pass(STABLE_AFTER);
    bench.give(Input::StreamEnded("it closed".into()));
    assert_eq!(bench.pass(FIRST_BACKOFF), [Action::Connect]);
    let since = at(20).checked_add(Duration::from_nanos(1)).ok();
    assert_eq!(bench.give(Input::Connected(Ok(Greeting::default()))), [Action::Subscribe { since }]);
    bench.give(Input::Subscribed(Ok(())));
    let healed = Action::Tell(Notice::Connected { after: Some(FIRST_BACKOFF) });
    assert_eq!(bench.give(list(vec![summary(1, Status::Running)])), [healed, Action::Inspect(id(1))]);
    assert!(bench.reconciler.engine().connected);
    assert_eq!(bench.reconciler.engine().last_error, None);
}

#[test]
fn a_connection_that_never_holds_is_not_tried_at_once_for_ever() {
    let mut bench = Bench::new();
    bench.give(Input::Tick);
    for round in 0..8 {
        bench.give(Input::Connected(Ok(Greeting::default())));
        bench.give(Input::Subscribed(Ok(())));
        bench.give(list(vec![]));
        bench.give(Input::StreamEnded("it closed".into()));
        let wait = bench.reconciler.wakes_at().unwrap() - bench.now.uptime;
        assert_eq!(wait, LONGEST_BACKOFF.min(FIRST_BACKOFF * 2_u32.pow(round)));
        bench.pass(wait);
    }
}

#[test]
fn silence_leads_to_a_ping_and_a_ping_without_an_answer_to_a_new_connection() {
    let mut bench = Bench::with_one_running();
    assert_eq!(bench.pass(SILENCE), [Action::Ping]);
    assert_eq!(bench.pass(Duration::from_secs(1)), []);
    assert_eq!(bench.give(Input::Pinged(Ok(()))), []);
    assert_eq!(bench.pass(SILENCE), [Action::Ping]);
    let actions = bench.give(Input::Pinged(Err("no answer".into())));
    assert_eq!(actions[0], Action::Disconnect);
    assert_eq!(bench.reconciler.wakes_at(), Some(bench.now.uptime + FIRST_BACKOFF));
}

#[test]
fn an_unreadable_event_leads_to_a_list_soon() {
    let mut bench = Bench::with_one_running();
    assert_eq!(bench.give(Input::UnreadableEvent), []);
    assert_eq!(bench.pass(RELIST_SOON), [Action::List]);
}

#[test]
fn a_list_that_fails_while_events_come_is_tried_again_without_a_new_connection() {
    let mut bench = Bench::with_one_running();
    assert_eq!(bench.pass(RELIST_EVERY), [Action::List, Action::Ping]);
    bench.give(Input::Listed(Err("500".into())));
    bench.give(Input::Pinged(Ok(())));
    assert!(bench.reconciler.engine().connected);
    assert_eq!(bench.pass(RELIST_SOON), [Action::List]);
}

#[test]
fn events_of_work_alone_ask_nothing_and_make_no_container() {
    let mut bench = Bench::with_one_running();
    bench.reconciler.take_changes();
    for (happening, second) in
        [(Happening::Kill { signal: Some(15) }, 20), (Happening::Stop, 22), (Happening::Restart, 25)]
    {
        assert_eq!(bench.event(1, happening.clone(), second), []);
        assert_eq!(bench.event(2, happening, second), []);
    }
    assert!(!bench.reconciler.knows(&id(2)));
    let changes = bench.reconciler.take_changes();
    assert_eq!(changes.work, [(id(1), Operation::Stop, Duration::from_secs(2))]);
    assert_eq!(changes.hits, 0);
}

#[test]
fn a_container_that_changes_networks_while_it_runs_is_asked_for_its_addresses() {
    let mut bench = Bench::with_one_running();
    let attached = |addresses: &[&str]| {
        let networks =
            addresses.iter().map(|text| (format!("net of {text}"), text.parse().unwrap())).collect();
        found(Details { networks, ..details(1, Status::Running, 7, 10) })
    };
    assert_eq!(bench.event(1, Happening::Connect, 20), [Action::Inspect(id(1))]);
    bench.give(Input::Inspected(id(1), attached(&["172.17.0.2", "172.20.0.2"])));
    assert_eq!(bench.container(1).network.addresses.len(), 2);
    assert_eq!(bench.event(1, Happening::Disconnect, 21), [Action::Inspect(id(1))]);
    // What happens while the question is on its way is asked about again.
    assert_eq!(bench.event(1, Happening::Connect, 22), []);
    assert_eq!(bench.give(Input::Inspected(id(1), attached(&["172.17.0.2"]))), [Action::Inspect(id(1))]);
    bench.give(Input::Inspected(id(1), attached(&["172.17.0.2", "172.21.0.2"])));
    assert_eq!(bench.container(1).network.addresses.len(), 2);
    bench.event(1, Happening::Die { exit_code: Some(0) }, 23);
    assert!(bench.container(1).network.addresses.is_empty(), "what is stopped has no address");
    assert_eq!(bench.event(1, Happening::Connect, 24), [], "a start is asked about anyway");
}

#[test]
fn an_inspect_on_its_way_is_believed_although_a_signal_was_sent_meanwhile() {
    let mut bench = Bench::with_one_running();
    assert_eq!(bench.event(1, Happening::Update, 20), [Action::Inspect(id(1))]);
    bench.event(1, Happening::Kill { signal: Some(1) }, 21);
    assert_eq!(bench.give(Input::Inspected(id(1), found(details(1, Status::Running, 7, 10)))), []);
}

#[test]
fn a_death_after_sigkill_is_asked_about_since_it_may_be_a_removal() {
    let mut bench = Bench::with_one_running();
    bench.event(1, Happening::Kill { signal: Some(9) }, 20);
    assert_eq!(bench.event(1, Happening::Die { exit_code: Some(137) }, 21), [Action::Inspect(id(1))]);
    bench.give(Input::Inspected(id(1), found(details(1, Status::Removing, 0, 10))));
    assert_eq!(bench.container(1).state.status, Status::Removing);
    bench.event(1, Happening::Destroy, 23);
    let removal = (id(1), Operation::Remove, Duration::from_secs(3));
    assert_eq!(bench.reconciler.take_changes().work, [removal]);
}

#[test]
fn a_container_rests_until_it_is_started_and_from_its_death_until_it_is_gone() {
    let mut bench = Bench::live(vec![]);
    let mut rests = Vec::new();
    for (happening, second) in [
        (Happening::Create, 1),
        (Happening::Start, 2),
        (Happening::Die { exit_code: Some(0) }, 3),
        (Happening::Destroy, 4),
    ] {
        bench.event(1, happening, second);
        rests.push(bench.reconciler.rests(&id(1)));
    }
    assert_eq!(rests, [true, false, true, false]);
}

#[test]
fn what_is_written_while_the_stream_is_lost_begins_nothing() {
    let mut bench = Bench::live(vec![summary(1, Status::Exited)]);
    let exited = Details { finished_at: Some(at(12)), ..details(1, Status::Exited, 0, 10) };
    bench.give(Input::Inspected(id(1), found(exited)));
    bench.give(Input::StreamEnded("it closed".into()));
    bench.give(Input::Wrote(id(1), Written::Described));
    bench.pass(FIRST_BACKOFF);
    bench.give(Input::Connected(Ok(Greeting::default())));
    bench.give(Input::Subscribed(Ok(())));
    bench.event(1, Happening::Destroy, 9_000);
    assert_eq!(bench.reconciler.take_changes().work, []);
}
