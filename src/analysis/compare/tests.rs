//! Hours that differ, hours that do not, and mornings that always do.

use super::*;
use crate::analysis::simulation::Random;

fn around(level: f64, seed: u64) -> Vec<f64> {
    Random::new(seed).repeating(60, 0.5).iter().map(|noise| level * (1.0 + 0.05 * noise)).collect()
}

fn pair(before: f64, after: f64, seed: u64) -> Pair {
    Pair { before: around(before, seed), after: around(after, seed + 1) }
}

fn question(pair: Pair) -> Question {
    Question { pair, ..Question::default() }
}

fn verdict(pair: Pair, earlier_days: Vec<Pair>) -> Verdict {
    compare(&[Question { earlier_days, ..question(pair) }], Rule::default())[0].verdict
}

#[test]
fn a_shift_that_is_large_and_not_by_chance_is_a_verdict() {
    assert_eq!(verdict(pair(100.0, 120.0, 1), Vec::new()), Verdict::Higher);
    assert_eq!(verdict(pair(100.0, 80.0, 3), Vec::new()), Verdict::Lower);
    assert_eq!(verdict(pair(100.0, 100.0, 5), Vec::new()), Verdict::Same);
}

#[test]
fn what_nobody_would_notice_is_none_however_sure_it_is() {
    let steady = |level: f64| vec![level; 60];
    let by = |after: f64| Pair { before: steady(100.0), after: steady(after) };
    assert_eq!(verdict(by(109.0), Vec::new()), Verdict::Same);
    assert_eq!(verdict(by(110.0), Vec::new()), Verdict::Higher);
    let of_little = Question { least_change: 20.0, ..question(by(110.0)) };
    assert_eq!(compare(&[of_little], Rule::default())[0].verdict, Verdict::Same);
}

#[test]
fn anything_is_more_than_nothing() {
    let errors = Pair { before: vec![0.0; 40], after: vec![0.02; 40] };
    let found = compare(&[question(errors)], Rule::default())[0];
    assert_eq!((found.verdict, found.ratio), (Verdict::Higher, None));
    let idle = Pair { before: vec![0.0; 40], after: vec![0.0; 40] };
    assert_eq!(verdict(idle, Vec::new()), Verdict::Same);
}

#[test]
fn what_every_morning_brings_is_not_the_deploys() {
    let mornings: Vec<Pair> = (0..5).map(|day| pair(100.0, 150.0, 100 + day * 2)).collect();
    assert_eq!(verdict(pair(100.0, 150.0, 1), mornings.clone()), Verdict::AsOnOtherDays);
    assert_eq!(verdict(pair(100.0, 200.0, 3), mornings.clone()), Verdict::Higher, "more than usual");
    assert_eq!(verdict(pair(100.0, 100.0, 5), mornings), Verdict::Same, "nothing came, and nothing changed");
}

#[test]
fn too_few_samples_say_so() {
    let short = Pair { before: around(100.0, 1), after: around(200.0, 2)[..29].to_vec() };
    let found = compare(&[question(short)], Rule::default())[0];
    assert_eq!((found.verdict, found.samples), (Verdict::NotEnoughData, (60, 29)));
    assert!(found.shift.is_some(), "what there is is shown all the same");
    let nothing = compare(&[Question::default()], Rule::default())[0];
    assert_eq!((nothing.verdict, nothing.medians), (Verdict::NotEnoughData, (None, None)));
}

#[test]
fn many_measures_do_not_make_a_verdict_by_chance() {
    // Noise as large as the effect that counts, so that the test alone decides.
    let noisy = |seed: u64| {
        let values = Random::new(seed).repeating(120, 0.0);
        let values: Vec<f64> = values.iter().map(|noise| 100.0 * (1.0 + 0.4 * noise)).collect();
        question(Pair { before: values[..60].to_vec(), after: values[60..].to_vec() })
    };
    let differs = |one: &Comparison| matches!(one.verdict, Verdict::Higher | Verdict::Lower);
    let runs: Vec<bool> = (0..200)
        .map(|run| {
            let measures: Vec<_> = (0..20).map(|measure| noisy(run * 1000 + measure)).collect();
            compare(&measures, Rule::default()).iter().any(differs)
        })
        .collect();
    let wrong = runs.iter().filter(|wrong| **wrong).count();
    assert!(wrong <= 16, "{wrong} of 200 comparisons of 20 measures without a difference");
}
