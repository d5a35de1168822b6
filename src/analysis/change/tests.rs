//! Steps made by hand, and simulated series with and without one.

use super::*;
use crate::analysis::simulation::Random;

/// A quiet wobble, the same every time.
fn wobble(index: usize) -> f64 {
    [0.0, 0.3, -0.2, 0.1, -0.3, 0.2, -0.1][index % 7]
}

/// Levels of so many samples each.
fn steps(levels: &[(f64, usize)]) -> Vec<f64> {
    let flat = levels.iter().flat_map(|(level, count)| std::iter::repeat_n(*level, *count));
    flat.enumerate().map(|(index, level)| level + wobble(index)).collect()
}

fn indices(changes: &[Change]) -> Vec<usize> {
    changes.iter().map(|change| change.index).collect()
}

#[test]
fn a_step_is_found_where_it_is_with_its_means() {
    let found = changes(&steps(&[(10.0, 70), (14.0, 70)]), Rule::default());
    let [change] = &found[..] else { panic!("{found:?}") };
    assert_eq!(change.index, 70);
    assert!((change.before - 10.0).abs() < 1e-9 && (change.after - 14.0).abs() < 1e-9, "{change:?}");
    assert!((change.relative().unwrap() - 0.4).abs() < 1e-9, "{change:?}");
    assert!(change.p < 1e-6, "{change:?}");
}

#[test]
fn steps_are_found_one_by_one_also_at_the_edge_of_a_window() {
    for first in [20, 25, 26, 49, 50, 51] {
        let values = steps(&[(10.0, first), (14.0, 50), (9.0, 60), (10.0, 40)]);
        let found = indices(&changes(&values, Rule::default()));
        assert_eq!(found, [first, first + 50, first + 110]);
        assert_eq!(indices(&changes(&values, Rule::independent())), found);
    }
}

#[test]
fn a_step_just_before_the_end_of_a_window_is_one() {
    for first in 70..80 {
        let found = changes(&steps(&[(100.0, first), (200.0, 90)]), Rule::default());
        assert_eq!(indices(&found), [first]);
    }
}

#[test]
fn a_change_that_nobody_would_notice_is_none() {
    let values = steps(&[(100.0, 60), (103.0, 60)]);
    assert_eq!(changes(&values, Rule::default()), []);
    let rule = Rule { least_change: 0.02, ..Rule::default() };
    assert_eq!(indices(&changes(&values, rule)), [60]);
}

#[test]
fn an_odd_sample_is_no_level_even_at_an_end() {
    let mut values = steps(&[(10.0, 120)]);
    for odd in [0, 60, 119] {
        values[odd] = 40.0;
    }
    assert_eq!(changes(&values, Rule::default()), []);
    assert_eq!(indices(&changes(&values, Rule::independent())), [1, 119]);
}

#[test]
fn what_rises_from_nothing_changes_without_a_share() {
    let mut values = vec![0.0; 40];
    values.extend(steps(&[(10.0, 40)]));
    let found = changes(&values, Rule::default());
    assert_eq!(indices(&found), [40]);
    assert_eq!(found[0].relative(), None);
    let back: Vec<f64> = values.iter().rev().copied().collect();
    let found = changes(&back, Rule::default());
    assert_eq!(found.iter().map(Change::relative).collect::<Vec<_>>(), [Some(-1.0)]);
}

#[test]
fn a_clean_step_is_certain() {
    let mut values = vec![0.1; 30];
    values.extend([0.2; 30]);
    let found = changes(&values, Rule::default());
    assert_eq!((indices(&found), found[0].p), (vec![30], 0.0));
}

#[test]
fn series_that_tell_nothing_have_no_changes() {
    let sawtooth: Vec<f64> = (0..200).map(|index| (index % 2) as f64).collect();
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 0.0].repeat(20);
    for values in [vec![], vec![1.0], vec![1.0, 2.0], vec![0.0; 300], vec![0.1; 300], sawtooth, odd] {
        for window in [0, 1, 2, 50, 1000] {
            let rule = Rule { window, ..Rule::default() };
            assert_eq!(changes(&values, rule), [], "{window} {values:?}");
            changes(&values, Rule { window, least_samples: 0, ..Rule::independent() });
        }
    }
}

#[test]
fn changes_of_a_series_have_the_time_of_the_first_new_sample() {
    let values = steps(&[(10.0, 30), (20.0, 30)]);
    // Two samples a minute; a gap before the new level, and something that is not a number in it.
    let at = |index: usize| 30_000 * index as i64 + if index < 30 { 0 } else { 3_600_000 };
    let points = values.iter().enumerate().map(|(index, value)| (at(index), *value));
    let series = Series::new(points.chain([(1_000_000, f64::NAN)]));
    let found = changes_of(&series, Rule::default());
    assert_eq!(found.iter().map(|(at, change)| (*at, change.index)).collect::<Vec<_>>(), [(at(30), 30)]);
}

/// What is found in simulated series.
struct Found {
    /// Changes a series where there is none.
    untrue: f64,
    /// The share of series in which a change of 20 % is found within five samples.
    found: f64,
    /// Changes a series besides that one.
    besides: f64,
}

/// Series of 240 samples that repeat each other by a share, with noise of 5 %.
fn simulate(series: u64, share: f64, rule: Rule) -> Found {
    let (mut untrue, mut found, mut besides) = (0, 0, 0);
    for seed in 0..series {
        let mut random = Random::new(seed * 7 + 1);
        let noise = random.repeating(240, share);
        let steady: Vec<f64> = noise.iter().map(|noise| 100.0 + 5.0 * noise).collect();
        untrue += changes(&steady, rule).len();
        let at = 60 + (120.0 * random.uniform()) as usize;
        let raise = |(index, value): (usize, &f64)| if index < at { *value } else { value + 20.0 };
        let raised: Vec<f64> = steady.iter().enumerate().map(raise).collect();
        let changes = changes(&raised, rule);
        let is_found = changes.iter().any(|change| change.index.abs_diff(at) <= 5);
        found += usize::from(is_found);
        besides += changes.len() - usize::from(is_found);
    }
    let share = |count: usize| count as f64 / series as f64;
    Found { untrue: share(untrue), found: share(found), besides: share(besides) }
}

#[test]
fn samples_that_repeat_each_other_seldom_look_like_changes() {
    // With `DOCKMETER_SIMULATIONS=2000` what the head of `change.rs` says is measured.
    let series = std::env::var("DOCKMETER_SIMULATIONS").map_or(50, |count| count.parse().unwrap());
    for (share, most_untrue, least_found) in
        [(0.0, 0.2, 0.95), (0.5, 0.4, 0.95), (0.8, 0.4, 0.85), (0.95, 0.4, 0.7)]
    {
        let Found { untrue, found, besides } = simulate(series, share, Rule::default());
        println!("repeating {share}: {untrue:.2} untrue, {found:.3} found, {besides:.2} besides");
        assert!(untrue <= most_untrue && besides <= most_untrue && found >= least_found);
    }
    let plain = simulate(series, 0.8, Rule { may_repeat: false, ..Rule::default() });
    println!(
        "repeating 0.8, taken for independent: {:.2} untrue, {:.2} besides",
        plain.untrue, plain.besides
    );
    assert!(plain.untrue > 4.0, "the correction is not needed any more");
}
