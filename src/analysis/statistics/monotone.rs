//! Whether samples rise or fall (Mann 1945, Kendall 1975), and how fast (Theil 1950, Sen 1968),
//! by all pairs of them, so that up to 29 of 100 may be anything.

use super::distribution::{NORMAL_95, normal_two_sided};
use super::order::{Ranks, median_of};
use super::rank_sum::ends;
use super::serial::inflation;

/// Fewer points tell of no trend.
pub const LEAST_POINTS: usize = 8;

/// How values go with time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// The median of the slopes between all pairs, per unit of time.
    pub slope: f64,
    /// The lower end of what it is in 95 of 100 such samples.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The chance that values without a trend look at least as much like one.
    pub p: f64,
    /// A value that lies on the line at the last time.
    pub now: f64,
}

/// The trend of points of time and value, by time, corrected for how much they repeat each other
/// around it. `None` of fewer than [`LEAST_POINTS`] points, or of one time alone. It takes all
/// pairs: give it some hundreds of points.
pub fn slope(points: &[(f64, f64)]) -> Option<Slope> {
    if points.len() < LEAST_POINTS {
        return None;
    }
    let (mut slopes, score) = pairs(points);
    let slope = median_of(&mut slopes)?;
    let mut residuals: Vec<f64> = points.iter().map(|(time, value)| value - slope * time).collect();
    let inflation = inflation(&[&residuals], 2);
    let deviation = score_deviation(points) * inflation;
    // Scores go by two, of which one belongs to what is at least as extreme.
    let distance = (score.abs() - 1.0).max(0.0);
    let p = if deviation > 0.0 { normal_two_sided(distance / deviation) } else { 1.0 };
    let rank = (slopes.len() as f64 - NORMAL_95 * deviation) / 2.0;
    let (low, high) = ends(&mut slopes, rank)?;
    let now = slope * points.last()?.0 + median_of(&mut residuals)?;
    Some(Slope { slope, low, high, p, now })
}

/// The slopes between all pairs of points at different times, and how many pairs rise more than
/// fall.
fn pairs(points: &[(f64, f64)]) -> (Vec<f64>, f64) {
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    let mut score = 0.0;
    for (place, (time, value)) in points.iter().enumerate() {
        for (later, other) in &points[place + 1..] {
            if later > time {
                let difference = other - value;
                slopes.push(difference / (later - time));
                score += if difference == 0.0 { 0.0 } else { difference.signum() };
            }
        }
    }
    (slopes, score)
}

/// The deviation of the score of independent values without a trend.
fn score_deviation(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let ties = Ranks::of(&values).kendall_ties;
    ((n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0).max(0.0).sqrt()
}
