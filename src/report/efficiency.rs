//! How efficient services are: requests served per core-second week by week, against the best one.
//!
//! Rules of Prometheus record each hour what services serve and what their containers use, where it
//! is sure which these are. The embedded history knows no services, so of it nothing is told.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::analysis::efficiency::{Efficiency, Standing, Week, efficiency as judged};
use crate::analysis::finding::{Scope, Window};
use crate::history::efficiency::{CORE_SECONDS, HOURS, SERVED};
use crate::history::{By, Line, Measure, Query, Wanted, Whom};
use crate::prometheus::QueryError;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

/// Weeks that are looked at, as the rules do.
const WEEKS: i64 = 8;

/// What is known of a service, by week.
type Weeks = [Week; WEEKS as usize];

/// How efficient each service was in the week up to the last midnight (UTC) before a time, the least
/// efficient first. What has not worked in that week is left out.
///
/// # Errors
/// The history does not answer.
pub async fn efficiency(
    query: &dyn Query,
    whom: &Whom,
    to: Timestamp,
) -> Result<Vec<Efficiency>, QueryError> {
    let end = to.as_millisecond().div_euclid(DAY_MS) * DAY_MS;
    let from = end - WEEKS * WEEK_MS;
    let ask = async |measure: Measure| {
        let wanted = Wanted { measure, whom: whom.clone(), by: By::Each, from, to: end, step_ms: DAY_MS };
        query.lines(&wanted).await
    };
    let (served, used, hours) = futures_util::try_join!(ask(SERVED), ask(CORE_SECONDS), ask(HOURS))?;
    let mut services: BTreeMap<BTreeMap<String, String>, Weeks> = BTreeMap::new();
    let mut take = |lines: Vec<Line>, add: fn(&mut Week, f64)| {
        for Line { labels, points } in lines {
            let weeks = services.entry(labels).or_insert_with(|| empty(from));
            for (at, value) in points {
                // A step is told of at its end.
                let place = usize::try_from((at - 1 - from).div_euclid(WEEK_MS)).ok();
                if let Some(week) = place.and_then(|place| weeks.get_mut(place)) {
                    add(week, value);
                }
            }
        }
    };
    take(served, |week, requests| week.served_requests += requests);
    take(used, |week, seconds| week.core_seconds += seconds);
    take(hours, |week, hours| {
        let seen = week.coverage_ratio + hours * HOUR_MS as f64 / WEEK_MS as f64;
        week.coverage_ratio = seen.min(1.0);
    });
    let mut found: Vec<Efficiency> = services
        .iter()
        .filter(|(_, weeks)| weeks.last().is_some_and(|last| last.coverage_ratio > 0.0))
        .map(|(labels, weeks)| judged(&Scope::of(labels), weeks))
        .collect();
    found.sort_by(|one, other| rank(&one.standing).total_cmp(&rank(&other.standing)));
    Ok(found)
}

fn empty(from: i64) -> Weeks {
    std::array::from_fn(|place| {
        let from = from + place as i64 * WEEK_MS;
        let window = Window { from, to: from + WEEK_MS };
        Week { window, served_requests: 0.0, core_seconds: 0.0, coverage_ratio: 0.0 }
    })
}

/// What is known to be low comes before what is not known.
fn rank(standing: &Standing) -> f64 {
    match standing {
        Standing::Low(found) | Standing::Fair(found) | Standing::Good(found) => found.ratio,
        Standing::Idle | Standing::NotEnoughData { .. } => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests;
