//! The history's place in the program: what it is told of how everything is, and its settings.

use std::sync::Arc;

use crate::config;
use crate::health::{Domain, Monitor};
use crate::history::{DOMAINS, Judge, Options, Retention, SystemSample};

/// What the history keeps, and where.
pub(super) fn options(config: &config::History) -> Options {
    Options {
        path: config.path.clone(),
        retention: Retention(config.retention),
        memory_bytes: config.memory_bytes,
        disk_bytes: config.disk_bytes as u64,
    }
}

/// Says how everything is, as whole numbers.
pub(super) fn judge(monitor: Arc<Monitor>) -> Judge {
    Box::new(move |snapshot| {
        let report = monitor.report(snapshot, &|_| true, true);
        let mut domains = [None; DOMAINS];
        for verdict in &report.verdicts {
            let place = Domain::ALL.iter().position(|domain| *domain == verdict.domain);
            if let Some(domain) = place.and_then(|place| domains.get_mut(place)) {
                *domain = Some((verdict.status() as u64, verdict.reasons.len() as u64));
            }
        }
        SystemSample {
            status: report.status() as u64,
            warnings: report.warning_count() as u64,
            domains,
            shares: monitor.shares(snapshot),
        }
    })
}
