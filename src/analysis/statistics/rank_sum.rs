//! How two groups of samples differ, by order alone, so that one odd sample decides nothing: how
//! often the later one wins (Mann and Whitney 1947), and by how much (Hodges and Lehmann 1963).

use super::distribution::{NORMAL_95, normal_two_sided};
use super::order::{Ranks, median_of};

/// The chance that a sample of the later group is larger than one of the earlier, ties half: 0.5
/// where neither tends to. `None` if a group is empty.
pub fn superiority(before: &[f64], after: &[f64]) -> Option<f64> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let (n, m) = (before.len() as f64, after.len() as f64);
    let all: Vec<f64> = before.iter().chain(after).copied().collect();
    let wins = Ranks::of(&all).ranks[before.len()..].iter().sum::<f64>() - m * (m + 1.0) / 2.0;
    Some(wins / (n * m))
}

/// How far the later group lies above the earlier one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The median of all differences between a later and an earlier sample.
    pub by: f64,
    /// The lower end of what it is in 95 of 100 such samples.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The chance that groups without a difference lie at least so far apart.
    pub p: f64,
}

/// The shift between two groups; `inflation` is by what samples that repeat each other widen its
/// interval ([`serial::inflation`](super::serial::inflation)), 1 if they are independent. `None`
/// if a group is empty. It looks at every pair.
///
/// The interval is that of the rank-sum test, widened around the shift. The test itself, weakened
/// instead, could not tell groups apart that have nothing in common: no order is stronger evidence
/// than that of all pairs.
pub fn shift(before: &[f64], after: &[f64], inflation: f64) -> Option<Shift> {
    let mut differences: Vec<f64> =
        after.iter().flat_map(|later| before.iter().map(move |earlier| later - earlier)).collect();
    let by = median_of(&mut differences)?;
    let (n, m) = (before.len() as f64, after.len() as f64);
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    let (low, high) = ends(&mut differences, n * m / 2.0 - NORMAL_95 * deviation)?;
    let (low, high) = (by - (by - low) * inflation, by + (high - by) * inflation);
    // Towards zero, since that is where the doubt is.
    let to_zero = if by > 0.0 { by - low } else { high - by };
    let p = match by {
        0.0 => 1.0,
        _ if to_zero > 0.0 => normal_two_sided(by / to_zero * NORMAL_95),
        _ => 0.0,
    };
    Some(Shift { by, low, high, p })
}

/// The value of a rank, counted from 1 and rounded, and that of the same rank from above.
pub(super) fn ends(values: &mut [f64], rank: f64) -> Option<(f64, f64)> {
    let last = values.len().checked_sub(1)?;
    let below = (rank.round().max(1.0) as usize - 1).min(last / 2);
    let low = *values.select_nth_unstable_by(below, f64::total_cmp).1;
    let high = *values.select_nth_unstable_by(last - below, f64::total_cmp).1;
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_ends_at_the_ranks_of_the_test() {
        // Hollander and Wolfe: of 5 and 5 samples the third of 25 differences from either end,
        // since 12.5 - 1.96 √(25 · 11 / 12) is 3.1.
        let before = [0.0, 10.0, 20.0, 30.0, 40.0];
        let after = before.map(|value| value * 1.01 + 7.0);
        let mut differences: Vec<f64> =
            after.iter().flat_map(|later| before.map(|earlier| later - earlier)).collect();
        differences.sort_unstable_by(f64::total_cmp);
        let shift = shift(&before, &after, 1.0).unwrap();
        assert_eq!((shift.low, shift.by, shift.high), (differences[2], differences[12], differences[22]));
    }
}
