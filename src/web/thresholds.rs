//! `GET /api/alerts/rules`, `PUT/DELETE /api/alerts/rules/{name}`: when alerts fire, and changes of
//! that.
//!
//! What is changed is written by the [`Rulebook`]; here those are told who evaluate alerts. That
//! one of them cannot be told does not undo a change: the answer says so, and what to do.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use jiff::{Timestamp, Unit};
use serde::Serialize;

use super::Context;
use super::body;
use super::caller::Caller;
use super::current::Time;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::config::AlertWish;
use crate::prometheus::QueryError;
use crate::rules::{Audience, Done, Rule, Rulebook, RulebookError};

/// How many bytes a body may have: some numbers.
const BODY_BYTES: usize = 4 << 10;

/// How long files may take, on file systems that hang for a while.
const FILES_DEADLINE: Duration = Duration::from_secs(30);

/// How long Prometheus may take to read its files; it does so within a second or two.
const RELOAD_DEADLINE: Duration = Duration::from_secs(20);

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Rules {
    timestamp: Time,
    total: usize,
    /// Whether there is a file for changes.
    changeable: bool,
    rules: Vec<Rule>,
}

/// What has come of a change.
#[derive(Debug, Serialize)]
pub(super) struct Changed {
    rule: Rule,
    /// Whether it evaluates this now; if not, why, and what to do.
    prometheus: String,
    grafana: &'static str,
}

/// `GET /api/alerts/rules`
pub(super) async fn list(State(context): State<Arc<Context>>, view: View) -> Result<Json<Rules>, Problem> {
    let rulebook = rulebook(&context)?;
    let changeable = rulebook.check_kept().is_ok();
    let mut rules = in_time(move || rulebook.list()).await?;
    if view.is_bound() {
        // The host is somebody else's, and so is who runs it.
        rules.retain(|rule| rule.audience == Audience::Tenant.as_str());
        rules.iter_mut().for_each(|rule| rule.changed_by = None);
    }
    Ok(Json(Rules { timestamp: Time(Timestamp::now()), total: rules.len(), changeable, rules }))
}

/// `PUT /api/alerts/rules/{name}`
pub(super) async fn change(
    State(context): State<Arc<Context>>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Changed>, Problem> {
    let rulebook = rulebook(&context)?;
    rulebook.check_kept().map_err(problem)?;
    let name = named(name)?;
    let body = body::json(&headers, body, BODY_BYTES).await?;
    let wish: AlertWish = body::object(&body)?;
    let (by, at) = (caller.name(), Timestamp::now());
    let at = at.round(Unit::Second).unwrap_or(at);
    finish(&context, &caller, move || rulebook.change(&name, &wish, &by, at)).await
}

/// `DELETE /api/alerts/rules/{name}`
pub(super) async fn take_back(
    State(context): State<Arc<Context>>,
    caller: Caller,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Changed>, Problem> {
    let rulebook = rulebook(&context)?;
    rulebook.check_kept().map_err(problem)?;
    let name = named(name)?;
    finish(&context, &caller, move || rulebook.take_back(&name)).await
}

/// Does it and tells of it, to the end, also where nobody waits for the answer any more.
async fn finish(
    context: &Arc<Context>,
    caller: &Caller,
    work: impl FnOnce() -> Result<Done, RulebookError> + Send + 'static,
) -> Result<Json<Changed>, Problem> {
    let (context, by) = (context.clone(), caller.name());
    let finished = tokio::spawn(async move {
        let Done { rule, alerting, rendered, in_grafana } = in_time(work).await?;
        context.renew_dashboards(alerting);
        let prometheus = match rendered {
            Some(_) => reloaded(&context).await,
            None => "not told: `alerting.rules_output` names no folder, so nothing was rendered; \
                     `dockmeter rules render` does so, and then Prometheus has to read it (SIGHUP)"
                .to_owned(),
        };
        let (alert, source) = (&rule.name, rule.source);
        tracing::info!(alert, by, ?source, prometheus, "an alert was changed");
        Ok(Json(Changed { rule, prometheus, grafana: grafana(in_grafana) }))
    });
    let broken = |_| Problem::new(Kind::Internal, "the change could not be worked on to its end");
    finished.await.map_err(broken)?
}

/// Has Prometheus read the new rules; what came of it.
async fn reloaded(context: &Context) -> String {
    let Some(client) = context.surroundings().prometheus.clone() else {
        return format!("not told: {}", QueryError::Unnamed);
    };
    match client.within(RELOAD_DEADLINE).reload().await {
        Ok(()) => "reloaded".to_owned(),
        Err(error) => format!("not told: {error}"),
    }
}

fn grafana(evaluates: bool) -> &'static str {
    match evaluates {
        true => "not told: run `dockmeter grafana apply`",
        false => {
            "not told: no Grafana is named here that evaluates alerts; where one does, run `dockmeter grafana apply`"
        }
    }
}

fn rulebook(context: &Context) -> Result<Arc<Rulebook>, Problem> {
    let nobody = || Problem::new(Kind::Internal, "nobody here knows which alerts there are");
    context.rulebook.clone().ok_or_else(nobody)
}

fn named(name: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = name.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
    Ok(name)
}

/// Waits for what is done with files.
async fn in_time<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RulebookError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::time::timeout(FILES_DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done.map_err(problem),
        Ok(Err(_)) => Err(Problem::new(Kind::Internal, "the files could not be worked on to the end")),
        Err(_) => {
            let detail = format!(
                "the files of alerts have not been read and written within {} s; a change may come yet, so look \
                 before you try again",
                FILES_DEADLINE.as_secs()
            );
            Err(Problem::new(Kind::Unavailable, detail))
        }
    }
}

fn problem(error: RulebookError) -> Problem {
    let kind = match error {
        RulebookError::NotKept => Kind::NotConfigured,
        RulebookError::Unknown { .. } | RulebookError::NotChanged(_) => Kind::NotFound,
        RulebookError::Refused(_) => Kind::BadRequest,
        RulebookError::Changes(_) | RulebookError::Rules(_) => Kind::Configuration,
        RulebookError::Write(_) | RulebookError::Torn { .. } => Kind::Internal,
    };
    Problem::new(kind, error.to_string())
}

#[cfg(test)]
mod tests;
