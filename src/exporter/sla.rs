//! Writes the report on promises at each period's end, and tells each team.
//!
//! What has been done is told by the folder alone, so that nothing is done twice, whoever is
//! restarted: the JSON of a report is renamed into its place last, and a file beside it says that
//! the teams have been told. A lock in the folder keeps a second exporter from writing there.
//! After a time in which the exporter did not run, the last period that is over is written.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::fs::{FlockOperation, flock};
use tokio_util::sync::CancellationToken;

use crate::config::{SlaReport, Upstream};
use crate::prometheus::{Alertmanager, AlertmanagerError, Client, NewAlert};
use crate::report::Format;
use crate::report::sla::{self, Due, Options, Record, SlaError};

/// How often it is looked whether a report is due.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(60);

/// How long after a failure it is tried again.
const PATIENCE: SignedDuration = SignedDuration::from_secs(600);

/// How long teams are told; Alertmanager sends what it is told within that time.
const TOLD_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The lock of a folder.
const LOCK: &str = ".sla.lock";

/// The formats that are written; what is last says that all are there.
const FORMATS: [(Format, &str); 3] = [(Format::Csv, "csv"), (Format::Markdown, "md"), (Format::Json, "json")];

/// Why there is no report yet.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("could not write the report to `{}`: {source}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Report(#[from] SlaError),
    #[error("the teams could not be told of the report: {0}")]
    Told(#[from] AlertmanagerError),
    #[error("the calendar has ended: {0}")]
    Calendar(String),
}

/// Writes reports by itself.
#[derive(Debug)]
pub struct SlaReporter {
    config: SlaReport,
    folder: PathBuf,
    prometheus: Upstream,
    alertmanager: Upstream,
    platform_team: String,
    /// Held as long as the reporter lives.
    lock: Option<File>,
    /// The last period that is done with, and when one that failed is tried again.
    done: Option<String>,
    not_before: Option<Timestamp>,
}

impl SlaReporter {
    /// One for a folder, if there is one. The stack's own objective is of the platform's team.
    pub fn new(
        config: &SlaReport,
        prometheus: &Upstream,
        alertmanager: &Upstream,
        platform_team: &str,
    ) -> Option<Self> {
        Some(SlaReporter {
            folder: config.folder.clone()?,
            config: config.clone(),
            prometheus: prometheus.clone(),
            alertmanager: alertmanager.clone(),
            platform_team: platform_team.to_owned(),
            lock: None,
            done: None,
            not_before: None,
        })
    }

    /// Looks again and again until it is cancelled, on a thread of its own: a folder that hangs,
    /// or a long report, holds up nobody.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(self, cancel: CancellationToken) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            // It only ever ends by being cancelled.
            let _ = runtime.block_on(cancel.run_until_cancelled(self.run()));
        };
        std::thread::Builder::new().name("reports".to_owned()).spawn(run).map(drop)
    }

    async fn run(mut self) {
        let mut look = tokio::time::interval(LOOKED_AT_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.look(Timestamp::now()).await;
        }
    }

    /// Does what is due at a time.
    pub async fn look(&mut self, now: Timestamp) {
        if self.not_before.is_some_and(|time| now < time) {
            return;
        }
        if let Err(error) = self.attempt(now).await {
            self.not_before = now.checked_add(PATIENCE).ok();
            tracing::warn!(%error, "the report on objectives is tried again later");
        }
    }

    async fn attempt(&mut self, now: Timestamp) -> Result<(), Failed> {
        let due = Due::last(self.config.every, &self.config.zone, now).map_err(Failed::Calendar)?;
        if self.done.as_ref() == Some(&due.name) || !self.is_alone()? {
            return Ok(());
        }
        let is_written = self.path(&due, "json").exists();
        let is_told = self.alertmanager.url.is_none() || self.path(&due, "told").exists();
        if !is_written || !is_told {
            let client = Client::new(&self.prometheus).map_err(SlaError::from)?;
            let records = match sla::gather(&client, due.period, now, &self.platform_team, &mut |_| ()).await
            {
                Err(error @ SlaError::Nothing { .. }) => {
                    tracing::info!(period = due.name, "there is no report on objectives: {error}");
                    self.done = Some(due.name);
                    return Ok(());
                }
                records => records?,
            };
            if !is_written {
                self.write(&due, &records, now)?;
            }
            if !is_told {
                self.tell(&due, &records, now).await?;
                self.put(&due, "told", "")?;
            }
        }
        self.done = Some(due.name);
        Ok(())
    }

    /// Whether nobody else writes to the folder.
    fn is_alone(&mut self) -> Result<bool, Failed> {
        if self.lock.is_some() {
            return Ok(true);
        }
        fs::create_dir_all(&self.folder).map_err(|source| self.failed(source))?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(self.folder.join(LOCK));
        let lock = lock.map_err(|source| self.failed(source))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => self.lock = Some(lock),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(self.failed(error.into())),
        }
        Ok(self.lock.is_some())
    }

    fn failed(&self, source: io::Error) -> Failed {
        Failed::Folder { path: self.folder.clone(), source }
    }

    fn path(&self, due: &Due, end: &str) -> PathBuf {
        self.folder.join(format!("sla-{}.{end}", due.name))
    }

    fn write(&self, due: &Due, records: &[Record], now: Timestamp) -> Result<(), Failed> {
        for (format, end) in FORMATS {
            let zone = self.config.zone.clone();
            let (only, platform_team) = (Vec::new(), self.platform_team.clone());
            let options = Options { period: due.period, zone, now, only, platform_team, format };
            self.put(due, end, &sla::page(records, &options))?;
        }
        tracing::info!(period = due.name, folder = %self.folder.display(), "the report on objectives is written");
        Ok(())
    }

    /// Puts a file in its place as a whole.
    fn put(&self, due: &Due, end: &str, text: &str) -> Result<(), Failed> {
        let (path, unfinished) = (self.path(due, end), self.path(due, &format!("{end}.tmp")));
        let write = || {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        write().map_err(|source| self.failed(source))
    }

    async fn tell(&self, due: &Due, records: &[Record], now: Timestamp) -> Result<(), Failed> {
        let alertmanager = Alertmanager::new(&self.alertmanager)?;
        alertmanager.post(&alerts(due, records, &self.path(due, "md"), now)).await?;
        Ok(())
    }
}

/// One alert for each team that has an objective, with its figures; it ends by itself.
fn alerts(due: &Due, records: &[Record], report: &Path, now: Timestamp) -> Vec<NewAlert> {
    let mut teams: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records {
        teams.entry(&record.key.team).or_default().push(record);
    }
    let alert = |(team, records): (&str, Vec<&Record>)| {
        let missed = records.iter().filter(|record| !record.standing.is_met()).count();
        let all = records.len();
        let outcome = match (missed, all) {
            (0, 1) => format!("the objective of {team} was met"),
            (_, 1) => format!("the objective of {team} was not met"),
            (0, _) => format!("all {all} objectives of {team} were met"),
            _ => format!("{missed} of {all} objectives of {team} were not met"),
        };
        let summary = format!("{}: {outcome}", due.name);
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let description = sla::figures(&records);
        let more = format!(
            "`{}`, or `dockmeter report sla --{}={} --team={team}`",
            report.display(),
            if due.name.contains('Q') { "quarter" } else { "month" },
            due.name
        );
        NewAlert {
            labels: pairs(&[
                ("alertname", "SlaReport"),
                ("severity", "info"),
                ("team", team),
                ("period", &due.name),
            ]),
            annotations: pairs(&[("summary", &summary), ("description", &description), ("report", &more)]),
            starts_at: Some(now),
            ends_at: now.checked_add(TOLD_FOR).ok(),
            generator_url: String::new(),
        }
    };
    teams.into_iter().map(alert).collect()
}
