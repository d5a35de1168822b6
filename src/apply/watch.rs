//! How a container fares: what a Prometheus knows of the time before, and what the engine says from
//! look to look.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::limits;
use super::verdict::Signs;
use super::wish::Setting;
use crate::docker::{Found, UpdateError, Updater, Usage};
use crate::history::{By, Measure, Query, Wanted, Whom, sizing};
use crate::inventory::ContainerId;
use crate::prometheus::QueryError;
use crate::tenant::Narrowing;

/// Looks within one watch, and no more than one in [`LOOKS_APART`].
const LOOKS: u32 = 10;

/// Often enough that a container which is killed again and again is not left so for long.
const LOOKS_APART: Duration = Duration::from_secs(5);

/// Parts in which a Prometheus is asked of the time before.
const PARTS: u32 = 5;

/// So many of them have to be told, else a Prometheus knows too little.
const LEAST_PARTS: usize = 3;

/// How long it is between two looks of a watch.
pub(super) fn apart(length: Duration) -> Duration {
    (length / LOOKS).min(LOOKS_APART)
}

/// Adds up what happens to a container.
pub(super) struct Observer<'u> {
    updater: &'u Updater,
    id: ContainerId,
    signs: Signs,
    looked_at: Timestamp,
    usage: Usage,
    restarts: u64,
    /// By runs, since the engine's events may be lost.
    out_of_memory: u64,
    /// The start of a run in which the engine has seen it out of memory.
    noted: Option<Timestamp>,
    events: u64,
}

impl<'u> Observer<'u> {
    /// From now on.
    pub(super) async fn begin(updater: &'u Updater, found: &Found) -> Result<Observer<'u>, UpdateError> {
        let looked_at = updater.now();
        let usage = updater.usage(found.id).await?.unwrap_or_default();
        Ok(Observer {
            updater,
            id: found.id,
            signs: Signs::default(),
            looked_at,
            usage,
            restarts: found.restarts,
            out_of_memory: 0,
            noted: found.oom_killed.then_some(found.started_at).flatten(),
            events: 0,
        })
    }

    /// What has happened since the beginning.
    pub(super) fn signs(&self) -> Signs {
        self.signs
    }

    /// Looks again; `None` if the container is no more.
    pub(super) async fn look(&mut self) -> Result<Option<Found>, UpdateError> {
        let now = self.updater.now();
        let Some(found) = self.updater.find(self.id).await? else { return Ok(None) };
        let usage = self.updater.usage(self.id).await?;
        self.events += self.updater.kills(self.id, self.looked_at, now).await?;
        self.looked_at = now;
        if let Some(usage) = usage {
            // Those of a new run begin with nothing.
            let grown = |was: u64, is: u64| is.checked_sub(was).unwrap_or(is);
            self.signs.periods += grown(self.usage.periods, usage.periods);
            self.signs.throttled_periods += grown(self.usage.throttled, usage.throttled);
            self.usage = usage;
        }
        self.signs.restarts += found.restarts.saturating_sub(self.restarts);
        self.restarts = found.restarts;
        if found.oom_killed && self.noted != found.started_at {
            self.noted = found.started_at;
            self.out_of_memory += 1;
        }
        self.signs.oom_kills = self.events.max(self.out_of_memory);
        Ok(Some(found))
    }
}

/// What a Prometheus knows of a container in the time up to now; `None` if that is too little.
pub(super) async fn before(
    query: &dyn Query,
    found: &Found,
    length: Duration,
) -> Result<Option<Signs>, QueryError> {
    let step = (length / PARTS).max(Duration::from_secs(1));
    let to = Timestamp::now();
    let from = SignedDuration::try_from(length).ok().and_then(|length| to.checked_sub(length).ok());
    let tenants = Narrowing::of_tenant(&found.tenant);
    let whom = Whom { tenants, container: Some(found.name.as_str().to_owned()), ..Whom::default() };
    let grown = async |measure: Measure| -> Result<Option<u64>, QueryError> {
        let wanted = Wanted {
            measure,
            whom: whom.clone(),
            by: By::Each,
            from: from.unwrap_or(to).as_millisecond(),
            to: to.as_millisecond(),
            step_ms: i64::try_from(step.as_millis()).unwrap_or(i64::MAX),
        };
        let lines = query.lines(&wanted).await?;
        let points = lines.iter().flat_map(|line| &line.points);
        let is_told = points.clone().count() >= LEAST_PARTS;
        Ok(is_told.then(|| points.map(|(_, value)| value).sum::<f64>().round() as u64))
    };
    let (Some(restarts), Some(oom_kills)) = (grown(sizing::RESTARTS).await?, grown(sizing::KILLS).await?)
    else {
        return Ok(None);
    };
    let (mut periods, mut throttled_periods) = (0, 0);
    // Without a limit there are none.
    if limits::value(&found.settings, Setting::CpuLimit).is_some() {
        let told = (grown(sizing::PERIODS).await?, grown(sizing::THROTTLED_PERIODS).await?);
        let (Some(all), Some(throttled)) = told else { return Ok(None) };
        (periods, throttled_periods) = (all, throttled);
    }
    Ok(Some(Signs { periods, throttled_periods, oom_kills, restarts }))
}
