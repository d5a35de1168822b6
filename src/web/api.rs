//! The handlers of `/api`: thin, one pure function each.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::Serialize;

use super::current::{Current, Time};
use super::problem::{Kind, Problem};
use super::summary::{Grouping, Summary};
use super::view::View;
use super::{Context, FRESH_DEADLINE};
use crate::inventory::{Container, ContainerId, Snapshot};
use crate::tenant::LabelValue;

/// One container of `/api/containers`. Docker labels are left out: people put secrets there.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    id: ContainerId,
    name: LabelValue,
    image: LabelValue,
    image_id: String,
    user: LabelValue,
    project: LabelValue,
    team: LabelValue,
    status: String,
    health: Option<&'static str>,
    created_at: Option<Time>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    exit_code: Option<i64>,
    oom_killed: bool,
    restarts: u64,
}

impl Listed {
    fn new(container: &Container) -> Self {
        let time = |at: Option<Timestamp>| at.map(Time);
        let (tenant, state) = (&container.tenant, &container.state);
        Listed {
            id: container.id,
            name: container.name.clone(),
            image: container.image.clone(),
            image_id: container.image_id.clone(),
            user: tenant.user.clone(),
            project: tenant.project.clone(),
            team: tenant.team.clone(),
            status: state.status.as_str().to_owned(),
            health: state.health.map(|health| health.as_str()),
            created_at: time(container.created_at),
            started_at: time(state.started_at),
            finished_at: time(state.finished_at),
            exit_code: state.exit_code,
            oom_killed: state.oom_killed,
            restarts: state.restarts,
        }
    }
}

/// The containers in view that the engine has, by name; removed ones that linger are not
/// among them.
fn list(inventory: &Snapshot, view: &View) -> Vec<Listed> {
    let here = |container: &&Arc<Container>| container.removed_at.is_none() && view.sees(container);
    let present = inventory.containers.values().filter(here);
    let mut listed: Vec<Listed> = present.map(|container| Listed::new(container)).collect();
    listed.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    listed
}

/// `GET /api/containers?user=&project=&team=`
pub(super) async fn containers(State(context): State<Arc<Context>>, view: View) -> Json<Vec<Listed>> {
    Json(list(&context.inventory.snapshot(), &view))
}

/// `GET /api/containers/{id}/metrics/current`
pub(super) async fn current(
    State(context): State<Arc<Context>>,
    view: View,
    key: Result<Path<String>, PathRejection>,
) -> Result<Json<Current>, Problem> {
    let container = named(&context, &view, key)?;
    let snapshot = context.snapshot(FRESH_DEADLINE).await?;
    let reading = snapshot.containers.iter().find(|reading| reading.container.id == container.id);
    Ok(Json(Current::new(&container, reading.map(Arc::as_ref), &snapshot)))
}

/// The container of a path. One that is out of view is as one that does not exist, and makes
/// no prefix ambiguous.
pub(super) fn named(
    context: &Context,
    view: &View,
    key: Result<Path<String>, PathRejection>,
) -> Result<Arc<Container>, Problem> {
    let Path(key) = key.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
    Ok(context.inventory.snapshot().find(&key, |container| view.sees(container))?.clone())
}

/// `GET /api/containers/metrics/summary?group_by=user,project,team&user=&project=&team=`
pub(super) async fn summary(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Summary>, Problem> {
    let group_by = query.iter().find(|(name, _)| name == "group_by");
    let grouping = group_by.map(|(_, keys)| Grouping::parse(keys)).transpose()?;
    let snapshot = context.snapshot(FRESH_DEADLINE).await?;
    Ok(Json(Summary::new(&snapshot, &view, grouping.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    #[test]
    fn the_list_is_by_name_and_without_removed_containers() {
        let inventory = fixture::inventory().snapshot();
        let names: Vec<String> =
            list(&inventory, &View::default()).iter().map(|listed| listed.name.to_string()).collect();
        assert_eq!(names, ["idle-1", "shop-api-1", "shop-db-1"]);
        assert!(inventory.containers.values().any(|container| container.removed_at.is_some()));
    }
}
