//! Where a series changes its level, and by how much.
//!
//! Places are found by energy distances as in E-divisive (Matteson and James 2014), and tested as
//! in Hunter (Fleming and others 2023; Apache Otava): windows that overlap fall apart into parts
//! that a weak t test tells apart, then of all places the weakest is given up, again and again,
//! until a strict test and a least change hold for each that is left. Nothing is drawn by lot, so
//! the same values have the same changes.
//!
//! Two things are added for samples of machines. The test takes into account how much samples
//! repeat each other within levels; without that, every slow wave is a row of changes. And a level
//! has a least length, without which the one odd sample at an end is one. Of 2,000 simulated series
//! of 240 samples with noise of 5 % (`tests.rs`):
//!
//! | each sample repeats of the one before | 0 | 0.5 | 0.8 | 0.95 |
//! |---|---|---|---|---|
//! | untrue changes a series | 0.09 | 0.17 | 0.20 | 0.22 |
//! | of one change of 20 %, found within 5 samples | 100 % | 99.8 % | 98.8 % | 91.7 % |
//! | changes besides that | 0.05 | 0.15 | 0.13 | 0.11 |
//!
//! Taken for independent, such series have 6.5 untrue changes each at 0.8.

mod divisive;
mod level;

use super::series::Series;
use super::statistics::serial::inflation;
use level::Level;

/// By how much the first test is weaker than the strict one.
const WEAKER: f64 = 10.0;

/// The weakest first test.
const WEAKEST: f64 = 0.5;

/// When a change counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Samples that are looked at together; time and memory go with their square.
    pub window: usize,
    /// The fewest samples of a level.
    pub least_samples: usize,
    /// The chance of a change without a cause that is taken, place by place.
    pub significance: f64,
    /// The least change of the mean, as a share of the smaller one.
    pub least_change: f64,
    /// Whether tests are weakened by how much samples repeat each other.
    pub may_repeat: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Rule { window: 50, least_samples: 5, significance: 0.001, least_change: 0.05, may_repeat: true }
    }
}

impl Rule {
    /// For samples that have nothing to do with each other, such as runs of a benchmark: what
    /// Otava does.
    pub fn independent() -> Rule {
        Rule { least_samples: 1, may_repeat: false, ..Rule::default() }
    }
}

/// A place at which the level changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// The first sample of the new level.
    pub index: usize,
    /// The mean since the change before, or the beginning.
    pub before: f64,
    /// The mean until the next change, or the end.
    pub after: f64,
    /// The chance that samples of one level differ at least so much.
    pub p: f64,
}

impl Change {
    /// By how much the new level is above the former, as a share of that, where it is not zero.
    pub fn relative(&self) -> Option<f64> {
        (self.before != 0.0).then(|| (self.after - self.before) / self.before.abs())
    }

    /// How large it is, either way: as a share of the smaller level, infinite from or to zero.
    fn magnitude(&self) -> f64 {
        (self.after - self.before).abs() / self.before.abs().min(self.after.abs())
    }
}

/// The changes of a series, by time: when the new level begins, and the change.
pub fn changes_of(series: &Series, rule: Rule) -> Vec<(i64, Change)> {
    let at = |change: Change| Some((series.points().get(change.index)?.0, change));
    changes(&series.values(), rule).into_iter().filter_map(at).collect()
}

/// The changes of values, in their order. Time goes up to the square of their number: 1 ms for
/// 720, but 0.1 s for 8,640; give it the medians of longer series.
pub fn changes(values: &[f64], rule: Rule) -> Vec<Change> {
    let weak = (rule.significance * WEAKER).min(WEAKEST);
    // Too little is seen in a window to say how much samples repeat each other.
    let differ = |left: &[f64], right: &[f64]| Level::of(left).chance_of(&Level::of(right), 1.0) <= weak;
    let mut places = divisive::places(values, rule.window, rule.least_samples, differ);
    loop {
        // A window that ends just after a change has taken the last place that it could.
        if rule.least_samples > 1 {
            level::settle(&mut places, values);
        }
        let changes = changes_at(&places, values, rule);
        let Some(weakest) = weakest(&changes, rule) else { return changes };
        places.remove(weakest);
    }
}

/// The changes at places in order.
fn changes_at(places: &[usize], values: &[f64], rule: Rule) -> Vec<Change> {
    let mut from = 0;
    let cut = |to: usize| &values[std::mem::replace(&mut from, to)..to];
    let parts: Vec<&[f64]> = places.iter().copied().chain([values.len()]).map(cut).collect();
    let inflation = if rule.may_repeat { inflation(&parts, 1) } else { 1.0 };
    let change = |(index, sides): (&usize, &[&[f64]])| {
        let (before, after) = (Level::of(sides[0]), Level::of(sides[1]));
        let is_long = sides.iter().all(|side| side.len() >= rule.least_samples);
        let p = if is_long { before.chance_of(&after, inflation) } else { 1.0 };
        Change { index: *index, before: before.mean, after: after.mean, p }
    };
    places.iter().zip(parts.windows(2)).map(change).collect()
}

/// The change that is most likely chance or, where none is likely to be, the smallest; `None` where
/// all count.
fn weakest(changes: &[Change], rule: Rule) -> Option<usize> {
    // Of equal ones the first.
    let least_sure = (0..changes.len()).min_by(|a, b| changes[*b].p.total_cmp(&changes[*a].p))?;
    if changes[least_sure].p >= rule.significance {
        return Some(least_sure);
    }
    let magnitude = |place: usize| changes[place].magnitude();
    let smallest = (0..changes.len()).min_by(|a, b| magnitude(*a).total_cmp(&magnitude(*b)))?;
    (magnitude(smallest) < rule.least_change).then_some(smallest)
}

#[cfg(test)]
mod tests;
