//! The history's place in the program: what it is told of how everything is, and its settings.

use std::sync::Arc;

use anyhow::Context as _;

use crate::config;
use crate::health::{Domain, Monitor};
use crate::history::{DOMAINS, Judge, Options, Recorder, Retention, SystemSample};
use crate::report::followup::ledger::Ledger;

/// The thread that keeps the history, where it is kept.
pub(super) fn start(config: &config::History, monitor: Arc<Monitor>) -> anyhow::Result<Option<Recorder>> {
    if !config.enabled {
        tracing::info!("no history is kept (`history.enabled`)");
        return Ok(None);
    }
    let recorder = Recorder::start(&options(config), judge(monitor));
    let recorder = recorder.with_context(|| match &config.path {
        Some(path) => format!("could not keep the history in `{}` (`history.path`)", path.display()),
        None => "could not keep the history".to_owned(),
    });
    recorder.map(Some)
}

/// What was recommended, beside the history's files where there are any.
pub(super) fn ledger(config: &config::History) -> Ledger {
    Ledger::open(config.path.as_deref().filter(|_| config.enabled))
}

/// What the history keeps, and where.
fn options(config: &config::History) -> Options {
    Options {
        path: config.path.clone(),
        retention: Retention(config.retention),
        memory_bytes: config.memory_bytes,
        disk_bytes: config.disk_bytes as u64,
    }
}

/// Says how everything is, as whole numbers.
fn judge(monitor: Arc<Monitor>) -> Judge {
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
