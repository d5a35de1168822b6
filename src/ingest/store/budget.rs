//! What bounds the store: how many there may be of what, by tenant, by metric and in all, and
//! how many bytes they may take.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::lock;

/// A tenant may have this part of all bytes.
const TENANTS_SHARE: u64 = 4;

/// Bounds of what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Series of one tenant.
    pub(crate) series_per_tenant: u64,
    /// Programs of one tenant, by service and instance.
    pub(crate) senders_per_tenant: u64,
    /// Metrics of one tenant.
    pub(crate) metrics_per_tenant: u64,
    /// Series of one metric of one tenant.
    pub(crate) series_per_metric: u64,
    /// Series of all.
    pub(crate) series_total: u64,
    /// Memory of all series, in bytes.
    pub(crate) bytes: u64,
    /// How long a series is kept that is not sent any more.
    pub(crate) idle: Duration,
}

/// How many of something there may be, and are.
#[derive(Debug)]
pub(super) struct Budget {
    most: u64,
    used: AtomicU64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Self {
        Budget { most, used: AtomicU64::new(0) }
    }

    pub(super) fn take(&self) -> bool {
        let more = |used| (used < self.most).then_some(used + 1);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn give_back(&self, count: u64) {
        self.used.fetch_sub(count, Ordering::Relaxed);
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn has_room(&self, for_more: u64) -> bool {
        self.used().saturating_add(for_more) <= self.most
    }

    /// Notes that what took `before` takes `now`.
    fn change(&self, before: u64, now: u64) {
        self.used.fetch_add(now, Ordering::Relaxed);
        self.used.fetch_sub(before, Ordering::Relaxed);
    }
}

/// What a tenant may use, by all its senders together.
#[derive(Debug)]
pub(super) struct TenantBudget {
    pub(super) senders: Budget,
    pub(super) metrics: Budget,
    series: Budget,
    tracked: Budget,
    bytes: Budget,
    series_per_metric: u64,
    /// Series by the name of their metric.
    by_metric: Mutex<HashMap<Box<str>, Weak<Budget>>>,
}

impl TenantBudget {
    pub(super) fn new(limits: Limits) -> Self {
        TenantBudget {
            senders: Budget::new(limits.senders_per_tenant),
            metrics: Budget::new(limits.metrics_per_tenant),
            series: Budget::new(limits.series_per_tenant),
            tracked: Budget::new(limits.series_per_tenant),
            bytes: Budget::new(limits.bytes / TENANTS_SHARE),
            series_per_metric: limits.series_per_metric,
            by_metric: Mutex::default(),
        }
    }

    /// The series of a metric, of all senders.
    pub(super) fn of_metric(&self, name: &str) -> Arc<Budget> {
        let mut metrics = lock(&self.by_metric);
        if let Some(known) = metrics.get(name).and_then(Weak::upgrade) {
            return known;
        }
        metrics.retain(|_, budget| budget.strong_count() > 0);
        let budget = Arc::new(Budget::new(self.series_per_metric));
        metrics.insert(name.into(), Arc::downgrade(&budget));
        budget
    }
}

/// What all may use together.
#[derive(Debug)]
pub(super) struct Total {
    series: Budget,
    tracked: Budget,
    bytes: Budget,
    /// Series that were given no place of their own, by [`Full`].
    dropped: [AtomicU64; Full::ALL.len()],
}

/// What there is too much of for a series to have a place of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Series of its metric.
    Metric,
    /// Series of its tenant.
    Tenant,
    /// Series of all.
    All,
    /// Memory, of its tenant or of all.
    Memory,
}

impl Full {
    const ALL: [Full; 4] = [Full::Metric, Full::Tenant, Full::All, Full::Memory];

    /// The word of the label `reason`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Full::Metric => "metric",
            Full::Tenant => "tenant",
            Full::All => "all",
            Full::Memory => "memory",
        }
    }

    /// As a message says it.
    pub(super) fn what(self) -> &'static str {
        match self {
            Full::Metric => "series of this metric",
            Full::Tenant => "series of this tenant",
            Full::All => "series in all",
            Full::Memory => "bytes of series",
        }
    }
}

impl Total {
    pub(super) fn new(limits: Limits) -> Self {
        Total {
            series: Budget::new(limits.series_total),
            tracked: Budget::new(limits.series_total),
            bytes: Budget::new(limits.bytes),
            dropped: Default::default(),
        }
    }

    pub(super) fn series(&self) -> u64 {
        self.series.used()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.used()
    }

    pub(super) fn dropped(&self) -> impl Iterator<Item = (Full, u64)> {
        Full::ALL.into_iter().zip(&self.dropped).map(|(full, count)| (full, count.load(Ordering::Relaxed)))
    }
}

/// The budgets that a sender draws on.
#[derive(Clone, Debug)]
pub(super) struct Budgets {
    pub(super) tenant: Arc<TenantBudget>,
    pub(super) all: Arc<Total>,
}

impl Budgets {
    /// Takes a place for a series of a metric that may need so many bytes.
    pub(super) fn take_series(&self, metric: &Budget, bytes: u64) -> Result<(), Full> {
        if !self.has_room(bytes) {
            return Err(Full::Memory);
        }
        if !metric.take() {
            return Err(Full::Metric);
        }
        if !self.tenant.series.take() {
            metric.give_back(1);
            return Err(Full::Tenant);
        }
        if !self.all.series.take() {
            metric.give_back(1);
            self.tenant.series.give_back(1);
            return Err(Full::All);
        }
        Ok(())
    }

    pub(super) fn give_back_series(&self, metric: &Budget, series: u64) {
        metric.give_back(series);
        self.tenant.series.give_back(series);
        self.all.series.give_back(series);
    }

    /// Takes a place to remember what a series without one of its own has said last.
    pub(super) fn take_tracked(&self, bytes: u64) -> bool {
        if !self.has_room(bytes) || !self.tenant.tracked.take() {
            return false;
        }
        let taken = self.all.tracked.take();
        if !taken {
            self.tenant.tracked.give_back(1);
        }
        taken
    }

    pub(super) fn give_back_tracked(&self, tracked: u64) {
        self.tenant.tracked.give_back(tracked);
        self.all.tracked.give_back(tracked);
    }

    /// Counts a series that has no place of its own.
    pub(super) fn drop_series(&self, why: Full) {
        let place = Full::ALL.iter().position(|known| *known == why);
        if let Some(count) = place.and_then(|place| self.all.dropped.get(place)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.tenant.bytes.has_room(bytes) && self.all.bytes.has_room(bytes)
    }

    /// Notes that what took `before` bytes takes `now`.
    pub(super) fn change_bytes(&self, before: u64, now: u64) {
        // Most points change nothing, and all cores write to these counts.
        if before == now {
            return;
        }
        self.tenant.bytes.change(before, now);
        self.all.bytes.change(before, now);
    }
}
