//! Carries a plan out, one action at a time.
//!
//! Before each action the object is read again and what to do is thought over; after it the
//! object is read once more and compared. So it does not matter whether a run was interrupted
//! before a call, after it, or before its answer came, nor whether somebody else wrote meanwhile:
//! whatever is found is what the next step starts from. What was done is noted at once.

use serde_json::Value;

use super::client::{Grafana, GrafanaError};
use super::object::{Found, Key, Kind, Wanted};
use super::plan::{Action, Blocked, Cause, Decision, Plan, Verb, decide, lost, plan, sent, shown};
use super::read::{Live, object, survey};
use super::state::{State, StateError};
use super::{read, write};

/// How often an action is begun anew after a conflict, or an error that may pass.
const ATTEMPTS: u32 = 4;

/// How a plan is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether objects that were there before are taken over.
    pub adopt: bool,
    /// How many objects may be removed at most; any number without.
    pub max_deletes: Option<usize>,
}

/// What is told while it goes on.
#[derive(Clone, Debug)]
pub enum Progress<'a> {
    /// What is being read.
    Reading(&'a str),
    /// An action begins: its number from 1, of how many.
    Begins(usize, usize, &'a Action),
    /// It is done, or was by somebody else.
    Done(&'a Action),
    /// It failed.
    Failed(&'a Action, &'a str),
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was done.
    pub done: Vec<Action>,
    /// What failed, and why.
    pub failed: Vec<(Key, String)>,
    /// What is left alone.
    pub blocked: Vec<Blocked>,
    /// How many objects were as they should be.
    pub unchanged: usize,
}

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Grafana does not answer, or not as hoped.
    #[error(transparent)]
    Grafana(#[from] GrafanaError),
    /// What was made cannot be noted.
    #[error(transparent)]
    State(#[from] StateError),
    /// More would be removed than is allowed.
    #[error(
        "{count} objects would be removed, and {allowed} may be; `dockmeter grafana plan` lists them, `--max-deletes={count}` allows it"
    )]
    TooManyDeletes {
        /// How many.
        count: usize,
        /// How many may be.
        allowed: usize,
    },
}

/// What is to be done. Nothing is written, here or there.
///
/// # Errors
/// Grafana cannot be read.
pub async fn make_plan(
    grafana: &Grafana,
    wanted: &[Wanted],
    state: &State,
    options: Options,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Plan, GrafanaError> {
    let live = survey(grafana, wanted, &state.owned(), &mut |what| tell(Progress::Reading(what))).await?;
    let mut plan = plan(wanted, &live, state, options.adopt);
    keep_used_folders(grafana, &mut plan, &live).await?;
    for action in &mut plan.actions {
        // A list of folders does not say who saved them.
        if let (Kind::Folder, Cause::Drift(saved)) = (action.key.kind, &mut action.cause)
            && let Some(found) = object(grafana, &action.key, None).await?
        {
            *saved = found.saved;
        }
    }
    Ok(plan)
}

/// Makes everything as it is wanted.
///
/// # Errors
/// Nothing can be done, or no more.
pub async fn apply(
    grafana: &Grafana,
    wanted: &[Wanted],
    state: &mut State,
    options: Options,
    tell: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, ApplyError> {
    state.save()?;
    let live = survey(grafana, wanted, &state.owned(), &mut |what| tell(Progress::Reading(what))).await?;
    let mut plan = plan(wanted, &live, state, options.adopt);
    keep_used_folders(grafana, &mut plan, &live).await?;
    let deletes = plan.count(Verb::Delete);
    if let Some(allowed) = options.max_deletes.filter(|allowed| deletes > *allowed) {
        return Err(ApplyError::TooManyDeletes { count: deletes, allowed });
    }
    note_what_is_there(wanted, &live, state, options.adopt)?;
    let mut outcome = Outcome { unchanged: plan.unchanged, blocked: plan.blocked, ..Outcome::default() };
    let count = plan.actions.len();
    for (number, action) in plan.actions.into_iter().enumerate() {
        tell(Progress::Begins(number + 1, count, &action));
        let wanted = wanted.iter().find(|one| one.key == action.key);
        match carry_out(grafana, &action, wanted, state, options.adopt).await {
            Ok(None) => {
                tell(Progress::Done(&action));
                outcome.done.push(action);
            }
            Ok(Some(blocked)) => {
                tell(Progress::Failed(&action, &blocked.reason));
                outcome.blocked.push(blocked);
            }
            Err(ApplyError::Grafana(error)) if !error.is_final() => {
                let reason = error.to_string();
                tell(Progress::Failed(&action, &reason));
                outcome.failed.push((action.key, reason));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}

/// One action: read, think, write, read, compare, note.
async fn carry_out(
    grafana: &Grafana,
    action: &Action,
    wanted: Option<&Wanted>,
    state: &mut State,
    adopt: bool,
) -> Result<Option<Blocked>, ApplyError> {
    let key = &action.key;
    let mut last = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            grafana.pause(attempt - 1).await;
        }
        let found = match object(grafana, key, wanted).await {
            Ok(found) => found,
            Err(error) => return Err(error.into()),
        };
        let decision = decide(key, wanted, found.as_ref(), state, adopt);
        let action = match decision {
            Decision::Block(blocked) => return Ok(Some(blocked)),
            Decision::Nothing(ours) => {
                note(wanted.filter(|_| ours), found.as_ref(), key, state)?;
                return Ok(None);
            }
            Decision::Act(action) => action,
        };
        if action.verb == Verb::Create {
            // An answer that never comes must not make a stranger of what we made.
            state.begin(key);
            state.save()?;
        }
        let written = match (wanted, &found) {
            (Some(wanted), found) => write::put(grafana, wanted, found.as_ref()).await,
            (None, Some(found)) if key.kind == Kind::Folder => match used(grafana, key, 0, 0).await? {
                Some(reason) => {
                    last = Some(GrafanaError::Conflict { call: format!("DELETE {key}"), message: reason });
                    continue;
                }
                None => write::remove(grafana, found).await,
            },
            (None, Some(found)) => write::remove(grafana, found).await,
            (None, None) => Ok(()),
        };
        match written {
            Ok(()) => match verified(grafana, key, wanted, state).await? {
                Ok(()) => return Ok(None),
                Err(error) => last = Some(error),
            },
            Err(error) if error.is_worth_another_look() => last = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    // What was asked for last may have been carried out all the same.
    match (last, verified(grafana, key, wanted, state).await?) {
        (_, Ok(())) => Ok(None),
        (Some(error), _) | (None, Err(error)) => Err(error.into()),
    }
}

/// Reads back: whether the object is what was sent, or is gone.
async fn verified(
    grafana: &Grafana,
    key: &Key,
    wanted: Option<&Wanted>,
    state: &mut State,
) -> Result<Result<(), GrafanaError>, ApplyError> {
    let found = object(grafana, key, wanted).await?;
    let failure = |message: String| GrafanaError::Conflict { call: format!("reading {key} back"), message };
    let problem = match (wanted, &found) {
        (Some(_), None) => Some("it was written and is not there".to_owned()),
        (None, Some(_)) => Some("it was removed and is still there".to_owned()),
        (None, None) => None,
        (Some(wanted), Some(found)) => {
            let lost = lost(wanted, found);
            let paths: Vec<&str> = lost.iter().map(|change| change.path.as_str()).collect();
            (!paths.is_empty()).then(|| format!("Grafana did not keep `{}`", paths.join("`, `")))
        }
    };
    if let Some(problem) = problem {
        return Ok(Err(failure(problem)));
    }
    note(wanted, found.as_ref(), key, state)?;
    Ok(Ok(()))
}

fn note(
    wanted: Option<&Wanted>,
    found: Option<&Found>,
    key: &Key,
    state: &mut State,
) -> Result<(), StateError> {
    match (wanted, found) {
        (Some(wanted), Some(found)) => {
            let (sent, shown) = (state.fingerprint(&sent(wanted)), state.fingerprint(&shown(found)));
            if state.entry(key).is_some_and(|entry| entry.sent == sent && entry.shown == shown) {
                return Ok(());
            }
            state.note(key, sent, shown);
        }
        (_, None) => state.forget(key),
        _ => return Ok(()),
    }
    state.save()
}

/// Notes what is as it should be without our doing, as after the state file was lost, and forgets
/// what is gone.
fn note_what_is_there(
    wanted: &[Wanted],
    live: &Live,
    state: &mut State,
    adopt: bool,
) -> Result<(), StateError> {
    for one in wanted {
        let found = live.get(&one.key);
        if let (Some(found), Decision::Nothing(true)) =
            (found, decide(&one.key, Some(one), found, state, adopt))
        {
            let (sent, shown) = (state.fingerprint(&sent(one)), state.fingerprint(&shown(found)));
            if state.entry(&one.key).is_none_or(|entry| entry.sent != sent || entry.shown != shown) {
                state.note(&one.key, sent, shown);
            }
        }
    }
    let gone: Vec<Key> = state.owned().into_iter().filter(|key| !live.contains_key(key)).collect();
    for key in gone.iter().filter(|key| !wanted.iter().any(|one| one.key == **key)) {
        state.forget(key);
    }
    state.save()
}

/// A folder takes everything in it along: one that holds what is not ours stays.
async fn keep_used_folders(grafana: &Grafana, plan: &mut Plan, live: &Live) -> Result<(), GrafanaError> {
    let deleted =
        |key: &Key| plan.actions.iter().any(|action| action.verb == Verb::Delete && action.key == *key);
    let mut kept = Vec::new();
    for action in
        plan.actions.iter().filter(|action| action.verb == Verb::Delete && action.key.kind == Kind::Folder)
    {
        let uid = &action.key.id;
        let ours =
            |kind: Kind| live.values().filter(move |found| found.key.kind == kind && deleted(&found.key));
        let dashboards = ours(Kind::Dashboard).filter(|found| found.body["folder"] == **uid).count();
        let rules: usize = ours(Kind::RuleGroup)
            .filter(|found| found.body["folderUid"] == **uid)
            .map(|found| read::items(&found.body["rules"]).count())
            .sum();
        if let Some(reason) = used(grafana, &action.key, dashboards, rules).await? {
            kept.push(Blocked { key: action.key.clone(), title: action.title.clone(), reason });
        }
    }
    plan.actions.retain(|action| {
        action.verb != Verb::Delete || !kept.iter().any(|blocked| blocked.key == action.key)
    });
    plan.blocked.extend(kept);
    Ok(())
}

/// What a folder holds beside so many dashboards and rules.
async fn used(
    grafana: &Grafana,
    key: &Key,
    dashboards: usize,
    rules: usize,
) -> Result<Option<String>, GrafanaError> {
    let path = format!("/api/folders/{}/counts", key.id);
    let Some(counts) = grafana.find(&path).await? else { return Ok(None) };
    let mut others = Vec::new();
    for (what, count) in counts.as_object().into_iter().flatten() {
        let expected = match what.as_str() {
            "dashboard" => dashboards,
            "alertrule" => rules,
            _ => 0,
        };
        let count = usize::try_from(count.as_u64().unwrap_or_default()).unwrap_or(usize::MAX);
        if count > expected {
            others.push(format!("{} of {what}", count - expected));
        }
    }
    Ok((!others.is_empty()).then(|| format!("it holds what is not ours: {}", others.join(", "))))
}

/// What of the members that are wanted Grafana knows; the rest has not logged in yet.
///
/// # Errors
/// Grafana cannot be read.
pub async fn known_members(grafana: &Grafana, wanted: &mut [Wanted]) -> Result<Vec<String>, GrafanaError> {
    let has_members = |one: &Wanted| one.key.kind == Kind::Team && one.body.get("members").is_some();
    if !wanted.iter().any(has_members) {
        return Ok(Vec::new());
    }
    let users = grafana.get("/api/org/users").await?;
    let mut unknown = Vec::new();
    for one in wanted.iter_mut().filter(|one| has_members(one)) {
        let is_known =
            |name: &Value| read::items(&users).any(|user| user["email"] == *name || user["login"] == *name);
        let (known, other): (Vec<Value>, Vec<Value>) =
            read::items(&one.body["members"]).cloned().partition(is_known);
        unknown.extend(
            other.iter().filter_map(Value::as_str).map(|name| format!("{name} (team {})", one.key.id)),
        );
        one.body["members"] = Value::Array(known);
    }
    Ok(unknown)
}
