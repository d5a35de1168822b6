//! `GET /api/analytics/recommendations`: limits and reservations that fit what containers have used.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::analysis::{asked, turn, unavailable};
use super::problem::{Kind, Problem};
use super::view::View;
use super::{Context, FRESH_DEADLINE};
use crate::analysis::rightsize::Capacity;
use crate::history::Whom;
use crate::inventory::Container;
use crate::report::rightsize::{Known, LAST, Labels, Options, Rightsized, bounded, report};
use crate::snapshot::Machine;
use crate::tenant::Resources;

/// By which Compose says what a container is in its file.
const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// `GET /api/analytics/recommendations?from=&to=&last=&container=`
pub(super) async fn recommendations(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Rightsized>, Problem> {
    let mut options = options(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    // Without the host's size it is said that it is missing.
    let snapshot = context.snapshot(FRESH_DEADLINE).await.ok();
    options.host = snapshot.and_then(|snapshot| capacity(snapshot.machine));
    let inventory = context.inventory.snapshot();
    let here = |container: &&Arc<Container>| container.removed_at.is_none() && view.sees(container);
    let containers = inventory.containers.values().filter(here);
    options.known = containers.map(|container| known(container)).collect();
    let found = report(&*turn.source, options, &mut |_| ()).await.map_err(unavailable)?;
    match &found.options.whom.container {
        Some(name) if found.containers == 0 => {
            let detail = format!("nothing is known of a container `{name}` in this time");
            Err(Problem::new(Kind::NotFound, detail))
        }
        _ => Ok(Json(found)),
    }
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let (whom, period) = asked(view, query, now, LAST)?;
    let period = bounded(period).map_err(|detail| Problem::new(Kind::BadRequest, detail))?;
    // What the host has promised to all is of nobody who is bound, and of no part of them.
    let with_host = !view.is_bound() && view.narrowing().is_empty() && whom.container.is_none();
    Ok(Options {
        // Containers alone have limits.
        whom: Whom { service: None, ..whom },
        period,
        host: None,
        known: BTreeMap::new(),
        with_host,
    })
}

fn capacity(machine: Machine) -> Option<Capacity> {
    Some(Capacity { cores: f64::from(machine.cpu_cores?), memory_bytes: machine.memory_bytes? as f64 })
}

/// What a history does not tell of a container.
fn known(container: &Container) -> (Labels, Known) {
    let tenant = &container.tenant;
    let labels = [
        ("user", &tenant.user),
        ("project", &tenant.project),
        ("team", &tenant.team),
        ("name", &container.name),
    ];
    let label = |name: &str| container.labels.get(name).map(String::as_str);
    let cores = |nanocores: u64| nanocores as f64 / 1e9;
    let known = Known {
        compose_service: label(COMPOSE_SERVICE).map(str::to_owned),
        cpu_reserved_cores: Resources::declared(label).cpu_nanocores.map(cores),
        memory_reserved_bytes: container
            .engine_resources
            .reservations
            .memory_bytes
            .filter(|bytes| *bytes > 0)
            .map(|bytes| bytes as f64),
    };
    (labels.map(|(name, value)| (name.to_owned(), value.as_str().to_owned())).into(), known)
}

#[cfg(test)]
mod tests;
