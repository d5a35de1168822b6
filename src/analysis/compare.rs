//! Whether one time differs from another, as before and after a deploy.
//!
//! A difference is a verdict only where three things agree: a test corrected for how much samples
//! repeat each other and for how many measures are looked at, an effect that somebody would
//! notice, and enough samples. And it has to be more than what the same hours of earlier days
//! show, so that the morning's rise is not taken for the deploy's.

use super::statistics::order::median;
use super::statistics::rank_sum::{Shift, shift, superiority};
use super::statistics::serial::inflation;

/// When a difference counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// The least change of the median, as a share of the earlier one.
    pub least_effect: f64,
    /// The fewest samples a side.
    pub least_samples: usize,
    /// The chance of a difference without a cause that is taken, over all measures together.
    pub significance: f64,
}

impl Default for Rule {
    fn default() -> Self {
        Rule { least_effect: 0.1, least_samples: 30, significance: 0.05 }
    }
}

/// What is said of two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// There are too few samples to say anything.
    NotEnoughData,
    /// Nothing that counts.
    Same,
    /// They differ as they do at these hours of other days.
    AsOnOtherDays,
    /// The later ones are higher.
    Higher,
    /// The later ones are lower.
    Lower,
}

/// Samples of two times, each in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pair {
    /// The earlier time.
    pub before: Vec<f64>,
    /// The later one.
    pub after: Vec<f64>,
}

/// What is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// The two times.
    pub pair: Pair,
    /// The same two times of earlier days.
    pub earlier_days: Vec<Pair>,
    /// A change of less than this is noticed by nobody, whatever share it is.
    pub least_change: f64,
}

/// Two times beside each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The medians, where there are samples.
    pub medians: (Option<f64>, Option<f64>),
    /// Samples of each.
    pub samples: (usize, usize),
    /// How far the later ones lie above the earlier.
    pub shift: Option<Shift>,
    /// The later median by the earlier, where that is not zero.
    pub ratio: Option<f64>,
    /// The median of the same ratio on earlier days.
    pub usual_ratio: Option<f64>,
    /// The chance that a later sample is larger than an earlier one.
    pub superiority: Option<f64>,
    /// What that means.
    pub verdict: Verdict,
}

/// Compares two times by some measures.
///
/// The more measures there are, the more of them differ by chance: the smallest of `n` chances has
/// to be below an `n`th of what is taken, the next below an `n − 1`th, and so on (Holm 1979).
pub fn compare(questions: &[Question], rule: Rule) -> Vec<Comparison> {
    let mut all: Vec<Comparison> = questions.iter().map(|question| beside(question, rule)).collect();
    let chance = |one: &Comparison| one.testable(rule).map(|shift| shift.p);
    let mut order: Vec<usize> = (0..all.len()).filter(|place| chance(&all[*place]).is_some()).collect();
    order.sort_by(|a, b| chance(&all[*a]).unwrap_or(1.0).total_cmp(&chance(&all[*b]).unwrap_or(1.0)));
    let mut is_held = true;
    for (rank, place) in order.iter().enumerate() {
        let taken = rule.significance / (order.len() - rank) as f64;
        is_held &= chance(&all[*place]).is_some_and(|p| p < taken);
        let least_change = questions[*place].least_change;
        all[*place].verdict = if is_held { all[*place].judge(least_change, rule) } else { Verdict::Same };
    }
    all
}

/// What is to be known of two times, without a verdict.
fn beside(question: &Question, rule: Rule) -> Comparison {
    let Pair { before, after } = &question.pair;
    let inflation = inflation(&[before, after], 1);
    Comparison {
        medians: (median(before), median(after)),
        samples: (before.len(), after.len()),
        shift: shift(before, after, inflation),
        ratio: ratio(&question.pair),
        usual_ratio: usual_ratio(&question.earlier_days, rule),
        superiority: superiority(before, after),
        verdict: Verdict::NotEnoughData,
    }
}

impl Comparison {
    /// The shift, if there are enough samples to test it.
    fn testable(&self, rule: Rule) -> Option<Shift> {
        self.shift.filter(|_| self.samples.0.min(self.samples.1) >= rule.least_samples)
    }

    /// What a difference that is not by chance means.
    fn judge(&self, least_change: f64, rule: Rule) -> Verdict {
        let (Some(earlier), Some(later)) = self.medians else { return Verdict::NotEnoughData };
        let counts = |difference: f64, of: f64| {
            let least = (rule.least_effect * of.abs()).max(least_change);
            difference != 0.0 && difference.abs() >= least
        };
        if !counts(later - earlier, earlier) {
            return Verdict::Same;
        }
        let expected = earlier * self.usual_ratio.unwrap_or(1.0);
        let is_usual = !counts(later - expected, expected) || (later > expected) != (later > earlier);
        match (is_usual, later > earlier) {
            (true, _) => Verdict::AsOnOtherDays,
            (false, true) => Verdict::Higher,
            (false, false) => Verdict::Lower,
        }
    }
}

/// The later median by the earlier.
fn ratio(pair: &Pair) -> Option<f64> {
    let (earlier, later) = (median(&pair.before)?, median(&pair.after)?);
    (earlier != 0.0).then(|| later / earlier)
}

/// What the ratio mostly was on earlier days that have enough samples.
fn usual_ratio(days: &[Pair], rule: Rule) -> Option<f64> {
    let is_enough = |day: &&Pair| day.before.len().min(day.after.len()) >= rule.least_samples;
    let ratios: Vec<f64> = days.iter().filter(is_enough).filter_map(ratio).collect();
    median(&ratios)
}

#[cfg(test)]
mod tests;
