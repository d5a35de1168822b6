//! How far values were from what was expected, and how far they usually are.

use super::super::statistics::order::{median, robust_deviation};

/// The share of the standard deviation that the deviation is at least: where most values are equal
/// their median deviation is zero, and then everything would be unusual.
const LEAST_OF_STANDARD: f64 = 0.1;

/// What is usual is told anew once this part of the residuals is new: it is what a step costs most,
/// and an hour changes little of two days.
const NEW_PART: usize = 48;

/// The last residuals.
#[derive(Clone, Debug)]
pub(super) struct Residuals {
    held: Box<[f32]>,
    next: usize,
    known: usize,
    usual: Option<Usual>,
    /// Residuals since it was told.
    new: usize,
}

/// What residuals usually are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usual {
    pub(super) centre: f64,
    pub(super) deviation: f64,
}

impl Residuals {
    pub(super) fn new(length: usize) -> Residuals {
        Residuals { held: vec![0.0; length.max(1)].into(), next: 0, known: 0, usual: None, new: 0 }
    }

    pub(super) fn add(&mut self, residual: f64) {
        if let Some(place) = self.held.get_mut(self.next) {
            *place = residual as f32;
        }
        self.next = (self.next + 1) % self.held.len();
        self.known = (self.known + 1).min(self.held.len());
        self.new += 1;
    }

    pub(super) fn known(&self) -> usize {
        self.known
    }

    /// The median of the last ones.
    pub(super) fn recent(&self, count: usize) -> Option<f64> {
        let length = self.held.len();
        let places = (1..=count.min(self.known)).map(|back| (self.next + length - back) % length);
        let values: Vec<f64> =
            places.filter_map(|place| self.held.get(place)).map(|value| f64::from(*value)).collect();
        median(&values)
    }

    /// What they usually are; `None` of none.
    pub(super) fn usual(&mut self) -> Option<Usual> {
        if self.usual.is_none() || self.new * NEW_PART >= self.known {
            (self.usual, self.new) = (self.told(), 0);
        }
        self.usual
    }

    fn told(&self) -> Option<Usual> {
        let values: Vec<f64> = self.held[..self.known].iter().map(|value| f64::from(*value)).collect();
        let centre = median(&values)?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let standard = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        Some(Usual { centre, deviation: robust_deviation(&values)?.max(LEAST_OF_STANDARD * standard) })
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.held)
    }
}
