//! Which replica of a service is unlike its siblings.
//!
//! Each step of a replica is held to the median of the others, by how far the others are apart; so
//! an odd one does not hide itself, and all that happens to the whole service is no matter. Only
//! what lasts counts: most steps have to be off to the same side.

use super::super::finding::Window;
use super::super::series::Series;
use super::super::statistics::order::{median, robust_deviation};
use super::Anomaly;

/// When a replica is unlike its siblings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// What samples are joined to, by their median, so that replicas can be held to each other.
    pub step_ms: i64,
    /// How many deviations are unlike.
    pub threshold: f64,
    /// The share of what the others have that the deviation is at least: replicas are never quite
    /// equal.
    pub least_share: f64,
    /// The least deviation that is taken for real, in the series' unit.
    pub least_deviation: f64,
    /// The share of steps that have to be off to one side.
    pub lasting: f64,
    /// The fewest steps.
    pub least_steps: usize,
}

impl Default for Rule {
    fn default() -> Self {
        Rule {
            step_ms: 300_000,
            threshold: 4.0,
            least_share: 0.1,
            least_deviation: 1e-9,
            lasting: 0.75,
            least_steps: 12,
        }
    }
}

/// Fewer replicas do not tell which of them is the odd one.
const LEAST_REPLICAS: usize = 3;

/// A score has a bound, so that it can be written and ranked.
const MOST_SCORE: f64 = 1_000.0;

/// A replica that is unlike its siblings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odd {
    /// Its place in what was given.
    pub replica: usize,
    /// Its median and that of the others, over the steps that all have; the score is the median of
    /// the steps'.
    pub anomaly: Anomaly,
}

/// How a step of a replica is to the others.
struct Step {
    value: f64,
    others: f64,
    deviation: f64,
}

/// The replicas that are unlike their siblings, the oddest first. Replicas without samples are left
/// out, and so are steps that fewer than three have.
pub fn odd(replicas: &[Series], rule: Rule) -> Vec<Odd> {
    let steps: Vec<Series> = replicas.iter().map(|replica| replica.medians(rule.step_ms.max(1))).collect();
    let mut found: Vec<Odd> = (0..steps.len()).filter_map(|replica| judge(&steps, replica, rule)).collect();
    found.sort_by(|a, b| b.anomaly.score.total_cmp(&a.anomaly.score));
    found
}

fn judge(replicas: &[Series], replica: usize, rule: Rule) -> Option<Odd> {
    let points = replicas.get(replica)?.points();
    let compared = points.iter().filter_map(|(at, value)| {
        let others = others(replicas, replica, *at);
        let is_enough = others.len() + 1 >= LEAST_REPLICAS;
        Some((*at, is_enough.then(|| Step::of(*value, &others, rule)).flatten()?))
    });
    let (times, steps): (Vec<i64>, Vec<Step>) = compared.unzip();
    let scores: Vec<f64> = steps.iter().map(Step::score).collect();
    let share = |is: &dyn Fn(f64) -> bool| {
        scores.iter().filter(|score| is(**score)).count() as f64 / scores.len().max(1) as f64
    };
    let (above, below) = (share(&|score| score > rule.threshold), share(&|score| score < -rule.threshold));
    if scores.len() < rule.least_steps.max(1) || above.max(below) < rule.lasting {
        return None;
    }
    let middle = |of: fn(&Step) -> f64| median(&steps.iter().map(of).collect::<Vec<f64>>());
    let (value, expected) = (middle(|step| step.value)?, middle(|step| step.others)?);
    let reach = rule.threshold * middle(|step| step.deviation)?;
    let (from, to) = (*times.first()? - rule.step_ms, *times.last()?);
    let anomaly = Anomaly {
        at: to,
        over_ms: to - from,
        value,
        expected,
        low: expected - reach,
        high: expected + reach,
        score: median(&scores)?.abs(),
        samples: steps.len(),
        window: Window { from, to },
    };
    Some(Odd { replica, anomaly })
}

/// What the other replicas have at a step.
fn others(replicas: &[Series], replica: usize, at: i64) -> Vec<f64> {
    let is_other = |(place, _): &(usize, &Series)| *place != replica;
    let value = |(_, series): (usize, &Series)| {
        let points = series.points();
        let place = points.binary_search_by_key(&at, |(then, _)| *then).ok()?;
        points.get(place).map(|(_, value)| *value)
    };
    replicas.iter().enumerate().filter(is_other).filter_map(value).collect()
}

impl Step {
    fn of(value: f64, others: &[f64], rule: Rule) -> Option<Step> {
        let middle = median(others)?;
        let floor = (rule.least_share * middle.abs()).max(rule.least_deviation).max(f64::MIN_POSITIVE);
        Some(Step { value, others: middle, deviation: robust_deviation(others)?.max(floor) })
    }

    /// How many deviations it is above the others.
    fn score(&self) -> f64 {
        ((self.value - self.others) / self.deviation).clamp(-MOST_SCORE, MOST_SCORE)
    }
}
