//! The slowest statements that programs and database servers tell of, without their values.
//!
//! A list of bounded length. Who is answerable for a call has a share of it, and so has each
//! server: where there is no room, whoever has most statements in the list loses the cheapest of
//! them, so nobody can push out what another has sent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Kind, Statement};
use crate::tenant::{LabelValue, Tenant};

/// Statements of one holder of a share.
const MOST_OF_ONE: usize = 100;

/// Statements of all.
const MOST: usize = 5_000;

/// Longest text that is kept, in bytes.
const LONGEST_TEXT: usize = 2 * 1024;

/// How long a statement stays that is not slow any more.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How slow a call is, if nothing is said.
const BOUND: Duration = Duration::from_secs(1);

/// Where a call was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A program has told of it.
    Program {
        /// The program.
        service: LabelValue,
    },
    /// The database server has told of it.
    Server {
        /// Its host and port.
        server: LabelValue,
        /// The database in it.
        database: LabelValue,
    },
}

/// Whose calls these are, and what they called.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who tells of this: his share of the list is used.
    pub sender: &'a Tenant,
    /// Whose it is: the sender, or a user whom a delegate names.
    pub tenant: &'a Tenant,
    /// Where it was seen.
    pub source: &'a Source,
    /// `db.system.name`.
    pub system: &'a str,
}

/// How often a statement was called, and how long that took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calls {
    /// Calls.
    pub count: u64,
    /// All of them together, in seconds.
    pub total: f64,
    /// The longest, in seconds.
    pub max: f64,
    /// The last, in seconds.
    pub last: f64,
}

impl Calls {
    /// A single call.
    pub fn one(seconds: f64) -> Self {
        Calls { count: 1, total: seconds, max: seconds, last: seconds }
    }
}

/// A statement of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowQuery {
    /// Whose it is.
    pub tenant: Tenant,
    /// Where it was seen.
    pub source: Source,
    /// `db.system.name`.
    pub system: LabelValue,
    /// [`Statement::fingerprint`].
    pub fingerprint: u64,
    /// [`Statement::text`], cut at 2 KiB.
    pub text: String,
    /// [`Statement::summary`].
    pub summary: String,
    /// [`Statement::kind`].
    pub kind: Kind,
    /// [`Statement::tables`].
    pub tables: Vec<String>,
    /// Its slow calls.
    pub calls: Calls,
    /// When the first came.
    pub first_seen: Timestamp,
    /// When the last came.
    pub last_seen: Timestamp,
}

/// Who has a share of the list: who sends, and apart from him each server that is his.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    tenant: Tenant,
    server: Option<LabelValue>,
}

impl Holder {
    fn of(caller: Caller<'_>) -> Self {
        let server = match caller.source {
            Source::Program { .. } => None,
            Source::Server { server, .. } => Some(server.clone()),
        };
        Holder { tenant: caller.sender.clone(), server }
    }
}

/// What tells statements of a holder apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tenant: Tenant,
    source: Source,
    system: LabelValue,
    fingerprint: u64,
}

type Queries = BTreeMap<Key, SlowQuery>;

/// The list.
#[derive(Debug)]
pub struct SlowQueries {
    /// In nanoseconds.
    bound: AtomicU64,
    by_holder: Mutex<BTreeMap<Holder, Queries>>,
}

impl Default for SlowQueries {
    fn default() -> Self {
        SlowQueries::new(BOUND)
    }
}

impl SlowQueries {
    /// An empty list of calls that take so long at least.
    pub fn new(bound: Duration) -> Self {
        SlowQueries { bound: AtomicU64::new(nanoseconds(bound)), by_holder: Mutex::default() }
    }

    /// From when on a call is slow.
    pub fn bound(&self) -> Duration {
        Duration::from_nanos(self.bound.load(Ordering::Relaxed))
    }

    /// Calls are slow from so long on; what is not slow any more goes.
    pub fn set_bound(&self, bound: Duration) {
        self.bound.store(nanoseconds(bound), Ordering::Relaxed);
        for queries in self.holders().values_mut() {
            queries.retain(|_, query| self.is_slow(query.calls.max));
        }
    }

    /// Whether a call that took so many seconds is slow.
    pub fn is_slow(&self, seconds: f64) -> bool {
        seconds >= self.bound().as_secs_f64()
    }

    /// Notes calls if the longest was slow, and says whether it was.
    pub fn note(&self, caller: Caller<'_>, statement: &Statement, calls: Calls, now: Timestamp) -> bool {
        let sensible = calls.count > 0 && calls.total.is_finite() && calls.max.is_finite();
        if !sensible || !self.is_slow(calls.max) {
            return false;
        }
        let key = Key {
            tenant: caller.tenant.clone(),
            source: caller.source.clone(),
            system: LabelValue::clean(caller.system),
            fingerprint: statement.fingerprint,
        };
        let holder = Holder::of(caller);
        let mut holders = self.holders();
        let own = holders.entry(holder.clone()).or_default();
        if let Some(known) = own.get_mut(&key) {
            known.add(calls, now);
            return true;
        }
        own.retain(|_, query| !query.is_old(now));
        if own.len() >= MOST_OF_ONE {
            drop_cheapest(own);
        }
        if holders.values().map(BTreeMap::len).sum::<usize>() >= MOST {
            make_room(&mut holders, now);
        }
        let query = SlowQuery::new(&key, statement, calls, now);
        holders.entry(holder).or_default().insert(key, query);
        true
    }

    /// What somebody sees who is told of these tenants, in no particular order.
    pub fn list(&self, sees: impl Fn(&Tenant) -> bool, now: Timestamp) -> Vec<SlowQuery> {
        let holders = self.holders();
        let all = holders.values().flat_map(BTreeMap::values);
        all.filter(|query| sees(&query.tenant) && !query.is_old(now)).cloned().collect()
    }

    fn holders(&self) -> MutexGuard<'_, BTreeMap<Holder, Queries>> {
        self.by_holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlowQuery {
    fn new(key: &Key, statement: &Statement, calls: Calls, now: Timestamp) -> Self {
        SlowQuery {
            tenant: key.tenant.clone(),
            source: key.source.clone(),
            system: key.system.clone(),
            fingerprint: key.fingerprint,
            text: cut(&statement.text),
            summary: statement.summary.clone(),
            kind: statement.kind,
            tables: statement.tables.clone(),
            calls,
            first_seen: now,
            last_seen: now,
        }
    }

    fn add(&mut self, calls: Calls, now: Timestamp) {
        self.calls = Calls {
            count: self.calls.count.saturating_add(calls.count),
            total: self.calls.total + calls.total,
            max: self.calls.max.max(calls.max),
            last: calls.last,
        };
        self.last_seen = self.last_seen.max(now);
    }

    fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_seen) > KEPT
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes room where the list is full: first of what is old, then at the cost of who has most.
fn make_room(holders: &mut BTreeMap<Holder, Queries>, now: Timestamp) {
    for queries in holders.values_mut() {
        queries.retain(|_, query| !query.is_old(now));
    }
    holders.retain(|_, queries| !queries.is_empty());
    if holders.values().map(BTreeMap::len).sum::<usize>() >= MOST
        && let Some(most) = holders.values_mut().max_by_key(|queries| queries.len())
    {
        drop_cheapest(most);
    }
}

/// Drops the statement that has taken the least time.
fn drop_cheapest(queries: &mut Queries) {
    let cheapest = queries.iter().min_by(|(_, a), (_, b)| a.calls.total.total_cmp(&b.calls.total));
    if let Some(key) = cheapest.map(|(key, _)| key.clone()) {
        queries.remove(&key);
    }
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LONGEST_TEXT)])
}

#[cfg(test)]
mod tests;
