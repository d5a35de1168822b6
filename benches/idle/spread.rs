//! Mean and standard error of a few measurements.

use std::fmt;

/// How far measurements lie apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    /// Of the mean; not a number for a single measurement.
    standard_error: f64,
    /// How many standard errors from zero say that a mean is not zero.
    bar: f64,
}

/// Student's t at 5 %, two-sided, by degrees of freedom from 1 on; few measurements say less
/// than their standard error seems to.
const STUDENT_T: [f64; 10] = [12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Spread {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let freedom = values.len().saturating_sub(1).clamp(1, STUDENT_T.len());
        Spread { mean, standard_error: (squares / (count - 1.0) / count).sqrt(), bar: STUDENT_T[freedom - 1] }
    }

    /// Whether the mean differs from zero by a t-test at 5 %. Of a single measurement that
    /// cannot be said.
    pub(crate) fn differs_from_zero(self) -> bool {
        self.mean.abs() > self.bar * self.standard_error
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ± {:.3}", self.mean, self.standard_error)
    }
}
