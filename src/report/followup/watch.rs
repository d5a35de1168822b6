//! The series that show what came of a change, and what they should do.

use std::collections::BTreeMap;

use super::ledger::Entry;
use super::{by_labels, pool_labels};
use crate::analysis::advice::pool::FULL;
use crate::analysis::followup::Goal;
use crate::analysis::recommendation::Change;
use crate::analysis::rightsize::cpu::THROTTLED;
use crate::analysis::series::Series;
use crate::history::{Measure, Query, Whom, insight, sizing};
use crate::prometheus::QueryError;
use crate::report::each::each;
use crate::report::period::Period;
use crate::tenant::Narrowing;

/// Of a share, what nobody notices.
pub(super) const LEAST_CHANGE: f64 = 0.01;

/// A series, and what it should do.
pub(super) struct Watched {
    pub(super) series: Series,
    pub(super) goal: Goal,
}

/// What shows whether a setting helped: of cores the share of periods that are held back, of memory
/// kills, of a pool the share in use.
pub(super) async fn watched(
    query: &dyn Query,
    entry: &Entry,
    change: Change,
    period: Period,
    step_s: i64,
) -> Result<Watched, QueryError> {
    let whom = whose(entry);
    let ask = |measure: Measure| points(query, &whom, period, measure, step_s);
    match change {
        Change::CpuLimit { .. } => {}
        Change::PoolSize { .. } => return pool(query, &whom, entry, period, step_s).await,
        _ => return Ok(Watched { series: Series::new(ask(sizing::KILLS).await?), goal: Goal::Ends }),
    }
    let (throttled, periods) = futures_util::try_join!(ask(sizing::THROTTLED_PERIODS), ask(sizing::PERIODS))?;
    let periods: BTreeMap<i64, f64> = periods.into_iter().collect();
    let share = |(at, throttled): (i64, f64)| {
        let periods = periods.get(&at).filter(|periods| **periods > 0.0)?;
        Some((at, throttled / periods))
    };
    let was_throttled = entry.evidence.iter().any(|evidence| {
        evidence.metric.contains("throttled") && evidence.threshold.is_some_and(|most| evidence.value > most)
    });
    let goal = if was_throttled { Goal::Falls { below: Some(THROTTLED) } } else { Goal::DoesNotRise };
    Ok(Watched { series: Series::new(throttled.into_iter().filter_map(share)), goal })
}

/// The share of a pool that is in use.
async fn pool(
    query: &dyn Query,
    whom: &Whom,
    entry: &Entry,
    period: Period,
    step_s: i64,
) -> Result<Watched, QueryError> {
    let wanted = pool_labels(entry);
    let lines = by_labels(each(query, whom, period, insight::POOL_USED, step_s).await?);
    let series =
        Series::new(lines.into_iter().filter(|(own, _)| *own == wanted).flat_map(|(_, points)| points));
    Ok(Watched { series, goal: Goal::Falls { below: Some(FULL) } })
}

async fn points(
    query: &dyn Query,
    whom: &Whom,
    period: Period,
    measure: Measure,
    step_s: i64,
) -> Result<Vec<(i64, f64)>, QueryError> {
    let lines = each(query, whom, period, measure, step_s).await?;
    Ok(lines.into_iter().flat_map(|line| line.points).collect())
}

/// The container or service of a recommendation, and no other.
fn whose(entry: &Entry) -> Whom {
    let scope = &entry.scope;
    let tenants = Narrowing::of(scope.tenant());
    Whom { tenants, container: scope.container.clone(), service: scope.service.clone(), host: None }
}
