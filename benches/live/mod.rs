//! What it takes to watch containers for anomalies as they run: learning a week, each reading of
//! five seconds, and memory.
//!
//! Of ten made-up containers all use CPU and hold memory, three wait for a core now and then, two
//! are held back by their limit, and none waits for memory or disks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dockmeter::analysis::simulation::Random;
use dockmeter::detection::{Learned, Watch};
use dockmeter::inventory::{Container, Status};
use dockmeter::metrics::LabelBlock;
use dockmeter::snapshot::{Cpu, Memory, Pressure, Reading, Snapshot, Stall, Stats, Throttling};
use dockmeter::tenant::LabelValue;
use jiff::Timestamp;

use super::{START_MS, resident_kib};

const STEP_MS: i64 = 300_000;
const WEEK_MS: i64 = 7 * 86_400_000;
const EVERY_MS: i64 = 5_000;

/// Readings that are measured: two hours.
const READINGS: usize = 1_440;

/// So that no detector is left out.
const BYTES: usize = 1 << 30;

/// What a container does in one step: by its number, cores, the share of periods that are
/// throttled, bytes, and the share of time that it waits for a core.
fn doing(number: usize, random: &mut Random) -> [f64; 4] {
    let around = |middle: f64, by: f64, random: &mut Random| (middle * (1.0 + by * random.normal())).max(0.0);
    let cores = around(0.02 * (1 + number % 10) as f64, 0.1, random);
    let throttled = if number % 10 >= 8 { around(0.1, 0.3, random) } else { 0.0 };
    let waits = if number % 10 < 3 { around(0.03, 0.3, random) } else { 0.001 };
    [cores, throttled, around(2e8, 0.02, random), waits]
}

fn week(number: usize, random: &mut Random) -> Learned {
    let mut learned = Learned::default();
    for at in (START_MS - WEEK_MS..START_MS).step_by(STEP_MS as usize) {
        let [cores, throttled, memory, waits] = doing(number, random);
        for (values, value) in learned.iter_mut().zip([cores, throttled, memory, waits, 0.0, 0.0]) {
            values.push((at + STEP_MS, value));
        }
    }
    learned
}

/// A container, and what its counters show.
struct Made {
    container: Arc<Container>,
    cpu_ns: f64,
    periods: u64,
    throttled: f64,
    waiting_ns: f64,
    memory: f64,
}

impl Made {
    fn new(number: usize) -> Made {
        let mut container = Container::new(format!("{number:064x}").parse().expect("an id"), Status::Running);
        container.name = LabelValue::clean(&format!("container-{number}"));
        container.state.pid = Some(1);
        let container = Arc::new(container);
        Made { container, cpu_ns: 0.0, periods: 0, throttled: 0.0, waiting_ns: 0.0, memory: 0.0 }
    }

    fn pass(&mut self, [cores, throttled, memory, waits]: [f64; 4]) {
        let ns = EVERY_MS as f64 * 1e6;
        self.cpu_ns += cores * ns;
        self.periods += 50;
        self.throttled += 50.0 * throttled;
        self.waiting_ns += waits * ns;
        self.memory = memory;
    }

    fn reading(&self) -> Arc<Reading> {
        let stall = |waiting: f64| Some(Stall { waiting_ns: waiting as u64, stalled_ns: Some(0) });
        let stats = Stats {
            cpu: Some(Cpu { usage_ns: self.cpu_ns as u64, user_ns: None, system_ns: None }),
            throttling: Some(Throttling {
                periods: self.periods,
                throttled_periods: self.throttled as u64,
                throttled_ns: 0,
            }),
            memory: Some(Memory { working_set: self.memory as u64, ..Memory::default() }),
            pressure: Pressure { cpu: stall(self.waiting_ns), memory: stall(0.0), io: stall(0.0) },
            ..Stats::default()
        };
        Arc::new(Reading {
            container: self.container.clone(),
            labels: Arc::new(LabelBlock::default()),
            cgroup: Arc::from("/"),
            stats: Some(Arc::new(stats)),
            disk: None,
            usage_cores: None,
            rates: None,
            fast: None,
            oom_kills: 0,
            ended: false,
        })
    }
}

fn snapshot(at: i64, containers: &[Made]) -> Snapshot {
    Snapshot {
        taken_at: Timestamp::from_millisecond(at).expect("a time"),
        containers: containers.iter().map(Made::reading).collect(),
        ..Snapshot::default()
    }
}

/// Measures 50 and 1,000 containers.
pub(super) fn section() {
    for count in [50, 1_000] {
        watch(count);
    }
}

fn watch(count: usize) {
    let mut random = Random::new(1);
    let mut containers: Vec<Made> = (0..count).map(Made::new).collect();
    let before = resident_kib();
    let mut watch = Watch::new(BYTES);
    watch.take(&snapshot(START_MS, &containers));
    let (mut learning, mut number) = (Duration::ZERO, 0);
    while let Some(service) = watch.wanted() {
        let learned = week(number, &mut random);
        let started = Instant::now();
        watch.learn(&service, &learned);
        learning += started.elapsed();
        number += 1;
    }
    let grown = resident_kib().zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
    let (mut all, mut longest, mut told) = (Duration::ZERO, Duration::ZERO, 0);
    for reading in 1..=READINGS {
        for (number, made) in containers.iter_mut().enumerate() {
            made.pass(doing(number, &mut random));
        }
        let snapshot = snapshot(START_MS + reading as i64 * EVERY_MS, &containers);
        let started = Instant::now();
        told += watch.take(&snapshot).len();
        let taken = started.elapsed();
        all += taken;
        longest = longest.max(taken);
    }
    let each = all / READINGS as u32;
    println!(
        "live: {count} containers: {:.1} ms to learn each, {:.0} \u{b5}s a reading ({:.4} % of a core), {:.1} ms at most; \
         {} detectors, {:.1} MB; {told} turns",
        learning.as_secs_f64() * 1e3 / count as f64,
        each.as_secs_f64() * 1e6,
        each.as_secs_f64() * 100.0 / (EVERY_MS as f64 / 1e3),
        longest.as_secs_f64() * 1e3,
        watch.detectors(),
        grown as f64 * 1.024e-3,
    );
}
