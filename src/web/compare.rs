//! `GET /api/analytics/compare`: whether what came after an event, or in a later time, is worse than
//! what was before.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use super::analysis::{turn, unavailable};
use super::parameter::one;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::analysis::compare::Rule;
use crate::history::Whom;
use crate::report::compare::{
    Compared, EARLIER_DAYS, MOST_EARLIER_DAYS, Options, Said, Times, report, share,
};

/// `GET /api/analytics/compare?at=&window=&before=&after=&container=&service=&earlier_days=&least_effect=`
pub(super) async fn compare(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Compared>, Problem> {
    let options = options(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    let found = report(&*turn.source, options, &mut |_| ()).await.map_err(unavailable)?;
    let whom = &found.options.whom;
    let named = whom.container.as_ref().map(|name| ("container", name));
    match named.or(whom.service.as_ref().map(|name| ("service", name))) {
        Some((kind, name)) if found.rows.is_empty() => {
            let detail = format!("nothing is known of a {kind} `{name}` in either time");
            Err(Problem::new(Kind::NotFound, detail))
        }
        _ => Ok(Json(found)),
    }
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let refused = |detail: String| Problem::new(Kind::BadRequest, detail);
    let text = |name: &str| one(query, name).map(|value| value.map(str::to_owned));
    let said =
        Said { at: text("at")?, window: text("window")?, before: text("before")?, after: text("after")? };
    let times = Times::of(&said, now, &TimeZone::UTC).map_err(refused)?;
    let earlier_days = match text("earlier_days")? {
        None => EARLIER_DAYS,
        Some(text) => {
            let days = text.parse().ok().filter(|days| (0..=MOST_EARLIER_DAYS).contains(days));
            days.ok_or_else(|| {
                refused(format!(
                    "`earlier_days` is `{text}`, which is no whole number from 0 to {MOST_EARLIER_DAYS}"
                ))
            })?
        }
    };
    let rule = match text("least_effect")? {
        None => Rule::default(),
        Some(text) => Rule { least_effect: share(&text).map_err(refused)?, ..Rule::default() },
    };
    let whom = Whom {
        tenants: view.narrowing().clone(),
        container: text("container")?,
        service: text("service")?,
        host: None,
    };
    Ok(Options { whom, times, earlier_days, rule })
}

#[cfg(test)]
mod tests;
