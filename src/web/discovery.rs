//! `GET /api/sd/prometheus`: containers that expose metrics, as Prometheus' `http_sd_configs`
//! wants them. A token that is bound to a tenant finds that tenant's.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Context;
use super::view::View;
use crate::discovery::{Target, targets};

/// Targets that share labels; here each has its own.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    targets: [String; 1],
    labels: BTreeMap<String, String>,
}

impl From<Target> for Group {
    fn from(target: Target) -> Self {
        Group { targets: [target.address], labels: target.labels }
    }
}

/// `GET /api/sd/prometheus?user=&project=&team=`
pub(super) async fn prometheus(State(context): State<Arc<Context>>, view: View) -> Json<Vec<Group>> {
    let (targets, _) = targets(&context.surroundings().discovery, &context.inventory.snapshot());
    let seen = targets.into_iter().filter(|target| view.sees(&target.container));
    Json(seen.map(Group::from).collect())
}
