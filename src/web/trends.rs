//! `GET /api/analytics/trends`: what grows, falls or has changed its level.

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
use crate::analysis::trend::Rule;
use crate::history::Whom;
use crate::prometheus::QueryError;
use crate::report::period::{Period, Said};
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
    let with_steady = match text("steady")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(refused(format!("`steady` is `{other}`, which is not `true` or `false`"))),
    };
    Ok(Options {
        whom: Whom {
            tenants: view.narrowing().clone(),
            container: text("container")?,
            service: text("service")?,
        },
        period: Period::of(&said, now, &TimeZone::UTC).map_err(refused)?,
        rule: Rule::default(),
        with_steady,
    })
}
