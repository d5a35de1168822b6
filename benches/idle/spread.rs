//! Mean and standard error of a few measurements.

use std::fmt;

/// How far measurements lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    mean: f64,
    /// Of the mean; not a number for a single measurement.
    standard_error: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Spread {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Spread { mean, standard_error: (squares / (count - 1.0) / count).sqrt() }
    }

    /// Whether the mean is further from zero than two standard errors. Of a single measurement
    /// that cannot be said.
    pub(crate) fn differs_from_zero(self) -> bool {
        self.mean.abs() > 2.0 * self.standard_error
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ± {:.3}", self.mean, self.standard_error)
    }
}
