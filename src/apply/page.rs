//! What was done or would be, as text and JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::journal::{Entry, Read, State};
use super::limits::words;
use super::plan::{LeftAlone, Plan, Step};
use super::run::{Done, Outcome, fared};
use super::undo::Undone;
use super::verdict::Signs;
use super::wish::Setting;
use crate::analysis::words::counted;
use crate::docker::update_call;

/// Everything that is to be said.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// Whether nothing was changed, since nobody said yes.
    pub dry_run: bool,
    /// One for each container or entry.
    pub changes: Vec<Line>,
    /// What was chosen and is not done.
    pub left_alone: Vec<Left>,
    /// What somebody has to know.
    pub notes: Vec<String>,
}

/// What is done to a container.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// Its name.
    pub container: String,
    /// Its id.
    pub container_id: String,
    /// Whose it is.
    pub user: String,
    /// Whose it is.
    pub project: String,
    /// Whose it is.
    pub team: String,
    /// The settings that change.
    pub settings: Vec<Changed>,
    /// What the engine is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What became of it.
    pub outcome: &'static str,
    /// Why, where that is to be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// What it brings, and what may go wrong, by the recommendations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Expected>,
    /// How the container fared before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Signs>,
    /// How it fared then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Signs>,
    /// What somebody has to know besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A setting that changes, in cores or bytes; absent is none.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Changed {
    /// Which.
    pub setting: &'static str,
    /// From this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<f64>,
    /// To this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<f64>,
    #[serde(skip)]
    kind: Option<Setting>,
}

/// What a recommendation says of a change.
#[derive(Clone, Debug, Serialize)]
pub struct Expected {
    /// Its id.
    pub recommendation: String,
    /// What it brings.
    pub effect: String,
    /// What may go wrong.
    pub risk: String,
}

/// Something that is left alone.
#[derive(Clone, Debug, Serialize)]
pub struct Left {
    /// The container, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What should change.
    pub kind: String,
    /// Why it does not.
    pub reason: String,
}

fn changed(changes: &[(Setting, Option<f64>, Option<f64>)]) -> Vec<Changed> {
    let one = |(setting, from, to): &(Setting, _, _)| Changed {
        setting: setting.name(),
        from: *from,
        to: *to,
        kind: Some(*setting),
    };
    changes.iter().map(one).collect()
}

impl Outcome {
    /// As people and programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Kept => "kept",
            Outcome::RolledBack => "rolled_back",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
            Outcome::NotReached => "not_reached",
        }
    }
}

impl Answer {
    /// Of a plan of which nothing is done.
    pub fn of_plan(plan: &Plan) -> Answer {
        let changes = plan.steps.iter().map(|step| line(step, None)).collect();
        Answer { dry_run: true, changes, left_alone: left(&plan.left_alone), notes: Vec::new() }
    }

    /// Of a plan and what became of it.
    pub fn of_run(plan: &Plan, done: &[Done]) -> Answer {
        let changes = plan.steps.iter().zip(done).map(|(step, done)| line(step, Some(done))).collect();
        Answer { dry_run: false, changes, left_alone: left(&plan.left_alone), notes: Vec::new() }
    }

    /// Of what is taken back, or would be.
    pub fn of_undo(undone: &[Undone], dry_run: bool) -> Answer {
        let changes = undone.iter().map(taken_back).collect();
        Answer { dry_run, changes, ..Answer::default() }
    }

    /// What a journal says besides: lines that are broken, and changes without an end.
    pub fn heed(&mut self, read: &Read) {
        if !read.broken.is_empty() {
            let lines = read.broken.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.notes.push(format!(
                "the journal's line {lines} cannot be understood, as after a crash; the others count"
            ));
        }
        let finished = |entry: &&Entry| entry.state.is_unfinished();
        for entry in read.entries.iter().filter(finished) {
            let (number, name, at) = (entry.number, &entry.change.name, entry.at);
            let then = match entry.state {
                State::Began => "whether it was done is not known",
                _ => "it was in force and not watched to the end",
            };
            self.notes.push(format!(
                "entry {number} of the journal, `{name}` at {at}, was not brought to an end: {then}; `dockmeter rightsize undo --id={number} --yes` takes it back"
            ));
        }
    }

    /// Whether any change ended like this.
    pub fn has(&self, outcomes: &[&str]) -> bool {
        self.changes.iter().any(|line| outcomes.contains(&line.outcome))
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// As people read it; `yes` says how it is done where it was not, `nothing` that there is nothing.
    pub fn text(&self, yes: &str, nothing: &str) -> String {
        let mut text = String::new();
        for line in &self.changes {
            line.write(&mut text);
        }
        if !self.left_alone.is_empty() {
            text.push_str("Left alone:\n");
            for left in &self.left_alone {
                let container = left.container.as_deref().unwrap_or("the host");
                let _ = writeln!(text, "   {} of {}: {}", left.kind, plain(container), plain(&left.reason));
            }
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "{}", plain(note));
        }
        let count = counted(self.changes.len(), "change");
        let _ = match (self.changes.is_empty(), self.dry_run) {
            (true, _) => writeln!(text, "{nothing}"),
            (false, true) => writeln!(text, "{count}; nothing was done: {yes}"),
            (false, false) => writeln!(text, "{count}: {}", self.sums()),
        };
        text
    }

    fn sums(&self) -> String {
        let mut sums: Vec<(&str, usize)> = Vec::new();
        for line in &self.changes {
            match sums.iter_mut().find(|(outcome, _)| *outcome == line.outcome) {
                Some((_, count)) => *count += 1,
                None => sums.push((line.outcome, 1)),
            }
        }
        let sums = sums.iter().map(|(outcome, count)| format!("{count} {}", outcome.replace('_', " ")));
        sums.collect::<Vec<_>>().join(", ")
    }
}

impl Line {
    fn write(&self, text: &mut String) {
        let Line { container, user, project, team, .. } = self;
        let id = self.container_id.get(..12).unwrap_or(&self.container_id);
        let head = plain(&format!("{container}  {user} / {project} / {team}  {id}"));
        let outcome = self.outcome.replace('_', " ");
        let entry = self.entry.map(|entry| format!("  entry {entry}")).unwrap_or_default();
        let _ = writeln!(text, "{head}  {outcome}{entry}");
        for changed in &self.settings {
            let words = |value| changed.kind.map(|kind| words(kind, value)).unwrap_or_default();
            let _ = writeln!(
                text,
                "   {}: {} -> {}",
                changed.setting.replace('_', " "),
                words(changed.from),
                words(changed.to)
            );
        }
        let mut say = |what: &str, words: &str| {
            if !words.is_empty() {
                let _ = writeln!(text, "   {what}: {}", plain(words));
            }
        };
        say("call", self.call.as_deref().unwrap_or_default());
        for Expected { effect, risk, .. } in &self.expected {
            say("effect", effect);
            say("risk", risk);
        }
        say("before", &self.before.as_ref().map(fared).unwrap_or_default());
        say("after", &self.after.as_ref().map(fared).unwrap_or_default());
        say("why", self.reason.as_deref().unwrap_or_default());
        for note in &self.notes {
            say("note", note);
        }
        text.push('\n');
    }
}

fn line(step: &Step, done: Option<&Done>) -> Line {
    let found = &step.container;
    let expected = step.wishes.iter().map(|wish| Expected {
        recommendation: wish.id.clone(),
        effect: wish.effect.clone(),
        risk: wish.risk.clone(),
    });
    Line {
        container: found.name.as_str().to_owned(),
        container_id: found.id.to_string(),
        user: found.tenant.user.as_str().to_owned(),
        project: found.tenant.project.as_str().to_owned(),
        team: found.tenant.team.as_str().to_owned(),
        settings: changed(&step.changes()),
        call: Some(update_call(found.id, &step.update)),
        outcome: done.map_or("planned", |done| done.outcome.word()),
        reason: done.and_then(|done| done.reason.clone()),
        entry: done.and_then(|done| done.entry),
        // Who reads what has become of it has read this before.
        expected: if done.is_none() { expected.collect() } else { Vec::new() },
        before: done.and_then(|done| done.before),
        after: done.and_then(|done| done.after),
        notes: done.map(|done| done.notes.clone()).unwrap_or_default(),
    }
}

fn taken_back(undone: &Undone) -> Line {
    let change = &undone.entry.change;
    Line {
        container: change.name.clone(),
        container_id: change.container.clone(),
        user: change.user.clone(),
        project: change.project.clone(),
        team: change.team.clone(),
        settings: changed(&undone.changes),
        call: undone.call.clone(),
        outcome: undone.outcome.word(),
        reason: undone.reason.clone(),
        entry: Some(undone.entry.number),
        notes: undone.notes.clone(),
        ..Line::default()
    }
}

fn left(left_alone: &[LeftAlone]) -> Vec<Left> {
    let one = |left: &LeftAlone| Left {
        container: left.container.clone(),
        kind: left.kind.clone(),
        reason: left.reason.clone(),
    };
    left_alone.iter().map(one).collect()
}

/// One line, whatever a container is called.
fn plain(line: &str) -> String {
    line.replace(|c: char| c.is_control(), " ")
}
