//! What is looked for without being asked: what is unusual now, and what holds requests up.

use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::config::{Anomalies, Config};
use crate::container::thread::SamplerThread;
use crate::detection::{self, Sources};
use crate::findings::{Board, Source, Watch, WeeklyReporter};
use crate::inventory::Inventory;
use crate::live::Hub;
use crate::web::Context;

/// Tells a hub what is unusual, by what the history that is kept here or elsewhere lets expect.
pub(super) fn detect(
    config: &Anomalies,
    context: &Arc<Context>,
    hub: &Arc<Hub>,
    sampler: &SamplerThread,
) -> anyhow::Result<()> {
    if !config.enabled {
        return Ok(());
    }
    let asked = context.clone();
    let sources: Sources = Arc::new(move || asked.sources());
    let watch = detection::start(config.memory_bytes, sources, hub.clone());
    sampler.followed_by(watch.context("could not start to watch for anomalies")?);
    Ok(())
}

/// Looks for what holds requests up, and has teams told of it once a week.
pub(super) fn look(
    config: &Config,
    context: &Arc<Context>,
    inventory: &Arc<Inventory>,
    board: Board,
    cancel: &CancellationToken,
) {
    let asked = context.clone();
    let source: Source = Arc::new(move || asked.asked());
    if let Some(interval) = config.findings {
        let watch = Watch::new(board, source.clone(), inventory.clone(), interval);
        tokio::spawn(cancel.clone().run_until_cancelled_owned(watch.run()));
    }
    let Config { weekly_report, alertmanager, alerting, .. } = config;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let team = &alerting.platform_team;
    let reporter = WeeklyReporter::new(weekly_report, alertmanager, team, source, inventory.clone(), host);
    if let Some(reporter) = reporter {
        tokio::spawn(cancel.clone().run_until_cancelled_owned(reporter.run()));
    }
}
