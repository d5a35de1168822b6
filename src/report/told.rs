//! Evidence and times as programs read them.

use jiff::Timestamp;
use serde::Serialize;

use crate::analysis::finding::Evidence;

/// What a number was told from, with times as they are written.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    metric: &'a str,
    value: f64,
    threshold: Option<f64>,
    from: Option<String>,
    to: Option<String>,
    samples: usize,
}

impl<'a> Told<'a> {
    /// Of evidence.
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        Told {
            metric: &evidence.metric,
            value: evidence.value,
            threshold: evidence.threshold,
            from: time(evidence.window.from),
            to: time(evidence.window.to),
            samples: evidence.samples,
        }
    }
}

/// A time in milliseconds since 1970 as it is written.
pub(super) fn time(milliseconds: i64) -> Option<String> {
    Timestamp::from_millisecond(milliseconds).ok().map(|time| time.to_string())
}

/// One line, whatever a container is called.
pub(super) fn plain(line: &str) -> String {
    line.replace(|c: char| c.is_control(), " ")
}
