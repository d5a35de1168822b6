//! What tenants have been billed: a line for each, which no container takes away when it goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::LabelBlock;
use crate::snapshot::TenantUse;
use crate::tenant::{Tenant, UNATTRIBUTED};

/// Amounts are a resource multiplied by nanoseconds.
const SECOND: f64 = 1e9;

/// What is added to a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Core-nanoseconds.
    pub cpu: u128,
    /// Byte-nanoseconds of memory.
    pub memory: u128,
    /// Byte-nanoseconds on disk.
    pub disk: u128,
    /// Bytes received and sent.
    pub network: [u64; 2],
}

/// One tenant's line.
#[derive(Debug)]
struct Line {
    labels: Arc<LabelBlock>,
    sum: Charge,
}

/// The lines of all tenants since dockmeter was started.
#[derive(Debug, Default)]
pub struct Bill(BTreeMap<Tenant, Line>);

impl Bill {
    /// Adds to a tenant's line. Containers of which nothing is known have one together.
    pub fn add(&mut self, tenant: &Tenant, charge: &Charge) {
        if tenant.is_unknown() {
            return self.add_to(&Tenant::pseudo(UNATTRIBUTED), charge);
        }
        self.add_to(tenant, charge);
    }

    fn add_to(&mut self, tenant: &Tenant, charge: &Charge) {
        let sum = match self.0.get_mut(tenant) {
            Some(line) => &mut line.sum,
            None => {
                let labels = Arc::new(LabelBlock::of_tenant(tenant, []));
                let line = Line { labels, sum: Charge::default() };
                &mut self.0.entry(tenant.clone()).or_insert(line).sum
            }
        };
        sum.cpu += charge.cpu;
        sum.memory += charge.memory;
        sum.disk += charge.disk;
        for (sum, more) in sum.network.iter_mut().zip(charge.network) {
            *sum = sum.saturating_add(more);
        }
    }

    /// The lines, by tenant.
    pub fn lines(&self) -> impl Iterator<Item = TenantUse> {
        self.0.iter().map(|(tenant, Line { labels, sum })| TenantUse {
            tenant: tenant.clone(),
            labels: labels.clone(),
            cpu_ns: Some(sum.cpu),
            memory_byte_seconds: Some(seconds(sum.memory)),
            network_bytes: Some(sum.network),
            disk_byte_seconds: (sum.disk > 0).then(|| seconds(sum.disk)),
        })
    }
}

/// Byte-seconds.
pub(super) fn seconds(byte_ns: u128) -> f64 {
    byte_ns as f64 / SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_keeps_what_it_was_billed() {
        let mut bill = Bill::default();
        let tenant = Tenant::claimed(Some("ann"), None, None);
        bill.add(&tenant, &Charge { cpu: 1, ..Charge::default() });
        bill.add(&tenant, &Charge { cpu: 2, network: [7, 8], ..Charge::default() });
        let lines: Vec<TenantUse> = bill.lines().collect();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].cpu_ns, lines[0].network_bytes), (Some(3), Some([7, 8])));
        assert_eq!(lines[0].disk_byte_seconds, None);
    }

    #[test]
    fn only_those_of_whom_nothing_is_known_are_unattributed() {
        let mut bill = Bill::default();
        let shop = Tenant::claimed(None, Some("shop"), None);
        for tenant in [Tenant::unknown(), shop.clone()] {
            bill.add(&tenant, &Charge { cpu: 1, ..Charge::default() });
        }
        let tenants: Vec<Tenant> = bill.lines().map(|line| line.tenant).collect();
        assert_eq!(tenants, [Tenant::pseudo(UNATTRIBUTED), shop]);
    }
}
