//! What has to be done, from what is wanted, what is there and what was done last. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::diff::{Change, diff};
use super::normal::{hides, masked, normal};
use super::object::{Found, Key, Kind, Saved, Wanted};
use super::read::Live;
use super::state::{Entry, State};

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// There is none.
    Create,
    /// It is another than it should be.
    Update,
    /// It is ours, and not wanted any more.
    Delete,
}

/// Why something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something else is wanted than there is.
    Wanted,
    /// Somebody changed it in Grafana since it was made.
    Drift(Saved),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// To which object.
    pub key: Key,
    /// What people call it.
    pub title: String,
    /// What.
    pub verb: Verb,
    /// What changes about it.
    pub changes: Vec<Change>,
    /// Why.
    pub cause: Cause,
}

/// An object that is left alone although something else is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Which.
    pub key: Key,
    /// What people call it.
    pub title: String,
    /// Why.
    pub reason: String,
}

/// Everything that is to be done, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What is to be done.
    pub actions: Vec<Action>,
    /// What would have to be, and cannot.
    pub blocked: Vec<Blocked>,
    /// How many objects are as they should be.
    pub unchanged: usize,
}

impl Plan {
    /// How many actions are of a kind.
    pub fn count(&self, verb: Verb) -> usize {
        self.actions.iter().filter(|action| action.verb == verb).count()
    }

    /// Whether everything is as it should be.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.blocked.is_empty()
    }
}

/// What is to be done with one object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decision {
    /// It is as it should be; whether it is ours.
    Nothing(bool),
    Act(Action),
    Block(Blocked),
}

/// The plan for all.
pub(super) fn plan(wanted: &[Wanted], live: &Live, state: &State, adopt: bool) -> Plan {
    let mut plan = Plan::default();
    let by_key: BTreeMap<&Key, &Wanted> = wanted.iter().map(|one| (&one.key, one)).collect();
    for one in by_key.values() {
        plan.add(decide(&one.key, Some(one), live.get(&one.key), state, adopt));
    }
    let unwanted = live.iter().filter(|(key, _)| !by_key.contains_key(key));
    // What was made last goes first.
    for (key, found) in unwanted.rev() {
        match decide(key, None, Some(found), state, adopt) {
            Decision::Nothing(_) => {}
            decision => plan.add(decision),
        }
    }
    plan
}

impl Plan {
    fn add(&mut self, decision: Decision) {
        match decision {
            Decision::Nothing(_) => self.unchanged += 1,
            Decision::Act(action) => self.actions.push(action),
            Decision::Block(blocked) => self.blocked.push(blocked),
        }
    }
}

/// What is to be done with one object.
pub(super) fn decide(
    key: &Key,
    wanted: Option<&Wanted>,
    found: Option<&Found>,
    state: &State,
    adopt: bool,
) -> Decision {
    let ours = found.is_some_and(|found| found.marked) || state.owns(key);
    match (wanted, found) {
        (None, None) => Decision::Nothing(false),
        (Some(wanted), None) => {
            act(wanted.key.clone(), &wanted.title, Verb::Create, Vec::new(), Cause::Wanted)
        }
        // What comes from a file of Grafana's was never made here, whatever it is called.
        (None, Some(found)) if from_elsewhere(found, state) => Decision::Nothing(false),
        (None, Some(found)) if ours => match &found.locked {
            Some(reason) => block(found, reason),
            None => act(key.clone(), &found.title, Verb::Delete, Vec::new(), Cause::Wanted),
        },
        (None, Some(_)) => Decision::Nothing(false),
        (Some(wanted), Some(found)) => compared(wanted, found, state, ours, adopt),
    }
}

fn compared(wanted: &Wanted, found: &Found, state: &State, ours: bool, adopt: bool) -> Decision {
    let entry = state.entry(&wanted.key);
    let changes = changes(wanted, found, state, entry);
    if changes.is_empty() {
        return Decision::Nothing(ours && !from_elsewhere(found, state));
    }
    if let Some(reason) = &found.locked {
        let unlike = unlike(wanted, found);
        // Who keeps it may name it as he likes, as long as it is of the same use.
        return match unlike.is_empty() && wanted.key.kind == Kind::DataSource {
            true => Decision::Nothing(false),
            false => block(found, &with_fields(reason, &unlike)),
        };
    }
    if !ours && !adopt {
        return block(found, "it was there before and is not ours; `--adopt` takes it over");
    }
    let drifted =
        entry.is_some_and(|entry| !entry.shown.is_empty() && entry.shown != state.fingerprint(&shown(found)));
    let cause = if drifted { Cause::Drift(found.saved.clone()) } else { Cause::Wanted };
    act(wanted.key.clone(), &wanted.title, Verb::Update, changes, cause)
}

/// Whether it is a data source that somebody else keeps, and that was not made here before.
fn from_elsewhere(found: &Found, state: &State) -> bool {
    found.key.kind == Kind::DataSource && found.locked.is_some() && !state.owns(&found.key)
}

/// Fields of a data source that decide of what use it is: what is asked, where, and how.
const USE: [&str; 4] = ["/type", "/url", "/basicAuth", "/jsonData/implementation"];

/// In which of those a data source that cannot be changed is another than the one that is wanted.
/// One that has more, as a login of its own, may well need it.
fn unlike(wanted: &Wanted, found: &Found) -> Vec<&'static str> {
    if wanted.key.kind != Kind::DataSource {
        return Vec::new();
    }
    let (wanted, found) = (normal(Kind::DataSource, &wanted.body), normal(Kind::DataSource, &found.body));
    let said = |body: &Value, field: &str| match body.pointer(field) {
        // One more `/` leads to the same place.
        Some(Value::String(text)) => Value::from(text.trim_end_matches('/')),
        other => other.cloned().unwrap_or_default(),
    };
    let wanted_of = |field: &&str| wanted.pointer(field).is_some();
    USE.into_iter().filter(wanted_of).filter(|field| said(&wanted, field) != said(&found, field)).collect()
}

fn with_fields(reason: &str, fields: &[&str]) -> String {
    match fields {
        [] => reason.to_owned(),
        fields => {
            let fields: Vec<String> =
                fields.iter().map(|field| field.trim_start_matches('/').replace('/', ".")).collect();
            format!("{reason}, which has another `{}`", fields.join("`, `"))
        }
    }
}

/// What has to change, settled differences left out: what Grafana made of the same words of
/// ours the last time is what they mean.
fn changes(wanted: &Wanted, found: &Found, state: &State, entry: Option<&Entry>) -> Vec<Change> {
    let kind = wanted.key.kind;
    let there = normal(kind, &found.body);
    let mut changes = diff(&there, &masked(&normal(kind, &wanted.body), &there));
    let sent = state.fingerprint(&sent(wanted));
    let settled =
        entry.is_some_and(|entry| entry.sent == sent && entry.shown == state.fingerprint(&shown(found)));
    if settled {
        return Vec::new();
    }
    // Whether a secret is the right one cannot be read, only that another was sent.
    let secret = wanted.secrets.is_some() || hides(&there);
    if changes.is_empty() && secret && entry.is_none_or(|entry| entry.sent != sent) {
        changes.push(Change { path: "secrets".to_owned(), from: None, to: Some(Value::from("(not shown)")) });
    }
    changes
}

/// What was sent, for its fingerprint.
pub(super) fn sent(wanted: &Wanted) -> Value {
    json!([normal(wanted.key.kind, &wanted.body), wanted.secrets])
}

/// What is shown, for its fingerprint.
pub(super) fn shown(found: &Found) -> Value {
    normal(found.key.kind, &found.body)
}

/// What an object lost on its way into Grafana: fields that were sent and are not there. What
/// Grafana adds by itself is no loss, except where nothing may be added.
pub(super) fn lost(wanted: &Wanted, found: &Found) -> Vec<Change> {
    let kind = wanted.key.kind;
    let there = normal(kind, &found.body);
    let strict = matches!(kind, Kind::Team | Kind::Folder | Kind::Permissions | Kind::Policies);
    let changes = diff(&there, &masked(&normal(kind, &wanted.body), &there));
    changes.into_iter().filter(|change| strict || change.to.is_some()).collect()
}

fn act(key: Key, title: &str, verb: Verb, changes: Vec<Change>, cause: Cause) -> Decision {
    Decision::Act(Action { key, title: title.to_owned(), verb, changes, cause })
}

fn block(found: &Found, reason: &str) -> Decision {
    Decision::Block(Blocked { key: found.key.clone(), title: found.title.clone(), reason: reason.to_owned() })
}

#[cfg(test)]
mod tests;
