//! The detector, by series whose one anomaly is known.

use super::super::{Detector, Params, anomalies};
use super::{DAY_STEPS, START_MS, STEP_MS, Series, at, noisy, series};

fn told(values: Vec<f64>) -> Vec<super::super::Anomaly> {
    anomalies(&series(values), Params::default())
}

#[test]
fn a_drop_to_nothing_is_found_at_its_first_step() {
    let mut values = noisy(3 * DAY_STEPS, 1);
    values[700..708].fill(0.0);
    let told = told(values);
    assert_eq!(told.iter().map(|told| told.at).collect::<Vec<_>>(), [at(700)], "{told:?}");
    let told = told[0];
    assert_eq!(told.value, 0.0);
    assert!((told.expected - 100.0).abs() < 3.0 && told.low > 60.0 && told.high < 140.0, "{told:?}");
    assert!(told.score > 20.0 && told.samples == 700, "{told:?}");
    assert_eq!((told.window.from, told.window.to), (START_MS, at(700)));
}

#[test]
fn what_recurs_within_two_days_is_told_once() {
    let mut values = noisy(5 * DAY_STEPS, 2);
    for hour in (700..1200).step_by(60) {
        values[hour] = 200.0;
    }
    assert_eq!(told(values).len(), 1);
}

#[test]
fn what_was_always_the_same_is_silent_and_no_more_once_it_changes() {
    for level in [0.0, 1.0, 5e11] {
        let mut values = vec![level; 2 * DAY_STEPS];
        assert_eq!(told(values.clone()), []);
        values[500] = level + 2.0 + level;
        let told = told(values);
        assert_eq!(told.iter().map(|told| told.at).collect::<Vec<_>>(), [at(500)]);
        assert!(told[0].score.is_finite());
    }
}

#[test]
fn the_first_activity_of_an_idle_container_is_silent_below_the_floor() {
    let mut values = vec![0.0; DAY_STEPS];
    values[200] = 0.02;
    let params = Params { least_deviation: 0.01, ..Params::default() };
    assert_eq!(anomalies(&series(values.clone()), params), []);
    values[240] = 0.5;
    assert_eq!(anomalies(&series(values), params).len(), 1);
}

#[test]
fn three_hours_are_learned_before_anything_is_said() {
    let mut values = noisy(60, 3);
    values[30] = 500.0;
    assert_eq!(told(values.clone()), []);
    values[30] = 100.0;
    values[40] = 500.0;
    assert_eq!(told(values).len(), 1);
}

#[test]
fn a_daily_job_is_usual_from_the_second_day_on() {
    let mut values = noisy(6 * DAY_STEPS, 4);
    for day in 0..6 {
        values[day * DAY_STEPS + 100..day * DAY_STEPS + 112].fill(300.0);
    }
    let told = told(values);
    assert!(told.iter().all(|told| told.at < at(DAY_STEPS)), "{told:?}");
}

#[test]
fn what_is_too_little_for_a_step_is_found_when_it_lasts() {
    let mut values = noisy(4 * DAY_STEPS, 5);
    values[800..880].iter_mut().for_each(|value| *value += 9.0);
    let told = told(values);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].at > at(800) && told[0].at <= at(860), "{told:?}");
    assert_eq!(told[0].over_ms, 3 * 3_600_000);
}

#[test]
fn any_cadence_makes_the_same_steps() {
    let values = noisy(DAY_STEPS + 40, 6);
    let dense = values.iter().enumerate().flat_map(|(step, value)| {
        let value = if step == 300 { 400.0 } else { *value };
        (0..60).map(move |sample| (at(step) - 295_000 + sample * 5_000, value + (sample % 3) as f64))
    });
    let mut detector = Detector::new(Params::default());
    let told: Vec<_> = dense.filter_map(|(at, value)| detector.observe(at, value)).collect();
    assert_eq!(told.iter().map(|told| (told.at, told.value)).collect::<Vec<_>>(), [(at(300), 401.0)]);
    let mut minutes = Detector::new(Params::default());
    let sparse = values.iter().enumerate().flat_map(|(step, value)| {
        let value = if step == 300 { 401.0 } else { *value };
        (0..5).map(move |sample| (at(step) - 240_001 + sample * 60_000, value))
    });
    let told: Vec<_> = sparse.filter_map(|(at, value)| minutes.observe(at, value)).collect();
    assert_eq!(
        told.iter().map(|told| told.at).collect::<Vec<_>>(),
        [at(300)],
        "a step ends with the next sample"
    );
}

#[test]
fn samples_that_are_late_lose_no_step() {
    let mut values = noisy(DAY_STEPS, 10);
    (values[200], values[201]) = (300.0, 900.0);
    let mut detector = Detector::new(Params::default());
    // The one before the full step comes a second before its end.
    let late = |step: usize| if step == 200 { at(step) - 1_000 } else { at(step) };
    let samples = values.into_iter().enumerate();
    let told: Vec<_> = samples.filter_map(|(step, value)| detector.observe(late(step), value)).collect();
    assert_eq!(told.iter().map(|told| told.at).collect::<Vec<_>>(), [at(200), at(201)]);
}

#[test]
fn mistakes_are_left_out() {
    let mut clean = Detector::new(Params::default());
    let mut dirty = Detector::new(Params::default());
    for (step, value) in noisy(2 * DAY_STEPS, 7).into_iter().enumerate() {
        assert_eq!(clean.observe(at(step), value), dirty.observe(at(step), value));
        dirty.observe(at(step), f64::NAN);
        dirty.observe(at(step), f64::INFINITY);
        dirty.observe(at(step), 1e300);
        dirty.observe(i64::MAX, 1.0);
        dirty.observe(i64::MIN, 1.0);
        dirty.observe(at(step), 1e6);
        dirty.observe(at(step) - 3_600_000, 1e6);
    }
    assert!(clean.last().is_some());
    assert_eq!(clean.last(), dirty.last());
}

#[test]
fn a_clock_that_went_back_for_days_begins_anew() {
    let mut detector = Detector::new(Params::default());
    detector.observe(at(0) + 400 * 86_400_000, 1.0);
    for (step, value) in noisy(60, 8).into_iter().enumerate() {
        detector.observe(at(step), value);
    }
    assert_eq!(detector.last().map(|last| last.at), Some(at(59)));
}

#[test]
fn gaps_are_bridged_and_long_ones_forgotten() {
    let mut values: Vec<(i64, f64)> =
        noisy(6 * DAY_STEPS, 9).into_iter().enumerate().map(|(step, value)| (at(step), value)).collect();
    values.drain(900..1100);
    let last = values.len() - 1;
    values[last].1 = 0.0;
    let told = anomalies(&Series::new(values.clone()), Params::default());
    assert_eq!(told.iter().map(|told| told.at).collect::<Vec<_>>(), [at(6 * DAY_STEPS - 1)]);
    values[last].0 += 30 * 86_400_000;
    assert_eq!(anomalies(&Series::new(values), Params::default()), []);
}

#[test]
fn what_is_foreseen_of_a_step_is_what_is_told_of_it() {
    let mut values = noisy(6 * DAY_STEPS, 11);
    let last = values.len() - 1;
    values[last] *= 3.0;
    let mut detector = Detector::new(Params::default());
    let mut untouched = detector.clone();
    for (step, value) in values.iter().enumerate() {
        let foreseen = detector.foresee(at(step) - 200_000, *value);
        let most = detector.most_usual(at(step));
        let told = detector.observe(at(step), *value);
        assert_eq!(told, untouched.observe(at(step), *value), "to look changes nothing");
        let by_step = told.filter(|told| told.over_ms == STEP_MS);
        assert_eq!(foreseen, by_step, "step {step}");
        if let (Some(most), Some(last)) = (most, detector.last()) {
            assert!(last.score < 6.0 || *value > most || *value < last.low, "step {step}");
        }
    }
    assert!(detector.last().is_some_and(|last| last.score > 6.0));
    assert_eq!(detector.foresee(at(last), 1e9), None, "it is over");
}

#[test]
fn nothing_comes_of_nothing() {
    assert_eq!(anomalies(&Series::default(), Params::default()), []);
    assert_eq!(told(vec![1.0]), []);
    assert_eq!(Detector::new(Params::default()).finish(), None);
    for step_ms in [i64::MIN, 0, 1, i64::MAX] {
        let params = Params { step_ms, memory_ms: -1, threshold: 0.0, least_deviation: 0.0 };
        let mut detector = Detector::new(params);
        for step in 0..50 {
            detector.observe(step * 3_600_000, 0.0);
        }
        assert!(detector.last().is_none_or(|last| last.score == 0.0));
    }
}

#[test]
fn it_takes_twelve_kilobytes() {
    let mut detector = Detector::new(Params::default());
    let empty = detector.bytes();
    for sample in 0..20_000 {
        detector.observe(START_MS + sample * STEP_MS / 2, sample as f64);
    }
    assert_eq!(detector.bytes(), empty);
    assert!((11_000..12_000).contains(&empty), "{empty} bytes");
}
