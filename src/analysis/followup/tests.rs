//! Days before and after a change, and what was found again without one.

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
        (0..days * 288).map(|step| (step * STEP_MS, if step * STEP_MS < APPLIED { before } else { after })),
    )
}

fn followed(change: Change, setting: &Series, watched: &Series, days: i64, goal: Goal) -> FollowUp {
    let now = days * DAY_MS;
    follow_up(&Facts { change, recommended_at: 7 * DAY_MS, now, setting, watched, goal, least_change: 0.01 })
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
    let there_and_back = Series::new([(APPLIED, 0.8), (APPLIED + DAY_MS, 0.8), (APPLIED + 2 * DAY_MS, 0.5)]);
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
    let at = |setting: &Series| followed(first, setting, &steps(0.1, 0.1, 12), 12, Goal::DoesNotRise).outcome;
    assert_eq!(at(&Series::default()), Outcome::NotKnown);
    assert_eq!(at(&Series::new([(APPLIED, 0.0)])), Outcome::NotApplied);
    assert_eq!(at(&Series::new([(APPLIED, 128.0), (11 * DAY_MS, 128.0)])), Outcome::EffectCame);
    assert_eq!(at(&Series::new([(APPLIED, 4096.0)])), Outcome::NotApplied);
}

/// A kill at noon of each day before [`APPLIED`], and as many after it as are said.
fn kills(after: f64, days: i64) -> Series {
    Series::new((0..days * 288).map(|step| {
        let at = step * STEP_MS;
        let many = if at < APPLIED { 1.0 } else { after };
        (at, if step % 288 == 144 { many } else { 0.0 })
    }))
}

#[test]
fn what_is_too_rare_for_medians_is_counted() {
    let more = Change::MemoryLimit { from_bytes: Some(100.0), to_bytes: 128.0 };
    let setting = exact(100.0, 128.0, 12);
    let of = |after: f64| followed(more, &setting, &kills(after, 12), 12, Goal::Ends);
    assert_eq!(of(0.0).outcome, Outcome::EffectCame);
    assert_eq!(of(0.0).sentence, "applied, and it helped: 3 times before and 0 times after");
    assert_eq!(of(1.0).outcome, Outcome::NoEffect);
    assert_eq!(of(2.0).outcome, Outcome::Worse);
    let never = followed(more, &setting, &exact(0.0, 0.0, 12), 12, Goal::Ends);
    assert_eq!(never.sentence, "applied, and nothing suffers from it: 0 times before and 0 times after");
}

#[test]
fn what_is_no_single_setting_is_looked_at_again() {
    use super::super::finding::Window;
    let seen = |value: f64, threshold: Option<f64>| Evidence {
        metric: "m".into(),
        value,
        threshold,
        window: Window { from: 0, to: 1 },
        samples: 1,
    };
    let slow = |now, again| look_again(Kind::ResponseTime, &seen(3.0, Some(2.0)), now, again);
    let still = slow(Some(2.8), true);
    assert_eq!((still.outcome, &*still.sentence), (Outcome::StillSo, "still so: 3 s then and 2.8 s now"));
    let over = slow(Some(0.4), false);
    assert_eq!((over.outcome, &*over.sentence), (Outcome::EffectCame, "over: 3 s then and 400 ms now"));
    assert_eq!((over.before, over.after), (Some(3.0), Some(0.4)));
    // Fewer requests than say anything.
    assert_eq!(slow(Some(9.0), false).outcome, Outcome::NotKnown);
    assert_eq!(slow(None, false).outcome, Outcome::NotKnown);
    let check = |now, again| look_again(Kind::HealthCheck, &seen(-1.0, None), now, again).outcome;
    assert_eq!(check(Some(-1.0), true), Outcome::NotApplied);
    assert_eq!(check(Some(1.0), false), Outcome::Applied);
    assert_eq!(check(None, false), Outcome::NotKnown);
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
        let is_not = matches!(found.outcome, Outcome::NotApplied | Outcome::NotKnown);
        prop_assert_eq!(found.applied_at_ms.is_none(), is_not);
        prop_assert!(!found.sentence.is_empty());
    }
}
