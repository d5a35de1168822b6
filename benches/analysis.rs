//! What the methods of analysis take: time by series, and memory.
//!
//! `cargo bench --bench analysis`, or with the names of the sections that are wanted:
//! `cargo bench --bench analysis -- detector trend`.

#![allow(missing_docs, reason = "a program, not a library")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark says what it measured")]

#[path = "live/mod.rs"]
mod live;

use std::hint::black_box;
use std::time::Instant;

use dockmeter::analysis::anomaly::simulation::{KINDS, simulate};
use dockmeter::analysis::anomaly::{Detector, Params, anomalies};
use dockmeter::analysis::compare::{Pair, Question, Rule, Verdict, compare};
use dockmeter::analysis::series::Series;
use dockmeter::analysis::simulation::Random;
use dockmeter::analysis::trend::{self, trend};

/// Series that every section is about.
const SERIES: u64 = 1_000;

const DAYS: i64 = 30;

/// A time that steps of an hour begin at.
const START_MS: i64 = 1_800_000_000_000;

const SECTIONS: [(&str, fn()); 6] = [
    ("detector", detector),
    ("live", live::section),
    ("anomalies", batch),
    ("memory", memory),
    ("trend", trends),
    ("compare", comparisons),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    SECTIONS.iter().filter(|(name, _)| is_wanted(name)).for_each(|(_, section)| section());
}

/// One detector, by sample of five seconds and by full step.
fn detector() {
    let mut random = Random::new(1);
    let values: Vec<f64> = random.repeating(4_096, 0.8).iter().map(|value| 100.0 + 10.0 * value).collect();
    for (name, cadence_ms) in
        [("samples of 5 s", 5_000), ("samples of 1 min", 60_000), ("full steps of 5 min", 300_000)]
    {
        let mut detector = Detector::new(Params::default());
        let samples = DAYS * 86_400_000 / cadence_ms;
        let mut told = 0;
        let started = Instant::now();
        for (sample, value) in (0..samples).zip(values.iter().cycle()) {
            told += usize::from(detector.observe(START_MS + sample * cadence_ms, *value).is_some());
        }
        let taken = started.elapsed();
        black_box(told);
        println!("detector: {name}, {DAYS} days: {:.0} ns each", taken.as_nanos() as f64 / samples as f64);
    }
}

/// The same of whole series, as the API asks for them.
fn batch() {
    for (name, step_ms) in [("5 minutes", 300_000), ("an hour", 3_600_000)] {
        let kinds = KINDS.iter().cycle().zip(0..SERIES);
        let simulated = kinds.map(|(kind, seed)| simulate(*kind, seed, DAYS as f64, step_ms).series);
        let series: Vec<Series> = simulated.collect();
        let params = Params { step_ms, ..Params::default() };
        timed(&format!("anomalies: {SERIES} series of {DAYS} days in steps of {name}"), || {
            series.iter().map(|series| anomalies(series, params).len()).sum()
        });
    }
}

/// What detectors take once they are full.
fn memory() {
    let before = resident_kib();
    let watch = |number: u64| {
        let mut detector = Detector::new(Params::default());
        for step in 0..DAYS * 288 {
            detector.observe(START_MS + step * 300_000, (step % 288 + number as i64) as f64);
        }
        detector
    };
    let detectors: Vec<Detector> = (0..SERIES / 10).map(watch).collect();
    let bytes: usize = detectors.iter().map(Detector::bytes).sum();
    println!("memory: {:.1} kB a detector after {DAYS} days", bytes as f64 / detectors.len() as f64 / 1e3);
    if let (Some(before), Some(after)) = (before, resident_kib()) {
        let each = (after.saturating_sub(before)) as f64 * 1.024 / detectors.len() as f64;
        println!("memory: the process grew by {each:.1} kB a detector");
    }
    black_box(detectors);
}

fn trends() {
    let series = hourly();
    timed(&format!("trend: {SERIES} series of 720 points"), || {
        let rule = trend::Rule::default();
        series.iter().filter(|series| trend(series, rule).direction == trend::Direction::Growing).count()
    });
}

/// Long halves, and short ones with earlier days beside them.
fn comparisons() {
    let series = hourly();
    timed(&format!("compare: {SERIES} series, halves of 720 points"), || {
        let rule = Rule::default();
        let differs = |series: &&Series| {
            let values = series.values();
            let (before, after) = values.split_at(values.len() / 2);
            is_higher(Question { pair: pair(before, after), ..Question::default() }, rule)
        };
        series.iter().filter(differs).count()
    });
    timed(&format!("compare: {SERIES} series, 60 with 60 points and four days' control"), || {
        let rule = Rule::default();
        let differs = |series: &&Series| {
            let values = series.values();
            let mut pairs: Vec<Pair> =
                values.chunks_exact(120).map(|hours| pair(&hours[..60], &hours[60..])).collect();
            let Some(last) = pairs.pop() else { return false };
            is_higher(Question { pair: last, earlier_days: pairs, least_change: 0.0 }, rule)
        };
        series.iter().filter(differs).count()
    });
}

fn pair(before: &[f64], after: &[f64]) -> Pair {
    Pair { before: before.to_vec(), after: after.to_vec() }
}

fn is_higher(question: Question, rule: Rule) -> bool {
    compare(&[question], rule).iter().any(|found| found.verdict == Verdict::Higher)
}

/// Thirty days by the hour.
fn hourly() -> Vec<Series> {
    let series = |seed: u64| {
        let values = Random::new(seed).repeating(720, 0.8).into_iter();
        let point = |(hour, value): (usize, f64)| (START_MS + hour as i64 * 3_600_000, 100.0 + 10.0 * value);
        Series::new(values.enumerate().map(point))
    };
    (0..SERIES).map(series).collect()
}

fn timed(name: &str, work: impl Fn() -> usize) {
    let started = Instant::now();
    let found = black_box(work());
    let taken = started.elapsed();
    println!(
        "{name}: {:.2} s, {:.1} µs each; {found} found",
        taken.as_secs_f64(),
        taken.as_micros() as f64 / SERIES as f64
    );
}

/// What the process holds of memory.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
