//! The users' rules.

use super::super::super::series::Series;
use super::super::usual::{Rule, Verdict, judge};
use super::{DAY_STEPS, at, noisy, series};

const RULE: Rule = Rule { least: 5.0, ..Rule::CPU };

fn verdict(values: Vec<f64>) -> Verdict {
    let now = at(values.len().saturating_sub(1));
    judge(&series(values), now, RULE)
}

fn with_last(days: usize, last: [f64; 3]) -> Vec<f64> {
    let mut values = noisy(days * DAY_STEPS, 1);
    let length = values.len();
    values[length - 3..].copy_from_slice(&last);
    values
}

#[test]
fn half_as_much_again_for_three_steps_is_more() {
    let Verdict::More(anomaly) = verdict(with_last(4, [170.0, 165.0, 180.0])) else { panic!("not more") };
    assert_eq!(anomaly.value, 165.0);
    assert!((anomaly.expected - 105.0).abs() < 1.0 && (anomaly.high - 157.4).abs() < 1.5, "{anomaly:?}");
    assert!((anomaly.score - 165.0 / anomaly.expected).abs() < 1e-9);
    assert!(
        (3 * DAY_STEPS - 3..=3 * DAY_STEPS).contains(&anomaly.samples),
        "the last day does not count: {anomaly:?}"
    );
}

#[test]
fn less_or_shorter_is_usual() {
    assert_eq!(verdict(with_last(4, [150.0, 150.0, 150.0])), Verdict::Usual);
    assert_eq!(verdict(with_last(4, [100.0, 300.0, 300.0])), Verdict::Usual);
    assert_eq!(verdict(vec![0.0; 900]), Verdict::Usual);
}

#[test]
fn what_rose_during_the_last_day_does_not_hide_itself() {
    let mut values = noisy(4 * DAY_STEPS, 1);
    values[3 * DAY_STEPS + 20..].fill(200.0);
    assert!(matches!(verdict(values), Verdict::More(_)));
}

#[test]
fn an_idle_container_is_silent_below_the_floor() {
    let mut values = vec![0.0; 3 * DAY_STEPS];
    values[3 * DAY_STEPS - 3..].fill(4.0);
    assert_eq!(verdict(values.clone()), Verdict::Usual);
    values[3 * DAY_STEPS - 3..].fill(6.0);
    let Verdict::More(anomaly) = verdict(values) else { panic!("not more") };
    assert!(anomaly.score.is_finite() && anomaly.high == 5.0);
}

#[test]
fn less_than_a_day_is_not_enough() {
    assert_eq!(verdict(vec![]), Verdict::NotEnoughData);
    assert_eq!(verdict(vec![1.0; DAY_STEPS - 1]), Verdict::NotEnoughData);
    assert!(matches!(verdict(with_last(1, [500.0; 3])), Verdict::More(_)), "a day is");
    let ends = series(noisy(4 * DAY_STEPS, 1));
    assert_eq!(judge(&ends, at(4 * DAY_STEPS + 10), RULE), Verdict::NotEnoughData, "nothing of late");
    let sparse = Series::new((0..6).map(|day| (at(day * DAY_STEPS), 1.0)));
    assert_eq!(judge(&sparse, at(5 * DAY_STEPS), RULE), Verdict::NotEnoughData);
    assert_eq!(judge(&sparse, at(0), Rule { step_ms: 0, steps: 0, ..RULE }), Verdict::NotEnoughData);
}
