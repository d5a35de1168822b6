//! `GET/POST /api/dashboards`, `GET/PUT /api/dashboards/{id}`: templates of dashboards, and what
//! was made of them in Grafana.
//!
//! Who is bound to a team makes and sees what is in its folder; to everybody else bound there are
//! templates only. What a request asks for and cannot have is named by its place, as a JSON
//! pointer in `pointer`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use super::Context;
use super::body;
use super::caller::Caller;
use super::problem::{Kind, Problem};
use crate::grafana::{GrafanaError, Listed, Made, MadeError, Who, Workshop};

/// Somebody waits for the answer; Grafana saves a large dashboard on a slow disk in some seconds.
const DEADLINE: Duration = Duration::from_secs(20);

/// How many bytes a body may have: some hundred panels.
const BODY_BYTES: usize = 256 << 10;

/// `GET /api/dashboards`
pub(super) async fn list(
    State(context): State<Arc<Context>>,
    caller: Caller,
) -> Result<Json<Listed>, Problem> {
    let (workshop, who) = (workshop(&context)?, Who::of(caller.binding()));
    workshop.prepare().await.map_err(|error| problem(&who, error))?;
    in_time(&who, workshop.list(&who)).await.map(Json)
}

/// `GET /api/dashboards/{id}`
pub(super) async fn one(
    State(context): State<Arc<Context>>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Made>, Problem> {
    let (workshop, who) = (workshop(&context)?, Who::of(caller.binding()));
    in_time(&who, workshop.find(&who, &named(id)?)).await.map(Json)
}

/// `POST /api/dashboards`
pub(super) async fn create(
    State(context): State<Arc<Context>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let (workshop, who) = (workshop(&context)?, Who::of(caller.binding()));
    workshop.check().map_err(|error| problem(&who, error.into()))?;
    workshop.prepare().await.map_err(|error| problem(&who, error))?;
    let body = body::json(&headers, body, BODY_BYTES).await?;
    let made = in_time(&who, workshop.create(&who, &body)).await?;
    tracing::info!(dashboard = made.id, template = made.template, "made a dashboard in Grafana");
    let location = format!("/api/dashboards/{}", made.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(made)))
}

/// `PUT /api/dashboards/{id}`
pub(super) async fn change(
    State(context): State<Arc<Context>>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Made>, Problem> {
    let (workshop, who) = (workshop(&context)?, Who::of(caller.binding()));
    workshop.check().map_err(|error| problem(&who, error.into()))?;
    workshop.prepare().await.map_err(|error| problem(&who, error))?;
    let id = named(id)?;
    let body = body::json(&headers, body, BODY_BYTES).await?;
    let made = in_time(&who, workshop.change(&who, &id, &body)).await?;
    tracing::info!(dashboard = made.id, version = made.version, "made a dashboard in Grafana anew");
    Ok(Json(made))
}

fn workshop(context: &Context) -> Result<Workshop, Problem> {
    let nobody = || Problem::new(Kind::Internal, "nobody here makes dashboards");
    context.surroundings().dashboards.clone().ok_or_else(nobody)
}

fn named(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(id) = id.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
    Ok(id)
}

/// Waits for what is done in Grafana.
async fn in_time<T>(who: &Who, work: impl Future<Output = Result<T, MadeError>>) -> Result<T, Problem> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(done) => done.map_err(|error| problem(who, error)),
        Err(_) => {
            let detail = format!(
                "Grafana has not answered within {} s; what was to be written may have arrived, so look before you \
                 try again",
                DEADLINE.as_secs()
            );
            Err(Problem::new(Kind::Unavailable, detail))
        }
    }
}

fn problem(who: &Who, error: MadeError) -> Problem {
    let detail = error.to_string();
    match error {
        MadeError::Templates(_) => Problem::new(Kind::Internal, detail),
        MadeError::Fault(fault) => {
            let place = Map::from_iter([("pointer".to_owned(), Value::from(fault.at))]);
            Problem::new(Kind::BadRequest, detail).with(place)
        }
        MadeError::Missing(_) => Problem::new(Kind::NotFound, detail),
        MadeError::NotATeam => Problem::new(Kind::Forbidden, detail),
        MadeError::NoFolder { .. } => Problem::new(Kind::Conflict, detail),
        MadeError::Changed(changed) => {
            let now = json!({
                "version": changed.version, "updated": changed.updated, "updated_by": changed.updated_by,
            });
            Problem::new(Kind::Conflict, detail).with(now.as_object().cloned().unwrap_or_default())
        }
        MadeError::Grafana(GrafanaError::Unnamed) => Problem::new(Kind::NotConfigured, detail),
        MadeError::Grafana(error) => refused(who, &error),
    }
}

/// Who is bound to a tenant is not told where the stack's servers are.
fn refused(who: &Who, error: &GrafanaError) -> Problem {
    tracing::debug!(%error, "Grafana does not do what is asked of it");
    let kind = match error {
        GrafanaError::Conflict { .. } | GrafanaError::Refused { .. } => Kind::Conflict,
        _ => Kind::Unavailable,
    };
    Problem::new(
        kind,
        match who {
            Who::Anybody => error.to_string(),
            _ => "Grafana does not do this at the moment; who runs this host finds out why".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests;
