//! The verdict as metrics.

use std::sync::Arc;

use super::{Monitor, Status};
use crate::collect::{CollectError, Collector};
use crate::metrics::catalogue as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::Snapshot;

/// The whole as a domain of its own.
const OVERALL: &str = "overall";

/// Shows how everything is.
#[derive(Debug)]
pub struct HealthCollector(Option<Arc<Monitor>>);

impl HealthCollector {
    /// A collector of what a monitor says; of nothing without one.
    pub fn new(monitor: Option<Arc<Monitor>>) -> Self {
        HealthCollector(monitor)
    }
}

impl Collector for HealthCollector {
    fn name(&self) -> &'static str {
        "health"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let Some(monitor) = &self.0 else { return Ok(()) };
        let report = monitor.report(snapshot, &|_| true, true);
        let plain = LabelBlock::default();
        let domains = report.verdicts.iter().map(|verdict| (verdict.domain.as_str(), verdict.status()));
        sink.family(&c::SYSTEM_HEALTH);
        for (domain, status) in std::iter::once((OVERALL, report.status())).chain(domains) {
            for one in Status::ALL {
                let labels = [("domain", domain), ("status", one.as_str())];
                sink.sample(&plain, &labels, Value::Int(u64::from(one == status)));
            }
        }
        sink.family(&c::SYSTEM_HEALTH_WARNINGS);
        for verdict in &report.verdicts {
            let count = verdict.reasons.len() as u64;
            sink.sample(&plain, &[("domain", verdict.domain.as_str())], Value::Int(count));
        }
        Ok(())
    }
}
