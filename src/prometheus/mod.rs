//! Asks a Prometheus, and the Alertmanager behind it, over their HTTP APIs.
//!
//! - [`Client`]: queries at one moment, over a range, and for raw samples, each with a deadline,
//!   a bound on the answer, and some patience with a server that is busy; and the wish that it
//!   reads its files again.
//! - [`Alertmanager`]: what fires, silences that there are or that we make, and alerts of our own,
//!   likewise.
//! - [`Series`]: labels and samples; times are seconds since 1970.

mod alertmanager;
mod answer;
mod client;
pub(crate) mod connection;

use std::collections::BTreeMap;

pub use alertmanager::{
    Alert, AlertState, Alertmanager, AlertmanagerError, Group, Matcher, NewAlert, NewSilence, Silence,
};
pub use client::{Client, QueryError, ReloadError};

/// The most points of a series that a Prometheus answers to a range query.
pub const MAX_POINTS: usize = 11_000;

/// Labels by name.
pub type Labels = BTreeMap<String, String>;

/// A series with its samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels; the metric's name is `__name__`, where the query keeps it.
    pub labels: Labels,
    /// Seconds since 1970 and value, by time.
    pub samples: Vec<(f64, f64)>,
}

/// A label's value as PromQL writes it, quotes included.
pub fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// A selector of a metric by labels that have to be equal.
pub fn selector<'a>(metric: &str, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let matchers: Vec<String> =
        labels.into_iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    format!("{metric}{{{}}}", matchers.join(","))
}

#[cfg(test)]
mod tests;
