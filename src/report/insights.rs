//! `dockmeter report insights` and `GET /api/analytics/insights`: how requests went, what holds them
//! up, since when, and what may be behind it.
//!
//! Everything that is on a host is looked at, since neighbours hold each other up; told is what is
//! about whom is meant.

mod events;
mod gather;
mod page;
mod summary;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::aside;
use super::each::each;
use super::efficiency::efficiency;
use super::period::Period;
use crate::analysis::bottleneck::{Bottleneck, find};
use crate::analysis::efficiency::Efficiency;
use crate::analysis::finding::Scope;
use crate::history::{Query, Whom, insight};
use crate::prometheus::QueryError;
use gather::Gathered;
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
        self.whom.tenants.admits_named(scope.tenant())
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
    /// How much services did with their cores, the least efficient first.
    pub efficiency: Vec<Efficiency>,
}

/// Asks for all that bottlenecks are told from, and tells those of whom is meant.
///
/// # Errors
/// The history does not answer.
pub async fn report(
    query: &dyn Query,
    options: Options,
    progress: &mut (dyn FnMut(f64) + Send),
) -> Result<Insights, QueryError> {
    let (whom, period) = (options.whom.clone(), options.period);
    let told = look(query, whom.host.clone(), period, progress).await?.of(options);
    Ok(Insights { efficiency: efficiency(query, &whom, period.to).await?, ..told })
}

/// Everything that was found in a time, whoever is told of it.
#[derive(Debug, Default)]
pub struct Look {
    source: &'static str,
    step_s: i64,
    gathered: Gathered,
    findings: Vec<Finding>,
}

/// Looks at everything, or at one host of several.
///
/// # Errors
/// The history does not answer.
pub async fn look(
    query: &dyn Query,
    host: Option<String>,
    period: Period,
    progress: &mut (dyn FnMut(f64) + Send),
) -> Result<Look, QueryError> {
    let step_s = step(&period);
    let from = jiff::Timestamp::from_second(period.from.as_second() - BEFORE_S).unwrap_or(period.from);
    let looked_at = Period { from, ..period };
    let everybody = Whom { host, ..Whom::default() };
    let asked_for = &everybody;
    let mut asked = stream::iter(insight::ALL.map(|measure| *measure))
        .map(|measure| async move {
            Ok::<_, QueryError>((measure, each(query, asked_for, looked_at, measure, step_s).await?))
        })
        .buffered(AT_ONCE);
    let mut gathered = Gathered::default();
    while let Some((measure, lines)) = asked.try_next().await? {
        gathered.take(&measure, lines);
        progress(gathered.answers() as f64 / insight::ALL.len() as f64);
    }
    drop(asked);
    let source = query.name();
    let judge = move || {
        let findings = found(&gathered, looked_at);
        Look { source, step_s, gathered, findings }
    };
    Ok(aside(judge).await)
}

/// What holds requests up on any host, the worst first.
fn found(gathered: &Gathered, looked_at: Period) -> Vec<Finding> {
    let hosts = gathered.facts(looked_at);
    let several = hosts.len() > 1;
    let mut findings: Vec<Finding> = hosts
        .into_iter()
        .flat_map(|(host, facts)| {
            let host = Some(host).filter(|_| several);
            find(&facts).into_iter().map(move |found| Finding { host: host.clone(), found })
        })
        .collect();
    findings.sort_by(|a, b| b.found.score.total_cmp(&a.found.score));
    findings
}

impl Look {
    /// What is told of it.
    pub fn of(&self, options: Options) -> Insights {
        let begins = options.period.from.as_millisecond();
        let is_told = |finding: &&Finding| finding.found.until_ms >= begins && options.means(&finding.found);
        let told: Vec<&Finding> = self.findings.iter().filter(is_told).collect();
        let left_out = told.len().saturating_sub(options.limit);
        let findings = told.into_iter().take(options.limit).cloned().collect();
        let summary = Summary::of(&self.gathered, &options, self.step_s);
        let (source, step_s, efficiency) = (self.source, self.step_s, Vec::new());
        Insights { source, step_s, summary, findings, left_out, efficiency, options }
    }

    /// The teams of which something is known.
    pub fn teams(&self) -> BTreeSet<String> {
        let labels = self.gathered.all(&insight::CPU).chain(self.gathered.all(&insight::REQUESTS));
        labels.filter_map(|(labels, _)| gather::value(labels, "team")).collect()
    }
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
