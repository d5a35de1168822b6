//! Made-up containers whose time is handed in: days pass in milliseconds.

use std::sync::Arc;

use jiff::Timestamp;

use super::meter::Meter;
use super::series::{Series, Told};
use super::watch::{Learned, Room, Watch};
use super::{COUNT, LEARNED_MS, STEP_MS, measures};
use crate::analysis::anomaly::{Detector, Params};
use crate::analysis::finding::Severity;
use crate::analysis::simulation::Random;
use crate::inventory::{Container, Status};
use crate::live::{Turn, Turned};
use crate::metrics::LabelBlock;
use crate::snapshot::{Cpu, Memory, Pressure, Reading, Snapshot, Stall, Stats, Throttling};
use crate::tenant::{LabelValue, Tenant};

const CPU: usize = 0;
const MEMORY: usize = 2;

const MIB: f64 = 1_048_576.0;

/// A time that steps begin at.
const START_MS: i64 = 1_800_000_000_000 / STEP_MS * STEP_MS;

/// The time between two readings.
const EVERY_MS: i64 = 5_000;

/// A container that uses cores and holds memory.
#[derive(Clone)]
struct Made {
    container: Container,
    cores: f64,
    memory: f64,
    cpu_ns: f64,
}

fn made(id: &str, name: &str, user: &str) -> Made {
    let mut container = Container::new(id.repeat(32).parse().unwrap(), Status::Running);
    container.name = LabelValue::clean(name);
    container.tenant = Tenant::claimed(Some(user), Some("shop"), Some("core"));
    container.state.pid = Some(1);
    Made { container, cores: 0.002, memory: 64.0 * MIB, cpu_ns: 0.0 }
}

/// A host and its watch.
struct Host {
    watch: Watch,
    containers: Vec<Made>,
    at: i64,
    told: Vec<Turned>,
}

impl Host {
    fn with(bytes: usize, containers: Vec<Made>) -> Host {
        Host { watch: Watch::new(bytes), containers, at: START_MS + LEARNED_MS, told: Vec::new() }
    }

    fn of(containers: Vec<Made>) -> Host {
        Host::with(32 << 20, containers)
    }

    /// Learns a week in which each container did so much, give or take a hundredth.
    fn learn(&mut self, cores: f64, memory: f64) {
        self.read();
        while let Some(service) = self.watch.wanted() {
            self.watch.learn(&service, &week(cores, memory));
        }
    }

    fn read(&mut self) -> Vec<Turned> {
        let reading = |made: &Made| {
            let cpu = Some(Cpu { usage_ns: made.cpu_ns as u64, user_ns: None, system_ns: None });
            let memory = Some(Memory { working_set: made.memory as u64, ..Memory::default() });
            let stall = Some(Stall { waiting_ns: 0, stalled_ns: Some(0) });
            let pressure = Pressure { cpu: stall, memory: stall, io: stall };
            Arc::new(Reading {
                container: Arc::new(made.container.clone()),
                labels: Arc::new(LabelBlock::default()),
                cgroup: Arc::from("/"),
                stats: Some(Arc::new(Stats { cpu, memory, pressure, ..Stats::default() })),
                disk: None,
                usage_cores: None,
                rates: None,
                fast: None,
                oom_kills: 0,
                ended: false,
            })
        };
        let snapshot = Snapshot {
            taken_at: Timestamp::from_millisecond(self.at).unwrap(),
            containers: self.containers.iter().map(reading).collect(),
            ..Snapshot::default()
        };
        self.watch.take(&snapshot)
    }

    /// Lets time pass, and gives what was told in it.
    fn pass(&mut self, ms: i64) -> Vec<Turned> {
        let before = self.told.len();
        for _ in 0..ms / EVERY_MS {
            self.at += EVERY_MS;
            for made in &mut self.containers {
                made.cpu_ns += made.cores * EVERY_MS as f64 * 1e6;
            }
            let told = self.read();
            self.told.extend(told);
        }
        self.told[before..].to_vec()
    }
}

/// A week up to the time of a host.
fn week(cores: f64, memory: f64) -> Learned {
    let mut random = Random::new(3);
    let mut learned = Learned::default();
    for at in (START_MS..START_MS + LEARNED_MS).step_by(STEP_MS as usize) {
        let about = |value: f64, random: &mut Random| (at + STEP_MS, value * (1.0 + 0.01 * random.normal()));
        learned[CPU].push(about(cores, &mut random));
        learned[MEMORY].push(about(memory, &mut random));
        learned[3].push((at + STEP_MS, 0.0));
    }
    learned
}

fn states(told: &[Turned]) -> Vec<(&str, &str, Turn)> {
    told.iter().map(|one| (one.of.name.as_str(), one.of.metric, one.state)).collect()
}

const BURN: (&str, Turn, Turn) = ("cpu_usage_cores", Turn::Began, Turn::Ended);

#[test]
fn a_jump_is_told_once_as_soon_as_it_is_certain_and_ended_once() {
    let mut host = Host::of(vec![made("3f", "web", "ann")]);
    host.learn(0.002, 64.0 * MIB);
    assert_eq!(states(&host.pass(2 * STEP_MS)), []);
    host.containers[0].cores = 1.0;
    let told = host.pass(10_000);
    assert_eq!(states(&told), [("web", BURN.0, BURN.1)], "three seconds of a core are more than it ever has");
    let began = &told[0].of;
    assert_eq!((began.kind, began.description, began.severity), ("unusual", "CPU", Severity::Medium));
    assert!(
        began.text.starts_with("`web`: CPU 1 cores over 5 s, above the 0 cores to 0.0"),
        "{}",
        began.text
    );
    assert!(began.value > 0.99 && began.high < 0.02 && began.low == 0.0, "{began:?}");
    assert_eq!(began.timestamp.as_millisecond() - began.since.as_millisecond(), 5_000);
    assert_eq!(states(&host.pass(3_600_000)), [], "the same is not told again");
    let (now, _) = host.watch.changed().unwrap();
    assert_eq!((now.len(), now[0].since), (1, began.since));
    assert!(now[0].text.contains("over 5 min"), "the board has the last step: {}", now[0].text);
    host.containers[0].cores = 0.002;
    let told = host.pass(3_600_000);
    assert_eq!(states(&told), [("web", BURN.0, BURN.2)]);
    assert!(told[0].of.text.contains("as usual again; it was unusual for 60 min"), "{}", told[0].of.text);
    assert!(host.watch.changed().unwrap().0.is_empty());
    // Neither is the same the day after.
    host.containers[0].cores = 0.9;
    assert_eq!(states(&host.pass(STEP_MS)), []);
}

#[test]
fn what_is_less_than_usual_is_told_when_the_step_is_over() {
    let mut host = Host::of(vec![made("3f", "web", "ann")]);
    host.learn(0.5, 64.0 * MIB);
    host.containers[0].cores = 0.5;
    assert_eq!(states(&host.pass(STEP_MS)), []);
    host.containers[0].cores = 0.0;
    assert_eq!(states(&host.pass(STEP_MS - EVERY_MS)), []);
    let told = host.pass(2 * EVERY_MS);
    assert_eq!(states(&told), [("web", BURN.0, BURN.1)]);
    assert_eq!(told[0].of.severity, Severity::Low);
    assert!(told[0].of.text.contains(", below the 0."), "{}", told[0].of.text);
}

#[test]
fn memory_that_is_held_is_told_before_the_step_is_over() {
    let mut host = Host::of(vec![made("3f", "web", "ann")]);
    host.learn(0.002, 64.0 * MIB);
    assert_eq!(states(&host.pass(STEP_MS)), []);
    host.containers[0].memory = 640.0 * MIB;
    let told = host.pass(STEP_MS / 2);
    assert_eq!(states(&told), [("web", "memory_working_set_bytes", Turn::Began)]);
    let early = told[0].of.timestamp.as_millisecond() - (START_MS + LEARNED_MS + STEP_MS);
    assert!((20_000..100_000).contains(&early), "{early}");
}

#[test]
fn a_container_that_is_made_anew_goes_on_with_what_is_known() {
    let mut host = Host::of(vec![made("3f", "web", "ann")]);
    host.learn(0.002, 64.0 * MIB);
    host.pass(STEP_MS);
    host.containers[0].cores = 1.0;
    assert_eq!(host.pass(STEP_MS).len(), 1);
    let new =
        Made { container: made("3a", "web", "ann").container, cpu_ns: 0.0, ..host.containers[0].clone() };
    host.containers = vec![];
    let told = host.pass(EVERY_MS);
    assert_eq!(states(&told), [("web", BURN.0, BURN.2)]);
    assert_eq!(told[0].of.text, "`web`: CPU was unusual when it ended");
    host.containers = vec![new];
    let told = host.pass(2 * STEP_MS);
    assert_eq!(states(&told), [("web", BURN.0, BURN.1)], "it is as unusual as the one before");
    assert_eq!(told[0].of.container_id, host.containers[0].container.id);
    assert_eq!(host.watch.wanted(), None, "nothing is learned twice");
    // The same name of somebody else is another's.
    host.containers = vec![Made { cores: 0.9, ..made("77", "web", "bob") }];
    let told = host.pass(2 * STEP_MS);
    assert_eq!(states(&told), [("web", BURN.0, BURN.2)]);
    assert_eq!(told[0].of.tenant().user.as_str(), "ann");
    assert_eq!(host.watch.wanted().map(|service| service.tenant.user), Some(LabelValue::clean("bob")));
}

#[test]
fn a_container_that_is_gone_gives_its_memory_back() {
    let mut host = Host::of(vec![made("3f", "web", "ann"), made("3a", "db", "ann")]);
    host.learn(0.5, 64.0 * MIB);
    assert_eq!(host.watch.detectors(), 4, "CPU and memory, but nothing that is always nothing");
    host.containers.truncate(1);
    host.pass(3_600_000);
    assert_eq!(host.watch.detectors(), 4, "a deployment may take a while");
    host.pass(2 * STEP_MS);
    assert_eq!(host.watch.detectors(), 2);
}

#[test]
fn the_bound_of_memory_holds_and_what_is_left_out_is_counted_and_has_another_try() {
    let each = Detector::new(Params::default()).bytes();
    let all =
        |count: usize| (0..count).map(|number| made(&format!("{number:02x}"), &format!("c{number}"), "ann"));
    let mut host = Host::with(7 * each, all(5).collect());
    host.learn(0.5, 64.0 * MIB);
    assert_eq!((host.watch.detectors(), host.watch.left_out()), (7, 3));
    assert_eq!(host.watch.changed().map(|(_, left_out)| left_out), Some(3));
    host.pass(STEP_MS);
    assert_eq!((host.watch.detectors(), host.watch.left_out()), (7, 3));
    host.containers.remove(0);
    host.pass(2 * STEP_MS);
    host.learn(0.5, 64.0 * MIB);
    assert!(host.watch.detectors() <= 7);
    assert!(host.watch.left_out() < 3, "{}", host.watch.left_out());
}

#[test]
fn jobs_that_run_once_take_no_more_than_the_bound() {
    let each = Detector::new(Params::default()).bytes();
    let mut host = Host::with(4 * each, Vec::new());
    for number in 0..40 {
        host.containers = vec![made(&format!("{number:02x}"), &format!("job-{number}"), "ann")];
        host.learn(0.5, 64.0 * MIB);
        host.pass(STEP_MS);
        assert!(host.watch.detectors() <= 4);
    }
}

#[test]
fn a_container_of_which_nothing_was_learned_is_silent_for_three_hours() {
    let mut host = Host::of(vec![Made { cores: 0.5, ..made("3f", "web", "ann") }]);
    host.pass(2 * 3_600_000);
    host.containers[0].cores = 2.0;
    assert_eq!(states(&host.pass(STEP_MS)), []);
    assert_eq!(host.watch.detectors(), 0);
    host.containers[0].cores = 0.5;
    host.pass(90 * 60_000);
    assert_eq!(host.watch.detectors(), 2);
    host.containers[0].cores = 4.0;
    assert_eq!(states(&host.pass(STEP_MS)), [("web", BURN.0, BURN.1)]);
}

#[test]
fn what_was_unusual_before_a_start_is_known_and_not_told_again() {
    let mut host = Host::of(vec![Made { cores: 1.0, ..made("3f", "web", "ann") }]);
    host.read();
    let service = host.watch.wanted().unwrap();
    let mut learned = week(0.1, 64.0 * MIB);
    learned[CPU].iter_mut().rev().take(6).for_each(|(_, value)| *value = 1.0);
    host.watch.learn(&service, &learned);
    let (now, _) = host.watch.changed().unwrap();
    assert_eq!(now.len(), 1);
    assert_eq!(now[0].since.as_millisecond(), START_MS + LEARNED_MS - 6 * STEP_MS);
    assert_eq!(states(&host.pass(2 * STEP_MS)), []);
}

#[test]
fn a_quiet_series_that_becomes_loud_has_its_detector_and_loses_it_after_a_quiet_week() {
    let measure = measures()[3].unwrap();
    let mut room = room(1);
    let mut series = Series::new(measure);
    series.learn(&steps(0, 2016, 0.001), &mut room);
    assert!(!series.is_detecting());
    let at = START_MS + 2017 * STEP_MS;
    let told = series.step(at, 0.3, &mut room);
    assert!(matches!(told, Some(Told::Began(open)) if open.since == at - STEP_MS), "{told:?}");
    assert!(series.is_detecting() && !room.take());
    let mut ended = 0;
    for (at, value) in steps(2017, 2 * 2016 + 10, 0.0) {
        ended += usize::from(matches!(series.step(at, value, &mut room), Some(Told::Ended(_))));
    }
    assert_eq!(ended, 1);
    assert!(!series.is_detecting() && room.take());
}

#[test]
fn hours_that_are_a_little_off_are_told_while_they_are() {
    let measure = measures()[CPU].unwrap();
    let mut room = room(1);
    let mut series = Series::new(measure);
    let mut random = Random::new(7);
    let mut noisy = |from: i64, to: i64, value: f64| -> Vec<(i64, f64)> {
        steps(from, to, value).into_iter().map(|(at, value)| (at, value + 0.05 * random.normal())).collect()
    };
    series.learn(&noisy(0, 2016, 1.0), &mut room);
    let mut told = Vec::new();
    for (at, value) in noisy(2016, 2016 + 60, 1.15) {
        told.extend(series.step(at, value, &mut room));
    }
    assert!(matches!(&told[..], [Told::Began(open)] if open.anomaly.over_ms > STEP_MS), "{told:?}");
    for (at, value) in noisy(2016 + 60, 2016 + 120, 1.0) {
        told.extend(series.step(at, value, &mut room));
    }
    assert!(matches!(&told[1..], [Told::Ended(_)]), "{told:?}");
}

#[test]
fn a_step_is_what_the_history_makes_of_the_same_samples() {
    let mut meter = Meter::default();
    let reading = |seconds: u64| {
        let stats = Stats {
            cpu: Some(Cpu { usage_ns: seconds * 250_000_000, user_ns: None, system_ns: None }),
            throttling: Some(Throttling {
                periods: 10 * seconds,
                throttled_periods: seconds,
                throttled_ns: 0,
            }),
            memory: Some(Memory { working_set: seconds, ..Memory::default() }),
            ..Stats::default()
        };
        let made = made("3f", "web", "ann");
        Reading {
            container: Arc::new(made.container),
            labels: Arc::new(LabelBlock::default()),
            cgroup: Arc::from("/"),
            stats: Some(Arc::new(stats)),
            disk: None,
            usage_cores: None,
            rates: None,
            fast: None,
            oom_kills: 0,
            ended: false,
        }
    };
    let mut closed = Vec::new();
    for seconds in (0..=910).step_by(10) {
        closed.extend(meter.add(START_MS + 5_000 + seconds as i64 * 1000, &reading(seconds)));
        // Twice is as once.
        assert_eq!(meter.add(START_MS + 5_000 + seconds as i64 * 1000, &reading(seconds)), None);
    }
    assert_eq!(closed.len(), 3);
    let [second, third] = [closed[1], closed[2]];
    assert_eq!((second.at, third.at), (START_MS + 2 * STEP_MS, START_MS + 3 * STEP_MS));
    assert_eq!(second.values[..3], [Some(0.25), Some(0.1), Some((300.0 + 590.0) / 2.0)]);
    assert_eq!(second.values[3..], [None; COUNT - 3]);
    let so_far = meter.so_far().unwrap();
    assert_eq!((so_far.end, so_far.elapsed_ms), (START_MS + 4 * STEP_MS, 20_000));
    assert!((so_far.least[CPU].unwrap() - 0.25 * 20.0 / 305.0).abs() < 1e-9, "{so_far:?}");
    assert_eq!(so_far.least[1], None, "nobody knows how many periods come");
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let mut host = Host::of(vec![made("3f", "web", "ann")]);
    host.learn(0.002, 64.0 * MIB);
    host.pass(STEP_MS);
    host.at -= 60_000;
    assert_eq!(states(&host.pass(STEP_MS)), []);
    host.at -= 4 * 3_600_000;
    assert_eq!(states(&host.pass(STEP_MS)), []);
    host.at += 400 * 86_400_000;
    assert_eq!(states(&host.pass(STEP_MS)), []);
}

fn room(most: usize) -> Room {
    Room::of_bytes(most * Detector::new(Params::default()).bytes())
}

fn steps(from: i64, to: i64, value: f64) -> Vec<(i64, f64)> {
    (from..to).map(|step| (START_MS + (step + 1) * STEP_MS, value)).collect()
}
