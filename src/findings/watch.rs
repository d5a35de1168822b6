//! Who looks for what holds requests up, and how often.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::MissedTickBehavior;

use super::{Board, Found};
use crate::history::Query;
use crate::inventory::{ContainerId, Inventory};
use crate::prometheus::QueryError;
use crate::report::insights::{Insights, Look, Options, look};
use crate::report::period::Period;

/// Until then there are samples to look at.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// What is told is so now, and what is usual is looked for before that.
const LOOKED_AT: SignedDuration = SignedDuration::from_mins(10);

/// After so many looks that failed nobody knows what is so.
const BELIEVED: i32 = 3;

/// Who is asked, as the configuration has it now.
pub type Source = Arc<dyn Fn() -> Option<Arc<dyn Query>> + Send + Sync>;

/// Looks again and again.
pub struct Watch {
    board: Board,
    source: Source,
    inventory: Arc<Inventory>,
    interval: Duration,
}

impl Watch {
    /// One that looks so often, and writes down what it finds.
    pub fn new(board: Board, source: Source, inventory: Arc<Inventory>, interval: Duration) -> Watch {
        Watch { board, source, inventory, interval }
    }

    /// Looks until it is dropped.
    pub async fn run(self) {
        let mut complained = false;
        let mut turns = tokio::time::interval_at(tokio::time::Instant::now() + FIRST_AFTER, self.interval);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let outcome = self.look(Timestamp::now()).await;
            if let Err(error) = &outcome
                && !std::mem::replace(&mut complained, true)
            {
                tracing::warn!(%error, "could not look for what holds requests up; it is tried again");
            }
            complained &= outcome.is_err();
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// Who is asked does not answer; what was found before stays for a while.
    pub async fn look(&self, now: Timestamp) -> Result<(), QueryError> {
        let period = Period { from: now - LOOKED_AT, to: now };
        let found = here(&self.source, &self.inventory, period).await?;
        let found = found.map_or_else(Vec::new, |look| told(&look.of(everything(period))));
        let until = now + SignedDuration::try_from(self.interval * BELIEVED as u32).unwrap_or(LOOKED_AT);
        self.board.set(found, until);
        Ok(())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// What was found on this host; `None` where nothing is known of its containers.
pub(super) async fn here(
    source: &Source,
    inventory: &Inventory,
    period: Period,
) -> Result<Option<Look>, QueryError> {
    let Some(query) = source() else { return Ok(None) };
    let running: Vec<ContainerId> = inventory
        .snapshot()
        .containers
        .values()
        .filter(|container| container.removed_at.is_none())
        .map(|container| container.id)
        .collect();
    let Some(whom) = query.beside(&running).await? else { return Ok(None) };
    look(&*query, whom.host, period, &mut |_| ()).await.map(Some)
}

/// All of it, whoever it is about.
pub(super) fn everything(period: Period) -> Options {
    Options { whom: Default::default(), period, with_host: true, limit: usize::MAX }
}

fn told(insights: &Insights) -> Vec<Found> {
    let found = insights.findings.iter().map(|finding| &finding.found);
    found.map(|found| Found::of(found.kind.name(), found.severity, &found.scope)).collect()
}

#[cfg(test)]
mod tests;
