//! Samples of a step, joined to their median.

use super::super::statistics::order::median_of;

/// Samples that are held of a step. Of more, every second, fourth, … is.
const MOST: usize = 64;

/// The samples of one step.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    held: [f32; MOST],
    count: usize,
    /// Of so many samples one is held.
    every: u32,
    skipped: u32,
}

impl Joined {
    pub(super) fn new() -> Joined {
        Joined { held: [0.0; MOST], count: 0, every: 1, skipped: 0 }
    }

    pub(super) fn add(&mut self, value: f32) {
        self.skipped += 1;
        if self.skipped < self.every {
            return;
        }
        self.skipped = 0;
        if self.count == MOST {
            self.thin();
        }
        self.held[self.count] = value;
        self.count += 1;
    }

    /// Lets go of every second sample.
    fn thin(&mut self) {
        for place in 0..MOST / 2 {
            self.held[place] = self.held[2 * place + 1];
        }
        self.count = MOST / 2;
        self.every = self.every.saturating_mul(2);
    }

    /// The median, and none is held any more.
    pub(super) fn take(&mut self) -> Option<f64> {
        let mut values = [0.0; MOST];
        let held = &self.held[..self.count];
        values.iter_mut().zip(held).for_each(|(value, held)| *value = f64::from(*held));
        let median = median_of(&mut values[..self.count]);
        (self.count, self.every, self.skipped) = (0, 1, 0);
        median
    }
}
