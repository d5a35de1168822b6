//! What lies where, once values stand in order.

/// By this a median deviation is the standard deviation of a normal distribution, `1 / Φ⁻¹(3/4)`.
const MEDIAN_DEVIATION_TO_STANDARD: f64 = 1.482_602_218_505_602;

/// Values by size.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// The value below which a share (0 to 1) of values in order lies, interpolated as Prometheus does;
/// `None` of none.
pub fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted.get(rank.floor() as usize)?, sorted.get(rank.ceil() as usize)?);
    Some(below + (above - below) * rank.fract())
}

/// [`quantile_of_sorted`] of values in any order.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    quantile_of_sorted(&sorted(values), share)
}

/// The value in the middle, or the mean of the two there; `None` of none.
pub fn median(values: &[f64]) -> Option<f64> {
    median_of(&mut values.to_vec())
}

/// [`median`] that puts the values into another order, and copies none.
pub fn median_of(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_odd = values.len() % 2 == 1;
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return Some(*upper);
    }
    let lower = below.iter().copied().max_by(f64::total_cmp)?;
    Some(lower + (*upper - lower) / 2.0)
}

/// The median distance from the median, scaled to be the standard deviation of a normal
/// distribution. Up to half of the values may be anything.
pub fn robust_deviation(values: &[f64]) -> Option<f64> {
    let middle = median(values)?;
    let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    Some(median_of(&mut distances)? * MEDIAN_DEVIATION_TO_STANDARD)
}

/// The places of values in their order, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranks {
    /// By value; equal values share the mean of their places.
    pub ranks: Vec<f64>,
    /// `Σ (t³ − t)` over groups of `t` equal values, by which variances are less.
    pub ties: f64,
    /// `Σ t(t−1)(2t+5)` over the same groups, as Kendall's variance wants it.
    pub kendall_ties: f64,
}

impl Ranks {
    /// Of some values.
    pub fn of(values: &[f64]) -> Ranks {
        let mut places: Vec<usize> = (0..values.len()).collect();
        places.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
        let mut ranks = vec![0.0; values.len()];
        let (mut ties, mut kendall_ties) = (0.0, 0.0);
        let mut first = 0;
        for group in places.chunk_by(|a, b| values[*a] == values[*b]) {
            let size = group.len() as f64;
            for place in group {
                ranks[*place] = first as f64 + (size + 1.0) / 2.0;
            }
            first += group.len();
            ties += size.powi(3) - size;
            kendall_ties += size * (size - 1.0) * (2.0 * size + 5.0);
        }
        Ranks { ranks, ties, kendall_ties }
    }
}
