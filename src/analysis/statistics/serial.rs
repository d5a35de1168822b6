//! How much a sample repeats the one before it.
//!
//! Tests take samples for independent, but what a machine does now it mostly does a minute later,
//! too: at an autocorrelation of 0.8 a plain rank-sum test calls half of all pairs of equal hours
//! different. Of `n` samples with autocorrelation `r` as much can be learned as of
//! `n (1 − r) / (1 + r)` independent ones, by which every test here is weakened.

/// Autocorrelation that is taken at most: an hour's samples do not tell 0.94 from more, and more
/// would make every test blind. With it 14 of 100 pairs of equal hours at 0.95 are still called
/// different, and 96 of 100 shifts by four deviations are found (`simulations.rs`).
const MOST: f64 = 0.94;

/// By how much the deviation of a mean or a rank statistic is larger than that of independent
/// samples: `√((1 + r) / (1 − r))`, where `r` is the autocorrelation at lag 1 within segments,
/// each around a mean (1 parameter) or a line (2) of its own. Never less than 1: alternating
/// samples make no test sharper.
pub fn inflation(residuals: &[&[f64]], parameters: usize) -> f64 {
    let r = autocorrelation(residuals, parameters);
    ((1.0 + r) / (1.0 - r)).sqrt()
}

/// The autocorrelation at lag 1 within segments, from 0.
///
/// That of a sample is smaller than what it was drawn from by about `(k + (k + 2) r) / n`, where
/// `k` parameters were fitted (Kendall 1954; Marriott and Pope 1954), which is added here.
fn autocorrelation(segments: &[&[f64]], parameters: usize) -> f64 {
    let (mut products, mut squares, mut count, mut used) = (0.0, 0.0, 0.0, 0.0);
    for segment in segments.iter().filter(|segment| segment.len() > 2) {
        let mean = segment.iter().sum::<f64>() / segment.len() as f64;
        products += segment.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>();
        squares += segment.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        count += segment.len() as f64;
        used += 1.0;
    }
    if squares <= 0.0 {
        return 0.0;
    }
    let (length, parameters) = (count / used, parameters as f64);
    let left = length - parameters - 2.0;
    if left <= 0.0 {
        return MOST;
    }
    ((length * products / squares + parameters) / left).clamp(0.0, MOST)
}
