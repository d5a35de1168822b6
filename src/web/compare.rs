//! `GET /api/analytics/compare`: whether what came after an event, or in a later time, is worse than
//! what was before.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use super::analysis::{turn, unavailable};
use super::parameter::{flag, one};
use super::problem::{Kind, Problem};
use super::view::View;
use crate::analysis::compare::Rule;
use crate::history::Whom;
use crate::report::compare::{
    Asked, Compared, EARLIER_DAYS, Event, MOST_EARLIER_DAYS, Options, Said, Unclear, meant, report, share,
};

/// `GET /api/analytics/compare?at=&deploy=&restart=&window=&before=&after=&by_version=&version_before=&version_after=&last=&container=&service=&earlier_days=&least_effect=`
pub(super) async fn compare(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Compared>, Problem> {
    let Wish { whom, asked, earlier_days, rule } = wish(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    let meant = meant(&*turn.source, &whom, asked).await.map_err(|unclear| match unclear {
        Unclear::Query(error) => unavailable(error),
        Unclear::Unknown(detail) => Problem::new(Kind::NotFound, detail),
    })?;
    let options = Options { whom, meant, earlier_days, rule };
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

/// What a request wants.
struct Wish {
    whom: Whom,
    asked: Asked,
    earlier_days: i64,
    rule: Rule,
}

fn wish(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Wish, Problem> {
    let refused = |detail: String| Problem::new(Kind::BadRequest, detail);
    let text = |name: &str| one(query, name).map(|value| value.map(str::to_owned));
    let [by_version, deploy, restart] =
        [flag(query, "by_version")?, flag(query, "deploy")?, flag(query, "restart")?];
    let event = match (deploy, restart) {
        (true, true) => return Err(refused("`deploy` and `restart` are two events; name one".to_owned())),
        (true, false) => Some(Event::Deploy),
        (false, true) => Some(Event::Restart),
        (false, false) => None,
    };
    let said = Said {
        at: text("at")?,
        window: text("window")?,
        before: text("before")?,
        after: text("after")?,
        event,
        by_version,
        version_before: text("version_before")?,
        version_after: text("version_after")?,
        last: text("last")?,
    };
    let asked = Asked::of(&said, now, &TimeZone::UTC).map_err(refused)?;
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
    Ok(Wish { whom, asked, earlier_days, rule })
}

#[cfg(test)]
mod tests;
