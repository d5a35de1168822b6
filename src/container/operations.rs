//! How long the engine worked on each tenant's containers. By tenant and not by container, so
//! that a removal is kept although its container is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::inventory::{Operation, Performed};
use crate::metrics::{Histogram, LabelBlock};
use crate::snapshot::TenantOperations;
use crate::tenant::Tenant;

/// OpenTelemetry's default bounds for durations in seconds, with 2 s between; and 30 and 60 s,
/// since a stop that the container does not listen to takes a little more than its 10 s of grace.
const BOUNDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0];

/// The durations of every tenant since dockmeter was started.
#[derive(Debug, Default)]
pub(super) struct Operations(BTreeMap<Tenant, Line>);

#[derive(Debug)]
struct Line {
    labels: Arc<LabelBlock>,
    durations: BTreeMap<Operation, Arc<Histogram>>,
}

impl Operations {
    /// Counts an operation that is over.
    pub(super) fn add(&mut self, performed: &Performed) {
        let tenant = &performed.tenant;
        let line = self.0.entry(tenant.clone()).or_insert_with(|| Line {
            labels: Arc::new(LabelBlock::of_tenant(tenant, [])),
            durations: BTreeMap::new(),
        });
        let histogram =
            line.durations.entry(performed.operation).or_insert_with(|| Arc::new(Histogram::new(BOUNDS)));
        Arc::make_mut(histogram).observe(performed.took.as_secs_f64());
    }

    /// The durations, by tenant.
    pub(super) fn lines(&self) -> Vec<TenantOperations> {
        let line = |line: &Line| TenantOperations {
            labels: line.labels.clone(),
            durations: line
                .durations
                .iter()
                .map(|(operation, durations)| (*operation, durations.clone()))
                .collect(),
        };
        self.0.values().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_are_kept_by_tenant_and_operation() {
        let mut operations = Operations::default();
        for (user, operation, millis) in
            [("ann", Operation::Stop, 10_000), ("bob", Operation::Create, 9), ("ann", Operation::Stop, 200)]
        {
            let tenant = Tenant { user: crate::tenant::LabelValue::clean(user), ..Tenant::unknown() };
            operations.add(&Performed { tenant, operation, took: Duration::from_millis(millis) });
        }
        let seen: Vec<_> = operations
            .lines()
            .into_iter()
            .flat_map(|line| {
                let user = line.labels.tenant().unwrap().user.to_string();
                line.durations.into_iter().map(move |(operation, durations)| {
                    (user.clone(), operation, durations.count(), durations.sum())
                })
            })
            .collect();
        assert_eq!(
            seen,
            [("ann".into(), Operation::Stop, 2, 10.2), ("bob".into(), Operation::Create, 1, 0.009)]
        );
    }
}
