//! How often verdicts are wrong on series whose truth is known.

use crate::analysis::compare::{Pair, Question, Rule, Verdict, compare};
use crate::analysis::simulation::Random;
use crate::analysis::statistics::monotone;

const RUNS: u64 = 1000;

/// Two hours of minutes around 100, of which each repeats a share of the one before it.
fn series(seed: u64, repeats: f64, noise: f64) -> Vec<f64> {
    let values = Random::new(seed * 7 + 1).repeating(120, repeats);
    values.iter().map(|value| 100.0 * (1.0 + noise * value)).collect()
}

fn differs(before: &[f64], after: &[f64]) -> bool {
    let pair = Pair { before: before.to_vec(), after: after.to_vec() };
    let question = Question { pair, ..Question::default() };
    let verdict = compare(&[question], Rule::default())[0].verdict;
    matches!(verdict, Verdict::Higher | Verdict::Lower)
}

fn percent(of: impl Fn(u64) -> bool) -> f64 {
    (0..RUNS).filter(|seed| of(*seed)).count() as f64 / RUNS as f64 * 100.0
}

#[test]
fn equal_hours_are_seldom_called_different_however_much_samples_repeat_each_other() {
    for (repeats, at_most) in [(0.0, 7.0), (0.5, 7.0), (0.8, 10.0), (0.95, 15.0)] {
        // With little noise hardly anything reaches the least effect; with much the test decides.
        for noise in [0.05, 0.3] {
            let wrong = percent(|seed| {
                let values = series(seed, repeats, noise);
                differs(&values[..60], &values[60..])
            });
            assert!(wrong <= at_most, "{wrong} % at {repeats} with noise of {noise}");
        }
    }
}

#[test]
fn a_fifth_more_is_found_in_an_hour() {
    for repeats in [0.0, 0.5, 0.8, 0.95] {
        let found = percent(|seed| {
            let values = series(seed, repeats, 0.05);
            let after: Vec<f64> = values[60..].iter().map(|value| value * 1.2).collect();
            differs(&values[..60], &after)
        });
        assert!(found >= 95.0, "{found} % at {repeats}");
    }
}

#[test]
fn noise_has_no_trend() {
    for (repeats, at_most) in [(0.0, 7.0), (0.5, 7.0), (0.8, 10.0), (0.95, 15.0)] {
        let wrong = percent(|seed| {
            let values = series(seed, repeats, 0.05);
            let points: Vec<(f64, f64)> =
                values.iter().enumerate().map(|(place, value)| (place as f64, *value)).collect();
            monotone::slope(&points).is_some_and(|slope| slope.p < 0.05)
        });
        assert!(wrong <= at_most, "{wrong} % at {repeats}");
    }
}
