//! What comes, and what there is now.

use super::*;
use std::sync::Arc;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Values as a series keeps them.
fn stored(values: &[f64]) -> Stored {
    let bounds: Arc<[f64]> = BOUNDS.into();
    let kept = values.iter().fold(None, |kept, value| {
        Some(super::super::value::apply(kept, Update::Observe(*value, &bounds)).unwrap())
    });
    kept.unwrap()
}

fn load(values: &[f64]) -> Load {
    Load::of(&stored(values))
}

#[test]
fn the_difference_of_two_states_is_what_has_come_between_them() {
    let (before, after) = (load(&[0.1, 0.2]), load(&[0.1, 0.2, 0.02, 7.0]));
    let since = after.clone().since(&before);
    assert_eq!((since.count, since.buckets), (2, load(&[0.02, 7.0]).buckets));
    assert!((since.sum - 7.02).abs() < 1e-9);
    assert_eq!(before.clone().since(&after), before, "a program that has begun anew");
}

#[test]
fn a_quantile_lies_within_its_bucket() {
    let uniform: Vec<f64> = (1..=100).map(|n| f64::from(n) / 100.0).collect();
    let all = load(&uniform);
    assert!((all.quantile(0.95).unwrap() - 0.95).abs() < 0.01);
    assert!((all.mean().unwrap() - 0.505).abs() < 1e-9);
    assert_eq!(load(&[99.0]).quantile(0.95), Some(10.0));
    assert_eq!((Load::default().quantile(0.95), Load::default().mean()), (None, None));
}

#[test]
fn what_comes_is_there_for_a_minute() {
    let (mut traffic, start) = (Traffic::default(), Instant::now());
    for second in 0..120 {
        traffic.add(&load(&[0.1]), Duration::ZERO, start + seconds(second));
    }
    let (now, over) = traffic.now(start + seconds(119));
    assert_eq!(over, WINDOW);
    assert!((60..=70).contains(&now.count), "{} within steps of ten seconds", now.count);
    assert!(traffic.0.len() <= MOST_STEPS);
    let (later, _) = traffic.now(start + seconds(300));
    assert_eq!(later.count, 0);
}

#[test]
fn a_program_that_comes_seldom_is_taken_by_what_its_requests_cover() {
    let (mut traffic, start) = (Traffic::default(), Instant::now());
    for minutes in [0, 5, 10] {
        traffic.add(&load(&[0.1; 300]), seconds(300), start + seconds(60 * minutes));
    }
    for second in [600, 700, 899] {
        let (now, over) = traffic.now(start + seconds(second));
        assert_eq!(now.count as f64 / over.as_secs_f64(), 1.0, "after {second} s");
    }
    assert_eq!(traffic.now(start + seconds(1_051)).0.count, 0);
}

#[test]
fn a_point_covers_what_its_sender_says() {
    let buckets = crate::ingest::otlp::model::Buckets::default();
    let of = |temporality, times, before| covered(&Update::Buckets(&buckets, temporality), times, before);
    let minute = 60_000_000_000;
    assert_eq!(of(Temporality::Cumulative, (5, 2 * minute), minute), Some(seconds(60)));
    assert_eq!(
        of(Temporality::Cumulative, (5, 2 * minute), 0),
        None,
        "the first says how much there ever was"
    );
    assert_eq!(of(Temporality::Delta, (minute, 2 * minute), 0), Some(seconds(60)));
    assert_eq!(of(Temporality::Delta, (minute, minute * 10_000), 0), Some(MOST_COVERED));
    assert_eq!(of(Temporality::Cumulative, (0, 1), minute), None);
    let bounds: Arc<[f64]> = [1.0].into();
    assert_eq!(covered(&Update::Observe(1.0, &bounds), (0, 0), 0), Some(Duration::ZERO));
}

#[test]
fn what_has_failed_says_so() {
    let with = |key: &'static str, value: &'static str| has_failed(&[Attribute::text(key, value)]);
    assert!(
        with("error.type", "timeout")
            && with("http.response.status_code", "500")
            && with("status_code", "503")
    );
    assert!(!with("error.type", "") && !with("http.status_code", "404") && !with("status", "ok"));
}
