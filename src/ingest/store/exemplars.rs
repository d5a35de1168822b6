//! The exemplars of a series: the latest of each bucket, within a room that a tenant has for all
//! of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::value::Stored;
use crate::ingest::labels::labels;
use crate::ingest::otlp::model::Exemplar as Sent;
use crate::metrics::Exemplar;
use crate::tenant::Tenant;

/// Exemplars of one series. One more takes the place of the oldest.
const MOST_OF_SERIES: usize = 20;

/// Exemplars of one tenant, and of all. Beyond these no bucket gets its first; one that has an
/// exemplar goes on to get newer ones. Each takes about 400 bytes.
const MOST_OF_TENANT: u64 = 5_000;
const MOST_OF_ALL: u64 = 50_000;

/// The rooms that tenants have for exemplars.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    all: Arc<AtomicU64>,
    tenants: Mutex<HashMap<Tenant, Weak<Room>>>,
}

/// The room of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Room {
    used: AtomicU64,
    all: Arc<AtomicU64>,
}

impl Rooms {
    /// The room of a tenant; there as long as somebody holds it.
    pub(crate) fn of(&self, tenant: &Tenant) -> Arc<Room> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = tenants.get(tenant).and_then(Weak::upgrade) {
            return room;
        }
        tenants.retain(|_, room| room.strong_count() > 0);
        let room = Arc::new(Room { used: AtomicU64::new(0), all: self.all.clone() });
        tenants.insert(tenant.clone(), Arc::downgrade(&room));
        room
    }
}

impl Room {
    /// Takes a place if there is one.
    fn take(&self) -> bool {
        let less_than = |most| move |used| (used < most).then_some(used + 1);
        let take = |used: &AtomicU64, most| {
            used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less_than(most)).is_ok()
        };
        if !take(&self.used, MOST_OF_TENANT) {
            return false;
        }
        let taken = take(&self.all, MOST_OF_ALL);
        if !taken {
            self.used.fetch_sub(1, Ordering::Relaxed);
        }
        taken
    }

    fn give_back(&self, places: u64) {
        self.used.fetch_sub(places, Ordering::Relaxed);
        self.all.fetch_sub(places, Ordering::Relaxed);
    }
}

/// The exemplars of one series.
#[derive(Debug)]
pub(super) struct Exemplars {
    /// Ascending by value, and so bucket by bucket.
    kept: Vec<Exemplar>,
    room: Arc<Room>,
}

impl Exemplars {
    /// None yet.
    pub(super) fn within(room: &Arc<Room>) -> Self {
        Exemplars { kept: Vec::new(), room: room.clone() }
    }

    /// Ascending by value.
    pub(super) fn kept(&self) -> &[Exemplar] {
        &self.kept
    }

    /// Takes what has come with a point of a series that has this value now.
    pub(super) fn take(&mut self, exemplars: &[Exemplar], value: &Stored) {
        for exemplar in exemplars {
            if let Some(bucket) = bucket(value, exemplar.value()) {
                self.put(exemplar, |other| Some(bucket) == self::bucket(value, other.value()));
            }
        }
    }

    /// Takes one. `is_like` tells those of the same bucket.
    fn put(&mut self, exemplar: &Exemplar, is_like: impl Fn(&Exemplar) -> bool) {
        let is_older = |other: &Exemplar| other.time_ns() < exemplar.time_ns();
        if self.kept.iter().any(|other| is_like(other) && !is_older(other)) {
            return;
        }
        // Bounds that have changed may have joined buckets.
        let before = self.kept.len();
        self.kept.retain(|other| !is_like(other));
        self.room.give_back((before - self.kept.len()) as u64);
        if self.kept.len() >= MOST_OF_SERIES {
            let by_time = |(_, other): &(usize, &Exemplar)| other.time_ns();
            if let Some((oldest, _)) = self.kept.iter().enumerate().min_by_key(by_time) {
                self.kept.remove(oldest);
                self.room.give_back(1);
            }
        }
        if self.room.take() {
            let place = self.kept.partition_point(|other| other.value() < exemplar.value());
            self.kept.insert(place, exemplar.clone());
        }
    }
}

impl Drop for Exemplars {
    fn drop(&mut self) {
        self.room.give_back(self.kept.len() as u64);
    }
}

/// What has come with a point as it is shown; `time_ns` is the point's.
pub(super) fn read(sent: &[Sent<'_>], time_ns: u64) -> Vec<Exemplar> {
    sent.iter().filter_map(|sent| made(*sent, time_ns)).collect()
}

/// An exemplar as it is shown. Without a time native histograms cannot have it, and without a
/// trace or attributes it says nothing.
fn made(sent: Sent<'_>, time_ns: u64) -> Option<Exemplar> {
    let read = sent.read().filter(|read| !read.value.is_nan())?;
    let time_ns = Some(read.time_ns).filter(|time| *time > 0).unwrap_or(time_ns);
    let (attributes, _) = labels(&read.attributes);
    let trace = [("trace_id", &*read.trace_id), ("span_id", &*read.span_id)];
    let attributes = attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let attributes = attributes.filter(|(name, _)| trace.iter().all(|(taken, _)| taken != name));
    let all = trace.into_iter().filter(|(_, id)| !id.is_empty()).chain(attributes);
    (time_ns > 0).then(|| Exemplar::new(read.value, time_ns, all)).flatten()
}

/// Which bucket a value is in; never a higher one for a lower value. What has no buckets but may
/// have exemplars has one.
fn bucket(of: &Stored, value: f64) -> Option<i32> {
    match of {
        Stored::Number(_) => Some(0),
        Stored::Buckets(kept) => i32::try_from(kept.bounds.partition_point(|bound| *bound < value)).ok(),
        // By powers of two, as the classic form has it.
        Stored::Exponential(_) if value > 0.0 => Some(value.log2().ceil() as i32),
        Stored::Exponential(_) => Some(i32::MIN),
        Stored::Quantiles(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::{Buckets, Temporality};
    use crate::ingest::store::Update;

    fn histogram() -> Stored {
        let buckets = Buckets { count: 3, sum: None, bounds: vec![1.0, 2.0], counts: vec![1, 1, 1] };
        super::super::value::apply(None, Update::Buckets(&buckets, Temporality::Cumulative)).unwrap()
    }

    fn text(value: f64, time_ns: u64) -> String {
        format!(r#"{{"asDouble":{value},"timeUnixNano":"{time_ns}","traceId":"ab"}}"#)
    }

    fn values(exemplars: &Exemplars) -> Vec<f64> {
        exemplars.kept().iter().map(Exemplar::value).collect()
    }

    #[test]
    fn the_latest_of_each_bucket_is_kept() {
        let rooms = Rooms::default();
        let room = rooms.of(&Tenant::unknown());
        let mut exemplars = Exemplars::within(&room);
        for (value, time) in [(5.0, 9), (0.5, 3), (0.7, 2), (1.5, 4), (1.2, 5)] {
            exemplars.take(&read(&[Sent::Json(&text(value, time))], 1), &histogram());
        }
        assert_eq!(values(&exemplars), [0.5, 1.2, 5.0]);
        let untimed = r#"{"asDouble":0.1,"traceId":"ab"}"#;
        exemplars.take(&read(&[Sent::Json(untimed), Sent::Json("{}"), Sent::Json("[")], 20), &histogram());
        assert_eq!(values(&exemplars), [0.1, 1.2, 5.0]);
        assert_eq!(exemplars.kept()[0].time_ns(), 20, "that of its point");
        let says_nothing = r#"{"asDouble":0.1,"timeUnixNano":"30"}"#;
        exemplars.take(&read(&[Sent::Json(says_nothing)], 20), &histogram());
        assert_eq!(exemplars.kept()[0].time_ns(), 20);
    }

    #[test]
    fn a_counter_keeps_one() {
        let rooms = Rooms::default();
        let mut exemplars = Exemplars::within(&rooms.of(&Tenant::unknown()));
        let sent = [text(5.0, 1), text(1.0, 2)];
        exemplars.take(&read(&sent.each_ref().map(|text| Sent::Json(text)), 1), &Stored::Number(9.0));
        assert_eq!(values(&exemplars), [1.0]);
    }

    #[test]
    fn a_series_and_a_tenant_have_so_many_and_give_them_back() {
        let rooms = Rooms::default();
        let room = rooms.of(&Tenant::unknown());
        let spread = Stored::Exponential(Box::default());
        let filled = || {
            let mut exemplars = Exemplars::within(&room);
            for power in 0..MOST_OF_SERIES as u64 + 5 {
                exemplars.take(&read(&[Sent::Json(&text((1_u64 << power) as f64, power + 1))], 1), &spread);
            }
            exemplars
        };
        let one = filled();
        assert_eq!((one.kept().len(), one.kept()[0].value()), (MOST_OF_SERIES, 32.0), "the oldest have gone");
        let many: Vec<_> = (0..MOST_OF_TENANT as usize / MOST_OF_SERIES).map(|_| filled()).collect();
        assert_eq!(room.used.load(Ordering::Relaxed), MOST_OF_TENANT);
        assert_eq!(many.last().map(|last| last.kept().len()), Some(0));
        assert_eq!(one.kept().len(), MOST_OF_SERIES);
        let other = Tenant::claimed(Some("ann"), None, None);
        assert!(rooms.of(&other).take(), "another tenant has its own");
        drop((one, many));
        assert_eq!((room.used.load(Ordering::Relaxed), rooms.all.load(Ordering::Relaxed)), (0, 1));
    }
}
