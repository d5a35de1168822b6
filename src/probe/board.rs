//! What came of the attempts so far, by target.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::attempt::{Failure, Outcome};
use crate::config::Probe;
use crate::metrics::Histogram;

/// Upper bounds of durations in seconds.
const BOUNDS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The name could not be looked up.
    Resolve,
    /// No connection could be opened.
    Connect,
    /// TLS failed, or the certificate is not trusted.
    Tls,
    /// What came back is no answer.
    Http,
    /// The answer has another status than those that are expected.
    Status,
    /// It took too long.
    Timeout,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 6] =
        [Reason::Resolve, Reason::Connect, Reason::Tls, Reason::Http, Reason::Status, Reason::Timeout];

    /// The reason as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Resolve => "resolve",
            Reason::Connect => "connect",
            Reason::Tls => "tls",
            Reason::Http => "http",
            Reason::Status => "status",
            Reason::Timeout => "timeout",
        }
    }
}

/// A part of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Resolve,
    Connect,
    Tls,
    Wait,
}

impl Phase {
    /// Every phase, in the order of an attempt.
    pub(super) const ALL: [Phase; 4] = [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Wait];

    /// The phase as a label.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Phase::Resolve => "resolve",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::Wait => "wait",
        }
    }
}

/// The numbers of all targets. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Arc<Record>>>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Record>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a target of which nothing is known.
    pub(super) fn add(&self, probe: &Probe) -> Arc<Record> {
        let record = Arc::new(Record { address: probe.target.to_string(), numbers: Mutex::default() });
        self.lock().insert(probe.name.clone(), record.clone());
        record
    }

    /// Forgets the targets that are not wanted.
    pub(super) fn retain(&self, wanted: impl Fn(&str) -> bool) {
        self.lock().retain(|name, _| wanted(name));
    }

    /// The targets by name.
    pub(super) fn records(&self) -> Vec<(String, Arc<Record>)> {
        self.lock().iter().map(|(name, record)| (name.clone(), record.clone())).collect()
    }
}

/// One target.
#[derive(Debug)]
pub(super) struct Record {
    /// Where it is.
    pub(super) address: String,
    numbers: Mutex<Numbers>,
}

/// What came of the attempts at one target.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    /// Attempts that are over.
    pub(super) attempts: u64,
    /// Those that failed, by the order of [`Reason::ALL`].
    pub(super) failures: [u64; Reason::ALL.len()],
    /// How long those took that succeeded, in seconds.
    pub(super) durations: Histogram,
    /// Of these the parts, by the order of [`Phase::ALL`]; `None` of a part that there is not.
    pub(super) phases: [Option<Duration>; Phase::ALL.len()],
    /// Whether the last one succeeded; `None` before the first.
    pub(super) success: Option<bool>,
    /// The status of the last answer, if the last attempt had one.
    pub(super) status: Option<u16>,
}

impl Default for Numbers {
    fn default() -> Self {
        Numbers {
            attempts: 0,
            failures: [0; Reason::ALL.len()],
            durations: Histogram::fine(BOUNDS),
            phases: [None; Phase::ALL.len()],
            success: None,
            status: None,
        }
    }
}

impl Record {
    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an attempt.
    pub(super) fn add(&self, outcome: &Outcome) {
        let mut numbers = self.lock();
        numbers.attempts += 1;
        numbers.success = Some(outcome.result.is_ok());
        numbers.status = outcome.status;
        match &outcome.result {
            Ok(()) => {
                numbers.durations.observe(outcome.duration.as_secs_f64());
                for (sum, phase) in numbers.phases.iter_mut().zip(outcome.phases) {
                    if let Some(phase) = phase {
                        *sum = Some(sum.unwrap_or_default() + phase);
                    }
                }
            }
            Err(Failure { reason, .. }) => {
                if let Some(place) = Reason::ALL.iter().position(|one| one == reason) {
                    numbers.failures[place] += 1;
                }
            }
        }
    }

    /// The numbers now.
    pub(super) fn numbers(&self) -> Numbers {
        self.lock().clone()
    }
}
