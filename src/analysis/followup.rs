//! What became of what was recommended: whether it was applied, and whether what it promised came.
//!
//! Whole days before and after are held against each other, so that night and day are in both and
//! no control by earlier days is needed.

use serde::Serialize;

use super::compare::{Comparison, Pair, Question, Rule, Verdict, compare};
use super::recommendation::Change;
use super::series::Series;
use super::words::{cores, percent, short, size};

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
}

/// What became of a recommendation.
pub fn follow_up(facts: &Facts) -> FollowUp {
    let since = facts.setting.between(facts.recommended_at, facts.now);
    let is_applied = |(_, value): &&(i64, f64)| is_near(facts.change, *value);
    let applied_at_ms = since.points().iter().find(is_applied).map(|(at, _)| *at);
    let last = since.points().last();
    let still = last.as_ref().is_some_and(is_applied);
    let (outcome, comparison) = match applied_at_ms {
        None => (Outcome::NotApplied, None),
        Some(_) if !still => (Outcome::TakenBack, None),
        Some(at) => compared(facts, at)
            .map_or((Outcome::TooEarly, None), |comparison| (judged(facts, &comparison), Some(comparison))),
    };
    let (before, after) = comparison.map_or((None, None), |comparison| comparison.medians);
    let sentence = sentence(facts, outcome, last.map(|last| last.1), (before, after));
    FollowUp { outcome, applied_at_ms, before, after, sentence }
}

/// Whether a setting is what was recommended, or beyond it on the same way.
fn is_near(change: Change, value: f64) -> bool {
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

/// Whole days after a change beside as many before it; `None` of less than one.
fn compared(facts: &Facts, applied_at: i64) -> Option<Comparison> {
    let begin = applied_at.saturating_add(SETTLING_MS);
    let days = (facts.now.saturating_sub(begin) / DAY_MS).min(MOST_DAYS);
    if days < 1 {
        return None;
    }
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
        (Goal::DoesNotRise, _) => Outcome::EffectCame,
        (Goal::Falls { below: Some(most) }, Verdict::Lower) if after > most => Outcome::LessThanPromised,
        (Goal::Falls { .. }, Verdict::Lower) => Outcome::EffectCame,
        (Goal::Falls { .. }, _) => Outcome::NoEffect,
    }
}

fn sentence(
    facts: &Facts,
    outcome: Outcome,
    now: Option<f64>,
    medians: (Option<f64>, Option<f64>),
) -> String {
    let (_, to) = facts.change.values();
    let proposed = in_words(facts.change, to);
    let set = now.filter(|now| *now > 0.0);
    let is_now = set
        .map_or_else(|| "there is none".to_owned(), |now| format!("it is {}", in_words(facts.change, now)));
    let change = match medians {
        (Some(before), Some(after)) => format!("{} before and {} after", plain(before), plain(after)),
        _ => String::new(),
    };
    match outcome {
        Outcome::NotApplied => format!("not applied: {proposed} was recommended, and {is_now}"),
        Outcome::TakenBack => format!("applied and taken back: {proposed} was recommended, and {is_now}"),
        Outcome::TooEarly => {
            format!("applied ({is_now}); too early to say more: look again after a full day with data")
        }
        Outcome::EffectCame if facts.goal != Goal::DoesNotRise => format!("applied, and it helped: {change}"),
        Outcome::EffectCame => format!("applied, and nothing suffers from it: {change}"),
        Outcome::LessThanPromised => {
            format!(
                "applied, and it helped less than was promised: {change}; look at the newest recommendation"
            )
        }
        Outcome::NoEffect => format!("applied, and nothing changed: {change}; look for another cause"),
        Outcome::Worse => format!("applied, and it became worse: {change}; take it back"),
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
mod tests {
    use proptest::prelude::*;

    use super::super::simulation::Random;
    use super::*;

    const RAISE: Change = Change::CpuLimit { from_cores: Some(0.5), to_cores: 0.8 };
    const FALLS: Goal = Goal::Falls { below: Some(0.05) };
    const APPLIED: i64 = 8 * DAY_MS;

    /// Five-minute samples of `before` until a time and `after` from it on, with some noise.
    fn steps(before: f64, after: f64, days: i64) -> Series {
        let mut random = Random::new(5);
        Series::new((0..days * 288).map(|step| {
            let at = step * STEP_MS;
            let level = if at < APPLIED { before } else { after };
            (at, level * (1.0 + 0.05 * random.normal()))
        }))
    }

    fn exact(before: f64, after: f64, days: i64) -> Series {
        Series::new(
            (0..days * 288)
                .map(|step| (step * STEP_MS, if step * STEP_MS < APPLIED { before } else { after })),
        )
    }

    fn followed(change: Change, setting: &Series, watched: &Series, days: i64, goal: Goal) -> FollowUp {
        let now = days * DAY_MS;
        follow_up(&Facts {
            change,
            recommended_at: 7 * DAY_MS,
            now,
            setting,
            watched,
            goal,
            least_change: 0.01,
        })
    }

    #[test]
    fn a_limit_that_stays_is_not_applied() {
        let found = followed(RAISE, &exact(0.5, 0.5, 12), &steps(0.6, 0.6, 12), 12, FALLS);
        assert_eq!((found.outcome, found.applied_at_ms), (Outcome::NotApplied, None));
        assert_eq!(
            found.sentence,
            "not applied: a limit of 0.80 cores was recommended, and it is a limit of 0.50 cores"
        );
    }

    #[test]
    fn a_raise_that_ended_throttling_helped() {
        let found = followed(RAISE, &exact(0.5, 0.8, 12), &steps(0.6, 0.02, 12), 12, FALLS);
        assert_eq!((found.outcome, found.applied_at_ms), (Outcome::EffectCame, Some(APPLIED)));
        assert_eq!(found.sentence, "applied, and it helped: 60 % before and 2 % after");
    }

    #[test]
    fn throttling_that_went_away_altogether_helped_too() {
        let found = followed(RAISE, &exact(0.5, 1.0, 12), &exact(0.6, 0.0, 12), 12, FALLS);
        assert_eq!(found.outcome, Outcome::EffectCame);
    }

    #[test]
    fn a_change_without_effect_and_one_that_hurts_are_told_apart() {
        let setting = exact(0.5, 0.8, 12);
        let same = followed(RAISE, &setting, &steps(0.6, 0.6, 12), 12, FALLS);
        assert_eq!(same.outcome, Outcome::NoEffect);
        let worse = followed(RAISE, &setting, &steps(0.3, 0.6, 12), 12, FALLS);
        assert_eq!(worse.outcome, Outcome::Worse);
    }

    #[test]
    fn a_raise_that_was_too_small_helped_less_than_promised() {
        let found = followed(RAISE, &exact(0.5, 0.8, 12), &steps(0.6, 0.3, 12), 12, FALLS);
        assert_eq!(found.outcome, Outcome::LessThanPromised);
    }

    #[test]
    fn what_nobody_notices_is_no_harm() {
        let found = followed(RAISE, &exact(0.5, 0.8, 12), &steps(0.001, 0.003, 12), 12, Goal::DoesNotRise);
        assert_eq!(found.outcome, Outcome::EffectCame);
    }

    #[test]
    fn what_was_made_smaller_is_well_if_nothing_rose() {
        let lower = Change::MemoryLimit { from_bytes: Some(512.0), to_bytes: 116.0 };
        let setting = exact(512.0, 120.0, 12);
        let well = followed(lower, &setting, &steps(0.1, 0.1, 12), 12, Goal::DoesNotRise);
        assert_eq!(well.outcome, Outcome::EffectCame);
        let felt = followed(lower, &setting, &steps(0.1, 0.3, 12), 12, Goal::DoesNotRise);
        assert_eq!(felt.outcome, Outcome::Worse);
    }

    #[test]
    fn on_the_first_day_and_without_samples_it_is_too_early() {
        let early = followed(RAISE, &exact(0.5, 0.8, 9), &steps(0.6, 0.02, 9), 9, FALLS);
        assert_eq!((early.outcome, early.applied_at_ms), (Outcome::TooEarly, Some(APPLIED)));
        let blind = followed(RAISE, &exact(0.5, 0.8, 12), &Series::default(), 12, FALLS);
        assert_eq!(blind.outcome, Outcome::TooEarly);
    }

    #[test]
    fn what_is_not_there_any_more_was_taken_back() {
        let there_and_back =
            Series::new([(APPLIED, 0.8), (APPLIED + DAY_MS, 0.8), (APPLIED + 2 * DAY_MS, 0.5)]);
        let found = followed(RAISE, &there_and_back, &steps(0.6, 0.6, 12), 12, FALLS);
        assert_eq!(found.outcome, Outcome::TakenBack);
        let removed = Series::new([(APPLIED, 0.8), (APPLIED + DAY_MS, 0.0)]);
        let found = followed(RAISE, &removed, &steps(0.6, 0.6, 12), 12, FALLS);
        assert_eq!(
            found.sentence,
            "applied and taken back: a limit of 0.80 cores was recommended, and there is none"
        );
    }

    #[test]
    fn a_first_limit_counts_once_there_is_one() {
        let first = Change::MemoryLimit { from_bytes: None, to_bytes: 128.0 };
        let at =
            |setting: &Series| followed(first, setting, &steps(0.1, 0.1, 12), 12, Goal::DoesNotRise).outcome;
        assert_eq!(at(&Series::default()), Outcome::NotApplied);
        assert_eq!(at(&Series::new([(APPLIED, 0.0)])), Outcome::NotApplied);
        assert_eq!(at(&Series::new([(APPLIED, 128.0), (11 * DAY_MS, 128.0)])), Outcome::EffectCame);
        assert_eq!(at(&Series::new([(APPLIED, 4096.0)])), Outcome::NotApplied);
    }

    proptest! {
        #[test]
        fn anything_gives_an_answer(
            setting in proptest::collection::vec((0_i64..12 * DAY_MS, prop_oneof![Just(f64::NAN), 0.0..2.0]), 0..40),
            watched in proptest::collection::vec((0_i64..12 * DAY_MS, prop_oneof![Just(0.0), 0.0..1e9]), 0..200),
            from in proptest::option::of(0.01..2.0),
            to in 0.01..2.0,
        ) {
            let change = Change::CpuLimit { from_cores: from, to_cores: to };
            let found = followed(change, &Series::new(setting), &Series::new(watched), 12, FALLS);
            prop_assert_eq!(found.applied_at_ms.is_some(), found.outcome != Outcome::NotApplied);
            prop_assert!(!found.sentence.is_empty());
        }
    }
}
