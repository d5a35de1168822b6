//! `dockmeter report rightsize` and `GET /api/analytics/recommendations`: limits and reservations
//! that fit what containers have used, beside what else is recommended.

mod gather;
mod hosts;
mod json;
mod page;
mod promised;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{Timestamp, ToSpan};

use super::advice::{Looked, told};
use super::aside;
use super::each::each;
use super::followup::Followed;
use super::period::Period;
use crate::analysis::finding::Scope;
use crate::analysis::recommendation::{Answer, Change, NotEnoughData, Recommendation};
use crate::analysis::rightsize::host::Overcommit;
use crate::analysis::rightsize::{Capacity, rightsize};
use crate::history::{Line, Query, Whom, sizing};
use crate::prometheus::QueryError;
use gather::Gathered;
use hosts::Hosts;
use promised::{Promises, promised};

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
    /// Whether it may be told what the host has promised to all, and what nothing on it needs.
    pub with_host: bool,
    /// What was found out without the history.
    pub beside: Looked,
}

impl Options {
    /// What is set aside for a container now, where that is known.
    pub(super) fn reserved(&self, scope: &Scope, change: Change) -> Option<f64> {
        let known = self.known.iter().find(|(labels, _)| Scope::of(labels) == *scope)?.1;
        match change {
            Change::CpuReservation { .. } => known.cpu_reserved_cores,
            Change::MemoryReservation { .. } => known.memory_reserved_bytes,
            _ => None,
        }
    }
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
    /// The same of several hosts, by name.
    pub hosts: Vec<(String, Overcommit)>,
    /// What should change, what matters most first.
    pub recommendations: Vec<Recommendation>,
    /// What cannot be told.
    pub not_enough_data: Vec<NotEnoughData>,
    /// By id, what the first evidence of recommendations is or would be.
    pub values: BTreeMap<String, f64>,
    /// What became of what was recommended before.
    pub followed_up: Vec<Followed>,
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
    let hosts = Hosts::asked(query, &options).await?;
    let told = told(query, &options).await?;
    let mut looked = std::mem::take(&mut options.beside);
    let asked = options.clone();
    let judge = move || {
        let gathered = Gathered::new(answers, &asked, step_s, &hosts);
        looked.add(told.judged(&asked, &gathered.facts));
        judged(&asked, &gathered, looked, &hosts)
    };
    // Weeks of a thousand containers take a while, in which others are answered.
    let Judged { step_s, containers, promised, recommendations, not_enough_data, values } =
        aside(judge).await;
    Ok(Rightsized {
        options,
        source: query.name(),
        step_s,
        containers,
        overcommit: promised.of_one,
        hosts: promised.of_several,
        recommendations,
        not_enough_data,
        values,
        followed_up: Vec::new(),
    })
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
    promised: Promises,
    recommendations: Vec<Recommendation>,
    not_enough_data: Vec<NotEnoughData>,
    values: BTreeMap<String, f64>,
}

/// What the pure functions say of what was gathered.
fn judged(options: &Options, gathered: &Gathered, beside: Looked, hosts: &Hosts) -> Judged {
    let Looked { answers, mut values } = beside;
    let (mut recommendations, mut not_enough_data) = (Vec::new(), Vec::new());
    for answer in gathered.facts.iter().flat_map(rightsize).chain(answers) {
        match answer {
            Answer::Recommendation(recommendation) => recommendations.push(*recommendation),
            Answer::NotEnoughData(missing) => not_enough_data.push(missing),
        }
    }
    let is_asked = options.with_host && !gathered.running.is_empty();
    let promised = if is_asked { promised(options, gathered, hosts) } else { Promises::default() };
    recommendations.extend(promised.recommendations(options.period, hosts));
    values.extend(promised.values());
    not_enough_data.extend(promised.missing.clone());
    let host = hosts.largest();
    recommendations.sort_by(|a, b| {
        let by_weight = || weight(b, host).total_cmp(&weight(a, host));
        b.severity.cmp(&a.severity).then_with(by_weight).then_with(|| a.id.cmp(&b.id))
    });
    Judged {
        step_s: gathered.step_ms / 1000,
        containers: gathered.facts.len(),
        promised,
        recommendations,
        not_enough_data,
        values,
    }
}

/// How much a recommendation moves: of limits the share of the host, so that cores and bytes
/// compare; of everything else how far it is beyond its threshold.
fn weight(recommendation: &Recommendation, host: Option<Capacity>) -> f64 {
    let beyond = || {
        let evidence = recommendation.evidence.first()?;
        Some(evidence.value / evidence.threshold.filter(|threshold| *threshold > 0.0)?)
    };
    let capacity = |of: fn(Capacity) -> f64| host.map_or(0.0, of);
    let (change, capacity) = match recommendation.change {
        None | Some(Change::PoolSize { .. }) => return beyond().unwrap_or_default(),
        Some(change @ (Change::CpuLimit { .. } | Change::CpuReservation { .. })) => {
            (change, capacity(|host| host.cores))
        }
        Some(change @ (Change::MemoryLimit { .. } | Change::MemoryReservation { .. })) => {
            (change, capacity(|host| host.memory_bytes))
        }
    };
    let (from, to) = change.values();
    if capacity > 0.0 { (from.unwrap_or(capacity) - to).abs() / capacity } else { 0.0 }
}

fn step(period: &Period) -> i64 {
    if period.seconds() <= WEEK_S { FINE_STEP_S } else { COARSE_STEP_S }
}

#[cfg(test)]
mod tests;
