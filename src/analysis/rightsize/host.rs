//! Whether a host has promised more than it has.

use serde::Serialize;

use super::super::finding::{Evidence, Scope, Severity, Window};
use super::super::recommendation::{
    Action, Confidence, Effect, Effort, Kind, Recommendation, Verify, expiry, id,
};
use super::super::words::{cores, counted, quoted, size};
use super::Capacity;

/// Limits beyond what there is: memory that is not there ends in a kill.
const FULL: f64 = 1.0;

/// So far beyond that all it takes are two busy containers of three.
const FAR: f64 = 1.5;

/// Cores are shared by turns, and few are busy at once; beyond this (Kubernetes' mixin alerts on
/// requests beyond 1, limits of 2 and 3 are usual) neighbours are felt.
const CORES_FAR: f64 = 3.0;

/// The limits of a running container.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Promised {
    /// `container_cpu_limit_cores`.
    pub cpu_cores: Option<f64>,
    /// `container_spec_memory_limit_bytes`; 0 there is none here.
    pub memory_bytes: Option<f64>,
}

/// What a host has promised by what it has.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overcommit {
    /// Running containers.
    pub containers: usize,
    /// Those without a limit of cores: they may take all.
    pub without_cpu_limit: usize,
    /// Those without a limit of memory.
    pub without_memory_limit: usize,
    /// All limits of cores together.
    pub cpu_limits_cores: f64,
    /// All limits of memory together.
    pub memory_limits_bytes: f64,
    /// The limits by the host's cores; `None` where those are not known.
    pub cpu_ratio: Option<f64>,
    /// The limits by the host's memory.
    pub memory_ratio: Option<f64>,
}

/// Adds limits up. One that is beyond the host counts as all of it: more cannot be used.
pub fn overcommit(host: Capacity, containers: &[Promised]) -> Overcommit {
    let sum = |of: fn(&Promised) -> Option<f64>, most: f64| {
        let limits: Vec<f64> =
            containers.iter().filter_map(of).filter(|limit| limit.is_finite() && *limit > 0.0).collect();
        (limits.iter().map(|limit| limit.min(most)).sum::<f64>(), containers.len() - limits.len())
    };
    let (cpu_limits_cores, without_cpu_limit) = sum(|promised| promised.cpu_cores, host.cores);
    let (memory_limits_bytes, without_memory_limit) =
        sum(|promised| promised.memory_bytes, host.memory_bytes);
    let ratio = |sum: f64, of: f64| (of.is_finite() && of > 0.0).then(|| sum / of);
    Overcommit {
        containers: containers.len(),
        without_cpu_limit,
        without_memory_limit,
        cpu_limits_cores,
        memory_limits_bytes,
        cpu_ratio: ratio(cpu_limits_cores, host.cores),
        memory_ratio: ratio(memory_limits_bytes, host.memory_bytes),
    }
}

/// What to do about it: one recommendation for cores and one for memory, where more is promised
/// than there is. Of several hosts each has a name: the `instance` that is scraped.
pub fn recommend(
    name: Option<&str>,
    host: Capacity,
    found: &Overcommit,
    window: Window,
) -> Vec<Recommendation> {
    let memory = found.memory_ratio.filter(|ratio| *ratio > FULL).map(|ratio| Found {
        subject: "memory",
        metrics: ["container_spec_memory_limit_bytes", "machine_memory_bytes"],
        ratio,
        threshold: FULL,
        severity: if ratio > FAR { Severity::High } else { Severity::Medium },
        promised: size(found.memory_limits_bytes),
        capacity: size(host.memory_bytes),
        unlimited: found.without_memory_limit,
        beyond: size(found.memory_limits_bytes - host.memory_bytes),
        numbers: [("limits_bytes", found.memory_limits_bytes), ("host_bytes", host.memory_bytes)],
        formula: "ratio = limits_bytes / host_bytes",
        risk: "none while fewer take all at once than the host can hold",
    });
    let cpu = found.cpu_ratio.filter(|ratio| *ratio > FULL).map(|ratio| Found {
        subject: "cpu",
        metrics: ["container_cpu_limit_cores", "machine_cpu_cores"],
        ratio,
        threshold: FULL,
        severity: if ratio > CORES_FAR { Severity::Medium } else { Severity::Low },
        promised: cores(found.cpu_limits_cores),
        capacity: cores(host.cores),
        unlimited: found.without_cpu_limit,
        beyond: cores(found.cpu_limits_cores - host.cores),
        numbers: [("limits_cores", found.cpu_limits_cores), ("host_cores", host.cores)],
        formula: "ratio = limits_cores / host_cores",
        risk: "none while few are busy at once; cores beyond what there is only make each wait",
    });
    [memory, cpu]
        .into_iter()
        .flatten()
        .map(|found_of| found_of.made(name, found.containers, window))
        .collect()
}

/// One of the two, before it is put into words.
struct Found {
    subject: &'static str,
    metrics: [&'static str; 2],
    ratio: f64,
    threshold: f64,
    severity: Severity,
    promised: String,
    capacity: String,
    unlimited: usize,
    beyond: String,
    numbers: [(&'static str, f64); 2],
    formula: &'static str,
    risk: &'static str,
}

impl Found {
    fn made(self, name: Option<&str>, containers: usize, window: Window) -> Recommendation {
        let scope = Scope::default();
        let [limits, capacity] = self.metrics;
        let metric = match name {
            None => format!("sum by (instance) ({limits}) / on (instance) {capacity}"),
            Some(name) => {
                let of = format!("{{instance=\"{}\"}}", quoted(name));
                format!("sum by (instance) ({limits}{of}) / on (instance) {capacity}{of}")
            }
        };
        let called = name.map_or_else(|| "the host".to_owned(), |name| format!("the host `{name}`"));
        let unlimited = match self.unlimited {
            0 => String::new(),
            count => format!(", and {} {} no limit at all", counted(count, "container"), has(count)),
        };
        let sentence = format!(
            "containers may use {} together, {:.2} times the {} that {called} has{unlimited}: lower the limits that are far above use",
            self.promised, self.ratio, self.capacity
        );
        let [limits, host] = self.numbers;
        Recommendation {
            id: id(Kind::HostOvercommit, &scope, Some(&subject(self.subject, name))),
            kind: Kind::HostOvercommit,
            severity: self.severity,
            scope,
            sentence,
            evidence: vec![Evidence {
                metric: metric.clone(),
                value: self.ratio,
                threshold: Some(self.threshold),
                window,
                samples: containers,
            }],
            change: None,
            action: Action {
                steps: vec![
                    "follow the recommendations that lower limits, those that free most first".to_owned(),
                    "set a limit where there is none".to_owned(),
                    "move a service to another host if all of them need what they have".to_owned(),
                ],
                ..Action::default()
            },
            effect: Effect::new(
                format!("limits lower by {} together fit the host", self.beyond),
                self.formula,
                [("ratio", self.ratio), limits, host],
            ),
            effort: Effort::Low,
            confidence: Confidence::certain(),
            risk: self.risk.to_owned(),
            verify: Verify { promql: metric, expect: "at most 1".to_owned() },
            expires_at_ms: expiry(window),
        }
    }
}

/// What tells it from others in an id.
pub fn subject(resource: &str, name: Option<&str>) -> String {
    name.map_or_else(|| resource.to_owned(), |name| format!("{resource}/{name}"))
}

fn has(count: usize) -> &'static str {
    if count == 1 { "has" } else { "have" }
}
