//! `GET /api/analytics/insights`: how requests went, what holds them up, and what may be behind it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::Context;
use super::analysis::{asked, turn, unavailable};
use super::parameter::{number, one};
use super::problem::{Kind, Problem};
use super::view::View;
use crate::report::insights::{Insights, LAST, LIMIT, MOST, Options, bounded, report};

/// `GET /api/analytics/insights?from=&to=&last=&container=&service=&host=&limit=`
pub(super) async fn insights(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Insights>, Problem> {
    let options = options(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    report(&*turn.source, options, &mut |_| ()).await.map(Json).map_err(unavailable)
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let (mut whom, period) = asked(view, query, now, LAST)?;
    whom.host = one(query, "host")?.map(str::to_owned);
    let period = bounded(period).map_err(|detail| Problem::new(Kind::BadRequest, detail))?;
    let limit = number(query, "limit", LIMIT, MOST)?;
    // What the host waits for is of nobody who is bound, and of no part of them.
    let with_host = !view.is_bound() && view.narrowing().is_empty();
    Ok(Options { whom, period, with_host, limit })
}

#[cfg(test)]
mod tests;
