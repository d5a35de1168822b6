//! Levels between changes, and whether two are the same.

use super::super::statistics::distribution::student_two_sided;

/// Values that follow each other, taken as one level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// Their mean; 0 of none.
    pub(super) mean: f64,
    /// How many they are.
    count: f64,
    /// Σ of squared distances from the mean.
    squares: f64,
}

impl Level {
    pub(super) fn of(values: &[f64]) -> Level {
        let Some(first) = values.first() else { return Level { mean: 0.0, count: 0.0, squares: 0.0 } };
        let count = values.len() as f64;
        // From the first value, so that the mean of equal values is exactly that.
        let above = values.iter().map(|value| value - first).sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - first - above).powi(2)).sum();
        Level { mean: first + above, count, squares }
    }

    /// The chance that means of one level differ at least so much: Student's test of a common
    /// variance. `inflation` is by what samples that repeat each other widen the deviation of a
    /// mean ([`serial::inflation`](super::super::statistics::serial::inflation)), 1 if they are
    /// independent.
    ///
    /// They widen what is known of the variance, too, but less: with an autocorrelation of `r`, `n`
    /// samples tell as much of it as `n (1 − r²) / (1 + r²)` independent ones (Bartlett 1935).
    pub(super) fn chance_of(&self, other: &Level, inflation: f64) -> f64 {
        let count = self.count + other.count;
        let square = inflation * inflation;
        let freedom = 2.0 * count / (square + 1.0 / square) - 2.0;
        let difference = other.mean - self.mean;
        if freedom <= 0.0 || difference == 0.0 {
            return 1.0;
        }
        let variance = (self.squares + other.squares) / (count - 2.0);
        let deviation = (variance * (1.0 / self.count + 1.0 / other.count)).sqrt() * inflation;
        let p = student_two_sided(difference / deviation, freedom);
        if p.is_nan() { 1.0 } else { p }
    }
}

/// Moves each place to where the values between its neighbours fall apart best: where squared
/// distances from the means of both parts are least.
pub(super) fn settle(places: &mut [usize], values: &[f64]) {
    let first = values.first().copied().unwrap_or_default();
    let mut sum = 0.0;
    let running = values.iter().map(|value| {
        sum += value - first;
        sum
    });
    let sums: Vec<f64> = std::iter::once(0.0).chain(running).collect();
    // What two means take off the squares.
    let gained = |from: usize, at: usize, to: usize| {
        let part = |from: usize, to: usize| (sums[to] - sums[from]).powi(2) / (to - from) as f64;
        part(from, at) + part(at, to)
    };
    for index in 0..places.len() {
        let from = index.checked_sub(1).map_or(0, |before| places[before]);
        let to = places.get(index + 1).copied().unwrap_or(values.len());
        let best = (from + 1..to).max_by(|a, b| gained(from, *a, to).total_cmp(&gained(from, *b, to)));
        places[index] = best.unwrap_or(places[index]);
    }
}
