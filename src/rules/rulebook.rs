//! The alerts of a running exporter, as somebody sees and changes them.
//!
//! What is changed is kept in the file of `alerting.changes_file`, which is read anew each time,
//! so what is shown here is what `rules render` and `grafana apply` would make of it. A change is
//! held to what the configuration is held to, and is complete in memory before the first file is
//! touched; if one cannot be written, all are as they were. Who evaluates alerts is told by others.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use serde::Serialize;

use super::catalogue::{Alert, Catalogue, Group};
use super::{OURS, RulesError, alter, change_all, close_to, delivered, render};
use crate::config::{
    AlertChange, AlertChanges, AlertWish, Alerting, Changed, Config, ConfigError, GrafanaAlerts, settings,
};
use crate::files::{self, Ours, Rendered, WriteError};

/// The file of changes stands alone in its folder, as far as we know.
const ALONE: Ours = Ours { folders: &[], is_ours: |_| false };

/// Why alerts are not shown, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum RulebookError {
    /// Nothing says where changes are kept.
    #[error(
        "nothing says where changes of alerts are kept; `--{}=FILE`, or `{}` in the configuration, does so",
        settings::ALERTING_CHANGES_FILE.flag.unwrap_or_default(),
        settings::ALERTING_CHANGES_FILE.name()
    )]
    NotKept,
    /// There is no such alert.
    #[error("there is no alert `{name}`, did you mean `{close}`?")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The name that is like it.
        close: String,
    },
    /// It was not changed, so nothing can be taken back.
    #[error("the alert `{0}` is as the configuration has it; there is no change to take back")]
    NotChanged(String),
    /// What is wanted cannot be.
    #[error("{0}")]
    Refused(String),
    /// The file of changes is broken.
    #[error(transparent)]
    Changes(ConfigError),
    /// The catalogue or the configuration is.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What was written of the file of changes could not be taken back.
    #[error("{write}; and `{}` could not be put back as it was: {restore}", path.display())]
    Torn {
        /// Why something else could not be written.
        write: WriteError,
        /// The file of changes.
        path: PathBuf,
        /// What the system said.
        restore: String,
    },
}

/// Where the value of something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// It is as it is delivered.
    Default,
    /// The configuration says so.
    Configuration,
    /// Somebody has changed it since.
    Changed,
}

/// What of an alert can be changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Values {
    /// The threshold at which it fires.
    pub fire: f64,
    /// The threshold at which it clears, if that is another.
    pub clear: Option<f64>,
    /// How long the condition has to hold.
    pub for_seconds: f64,
    /// How much it matters.
    pub severity: &'static str,
    /// Whether it is there at all.
    pub enabled: bool,
}

/// Where each of them comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sources {
    fire: Source,
    clear: Source,
    for_seconds: Source,
    severity: Source,
    enabled: Source,
}

/// An alert of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The name of its group, and what people call it.
    pub group: String,
    /// What people call the group.
    pub group_title: String,
    /// What has happened when it fires, with labels in braces.
    pub summary: String,
    /// What it means.
    pub description: String,
    /// Who has to do something about it: `tenant` or `platform`.
    pub audience: &'static str,
    /// What the value is.
    pub unit: &'static str,
    /// On which side of the thresholds is too much: `above` or `below`.
    pub fires: &'static str,
    /// What is in force.
    #[serde(flatten)]
    pub values: Values,
    /// As it is delivered.
    pub default: Values,
    /// As the configuration has it.
    pub configured: Values,
    /// The last word about any of it.
    pub source: Source,
    /// The last word about each of it.
    pub sources: Sources,
    /// Who changed it, if somebody has.
    pub changed_by: Option<String>,
    /// When.
    #[serde(serialize_with = "shown")]
    pub changed_at: Option<Timestamp>,
}

fn shown<S: serde::Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// What has come of a change.
#[derive(Debug)]
pub struct Done {
    /// The alert as it is now.
    pub rule: Rule,
    /// What all are made of now.
    pub alerting: Alerting,
    /// The folder in which rules were rendered, if one is named.
    pub rendered: Option<PathBuf>,
    /// Whether a Grafana that this exporter knows evaluates alerts, too.
    pub in_grafana: bool,
}

/// The alerts, and changes of them.
#[derive(Debug)]
pub struct Rulebook {
    edition: RwLock<Arc<Edition>>,
    /// Held while files are written.
    writing: Mutex<()>,
}

/// The alerts of one configuration.
#[derive(Debug)]
struct Edition {
    config: Config,
    /// As they are delivered; made when it is first wanted.
    delivered: OnceLock<Catalogue>,
}

impl Rulebook {
    /// Of a configuration.
    pub fn new(config: Config) -> Rulebook {
        Rulebook { edition: RwLock::new(Arc::new(Edition::new(config))), writing: Mutex::default() }
    }

    /// Takes a configuration that was read again.
    pub fn replace(&self, config: Config) {
        *self.edition.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Edition::new(config));
    }

    fn edition(&self) -> Arc<Edition> {
        self.edition.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether changes are kept.
    ///
    /// # Errors
    /// Nothing says where.
    pub fn check_kept(&self) -> Result<(), RulebookError> {
        let edition = self.edition();
        edition.config.alerting.changes_file.is_some().then_some(()).ok_or(RulebookError::NotKept)
    }

    /// Every alert, in the order of the catalogue. Reads files.
    ///
    /// # Errors
    /// The catalogue or the file of changes is broken.
    pub fn list(&self) -> Result<Vec<Rule>, RulebookError> {
        let edition = self.edition();
        let changes = edition.changes()?;
        let groups = edition.delivered()?.groups.iter();
        let rules = groups.flat_map(|group| group.alerts.iter().map(move |alert| (group, alert)));
        Ok(rules.map(|(group, alert)| edition.rule(group, alert, &changes)).collect())
    }

    /// Changes an alert for somebody. Reads and writes files.
    ///
    /// # Errors
    /// What is wrong; nothing is changed then.
    pub fn change(
        &self,
        name: &str,
        wish: &AlertWish,
        by: &str,
        at: Timestamp,
    ) -> Result<Done, RulebookError> {
        if wish.is_empty() {
            let detail = "nothing is wanted; name `fire`, `clear`, `for_seconds`, `severity` or `enabled`";
            return Err(RulebookError::Refused(detail.to_owned()));
        }
        self.bring(name, |changes| {
            let before = changes.get(name).map(|changed| changed.change.clone()).unwrap_or_default();
            let change = wish.onto(before).map_err(RulebookError::Refused)?;
            changes.set(name, Changed { change, by: Some(by.to_owned()), at: Some(at) });
            Ok(())
        })
    }

    /// Takes back what was changed of an alert. Reads and writes files.
    ///
    /// # Errors
    /// What is wrong; nothing is changed then.
    pub fn take_back(&self, name: &str) -> Result<Done, RulebookError> {
        self.bring(name, |changes| match changes.remove(name) {
            true => Ok(()),
            false => Err(RulebookError::NotChanged(name.to_owned())),
        })
    }

    fn bring(
        &self,
        name: &str,
        change: impl FnOnce(&mut AlertChanges) -> Result<(), RulebookError>,
    ) -> Result<Done, RulebookError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let edition = self.edition();
        let config = &edition.config;
        let path = config.alerting.changes_file.as_deref().ok_or(RulebookError::NotKept)?;
        let (group, alert) = edition.find(name)?;
        let mut changes = edition.changes()?;
        change(&mut changes)?;
        edition.check(alert, &changes)?;
        let mut next = config.clone();
        next.alerting.changes = changes;
        let mut catalogue = edition.delivered()?.clone();
        change_all(&mut catalogue, &next.alerting).map_err(RulesError::from)?;
        let rules = render(&catalogue, &next).into_iter().filter(|file| is_rule(&file.path)).collect();
        write(path, &next.alerting.changes, next.alerting.rules_output.as_deref(), rules)?;
        let grafana = &next.grafana;
        Ok(Done {
            rule: edition.rule(group, alert, &next.alerting.changes),
            rendered: next.alerting.rules_output.clone(),
            in_grafana: grafana.upstream.url.is_some() && grafana.alerts != GrafanaAlerts::None,
            alerting: next.alerting,
        })
    }
}

/// Whether a file is one of rules or of their tests. What else is rendered does not change with an
/// alert, and depends on what `rules render` may have been told otherwise.
fn is_rule(path: &Path) -> bool {
    OURS.folders.iter().any(|folder| path.starts_with(folder))
}

/// Writes changes, and rules where a folder is named; if that fails, changes are as they were.
fn write(
    path: &Path,
    changes: &AlertChanges,
    output: Option<&Path>,
    rules: Vec<Rendered>,
) -> Result<(), RulebookError> {
    let before = fs::read_to_string(path).ok();
    let keep = |text: String| {
        let name = path.file_name().unwrap_or_default();
        let file = Rendered { path: name.into(), text };
        files::write(path.parent().unwrap_or(Path::new("")), &[file], ALONE)
    };
    keep(changes.text())?;
    let Some(output) = output else { return Ok(()) };
    let Err(write) = files::write(output, &rules, OURS) else { return Ok(()) };
    let restored = match before {
        Some(text) => keep(text).map(drop).map_err(|error| error.to_string()),
        None => fs::remove_file(path).map_err(|error| error.to_string()),
    };
    match restored {
        Ok(()) => Err(write.into()),
        Err(restore) => Err(RulebookError::Torn { write, path: path.to_owned(), restore }),
    }
}

impl Edition {
    fn new(config: Config) -> Edition {
        Edition { config, delivered: OnceLock::new() }
    }

    fn delivered(&self) -> Result<&Catalogue, RulesError> {
        if let Some(catalogue) = self.delivered.get() {
            return Ok(catalogue);
        }
        let catalogue = delivered(&self.config.alerting, self.config.slo.period)?;
        Ok(self.delivered.get_or_init(|| catalogue))
    }

    fn changes(&self) -> Result<AlertChanges, RulebookError> {
        let read = self.config.alerting.changes_file.as_deref().map(AlertChanges::read);
        Ok(read.transpose().map_err(RulebookError::Changes)?.unwrap_or_default())
    }

    fn find(&self, name: &str) -> Result<(&Group, &Alert), RulebookError> {
        let catalogue = self.delivered()?;
        let mut groups = catalogue.groups.iter();
        let found =
            groups.find_map(|group| Some((group, group.alerts.iter().find(|alert| alert.name == name)?)));
        found.ok_or_else(|| RulebookError::Unknown {
            name: name.to_owned(),
            close: close_to(catalogue, name).to_owned(),
        })
    }

    /// What is said of an alert by the configuration and by changes.
    fn said<'a>(
        &'a self,
        alert: &Alert,
        changes: &'a AlertChanges,
    ) -> (Option<&'a AlertChange>, Option<&'a Changed>) {
        (self.config.alerting.alerts.get(&alert.name), changes.get(&alert.name))
    }

    /// Whether an alert can be as it is then.
    fn check(&self, alert: &Alert, changes: &AlertChanges) -> Result<(), RulebookError> {
        let (configured, changed) = self.said(alert, changes);
        let said: Vec<&AlertChange> =
            configured.into_iter().chain(changed.map(|changed| &changed.change)).collect();
        match super::changed(alert, &said) {
            Err(ConfigError::Value { message, .. }) => Err(RulebookError::Refused(message)),
            Err(error) => Err(RulebookError::Changes(error)),
            Ok(_) => Ok(()),
        }
    }

    fn rule(&self, group: &Group, alert: &Alert, changes: &AlertChanges) -> Rule {
        let (configured, changed) = self.said(alert, changes);
        let change = changed.map(|changed| &changed.change);
        let values = |said: &[Option<&AlertChange>]| {
            let mut alert = alert.clone();
            let said = said.iter().copied().flatten();
            said.clone().for_each(|change| alter(&mut alert, change));
            Values {
                fire: alert.fire,
                clear: alert.clear,
                for_seconds: alert.hold.as_secs_f64(),
                severity: alert.severity.as_str(),
                enabled: said.rev().find_map(|change| change.enabled).unwrap_or(true),
            }
        };
        let source = |is_said: &dyn Fn(&AlertChange) -> bool| match (configured, change) {
            (_, Some(change)) if is_said(change) => Source::Changed,
            (Some(change), _) if is_said(change) => Source::Configuration,
            _ => Source::Default,
        };
        let has_clear = alert.clear.is_some();
        Rule {
            name: alert.name.clone(),
            group: group.name.clone(),
            group_title: group.title.clone(),
            summary: alert.summary.clone(),
            description: alert.description.clone(),
            audience: alert.audience.as_str(),
            unit: alert.unit.as_str(),
            fires: alert.direction.as_str(),
            values: values(&[configured, change]),
            default: values(&[]),
            configured: values(&[configured]),
            source: source(&|_| true),
            sources: Sources {
                fire: source(&|change| change.fire.is_some()),
                // Who moves the one moves the other with it.
                clear: source(&|change| change.clear.is_some() || has_clear && change.fire.is_some()),
                for_seconds: source(&|change| change.hold.is_some()),
                severity: source(&|change| change.severity.is_some()),
                enabled: source(&|change| change.enabled.is_some()),
            },
            changed_by: changed.and_then(|changed| changed.by.clone()),
            changed_at: changed.and_then(|changed| changed.at),
        }
    }
}

#[cfg(test)]
mod tests;
