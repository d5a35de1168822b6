//! How everything was, and how one container was and since when.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Known;
use super::answer::time;
use super::span::HealthInterval;
use crate::health::{Domain, Status};
use crate::history::{Ask, Bin, Counter, Gauge, HOST_FIGURES, History, Retention, Step, SystemPoint};
use crate::inventory::{self, ContainerId};
use crate::tenant::LabelValue;
use crate::web::current::Time;

const HOUR_MS: i64 = 3_600_000;

/// How everything was.
#[derive(Debug, Serialize)]
pub(in crate::web) struct SystemHealth {
    from: Time,
    to: Time,
    interval: &'static str,
    points: Vec<Point>,
}

/// One step: the worst of it.
#[derive(Debug, Serialize)]
struct Point {
    timestamp: Time,
    status: &'static str,
    warning_count: u64,
    domains: BTreeMap<&'static str, DomainPoint>,
    cpu_ratio: Option<f64>,
    memory_ratio: Option<f64>,
    disk_ratio: Option<f64>,
    /// Means of the machine's figures, by name.
    #[serde(flatten)]
    host: BTreeMap<&'static str, Option<f64>>,
}

#[derive(Debug, Serialize)]
struct DomainPoint {
    status: &'static str,
    warning_count: u64,
}

fn word(status: u64) -> &'static str {
    let known = usize::try_from(status).ok().and_then(|status| Status::ALL.get(status));
    known.copied().unwrap_or(Status::Unhealthy).as_str()
}

impl SystemHealth {
    pub(super) fn new(history: &History, hours: i64, interval: HealthInterval, to: i64) -> Self {
        let (word, length, step) = interval;
        let from = to - hours * HOUR_MS;
        let points = history.system(step, length, from, to).into_iter().map(Point::from).collect();
        SystemHealth { from: time(from), to: time(to), interval: word, points }
    }
}

impl From<SystemPoint> for Point {
    fn from(point: SystemPoint) -> Self {
        let [cpu_ratio, memory_ratio, disk_ratio] = point.shares;
        let domain = |(domain, known): (Domain, Option<(u64, u64)>)| {
            let (status, warning_count) = known?;
            Some((domain.as_str(), DomainPoint { status: word(status), warning_count }))
        };
        Point {
            timestamp: time(point.at),
            status: word(point.status),
            warning_count: point.warnings,
            domains: Domain::ALL.into_iter().zip(point.domains).filter_map(domain).collect(),
            cpu_ratio,
            memory_ratio,
            disk_ratio,
            host: HOST_FIGURES.iter().map(|figure| figure.name).zip(point.host).collect(),
        }
    }
}

/// How one container was.
#[derive(Debug, Serialize)]
pub(in crate::web) struct ContainerHealth {
    container_id: ContainerId,
    name: LabelValue,
    user: LabelValue,
    project: LabelValue,
    team: LabelValue,
    from: Time,
    to: Time,
    /// The step that beginnings, ends and incidents are told to.
    interval: &'static str,
    interval_seconds: i64,
    /// By time; each as long as nothing changed.
    periods: Vec<Period>,
    /// Steps in which it was restarted or processes were killed.
    incidents: Vec<Incident>,
    restarts: u64,
    oom_kills: u64,
}

#[derive(Debug, Serialize)]
struct Period {
    from: Time,
    to: Time,
    status: String,
    health: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Incident {
    timestamp: Time,
    restarts: u64,
    oom_kills: u64,
}

impl ContainerHealth {
    /// Of what was in each step.
    pub(super) fn new(container: &Known, ask: &Ask, bins: &[Bin]) -> Self {
        let Ask { from, to, step, .. } = *ask;
        let grown = |bin: &Bin, counter: Counter| bin.counters[counter as usize].unwrap_or(0);
        let sum = |counter: Counter| bins.iter().map(|bin| grown(bin, counter)).sum();
        let incident = |bin: &Bin| {
            let (restarts, oom_kills) = (grown(bin, Counter::Restarts), grown(bin, Counter::OomKills));
            (restarts + oom_kills > 0).then(|| Incident { timestamp: time(bin.at), restarts, oom_kills })
        };
        ContainerHealth {
            container_id: container.id,
            name: container.name.clone(),
            user: container.tenant.user.clone(),
            project: container.tenant.project.clone(),
            team: container.tenant.team.clone(),
            from: time(from),
            to: time(to),
            interval: step.as_str(),
            interval_seconds: step.milliseconds() / 1000,
            periods: periods(bins, step.milliseconds(), to),
            incidents: bins.iter().filter_map(incident).collect(),
            restarts: sum(Counter::Restarts),
            oom_kills: sum(Counter::OomKills),
        }
    }
}

/// What is asked for the last hours of a container's health.
pub(super) fn asked(container: &Known, retention: &Retention, hours: i64, to: i64) -> Ask {
    let (from, step) = (to - hours * HOUR_MS, finest(retention, hours));
    Ask { container: container.id, figures: Vec::new(), from, to, step }
}

/// The finest steps that are kept for so long, but no samples.
fn finest(retention: &Retention, hours: i64) -> Step {
    let is_kept = |step: &Step| retention.milliseconds(*step) >= hours * HOUR_MS;
    [Step::Minute, Step::Minutes5].into_iter().find(is_kept).unwrap_or(Step::Hour)
}

/// What it was last in each step, as long as it stayed so. A gap in the history ends a period.
fn periods(bins: &[Bin], step_ms: i64, now: i64) -> Vec<Period> {
    let mut periods: Vec<(i64, i64, u64, Option<u64>)> = Vec::new();
    for bin in bins {
        let last = |gauge: Gauge| bin.gauges[gauge as usize].map(|spread| spread.last);
        let Some(status) = last(Gauge::State) else { continue };
        let (began, health) = (bin.at - step_ms, last(Gauge::Health));
        match periods.last_mut() {
            Some((_, to, was, healthy)) if *to >= began && (*was, *healthy) == (status, health) => {
                *to = bin.at
            }
            _ => periods.push((began, bin.at, status, health)),
        }
    }
    let period = |(from, to, status, health): (i64, i64, u64, Option<u64>)| Period {
        from: time(from),
        to: time(to.min(now)),
        status: inventory::Status::KNOWN.get(status as usize).map_or("other", |one| one.as_str()).to_owned(),
        health: health.and_then(|health| inventory::Health::ALL.get(health as usize)).map(|one| one.as_str()),
    };
    periods.into_iter().map(period).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_as_fine_as_they_are_kept_for_so_long() {
        let of = |hours| finest(&Retention::default(), hours);
        assert_eq!((of(1), of(24)), (Step::Minute, Step::Minute));
        assert_eq!((of(25), of(168)), (Step::Minutes5, Step::Minutes5));
        assert_eq!((of(169), of(720)), (Step::Hour, Step::Hour));
    }
}
