//! Puts a plan in force: one container at a time, each watched, and as it was where it fares worse.

use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::journal::{Beginning, Journal, JournalError, State};
use super::limits::{self, Restoring};
use super::plan::{Plan, Step};
use super::restore::{PAUSE, read_back, restored};
use super::verdict::{Raised, Signs, worse};
use super::watch::{self, Observer};
use super::wish::Target;
use crate::analysis::words::{percent, seconds};
use crate::docker::{Found, UpdateError, Updater};
use crate::history::Query;
use crate::inventory::{EngineSettings, Status};

/// An engine that does not answer when a watch is over is asked for as long again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Becomes true when the run is to end.
pub type Stop = Receiver<bool>;

/// How things are done.
pub struct Orders<'a> {
    /// Who does it.
    pub updater: &'a Updater,
    /// Who knows how containers fared before, if somebody does.
    pub query: Option<&'a dyn Query>,
    /// How long each is watched.
    pub watch: Duration,
    /// Who wants it.
    pub who: String,
    /// Ends it.
    pub stop: Stop,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in force.
    Kept,
    /// It was, and the limits from before are again.
    RolledBack,
    /// It was not done, or not taken back.
    Failed,
    /// Nothing was done, since something is not as it was.
    Skipped,
    /// Nothing was done, since the run had ended.
    NotReached,
}

/// What became of a step, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// What.
    pub outcome: Outcome,
    /// Why, where that is to be said.
    pub reason: Option<String>,
    /// Its number in the journal.
    pub entry: Option<u64>,
    /// How the container fared before.
    pub before: Option<Signs>,
    /// How it fared then.
    pub after: Option<Signs>,
    /// What somebody has to know besides.
    pub notes: Vec<String>,
}

impl Done {
    fn new(outcome: Outcome, reason: impl Into<Option<String>>) -> Done {
        Done { outcome, reason: reason.into(), entry: None, before: None, after: None, notes: Vec::new() }
    }
}

/// Does what a plan says, in its order, until something goes wrong. `tell` hears a line a step.
///
/// # Errors
/// The journal cannot be written; what had been done is as the journal says.
pub async fn apply(
    orders: &mut Orders<'_>,
    plan: &Plan,
    journal: &mut Journal,
    tell: &mut (dyn FnMut(&str) + Send),
) -> Result<Vec<Done>, JournalError> {
    let mut done = Vec::new();
    let mut is_over = false;
    for step in &plan.steps {
        if is_over {
            done.push(Done::new(Outcome::NotReached, None));
            continue;
        }
        let name = step.container.name.as_str();
        let one = Doing { orders, step, journal, tell: &mut |line| tell(&format!("{name}: {line}")) };
        let became = one.run().await?;
        is_over = matches!(became.outcome, Outcome::RolledBack | Outcome::Failed) || *orders.stop.borrow();
        done.push(became);
    }
    Ok(done)
}

/// A step that is being done.
struct Doing<'d, 'o> {
    orders: &'d mut Orders<'o>,
    step: &'d Step,
    journal: &'d mut Journal,
    tell: &'d mut (dyn FnMut(&str) + Send),
}

/// How a watch ended.
enum Ended {
    /// Nothing was worse.
    Well(Option<String>),
    /// The limits from before are wanted again.
    Badly(String),
    /// There is nothing of ours any more.
    Taken(String),
}

impl Doing<'_, '_> {
    async fn run(mut self) -> Result<Done, JournalError> {
        let before = match self.before().await {
            Ok(Some(before)) => before,
            Ok(None) => {
                let reason = "interrupted before anything was changed".to_owned();
                return Ok(Done::new(Outcome::NotReached, reason));
            }
            Err(error) => return Ok(Done::new(Outcome::Failed, error.to_string())),
        };
        let found = match self.is_as_it_was().await {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => {
                (self.tell)(&format!("left alone: {reason}"));
                return Ok(Done { before: Some(before), ..Done::new(Outcome::Skipped, reason) });
            }
            Err(error) => return Ok(Done::new(Outcome::Failed, error.to_string())),
        };
        // From before the change on: what is killed by it is killed at once.
        let mut observer = match Observer::begin(self.orders.updater, &found).await {
            Ok(observer) => observer,
            Err(error) => return Ok(Done::new(Outcome::Failed, error.to_string())),
        };
        let entry = self.journal.add(self.beginning(&found))?;
        let done = self.change(&found, entry, &before, &mut observer).await?;
        Ok(Done { entry: Some(entry), before: Some(before), ..done })
    }

    /// How the container fared, for as long as it will be watched; `None` if it is to end.
    async fn before(&mut self) -> Result<Option<Signs>, UpdateError> {
        let (length, found) = (self.orders.watch, &self.step.container);
        if let Some(query) = self.orders.query {
            match watch::before(query, found, length).await {
                Ok(Some(signs)) => {
                    (self.tell)(&format!("before, by {}: {}", query.name(), fared(&signs)));
                    return Ok(Some(signs));
                }
                Ok(None) => {}
                Err(error) => (self.tell)(&format!("{}: {error}", query.name())),
            }
        }
        (self.tell)(&format!(
            "nothing is changed yet; looking for {} how it fares",
            seconds(length.as_secs_f64())
        ));
        let mut observer = Observer::begin(self.orders.updater, found).await?;
        let began = Instant::now();
        while let Some(left) = length.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            if self.is_stopped_within(left.min(watch::apart(length))).await {
                return Ok(None);
            }
            observer.look().await?;
        }
        (self.tell)(&format!("before: {}", fared(&observer.signs())));
        Ok(Some(observer.signs()))
    }

    async fn is_stopped_within(&mut self, time: Duration) -> bool {
        matches!(timeout(time, self.orders.stop.wait_for(|stop| *stop)).await, Ok(Ok(_)))
    }

    /// The container, or what is not as it was when the plan was made.
    async fn is_as_it_was(&self) -> Result<Result<Found, String>, UpdateError> {
        let updater = self.orders.updater;
        let planned = &self.step.container;
        let Some(found) = updater.find(planned.id).await? else {
            return Ok(Err("changed since: the container is gone".to_owned()));
        };
        let is_same = found.name == planned.name
            && found.tenant == planned.tenant
            && found.settings == planned.settings
            && found.status == Status::Running;
        if !is_same {
            return Ok(Err("changed since: name, tenant, limits or state are not what they were".to_owned()));
        }
        let working_set = updater.usage(found.id).await?.and_then(|usage| usage.working_set);
        let targets: Vec<Target> = self.step.wishes.iter().filter_map(|wish| wish.target).collect();
        let (update, left_alone) = limits::change(&found.settings, &targets, working_set);
        match left_alone.into_iter().next() {
            Some((setting, reason)) => Ok(Err(format!("{}: {reason}", setting.name()))),
            None if update != self.step.update => Ok(Err("changed since it was planned".to_owned())),
            None => Ok(Ok(found)),
        }
    }

    fn beginning(&self, found: &Found) -> Beginning {
        Beginning {
            who: self.orders.who.clone(),
            engine: self.orders.updater.endpoint().to_string(),
            container: found.id.to_string(),
            name: found.name.as_str().to_owned(),
            user: found.tenant.user.as_str().to_owned(),
            project: found.tenant.project.as_str().to_owned(),
            team: found.tenant.team.as_str().to_owned(),
            recommendations: self.step.wishes.iter().map(|wish| wish.id.clone()).collect(),
            before: found.settings,
            after: self.step.update.applied_to(found.settings),
        }
    }

    /// Changes it, watches it, and takes the change back where it fares worse.
    async fn change(
        &mut self,
        found: &Found,
        entry: u64,
        before: &Signs,
        observer: &mut Observer<'_>,
    ) -> Result<Done, JournalError> {
        let after = self.step.update.applied_to(found.settings);
        for (setting, from, to) in self.step.changes() {
            let words = |value| limits::words(setting, value);
            (self.tell)(&format!("{}: {} -> {}", setting.name(), words(from), words(to)));
        }
        let asked = self.orders.updater.update(found.id, &self.step.update).await;
        let is = read_back(self.orders.updater, found.id).await;
        if let Err(error) = asked {
            let is_as_before = matches!(&is, Ok(Some(is)) if is.settings == found.settings);
            let is_gone = matches!(is, Ok(None));
            if is_as_before || is_gone {
                let reason = error.to_string();
                self.journal.say(entry, State::Failed, Some(&reason))?;
                return Ok(Done::new(Outcome::Failed, reason));
            }
            return self.take_back(found, entry, error.to_string()).await;
        }
        match is {
            Ok(Some(is)) if limits::changed(&is.settings, &after).is_empty() => {}
            Ok(Some(_)) => {
                let reason = "the engine did not take it as it was asked".to_owned();
                return self.take_back(found, entry, reason).await;
            }
            Ok(None) => {
                let reason = "the container was removed".to_owned();
                self.journal.say(entry, State::Failed, Some(&reason))?;
                return Ok(Done::new(Outcome::Failed, reason));
            }
            Err(error) => return self.take_back(found, entry, error.to_string()).await,
        }
        if let Err(error) = self.journal.say(entry, State::Applied, None) {
            // Nobody would know of it. That it goes back is tried; `began` stands there anyhow.
            let settings = limits::changed(&found.settings, &after);
            let _ = restored(self.orders.updater, found.id, &found.settings, &settings).await;
            return Err(error);
        }
        (self.tell)(&format!("in force; watched for {}", seconds(self.orders.watch.as_secs_f64())));
        let (ended, signs) = self.watch(found, &after, before, observer).await;
        let done = match ended {
            Ended::Well(note) => {
                (self.tell)(&format!("kept: {}", fared(&signs)));
                self.journal.say(entry, State::Kept, note.as_deref())?;
                Done::new(Outcome::Kept, note)
            }
            Ended::Taken(reason) => {
                (self.tell)(&reason);
                self.journal.say(entry, State::Failed, Some(&reason))?;
                Done::new(Outcome::Failed, reason)
            }
            Ended::Badly(reason) => self.take_back(found, entry, reason).await?,
        };
        Ok(Done { after: Some(signs), ..done })
    }

    /// Looks at a container until as much time has gone as before, or something is worse.
    async fn watch(
        &mut self,
        found: &Found,
        after: &EngineSettings,
        before: &Signs,
        observer: &mut Observer<'_>,
    ) -> (Ended, Signs) {
        let raised = Raised::of(&found.settings, after);
        let (length, began) = (self.orders.watch, Instant::now());
        loop {
            let left = length.saturating_sub(began.elapsed());
            let pause = if left.is_zero() { PAUSE } else { left.min(watch::apart(length)) };
            if self.is_stopped_within(pause).await {
                return (Ended::Badly("interrupted while it was watched".to_owned()), observer.signs());
            }
            let is_over = began.elapsed() >= length;
            let looked = observer.look().await;
            let signs = observer.signs();
            match looked {
                Err(error) if began.elapsed() >= length + PATIENCE => {
                    return (Ended::Badly(format!("it could not be watched: {error}")), signs);
                }
                // Asked again at the next look.
                Err(_) => {}
                Ok(None) => {
                    return (Ended::Taken("the container was removed while it was watched".into()), signs);
                }
                Ok(Some(is)) => {
                    if let Some(ended) = judged(&is, after, before, &signs, raised, is_over) {
                        return (ended, signs);
                    }
                }
            }
        }
    }

    /// Sets the limits from before again.
    async fn take_back(&mut self, found: &Found, entry: u64, reason: String) -> Result<Done, JournalError> {
        (self.tell)(&format!("{reason}; the limits from before are set again"));
        let after = self.step.update.applied_to(found.settings);
        let settings = limits::changed(&found.settings, &after);
        let back = restored(self.orders.updater, found.id, &found.settings, &settings).await;
        let (back, missing) = match back {
            Ok(Some(back)) if back.left_alone.is_empty() => (back, None),
            Ok(Some(back)) => {
                let left = back.left_alone.iter().map(|(one, why)| format!("{}: {why}", one.name()));
                let left = left.collect::<Vec<_>>().join("; ");
                (back, Some(left))
            }
            Ok(None) => {
                let reason = format!("{reason}; the container is gone");
                self.journal.say(entry, State::Failed, Some(&reason))?;
                return Ok(Done::new(Outcome::Failed, reason));
            }
            Err(error) => (Restoring::default(), Some(error.to_string())),
        };
        let Some(missing) = missing else {
            self.journal.say(entry, State::RolledBack, Some(&reason))?;
            (self.tell)("rolled back");
            return Ok(Done { notes: back.notes, ..Done::new(Outcome::RolledBack, reason) });
        };
        let reason = format!(
            "{reason}; not all limits from before could be set again: {missing}; `dockmeter rightsize undo --id={entry} --yes` does it later"
        );
        (self.tell)(&reason);
        self.journal.say(entry, State::Applied, Some(&reason))?;
        Ok(Done { notes: back.notes, ..Done::new(Outcome::Failed, reason) })
    }
}

/// Whether a watch is over, by a look at the container.
fn judged(
    is: &Found,
    after: &EngineSettings,
    before: &Signs,
    signs: &Signs,
    raised: Raised,
    is_over: bool,
) -> Option<Ended> {
    if !limits::changed(&is.settings, after).is_empty() {
        let reason = "somebody else changed its limits while it was watched; they are left as they are";
        return Some(Ended::Taken(reason.to_owned()));
    }
    if let Some(reason) = worse(before, signs, raised, is_over) {
        return Some(Ended::Badly(reason));
    }
    match &is.status {
        Status::Running | Status::Paused | Status::Restarting => is_over.then_some(Ended::Well(None)),
        _ if is.exit_code == Some(0) => {
            Some(Ended::Well(Some("it ended by itself before the watch was over".to_owned())))
        }
        _ => {
            let status = is.exit_code.map_or_else(|| "?".to_owned(), |code| code.to_string());
            Some(Ended::Badly(format!("it ended with exit status {status} while it was watched")))
        }
    }
}

/// What happened to a container, in words.
pub(super) fn fared(signs: &Signs) -> String {
    let throttled = match signs.periods {
        0 => "never held back".to_owned(),
        _ => {
            format!("held back in {} of {} periods", percent(share(signs)), signs.periods)
        }
    };
    format!("{throttled}, {} killed for want of memory, {} restarts", signs.oom_kills, signs.restarts)
}

fn share(signs: &Signs) -> f64 {
    signs.throttled_periods as f64 / signs.periods.max(1) as f64
}

#[cfg(test)]
mod tests;
