//! `GET /api/analytics/anomalies`: what was not as usual.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use super::analysis::turn;
use super::parameter::one;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::history::Whom;
use crate::prometheus::QueryError;
use crate::report::anomalies::{Anomalies, LIMIT, LONGEST_DAYS, MOST, Options, report};
use crate::report::period::{Period, Said};

/// How far back it is looked if nobody says.
const LAST: &str = "24h";

/// `GET /api/analytics/anomalies?from=&to=&last=&container=&service=&limit=`
pub(super) async fn anomalies(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Anomalies>, Problem> {
    let options = options(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    let unavailable = |error: QueryError| Problem::new(Kind::Unavailable, error.to_string());
    report(&*turn.source, options).await.map(Json).map_err(unavailable)
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let refused = |detail: String| Problem::new(Kind::BadRequest, detail);
    let text = |name: &str| one(query, name).map(|value| value.map(str::to_owned));
    let (from, last) = (text("from")?, text("last")?);
    let last = last.or_else(|| from.is_none().then(|| LAST.to_owned()));
    let said = Said { from, to: text("to")?, last, ..Said::default() };
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut period = Period::of(&said, now, &TimeZone::UTC).map_err(refused)?;
    // What is still to come is told by nobody.
    period.to = period.to.min(now);
    if period.seconds() > LONGEST_DAYS * 86_400 {
        return Err(refused(format!("that is longer than {LONGEST_DAYS} days; ask for a shorter time")));
    }
    let limit = match text("limit")? {
        None => LIMIT,
        Some(text) => text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
            refused(format!("`limit` is `{text}`, which is no whole number from 1 to {MOST}"))
        })?,
    };
    let whom =
        Whom { tenants: view.narrowing().clone(), container: text("container")?, service: text("service")? };
    Ok(Options { whom, period, limit })
}

#[cfg(test)]
mod tests;
