//! What has become of containers: the difference of two states of the inventory.
//!
//! The inventory is changed with every event of the engine, and after a loss by its list. So what
//! is told here is what the engine told, and after a loss what it comes to. A run that has begun
//! and ended between two states is told as both.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::inventory::{Container, ContainerId, Snapshot, State, Status};
use crate::tenant::{LabelValue, Tenant};

/// What has become of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Its process was started.
    Started,
    /// Its process has ended since somebody stopped or killed it through the engine.
    Stopped,
    /// Its process has ended.
    Died,
    /// It was frozen.
    Paused,
    /// It was thawed.
    Unpaused,
    /// The kernel has killed a process for want of memory.
    Oom,
    /// Its health check says something else.
    Health,
    /// It has another name.
    Renamed,
    /// The engine has it no more, or it is no longer observed.
    Removed,
}

/// One thing that has happened to a container.
#[derive(Clone, Debug, Serialize)]
pub struct Happening {
    #[serde(serialize_with = "as_text")]
    timestamp: Timestamp,
    container_id: ContainerId,
    name: LabelValue,
    /// What it is.
    pub action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oom_killed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_name: Option<LabelValue>,
    /// The container as it is told of; its tenant is who is told.
    #[serde(skip)]
    pub(super) container: Arc<Container>,
    /// Who is not told although that tenant is: to whom nothing has changed, since the container
    /// has only changed hands between tenants that are both seen.
    #[serde(skip)]
    pub(super) but: Option<Tenant>,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl Happening {
    fn new(container: &Arc<Container>, action: Action, timestamp: Timestamp) -> Self {
        Happening {
            timestamp,
            container_id: container.id,
            name: container.name.clone(),
            action,
            exit_code: None,
            oom_killed: None,
            health: None,
            old_name: None,
            container: container.clone(),
            but: None,
        }
    }

    /// The end of a run that the container shows as its last.
    fn ended(container: &Arc<Container>, now: Timestamp) -> Self {
        let state = &container.state;
        let action = if state.stopped_by_hand { Action::Stopped } else { Action::Died };
        let at = state.finished_at.unwrap_or(now);
        let exit_code = state.exit_code;
        Happening { exit_code, oom_killed: Some(state.oom_killed), ..Self::new(container, action, at) }
    }

    /// The end of a run of which only the next is shown.
    fn ended_before(container: &Arc<Container>, now: Timestamp) -> Self {
        let action = if container.state.stopped_by_hand { Action::Stopped } else { Action::Died };
        let state = &container.state;
        let at = state.finished_at.unwrap_or(now);
        Happening { exit_code: state.exit_code, ..Self::new(container, action, at) }
    }

    fn started(container: &Arc<Container>, now: Timestamp) -> Self {
        Self::new(container, Action::Started, container.state.started_at.unwrap_or(now))
    }
}

/// What has happened between two states of the inventory. A container that comes into sight, with
/// the first list or later, has been started only if that was after `since`.
pub(super) fn between(old: &Snapshot, new: &Snapshot, since: Timestamp, now: Timestamp) -> Vec<Happening> {
    let mut told = Vec::new();
    for (id, container) in &new.containers {
        match old.containers.get(id) {
            Some(before) if Arc::ptr_eq(before, container) => {}
            Some(before) if before.tenant != container.tenant => {
                changed_hands(before, container, now, &mut told);
            }
            Some(before) => changed(before, container, now, &mut told),
            None => appeared(container, since, now, &mut told),
        }
    }
    let gone = old
        .containers
        .iter()
        .filter(|(id, container)| container.removed_at.is_none() && !new.containers.contains_key(id));
    told.extend(gone.map(|(_, container)| Happening::new(container, Action::Removed, now)));
    told
}

/// Whether the engine says that its process is there.
fn runs(state: &State) -> bool {
    matches!(state.status, Status::Running | Status::Paused)
}

fn appeared(container: &Arc<Container>, since: Timestamp, now: Timestamp, told: &mut Vec<Happening>) {
    let state = &container.state;
    if state.started_at.is_none_or(|started| started < since) {
        return;
    }
    told.push(Happening::started(container, now));
    if !runs(state) {
        told.push(Happening::ended(container, now));
    }
    if container.removed_at.is_some() {
        told.push(Happening::new(container, Action::Removed, now));
    }
}

/// For the old tenant it is gone, for the new one it is there.
fn changed_hands(
    before: &Arc<Container>,
    container: &Arc<Container>,
    now: Timestamp,
    told: &mut Vec<Happening>,
) {
    let [old, new] = [before, container].map(|one| one.tenant.clone());
    told.push(Happening { but: Some(new), ..Happening::new(before, Action::Removed, now) });
    if runs(&container.state) {
        told.push(Happening { but: Some(old), ..Happening::started(container, now) });
    }
    // Whoever sees both is told of the rest alone.
    changed(before, container, now, told);
}

fn changed(before: &Arc<Container>, container: &Arc<Container>, now: Timestamp, told: &mut Vec<Happening>) {
    let (old, new) = (&before.state, &container.state);
    if before.name != container.name {
        let old_name = Some(before.name.clone());
        told.push(Happening { old_name, ..Happening::new(container, Action::Renamed, now) });
    }
    let kills = |state: &State| state.earlier_oom_kills + state.oom_kills();
    if kills(new) > kills(old) {
        told.push(Happening::new(container, Action::Oom, now));
    }
    match (runs(old), runs(new), new.run > old.run) {
        (true, true, false) => froze(old, container, now, told),
        (true, true, true) => {
            told.push(Happening::ended_before(container, now));
            told.push(Happening::started(container, now));
        }
        (false, true, _) => told.push(Happening::started(container, now)),
        (true, false, false) => told.push(Happening::ended(container, now)),
        (true, false, true) => {
            told.push(Happening::ended_before(container, now));
            told.push(Happening::started(container, now));
            told.push(Happening::ended(container, now));
        }
        (false, false, true) => {
            told.push(Happening::started(container, now));
            told.push(Happening::ended(container, now));
        }
        (false, false, false) => {}
    }
    if let Some(health) = new.health.filter(|health| old.health != Some(*health)) {
        let health = Some(health.as_str());
        told.push(Happening { health, ..Happening::new(container, Action::Health, now) });
    }
    if before.removed_at.is_none()
        && let Some(at) = container.removed_at
    {
        told.push(Happening::new(container, Action::Removed, at));
    }
}

fn froze(old: &State, container: &Arc<Container>, now: Timestamp, told: &mut Vec<Happening>) {
    let action = match (&old.status, &container.state.status) {
        (Status::Running, Status::Paused) => Action::Paused,
        (Status::Paused, Status::Running) => Action::Unpaused,
        _ => return,
    };
    told.push(Happening::new(container, action, now));
}

#[cfg(test)]
mod tests;
