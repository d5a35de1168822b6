//! Probes of named targets: can they be reached from here, and how long does it take.
//!
//! - [`Probes`]: a task for each target, and the change of targets on a reload.
//! - `attempt`: one attempt, from looking up the name to the first piece of a page.
//! - [`Board`]: what came of the attempts so far.
//! - [`ProbeCollector`]: shows the board.
//!
//! Invariants: nothing is probed inside a scrape; a target has one attempt under way at most,
//! which has a deadline over everything; no redirect is followed, and no page read to its end.

mod attempt;
mod board;
mod collector;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::config::Probe;

pub use board::{Board, Reason};
pub use collector::ProbeCollector;
pub(crate) use tls::authorities;

use attempt::Prober;
use board::Record;

/// Everything that probes. Dropping it ends all attempts.
#[derive(Debug)]
pub struct Probes {
    board: Board,
    running: BTreeMap<String, Running>,
}

/// One target that is probed.
#[derive(Debug)]
struct Running {
    probe: Probe,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Probes {
    /// Begins to probe; to be called within a runtime.
    pub fn start(board: Board, probes: &[Probe]) -> Self {
        let mut all = Probes { board, running: BTreeMap::new() };
        all.replace(probes);
        all
    }

    /// Probes these from now on. A target that has not changed goes on as it was; of one that
    /// has, the numbers begin anew.
    pub fn replace(&mut self, probes: &[Probe]) {
        self.running.retain(|_, running| probes.contains(&running.probe));
        self.board.retain(|name| self.running.contains_key(name));
        for (index, probe) in probes.iter().enumerate() {
            if self.running.contains_key(&probe.name) {
                continue;
            }
            // Not all at the same moment.
            let first = probe.interval.mul_f64(index as f64 / probes.len() as f64);
            let record = self.board.add(probe);
            let task = tokio::spawn(attend(probe.clone(), record, first));
            self.running.insert(probe.name.clone(), Running { probe: probe.clone(), task });
        }
    }
}

/// Probes one target for ever.
async fn attend(probe: Probe, record: Arc<Record>, first: Duration) {
    let mut ticks = interval_at(Instant::now() + first, probe.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut prober = Prober::new(probe.target.clone(), probe.timeout);
    let mut was_well = true;
    loop {
        ticks.tick().await;
        let outcome = prober.attempt().await;
        match &outcome.result {
            Err(failure) if was_well => {
                let (target, reason) = (probe.name.as_str(), failure.reason.as_str());
                tracing::warn!(target, reason, error = %failure.message, "a probe fails");
            }
            Ok(()) if !was_well => {
                tracing::info!(target = probe.name, "a probe succeeds again");
            }
            _ => {}
        }
        was_well = outcome.result.is_ok();
        record.add(&outcome);
    }
}
