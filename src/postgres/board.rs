//! What the servers have said last, by server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::parts;
use super::series::Series;
use crate::metrics::LabelBlock;
use crate::tenant::Tenant;

/// Why a server could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its name could not be looked up.
    Resolve,
    /// No connection could be opened.
    Connect,
    /// TLS failed, or the certificate is not trusted.
    Tls,
    /// It did not take the password, there is none, or it wants it in a form that gives it away.
    Password,
    /// It does not let us in for another reason: it is starting, or there is no such database.
    Refused,
    /// Every connection is taken.
    Full,
    /// The connection broke.
    Lost,
    /// It took too long.
    Timeout,
    /// What it said is no answer, or it is too old.
    Answer,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 9] = [
        Reason::Resolve,
        Reason::Connect,
        Reason::Tls,
        Reason::Password,
        Reason::Refused,
        Reason::Full,
        Reason::Lost,
        Reason::Timeout,
        Reason::Answer,
    ];

    /// The reason as a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Resolve => "resolve",
            Reason::Connect => "connect",
            Reason::Tls => "tls",
            Reason::Password => "password",
            Reason::Refused => "refused",
            Reason::Full => "full",
            Reason::Lost => "lost",
            Reason::Timeout => "timeout",
            Reason::Answer => "answer",
        }
    }
}

/// Why a part of a reading is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Missing {
    /// We may not see it.
    Right,
    /// What shows it is not installed.
    Extension,
    /// It took too long, or waited for a lock.
    Timeout,
    /// Anything else.
    Error,
}

impl Missing {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Missing::Right => "right",
            Missing::Extension => "extension",
            Missing::Timeout => "timeout",
            Missing::Error => "error",
        }
    }
}

/// Series of each part, by its place among all parts.
pub(super) type ByPart = [Vec<Series>; parts::COUNT];

/// What is known of a server.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether the last reading succeeded; `None` before the first.
    pub(super) up: Option<bool>,
    /// When it was read last.
    pub(super) read_at: Option<Timestamp>,
    /// How long that took; `None` while it is down.
    pub(super) took: Option<Duration>,
    /// Readings that failed, by the order of [`Reason::ALL`].
    pub(super) failures: [u64; Reason::ALL.len()],
    /// Parts that were missing.
    pub(super) missing: BTreeMap<(&'static str, Missing), u64>,
    /// What it said; empty while it is down.
    pub(super) parts: ByPart,
}

/// One server.
#[derive(Debug)]
pub(super) struct Record {
    /// Its address and whose it is.
    pub(super) labels: Arc<LabelBlock>,
    state: Mutex<State>,
}

impl Record {
    /// A server of which nothing is known.
    pub(super) fn new(server: &str, tenant: &Tenant) -> Self {
        let labels = Arc::new(LabelBlock::of_tenant(tenant, [("server", server)]));
        Record { labels, state: Mutex::default() }
    }

    /// What is known; held for as long as it takes to show it, or to change a part.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reading failed: what the server said before is not said any more.
    pub(super) fn failed(&self, reason: Reason) {
        let mut state = self.state();
        state.up = Some(false);
        state.took = None;
        state.parts = ByPart::default();
        if let Some(place) = Reason::ALL.iter().position(|one| *one == reason) {
            state.failures[place] += 1;
        }
    }
}

/// All servers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Arc<Record>>>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Record>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins with a server of which nothing is known.
    pub(super) fn add(&self, server: &str, tenant: &Tenant) -> Arc<Record> {
        let record = Arc::new(Record::new(server, tenant));
        self.lock().insert(server.to_owned(), record.clone());
        record
    }

    /// Forgets the servers that are not wanted.
    pub(super) fn retain(&self, wanted: impl Fn(&str) -> bool) {
        self.lock().retain(|server, _| wanted(server));
    }

    /// The servers in the order of their addresses.
    pub(super) fn records(&self) -> Vec<Arc<Record>> {
        self.lock().values().cloned().collect()
    }
}
