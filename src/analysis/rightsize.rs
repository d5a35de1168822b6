//! Limits and reservations of containers, from what they have used.
//!
//! - [`cpu`]: the limit of cores;
//! - [`memory`]: the limit of memory;
//! - [`reservation`]: what is set aside, where something is;
//! - [`host`]: whether more is promised than there is.
//!
//! A container that was held back by its limit has never shown what it wants, so it is not
//! shrunk. What changes by less than a tenth is left alone: every change restarts something.

pub mod cpu;
pub mod host;
pub mod memory;
pub mod reservation;
#[cfg(test)]
mod tests;

use super::finding::{Evidence, Scope, Severity, Window};
use super::recommendation::{Action, Answer, Confidence, Kind, NotEnoughData};
use super::series::Series;
use super::statistics::order::{quantile_of_sorted, sorted};

/// Fewer samples say nothing (krr's `points_required`).
pub const LEAST_SAMPLES: usize = 100;

/// A shorter history says nothing (krr's `history` gate), in hours.
pub const LEAST_HOURS: f64 = 3.0;

/// Room above what was seen: 15 %, as the Vertical Pod Autoscaler's safety margin and krr's
/// memory buffer have it.
pub const MARGIN: f64 = 1.15;

/// A smaller change is none; CAST AI applies from the same share on.
pub const LEAST_CHANGE: f64 = 0.10;

const HOUR_MS: f64 = 3_600_000.0;

/// What is known of a container.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose it is; `container` is its name.
    pub scope: Scope,
    /// Its service in the Compose file: the label `com.docker.compose.service`.
    pub compose_service: Option<String>,
    /// The time between two samples.
    pub step_ms: i64,
    /// Cores used, by step: the rate of `container_cpu_usage_seconds_total`.
    pub cpu_cores: Series,
    /// The highest of `container_memory_working_set_bytes` in each step.
    pub memory_bytes: Series,
    /// `container_cpu_cfs_throttled_periods_total` by `container_cpu_cfs_periods_total`, as both
    /// grew in this time; `None` without a quota.
    pub throttled_ratio: Option<f64>,
    /// Kills for want of memory in this time: `container_oom_events_total`.
    pub out_of_memory: Vec<OutOfMemory>,
    /// How much `container_restarts_total` grew in this time.
    pub restarts: u64,
    /// What it may use and has set aside now.
    pub limits: Limits,
    /// What its host has.
    pub host: Capacity,
}

/// What a container may use, and has set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// `container_cpu_limit_cores`.
    pub cpu_cores: Option<f64>,
    /// `container_spec_memory_limit_bytes`; 0 there is none here.
    pub memory_bytes: Option<f64>,
    /// The label `dockmeter.cpu.reservation`.
    pub cpu_reserved_cores: Option<f64>,
    /// `HostConfig.MemoryReservation`.
    pub memory_reserved_bytes: Option<f64>,
}

/// What a host has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// `machine_cpu_cores`.
    pub cores: f64,
    /// `machine_memory_bytes`.
    pub memory_bytes: f64,
}

/// A kill for want of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OutOfMemory {
    /// When.
    pub at: i64,
    /// `container_spec_memory_limit_bytes` then, if there was a limit.
    pub limit_bytes: Option<f64>,
}

/// All that is to be said of a container: what should change, and what cannot be told.
pub fn rightsize(facts: &Facts) -> Vec<Answer> {
    let answers =
        [cpu::limit(facts), memory::limit(facts), reservation::cpu(facts), reservation::memory(facts)];
    answers.into_iter().flatten().collect()
}

/// A history that is long enough to say something.
struct Seen {
    window: Window,
    values: Vec<f64>,
    confidence: Confidence,
}

impl Seen {
    /// What was used, or what is missing.
    fn of(series: &Series, step_ms: i64, metric: &str) -> Result<Seen, Vec<String>> {
        let points = series.points();
        let (from, to) = (points.first().map_or(0, |first| first.0), points.last().map_or(0, |last| last.0));
        let window = Window { from, to };
        let (samples, hours) = (points.len(), (to - from) as f64 / HOUR_MS);
        let mut missing = Vec::new();
        if samples < LEAST_SAMPLES {
            missing.push(format!("{samples} of {LEAST_SAMPLES} samples of `{metric}`"));
        }
        if hours < LEAST_HOURS {
            missing.push(format!("{hours:.1} of {LEAST_HOURS:.0} h of history of `{metric}`"));
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let expected = (to - from) as f64 / step_ms.max(1) as f64 + 1.0;
        let confidence = Confidence::of(window.days(), samples, expected);
        Ok(Seen { window, values: sorted(&series.values()), confidence })
    }

    /// What lies above a share of all samples.
    fn quantile(&self, share: f64) -> f64 {
        quantile_of_sorted(&self.values, share).unwrap_or_default().max(0.0)
    }

    fn peak(&self) -> f64 {
        self.quantile(1.0)
    }

    fn evidence(&self, metric: impl Into<String>, value: f64, threshold: Option<f64>) -> Evidence {
        Evidence { metric: metric.into(), value, threshold, window: self.window, samples: self.values.len() }
    }
}

/// Whether a value is to be changed to another.
fn is_change(from: f64, to: f64) -> bool {
    (to - from).abs() >= LEAST_CHANGE * from.abs()
}

/// How much a difference matters, by the three sizes from which it does (krr's); `None` below.
fn severity(difference: f64, [low, medium, high]: [f64; 3]) -> Option<Severity> {
    match difference.abs() {
        size if size >= high => Some(Severity::High),
        size if size >= medium => Some(Severity::Medium),
        size if size >= low => Some(Severity::Low),
        _ => None,
    }
}

/// The next multiple of a step that is not below a value; what a rounding error is above one
/// counts as it.
fn up_to(value: f64, step: f64) -> f64 {
    (value / step - 1e-9).ceil().max(0.0) * step
}

fn none(kind: Kind, facts: &Facts, missing: Vec<String>) -> Answer {
    Answer::NotEnoughData(NotEnoughData::new(kind, &facts.scope, None, missing))
}

/// Lines of Compose that `docker compose up` honours, and the same at once where that is possible.
fn action(facts: &Facts, step: String, lines: Vec<String>, flags: Option<String>) -> Action {
    let service = facts.compose_service.as_deref();
    let place = service.map_or_else(
        || "the container's service in its Compose file, beside `image:`".to_owned(),
        |service| format!("`services.{service}` in the Compose file, beside `image:`"),
    );
    let command = flags
        .zip(facts.scope.container.as_deref())
        .map(|(flags, container)| format!("docker update {flags} {container}"));
    Action { steps: vec![step], place: Some(place), lines, command }
}
