//! What the pure functions want to know of each container, out of lines.

use std::collections::{BTreeMap, BTreeSet};

use super::hosts::Hosts;
use super::{Labels, Options};
use crate::analysis::finding::Scope;
use crate::analysis::rightsize::host::Promised;
use crate::analysis::rightsize::{Capacity, Facts, Limits, OutOfMemory};
use crate::analysis::series::Series;
use crate::history::{Line, sizing};
use crate::report::each::had_ended;

/// So many steps ago a container may have been seen last that runs.
const RUNNING_STEPS: i64 = 2;

/// Limits differ by more than a rounding error.
const SAME: f64 = 1e-3;

/// More kills in one step are told as this many.
const MOST_KILLS: f64 = 1000.0;

/// What is known of all.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Of each container that has not ended.
    pub(super) facts: Vec<Facts>,
    /// What those may use that run at the end, and where they run if that is known.
    pub(super) running: Vec<(Vec<String>, Promised)>,
    /// The time between two samples.
    pub(super) step_ms: i64,
}

type Points = Vec<(i64, f64)>;

/// Points by measure and container.
struct Answers(BTreeMap<&'static str, BTreeMap<Labels, Points>>);

impl Answers {
    fn of(&self, name: &str, labels: &Labels) -> &[(i64, f64)] {
        self.0.get(name).and_then(|lines| lines.get(labels)).map_or(&[], Vec::as_slice)
    }
}

impl Gathered {
    /// Of what was answered, by the names of measures.
    pub(super) fn new(
        answers: BTreeMap<&'static str, Vec<Line>>,
        options: &Options,
        step_s: i64,
        hosts: &Hosts,
    ) -> Gathered {
        let by_labels = |lines: Vec<Line>| lines.into_iter().map(|line| (line.labels, line.points)).collect();
        let answers = Answers(answers.into_iter().map(|(name, lines)| (name, by_labels(lines))).collect());
        let used = [sizing::CPU.name, sizing::MEMORY.name];
        let lines = || used.iter().filter_map(|name| answers.0.get(name));
        let containers: BTreeSet<&Labels> = lines().flat_map(BTreeMap::keys).collect();
        let named = containers.into_iter().filter(|labels| value(labels, "name").is_some());
        let step_ms = apart(lines().flat_map(BTreeMap::values)).unwrap_or(0).max(step_s * 1000);
        let mut gathered = Gathered { step_ms, ..Gathered::default() };
        for labels in named {
            gathered.add(&answers, labels, options, hosts);
        }
        gathered
    }

    fn add(&mut self, answers: &Answers, labels: &Labels, options: &Options, hosts: &Hosts) {
        let to = options.period.to.as_millisecond();
        let points = |name: &str| answers.of(name, labels);
        let (cpu, memory) = (points(sizing::CPU.name), points(sizing::MEMORY.name));
        let Some(last) = [cpu, memory].iter().filter_map(|points| points.last()).map(|point| point.0).max()
        else {
            return;
        };
        if had_ended(last, options.period) {
            return;
        }
        let (cpu_limits, memory_limits) = (points(sizing::CPU_LIMIT.name), points(sizing::MEMORY_LIMIT.name));
        let cpu_limit = self.now(cpu_limits, last);
        let memory_limit = self.now(memory_limits, last);
        let known = options.known.get(labels).cloned().unwrap_or_default();
        let (throttled, periods) = (points(sizing::THROTTLED_PERIODS.name), points(sizing::PERIODS.name));
        let other = last_other(cpu_limits, cpu_limit, |_, _| true);
        let lower = last_other(cpu_limits, cpu_limit, |limit, now| limit < now);
        let kills = points(sizing::KILLS.name).iter().filter(|(_, count)| *count >= 0.5);
        let killed = |(at, count): &(i64, f64)| {
            let kill = OutOfMemory { at: *at, limit_bytes: limit_at(memory_limits, *at) };
            std::iter::repeat_n(kill, count.round().min(MOST_KILLS) as usize)
        };
        self.facts.push(Facts {
            scope: Scope::of(labels),
            compose_service: known.compose_service,
            step_ms: self.step_ms,
            cpu_cores: Series::new(after(cpu, lower)),
            memory_bytes: Series::new(memory.iter().copied()),
            throttled_ratio: share(sum(after(throttled, other)), sum(after(periods, other))),
            out_of_memory: kills.flat_map(killed).collect(),
            restarts: sum(points(sizing::RESTARTS.name).iter().copied()).round() as u64,
            limits: Limits {
                cpu_cores: cpu_limit,
                memory_bytes: memory_limit,
                cpu_reserved_cores: known.cpu_reserved_cores,
                memory_reserved_bytes: known.memory_reserved_bytes,
            },
            host: hosts.of(labels).unwrap_or(Capacity { cores: f64::NAN, memory_bytes: f64::NAN }),
        });
        if to - last <= RUNNING_STEPS * self.step_ms {
            let promised = Promised { cpu_cores: cpu_limit, memory_bytes: memory_limit };
            self.running.push((hosts.places(labels).to_vec(), promised));
        }
    }

    /// The limit that holds at the end; one that has long not been told holds no more.
    fn now(&self, limits: &[(i64, f64)], last: i64) -> Option<f64> {
        let (at, limit) = limits.last()?;
        (last - at <= self.step_ms).then_some(*limit)
    }
}

/// The time between two points that is shortest: the history may keep no finer steps.
fn apart<'a>(lines: impl Iterator<Item = &'a Points>) -> Option<i64> {
    let gaps = lines.flat_map(|points| points.iter().zip(points.iter().skip(1)));
    gaps.map(|((before, _), (at, _))| at - before).filter(|gap| *gap > 0).min()
}

/// When another limit than now was in force last. What was held back by one says nothing of another,
/// and under a lower one nobody has seen what is used under this.
fn last_other(limits: &[(i64, f64)], now: Option<f64>, counts: fn(f64, f64) -> bool) -> Option<i64> {
    let now = now.unwrap_or(f64::INFINITY);
    // Points are finite: any of them differs from none.
    let differs = |limit: f64| (limit - now).abs() > SAME * now.min(limit) && counts(limit, now);
    limits.iter().rev().find(|(_, limit)| differs(*limit)).map(|(at, _)| *at)
}

/// Points after a time, or all.
fn after(points: &[(i64, f64)], time: Option<i64>) -> impl Iterator<Item = (i64, f64)> {
    points.iter().copied().filter(move |(at, _)| time.is_none_or(|time| *at > time))
}

/// The limit in a step, or in the one before it: what is killed may be gone at the step's end.
fn limit_at(limits: &[(i64, f64)], at: i64) -> Option<f64> {
    limits.iter().rev().find(|(time, _)| *time <= at).map(|(_, limit)| *limit)
}

fn sum(points: impl Iterator<Item = (i64, f64)>) -> f64 {
    points.map(|(_, value)| value).sum()
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The value of a label, if it has one.
fn value(labels: &Labels, name: &str) -> Option<String> {
    labels.get(name).filter(|value| !value.is_empty()).cloned()
}
