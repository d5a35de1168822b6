//! Takes back what the journal says, the newest first.

use std::collections::BTreeMap;

use super::journal::{Entry, Journal, JournalError, State};
use super::limits::{self, Restoring};
use super::restore::restored;
use super::run::Stop;
use super::wish::Setting;
use crate::docker::{Found, UpdateError, Updater};
use crate::inventory::{ContainerId, EngineSettings};

/// What is chosen of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Everything that can be taken back.
    #[default]
    All,
    /// The newest.
    Last,
    /// Of the container of this name.
    Container(String),
    /// One, by its number.
    Number(u64),
}

/// The entries that are chosen, the newest first.
///
/// # Errors
/// A number that there is not, or of which nothing is left to be taken back.
pub fn chosen<'e>(entries: &'e [Entry], choice: &Choice) -> Result<Vec<&'e Entry>, String> {
    let mut open: Vec<&Entry> = entries.iter().filter(|entry| entry.state.is_open()).collect();
    open.reverse();
    match choice {
        Choice::All => {}
        Choice::Last => open.truncate(1),
        Choice::Container(name) => open.retain(|entry| entry.change.name == *name),
        Choice::Number(number) => {
            let Some(entry) = entries.iter().find(|entry| entry.number == *number) else {
                return Err(format!(
                    "the journal has no entry {number}; `dockmeter rightsize undo` lists it"
                ));
            };
            if !entry.state.is_open() {
                let state = entry.state.word();
                return Err(format!("entry {number} is `{state}`: nothing of it is in force"));
            }
            open.retain(|entry| entry.number == *number);
        }
    }
    Ok(open)
}

/// What is to be done about an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// This.
    Back(Vec<Setting>, Restoring),
    /// Nothing: limits are as they were.
    Nothing,
    /// Nothing, for a reason.
    Left(String),
}

/// How an entry is taken back, by what the container's limits are now. Somebody else's change is
/// overwritten only with `force`.
pub fn way(entry: &Entry, now: &EngineSettings, working_set: Option<u64>, force: bool) -> Way {
    let (before, after) = (&entry.change.before, &entry.change.after);
    let is = |settings, setting| limits::value(settings, setting);
    let mut settings = limits::changed(before, after);
    settings.retain(|setting| !limits::same(is(before, *setting), is(now, *setting)));
    let strange = settings.iter().find(|setting| !limits::same(is(after, **setting), is(now, **setting)));
    if let Some(setting) = strange.filter(|_| !force) {
        let words = |settings| limits::words(*setting, is(settings, *setting));
        return Way::Left(format!(
            "changed since: {} is {} and not {}; `--force` takes it back all the same",
            setting.name(),
            words(now),
            words(after)
        ));
    }
    if settings.is_empty() {
        return Way::Nothing;
    }
    let back = limits::restore(before, now, &settings, working_set);
    match back.left_alone.first() {
        Some((setting, reason)) => Way::Left(format!("{}: {reason}", setting.name())),
        None => Way::Back(settings, back),
    }
}

/// What became of an entry, or would.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// The entry.
    pub entry: Entry,
    /// The settings that change, from what to what.
    pub changes: Vec<(Setting, Option<f64>, Option<f64>)>,
    /// What is asked for, as people read it.
    pub call: Option<String>,
    /// What.
    pub outcome: Outcome,
    /// Why, where that is to be said.
    pub reason: Option<String>,
    /// What somebody has to know besides.
    pub notes: Vec<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It would be taken back.
    Planned,
    /// It was.
    Undone,
    /// It was left alone.
    Left,
    /// The engine did not.
    Failed,
}

/// What is looked up, and changed on the way.
pub struct Undoing<'a> {
    /// Who does it.
    pub updater: &'a Updater,
    /// Where it is written; without it nothing is done.
    pub journal: Option<&'a mut Journal>,
    /// Whether somebody else's changes are overwritten.
    pub force: bool,
    /// Ends it.
    pub stop: Stop,
}

impl Undoing<'_> {
    /// Takes entries back in their order. `tell` hears a line for each.
    ///
    /// # Errors
    /// The journal cannot be written, or the engine does not say what is.
    pub async fn all(
        &mut self,
        entries: &[&Entry],
        tell: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Vec<Undone>, UndoError> {
        let mut planned: BTreeMap<ContainerId, EngineSettings> = BTreeMap::new();
        let mut undone = Vec::new();
        for entry in entries {
            if *self.stop.borrow() {
                break;
            }
            let one = self.one(entry, &mut planned).await?;
            if self.journal.is_some() {
                let reason = one.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                tell(&format!(
                    "{}: entry {} {}{reason}",
                    entry.change.name,
                    entry.number,
                    one.outcome.word()
                ));
            }
            undone.push(one);
        }
        Ok(undone)
    }

    async fn one(
        &mut self,
        entry: &Entry,
        planned: &mut BTreeMap<ContainerId, EngineSettings>,
    ) -> Result<Undone, UndoError> {
        let left = |reason: String| Undone {
            entry: entry.clone(),
            changes: Vec::new(),
            call: None,
            outcome: Outcome::Left,
            reason: Some(reason),
            notes: Vec::new(),
        };
        let found = match entry.container() {
            Some(id) => self.updater.find(id).await?,
            None => None,
        };
        let Some(found) = found else {
            return Ok(left(
                "the container is gone, or not on this engine: nothing is to be taken back".to_owned(),
            ));
        };
        let now = planned.get(&found.id).copied().unwrap_or(found.settings);
        let usage = self.updater.usage(found.id).await?;
        let (settings, back) = match way(entry, &now, usage.and_then(|usage| usage.working_set), self.force) {
            Way::Left(reason) => return Ok(left(reason)),
            Way::Nothing => {
                let reason = "limits are as they were before it".to_owned();
                if let Some(journal) = &mut self.journal {
                    journal.say(entry.number, State::Undone, Some(&reason))?;
                    return Ok(Undone { outcome: Outcome::Undone, ..left(reason) });
                }
                return Ok(Undone { outcome: Outcome::Planned, ..left(reason) });
            }
            Way::Back(settings, back) => (settings, back),
        };
        let then = back.update.applied_to(now);
        planned.insert(found.id, then);
        let value = |of: &EngineSettings, setting| limits::value(of, setting);
        let changes = settings.iter().map(|one| (*one, value(&now, *one), value(&then, *one))).collect();
        let undone = Undone {
            entry: entry.clone(),
            changes,
            call: Some(crate::docker::update_call(found.id, &back.update)),
            outcome: Outcome::Planned,
            reason: None,
            notes: back.notes,
        };
        match &mut self.journal {
            None => Ok(undone),
            Some(journal) => done(self.updater, journal, &found, &settings, undone).await,
        }
    }
}

/// Does it and writes it down.
async fn done(
    updater: &Updater,
    journal: &mut Journal,
    found: &Found,
    settings: &[Setting],
    undone: Undone,
) -> Result<Undone, UndoError> {
    let entry = &undone.entry;
    let failed = |reason: String| Undone { outcome: Outcome::Failed, reason: Some(reason), ..undone.clone() };
    match restored(updater, found.id, &entry.change.before, settings).await {
        Err(error) => Ok(failed(error.to_string())),
        Ok(None) => Ok(failed("the container is gone".to_owned())),
        Ok(Some(back)) if !back.left_alone.is_empty() => {
            let left = back.left_alone.iter().map(|(one, why)| format!("{}: {why}", one.name()));
            Ok(failed(left.collect::<Vec<_>>().join("; ")))
        }
        Ok(Some(_)) => {
            journal.say(entry.number, State::Undone, None)?;
            Ok(Undone { outcome: Outcome::Undone, ..undone })
        }
    }
}

impl Outcome {
    /// As people and programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Planned => "planned",
            Outcome::Undone => "undone",
            Outcome::Left => "left_alone",
            Outcome::Failed => "failed",
        }
    }
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] UpdateError),
}

#[cfg(test)]
mod tests;
