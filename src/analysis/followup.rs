//! What became of what was recommended: whether it was applied, and whether what it promised came.
//!
//! Whole days before and after are held against each other, so that night and day are in both and
//! no control by earlier days is needed.

use serde::Serialize;

use super::compare::{Comparison, Pair, Question, Rule, Verdict, compare};
use super::finding::Evidence;
use super::recommendation::{Change, Kind};
use super::series::Series;
use super::words::{cores, percent, seconds, short, size};

const DAY_MS: i64 = 86_400_000;

/// Of a day, samples are joined to medians of so long before they are compared, and of more days
/// to as many: it is all pairs that are looked at.
const STEP_MS: i64 = 300_000;

/// So many days are held against as many before.
const MOST_DAYS: i64 = 7;

/// So long after a change nothing counts: what it concerns starts anew.
const SETTLING_MS: i64 = 600_000;

/// A setting counts as what was recommended within this share of the way to it: somebody rounds.
const NEAR: f64 = 0.1;

/// What should come of a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The series falls: throttled periods, kills, waiting callers, response time. Where a value
    /// was promised, below that.
    Falls {
        /// What it should be below.
        below: Option<f64>,
    },
    /// The series does not rise: what is made smaller must not be felt.
    DoesNotRise,
    /// What the series counts does not happen any more: kills for want of memory, which are too
    /// rare for medians.
    Ends,
}

/// What is known since a recommendation.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// What should have changed.
    pub change: Change,
    /// When that was said.
    pub recommended_at: i64,
    /// Now.
    pub now: i64,
    /// The setting since then, in its unit, and 0 while there was none: `container_cpu_limit_cores`
    /// where it is absent, as `container_spec_memory_limit_bytes` has it; `db_connections_max`.
    pub setting: &'f Series,
    /// The series that shows whether it helped, before and after: the recommendation's `verify`.
    pub watched: &'f Series,
    /// What that should do.
    pub goal: Goal,
    /// A difference of less is noticed by nobody, whatever share it is: 0.01 of a ratio.
    pub least_change: f64,
}

/// What became of a recommendation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FollowUp {
    /// What became of it.
    pub outcome: Outcome,
    /// When it was applied, if it was, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at_ms: Option<i64>,
    /// The median of what was watched, before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    /// The same after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<f64>,
    /// In plain words.
    pub sentence: String,
}

/// What becomes of recommendations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The setting is what it was, or something else.
    NotApplied,
    /// It was applied, and is not any more.
    TakenBack,
    /// It was applied, and a full day has not passed, or too little was seen in it.
    TooEarly,
    /// It was applied, and what it promised came.
    EffectCame,
    /// It was applied, and helped less than it promised.
    LessThanPromised,
    /// It was applied, and nothing changed.
    NoEffect,
    /// It was applied, and what should fall or stay has risen.
    Worse,
    /// It was applied, which is all that there is to see of it.
    Applied,
    /// What was recommended is no single setting, and what it is about is as it was.
    StillSo,
    /// Nothing is known any more of what it is about.
    NotKnown,
}

/// What became of a recommendation that changes no single number: of the first evidence for it, what
/// that is now where it is known, and whether the same would be recommended again.
pub fn look_again(kind: Kind, before: &Evidence, now: Option<f64>, is_said_again: bool) -> FollowUp {
    let is_setting = matches!(kind, Kind::HealthCheck | Kind::RestartPolicy);
    let is_over = now.is_some_and(|now| before.threshold.is_none_or(|most| now <= most));
    let values = || {
        let words = |value: f64| measured(kind, value);
        now.map_or_else(String::new, |now| format!(": {} then and {} now", words(before.value), words(now)))
    };
    let (outcome, sentence) = match (is_said_again, is_setting) {
        (true, true) => (Outcome::NotApplied, "not applied: it is as it was".to_owned()),
        (true, false) => (Outcome::StillSo, format!("still so{}", values())),
        (false, true) if now.is_some() => (Outcome::Applied, "applied: it is set now".to_owned()),
        (false, false) if is_over => (Outcome::EffectCame, format!("over{}", values())),
        _ => (Outcome::NotKnown, "too little is known of it now to say".to_owned()),
    };
    let numbers = now.filter(|_| !is_setting);
    FollowUp { outcome, applied_at_ms: None, before: numbers.map(|_| before.value), after: numbers, sentence }
}

/// A first evidence, in its unit.
fn measured(kind: Kind, value: f64) -> String {
    match kind {
        Kind::Reclaim => size(value),
        Kind::ResponseTime | Kind::QueryIndex => seconds(value),
        Kind::CpuLimit | Kind::CpuReservation => cores(value),
        Kind::MemoryLimit | Kind::MemoryReservation => size(value),
        Kind::HostOvercommit | Kind::PoolSize | Kind::ErrorRate => percent(value),
        Kind::HealthCheck | Kind::RestartPolicy => short(value),
    }
}

/// What became of a recommendation.
pub fn follow_up(facts: &Facts) -> FollowUp {
    let since = facts.setting.between(facts.recommended_at, facts.now);
    if since.points().is_empty() {
        let sentence = "nothing is known of it since then".to_owned();
        let outcome = Outcome::NotKnown;
        return FollowUp { outcome, applied_at_ms: None, before: None, after: None, sentence };
    }
    let is_applied = |(_, value): &&(i64, f64)| is_near(facts.change, *value);
    let applied_at_ms = since.points().iter().find(is_applied).map(|(at, _)| *at);
    let last = since.points().last();
    let still = last.as_ref().is_some_and(is_applied);
    let (outcome, (before, after)) = match applied_at_ms {
        None => (Outcome::NotApplied, (None, None)),
        Some(_) if !still => (Outcome::TakenBack, (None, None)),
        Some(at) => seen(facts, at).unwrap_or((Outcome::TooEarly, (None, None))),
    };
    let sentence = sentence(facts, outcome, last.map(|last| last.1), (before, after));
    FollowUp { outcome, applied_at_ms, before, after, sentence }
}

/// Whether a setting is what was recommended, or beyond it on the same way.
pub fn is_near(change: Change, value: f64) -> bool {
    let (from, to) = change.values();
    match from {
        _ if value <= 0.0 => false,
        // By how much of the way it may be short.
        Some(from) if to > from => value >= to - NEAR * (to - from),
        Some(from) => value <= to + NEAR * (from - to),
        // A first limit counts if it is one: about what was proposed, or less.
        None => value <= to * (1.0 + NEAR),
    }
}

/// What was watched before and after, as far as that is known: medians, or what was counted.
type Medians = (Option<f64>, Option<f64>);

/// What was seen in whole days after a change, beside as many before it; `None` of less than one.
fn seen(facts: &Facts, applied_at: i64) -> Option<(Outcome, Medians)> {
    let begin = applied_at.saturating_add(SETTLING_MS);
    let days = (facts.now.saturating_sub(begin) / DAY_MS).min(MOST_DAYS);
    if days < 1 {
        return None;
    }
    if facts.goal == Goal::Ends {
        return counted(facts, applied_at, begin, days * DAY_MS);
    }
    let comparison = compared(facts, applied_at, begin, days)?;
    Some((judged(facts, &comparison), comparison.medians))
}

/// What was counted in both times.
fn counted(facts: &Facts, applied_at: i64, begin: i64, length: i64) -> Option<(Outcome, Medians)> {
    let values = |after: i64, until: i64| facts.watched.between(after, until).values();
    let (before, after) = (values(applied_at - length, applied_at), values(begin, begin + length));
    if after.is_empty() {
        return None;
    }
    let (before, after): (f64, f64) = (before.iter().sum(), after.iter().sum());
    let outcome = match () {
        () if after <= 0.0 => Outcome::EffectCame,
        () if after > before => Outcome::Worse,
        () if after < before => Outcome::LessThanPromised,
        () => Outcome::NoEffect,
    };
    Some((outcome, (Some(before), Some(after))))
}

fn compared(facts: &Facts, applied_at: i64, begin: i64, days: i64) -> Option<Comparison> {
    let length = days * DAY_MS;
    let values =
        |after: i64, until: i64| facts.watched.between(after, until).medians(STEP_MS * days).values();
    let before = values(applied_at.saturating_sub(length), applied_at);
    let after = values(begin, begin + length);
    let pair = Pair { before, after };
    let question = Question { pair, least_change: facts.least_change, ..Question::default() };
    let comparison = compare(&[question], Rule::default()).pop()?;
    (comparison.verdict != Verdict::NotEnoughData).then_some(comparison)
}

fn judged(facts: &Facts, comparison: &Comparison) -> Outcome {
    let after = comparison.medians.1.unwrap_or_default();
    match (facts.goal, comparison.verdict) {
        (_, Verdict::NotEnoughData) => Outcome::TooEarly,
        (_, Verdict::Higher) => Outcome::Worse,
        (Goal::DoesNotRise | Goal::Ends, _) => Outcome::EffectCame,
        (Goal::Falls { below: Some(most) }, Verdict::Lower) if after > most => Outcome::LessThanPromised,
        (Goal::Falls { .. }, Verdict::Lower) => Outcome::EffectCame,
        (Goal::Falls { .. }, _) => Outcome::NoEffect,
    }
}

fn sentence(facts: &Facts, outcome: Outcome, now: Option<f64>, medians: Medians) -> String {
    let (_, to) = facts.change.values();
    let proposed = in_words(facts.change, to);
    let set = now.filter(|now| *now > 0.0);
    let is_now = set
        .map_or_else(|| "there is none".to_owned(), |now| format!("it is {}", in_words(facts.change, now)));
    let change = match medians {
        (Some(before), Some(after)) if facts.goal == Goal::Ends => {
            format!("{before:.0} times before and {after:.0} times after")
        }
        (Some(before), Some(after)) => format!("{} before and {} after", plain(before), plain(after)),
        _ => String::new(),
    };
    match outcome {
        Outcome::NotApplied => format!("not applied: {proposed} was recommended, and {is_now}"),
        Outcome::TakenBack => format!("applied and taken back: {proposed} was recommended, and {is_now}"),
        Outcome::TooEarly => {
            format!("applied ({is_now}); too early to say more: look again after a full day with data")
        }
        Outcome::EffectCame if helped(facts.goal, medians.0) => format!("applied, and it helped: {change}"),
        Outcome::EffectCame => format!("applied, and nothing suffers from it: {change}"),
        Outcome::LessThanPromised => {
            format!(
                "applied, and it helped less than was promised: {change}; look at the newest recommendation"
            )
        }
        Outcome::NoEffect => format!("applied, and nothing changed: {change}; look for another cause"),
        Outcome::Worse => format!("applied, and it became worse: {change}; take it back"),
        // Of these there is no setting that is a number.
        Outcome::Applied | Outcome::StillSo | Outcome::NotKnown => is_now,
    }
}

/// Whether something was to get better, and not only to stay well.
fn helped(goal: Goal, before: Option<f64>) -> bool {
    match goal {
        Goal::Falls { .. } => true,
        Goal::DoesNotRise => false,
        Goal::Ends => before.is_some_and(|before| before > 0.0),
    }
}

fn in_words(change: Change, value: f64) -> String {
    match change {
        Change::CpuLimit { .. } => format!("a limit of {}", cores(value)),
        Change::CpuReservation { .. } => format!("a reservation of {}", cores(value)),
        Change::MemoryLimit { .. } => format!("a limit of {}", size(value)),
        Change::MemoryReservation { .. } => format!("a reservation of {}", size(value)),
        Change::PoolSize { .. } => format!("a pool of {value:.0} connections"),
    }
}

/// A watched value, whose unit only the question knows; most are shares.
fn plain(value: f64) -> String {
    if (0.0..=1.0).contains(&value) { percent(value) } else { short(value) }
}

#[cfg(test)]
mod tests;
