//! Gives a container the limits that it had, with some patience with the engine.

use std::time::Duration;

use tokio::time::sleep;

use super::limits::{self, Restoring};
use super::wish::Setting;
use crate::docker::{Found, UpdateError, Updater};
use crate::inventory::{ContainerId, EngineSettings};

/// How often something is tried.
const ATTEMPTS: u32 = 5;

/// How long is between two times.
pub(super) const PAUSE: Duration = Duration::from_secs(2);

/// The container after a change, asked for as long as an engine may take to be well again.
pub(super) async fn read_back(updater: &Updater, id: ContainerId) -> Result<Option<Found>, UpdateError> {
    let mut attempt = 1;
    loop {
        match updater.find(id).await {
            Err(_) if attempt < ATTEMPTS => {
                attempt += 1;
                sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// Sets these settings of a container to what they were and reads them back; `None` if it is gone.
pub(super) async fn restored(
    updater: &Updater,
    id: ContainerId,
    before: &EngineSettings,
    settings: &[Setting],
) -> Result<Option<Restoring>, UpdateError> {
    let mut said: Option<Restoring> = None;
    let mut attempt = 1;
    loop {
        let Some(found) = read_back(updater, id).await? else { return Ok(None) };
        let working_set = updater.usage(id).await?.and_then(|usage| usage.working_set);
        let back = limits::restore(before, &found.settings, settings, working_set);
        if back.update.is_empty() {
            // What was said when it was done still holds.
            let notes = said.map(|said| said.notes).unwrap_or_default();
            return Ok(Some(Restoring { notes, ..back }));
        }
        match updater.update(id, &back.update).await {
            Ok(()) => said = Some(back),
            Err(error) if attempt >= ATTEMPTS => return Err(error),
            Err(_) => sleep(PAUSE).await,
        }
        if attempt > ATTEMPTS {
            let reason = || "the engine was asked and did nothing".to_owned();
            let left_alone = settings.iter().map(|setting| (*setting, reason())).collect();
            return Ok(Some(Restoring { left_alone, ..Restoring::default() }));
        }
        attempt += 1;
    }
}
