//! What is unusual now: plain data that whoever detects it puts up, and everybody reads without
//! waiting.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::analysis::finding::Severity;
use crate::inventory::{Container, ContainerId};
use crate::tenant::{LabelValue, Tenant};

/// A value of a container that is not as usual. Names are those of `/api/analytics/anomalies`.
#[derive(Clone, Debug, Serialize)]
pub struct Unusual {
    /// When it was measured.
    #[serde(serialize_with = "as_text")]
    pub timestamp: Timestamp,
    /// The container.
    pub container_id: ContainerId,
    /// Its name.
    pub name: LabelValue,
    /// By what it is not as usual: `unusual`, by what the days before let expect.
    pub kind: &'static str,
    /// What is measured, with its unit.
    pub metric: &'static str,
    /// What that is, in a few words.
    pub description: &'static str,
    /// A sentence for people.
    pub text: String,
    /// Since when it is so.
    #[serde(serialize_with = "as_text")]
    pub since: Timestamp,
    /// What it is.
    pub value: f64,
    /// What was to be expected.
    pub expected: f64,
    /// The least that would be usual.
    pub low: f64,
    /// The most that would be usual.
    pub high: f64,
    /// How many deviations the value is from what was to be expected.
    pub score: f64,
    /// How much it matters.
    pub severity: Severity,
    /// The container as it is told of; its tenant is who is told.
    #[serde(skip)]
    pub container: Arc<Container>,
}

impl Unusual {
    /// Whose it is.
    pub fn tenant(&self) -> &Tenant {
        &self.container.tenant
    }
}

fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

/// Whether something has become unusual, or is as usual again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// From now on it is unusual.
    Began,
    /// It is not any more.
    Ended,
}

/// Something that has become unusual, or is as usual again.
#[derive(Clone, Debug, Serialize)]
pub struct Turned {
    /// What, and how it is now.
    #[serde(flatten)]
    pub of: Unusual,
    /// Which of both.
    pub state: Turn,
}

/// What is on the board.
#[derive(Clone, Debug, Default)]
struct Held {
    is_watched: bool,
    now: Arc<[Unusual]>,
    left_out: usize,
}

/// What is unusual now.
#[derive(Default)]
pub struct Board {
    held: Mutex<Held>,
}

impl Board {
    /// All that is unusual now.
    pub fn now(&self) -> Arc<[Unusual]> {
        self.held().now.clone()
    }

    /// How many values nobody watches, since there is no memory left for them.
    pub fn left_out(&self) -> usize {
        self.held().left_out
    }

    /// Whether anybody watches at all.
    pub fn is_watched(&self) -> bool {
        self.held().is_watched
    }

    /// From now on this is unusual, and so many values are not watched.
    pub fn put(&self, now: Vec<Unusual>, left_out: usize) {
        *self.held() = Held { is_watched: true, now: now.into(), left_out };
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held().fmt(f)
    }
}
