//! The catalogue: groups of recording rules and alerts, as data that has been checked.
//!
//! Invariant: every expression of a [`Catalogue`] parses, names metrics and labels that there
//! are, and keeps exactly the labels that its alert names; every text names only those.

use std::collections::BTreeMap;
use std::time::Duration;

use super::known::Known;
use crate::config::Severity;

/// Everything.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    /// Groups in the order of their files.
    pub groups: Vec<Group>,
    /// The names that expressions may use, recorded series among them.
    pub(crate) known: Known,
}

impl Catalogue {
    /// Every alert.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.groups.iter().flat_map(|group| &group.alerts)
    }
}

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name, and that of its files.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// How often it is evaluated, if not as Prometheus says.
    pub interval: Option<Duration>,
    /// Recording rules, which come before the alerts.
    pub records: Vec<Record>,
    /// Alerts.
    pub alerts: Vec<Alert>,
}

/// A recording rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The series that it makes.
    pub name: String,
    /// What it is made of.
    pub expr: String,
    /// What it says, in a sentence.
    pub help: String,
    /// Labels that it adds.
    pub labels: BTreeMap<String, String>,
    /// How it is tried.
    pub test: Option<RecordTest>,
}

/// Input and result of a recording rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordTest {
    /// Time between two samples, and two evaluations.
    pub interval: Duration,
    /// Series and their values, as promtool has them.
    pub input: BTreeMap<String, String>,
    /// When it is looked at.
    pub at: Duration,
    /// The series that are there then, and their values.
    pub gives: BTreeMap<String, String>,
}

/// On which side of a threshold is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Above it.
    Above,
    /// Below it.
    Below,
}

impl Direction {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Above => "above",
            Direction::Below => "below",
        }
    }

    /// The comparison.
    pub fn operator(self) -> &'static str {
        match self {
            Direction::Above => ">",
            Direction::Below => "<",
        }
    }
}

/// Who has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who runs the host.
    Platform,
    /// Whose container or program it is.
    Tenant,
}

impl Audience {
    /// The words.
    pub const WORDS: [(&'static str, Audience); 2] =
        [("platform", Audience::Platform), ("tenant", Audience::Tenant)];

    /// The value of the label `audience`.
    pub fn as_str(self) -> &'static str {
        match self {
            Audience::Platform => "platform",
            Audience::Tenant => "tenant",
        }
    }
}

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// The value that is compared.
    pub expr: String,
    /// On which side of the thresholds is too much.
    pub direction: Direction,
    /// The threshold at which it fires.
    pub fire: f64,
    /// The threshold at which it clears, if it is another.
    pub clear: Option<f64>,
    /// How long the condition has to hold.
    pub hold: Duration,
    /// How long it goes on firing after the condition is over.
    pub keep: Duration,
    /// How much it matters.
    pub severity: Severity,
    /// Who has to do something about it.
    pub audience: Audience,
    /// The labels that tell its instances apart.
    pub labels: Vec<String>,
    /// Labels that are always the same.
    pub marks: BTreeMap<String, String>,
    /// What the value is.
    pub unit: super::unit::Unit,
    /// The recorded series that says how much there may be, and its labels.
    pub limit: Option<(String, Vec<String>)>,
    /// What has happened.
    pub summary: String,
    /// What it means.
    pub description: String,
    /// What to do, the first thing first.
    pub actions: Vec<String>,
    /// The dashboard that shows it.
    pub dashboard: String,
    /// The panel there.
    pub panel: u32,
    /// How it is tried.
    pub test: AlertTest,
    /// Whether the configuration changes how it fires, so that its test says nothing.
    pub is_changed: bool,
}

impl Alert {
    /// Whether it clears at another threshold than it fires.
    pub fn has_hysteresis(&self) -> bool {
        self.clear.is_some_and(|clear| clear != self.fire)
    }
}

/// Input of an alert, and when it is to fire.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertTest {
    /// Time between two samples, and two evaluations.
    pub interval: Duration,
    /// Series and their values, as promtool has them.
    pub input: BTreeMap<String, String>,
    /// The values of its labels then, by which it is known that nothing else fires.
    pub labels: BTreeMap<String, String>,
    /// A moment at which it does not fire yet.
    pub quiet: Duration,
    /// A moment at which it fires.
    pub fires: Duration,
    /// A moment at which the value is between the thresholds and it still fires.
    pub holds: Option<Duration>,
    /// A moment at which it does not fire any more; only what always fires has none.
    pub clears: Option<Duration>,
}
