//! What is done to which container, and what is left alone and why.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::limits;
use super::wish::{Setting, Target, Wish};
use crate::analysis::finding::Scope;
use crate::docker::Found;
use crate::inventory::{ContainerId, EngineUpdate, Status};

/// Why what nothing here can do is left alone.
const BY_HAND: &str =
    "by hand: only limits and reservations of a container can be changed through the engine";

/// One change of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The container as it is.
    pub container: Found,
    /// What is wanted of it.
    pub wishes: Vec<Wish>,
    /// What to ask for.
    pub update: EngineUpdate,
}

impl Step {
    /// The settings that change, with their values before and after.
    pub fn changes(&self) -> Vec<(Setting, Option<f64>, Option<f64>)> {
        let (before, after) = (self.container.settings, self.update.applied_to(self.container.settings));
        let changed = limits::changed(&before, &after).into_iter();
        let change = |setting| (setting, limits::value(&before, setting), limits::value(&after, setting));
        changed.map(change).collect()
    }
}

/// Something chosen that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAlone {
    /// The container, if it is about one.
    pub container: Option<String>,
    /// What should change.
    pub kind: String,
    /// Why it is left alone.
    pub reason: String,
}

impl LeftAlone {
    fn new(wish: &Wish, reason: impl Into<String>) -> Self {
        LeftAlone { container: wish.scope.container.clone(), kind: wish.kind.clone(), reason: reason.into() }
    }
}

/// What is done, in this order, and what is not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One container after the other.
    pub steps: Vec<Step>,
    /// What is left alone.
    pub left_alone: Vec<LeftAlone>,
}

/// What is known of an engine's containers.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Those that have a name that is wanted.
    pub containers: Vec<Found>,
    /// What they use of memory; those that do not run are missing.
    pub working_sets: BTreeMap<ContainerId, u64>,
    /// Those whose last change was not brought to an end, with the journal's number of it.
    pub unfinished: BTreeMap<ContainerId, u64>,
}

/// What is to be done so that wishes come true.
pub fn plan(wishes: &[Wish], known: &Known, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let mut grouped: BTreeMap<&Scope, Vec<(&Wish, Target)>> = BTreeMap::new();
    let mut order: Vec<&Scope> = Vec::new();
    for wish in wishes {
        match wish.target {
            None => plan.left_alone.push(LeftAlone::new(wish, BY_HAND)),
            Some(_) if wish.expires_at <= now => {
                let reason =
                    format!("expired at {}: its evidence is of another week; ask anew", wish.expires_at);
                plan.left_alone.push(LeftAlone::new(wish, reason));
            }
            Some(target) => {
                if !grouped.contains_key(&wish.scope) {
                    order.push(&wish.scope);
                }
                grouped.entry(&wish.scope).or_default().push((wish, target));
            }
        }
    }
    let mut taken = BTreeSet::new();
    for scope in order {
        let wanted = grouped.remove(scope).unwrap_or_default();
        match container(scope, known).and_then(|found| is_first(found, &mut taken)) {
            Ok(found) => plan.add(found, &wanted, known),
            Err(reason) => {
                let left = wanted.iter().map(|(wish, _)| LeftAlone::new(wish, reason.clone()));
                plan.left_alone.extend(left);
            }
        }
    }
    plan
}

/// The container of a scope, if it is there, runs and is still whose it was.
fn container<'k>(scope: &Scope, known: &'k Known) -> Result<&'k Found, String> {
    let name = scope.container.as_deref().unwrap_or_default();
    let found = known.containers.iter().find(|found| found.name.as_str() == name);
    let found = found.ok_or_else(|| "not on this engine, or not looked at by dockmeter".to_owned())?;
    is_whose(scope, found)?;
    if found.status != Status::Running {
        let status = found.status.as_str();
        return Err(format!("it is `{status}`, so that it cannot be watched; only what runs is changed"));
    }
    match known.unfinished.get(&found.id) {
        Some(number) => Err(format!(
            "entry {number} of the journal was not brought to an end: `dockmeter rightsize undo --id={number} --yes` first"
        )),
        None => Ok(found),
    }
}

/// Whether a container is still of those whom a scope names.
pub(super) fn is_whose(scope: &Scope, found: &Found) -> Result<(), String> {
    let tenant = &found.tenant;
    let parts = [
        ("user", &scope.user, &tenant.user),
        ("project", &scope.project, &tenant.project),
        ("team", &scope.team, &tenant.team),
    ];
    for (label, wanted, is) in parts {
        if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != is.as_str()) {
            return Err(format!("changed since: the {label} of this container is `{is}` and not `{wanted}`"));
        }
    }
    Ok(())
}

/// Whether no other scope meant the same container.
fn is_first<'k>(found: &'k Found, taken: &mut BTreeSet<ContainerId>) -> Result<&'k Found, String> {
    match taken.insert(found.id) {
        true => Ok(found),
        false => Err("the same container was meant before, under another tenant".to_owned()),
    }
}

impl Plan {
    fn add(&mut self, found: &Found, wanted: &[(&Wish, Target)], known: &Known) {
        let targets: Vec<Target> = wanted.iter().map(|(_, target)| *target).collect();
        let working_set = known.working_sets.get(&found.id).copied();
        let (update, left_alone) = limits::change(&found.settings, &targets, working_set);
        let reason = |setting| left_alone.iter().find(|(left, _)| *left == setting).map(|(_, reason)| reason);
        let left =
            wanted.iter().filter_map(|(wish, target)| Some(LeftAlone::new(wish, reason(target.setting)?)));
        self.left_alone.extend(left);
        if update.is_empty() {
            return;
        }
        let done = wanted.iter().filter(|(_, target)| reason(target.setting).is_none());
        let wishes = done.map(|(wish, _)| (*wish).clone()).collect();
        self.steps.push(Step { container: found.clone(), wishes, update });
    }
}

#[cfg(test)]
mod tests;
