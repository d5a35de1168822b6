//! What every method answers with: a sentence, whom it is about, and what it rests on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth a look this week.
    Medium,
    /// Users notice it.
    High,
    /// It breaks, or is about to.
    Critical,
}

impl Severity {
    /// As it is written in JSON, labels and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// Whom it is about; what is not said is not known or not meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The service, as programs name themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The container's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

impl Scope {
    /// Whom a series is about, by its labels; one that is empty says nothing.
    pub fn of(labels: &BTreeMap<String, String>) -> Scope {
        let label = |name: &str| labels.get(name).filter(|value| !value.is_empty()).cloned();
        Scope {
            user: label("user"),
            project: label("project"),
            team: label("team"),
            service: label("service"),
            container: label("name"),
        }
    }

    /// User, project and team.
    pub fn tenant(&self) -> [Option<&str>; 3] {
        [&self.user, &self.project, &self.team].map(Option::as_deref)
    }
}

/// What a number was told from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The metric, or the expression of it.
    pub metric: String,
    /// What was found, in the metric's unit.
    pub value: f64,
    /// What it was held to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The time that was looked at.
    pub window: Window,
    /// How many samples there are in it.
    pub samples: usize,
}

/// A time, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its beginning.
    pub from: i64,
    /// Its end.
    pub to: i64,
}

impl Window {
    /// Its length in days.
    pub fn days(self) -> f64 {
        (self.to - self.from) as f64 / 86_400_000.0
    }
}
