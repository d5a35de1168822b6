//! The steps of the last week, and what the same time of those days lets expect.

use super::super::statistics::order::{median_of, quantile_of_sorted};

/// Days that are remembered.
const DAYS: usize = 7;

/// Steps before and after the same time of another day that count as the same time: what runs
/// daily does not begin to the minute.
const REACH: usize = 3;

/// Values at the same time of other days that are enough to expect something.
const LEAST_SAME_TIME: usize = 3;

/// Shares of them between which the usual ones lie: what two days of seven do otherwise, as
/// weekends do, does not count.
const USUAL: (f64, f64) = (0.3, 0.7);

/// By this half the distance of those two is the standard deviation of a normal distribution,
/// `1 / Φ⁻¹(0.7)`.
const USUAL_TO_STANDARD: f64 = 1.906_939_401_786_490_5;

/// The last week's steps.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// By step; not a number where there was no sample.
    steps: Box<[f32]>,
    day: i64,
    first: i64,
    last: i64,
    known: usize,
}

/// What a step is expected to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    /// By all days.
    pub(super) value: f64,
    /// By the same day of the week before.
    pub(super) last_week: Option<f64>,
    /// How far the other days are from it, as a standard deviation; 0 where there are none.
    pub(super) spread: f64,
}

impl Expected {
    /// The one of both that explains a value better: what was so at this time of most days, or of
    /// this day last week, is usual.
    pub(super) fn nearest(&self, value: f64) -> f64 {
        match self.last_week {
            Some(last_week) if (value - last_week).abs() < (value - self.value).abs() => last_week,
            _ => self.value,
        }
    }
}

impl Past {
    pub(super) fn new(steps_a_day: usize) -> Past {
        let length = DAYS * steps_a_day + REACH + 1;
        Past { steps: vec![f32::NAN; length].into(), day: steps_a_day as i64, first: 0, last: 0, known: 0 }
    }

    /// Keeps the value of a step that is later than all before.
    pub(super) fn keep(&mut self, step: i64, value: f32) {
        let length = self.steps.len() as i64;
        if self.known == 0 || step - self.last >= length {
            self.steps.fill(f32::NAN);
            (self.first, self.known) = (step, 0);
        } else {
            (self.last + 1..step).for_each(|skipped| self.put(skipped, f32::NAN));
        }
        self.put(step, value);
        self.last = step;
        self.first = self.first.max(step - length + 1);
    }

    fn put(&mut self, step: i64, value: f32) {
        let place = step.rem_euclid(self.steps.len() as i64) as usize;
        if let Some(held) = self.steps.get_mut(place) {
            self.known += usize::from(!value.is_nan());
            self.known -= usize::from(!held.is_nan());
            *held = value;
        }
    }

    /// The values that are known of some steps from one on, all of them within the last week.
    fn from(&self, step: i64, count: usize) -> impl Iterator<Item = f64> {
        let length = self.steps.len();
        let first = step.rem_euclid(length as i64) as usize;
        // What lies after the last step is of the week before.
        let held = (self.last - step + 1).clamp(0, count as i64) as usize;
        let places =
            (first..first + held).map(move |place| if place < length { place } else { place - length });
        places
            .filter_map(|place| self.steps.get(place))
            .filter(|value| !value.is_nan())
            .map(|value| f64::from(*value))
    }

    /// How many steps are known.
    pub(super) fn known(&self) -> usize {
        self.known
    }

    /// The first that may be known.
    pub(super) fn first(&self) -> i64 {
        self.first
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.steps)
    }

    /// What a step is expected to be: the median of the same time on the days before it; where
    /// there are none, of the last day.
    pub(super) fn expected(&self, step: i64) -> Option<Expected> {
        let mut same_time = [0.0; DAYS * (2 * REACH + 1)];
        let (mut count, mut of_last_week) = (0, 0);
        for days in (1..=DAYS as i64).rev() {
            let first = step - days * self.day - REACH as i64;
            for (place, value) in same_time[count..].iter_mut().zip(self.from(first, 2 * REACH + 1)) {
                *place = value;
                count += 1;
            }
            of_last_week = if days == DAYS as i64 { count } else { of_last_week };
        }
        let same_time = &mut same_time[..count];
        if count < LEAST_SAME_TIME {
            let mut day: Vec<f64> = self.from(step - self.day, self.day as usize).collect();
            return Some(Expected { value: median_of(&mut day)?, last_week: None, spread: 0.0 });
        }
        let last_week = median_of(&mut same_time[..of_last_week]);
        same_time.sort_unstable_by(f64::total_cmp);
        let (low, high) = (quantile_of_sorted(same_time, USUAL.0)?, quantile_of_sorted(same_time, USUAL.1)?);
        let spread = (high - low) / 2.0 * USUAL_TO_STANDARD;
        Some(Expected { value: quantile_of_sorted(same_time, 0.5)?, last_week, spread })
    }
}
