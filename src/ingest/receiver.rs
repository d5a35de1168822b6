//! Takes what programs send, and keeps count of what came of it by tenant.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::allowance::{Allowance, Spent};
use super::correspondent::Way;
use super::intake::{Intake, Pace};
use super::metered::Unread;
use super::origin::{Origin, Users};
use super::otlp::model::Faults;
use super::otlp::wire::Malformed;
use super::otlp::{json, json_spans, protobuf, protobuf_spans, reading};
use super::performance::{self, Service};
use super::plain::{self, Defined, Records, Taken};
use super::seen::Seen;
use super::spans;
use super::store::{Limits, Rooms, Store};
use super::translate::{self, Outcome};
use super::watch::Watcher;
use crate::config::Naming;
use crate::inventory::ContainerId;
use crate::sql::slow::SlowQueries;
use crate::tenant::Tenant;

/// How long a series stays that is not sent any more, unless its sender comes less often.
const IDLE: Duration = Duration::from_secs(300);

/// Metrics of one tenant, which are fewer than its series.
const METRICS_PER_TENANT: u64 = 2_000;

/// Programs of one tenant that are told apart by service and instance.
const SENDERS_PER_TENANT: u64 = 1_000;

/// How many of a tenant's series one metric of one program may have: a label with a value for
/// each request uses up that metric alone.
const METRIC_SHARE: u64 = 4;

/// The pace at which requests are worked on unless the configuration says otherwise.
const PACE: Pace = Pace { pending_bytes: 128 << 20, points_per_second: 10_000 };

/// What the work on what was read takes at a time beside it, in bytes: one exemplar, and what is
/// told of the first records that are refused.
const MEANWHILE: usize = 64 << 10;

/// How the parts of a request are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf's binary form.
    Protobuf,
    /// JSON.
    Json,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Points that it had.
    pub points: u64,
    /// Points that were not taken.
    pub rejected: u64,
    /// Why, or what was mended, for the sender's log; empty if there is nothing to say.
    pub message: String,
}

/// Why nothing of a body was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is none of what it should be.
    #[error("the body cannot be read: {0}")]
    Malformed(String),
    /// It would take too much memory.
    #[error("the body is refused: {0}")]
    Spent(#[from] Spent),
}

impl From<Malformed> for Unreadable {
    fn from(why: Malformed) -> Self {
        match why {
            Malformed::Spent(spent) => Unreadable::Spent(spent),
            why => Unreadable::Malformed(why.to_string()),
        }
    }
}

impl From<Unread> for Unreadable {
    fn from(why: Unread) -> Self {
        match why {
            Unread::Spent(spent) => Unreadable::Spent(spent),
            why => Unreadable::Malformed(why.to_string()),
        }
    }
}

/// A body as text, and whether bytes had to be replaced for that.
fn mended<'a>(body: &'a [u8], allowance: &Allowance) -> Result<(Cow<'a, str>, bool), Spent> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Ok((Cow::Borrowed(text), false));
    }
    Ok((Cow::Owned(reading::mended(body, allowance)?), true))
}

/// What came of all requests of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) taken: u64,
    pub(super) mended: u64,
    /// Points that were not taken, by reason.
    pub(super) rejected: BTreeMap<&'static str, u64>,
}

/// Takes requests.
#[derive(Debug)]
pub struct Receiver {
    store: Arc<Store>,
    users: Users,
    defined: Defined,
    seen: Seen,
    slow: Arc<SlowQueries>,
    tallies: Mutex<BTreeMap<Tenant, Tally>>,
    /// Requests by what told who sent them, in the order of [`Way::ALL`].
    requests: [AtomicU64; Way::ALL.len()],
    /// Where exemplars are kept, if they are.
    exemplars: Option<Rooms>,
    naming: Mutex<Naming>,
    intake: Arc<Intake>,
}

impl Default for Receiver {
    /// One with the bounds that hold unless the configuration says otherwise.
    fn default() -> Self {
        Receiver::new(20_000, 200_000, 256 << 20)
    }
}

impl Receiver {
    /// A receiver without any series yet, for so many of one tenant and of all, and for so many
    /// bytes of them.
    pub fn new(series_per_tenant: u64, series_total: u64, bytes: u64) -> Self {
        let limits = Limits {
            senders_per_tenant: SENDERS_PER_TENANT,
            metrics_per_tenant: METRICS_PER_TENANT.min(series_per_tenant),
            series_per_tenant,
            series_per_metric: (series_per_tenant / METRIC_SHARE).max(1),
            series_total,
            bytes,
            idle: IDLE,
        };
        Receiver {
            store: Arc::new(Store::new(limits)),
            users: Users::default(),
            defined: Defined::default(),
            seen: Seen::default(),
            slow: Arc::default(),
            tallies: Mutex::default(),
            requests: Default::default(),
            exemplars: None,
            naming: Mutex::default(),
            intake: Arc::new(Intake::new(PACE)),
        }
    }

    /// Keeps exemplars, too.
    pub fn with_exemplars(self) -> Self {
        Receiver { exemplars: Some(Rooms::default()), ..self }
    }

    /// The same, working at another pace.
    #[must_use]
    pub fn at(self, pace: Pace) -> Self {
        Receiver { intake: Arc::new(Intake::new(pace)), ..self }
    }

    /// Tells somebody of all that comes from now on; the first one stays.
    pub fn watched_by(&self, watcher: Arc<dyn Watcher>) {
        self.store.watched_by(watcher);
    }

    /// Who lets requests in.
    pub fn intake(&self) -> &Arc<Intake> {
        &self.intake
    }

    /// Shows standard metrics under these names from now on.
    pub fn name_by(&self, naming: Naming) {
        *self.naming.lock().unwrap_or_else(PoisonError::into_inner) = naming;
    }

    /// The names under which standard metrics are shown.
    pub(super) fn naming(&self) -> Naming {
        *self.naming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the body of an `ExportMetricsServiceRequest`.
    ///
    /// # Errors
    /// The body cannot be read; nothing of it was taken.
    pub fn metrics(
        &self,
        origin: &Origin,
        encoding: Encoding,
        body: &[u8],
        now: Instant,
    ) -> Result<Received, Unreadable> {
        self.within(origin, body, |allowance| {
            let (text, body_was_mended);
            let mut request = match encoding {
                Encoding::Protobuf => {
                    body_was_mended = false;
                    protobuf::metrics(body, allowance)?
                }
                Encoding::Json => {
                    (text, body_was_mended) = mended(body, allowance)?;
                    json::metrics(&text, allowance)?
                }
            };
            let mut faults = std::mem::take(&mut request.faults);
            faults.mended += u64::from(body_was_mended);
            let rooms = self.exemplars.as_ref();
            let outcome =
                translate::record(&self.store, &self.users, rooms, origin, request, allowance, now)?;
            Ok(self.received(origin, outcome, faults))
        })
    }

    /// Takes the body of an `ExportTraceServiceRequest`.
    ///
    /// # Errors
    /// The body cannot be read; nothing of it was taken.
    pub fn traces(
        &self,
        origin: &Origin,
        encoding: Encoding,
        body: &[u8],
        now: Instant,
    ) -> Result<Received, Unreadable> {
        self.within(origin, body, |allowance| {
            let (text, body_was_mended);
            let mut request = match encoding {
                Encoding::Protobuf => {
                    body_was_mended = false;
                    protobuf_spans::traces(body, allowance)?
                }
                Encoding::Json => {
                    (text, body_was_mended) = mended(body, allowance)?;
                    json_spans::traces(&text, allowance)?
                }
            };
            let mut faults = std::mem::take(&mut request.faults);
            faults.mended += u64::from(body_was_mended);
            let Receiver { store, users, seen, slow, .. } = self;
            let to = spans::Into { store, users, seen, slow };
            let outcome = spans::record(to, origin, &request, allowance, (now, Timestamp::now()))?;
            Ok(self.received(origin, outcome, faults))
        })
    }

    /// Reads a body within its allowance, and counts one that takes more.
    fn within<T>(
        &self,
        origin: &Origin,
        body: &[u8],
        read: impl FnOnce(&Allowance) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        let allowance = Allowance::new(self.intake.allowance(body.len()));
        let read = allowance.take(MEANWHILE).map_err(Unreadable::Spent).and_then(|()| read(&allowance));
        if let Err(Unreadable::Spent(_)) = read {
            let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
            let tally = tallies.entry(origin.tenant.clone()).or_default();
            *tally.rejected.entry(TOO_MANY_PARTS).or_default() += 1;
        }
        read
    }

    /// Counts what came of a request, and puts it into words.
    fn received(&self, origin: &Origin, outcome: Outcome, faults: Faults) -> Received {
        self.count(&origin.tenant, &outcome, faults.malformed, faults.mended);
        let first = outcome.refused.first().map(|(why, _)| why.to_string()).or(faults.first);
        let mended = (faults.mended > 0)
            .then(|| format!("{} of its texts were not UTF-8 and were mended", faults.mended));
        let rejected = outcome.rejected() + faults.malformed;
        Received {
            points: outcome.taken + rejected,
            rejected,
            message: first.into_iter().chain(mended).collect::<Vec<_>>().join("; "),
        }
    }

    /// Takes a body of plain JSON.
    ///
    /// # Errors
    /// The body is no list of records; nothing of it was taken.
    pub fn plain(
        &self,
        origin: &Origin,
        records: Records,
        body: &[u8],
        now: Instant,
    ) -> Result<Taken, Unreadable> {
        let (taken, body_was_mended) = self.within(origin, body, |allowance| {
            let (text, body_was_mended) = mended(body, allowance)?;
            let Receiver { store, users, defined, slow, .. } = self;
            let to = plain::Into { store, users, defined, slow };
            let taken = plain::record(to, origin, records, &text, allowance, (now, Timestamp::now()))?;
            Ok((taken, body_was_mended))
        })?;
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(origin.tenant.clone()).or_default();
        tally.taken += taken.accepted;
        tally.mended += u64::from(body_was_mended);
        for (reason, records) in &taken.reasons {
            *tally.rejected.entry(reason).or_default() += records;
        }
        Ok(taken)
    }

    /// Counts a request of somebody who may send.
    pub fn count_request(&self, way: Way) {
        self.requests[way as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn requests(&self) -> [(Way, u64); Way::ALL.len()] {
        Way::ALL.map(|way| (way, self.requests[way as usize].load(Ordering::Relaxed)))
    }

    /// What the services of tenants that are admitted do now, by tenant and name.
    pub fn performance(&self, now: Instant, admits: impl Fn(&Tenant) -> bool) -> Vec<Service> {
        performance::services(&self.store, now, admits)
    }

    fn count(&self, tenant: &Tenant, outcome: &Outcome, malformed: u64, mended: u64) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(tenant.clone()).or_default();
        tally.taken += outcome.taken;
        tally.mended += mended;
        let refused = outcome.refused.iter().map(|(why, points)| (why.reason(), *points));
        for (reason, points) in refused.chain([(MALFORMED, malformed)]).filter(|(_, points)| *points > 0) {
            *tally.rejected.entry(reason).or_default() += points;
        }
    }

    pub(super) fn tallies(&self) -> BTreeMap<Tenant, Tally> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same with another list of slow statements, which others may write, too.
    #[must_use]
    pub fn with_slow_queries(self, slow: Arc<SlowQueries>) -> Self {
        Receiver { slow, ..self }
    }

    /// Statements that took long, and the list that they are noted in.
    pub fn slow_queries(&self) -> &Arc<SlowQueries> {
        &self.slow
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Removes what was sent from containers that are gone; to be called now and then.
    pub fn forget(&self, is_gone: &dyn Fn(&ContainerId) -> bool) {
        self.store.forget(is_gone);
    }

    /// Series that were refused so far, for whatever reason.
    pub fn dropped_series(&self) -> u64 {
        self.store().dropped().map(|(_, series)| series).sum()
    }

    /// Removes what has not been sent for long; to be called now and then.
    pub fn expire(&self, now: Instant) {
        self.store.expire(now);
        self.seen.expire(now);
        self.intake.forget(now);
    }
}

/// Words of the label `reason`.
const MALFORMED: &str = "malformed";
const TOO_MANY_PARTS: &str = "too_many_parts";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_requests_is_told_and_counted() {
        let receiver = Receiver::new(100, 100, 1 << 20);
        let tenant = Tenant::claimed(Some("ann"), None, None);
        let origin = Origin::of(tenant.clone());
        let body = br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
            {"name":"receiver.test","gauge":{"dataPoints":[{"asInt":1},{"asInt":"x"}]}},
            {"name":"node.load","gauge":{"dataPoints":[{"asInt":1}]}},
            {"name":"receiver.sum","sum":{"isMonotonic":true,"dataPoints":[{"asInt":1}]}}]}]}]}"#;
        let received = receiver.metrics(&origin, Encoding::Json, body, Instant::now()).unwrap();
        assert_eq!(received.rejected, 3);
        assert!(received.message.contains("`node_load` is a name of dockmeter"), "{received:?}");
        let tally = &receiver.tallies()[&tenant];
        let rejected = [("malformed", 1), ("name", 1), ("unusable", 1)];
        assert_eq!((tally.taken, &tally.rejected), (1, &BTreeMap::from(rejected)));
        assert!(receiver.metrics(&origin, Encoding::Json, b"{", Instant::now()).is_err());
        assert!(receiver.metrics(&origin, Encoding::Protobuf, b"{", Instant::now()).is_err());
    }

    #[test]
    fn a_request_of_too_many_parts_counts_as_one_and_nothing_of_it_is_taken() {
        let receiver = Receiver::new(100, 100, 1 << 20);
        let origin = Origin::of(Tenant::unknown());
        let point = r#"{"name":"receiver.parts","gauge":{"dataPoints":[{"asInt":1}]}}"#;
        let empty = vec!["{}"; 100_000].join(",");
        let metrics =
            format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{point},{empty}]}}]}}]}}"#);
        let refused = receiver.metrics(&origin, Encoding::Json, metrics.as_bytes(), Instant::now());
        assert_eq!(refused, Err(Unreadable::Spent(Spent)));
        let few = vec!["{}"; 1_000].join(",");
        let records = format!(r#"[{{"method":"GET","duration_seconds":1}},{few}]"#);
        let taken = receiver.plain(&origin, Records::Http, records.as_bytes(), Instant::now()).unwrap();
        assert_eq!((taken.accepted, taken.rejected_total), (1, 1_000), "of those a few are told");
        assert_eq!(taken.rejected.len(), plain::MOST_TOLD);
        let tally = &receiver.tallies()[&origin.tenant];
        assert_eq!((tally.taken, tally.rejected[TOO_MANY_PARTS]), (1, 1));
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_mended_and_the_sender_told() {
        let receiver = Receiver::new(100, 100, 1 << 20);
        let origin = Origin::of(Tenant::unknown());
        let body = b"{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[{\"name\":\"receiver.caf\xe9\",
            \"gauge\":{\"dataPoints\":[{\"asInt\":1}]}}]}]}]}";
        let received = receiver.metrics(&origin, Encoding::Json, body, Instant::now()).unwrap();
        assert_eq!(
            (received.rejected, &*received.message),
            (0, "1 of its texts were not UTF-8 and were mended")
        );
    }
}
