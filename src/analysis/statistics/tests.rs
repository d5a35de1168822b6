//! Small cases by hand, and properties of any values.

use proptest::prelude::*;

use super::correlation::{lagged, spearman};
use super::distribution::{normal_two_sided, student_two_sided};
use super::monotone::slope;
use super::order::{Ranks, median, quantile, robust_deviation};
use super::rank_sum::{shift, superiority};
use super::serial::inflation;

#[test]
fn what_lies_where() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.95), Some(4.8));
    // Distances from 3 are 2, 1, 0, 1, 997: the one far away counts as any other.
    assert_eq!(robust_deviation(&[1.0, 2.0, 3.0, 4.0, 1000.0]), Some(1.482_602_218_505_602));
    assert_eq!(Ranks::of(&[20.0, 10.0, 20.0]).ranks, [2.5, 1.0, 2.5]);
}

#[test]
fn chances_are_those_of_the_tables() {
    assert!((normal_two_sided(1.959_963_984_540_054) - 0.05).abs() < 1e-12);
    assert!((student_two_sided(2.228_138_851_964_94, 10.0) - 0.05).abs() < 1e-10);
    assert_eq!((normal_two_sided(0.0), student_two_sided(0.0, 5.0)), (1.0, 1.0));
}

#[test]
fn a_shift_is_the_median_of_all_differences() {
    let found = shift(&[1.0, 2.0, 3.0], &[11.0, 12.0, 13.0], 1.0).unwrap();
    assert_eq!((found.by, found.low, found.high), (10.0, 8.0, 12.0));
    assert_eq!(superiority(&[1.0, 2.0, 3.0], &[11.0, 12.0, 13.0]), Some(1.0));
    assert_eq!(superiority(&[1.0, 2.0], &[1.0, 2.0]), Some(0.5));
}

#[test]
fn a_line_with_a_few_odd_points_keeps_its_slope() {
    let mut points: Vec<(f64, f64)> = (0..40).map(|x| (f64::from(x), 3.0 * f64::from(x) + 7.0)).collect();
    for odd in [3, 17, 30] {
        points[odd].1 = 1e6;
    }
    let found = slope(&points).unwrap();
    assert!(
        (found.slope - 3.0).abs() < 1e-9 && (found.now - 124.0).abs() < 1e-6 && found.p < 0.001,
        "{found:?}"
    );
}

#[test]
fn an_effect_that_comes_later_is_found_with_its_delay() {
    let cause: Vec<f64> = (0..60).map(|x| f64::from((x * 7919) % 101)).collect();
    let mut effect = vec![0.0, 0.0];
    effect.extend_from_slice(&cause[..58]);
    let (lag, found) = lagged(&cause, &effect, 3).unwrap();
    assert_eq!(lag, 2);
    assert!(found.rho > 0.999 && found.p < 1e-9, "{found:?}");
    assert_eq!(spearman(&cause, &vec![1.0; 60]), None, "what never changes goes with nothing");
}

fn values() -> impl Strategy<Value = Vec<f64>> {
    // Few different values, so that there are many ties, and some of any size.
    let value = prop_oneof![3 => (0_i32..5).prop_map(f64::from), 1 => -1e9..1e9_f64];
    prop::collection::vec(value, 0..80)
}

proptest! {
    #[test]
    fn whatever_comes_in_a_sane_answer_comes_out(ones in values(), others in values()) {
        let points: Vec<(f64, f64)> =
            ones.iter().enumerate().map(|(place, value)| ((place / 2) as f64, *value)).collect();
        if let Some(found) = slope(&points) {
            prop_assert!(found.low <= found.slope && found.slope <= found.high, "{:?}", found);
            prop_assert!((0.0..=1.0).contains(&found.p) && found.now.is_finite(), "{:?}", found);
        }
        let inflation = inflation(&[&ones, &others], 1);
        prop_assert!((1.0..=6.0).contains(&inflation), "{}", inflation);
        if let Some(found) = shift(&ones, &others, inflation) {
            prop_assert!(found.low <= found.by && found.by <= found.high, "{:?}", found);
            prop_assert!((0.0..=1.0).contains(&found.p), "{:?}", found);
        }
        if let Some(found) = spearman(&ones, &others) {
            prop_assert!((-1.0..=1.0).contains(&found.rho) && (0.0..=1.0).contains(&found.p), "{:?}", found);
        }
    }

    #[test]
    fn a_shift_turned_round_is_the_other_way(ones in values(), others in values()) {
        if let (Some(there), Some(back)) = (shift(&ones, &others, 1.0), shift(&others, &ones, 1.0)) {
            prop_assert!((there.by + back.by).abs() <= 1e-9 * (1.0 + there.by.abs()));
            prop_assert!((superiority(&ones, &others).unwrap() + superiority(&others, &ones).unwrap() - 1.0).abs() < 1e-12);
        }
    }
}
