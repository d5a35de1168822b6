//! Days that grow, swing, leak and tell nothing.

use super::*;

const HOUR_MS: i64 = 3_600_000;

/// So many hours of a level that grows by some share of itself a day, with a daily wave.
fn hours(count: i64, level: f64, share_a_day: f64, wave: f64) -> Series {
    Series::new((0..count).map(|hour| {
        let days = hour as f64 / 24.0;
        let wave = wave * (days * std::f64::consts::TAU).sin();
        (hour * HOUR_MS, level * (1.0 + share_a_day * days + wave))
    }))
}

#[test]
fn what_grows_is_told_from_what_swings() {
    let direction = |series: Series| trend(&series, Rule::default()).direction;
    assert_eq!(direction(hours(14 * 24, 100.0, 0.03, 0.1)), Direction::Growing);
    assert_eq!(direction(hours(14 * 24, 100.0, -0.03, 0.1)), Direction::Falling);
    assert_eq!(direction(hours(14 * 24, 100.0, 0.0, 0.3)), Direction::Steady);
    assert_eq!(direction(hours(3, 100.0, 0.5, 0.0)), Direction::NotEnoughData);
}

#[test]
fn a_tenth_of_the_level_a_day_is_medium_and_half_is_high() {
    // Of the median level, which a week of growth has raised.
    let pace = |share: f64| trend(&hours(2 * 24, 1.0, share, 0.0), Rule::default()).pace;
    assert_eq!([pace(0.05), pace(0.2), pace(2.0)], [Pace::Low, Pace::Medium, Pace::High]);
}

#[test]
fn a_limit_is_reached_when_the_line_gets_there() {
    let disk = trend(&hours(10 * 24, 100.0, 0.1, 0.0), Rule::default());
    let Some(Reach::Days { days, soonest, latest }) = disk.reaches(300.0) else { panic!("{disk:?}") };
    // After 10 days it is at about 200, and grows by 10 a day.
    assert!((days - 10.0).abs() < 0.2, "{days}");
    assert!(soonest <= days && latest.is_some_and(|latest| latest >= days));
    assert_eq!(disk.reaches(150.0), Some(Reach::Now));
    let steady = trend(&hours(10 * 24, 100.0, 0.0, 0.0), Rule::default());
    assert_eq!(steady.reaches(300.0), Some(Reach::Never));
    assert_eq!(trend(&Series::default(), Rule::default()).reaches(300.0), None);
}

#[test]
fn a_leak_is_seen_below_what_is_taken_and_given_back() {
    // A heap that is filled and collected every hour, on a floor that rises.
    let heap = |rise: f64| {
        Series::new((0..3 * 24 * 12).map(|step| {
            let (hours, within) = (f64::from(step) / 12.0, f64::from(step % 12) / 12.0);
            (i64::from(step) * 300_000, 200.0 + rise * hours + 300.0 * within)
        }))
    };
    assert!(leak(&heap(2.0), &[], HOUR_MS, Rule::default()).is_some());
    assert!(leak(&heap(0.0), &[], HOUR_MS, Rule::default()).is_none());
    let just_restarted = leak(&heap(2.0), &[70 * HOUR_MS], HOUR_MS, Rule::default());
    assert!(just_restarted.is_none(), "two hours tell nothing: {just_restarted:?}");
}

#[test]
fn odd_series_give_a_sane_answer() {
    for series in [
        Series::default(),
        Series::new([(0, 1.0)]),
        Series::new((0..50).map(|at| (at * 1000, 0.0))),
        Series::new((0..50).map(|at| (at * 1000, 7.0))),
        Series::new((0..50).map(|_| (0, 7.0))),
        Series::new((0..50).map(|at| (at * 1000, if at % 2 == 0 { f64::NAN } else { f64::INFINITY }))),
    ] {
        let found = trend(&series, Rule::default());
        assert!(matches!(found.direction, Direction::Steady | Direction::NotEnoughData), "{found:?}");
    }
}
