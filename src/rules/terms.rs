//! Words of the catalogue that configuration gives a meaning: `$period`, `$platform_team` and
//! others. In tests also the labels that series usually have.

use std::time::Duration;

use crate::config::{Alerting, show_duration};

/// The share of a period's budget that each window may use before somebody is told, and its
/// length in hours, as Google's workbook on alerting has them. A factor is 1 at least: at that pace a
/// budget may be used.
const WINDOWS: [(&str, f64, f64); 4] = [
    ("$factor_1h", 0.02, 1.0),
    ("$factor_6h", 0.05, 6.0),
    ("$factor_1d", 0.10, 24.0),
    ("$factor_3d", 0.10, 72.0),
];

/// Labels of series in tests.
const IN_TESTS: [(&str, &str); 5] = [
    (
        "$container",
        r#"instance="h",job="dockmeter",id="/docker/1",name="api",image="i",user="ann",project="shop",team="core""#,
    ),
    ("$named", r#"instance="h",name="api",user="ann",project="shop",team="core""#),
    (
        "$program",
        r#"instance="h",job="dockmeter",user="ann",project="shop",team="core",service="web",service_instance="1""#,
    ),
    ("$tenant", r#"user="ann",project="shop",team="core""#),
    ("$host", r#"instance="h",job="dockmeter""#),
];

/// Words and their meanings; a longer one stands before one that it begins with.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    words: Vec<(&'static str, String)>,
}

impl Terms {
    /// The meanings of a configuration.
    pub(super) fn new(alerting: &Alerting, period: Duration) -> Self {
        let hours = period.as_secs_f64() / 3600.0;
        let mut words: Vec<(&'static str, String)> = WINDOWS
            .iter()
            .map(|(word, budget, window)| (*word, format!("{}", round((budget * hours / window).max(1.0)))))
            .collect();
        words.push(("$period_days", format!("{}", round(hours / 24.0))));
        words.push(("$period", show_duration(period)));
        words.push(("$platform_team", alerting.platform_team.replace(['"', '\\'], "")));
        words.push(("$minimum_events", alerting.minimum_events.to_string()));
        Terms { words }
    }

    /// The text with every word's meaning.
    pub(super) fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
    }

    /// The same for a series of a test.
    pub(super) fn fill_test(&self, text: &str) -> String {
        IN_TESTS.iter().fold(self.fill(text), |text, (word, labels)| text.replace(word, labels))
    }
}

fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
