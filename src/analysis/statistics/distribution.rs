//! How likely it is that chance alone brings what was found.

/// What 95 of 100 values of a standard normal distribution are within.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Steps of the continued fraction; it converges within tens.
const MOST_STEPS: usize = 500;

/// From here on three terms of Stirling's series are exact to 12 digits.
const FEW: f64 = 20.0;

/// A step that changes less than this is the last.
const PRECISION: f64 = 1e-15;

/// The chance that a standard normal value is at least so far from zero.
pub fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The chance that a value of Student's distribution is at least so far from zero.
pub fn student_two_sided(t: f64, degrees_of_freedom: f64) -> f64 {
    let square = t * t;
    if square.is_infinite() {
        return 0.0;
    }
    let sum = degrees_of_freedom + square;
    incomplete_beta(degrees_of_freedom / sum, square / sum, degrees_of_freedom / 2.0, 0.5)
}

/// The regularised incomplete beta function, by its continued fraction (NIST DLMF 8.17.22).
/// `rest` is `1 - x`, which cannot be had from an `x` close to 1.
fn incomplete_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if rest <= 0.0 {
        return 1.0;
    }
    // The fraction converges fast on one side of the mean; the other is what is left of 1.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(rest, x, b, a);
    }
    let ln = |share: f64, rest: f64| if share > 0.5 { (-rest).ln_1p() } else { share.ln() };
    let front = (a * ln(x, rest) + b * ln(rest, x) - ln_beta(a.max(b), a.min(b))).exp();
    front * beta_fraction(x, a, b) / a
}

/// The logarithm of the beta function, of which the first argument is the larger one.
fn ln_beta(a: f64, b: f64) -> f64 {
    if a < FEW {
        return libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    }
    // Two large numbers would leave nothing of their difference, so it is that of Stirling's series
    // (NIST DLMF 5.11.1), term by term.
    let rest = |z: f64| 1.0 / (12.0 * z) - 1.0 / (360.0 * z.powi(3)) + 1.0 / (1260.0 * z.powi(5));
    let growth = (a - 0.5) * (b / a).ln_1p() + b * (a + b).ln() - b + rest(a + b) - rest(a);
    libm::lgamma(b) - growth
}

/// Lentz's method: the fraction as a product that is corrected step by step.
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let not_zero = |value: f64| if value.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { value };
    let mut numerator = 1.0;
    let mut denominator = 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = denominator;
    for step in 1..MOST_STEPS {
        let m = step as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for coefficient in [even, odd] {
            denominator = 1.0 / not_zero(1.0 + coefficient * denominator);
            numerator = not_zero(1.0 + coefficient / numerator);
            change = denominator * numerator;
            fraction *= change;
        }
        if (change - 1.0).abs() < PRECISION {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_keep_their_digits_close_to_zero_and_with_many_samples() {
        // By scipy 1.17.
        for (t, freedom, chance) in [
            (1e-4, 1000.0, 9.999_202_314_886_703e-1),
            (20.0, 1e5, 8.223_493_910_654_225e-89),
            (37.0, 1e6, 1.829_973_086_180_14e-299),
        ] {
            let p = student_two_sided(t, freedom);
            assert!((p / chance - 1.0).abs() < 1e-11, "{p:e} of {t}");
        }
    }
}
