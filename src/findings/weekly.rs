//! What was found in a week, for each team, through Alertmanager.
//!
//! Nothing is written down: within an hour of its time the report is sent until it has been taken,
//! and after a restart once more. It then has the labels that it had, and Alertmanager tells
//! nobody of it twice.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::time::MissedTickBehavior;

use super::watch::{Source, everything, here};
use crate::config::{Upstream, Weekly};
use crate::history::Whom;
use crate::inventory::Inventory;
use crate::prometheus::{Alertmanager, AlertmanagerError, NewAlert, QueryError};
use crate::report::insights::{Insights, Look, Options};
use crate::report::period::Period;
use crate::tenant::{Dimension, Narrowing, UNKNOWN};

/// How often it is looked whether it is time.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(60);

/// How long it is tried, and how long Alertmanager holds it.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How far it looks back.
const DAYS: i64 = 7;

/// As many findings as somebody reads.
const MOST: usize = 5;

/// Why nobody could be told.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Asked(#[from] QueryError),
    #[error("Alertmanager does not take it: {0}")]
    Told(#[from] AlertmanagerError),
}

/// Tells teams once a week.
pub struct WeeklyReporter {
    config: Weekly,
    alertmanager: Upstream,
    platform_team: String,
    source: Source,
    inventory: Arc<Inventory>,
    /// The host, where several dockmeters tell one Alertmanager.
    host: String,
    told: Option<Date>,
}

impl WeeklyReporter {
    /// One that tells by an Alertmanager, if there is one and a day. What is of no team is told to
    /// the platform's.
    pub fn new(
        config: &Weekly,
        alertmanager: &Upstream,
        platform_team: &str,
        source: Source,
        inventory: Arc<Inventory>,
        host: String,
    ) -> Option<WeeklyReporter> {
        config.day?;
        alertmanager.url.as_ref()?;
        Some(WeeklyReporter {
            config: config.clone(),
            alertmanager: alertmanager.clone(),
            platform_team: platform_team.to_owned(),
            source,
            inventory,
            host,
            told: None,
        })
    }

    /// Looks at the clock until it is dropped.
    pub async fn run(mut self) {
        let mut turns = tokio::time::interval(LOOKED_AT_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            self.look(Timestamp::now()).await;
        }
    }

    /// Tells if it is time.
    pub async fn look(&mut self, now: Timestamp) {
        let Some((date, due)) = self.due(now).filter(|(date, _)| self.told != Some(*date)) else { return };
        match self.tell(date, due).await {
            Ok(teams) => {
                self.told = Some(date);
                tracing::info!(teams, "teams are told what was found in the week");
            }
            Err(error) => {
                tracing::warn!(%error, "teams could not be told what was found in the week; it is tried again")
            }
        }
    }

    /// The day and the moment of a report that is due.
    fn due(&self, now: Timestamp) -> Option<(Date, Timestamp)> {
        let date = now.to_zoned(self.config.zone.clone()).date();
        // An hour that begins before midnight ends on the next day.
        let dates = [Some(date), date.checked_sub(1.day()).ok()];
        dates.into_iter().flatten().filter(|date| Some(date.weekday()) == self.config.day).find_map(|date| {
            let minute = i64::from(self.config.minute);
            let at = date.at(0, 0, 0, 0).checked_add(minute.minutes()).ok()?;
            let due = at.to_zoned(self.config.zone.clone()).ok()?.timestamp();
            (due <= now && now < due + TOLD_FOR).then_some((date, due))
        })
    }

    async fn tell(&self, date: Date, due: Timestamp) -> Result<usize, Failed> {
        let from = due - SignedDuration::from_hours(24 * DAYS);
        let period = Period { from, to: due };
        let Some(look) = here(&self.source, &self.inventory, period).await? else { return Ok(0) };
        let alerts = self.alerts(&look, period, date);
        Alertmanager::new(&self.alertmanager)?.post(&alerts).await?;
        Ok(alerts.len())
    }

    /// One alert for each team; it ends by itself.
    fn alerts(&self, look: &Look, period: Period, date: Date) -> Vec<NewAlert> {
        let mut teams = look.teams();
        teams.remove(UNKNOWN);
        teams.insert(self.platform_team.clone());
        teams.iter().map(|team| self.alert(&look.of(self.options(team, period)), team, date)).collect()
    }

    fn options(&self, team: &str, period: Period) -> Options {
        if team == self.platform_team {
            return everything(period);
        }
        let tenants = Narrowing::default().to(Dimension::Team, [team.to_owned()]);
        Options { whom: Whom { tenants, ..Whom::default() }, with_host: false, ..everything(period) }
    }

    fn alert(&self, insights: &Insights, team: &str, date: Date) -> NewAlert {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let whose = if team == self.platform_team { "everybody" } else { team };
        let summary = format!("The week of {whose} to {date}: {}", insights.head());
        let found = insights.brief(MOST);
        let description = if found.is_empty() { "There is nothing to do.".to_owned() } else { found };
        let flag = if team == self.platform_team { String::new() } else { format!(" --team={team}") };
        let due = insights.options.period.to;
        let more = format!("`dockmeter report insights{flag} --last={DAYS}d --to={due}`");
        let day = date.to_string();
        NewAlert {
            labels: pairs(&[
                ("alertname", "WeeklyReport"),
                ("severity", "info"),
                ("team", team),
                ("instance", &self.host),
                ("period", &day),
            ]),
            annotations: pairs(&[("summary", &summary), ("description", &description), ("report", &more)]),
            starts_at: Some(due),
            ends_at: due.checked_add(TOLD_FOR).ok(),
            generator_url: String::new(),
        }
    }
}

impl fmt::Debug for WeeklyReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeeklyReporter").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
