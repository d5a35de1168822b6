//! Anomalies in plain words.

use super::judge::rule;
use super::{Kind, Row};
use crate::analysis::words::seconds;
use crate::report::amount::amount;

impl Kind {
    /// As programs read it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Unusual => "unusual",
            Kind::AboveUsual => "above_usual",
            Kind::UnlikeSiblings => "unlike_siblings",
        }
    }
}

impl Row {
    /// The least that would have been usual; nothing that is measured can be less than nothing.
    pub fn low(&self) -> f64 {
        self.anomaly.low.max(0.0)
    }

    /// A sentence for people.
    pub fn sentence(&self) -> String {
        let shown = |value: f64| amount(self.measure.name, value.max(0.0));
        let found = &self.anomaly;
        let (value, expected) = (shown(found.value), shown(found.expected));
        let (low, high) = (shown(self.low()), shown(found.high));
        let head = format!("{}: {}", self.of(), self.measure.words);
        let time = seconds((found.at - found.over_ms.max(0)).abs_diff(found.at) as f64 / 1000.0);
        match self.kind {
            Kind::Unusual if found.value > found.high => {
                format!("{head} {value} over {time}, above the {low} to {high} that were to be expected")
            }
            Kind::Unusual => {
                format!("{head} {value} over {time}, below the {low} to {high} that were to be expected")
            }
            Kind::AboveUsual => {
                let time = seconds((found.at - self.since) as f64 / 1000.0);
                let factor = rule(&self.measure).map_or(1.0, |rule| rule.factor);
                format!(
                    "{head} {value} or more for {time}, over {factor} times the {expected} that it usually reaches"
                )
            }
            Kind::UnlikeSiblings => {
                format!("{head} {value} over {time}, where its siblings have {expected}")
            }
        }
    }

    /// The same when it is as usual again, after so many milliseconds.
    pub fn usual_again(&self, lasted_ms: i64) -> String {
        let shown = |value: f64| amount(self.measure.name, value.max(0.0));
        let lasted = seconds(lasted_ms as f64 / 1000.0);
        let (of, words, value) = (self.of(), self.measure.words, shown(self.anomaly.value));
        format!("{of}: {words} {value}, as usual again; it was unusual for {lasted}")
    }

    /// What it is about.
    fn of(&self) -> String {
        let label = |name: &str| self.labels.get(name);
        match (label("name"), label("service")) {
            (Some(name), _) => format!("`{name}`"),
            (None, Some(service)) => format!("service `{service}`"),
            (None, None) => "all together".to_owned(),
        }
    }
}
