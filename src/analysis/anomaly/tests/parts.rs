//! What the detector is made of, and the rate of groups.

use std::collections::BTreeMap;

use super::super::joined::Joined;
use super::super::rate::{Rate, rates};
use super::super::record::Records;
use super::super::residuals::Residuals;
use super::super::{Detector, Params};
use super::{DAY_STEPS, at, noisy};

#[test]
fn of_many_samples_a_thinned_part_tells_the_median() {
    let mut joined = Joined::new();
    assert_eq!(joined.take(), None);
    for count in [1, 2, 64, 65, 1_200, 100_000] {
        (0..count).for_each(|value| joined.add(value as f32));
        let median = joined.take().unwrap();
        let middle = f64::from(count - 1) / 2.0;
        assert!((median - middle).abs() <= 0.03 * f64::from(count), "{median} of {count}");
    }
}

#[test]
fn a_record_holds_until_it_is_forgotten() {
    let mut records = Records::new(100);
    assert!(records.is_broken_by(0, 10.0));
    assert!(!records.is_broken_by(1, 14.0), "not well above");
    assert!(!records.is_broken_by(50, 8.0));
    assert!(!records.is_broken_by(101, 20.0), "14 is remembered");
    assert!(records.is_broken_by(102, 31.0));
    assert!(records.is_broken_by(203, 10.0));
}

#[test]
fn more_records_than_there_is_room_for_last_longer() {
    let mut records = Records::new(100);
    for step in 0..40_i16 {
        records.is_broken_by(i64::from(step), f32::from(100 - step));
    }
    assert!(!records.is_broken_by(130, 80.0));
    assert!(records.is_broken_by(240, 80.0));
}

#[test]
fn equal_residuals_have_a_deviation_where_one_is_off() {
    let of = |last: f64| {
        let mut residuals = Residuals::new(100);
        assert_eq!(residuals.usual(), None);
        (0..150).for_each(|_| residuals.add(2.0));
        residuals.add(last);
        assert_eq!(residuals.recent(1), Some(last));
        residuals.usual().unwrap()
    };
    assert_eq!((of(2.0).centre, of(2.0).deviation), (2.0, 0.0));
    assert!((of(12.0).deviation - 0.099_498).abs() < 1e-6);
}

#[test]
fn what_is_usual_is_told_anew_after_an_hour() {
    let mut residuals = Residuals::new(480);
    (0..480).for_each(|_| residuals.add(1.0));
    assert_eq!(residuals.usual().unwrap().centre, 1.0);
    (0..480).for_each(|_| residuals.add(3.0));
    assert_eq!(residuals.usual().unwrap().centre, 3.0);
    (0..9).for_each(|_| residuals.add(1e6));
    assert!(residuals.usual().unwrap().deviation < 1.0);
    residuals.add(1e6);
    assert!(residuals.usual().unwrap().deviation > 1e4);
}

#[test]
fn the_rate_counts_what_can_be_judged() {
    let watched = |last: f64| {
        let mut detector = Detector::new(Params::default());
        for (step, value) in noisy(DAY_STEPS, 1).into_iter().chain([last; 3]).enumerate() {
            detector.observe(at(step), value);
        }
        detector
    };
    let (quiet, loud, young) = (watched(100.0), watched(500.0), Detector::new(Params::default()));
    let series = [("shop", &quiet), ("shop", &loud), ("shop", &young), ("blog", &quiet), ("new", &young)];
    let now = at(DAY_STEPS + 2);
    let found = rates(series, now);
    let rate = |unusual, series| Rate { unusual, series };
    assert_eq!(found, BTreeMap::from([("shop", rate(1, 2)), ("blog", rate(0, 1)), ("new", rate(0, 0))]));
    assert_eq!(found["shop"].share(), Some(0.5));
    assert_eq!(found["new"].share(), None);
    assert_eq!(rates(series, now + 3_600_000)["shop"], rate(0, 0), "what has ended is not counted");
}
