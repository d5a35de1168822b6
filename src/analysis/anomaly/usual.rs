//! The first users' rules: a value that stays so many times above what it usually reaches.

use super::super::finding::Window;
use super::super::series::Series;
use super::super::statistics::order::quantile;
use super::{Anomaly, DAY_MS};

/// The share of steps that lie below what is usually reached.
const USUALLY: f64 = 0.95;

/// Days that tell what is usual; the last of them is left out, since it is what is judged.
const DAYS: i64 = 7;

/// The share of a day's steps that have to be known: a day of gaps tells little.
const LEAST_SHARE: f64 = 0.25;

/// A score has a bound, so that it can be written and ranked.
const MOST_SCORE: f64 = 1_000.0;

/// When a value is more than usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// So many times the usual.
    pub factor: f64,
    /// In each of so many last steps.
    pub steps: usize,
    /// What samples are joined to, by their median.
    pub step_ms: i64,
    /// Up to this, in the series' unit, nothing is said.
    pub least: f64,
}

impl Rule {
    /// For CPU in cores: half as much again; a twentieth of a core is no matter.
    pub const CPU: Rule = Rule { factor: 1.5, steps: 3, step_ms: 300_000, least: 0.05 };

    /// For memory in bytes: a fifth more; 32 MiB are no matter.
    pub const MEMORY: Rule = Rule { factor: 1.2, steps: 3, step_ms: 300_000, least: 33_554_432.0 };
}

/// What is said of a series' last steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Less than a day is known, or nothing of late.
    NotEnoughData,
    /// Not more than usual.
    Usual,
    /// More than usual: the lowest of the last steps, with what is usual as expected, and its
    /// multiple that was passed as high. The score is how many times the usual it is.
    More(Anomaly),
}

/// Whether the last steps up to a time are more than usual.
pub fn judge(series: &Series, now: i64, rule: Rule) -> Verdict {
    let steps = series.between(now - DAYS * DAY_MS, now).medians(rule.step_ms.max(1));
    let points = steps.points();
    let (before, last) = points.split_at(points.len().saturating_sub(rule.steps.max(1)));
    let Some(window) = known(before, rule) else { return Verdict::NotEnoughData };
    let is_recent = |(at, _): &(i64, f64)| *at > now - (rule.steps as i64 + 1) * rule.step_ms;
    if last.len() < rule.steps.max(1) || !last.iter().all(is_recent) {
        return Verdict::NotEnoughData;
    }
    let least = LEAST_SHARE * DAY_MS as f64 / rule.step_ms.max(1) as f64;
    let values: Vec<f64> =
        before.iter().filter(|(at, _)| *at <= window.to).map(|(_, value)| *value).collect();
    if (values.len() as f64) < least {
        return Verdict::NotEnoughData;
    }
    let lowest = last.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1));
    let (Some(usual), Some((_, value)), Some((at, _))) = (quantile(&values, USUALLY), lowest, last.last())
    else {
        return Verdict::NotEnoughData;
    };
    // Of an idle series nearly anything is a multiple.
    let high = (rule.factor * usual).max(rule.least);
    if value <= high {
        return Verdict::Usual;
    }
    let expected = usual.max(rule.least / rule.factor);
    let score = if expected > 0.0 { (value / expected).min(MOST_SCORE) } else { MOST_SCORE };
    let samples = values.len();
    let over_ms = rule.steps as i64 * rule.step_ms;
    Verdict::More(Anomaly {
        at: *at,
        over_ms,
        value,
        expected: usual,
        low: 0.0,
        high,
        score,
        samples,
        window,
    })
}

/// The time that tells what is usual: all up to a day ago, or what there is where that is less than
/// a day. `None` of less than a day at all.
fn known(before: &[(i64, f64)], rule: Rule) -> Option<Window> {
    let (first, last) = (before.first()?.0 - rule.step_ms, before.last()?.0);
    let is_a_day = |until: i64| until - first >= DAY_MS - rule.steps as i64 * rule.step_ms;
    let a_day_ago = last - DAY_MS;
    let to = if is_a_day(a_day_ago) { a_day_ago } else { last };
    is_a_day(to).then_some(Window { from: first, to })
}
