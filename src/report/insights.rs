//! `dockmeter report insights` and `GET /api/analytics/insights`: how requests went, what holds them
//! up, since when, and what may be behind it.
//!
//! Everything that is on a host is looked at, since neighbours hold each other up; told is what is
//! about whom is meant.

mod events;
mod gather;
mod page;
mod summary;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::aside;
use super::each::each;
use super::period::Period;
use crate::analysis::bottleneck::{Bottleneck, find};
use crate::analysis::finding::Scope;
use crate::history::{Line, Query, Whom, insight};
use crate::prometheus::QueryError;
use summary::Summary;

/// How far back it is looked if nobody says.
pub const LAST: &str = "6h";

/// The longest time: the embedded history keeps steps of five minutes for as long.
pub const LONGEST_DAYS: i64 = 7;

/// Findings that are told if nobody says, and at most.
pub const LIMIT: usize = 50;
/// See [`LIMIT`].
pub const MOST: usize = 1_000;

/// Steps, and the longest time that each is taken for.
const STEPS: [(i64, i64); 2] = [(60, 6 * HOUR_S), (300, i64::MAX)];

const HOUR_S: i64 = 3600;

/// So long before the time is looked at, too: without a before nobody knows what is usual.
const BEFORE_S: i64 = 2 * HOUR_S;

/// Measures that are asked for at once.
const AT_ONCE: usize = 4;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of whom is told.
    pub whom: Whom,
    /// Which time.
    pub period: Period,
    /// Whether it may be told of the host, which is nobody's.
    pub with_host: bool,
    /// How many findings are told.
    pub limit: usize,
}

impl Options {
    /// Whether it is told of something.
    fn means(&self, found: &Bottleneck) -> bool {
        let scope = &found.scope;
        if scope.project.is_none() && scope.user.is_none() && scope.team.is_none() {
            return self.with_host && self.whom.container.is_none() && self.whom.service.is_none();
        }
        let related = found.relation.as_ref().and_then(|relation| relation.service.as_ref());
        let services = [scope.service.as_ref(), related];
        self.admits(scope)
            && self.whom.container.as_ref().is_none_or(|name| scope.container.as_ref() == Some(name))
            && self.whom.service.as_ref().is_none_or(|name| services.contains(&Some(name)))
    }

    /// Whether it is summed up what a service does.
    fn means_service(&self, scope: &Scope) -> bool {
        self.admits(scope)
            && self.whom.container.is_none()
            && self.whom.service.as_ref().is_none_or(|name| scope.service.as_ref() == Some(name))
    }

    /// The same of a container.
    fn means_container(&self, scope: &Scope) -> bool {
        self.admits(scope)
            && self.whom.service.is_none()
            && self.whom.container.as_ref().is_none_or(|name| scope.container.as_ref() == Some(name))
    }

    /// Whether a scope is of a tenant who is meant.
    fn admits(&self, scope: &Scope) -> bool {
        let named = [&scope.user, &scope.project, &scope.team].map(Option::as_deref);
        self.whom.tenants.admits_named(named)
    }
}

/// Something that holds requests up, and where.
#[derive(Clone, Debug)]
pub struct Finding {
    /// On which host, where several are known.
    pub host: Option<String>,
    /// What it is.
    pub found: Bottleneck,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Insights {
    /// What was asked.
    pub options: Options,
    /// Who answered.
    pub source: &'static str,
    /// The step of the series, in seconds.
    pub step_s: i64,
    /// How it went.
    pub summary: Summary,
    /// What holds requests up, the worst first.
    pub findings: Vec<Finding>,
    /// How many more there are, all of them less.
    pub left_out: usize,
}

/// Asks for all that bottlenecks are told from, and tells them.
///
/// # Errors
/// The history does not answer.
pub async fn report(
    query: &dyn Query,
    options: Options,
    progress: &mut (dyn FnMut(f64) + Send),
) -> Result<Insights, QueryError> {
    let step_s = step(&options.period);
    let from = options.period.from.as_second() - BEFORE_S;
    let from = jiff::Timestamp::from_second(from).unwrap_or(options.period.from);
    let looked_at = Period { from, ..options.period };
    let everybody = Whom { host: options.whom.host.clone(), ..Whom::default() };
    let asked_for = &everybody;
    let mut asked = stream::iter(insight::ALL.map(|measure| *measure))
        .map(|measure| async move {
            Ok::<_, QueryError>((measure.name, each(query, asked_for, looked_at, measure, step_s).await?))
        })
        .buffered(AT_ONCE);
    let mut answers: BTreeMap<&'static str, Vec<Line>> = BTreeMap::new();
    while let Some((name, lines)) = asked.try_next().await? {
        answers.insert(name, lines);
        progress(answers.len() as f64 / insight::ALL.len() as f64);
    }
    drop(asked);
    let meant = options.clone();
    let (summary, findings) = aside(move || judged(&meant, looked_at, answers, step_s)).await;
    let left_out = findings.len().saturating_sub(options.limit);
    let findings = findings.into_iter().take(options.limit).collect();
    Ok(Insights { source: query.name(), step_s, summary, findings, left_out, options })
}

/// How it went, and what was found, of whom is meant.
fn judged(
    options: &Options,
    looked_at: Period,
    answers: BTreeMap<&'static str, Vec<Line>>,
    step_s: i64,
) -> (Summary, Vec<Finding>) {
    let gathered = gather::Gathered::new(answers);
    let summary = Summary::of(&gathered, options, step_s);
    let hosts = gathered.facts(looked_at);
    let several = hosts.len() > 1;
    let begins = options.period.from.as_millisecond();
    let mut findings: Vec<Finding> = hosts
        .into_iter()
        .flat_map(|(host, facts)| {
            let host = Some(host).filter(|_| several);
            find(&facts).into_iter().map(move |found| Finding { host: host.clone(), found })
        })
        .filter(|finding| finding.found.until_ms >= begins && options.means(&finding.found))
        .collect();
    findings.sort_by(|a, b| b.found.score.total_cmp(&a.found.score));
    (summary, findings)
}

fn step(period: &Period) -> i64 {
    STEPS.iter().find(|(_, longest)| period.seconds() <= *longest).map_or(HOUR_S, |(step, _)| *step)
}

/// A time that is not too long to be looked at.
///
/// # Errors
/// It is; the message says what would do.
pub fn bounded(period: Period) -> Result<Period, String> {
    match period.seconds() <= LONGEST_DAYS * 86_400 {
        true => Ok(period),
        false => Err(format!(
            "that is more than {LONGEST_DAYS} days; ask for `{LONGEST_DAYS}d`, and `/api/analytics/trends` for longer times"
        )),
    }
}

#[cfg(test)]
mod tests;
