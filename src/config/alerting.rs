//! Who is told of what: the section `alerting`.
//!
//! Invariant: no secret is a part of the configuration; what would hold one names a file, which
//! Alertmanager reads.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::file::{self, AlertEntry, File, Text};
use super::layers::{Layers, Origin};
use super::settings::{self, Setting};
use super::{ConfigError, folder_of, value};
use crate::yaml::{Spanned, one_of};

mod changes;
mod quiet;
mod receiver;

pub use changes::{AlertChanges, AlertWish, Changed};
pub(super) use quiet::minute;
pub use quiet::{QuietHours, QuietTime, clock};

/// What Alertmanager waits for; more than a day is forgetting.
const WAIT: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);

/// How long a condition may have to hold.
const HOLD: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(7 * 86_400);

/// Fewer events than one guard nothing.
const EVENTS: RangeInclusive<usize> = 1..=1_000_000_000;

/// How much an alert matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody has to look at it, at work.
    #[default]
    Warning,
    /// Somebody has to be woken.
    Critical,
}

impl Severity {
    /// The words, the least first.
    pub const WORDS: [(&'static str, Severity); 3] =
        [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];

    /// The value of the label `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Who is told of what, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    /// The team that gets what is nobody else's.
    pub platform_team: String,
    /// The least severity that somebody is told of.
    pub notify_from: Severity,
    /// Where Grafana is for people, without a slash at the end.
    pub grafana_url: String,
    /// The page of runbooks, to which `#name` is added.
    pub runbook_url: String,
    /// How long the first alerts of a group wait for others.
    pub group_wait: Duration,
    /// How long changes of a group wait for others.
    pub group_interval: Duration,
    /// After how long a group that still fires is told of again.
    pub repeat_interval: Duration,
    /// Events in an hour below which a share of bad ones wakes nobody.
    pub minimum_events: usize,
    /// Further files of the catalogue.
    pub catalogue_directory: Option<PathBuf>,
    /// The file with what is changed about alerts while the exporter runs.
    pub changes_file: Option<PathBuf>,
    /// Where the exporter keeps Prometheus's rules current.
    pub rules_output: Option<PathBuf>,
    /// Who hears the alert that always fires.
    pub watchdog_receiver: Option<String>,
    /// The mail server.
    pub smtp: Smtp,
    /// Receivers by name.
    pub receivers: BTreeMap<String, Receiver>,
    /// Teams by the value of the label `team`.
    pub teams: BTreeMap<String, Team>,
    /// What is changed about alerts, by name.
    pub alerts: BTreeMap<String, AlertChange>,
    /// What was changed on top of that while the exporter ran.
    pub changes: AlertChanges,
}

impl Alerting {
    /// The receiver of what is nobody else's, if anybody is told of anything.
    pub fn platform_receiver(&self) -> Option<&str> {
        self.teams.get(&self.platform_team).map(|team| team.receiver.as_str())
    }
}

/// The mail server that Alertmanager hands mail to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smtp {
    /// `HOST:PORT`; empty without one.
    pub smarthost: String,
    /// The sender's address.
    pub from: String,
    /// The user there; empty without login.
    pub username: String,
    /// The file with the password.
    pub password_file: String,
    /// Whether mail goes over TLS only.
    pub require_tls: bool,
}

/// Where messages go: each key of Alertmanager's receivers, and its configurations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receiver {
    /// As `webhook_configs`, in Alertmanager's own form.
    pub configs: BTreeMap<String, Vec<Value>>,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its receiver's name.
    pub receiver: String,
    /// When it is not told.
    pub quiet_hours: Option<QuietHours>,
}

/// What is changed about an alert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertChange {
    /// Where it is said.
    pub origin: Origin,
    /// The threshold at which it fires.
    pub fire: Option<f64>,
    /// The threshold at which it clears.
    pub clear: Option<f64>,
    /// How long the condition has to hold.
    pub hold: Option<Duration>,
    /// How much it matters.
    pub severity: Option<Severity>,
    /// Whether it is there at all.
    pub enabled: Option<bool>,
}

impl AlertChange {
    /// Its parts, each as the file says it.
    fn said(&self) -> Vec<String> {
        let said = [
            self.fire.map(|number| format!("fire: {number}")),
            self.clear.map(|number| format!("clear: {number}")),
            self.hold.map(|hold| format!("for: {}", value::show_duration(hold))),
            self.severity.map(|severity| format!("severity: {}", severity.as_str())),
            self.enabled.map(|enabled| format!("enabled: {enabled}")),
        ];
        said.into_iter().flatten().collect()
    }
}

impl fmt::Display for AlertChange {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{{{}}}", self.said().join(", "))
    }
}

/// Puts everything together.
pub(super) fn alerting(layers: &mut Layers<'_>, file: &File) -> Result<Alerting, ConfigError> {
    let section = &file.alerting;
    let plain = |text: &str| Ok(text.to_owned());
    let wait = |text: &str| value::duration(text, WAIT);
    let changes_file = path(layers, &settings::ALERTING_CHANGES_FILE, section.changes_file.as_ref())?;
    layers.note(&settings::ALERTING_RECEIVERS, &section.receivers);
    layers.note(&settings::ALERTING_TEAMS, &section.teams);
    layers.note(&settings::ALERTING_ALERTS, &section.alerts);
    let smtp = smtp(layers, section)?;
    let receivers = receiver::receivers(layers, section, &smtp)?;
    let watchdog = &settings::ALERTING_WATCHDOG_RECEIVER;
    let watchdog_receiver = layers.one(watchdog, section.watchdog_receiver.as_ref(), |text| match text {
        "" => Ok(None),
        text => existing(text, &receivers).map(Some),
    })?;
    let platform_team =
        layers.one(&settings::ALERTING_PLATFORM_TEAM, section.platform_team.as_ref(), |text| {
            match text.trim() {
                "" => Err("the platform team needs a name; it gets what is nobody else's".to_owned()),
                name => Ok(name.to_owned()),
            }
        })?;
    let teams = teams(layers, section, &receivers, &platform_team)?;
    Ok(Alerting {
        platform_team,
        notify_from: layers.one(&settings::ALERTING_NOTIFY_FROM, section.notify_from.as_ref(), |text| {
            value::word(text, &Severity::WORDS)
        })?,
        grafana_url: layers.one(&settings::ALERTING_GRAFANA_URL, section.grafana_url.as_ref(), |text| {
            page(text).map(|url| url.trim_end_matches('/').to_owned())
        })?,
        runbook_url: layers.one(&settings::ALERTING_RUNBOOK_URL, section.runbook_url.as_ref(), plain)?,
        group_wait: layers.one(&settings::ALERTING_GROUP_WAIT, section.group_wait.as_ref(), wait)?,
        group_interval: layers.one(
            &settings::ALERTING_GROUP_INTERVAL,
            section.group_interval.as_ref(),
            wait,
        )?,
        repeat_interval: layers.one(
            &settings::ALERTING_REPEAT_INTERVAL,
            section.repeat_interval.as_ref(),
            |text| value::duration(text, WAIT.start().to_owned()..=*HOLD.end()),
        )?,
        minimum_events: layers.one(
            &settings::ALERTING_MINIMUM_EVENTS,
            section.minimum_events.as_ref(),
            |text| value::count(text, EVENTS),
        )?,
        catalogue_directory: path(
            layers,
            &settings::ALERTING_CATALOGUE_DIRECTORY,
            section.catalogue_directory.as_ref(),
        )?,
        rules_output: path(layers, &settings::ALERTING_RULES_OUTPUT, section.rules_output.as_ref())?,
        alerts: alerts(layers, section)?,
        changes: changes_file.as_deref().map(AlertChanges::read).transpose()?.unwrap_or_default(),
        changes_file,
        watchdog_receiver,
        smtp,
        receivers,
        teams,
    })
}

/// A file or folder, if one is named; what the configuration file names is meant from its folder.
fn path(
    layers: &mut Layers<'_>,
    setting: &'static Setting,
    in_file: Option<&Text>,
) -> Result<Option<PathBuf>, ConfigError> {
    let named = layers.one(setting, in_file, |text| Ok(PathBuf::from(text)))?;
    Ok(match (named.as_os_str().is_empty(), layers.origins.get(setting.name())) {
        (true, _) => None,
        (false, Some(Origin::File { path, .. })) => Some(folder_of(path).join(named)),
        (false, _) => Some(named),
    })
}

fn smtp(layers: &mut Layers<'_>, section: &file::Alerting) -> Result<Smtp, ConfigError> {
    let plain = |text: &str| Ok(text.to_owned());
    Ok(Smtp {
        smarthost: layers.one(
            &settings::ALERTING_SMTP_SMARTHOST,
            section.smtp_smarthost.as_ref(),
            |text| {
                let is_place = text.is_empty()
                    || text
                        .rsplit_once(':')
                        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
                is_place.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is not `HOST:PORT`"))
            },
        )?,
        from: layers.one(&settings::ALERTING_SMTP_FROM, section.smtp_from.as_ref(), plain)?,
        username: layers.one(&settings::ALERTING_SMTP_USERNAME, section.smtp_username.as_ref(), plain)?,
        password_file: layers.one(
            &settings::ALERTING_SMTP_PASSWORD_FILE,
            section.smtp_password_file.as_ref(),
            plain,
        )?,
        require_tls: layers.one(
            &settings::ALERTING_SMTP_REQUIRE_TLS,
            section.smtp_require_tls.as_ref(),
            value::boolean,
        )?,
    })
}

/// A page that people open.
fn page(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(char::is_whitespace) && !rest.contains('@') => {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{text}` is not an address such as `http://HOST:PORT`, without a login in it")),
    }
}

fn existing(name: &str, receivers: &BTreeMap<String, Receiver>) -> Result<String, String> {
    match receivers.contains_key(name) {
        true => Ok(name.to_owned()),
        false if receivers.is_empty() => {
            Err(format!("there is no receiver `{name}`; describe it under `alerting.receivers`"))
        }
        false => {
            let names: Vec<&str> = receivers.keys().map(String::as_str).collect();
            Err(format!("there is no receiver `{name}`, expected {}", one_of(&names)))
        }
    }
}

/// The receiver that tells nobody.
pub const NOBODY: &str = "nobody";

fn teams(
    layers: &Layers<'_>,
    section: &file::Alerting,
    receivers: &BTreeMap<String, Receiver>,
    platform_team: &str,
) -> Result<BTreeMap<String, Team>, ConfigError> {
    let mut teams = BTreeMap::new();
    for (name, entry) in section.teams.iter().flat_map(|list| &list.value) {
        let receiver = layers.given(&entry.value.receiver).parse(|text| existing(text, receivers))?;
        let quiet_hours =
            entry.value.quiet_hours.as_ref().map(|hours| quiet::hours(layers, hours)).transpose()?;
        teams.insert(name.clone(), Team { receiver, quiet_hours });
    }
    match (&section.receivers, teams.contains_key(platform_team)) {
        (Some(list), false) if !receivers.is_empty() => Err(layers.place(list.referenced).refuse(format!(
            "the platform team `{platform_team}` has no receiver, so what is of no team would reach nobody; \
             give it one under `alerting.teams.{platform_team}.receiver`"
        ))),
        _ => Ok(teams),
    }
}

fn alerts(
    layers: &Layers<'_>,
    section: &file::Alerting,
) -> Result<BTreeMap<String, AlertChange>, ConfigError> {
    let mut alerts = BTreeMap::new();
    for (name, entry) in section.alerts.iter().flat_map(|list| &list.value) {
        let Spanned { value: alert, referenced, .. } = entry;
        alerts.insert(name.clone(), change(layers, alert, layers.place(*referenced))?);
    }
    Ok(alerts)
}

fn change(layers: &Layers<'_>, alert: &AlertEntry, origin: Origin) -> Result<AlertChange, ConfigError> {
    fn said<T>(
        layers: &Layers<'_>,
        text: &Option<Text>,
        parse: fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        text.as_ref().map(|text| layers.given(text).parse(parse)).transpose()
    }
    Ok(AlertChange {
        origin,
        fire: said(layers, &alert.fire, threshold)?,
        clear: said(layers, &alert.clear, threshold)?,
        hold: said(layers, &alert.r#for, hold)?,
        severity: said(layers, &alert.severity, severity)?,
        enabled: said(layers, &alert.enabled, value::boolean)?,
    })
}

fn threshold(text: &str) -> Result<f64, String> {
    value::number(text, f64::MIN..=f64::MAX)
}

fn hold(text: &str) -> Result<Duration, String> {
    value::duration(text, HOLD)
}

fn severity(text: &str) -> Result<Severity, String> {
    value::word(text, &Severity::WORDS)
}

#[cfg(test)]
mod tests;
