//! Readers of a small host, whose time is handed in.

use proptest::prelude::*;

use super::*;
use crate::analysis::finding::Severity;
use crate::inventory::{Engine, Status};
use crate::live::unusual::Turn;
use crate::metrics::LabelBlock;
use crate::snapshot::{Memory, Stats};
use crate::tenant::{Dimension, LabelValue, Narrowing, Tenant};

const FAST: Duration = Duration::from_millis(250);
const FULL: Duration = Duration::from_secs(1);

fn container(id: &str, user: &str) -> Container {
    let mut container = Container::new(id.repeat(32).parse().unwrap(), Status::Running);
    container.name = LabelValue::clean(&format!("{user}-{id}"));
    container.tenant = Tenant::claimed(Some(user), None, None);
    container.state.pid = Some(1);
    container.state.started_at = Some(Timestamp::from_second(1).unwrap());
    container
}

fn reading(container: &Container) -> Arc<Reading> {
    let memory = Memory { usage: 512, limit: Some(2048), ..Memory::default() };
    Arc::new(Reading {
        container: Arc::new(container.clone()),
        labels: Arc::new(LabelBlock::default()),
        cgroup: Arc::from("/"),
        stats: Some(Arc::new(Stats { memory: Some(memory), ..Stats::default() })),
        disk: None,
        usage_cores: Some(0.128),
        rates: None,
        fast: None,
        oom_kills: 0,
        ended: false,
    })
}

/// A machine and its time.
struct Host {
    core: Core,
    containers: Vec<Container>,
    uptime: Duration,
}

impl Host {
    fn new(containers: &[(&str, &str)]) -> Self {
        let steps = Steps { fast: FAST, full: FULL };
        let containers = containers.iter().map(|(id, user)| container(id, user)).collect();
        // One that was there before has numbered events, too.
        let start = Moment { uptime: Duration::ZERO, wall: Timestamp::from_second(1).unwrap() };
        let mut host = Host { core: Core::new(steps, start), containers, uptime: Duration::ZERO };
        host.look();
        host.read();
        host
    }

    fn now(&self) -> Moment {
        let wall = Timestamp::from_second(1).unwrap().checked_add(self.uptime).unwrap();
        Moment { uptime: self.uptime, wall }
    }

    fn look(&mut self) {
        let snapshot = inventory::Snapshot {
            containers: self.containers.iter().map(|one| (one.id, Arc::new(one.clone()))).collect(),
            engine: Arc::new(Engine { ever_connected: true, ..Engine::default() }),
            ..inventory::Snapshot::default()
        };
        self.core.follow(Arc::new(snapshot), self.now());
    }

    fn read(&mut self) {
        let containers = self.containers.iter().map(reading).collect();
        let snapshot = Snapshot { containers, ..Snapshot::default() };
        self.core.published(Arc::new(snapshot), self.now());
    }

    /// Lets ticks pass, as the sampler makes them.
    fn pass(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.uptime += FAST;
            let sample =
                |one: &Container| FastSample { id: one.id, usage_cores: Some(0.5), memory: Some(1024) };
            self.core.sampled(self.containers.iter().map(sample).collect(), self.now());
            if self.uptime.as_millis().is_multiple_of(FULL.as_millis()) {
                self.read();
            }
        }
    }

    /// Something happens to the first container.
    fn happen(&mut self) {
        self.containers[0].state.run += 1;
        self.look();
    }

    fn enter(&mut self, tenants: Narrowing, interval_ms: u64, last: Option<u64>) -> Cursor {
        let interval = Duration::from_millis(interval_ms);
        self.core.enter(Selection::of(tenants), interval, last, self.now())
    }

    fn take(&mut self, cursor: &mut Cursor) -> (Vec<Event>, Option<Missed>) {
        let batch = self.core.take(cursor, self.now());
        (batch.events.iter().map(Event::read).collect(), batch.missed)
    }
}

/// An event as a reader understands it.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    id: u64,
    name: String,
    data: serde_json::Value,
}

impl Event {
    fn read(bytes: &Bytes) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.strip_suffix("\n\n").unwrap().lines().collect();
        let [id, name, data] = lines.as_slice() else { panic!("{text}") };
        Event {
            id: id.strip_prefix("id: ").unwrap().parse().unwrap(),
            name: name.strip_prefix("event: ").unwrap().to_owned(),
            data: serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap(),
        }
    }

    fn users(&self) -> usize {
        self.data["containers"].as_object().unwrap().len()
    }
}

fn of(user: &str) -> Narrowing {
    Narrowing::default().to(Dimension::User, [user.to_owned()])
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

#[test]
fn numbers_come_as_the_contract_shows_them() {
    let mut host = Host::new(&[("3f", "ann")]);
    let mut reader = host.enter(Narrowing::default(), 1000, None);
    let (events, missed) = host.take(&mut reader);
    let expected = serde_json::json!({"timestamp": "1970-01-01T00:00:01Z", "containers": {"3f".repeat(32): {
        "cpu": {"percent": 12.8}, "memory": {"percent_of_limit": 25.0, "usage_bytes": 512},
        "network": {"receive_bytes_per_second": null, "transmit_bytes_per_second": null},
    }}});
    assert_eq!((names(&events), missed, &events[0].data), (vec!["metrics"], None, &expected));
}

#[test]
fn a_short_interval_gets_fast_samples_and_a_long_one_full_ones() {
    let mut host = Host::new(&[("3f", "ann")]);
    let mut readers = [250, 500, 1000, 2000].map(|interval| host.enter(Narrowing::default(), interval, None));
    let mut counts = [0; 4];
    readers.iter_mut().for_each(|reader| drop(host.take(reader)));
    for _ in 0..16 {
        host.pass(1);
        for (reader, count) in readers.iter_mut().zip(&mut counts) {
            let (events, missed) = host.take(reader);
            *count += events.len();
            assert_eq!(missed, None);
            for event in events {
                let of = &event.data["containers"]["3f".repeat(32)]["cpu"]["percent"];
                assert_eq!(*of, if reader.interval < FULL { 50.0 } else { 12.8 });
            }
        }
    }
    // The very first tick of a pace ends no interval.
    assert!((15..=16).contains(&counts[0]) && (7..=8).contains(&counts[1]), "{counts:?}");
    assert_eq!(counts[2..], [4, 2]);
}

#[test]
fn ticks_that_come_early_or_late_belong_to_their_interval() {
    let mut ticks = Ticks::default();
    let moments = [0, 251, 499, 760, 1000, 1240, 1501, 1740];
    let numbers = moments.map(|ms| ticks.step(Duration::from_millis(ms), FAST).1.as_millis() / 250);
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn readers_of_an_interval_and_a_selection_share_bytes() {
    let mut host = Host::new(&[("3f", "ann"), ("3a", "bob")]);
    let mut readers = [0; 2].map(|_| host.enter(of("ann"), 1000, None));
    readers.iter_mut().for_each(|reader| drop(host.take(reader)));
    host.pass(4);
    let now = host.now();
    let batches = readers.each_mut().map(|reader| host.core.take(reader, now));
    assert_eq!(batches[0].events[0].as_ptr(), batches[1].events[0].as_ptr());
}

#[test]
fn a_slow_reader_gets_the_newest_numbers_all_that_happened_and_is_told() {
    let mut host = Host::new(&[("3f", "ann")]);
    let mut reader = host.enter(Narrowing::default(), 1000, None);
    drop(host.take(&mut reader));
    host.pass(4 * 3);
    host.happen();
    host.pass(4);
    let (events, missed) = host.take(&mut reader);
    assert_eq!(names(&events), ["container", "container", "metrics"]);
    assert_eq!(events[2].data["timestamp"], "1970-01-01T00:00:05Z");
    assert_eq!(missed, Some(Missed { metrics: Some(3), container: Some(0), late: false }));
    // So slow that not even everything is kept.
    for _ in 0..HAPPENINGS {
        host.happen();
    }
    host.pass(4 * 100);
    let (events, missed) = host.take(&mut reader);
    assert_eq!(events.len(), HAPPENINGS + 1);
    assert_eq!(missed, Some(Missed { metrics: Some(99), container: None, late: false }));
    host.pass(4);
    assert_eq!(host.take(&mut reader).1, None);
}

#[test]
fn who_comes_back_in_time_misses_nothing() {
    let mut host = Host::new(&[("3f", "ann")]);
    let mut reader = host.enter(Narrowing::default(), 1000, None);
    let last = host.take(&mut reader).0[0].id;
    let now = host.now();
    host.core.leave(&reader, now);
    host.pass(8);
    host.happen();
    host.pass(8);
    let mut reader = host.enter(Narrowing::default(), 1000, Some(last));
    let (events, missed) = host.take(&mut reader);
    assert_eq!(names(&events), ["metrics", "metrics", "container", "container", "metrics", "metrics"]);
    assert_eq!(missed, None);
    assert_eq!(host.take(&mut reader), (vec![], None));
}

#[test]
fn who_comes_back_too_late_is_told_and_gets_the_newest_state() {
    let mut host = Host::new(&[("3f", "ann")]);
    let mut reader = host.enter(Narrowing::default(), 1000, None);
    let last = host.take(&mut reader).0[0].id;
    let now = host.now();
    host.core.leave(&reader, now);
    host.pass(4 * 70);
    host.happen();
    let mut reader = host.enter(Narrowing::default(), 1000, Some(last));
    let (events, missed) = host.take(&mut reader);
    assert_eq!(names(&events)[0], "container");
    assert_eq!(names(&events).iter().filter(|name| **name == "metrics").count(), 1);
    assert_eq!(missed, Some(Missed { metrics: None, container: Some(0), late: true }));
    // Of another process, before this one and, by its clock, after it.
    for other in [host.core.last_id + 7, 7] {
        let mut reader = host.enter(Narrowing::default(), 1000, Some(other));
        let (_, missed) = host.take(&mut reader);
        assert_eq!(missed, Some(Missed { metrics: None, container: None, late: true }));
    }
}

#[test]
fn readers_of_another_interval_who_go_take_nothing_from_who_comes_back_in_time() {
    let mut host = Host::new(&[("3f", "ann")]);
    let (mut reader, other) =
        (host.enter(Narrowing::default(), 1000, None), host.enter(Narrowing::default(), 250, None));
    let now = host.now();
    host.core.leave(&other, now);
    // Until no frames are made any more for the one who has gone.
    host.pass(4 * 59);
    let last = host.take(&mut reader).0.last().unwrap().id;
    let now = host.now();
    host.core.leave(&reader, now);
    host.pass(4 * 2);
    let mut reader = host.enter(Narrowing::default(), 1000, Some(last));
    let (events, missed) = host.take(&mut reader);
    assert_eq!((names(&events), missed), (vec!["metrics", "metrics"], None));
    // And of the other interval there is a gap.
    let mut other = host.enter(Narrowing::default(), 250, Some(last));
    assert_eq!(host.take(&mut other).1, Some(Missed { metrics: None, container: Some(0), late: true }));
}

#[test]
fn a_tenant_is_told_of_its_own_alone_also_when_a_container_changes_hands() {
    let mut host = Host::new(&[("3f", "ann"), ("3a", "bob")]);
    let everybody = || Narrowing::default();
    let mut readers = [of("ann"), of("bob"), everybody()].map(|tenants| host.enter(tenants, 1000, None));
    let first = readers.each_mut().map(|reader| host.take(reader).0[0].users());
    assert_eq!(first, [1, 1, 2]);
    host.happen();
    let told = readers.each_mut().map(|reader| host.take(reader).0.len());
    assert_eq!(told, [2, 0, 2]);
    host.containers[0].tenant = Tenant::claimed(Some("bob"), None, None);
    host.look();
    let told = readers.each_mut().map(|reader| host.take(reader).0);
    let actions =
        told.map(|events| events.iter().map(|event| event.data["action"].clone()).collect::<Vec<_>>());
    assert_eq!(actions, [vec!["removed"], vec!["started"], vec![]]);
    host.happen();
    host.pass(4);
    let told = readers.each_mut().map(|reader| host.take(reader).0);
    assert_eq!(told.each_ref().map(Vec::len), [1, 3, 3]);
    assert_eq!(told.map(|events| events.last().unwrap().users()), [0, 2, 2]);
}

#[test]
fn named_containers_are_followed_by_name_and_id_within_what_is_seen() {
    let mut host = Host::new(&[("3f", "ann"), ("3a", "bob")]);
    let known = host.core.inventory.clone();
    let keys = ["ann-3f", "3a", "bob-3a", "new"].map(str::to_owned);
    let (selection, unknown) = Selection::of(of("ann")).only(keys, &known);
    let unknown: Vec<&str> = unknown.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(unknown, ["3a", "bob-3a", "new"], "what is not seen is not there");
    let sees = |host: &Host, number: usize| selection.sees(&host.containers[number]);
    assert!(sees(&host, 0) && !sees(&host, 1));
    host.containers[0].name = LabelValue::clean("other");
    assert!(sees(&host, 0), "the same under another name");
    let mut made_anew = container("77", "ann");
    made_anew.name = LabelValue::clean("ann-3f");
    assert!(selection.sees(&made_anew));
    made_anew.name = LabelValue::clean("new");
    assert!(selection.sees(&made_anew));
}

/// Something unusual of a container.
fn unusual_of(container: &Container) -> Unusual {
    Unusual {
        timestamp: Timestamp::from_second(2).unwrap(),
        container_id: container.id,
        name: container.name.clone(),
        kind: "unusual",
        metric: "cpu_usage_cores",
        description: "CPU",
        text: "`ann-3f`: CPU 1 cores over 5 min, above the 0 cores to 0.2 cores that were to be expected"
            .to_owned(),
        since: Timestamp::from_second(1).unwrap(),
        value: 1.0,
        expected: 0.1,
        low: 0.0,
        high: 0.2,
        score: 54.0,
        severity: Severity::Medium,
        container: Arc::new(container.clone()),
    }
}

#[test]
fn what_becomes_unusual_is_told_to_whom_it_belongs_and_again_to_who_comes_back() {
    let mut host = Host::new(&[("3f", "ann"), ("3a", "bob")]);
    let mut readers = [of("ann"), of("bob")].map(|tenants| host.enter(tenants, 1000, None));
    let last = readers.each_mut().map(|reader| host.take(reader).0[0].id)[0];
    let of_ann = unusual_of(&host.containers[0]);
    host.core.turned(&Turned { of: of_ann.clone(), state: Turn::Began });
    host.core.turned(&Turned { of: of_ann, state: Turn::Ended });
    let [(ann, _), (bob, _)] = readers.each_mut().map(|reader| host.take(reader));
    assert_eq!((names(&ann), names(&bob)), (vec!["anomaly", "anomaly"], vec![]));
    let expected = serde_json::json!({
        "timestamp": "1970-01-01T00:00:02Z", "container_id": "3f".repeat(32), "name": "ann-3f",
        "kind": "unusual", "metric": "cpu_usage_cores", "description": "CPU",
        "text": "`ann-3f`: CPU 1 cores over 5 min, above the 0 cores to 0.2 cores that were to be expected",
        "since": "1970-01-01T00:00:01Z", "value": 1.0, "expected": 0.1, "low": 0.0, "high": 0.2,
        "score": 54.0, "severity": "medium", "state": "began",
    });
    assert_eq!((&ann[0].data, &ann[1].data["state"]), (&expected, &"ended".into()));
    for (tenants, told) in [(of("ann"), ann), (of("bob"), vec![])] {
        let mut back = host.enter(tenants, 1000, Some(last));
        assert_eq!(host.take(&mut back).0, told, "each once");
    }
}

#[test]
fn who_comes_is_told_what_of_his_is_unusual_if_anybody_watches() {
    let mut host = Host::new(&[("3f", "ann"), ("3a", "bob")]);
    let mut before = host.enter(of("ann"), 1000, None);
    assert_eq!(names(&host.take(&mut before).0), ["metrics"], "nobody watches");
    host.core.board().put(vec![unusual_of(&host.containers[0])], 0);
    let told = [of("ann"), of("bob")].map(|tenants| {
        let mut reader = host.enter(tenants, 1000, None);
        let events = host.take(&mut reader).0;
        assert_eq!(names(&events), ["metrics", "anomalies"]);
        events[1].data["anomalies"].as_array().unwrap().clone()
    });
    assert_eq!((told[0].len(), told[1].len()), (1, 0));
    assert_eq!(
        (&told[0][0]["name"], &told[0][0]["since"]),
        (&"ann-3f".into(), &"1970-01-01T00:00:01Z".into())
    );
    // And who was so slow that turns are lost is told all anew.
    for _ in 0..=HAPPENINGS {
        host.happen();
    }
    let (events, missed) = host.take(&mut before);
    assert_eq!((events.last().unwrap().name.as_str(), missed.unwrap().container), ("anomalies", None));
    assert_eq!(host.take(&mut before), (vec![], None));
}

#[test]
fn what_happened_last_is_not_lost_to_who_comes_late() {
    let mut host = Host::new(&[("3f", "ann")]);
    host.happen();
    let newest = host.core.last_id;
    let mut reader = host.enter(of("ann"), 1000, Some(1));
    let (events, _) = host.take(&mut reader);
    let last: Vec<(&str, u64)> =
        events[events.len() - 2..].iter().map(|event| (event.name.as_str(), event.id)).collect();
    assert_eq!(last, [("container", newest), ("metrics", newest)]);
}

proptest! {
    /// However often a reader is cut off within the time, he gets each event once and in order.
    #[test]
    fn cuts_lose_and_double_nothing(steps in proptest::collection::vec((0_u32..12, any::<bool>(), any::<bool>()), 1..40)) {
        let mut host = Host::new(&[("3f", "ann")]);
        let mut whole = host.enter(Narrowing::default(), 500, None);
        let mut cut = host.enter(Narrowing::default(), 500, None);
        let first = host.take(&mut whole).0;
        prop_assert_eq!(&first, &host.take(&mut cut).0);
        let mut last = first[0].id;
        let (mut all, mut got) = (Vec::new(), Vec::new());
        for (ticks, happens, cuts) in steps {
            if happens {
                host.happen();
            }
            for _ in 0..ticks {
                host.pass(1);
                all.extend(host.take(&mut whole).0);
            }
            all.extend(host.take(&mut whole).0);
            if cuts {
                let now = host.now();
                host.core.leave(&cut, now);
                cut = host.enter(Narrowing::default(), 500, Some(last));
                let (events, missed) = host.take(&mut cut);
                prop_assert_eq!(missed, None);
                last = events.last().map_or(last, |event| event.id);
                got.extend(events);
            }
        }
        let now = host.now();
        host.core.leave(&cut, now);
        cut = host.enter(Narrowing::default(), 500, Some(last));
        got.extend(host.take(&mut cut).0);
        prop_assert_eq!(got, all);
    }
}
