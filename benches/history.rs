//! What the history takes: nanoseconds to keep and to read a row, and bytes of memory and files for
//! a container and day.
//!
//! `cargo bench --bench history -- --quick`. The bytes are printed first: two days of busy and of
//! idle containers, sample by sample, as the sampler would hand them over.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark says what it measured")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dockmeter::history::{
    About, Ask, Counter, FIGURES, Gauge, Keeper, Key, Options, Retention, Sample, Step, Taken,
};
use dockmeter::tenant::{LabelValue, Tenant};

/// Samples of a day.
const DAY: u64 = 86_400 / 5;

/// A time that steps of an hour begin at.
const START_MS: i64 = 1_800_000_000_000;

/// Reproducible noise.
#[derive(Clone)]
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A container and what it shows.
struct Shown {
    taken: Taken,
    noise: Noise,
    is_busy: bool,
}

impl Shown {
    fn new(number: u64, is_busy: bool) -> Self {
        let id = format!("{number:064x}").parse().expect("an id");
        let about = About {
            name: LabelValue::clean(&format!("shop-api-{number}")),
            tenant: Tenant::claimed(Some("ann"), Some("shop"), Some("core")),
        };
        let mut sample =
            Sample { counters: vec![Some(0); Counter::Restarts as usize + 1], gauges: Vec::new() };
        sample.gauges = vec![Some(0); Gauge::Health as usize + 1];
        let values = [(Gauge::MemoryLimit, 1 << 30), (Gauge::CpuLimit, 500_000), (Gauge::State, 1)];
        values.into_iter().for_each(|(gauge, value)| sample.gauges[gauge as usize] = Some(value));
        let taken = Taken { key: Key::Container(id), about: Some(Arc::new(about)), sample };
        Shown { taken, noise: Noise(number * 7_919 + 1), is_busy }
    }

    /// Five seconds later: a busy one works, talks and writes at a pace that varies; an idle one
    /// wakes up now and then.
    fn later(&mut self) -> Taken {
        let (noise, sample) = (&mut self.noise, &mut self.taken.sample);
        let mut grow = |counter: Counter, by: u64| {
            let value = &mut sample.counters[counter as usize];
            *value = value.map(|value| value + by);
        };
        if self.is_busy {
            grow(Counter::Cpu, 1_000_000 + noise.below(200_000));
            grow(Counter::Periods, 50);
            grow(Counter::ThrottledPeriods, noise.below(5));
            grow(Counter::Throttled, noise.below(100_000));
            grow(Counter::Receive, 50_000 + noise.below(20_000));
            grow(Counter::Transmit, 90_000 + noise.below(40_000));
            grow(Counter::Write, 4_096 * noise.below(20));
            grow(Counter::CpuWaiting, noise.below(50_000));
            let memory = 300_000_000 + 4_096 * noise.below(2_000);
            let gauges = [
                (Gauge::MemoryUsage, memory),
                (Gauge::WorkingSet, memory - 40_960_000),
                (Gauge::Rss, memory - 100 * 4_096_000 / 4),
                (Gauge::Cache, 40_960_000 + 4_096 * noise.below(50)),
                (Gauge::Processes, 15),
                (Gauge::Threads, 40 + noise.below(3)),
            ];
            gauges.into_iter().for_each(|(gauge, value)| sample.gauges[gauge as usize] = Some(value));
        } else if noise.below(4) == 0 {
            grow(Counter::Cpu, 200 + noise.below(300));
        }
        self.taken.clone()
    }
}

fn options(path: Option<&std::path::Path>) -> Options {
    Options {
        path: path.map(Into::into),
        retention: Retention::default(),
        memory_bytes: 1 << 30,
        disk_bytes: 4 << 30,
    }
}

fn at(sample: u64) -> i64 {
    START_MS + sample as i64 * 5_000
}

/// Two days of 50 containers: what memory and files hold at the end, and what was written.
fn bytes() {
    for (name, is_busy) in [("busy", true), ("idle", false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut keeper = Keeper::open(&options(Some(folder.path()))).expect("a history");
        let mut shown: Vec<Shown> = (0..50).map(|number| Shown::new(number, is_busy)).collect();
        let mut written = 0;
        for sample in 0..2 * DAY {
            let taken: Vec<Taken> = shown.iter_mut().map(Shown::later).collect();
            keeper.take(at(sample), &taken);
            if sample == DAY {
                written = keeper.history().standing().written_bytes;
            }
        }
        let standing = keeper.history().standing();
        let a_day = (standing.written_bytes - written) as f64;
        println!(
            "50 {name} containers: {:.1} MB written a day ({:.0} kB a container), {:.2} bytes a sample and figure; \
             after two days {:.1} MB of files, {:.1} MB of memory",
            a_day / 1e6,
            a_day / 50e3,
            a_day / 50.0 / DAY as f64 / 24.0,
            standing.disk_bytes.unwrap_or_default() as f64 / 1e6,
            standing.memory_bytes as f64 / 1e6,
        );
        let started = std::time::Instant::now();
        drop(keeper);
        Keeper::open(&options(Some(folder.path()))).expect("a history");
        println!("  a start reads it in {:.2} s", started.elapsed().as_secs_f64());
    }
}

fn history(criterion: &mut Criterion) {
    bytes();
    let mut group = criterion.benchmark_group("history");
    for (name, is_busy) in [("busy", true), ("idle", false)] {
        let mut keeper = Keeper::open(&options(None)).expect("a history");
        let mut shown = Shown::new(1, is_busy);
        let mut sample = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("keep a sample of a {name} container"), |bencher| {
            bencher.iter(|| {
                sample += 1;
                keeper.take(at(sample), &[shown.later()]);
            });
        });
    }
    let mut keeper = Keeper::open(&options(None)).expect("a history");
    let mut shown = Shown::new(1, true);
    (0..30 * DAY).for_each(|sample| keeper.take(at(sample), &[shown.later()]));
    let to = at(30 * DAY);
    for (step, back_ms) in
        [(Step::Seconds5, 3_600_000), (Step::Minute, 86_400_000), (Step::Minutes5, 604_800_000)]
    {
        let Key::Container(container) = shown.taken.key else { continue };
        let ask = Ask { container, figures: FIGURES.to_vec(), from: to - back_ms, to, step };
        let history = keeper.history();
        let points = (back_ms / step.milliseconds()) as u64;
        group.throughput(Throughput::Elements(points));
        group.bench_function(format!("read {points} points of {}", step.as_str()), |bencher| {
            bencher.iter(|| {
                let bins = history.bins(Key::Container(ask.container), ask.step, ask.from, ask.to);
                black_box(dockmeter::history::Answer::of(&ask.figures, &bins))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, history);
criterion_main!(benches);
