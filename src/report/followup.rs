//! What became of what was recommended: whether it was applied, and whether the effect came.
//!
//! What was said is in the [`ledger`]; what was set and what came of it is asked of the history.

pub mod ledger;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan};
use serde::{Serialize, Serializer};

use super::advice::POOL;
use super::each::each;
use super::period::Period;
use super::rightsize::{Labels, Rightsized};
use crate::analysis::finding::Scope;
use crate::analysis::followup::{Facts, FollowUp, Goal, Outcome, follow_up, is_near, look_again};
use crate::analysis::recommendation::{Change, Kind, subject};
use crate::analysis::series::Series;
use crate::history::{Line, Query, Whom, advice, sizing};
use crate::prometheus::QueryError;
use ledger::Entry;
use watch::Watched;

/// So many are looked at, the newest.
const MOST: usize = 200;

/// What was said a shorter while ago nobody has had time for.
const YOUNG_MS: i64 = 3_600_000;

/// Of so many that were applied it is asked what came of it: a question or two each.
const MOST_ASKED: usize = 50;

/// Steps of what is looked at for up to a week, as of limits.
const FINE_STEP_S: i64 = 300;

/// Steps beyond.
const COARSE_STEP_S: i64 = 3_600;

const DAY_S: i64 = 86_400;

/// So long before a change and after it is looked at most.
const AROUND_DAYS: i64 = 7;

/// Something that was recommended, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// What was recommended.
    pub entry: Entry,
    /// What became of it.
    pub found: FollowUp,
}

/// What became of those entries that somebody may see who asked for a report.
///
/// # Errors
/// The history does not answer.
pub async fn follow(
    query: &dyn Query,
    entries: Vec<Entry>,
    report: &Rightsized,
    now: Timestamp,
) -> Result<Vec<Followed>, QueryError> {
    let mut entries = entries;
    entries.retain(|entry| now.as_millisecond().saturating_sub(entry.recommended_at_ms) >= YOUNG_MS);
    let entries = seen(entries, &report.options.whom, report.options.with_host);
    let settings = settings(query, &entries, &report.options.whom, now).await?;
    let again: BTreeSet<&str> = report.recommendations.iter().map(|found| found.id.as_str()).collect();
    let (mut followed, mut asked) = (Vec::new(), 0);
    for entry in entries {
        let found = match entry.change {
            Some(
                change @ (Change::CpuLimit { .. } | Change::MemoryLimit { .. } | Change::PoolSize { .. }),
            ) => {
                let setting = settings.of(&entry, change);
                let is_asked = asked < MOST_ASKED;
                asked += usize::from(is_asked && is_applied(change, &setting, &entry));
                set(query, &entry, change, &setting, now, is_asked).await?
            }
            Some(change @ (Change::CpuReservation { .. } | Change::MemoryReservation { .. })) => {
                reserved(change, report.options.reserved(&entry.scope, change))
            }
            _ => {
                let Some(evidence) = entry.evidence.first() else { continue };
                let value = report.values.get(&entry.id).copied();
                look_again(entry.kind, evidence, value, again.contains(entry.id.as_str()))
            }
        };
        followed.push(Followed { entry, found });
    }
    Ok(followed)
}

/// Those who may be told of, the newest first, and each that has no setting once.
fn seen(mut entries: Vec<Entry>, whom: &Whom, with_host: bool) -> Vec<Entry> {
    entries.sort_by(|a, b| b.recommended_at_ms.cmp(&a.recommended_at_ms).then_with(|| a.id.cmp(&b.id)));
    let mut known = BTreeSet::new();
    entries.retain(|entry| {
        let Scope { user, project, team, service, container } = &entry.scope;
        let named = |wanted: &Option<String>, own: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| own.as_ref() == Some(wanted))
        };
        let is_meant = if entry.scope == Scope::default() {
            with_host
        } else {
            whom.tenants.admits_named([user, project, team].map(Option::as_deref))
                && named(&whom.container, container)
                && named(&whom.service, service)
        };
        is_meant && (known.insert(entry.id.clone()) || entry.change.is_some())
    });
    entries.truncate(MOST);
    entries
}

/// Limits over time by container, and sizes by pool.
#[derive(Debug, Default)]
struct Settings {
    there: BTreeMap<Labels, BTreeMap<i64, f64>>,
    cpu: BTreeMap<Labels, BTreeMap<i64, f64>>,
    memory: BTreeMap<Labels, BTreeMap<i64, f64>>,
    pools: BTreeMap<Labels, BTreeMap<i64, f64>>,
}

impl Settings {
    /// A setting in each step in which what has it was there, 0 where it had none.
    fn of(&self, entry: &Entry, change: Change) -> Series {
        let limits = match change {
            Change::CpuLimit { .. } => &self.cpu,
            Change::PoolSize { .. } => {
                let sizes = self.pools.get(&pool_labels(entry)).into_iter().flatten();
                return Series::new(sizes.map(|(at, size)| (*at, *size)));
            }
            _ => &self.memory,
        };
        let labels = labels(&entry.scope);
        let limits = limits.get(&labels);
        let at = |at: i64| limits.and_then(|limits| limits.get(&at)).copied().unwrap_or(0.0);
        let steps = self.there.get(&labels).into_iter().flatten();
        Series::new(steps.map(|(time, _)| (*time, at(*time))))
    }
}

/// What was set since the first was recommended, of all who are meant.
async fn settings(
    query: &dyn Query,
    entries: &[Entry],
    whom: &Whom,
    now: Timestamp,
) -> Result<Settings, QueryError> {
    let mut settings = Settings::default();
    let since = |of: fn(&Change) -> bool| {
        let set = entries.iter().filter(|entry| entry.change.as_ref().is_some_and(of));
        let first = set.map(|entry| entry.recommended_at_ms).min()?;
        let period = Period { from: time(first), to: now };
        let step_s = if period.seconds() <= AROUND_DAYS * DAY_S { FINE_STEP_S } else { COARSE_STEP_S };
        (period.seconds() >= step_s).then_some((period, step_s))
    };
    let is_limit = |change: &Change| matches!(change, Change::CpuLimit { .. } | Change::MemoryLimit { .. });
    if let Some((period, step_s)) = since(is_limit) {
        let ask = |measure| each(query, whom, period, measure, step_s);
        let (there, cpu, memory) =
            futures_util::try_join!(ask(sizing::MEMORY), ask(sizing::CPU_LIMIT), ask(sizing::MEMORY_LIMIT))?;
        [settings.there, settings.cpu, settings.memory] = [there, cpu, memory].map(by_labels);
    }
    if let Some((period, step_s)) = since(|change| matches!(change, Change::PoolSize { .. })) {
        settings.pools = by_labels(each(query, whom, period, advice::POOL_MOST, step_s).await?);
    }
    Ok(settings)
}

/// Points by time of what has labels, whichever host tells of it.
fn by_labels(lines: Vec<Line>) -> BTreeMap<Labels, BTreeMap<i64, f64>> {
    let mut all: BTreeMap<Labels, BTreeMap<i64, f64>> = BTreeMap::new();
    for mut line in lines {
        line.labels.remove("instance");
        all.entry(line.labels).or_default().extend(line.points);
    }
    all
}

fn is_applied(change: Change, setting: &Series, entry: &Entry) -> bool {
    let since = setting.between(entry.recommended_at_ms, i64::MAX);
    since.points().iter().any(|(_, value)| is_near(change, *value))
}

/// What became of a limit or a size. Where it is not asked any more, that it was applied is all that is said.
async fn set(
    query: &dyn Query,
    entry: &Entry,
    change: Change,
    setting: &Series,
    now: Timestamp,
    is_asked: bool,
) -> Result<FollowUp, QueryError> {
    let since = setting.between(entry.recommended_at_ms, i64::MAX);
    let applied = since.points().iter().find(|(_, value)| is_near(change, *value)).map(|(at, _)| *at);
    let watched = match applied.filter(|_| is_asked) {
        Some(at) => {
            let around = Period {
                from: time(at).checked_sub((AROUND_DAYS * 24).hours()).unwrap_or_default(),
                to: time(at).checked_add((AROUND_DAYS * 24 + 1).hours()).unwrap_or(now).min(now),
            };
            watch::watched(query, entry, change, around, FINE_STEP_S).await?
        }
        None => Watched { series: Series::default(), goal: Goal::DoesNotRise },
    };
    Ok(follow_up(&Facts {
        change,
        recommended_at: entry.recommended_at_ms,
        now: now.as_millisecond(),
        setting,
        watched: &watched.series,
        goal: watched.goal,
        least_change: watch::LEAST_CHANGE,
    }))
}

/// What became of something that is set aside, of which only what it is now is known.
fn reserved(change: Change, now: Option<f64>) -> FollowUp {
    let (outcome, sentence) = match now {
        None => (Outcome::NotKnown, "what is set aside is not known here"),
        Some(now) if is_near(change, now) => (Outcome::Applied, "applied: it is set now"),
        Some(_) => (Outcome::NotApplied, "not applied: it is as it was, or something else"),
    };
    FollowUp { outcome, applied_at_ms: None, before: None, after: None, sentence: sentence.to_owned() }
}

/// What tells a pool from others.
fn pool_labels(entry: &Entry) -> Labels {
    let mut labels = labels(&entry.scope);
    labels.extend(entry.scope.service.as_ref().map(|service| ("service".to_owned(), service.clone())));
    // A pool without a name has no such label.
    let pool = subject(&entry.id).filter(|pool| !pool.is_empty());
    labels.extend(pool.map(|pool| (POOL.to_owned(), pool)));
    labels
}

/// What tells a container from others.
fn labels(scope: &Scope) -> Labels {
    let named = [
        ("user", &scope.user),
        ("project", &scope.project),
        ("team", &scope.team),
        ("name", &scope.container),
    ];
    let label = |(name, value): (&str, &Option<String>)| Some((name.to_owned(), value.clone()?));
    named.into_iter().filter_map(label).collect()
}

fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

impl Serialize for Followed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Page<'a> {
            id: &'a str,
            kind: Kind,
            scope: &'a Scope,
            recommended: &'a str,
            recommended_at: String,
            #[serde(skip_serializing_if = "Option::is_none")]
            change: Option<Change>,
            outcome: Outcome,
            sentence: &'a str,
            applied_at: Option<String>,
            before: Option<f64>,
            after: Option<f64>,
        }
        let Followed { entry, found } = self;
        let page = Page {
            id: &entry.id,
            kind: entry.kind,
            scope: &entry.scope,
            recommended: &entry.sentence,
            recommended_at: time(entry.recommended_at_ms).to_string(),
            change: entry.change,
            outcome: found.outcome,
            sentence: &found.sentence,
            applied_at: found.applied_at_ms.map(|at| time(at).to_string()),
            before: found.before,
            after: found.after,
        };
        page.serialize(serializer)
    }
}

#[cfg(test)]
mod tests;
