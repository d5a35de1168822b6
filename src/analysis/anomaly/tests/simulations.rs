//! How well the detector does on made-up series; `benches/nab` says more of it.

use super::super::simulation::{KINDS, Kind, Score, simulate};
use super::super::{Params, anomalies};

/// Longer steps than usual, for the sake of the time it takes.
const STEP_MS: i64 = 900_000;

fn score(kind: Kind, series: u64) -> Score {
    let params = Params { step_ms: STEP_MS, least_deviation: 0.5, ..Params::default() };
    let mut score = Score::default();
    for seed in 0..series {
        let simulated = simulate(kind, 500 + seed, 28.0, STEP_MS);
        score.add(&simulated, &anomalies(&simulated.series, params));
    }
    score
}

#[test]
fn nine_of_ten_anomalies_are_found_with_less_than_a_false_alarm_in_five_days() {
    let mut all = Score::default();
    for kind in KINDS {
        let score = score(kind, 2);
        assert!(score.false_alarms_a_day() <= 0.5, "{kind:?}: {score:?}");
        all.anomalies += score.anomalies;
        all.found += score.found;
        all.false_alarms += score.false_alarms;
        all.days += score.days;
        all.delays.extend(score.delays);
    }
    assert!(all.share() >= 0.9, "{} of {}", all.found, all.anomalies);
    assert!(all.false_alarms_a_day() <= 0.2, "{} in {} days", all.false_alarms, all.days);
    assert!(all.delay_minutes().is_some_and(|minutes| minutes <= 30.0), "{:?}", all.delay_minutes());
}

#[test]
fn simulations_are_the_same_every_time_and_differ_by_seed() {
    let one = simulate(Kind::Daily, 1, 10.0, STEP_MS);
    assert_eq!(one.series, simulate(Kind::Daily, 1, 10.0, STEP_MS).series);
    assert_ne!(one.series, simulate(Kind::Daily, 2, 10.0, STEP_MS).series);
    assert!(!one.anomalies.is_empty());
    assert_eq!(simulate(Kind::Daily, 1, 0.0, STEP_MS).series.points(), []);
}
