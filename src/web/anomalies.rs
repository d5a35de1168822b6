//! `GET /api/analytics/anomalies`: what was not as usual.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::Context;
use super::analysis::{asked, turn, unavailable};
use super::parameter::number;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::report::anomalies::{Anomalies, LIMIT, LONGEST_DAYS, MOST, Options, report};

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
    report(&*turn.source, options).await.map(Json).map_err(unavailable)
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let refused = |detail: String| Problem::new(Kind::BadRequest, detail);
    let (whom, period) = asked(view, query, now, LAST)?;
    if period.seconds() > LONGEST_DAYS * 86_400 {
        return Err(refused(format!("that is longer than {LONGEST_DAYS} days; ask for a shorter time")));
    }
    let limit = number(query, "limit", LIMIT, MOST)?;
    Ok(Options { whom, period, limit })
}

#[cfg(test)]
mod tests;
