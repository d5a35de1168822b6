//! What was: `GET /api/containers/{id}/metrics/history`, `/api/system/health/metrics` and
//! `/api/system/health/containers/{id}`.
//!
//! A container that is gone is found for as long as there is history of it, by whoever could see
//! it when it was there. Of the host as a whole, who is bound to a tenant is told nothing.

mod answer;
mod health;
mod span;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::Context;
use super::api::named;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::history::{self, Answer, Ask, FIGURES, History};
use crate::inventory::{ContainerId, FindError};
use crate::prometheus::QueryError;
use crate::tenant::{LabelValue, Tenant};

use answer::{Format, Measured};
use health::{ContainerHealth, SystemHealth};
use span::Span;

/// A container that is there, or was.
struct Known {
    id: ContainerId,
    name: LabelValue,
    tenant: Tenant,
}

impl Context {
    fn history(&self) -> Result<&History, Problem> {
        self.history.as_ref().ok_or_else(|| off("only dockmeter itself knows it, not a Prometheus"))
    }
}

/// Who could know of a container where no history is kept.
const ASKED_INSTEAD: &str = "a Prometheus that is named (`prometheus.url`) would be asked";

/// No history is kept, and so this is not known; what else there is to say.
fn off(more: &str) -> Problem {
    let detail = format!(
        "no history is kept here (`history.enabled: false` or `--no-history`); {more}. `history.enabled: true` and a restart switch it on"
    );
    Problem::new(Kind::NotConfigured, detail)
}

/// The container of a path: one that is there, else one of which there is history.
fn known(context: &Context, view: &View, key: Result<Path<String>, PathRejection>) -> Result<Known, Problem> {
    let Path(key) = key.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
    match named(context, view, Ok(Path(key.clone()))) {
        Ok(container) => {
            Ok(Known { id: container.id, name: container.name.clone(), tenant: container.tenant.clone() })
        }
        Err(problem) => {
            let gone = context.history.as_ref().map(|history| gone(history, view, &key)).transpose()?;
            gone.flatten().ok_or(problem)
        }
    }
}

/// The container of which there is history: by name the one that there was last.
fn gone(history: &History, view: &View, key: &str) -> Result<Option<Known>, Problem> {
    let key = key.strip_prefix('/').unwrap_or(key);
    if key.is_empty() {
        return Ok(None);
    }
    let seen = history.containers().into_iter().filter(|(_, about)| view.narrowing().admits(&about.tenant));
    let seen: Vec<_> = seen.collect();
    let known = |(id, about): &(ContainerId, Arc<history::About>)| Known {
        id: *id,
        name: about.name.clone(),
        tenant: about.tenant.clone(),
    };
    let named = seen.iter().filter(|(_, about)| about.name.as_str() == key);
    if let Some(last) = named.max_by_key(|(id, _)| history.last(*id)) {
        return Ok(Some(known(last)));
    }
    let prefix = key.to_ascii_lowercase();
    let fitting: Vec<_> = seen.iter().filter(|(id, _)| id.to_string().starts_with(&prefix)).collect();
    match fitting.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(known(one))),
        several => Err(FindError::Ambiguous(key.to_owned(), several.len()).into()),
    }
}

/// `GET /api/containers/{id}/metrics/history?from=&to=&interval=5s,1m,5m,1h&format=json,csv`
pub(super) async fn container(
    State(context): State<Arc<Context>>,
    view: View,
    key: Result<Path<String>, PathRejection>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let container = known(&context, &view, key)?;
    let retention = context.history.as_ref().map(History::retention).unwrap_or_default();
    let span = Span::parse(&query, Timestamp::now(), &retention)?;
    let format = Format::parse(&query)?;
    let ask = Ask {
        container: container.id,
        figures: FIGURES.to_vec(),
        from: span.from,
        to: span.to,
        step: span.step,
    };
    let (source, answer) = asked(&context, &ask).await?;
    let measured = Measured { container: &container, span: &span, source, answer: &answer };
    Ok(match format {
        Format::Json => Json(measured).into_response(),
        Format::Csv => {
            let mut response = measured.csv().into_response();
            let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        }
    })
}

/// The answer of whoever is configured, and of what is kept here where he does not answer.
async fn asked(context: &Context, ask: &Ask) -> Result<(&'static str, Answer), Problem> {
    use history::Query;
    let unavailable = |error: QueryError| Problem::new(Kind::Unavailable, error.to_string());
    let embedded = context.history.as_ref();
    if let Some(elsewhere) = context.surroundings().history.clone() {
        match elsewhere.ask(ask).await {
            // One that began after the last scrape is not there yet.
            Ok(answer) if answer.points.is_empty() && embedded.is_some() => {}
            Ok(answer) => return Ok((elsewhere.name(), answer)),
            Err(error) if embedded.is_none() => return Err(unavailable(error)),
            Err(error) => tracing::warn!(%error, "answered with the history that is kept here"),
        }
    }
    let embedded = embedded.ok_or_else(|| off(ASKED_INSTEAD))?;
    Ok((embedded.name(), embedded.ask(ask).await.map_err(unavailable)?))
}

/// Who is asked of many at once, if there is anybody.
pub(super) fn asked_of(context: &Context) -> Result<Arc<dyn history::Query>, Problem> {
    context.asked().ok_or_else(|| off(ASKED_INSTEAD))
}

/// `GET /api/system/health/metrics?hours=24&interval=5min`
pub(super) async fn system_health(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<SystemHealth>, Problem> {
    if view.is_bound() {
        let detail = "there is no history of the host for who is bound to a tenant; that of a container is at `/api/system/health/containers/{id}`";
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let history = context.history()?.clone();
    let hours = span::hours(&query, span::MOST_HOURS)?;
    let interval = span::health_interval(&query)?;
    let to = Timestamp::now().as_millisecond();
    let read = tokio::task::spawn_blocking(move || SystemHealth::new(&history, hours, interval, to));
    read.await.map(Json).map_err(|_| Problem::new(Kind::Internal, "the history could not be read"))
}

/// `GET /api/system/health/containers/{id}?hours=24`
pub(super) async fn container_health(
    State(context): State<Arc<Context>>,
    view: View,
    key: Result<Path<String>, PathRejection>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<ContainerHealth>, Problem> {
    use history::Query;
    let container = known(&context, &view, key)?;
    let hours = span::hours(&query, span::MOST_HOURS_OF_ONE)?;
    let to = Timestamp::now().as_millisecond();
    let retention = context.history.as_ref().map(History::retention).unwrap_or_default();
    let ask = health::asked(&container, &retention, hours, to);
    let elsewhere = context.surroundings().history.clone();
    let bins = match (&context.history, &elsewhere) {
        (Some(history), _) => history.states(&ask).await,
        (None, Some(elsewhere)) => elsewhere.states(&ask).await,
        (None, None) => return Err(off(ASKED_INSTEAD)),
    };
    let bins = bins.map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?;
    Ok(Json(ContainerHealth::new(&container, &ask, &bins)))
}

#[cfg(test)]
mod tests;
