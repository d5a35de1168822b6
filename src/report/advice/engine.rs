//! What the engine could be told: of containers settings that are missing, of itself what nothing
//! needs.

use jiff::Timestamp;

use super::Looked;
use crate::analysis::advice::reclaim::{self, Stock};
use crate::analysis::advice::setting;
use crate::analysis::finding::{Scope, Window};
use crate::analysis::recommendation::{Answer, Kind};
use crate::inventory::{Container, Health, Status};
use crate::snapshot::Snapshot;

/// By which Compose says what a container is in its file.
pub const COMPOSE_SERVICE: &str = "com.docker.compose.service";

/// Health checks and restart policies that running containers lack.
pub fn settings<'c>(containers: impl Iterator<Item = &'c Container>, now: Timestamp) -> Looked {
    let mut looked = Looked::default();
    for container in containers.filter(|container| container.state.status == Status::Running) {
        let Some(started_at) = container.state.started_at else { continue };
        let scope = scope(container);
        let health = container.state.health.map_or(-1.0, |health| f64::from(health == Health::Healthy));
        let has_none = matches!(container.restart_policy.as_str(), "" | "no");
        looked.note(Kind::HealthCheck, &scope, None, health);
        looked.note(Kind::RestartPolicy, &scope, None, f64::from(has_none));
        looked.answers.extend(setting::recommend(&setting::Facts {
            scope,
            compose_service: container.labels.get(COMPOSE_SERVICE).cloned(),
            running_seconds: now.duration_since(started_at).as_secs_f64(),
            has_health_check: container.state.health.is_some(),
            restart_policy: container.restart_policy.clone(),
            is_removed_at_end: container.auto_remove,
            last_exit_code: container.state.exit_code,
            port: container.ports.listens_at(),
            at: now.as_millisecond(),
        }));
    }
    looked
}

/// Images, volumes, stopped containers and caches that are worth clearing away.
pub fn reclaimable(snapshot: &Snapshot) -> Looked {
    let mut looked = Looked::default();
    let Some(usage) = snapshot.storage.usage else { return looked };
    let data_root = snapshot.host.as_deref().and_then(|host| host.data_root_bytes());
    let at = usage.measured_at.as_millisecond();
    for (stock, occupied) in [
        (Stock::Images, usage.images),
        (Stock::Volumes, usage.volumes),
        (Stock::Containers, usage.containers),
        (Stock::BuildCache, usage.build_cache),
    ] {
        let (Some(bytes), Some(reclaimable)) = (occupied.bytes, occupied.reclaimable_bytes) else { continue };
        looked.note(Kind::Reclaim, &Scope::default(), Some(stock.label()), reclaimable as f64);
        let found = reclaim::recommend(&reclaim::Facts {
            stock,
            reclaimable_bytes: reclaimable as f64,
            usage_bytes: bytes as f64,
            data_root_bytes: data_root.map(|bytes| bytes as f64),
            measured: Window { from: at, to: at },
        });
        looked.answers.extend(found.map(Answer::from));
    }
    looked
}

fn scope(container: &Container) -> Scope {
    let tenant = &container.tenant;
    Scope {
        user: Some(tenant.user.as_str().to_owned()),
        project: Some(tenant.project.as_str().to_owned()),
        team: Some(tenant.team.as_str().to_owned()),
        service: None,
        container: Some(container.name.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests;
