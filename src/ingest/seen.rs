//! Spans that have counted already: a request that is sent again after a lost answer brings
//! them once more.
//!
//! The last spans of each tenant are remembered, at least [`REMEMBERED`] and at most twice as
//! many, so that a busy tenant makes only itself forget. Spans without an id are always new.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::store::Sender;
use crate::tenant::Tenant;

/// Spans of a tenant that are remembered in any case.
const REMEMBERED: usize = 4_096;

/// Who has sent no span for so long sends none again.
const IDLE: Duration = Duration::from_secs(300);

/// The spans that have counted.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    tenants: Mutex<BTreeMap<Tenant, Recent>>,
}

/// Keyed hashes of the last spans: those that are being gathered, and the lot before.
#[derive(Debug)]
struct Recent {
    now: HashSet<u64>,
    before: HashSet<u64>,
    used: Instant,
}

impl Seen {
    /// Whether a span of a sender has not counted yet; from now on it has.
    pub(super) fn is_first(
        &self,
        tenant: &Tenant,
        sender: &Sender,
        id: &(impl AsRef<[u8]>, impl AsRef<[u8]>),
        now: Instant,
    ) -> bool {
        let (trace, span) = (id.0.as_ref(), id.1.as_ref());
        if trace.is_empty() || span.is_empty() {
            return true;
        }
        let hash = self.hasher.hash_one((sender, trace, span));
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if !tenants.contains_key(tenant) {
            let recent = Recent { now: HashSet::new(), before: HashSet::new(), used: now };
            tenants.insert(tenant.clone(), recent);
        }
        let Some(recent) = tenants.get_mut(tenant) else { return true };
        recent.used = now;
        if recent.before.contains(&hash) || !recent.now.insert(hash) {
            return false;
        }
        if recent.now.len() >= REMEMBERED {
            recent.before = std::mem::take(&mut recent.now);
        }
        true
    }

    /// Forgets the spans of tenants that send none any more.
    pub(super) fn expire(&self, now: Instant) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.retain(|_, recent| now.saturating_duration_since(recent.used) < IDLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::LabelValue;

    fn sender(user: &str) -> Sender {
        let tenant = Tenant::claimed(Some(user), None, None);
        Sender { tenant, service: LabelValue::clean("api"), instance: LabelValue::clean("") }
    }

    #[test]
    fn a_span_is_new_once_for_each_sender() {
        let (seen, now) = (Seen::default(), Instant::now());
        let is_first = |user: &str, trace: &[u8], span: &[u8]| {
            let sender = sender(user);
            seen.is_first(&sender.tenant, &sender, &(trace, span), now)
        };
        assert!(is_first("ann", &[1], &[1]));
        assert!(!is_first("ann", &[1], &[1]));
        assert!(is_first("ann", &[1], &[2]) && is_first("ann", &[2], &[1]));
        assert!(is_first("bob", &[1], &[1]), "another tenant's has nothing to do with it");
        assert!(is_first("ann", &[], &[1]) && is_first("ann", &[], &[1]), "nobody knows which it is");
    }

    #[test]
    fn the_last_spans_are_remembered_and_not_all() {
        let (seen, now) = (Seen::default(), Instant::now());
        let ann = sender("ann");
        let is_first = |n: usize| seen.is_first(&ann.tenant, &ann, &([1_u8], n.to_le_bytes()), now);
        assert!((0..10 * REMEMBERED).all(is_first));
        assert!((9 * REMEMBERED..10 * REMEMBERED).all(|n| !is_first(n)));
        assert!(is_first(0));
        let kept: usize =
            seen.tenants.lock().unwrap().values().map(|recent| recent.now.len() + recent.before.len()).sum();
        assert!(kept <= 2 * REMEMBERED, "{kept}");
        seen.expire(now + IDLE);
        assert!(seen.tenants.lock().unwrap().is_empty());
    }
}
