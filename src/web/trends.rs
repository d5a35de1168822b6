//! `GET /api/analytics/trends`: what grows, falls or has changed its level.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::Context;
use super::analysis::{asked, turn, unavailable};
use super::parameter::{flag, one};
use super::problem::{Kind, Problem};
use super::view::View;
use crate::analysis::trend::Rule;
use crate::report::compare::share;
use crate::report::trends::{Options, Trends, report};

/// How far back it is looked if nobody says.
const LAST: &str = "7d";

/// `GET /api/analytics/trends?from=&to=&last=&container=&service=&steady=&medium=&high=`
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
    let of = |name: &str, usual: f64| match one(query, name)? {
        None => Ok(usual),
        Some(text) => share(text).map_err(|error| refused(format!("`{name}`: {error}"))),
    };
    let usual = Rule::default();
    let rule = Rule { medium: of("medium", usual.medium)?, high: of("high", usual.high)?, ..usual };
    if rule.high < rule.medium {
        let Rule { medium, high, .. } = rule;
        return Err(refused(format!("`high` is {high}, which is less than `medium`, {medium}")));
    }
    Ok(Options { whom, period, rule, with_steady: flag(query, "steady")? })
}
