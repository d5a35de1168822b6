//! Replicas beside their siblings.

use super::super::peers::{Odd, Rule, odd};
use super::{Random, Series, series};

/// Replicas of 30 steps, each wandering around a level.
fn replicas(levels: &[f64]) -> Vec<Series> {
    let mut random = Random::new(7);
    let replica = |level: &f64| {
        let noise = random.repeating(30, 0.7);
        series(noise.into_iter().map(|noise| level * (1.0 + 0.05 * noise)))
    };
    levels.iter().map(replica).collect()
}

fn places(found: &[Odd]) -> Vec<usize> {
    found.iter().map(|odd| odd.replica).collect()
}

#[test]
fn the_one_that_is_unlike_the_others_is_found() {
    for levels in [vec![100.0, 100.0, 300.0], vec![100.0, 110.0, 300.0, 95.0, 102.0]] {
        let found = odd(&replicas(&levels), Rule::default());
        assert_eq!(places(&found), [2]);
        let anomaly = found[0].anomaly;
        assert!((anomaly.value - 300.0).abs() < 30.0 && (anomaly.expected - 100.0).abs() < 10.0);
        assert!(anomaly.high < anomaly.value && anomaly.samples == 30);
    }
    assert_eq!(places(&odd(&replicas(&[100.0, 100.0, 100.0, 0.0]), Rule::default())), [3]);
    assert_eq!(places(&odd(&replicas(&[100.0, 400.0, 100.0, 103.0, 900.0]), Rule::default())), [4, 1]);
}

#[test]
fn siblings_that_are_alike_are_silent() {
    for levels in
        [vec![100.0; 5], vec![0.0; 4], vec![100.0, 120.0, 85.0], vec![100.0, 500.0], vec![9.0], vec![]]
    {
        assert_eq!(odd(&replicas(&levels), Rule::default()), []);
    }
    let flat: Vec<Series> = (0..4).map(|_| series([64.0; 30])).collect();
    assert_eq!(odd(&flat, Rule::default()), []);
}

#[test]
fn false_alarms_among_equal_replicas_are_rare() {
    let mut random = Random::new(1);
    let mut told = 0;
    for _ in 0..200 {
        let equal: Vec<Series> = (0..3)
            .map(|_| series(random.repeating(24, 0.8).into_iter().map(|noise| 100.0 * (1.0 + 0.1 * noise))))
            .collect();
        told += odd(&equal, Rule::default()).len();
    }
    assert!(told <= 2, "{told} of 600");
}

#[test]
fn a_moment_is_no_difference_and_few_steps_tell_nothing() {
    let mut equal = replicas(&[100.0; 4]);
    equal[1] = series((0..30).map(|step| if step < 8 { 900.0 } else { 100.0 }));
    assert_eq!(odd(&equal, Rule::default()), []);
    let short: Vec<Series> = [1.0, 1.0, 9.0].map(|level| series([level; 11])).into();
    assert_eq!(odd(&short, Rule::default()), []);
    let apart: Vec<Series> = (0..4)
        .map(|replica| {
            Series::new(
                series([f64::from(replica); 30])
                    .points()
                    .iter()
                    .map(|(at, value)| (at + i64::from(replica) * 86_400_000, *value)),
            )
        })
        .collect();
    assert_eq!(odd(&apart, Rule::default()), [], "at no time do they run together");
}
