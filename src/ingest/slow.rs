//! The slowest statements that programs tell of, without their values.
//!
//! A list of bounded length. Who is answerable for a call has a share of it: where there is no
//! room, whoever has most statements in the list loses the cheapest of them, so nobody can push
//! out what another has sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::store::Sender;
use crate::sql::{Kind, Statement};
use crate::tenant::{LabelValue, Tenant};

/// Statements of one sender.
const MOST_OF_ONE: usize = 100;

/// Statements of all.
const MOST: usize = 5_000;

/// Longest text that is kept, in bytes.
const LONGEST_TEXT: usize = 2 * 1024;

/// How long a statement stays that is not slow any more.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// How slow a call is, if nothing is said.
const BOUND: Duration = Duration::from_secs(1);

/// Whose calls these are, and what they called.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Who sends this: his share of the list is used.
    pub sender: &'a Tenant,
    /// Whose it is: the sender, or a user whom a delegate names.
    pub tenant: &'a Tenant,
    /// The program.
    pub service: &'a LabelValue,
    /// `db.system.name`.
    pub system: &'a str,
}

/// Where the slow calls of a sender are listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowCalls<'a> {
    pub(crate) list: &'a SlowQueries,
    /// As [`Caller::sender`].
    pub(crate) sender: &'a Tenant,
    /// Whose program made them.
    pub(crate) program: &'a Sender,
    pub(crate) now: Timestamp,
}

impl SlowCalls<'_> {
    /// Lists a call if it was slow.
    pub(crate) fn note(&self, system: &str, statement: &Statement, seconds: f64) {
        let Sender { tenant, service, .. } = self.program;
        let caller = Caller { sender: self.sender, tenant, service, system };
        self.list.note(caller, statement, Calls::one(seconds), self.now);
    }
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
    /// The program.
    pub service: LabelValue,
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

/// What tells statements of a sender apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    tenant: Tenant,
    service: LabelValue,
    system: LabelValue,
    fingerprint: u64,
}

type Queries = BTreeMap<Key, SlowQuery>;

/// The list.
#[derive(Debug)]
pub struct SlowQueries {
    bound: Duration,
    by_sender: Mutex<BTreeMap<Tenant, Queries>>,
}

impl Default for SlowQueries {
    fn default() -> Self {
        SlowQueries::new(BOUND)
    }
}

impl SlowQueries {
    /// An empty list of calls that take so long at least.
    pub fn new(bound: Duration) -> Self {
        SlowQueries { bound, by_sender: Mutex::default() }
    }

    /// From when on a call is slow.
    pub fn bound(&self) -> Duration {
        self.bound
    }

    /// Whether a call that took so many seconds is slow.
    pub fn is_slow(&self, seconds: f64) -> bool {
        seconds >= self.bound.as_secs_f64()
    }

    /// Notes calls if the longest was slow, and says whether it was.
    pub fn note(&self, caller: Caller<'_>, statement: &Statement, calls: Calls, now: Timestamp) -> bool {
        let sensible = calls.count > 0 && calls.total.is_finite() && calls.max.is_finite();
        if !sensible || !self.is_slow(calls.max) {
            return false;
        }
        let key = Key {
            tenant: caller.tenant.clone(),
            service: caller.service.clone(),
            system: LabelValue::clean(caller.system),
            fingerprint: statement.fingerprint,
        };
        let mut senders = self.senders();
        let own = senders.entry(caller.sender.clone()).or_default();
        if let Some(known) = own.get_mut(&key) {
            known.add(calls, now);
            return true;
        }
        own.retain(|_, query| !query.is_old(now));
        if own.len() >= MOST_OF_ONE {
            drop_cheapest(own);
        }
        if senders.values().map(BTreeMap::len).sum::<usize>() >= MOST {
            make_room(&mut senders, now);
        }
        let query = SlowQuery::new(&key, statement, calls, now);
        senders.entry(caller.sender.clone()).or_default().insert(key, query);
        true
    }

    /// What somebody sees who is told of these tenants, in no particular order.
    pub fn list(&self, sees: impl Fn(&Tenant) -> bool, now: Timestamp) -> Vec<SlowQuery> {
        let senders = self.senders();
        let all = senders.values().flat_map(BTreeMap::values);
        all.filter(|query| sees(&query.tenant) && !query.is_old(now)).cloned().collect()
    }

    fn senders(&self) -> MutexGuard<'_, BTreeMap<Tenant, Queries>> {
        self.by_sender.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlowQuery {
    fn new(key: &Key, statement: &Statement, calls: Calls, now: Timestamp) -> Self {
        SlowQuery {
            tenant: key.tenant.clone(),
            service: key.service.clone(),
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

/// Makes room where the list is full: first of what is old, then at the cost of who has most.
fn make_room(senders: &mut BTreeMap<Tenant, Queries>, now: Timestamp) {
    for queries in senders.values_mut() {
        queries.retain(|_, query| !query.is_old(now));
    }
    senders.retain(|_, queries| !queries.is_empty());
    if senders.values().map(BTreeMap::len).sum::<usize>() >= MOST
        && let Some(most) = senders.values_mut().max_by_key(|queries| queries.len())
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
mod tests {
    use super::*;
    use crate::sql::{Dialect, sanitise};

    fn tenant(user: &str) -> Tenant {
        Tenant::claimed(Some(user), None, None)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    /// Notes a statement of a user who sends it himself.
    fn note(list: &SlowQueries, user: &str, text: &str, seconds: f64, now: i64) -> bool {
        let (tenant, service) = (tenant(user), LabelValue::clean("shop"));
        let caller = Caller { sender: &tenant, tenant: &tenant, service: &service, system: "postgresql" };
        list.note(caller, &sanitise(text, Dialect::PostgreSql), Calls::one(seconds), at(now))
    }

    fn texts(list: &SlowQueries, user: &str) -> Vec<String> {
        let user = tenant(user);
        list.list(|tenant| *tenant == user, at(0)).into_iter().map(|query| query.text).collect()
    }

    /// A name made of letters for a number, since digits are not told apart.
    fn name(number: usize) -> String {
        number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
    }

    #[test]
    fn calls_that_differ_in_values_only_are_one_statement() {
        let list = SlowQueries::default();
        assert!(note(&list, "ann", "SELECT * FROM t WHERE id = 1", 1.5, 0));
        assert!(note(&list, "ann", "select * from t where id = 22", 1.0, 7));
        assert!(!note(&list, "ann", "SELECT * FROM t WHERE id = 3", 0.999, 8), "not slow");
        assert!(!note(&list, "ann", "SELECT * FROM t WHERE id = 3", f64::NAN, 8));
        assert!(!note(&list, "ann", "SELECT * FROM t WHERE id = 3", f64::INFINITY, 8));
        let told = list.list(|_| true, at(9));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].text, "SELECT * FROM t WHERE id = ?");
        assert_eq!(told[0].calls, Calls { count: 2, total: 2.5, max: 1.5, last: 1.0 });
        assert_eq!((told[0].first_seen, told[0].last_seen), (at(0), at(7)));
    }

    #[test]
    fn nobody_pushes_out_what_another_has_sent() {
        let list = SlowQueries::default();
        note(&list, "ann", "SELECT * FROM hers", 1.0, 0);
        for number in 0..MOST_OF_ONE * 3 {
            note(&list, "bob", &format!("SELECT * FROM t_{}", name(number)), 1000.0, 0);
        }
        assert_eq!(texts(&list, "bob").len(), MOST_OF_ONE);
        for number in 0..MOST / MOST_OF_ONE * 2 {
            for table in 0..MOST_OF_ONE {
                note(&list, &format!("u{number}"), &format!("SELECT * FROM t_{}", name(table)), 1000.0, 0);
            }
        }
        assert_eq!(list.list(|_| true, at(0)).len(), MOST);
        assert_eq!(texts(&list, "ann"), ["SELECT * FROM hers"]);
        let last = texts(&list, &format!("u{}", MOST / MOST_OF_ONE * 2 - 1)).len();
        assert!(last >= MOST_OF_ONE / 3, "who comes last has a fair share, too: {last}");
    }

    #[test]
    fn users_whom_a_delegate_names_share_what_the_delegate_has() {
        let list = SlowQueries::default();
        let (sender, service) = (tenant("shop"), LabelValue::clean("shop"));
        for number in 0..MOST_OF_ONE * 2 {
            let user = tenant(&format!("u{number}"));
            let caller = Caller { sender: &sender, tenant: &user, service: &service, system: "mysql" };
            list.note(caller, &sanitise("SELECT 1", Dialect::MySql), Calls::one(2.0), at(0));
        }
        assert_eq!(list.list(|_| true, at(0)).len(), MOST_OF_ONE);
    }

    #[test]
    fn what_has_taken_least_goes_first_and_what_is_old_before_that() {
        let list = SlowQueries::default();
        note(&list, "ann", "SELECT * FROM old", 1e6, 0);
        let later = KEPT.as_secs() + 1;
        note(&list, "ann", "SELECT * FROM dear", 500.0, later);
        for number in 0..MOST_OF_ONE {
            note(&list, "ann", &format!("SELECT * FROM t_{}", name(number)), 2.0, later);
        }
        let told = list.list(|_| true, at(later));
        assert_eq!(told.len(), MOST_OF_ONE);
        assert!(told.iter().any(|query| query.text.ends_with("dear")));
        assert!(told.iter().all(|query| !query.text.ends_with("old")));
    }

    #[test]
    fn a_long_text_is_cut() {
        let list = SlowQueries::default();
        let columns: Vec<String> = (0..900).map(name).collect();
        note(&list, "ann", &format!("SELECT {} FROM t", columns.join(", ")), 2.0, 0);
        let text = texts(&list, "ann").remove(0);
        assert!(text.len() <= LONGEST_TEXT + '…'.len_utf8() && text.ends_with('…'), "{}", text.len());
    }
}
