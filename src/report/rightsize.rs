//! `dockmeter report rightsize` and `GET /api/analytics/recommendations`: limits and reservations
//! that fit what containers have used.

mod gather;
mod page;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{Timestamp, ToSpan};

use super::aside;
use super::each::each;
use super::period::Period;
use crate::analysis::finding::{Scope, Window};
use crate::analysis::recommendation::{Answer, Change, Kind, NotEnoughData, Recommendation};
use crate::analysis::rightsize::host::{Overcommit, overcommit, recommend};
use crate::analysis::rightsize::{Capacity, rightsize};
use crate::history::{Line, Machine, Query, Whom, sizing};
use crate::prometheus::QueryError;
use gather::Gathered;

/// Measures that are asked for at once.
const AT_ONCE: usize = 4;

/// How far back it is looked if nobody says.
pub const LAST: &str = "7d";

/// Steps up to a week: what is held back for minutes is seen, and the embedded history keeps them
/// for as long.
const FINE_STEP_S: i64 = 300;

/// Steps beyond.
const COARSE_STEP_S: i64 = 3600;

const WEEK_S: i64 = 7 * 86_400;

/// What was longer ago says nothing of a limit; and a Prometheus answers with no more points.
const MOST_DAYS: i64 = 400;

/// What tells one container from another: `user`, `project`, `team` and `name`.
pub type Labels = BTreeMap<String, String>;

/// What is known of a container besides its history.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Its service in the Compose file.
    pub compose_service: Option<String>,
    /// Cores that its label sets aside.
    pub cpu_reserved_cores: Option<f64>,
    /// Memory that the engine sets aside.
    pub memory_reserved_bytes: Option<f64>,
}

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of whom.
    pub whom: Whom,
    /// Which time.
    pub period: Period,
    /// The size of the host, where the history does not know it.
    pub host: Option<Capacity>,
    /// What is known of containers besides.
    pub known: BTreeMap<Labels, Known>,
    /// Whether it may be told what the host has promised to all.
    pub with_host: bool,
}

/// A time that is not too long to be looked at.
///
/// # Errors
/// It is; the message says what would do.
pub fn bounded(period: Period) -> Result<Period, String> {
    match period.seconds() <= MOST_DAYS * 86_400 {
        true => Ok(period),
        false => Err(format!("that is more than {MOST_DAYS} days; `14d` or `30d` say enough of a limit")),
    }
}

/// The report.
#[derive(Clone, Debug)]
pub struct Rightsized {
    /// What was asked; the period begins where the history does.
    pub options: Options,
    /// Who answered.
    pub source: &'static str,
    /// The time between two samples, in seconds.
    pub step_s: i64,
    /// Containers that were looked at.
    pub containers: usize,
    /// What the host has promised, where that may be told and its size is known.
    pub overcommit: Option<Overcommit>,
    /// What should change, what matters most first.
    pub recommendations: Vec<Recommendation>,
    /// What cannot be told.
    pub not_enough_data: Vec<NotEnoughData>,
}

/// Asks for what containers have used and may use, and says what should change. `progress` is told
/// the share that is done.
///
/// # Errors
/// The history does not answer.
pub async fn report(
    query: &dyn Query,
    mut options: Options,
    progress: &mut (dyn FnMut(f64) + Send),
) -> Result<Rightsized, QueryError> {
    options.period = known_period(query, &options).await?;
    let step_s = step(&options.period);
    let asked_for = &options;
    let mut asked = stream::iter(sizing::ALL.map(|measure| *measure))
        .map(|measure| async move {
            Ok::<_, QueryError>((
                measure.name,
                each(query, &asked_for.whom, asked_for.period, measure, step_s).await?,
            ))
        })
        .buffered(AT_ONCE);
    let mut answers: BTreeMap<&'static str, Vec<Line>> = BTreeMap::new();
    while let Some((name, lines)) = asked.try_next().await? {
        answers.insert(name, lines);
        progress(answers.len() as f64 / sizing::ALL.len() as f64);
    }
    drop(asked);
    let machines = query.machines(options.period.to.as_millisecond()).await?;
    let host = largest(&machines).or(options.host);
    let asked = options.clone();
    let judge = move || {
        let gathered = Gathered::new(answers, &asked, step_s, host);
        judged(&asked, &gathered, host, machines.len())
    };
    // Weeks of a thousand containers take a while, in which others are answered.
    let Judged { step_s, containers, overcommit, recommendations, not_enough_data } = aside(judge).await;
    let source = query.name();
    Ok(Rightsized { options, source, step_s, containers, overcommit, recommendations, not_enough_data })
}

/// The time that was asked for, from when on something is known. What began a few days ago is
/// looked at in finer steps.
async fn known_period(query: &dyn Query, options: &Options) -> Result<Period, QueryError> {
    let period = options.period;
    if step(&period) == FINE_STEP_S {
        return Ok(period);
    }
    let seen = each(query, &options.whom, options.period, sizing::MEMORY, COARSE_STEP_S).await?;
    let first = seen.iter().filter_map(|line| line.points.first()).map(|(at, _)| *at).min();
    let begins = first.and_then(|at| Timestamp::from_millisecond(at).ok());
    let begins = begins.and_then(|end| end.checked_sub(COARSE_STEP_S.seconds()).ok());
    Ok(Period { from: begins.map_or(period.from, |begins| begins.max(period.from)), ..period })
}

/// What is said of it.
#[derive(Debug, Default)]
struct Judged {
    step_s: i64,
    containers: usize,
    overcommit: Option<Overcommit>,
    recommendations: Vec<Recommendation>,
    not_enough_data: Vec<NotEnoughData>,
}

/// What the pure functions say of what was gathered.
fn judged(options: &Options, gathered: &Gathered, host: Option<Capacity>, machines: usize) -> Judged {
    let (mut recommendations, mut not_enough_data) = (Vec::new(), Vec::new());
    for answer in gathered.facts.iter().flat_map(rightsize) {
        match answer {
            Answer::Recommendation(recommendation) => recommendations.push(*recommendation),
            Answer::NotEnoughData(missing) => not_enough_data.push(missing),
        }
    }
    let is_asked = options.with_host && !gathered.running.is_empty();
    let mut found = None;
    match host {
        Some(host) if is_asked && machines < 2 => {
            let promised = overcommit(host, &gathered.running);
            let (from, to) = (options.period.from.as_millisecond(), options.period.to.as_millisecond());
            recommendations.extend(recommend(host, &promised, Window { from, to }));
            found = Some(promised);
        }
        _ if is_asked => {
            let missing = match machines {
                0 | 1 => "the size of the host (`machine_cpu_cores`, `machine_memory_bytes`)".to_owned(),
                count => format!("which of {count} hosts each container runs on"),
            };
            let none = NotEnoughData::new(Kind::HostOvercommit, &Scope::default(), None, vec![missing]);
            not_enough_data.push(none);
        }
        _ => {}
    }
    recommendations.sort_by(|a, b| {
        let by_weight = || weight(b, host).total_cmp(&weight(a, host));
        b.severity.cmp(&a.severity).then_with(by_weight).then_with(|| a.id.cmp(&b.id))
    });
    Judged {
        step_s: gathered.step_ms / 1000,
        containers: gathered.facts.len(),
        overcommit: found,
        recommendations,
        not_enough_data,
    }
}

/// How much a recommendation moves, as a share of the host, so that cores and bytes compare; of the
/// host itself how far it is beyond what it has.
fn weight(recommendation: &Recommendation, host: Option<Capacity>) -> f64 {
    let Some(change) = recommendation.change else {
        return recommendation.evidence.first().map_or(0.0, |evidence| evidence.value);
    };
    let capacity = host.map_or(0.0, |host| match change {
        Change::CpuLimit { .. } | Change::CpuReservation { .. } => host.cores,
        _ => host.memory_bytes,
    });
    let (from, to) = change.values();
    if capacity > 0.0 { (from.unwrap_or(capacity) - to).abs() / capacity } else { 0.0 }
}

/// Where several hosts are known, a limit has to fit the largest: which of them it is of nobody says.
fn largest(machines: &[Machine]) -> Option<Capacity> {
    let of = |value: fn(&Machine) -> f64| machines.iter().map(value).max_by(f64::total_cmp);
    Some(Capacity { cores: of(|machine| machine.cores)?, memory_bytes: of(|machine| machine.memory_bytes)? })
}

fn step(period: &Period) -> i64 {
    if period.seconds() <= WEEK_S { FINE_STEP_S } else { COARSE_STEP_S }
}

#[cfg(test)]
mod tests;
