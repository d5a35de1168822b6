//! Whether one series goes with another, by order alone (Spearman 1904).

use super::distribution::student_two_sided;
use super::order::Ranks;

/// Fewer pairs tell of no correlation.
const LEAST_PAIRS: usize = 8;

/// How two series go together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    /// Between -1 and 1.
    pub rho: f64,
    /// The chance that independent values go together at least as much.
    pub p: f64,
}

/// The rank correlation of values that stand beside each other. `None` of fewer than eight pairs,
/// or where one of them never changes.
pub fn spearman(ones: &[f64], others: &[f64]) -> Option<Correlation> {
    let count = ones.len().min(others.len());
    if count < LEAST_PAIRS {
        return None;
    }
    let (ones, others) = (Ranks::of(&ones[..count]).ranks, Ranks::of(&others[..count]).ranks);
    let mean = (count as f64 + 1.0) / 2.0;
    let sum = |pair: &dyn Fn(usize) -> f64| (0..count).map(pair).sum::<f64>();
    let together = sum(&|place| (ones[place] - mean) * (others[place] - mean));
    let one = sum(&|place| (ones[place] - mean).powi(2));
    let other = sum(&|place| (others[place] - mean).powi(2));
    if one <= 0.0 || other <= 0.0 {
        return None;
    }
    let rho = (together / (one * other).sqrt()).clamp(-1.0, 1.0);
    let freedom = count as f64 - 2.0;
    let p = student_two_sided(rho * (freedom / (1.0 - rho * rho)).sqrt(), freedom);
    Some(Correlation { rho, p })
}

/// The correlation of a cause with an effect that may come some steps after it, by the delay of 0
/// to `most` steps at which it is strongest, and that delay.
pub fn lagged(cause: &[f64], effect: &[f64], most: usize) -> Option<(usize, Correlation)> {
    let at = |lag: usize| Some((lag, spearman(cause, effect.get(lag..)?)?));
    // Of equal ones the first, which is the shorter delay.
    (0..=most).filter_map(at).fold(None, |best: Option<(usize, Correlation)>, found| match best {
        Some(best) if best.1.rho >= found.1.rho => Some(best),
        _ => Some(found),
    })
}
