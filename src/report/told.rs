//! What pages of findings and recommendations have in common: evidence and times as programs read
//! them, and whose something is.

use jiff::Timestamp;
use serde::Serialize;

use crate::analysis::finding::{Evidence, Scope};

/// How far text under a head is set in.
pub(super) const INDENT: &str = "   ";

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

/// User, project, team, and the container or the service.
pub(super) fn whose(scope: &Scope) -> [String; 4] {
    let of = scope.container.as_ref().or(scope.service.as_ref());
    [scope.user.as_ref(), scope.project.as_ref(), scope.team.as_ref(), of]
        .map(|part| part.cloned().unwrap_or_default())
}

/// One line, whatever a container is called.
pub(super) fn plain(line: &str) -> String {
    line.replace(|c: char| c.is_control(), " ")
}
