//! `GET /api/analytics/trends`: what grows, falls or has changed its level.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::Context;
use super::analysis::{asked, turn, unavailable};
use super::parameter::one;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::analysis::trend::Rule;
use crate::report::trends::{Options, Trends, report};

/// How far back it is looked if nobody says.
const LAST: &str = "7d";

/// `GET /api/analytics/trends?from=&to=&last=&container=&service=&steady=`
pub(super) async fn trends(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Trends>, Problem> {
    let options = options(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    report(&*turn.source, options).await.map(Json).map_err(unavailable)
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let refused = |detail: String| Problem::new(Kind::BadRequest, detail);
    let (whom, period) = asked(view, query, now, LAST)?;
    let with_steady = match one(query, "steady")? {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(refused(format!("`steady` is `{other}`, which is not `true` or `false`"))),
    };
    Ok(Options { whom, period, rule: Rule::default(), with_steady })
}
