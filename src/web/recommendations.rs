//! `GET /api/analytics/recommendations`: what should change, and what became of what was said before.
//!
//! The exporter looks by itself, too, so that what it would have said is followed up wherever nobody
//! asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;

use super::analysis::{Turn, asked, turn, unavailable};
use super::problem::{Kind, Problem};
use super::view::View;
use super::{Context, FRESH_DEADLINE};
use crate::analysis::rightsize::Capacity;
use crate::history::Whom;
use crate::inventory::Container;
use crate::report::advice::Looked;
use crate::report::advice::engine::{COMPOSE_SERVICE, reclaimable, settings};
use crate::report::followup::follow;
use crate::report::rightsize::{Known, LAST, Labels, Options, Rightsized, bounded, report};
use crate::snapshot::{Machine, Snapshot};
use crate::tenant::Resources;

/// How soon after the start it is looked first: containers have been read then.
const FIRST_LOOK: Duration = Duration::from_secs(300);

/// How often after that.
const LOOK_EVERY: Duration = Duration::from_secs(6 * 3600);

/// How soon again where somebody did not answer, or others were asking.
const LOOK_AGAIN: Duration = Duration::from_secs(900);

/// Less than this is too short to be remembered, in seconds.
const LEAST_REMEMBERED_S: i64 = 86_400;

/// What is said of a time that ended earlier than so long ago is of no use now.
const RECENT_S: i64 = 3_600;

/// `GET /api/analytics/recommendations?from=&to=&last=&container=&service=`
pub(super) async fn recommendations(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Rightsized>, Problem> {
    let options = options(&view, &query, Timestamp::now())?;
    let turn = turn(&context).await?;
    let found = made(&context, &turn, &view, options).await?;
    let nothing = found.containers == 0 && found.recommendations.is_empty();
    match &found.options.whom.container {
        Some(name) if nothing => {
            let detail = format!("nothing is known of a container `{name}` in this time");
            Err(Problem::new(Kind::NotFound, detail))
        }
        _ => Ok(Json(found)),
    }
}

/// Looks every few hours what should change, as somebody who asks for everything; never ends.
pub async fn look_for_recommendations(context: Arc<Context>) {
    tokio::time::sleep(FIRST_LOOK).await;
    loop {
        let next = match look(&context).await {
            Ok(()) => LOOK_EVERY,
            Err(problem) => {
                tracing::debug!(?problem, "it was not looked what should change; it is tried again");
                LOOK_AGAIN
            }
        };
        tokio::time::sleep(next).await;
    }
}

async fn look(context: &Context) -> Result<(), Problem> {
    let view = View::default();
    let options = options(&view, &[], Timestamp::now())?;
    // Whoever asks comes first: this waits for its turn like a request.
    let turn = turn(context).await?;
    made(context, &turn, &view, options).await.map(drop)
}

/// Makes recommendations, remembers them, and says what became of earlier ones.
async fn made(
    context: &Context,
    turn: &Turn<'_>,
    view: &View,
    mut options: Options,
) -> Result<Rightsized, Problem> {
    let now = Timestamp::now();
    // Without the host's size it is said that it is missing.
    let snapshot = context.snapshot(FRESH_DEADLINE).await.ok();
    options.host = snapshot.as_ref().and_then(|snapshot| capacity(snapshot.machine));
    look_beside(context, view, &mut options, snapshot.as_deref(), now);
    let mut found = report(&*turn.source, options, &mut |_| ()).await.map_err(unavailable)?;
    remember(context, &found, now).await;
    let entries = context.ledger.entries(now.as_millisecond());
    found.followed_up = follow(&*turn.source, entries, &found, now).await.map_err(unavailable)?;
    Ok(found)
}

/// What is known without a history.
fn look_beside(
    context: &Context,
    view: &View,
    options: &mut Options,
    snapshot: Option<&Snapshot>,
    now: Timestamp,
) {
    let inventory = context.inventory.snapshot();
    let Whom { container, service, host, .. } = &options.whom;
    let is_meant = |one: &&Arc<Container>| {
        let is_named = container.as_ref().is_none_or(|name| one.name.as_str() == name);
        one.removed_at.is_none() && view.sees(one) && is_named && service.is_none() && host.is_none()
    };
    let here = || inventory.containers.values().filter(is_meant);
    let mut beside = settings(here().map(AsRef::as_ref), now);
    if let Some(snapshot) = snapshot.filter(|_| options.with_host) {
        beside.add(reclaimable(snapshot));
    }
    options.known = here().map(|container| known(container)).collect();
    options.beside = beside;
}

/// Remembers what is said of now and of long enough.
async fn remember(context: &Context, found: &Rightsized, now: Timestamp) {
    let period = found.options.period;
    let ago = now.duration_since(period.to).as_secs();
    if period.seconds() < LEAST_REMEMBERED_S || ago > RECENT_S {
        return;
    }
    let (ledger, said) = (context.ledger.clone(), found.recommendations.clone());
    // A disk may hang; what is written is written all the same.
    let written = tokio::task::spawn_blocking(move || ledger.remember(&said, now.as_millisecond()));
    if tokio::time::timeout(FRESH_DEADLINE, written).await.is_err() {
        tracing::warn!("what was recommended takes long to be written");
    }
}

fn options(view: &View, query: &[(String, String)], now: Timestamp) -> Result<Options, Problem> {
    let (whom, period) = asked(view, query, now, LAST)?;
    let period = bounded(period).map_err(|detail| Problem::new(Kind::BadRequest, detail))?;
    // What is the host's is of nobody who is bound, and of no part of them.
    let is_part = whom.container.is_some() || whom.service.is_some() || whom.host.is_some();
    let with_host = !view.is_bound() && view.narrowing().is_empty() && !is_part;
    let beside = Looked::default();
    Ok(Options { whom, period, host: None, known: BTreeMap::new(), with_host, beside })
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
