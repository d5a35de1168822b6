//! How much one series rises before or with another: the rank correlation of medians of a step, at
//! the delay of 0 to 3 steps at which it is strongest.
//!
//! What began a while ago and has gone on since then shows best in as much time before it as since:
//! in a whole day an hour is lost among ranks.

use super::super::finding::Window;
use super::super::series::Series;
use super::super::statistics::correlation::spearman;
use super::super::statistics::distribution::normal_two_sided;
use super::super::statistics::serial::inflation;

/// Series are mostly held beside each other in steps of so long.
pub const STEP_MS: i64 = 300_000;

/// So many steps before it began are taken at least, which are enough for a correlation.
const LEAST_STEPS_BEFORE: i64 = 9;

/// An effect comes within so many steps.
pub const MOST_LAG: usize = 3;

/// The variance of a rank correlation is larger than that of a plain one by this (Fieller, Hartley
/// and Pearson 1957).
const RANKS: f64 = 1.06;

/// How two series go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Related {
    /// Between -1 and 1.
    pub rho: f64,
    /// The chance of at least as much without a relation; see `chance`.
    pub p: f64,
    /// By how much the effect follows.
    pub delay_ms: i64,
    /// Pairs of medians.
    pub pairs: usize,
}

/// How an effect goes with what may be its cause. As
/// [`lagged`](super::super::statistics::correlation::lagged), but by time: a step that is missing
/// in one series moves no other.
pub fn related(cause: &Series, effect: &Series, step_ms: i64) -> Option<Related> {
    let (cause, effect) = (cause.medians(step_ms), effect.medians(step_ms));
    let at = |lag: usize| {
        let delay_ms = lag as i64 * step_ms;
        let (ones, others) = beside(&cause, &effect, delay_ms);
        let rho = spearman(&ones, &others)?.rho;
        Some(Related { rho, p: chance(rho, &ones, &others), delay_ms, pairs: ones.len() })
    };
    (0..=MOST_LAG).filter_map(at).fold(None, |best: Option<Related>, found| match best {
        Some(best) if best.rho >= found.rho => Some(best),
        _ => Some(found),
    })
}

/// What is looked at of a series that has been beyond its bound: that time, what came after it,
/// and as much before it.
pub fn around(series: &Series, beyond: Window, step_ms: i64) -> Series {
    let before = (beyond.to - beyond.from).max(step_ms * LEAST_STEPS_BEFORE);
    series.between(beyond.from.saturating_sub(before), i64::MAX)
}

/// Values of one series, and those of another so much later.
pub fn beside(ones: &Series, others: &Series, delay_ms: i64) -> (Vec<f64>, Vec<f64>) {
    let later = others.points();
    let pair = |(at, value): &(i64, f64)| {
        let place = later.binary_search_by_key(&(at + delay_ms), |point| point.0).ok()?;
        Some((*value, later.get(place)?.1))
    };
    ones.points().iter().filter_map(pair).unzip()
}

/// The chance that series without a relation show one like it. Of two series that each repeat
/// themselves by `r` the correlation varies as of `n (1 − r₁r₂) / (1 + r₁r₂)` pairs (Bartlett
/// 1935), and each delay is another try.
fn chance(rho: f64, ones: &[f64], others: &[f64]) -> f64 {
    let repeats = |values: &[f64]| {
        let squared = inflation(&[values], 1).powi(2);
        (squared - 1.0) / (squared + 1.0)
    };
    let both = repeats(ones) * repeats(others);
    let widened = RANKS * (1.0 + both) / (1.0 - both);
    let freedom = (ones.len() as f64 - 3.0).max(0.0);
    let z = rho.clamp(-0.999_999, 0.999_999).atanh() * (freedom / widened).sqrt();
    (normal_two_sided(z) * (MOST_LAG + 1) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::super::simulation::Random;
    use super::super::super::statistics::correlation::lagged;
    use super::*;

    fn by_step(values: &[f64]) -> Series {
        Series::new((1_i64..).map(|step| step * STEP_MS).zip(values.iter().copied()))
    }

    #[test]
    fn without_gaps_it_is_the_lagged_correlation() {
        let mut random = Random::new(7);
        for _ in 0..20 {
            let (ones, others) = (random.repeating(40, 0.5), random.repeating(40, 0.5));
            let found = related(&by_step(&ones), &by_step(&others), STEP_MS).unwrap();
            let (lag, expected) = lagged(&ones, &others, MOST_LAG).unwrap();
            assert_eq!(found.delay_ms, lag as i64 * STEP_MS);
            assert!((found.rho - expected.rho).abs() < 1e-12);
        }
    }

    #[test]
    fn a_hole_in_one_series_does_not_move_the_other() {
        let values = Random::new(3).repeating(60, 0.0);
        let effect = by_step(&values);
        let holed = Series::new(effect.points().iter().copied().filter(|(at, _)| (at / STEP_MS) % 7 != 0));
        let found = related(&effect, &holed, STEP_MS).unwrap();
        assert_eq!((found.rho, found.delay_ms), (1.0, 0));
        assert!(found.p < 0.001);
    }

    #[test]
    fn series_that_repeat_themselves_are_rarely_called_related() {
        let mut random = Random::new(11);
        let mut called = 0;
        for _ in 0..400 {
            let (ones, others) = (by_step(&random.repeating(72, 0.9)), by_step(&random.repeating(72, 0.9)));
            called += u32::from(related(&ones, &others, STEP_MS).is_some_and(|found| found.p < 0.05));
        }
        assert!(called <= 28, "{called} of 400");
    }

    #[test]
    fn what_never_changes_is_related_to_nothing() {
        assert_eq!(
            related(&by_step(&[1.0; 50]), &by_step(&Random::new(1).repeating(50, 0.0)), STEP_MS),
            None
        );
        assert_eq!(related(&Series::default(), &Series::default(), STEP_MS), None);
    }
}
