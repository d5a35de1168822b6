//! The catalogue of alerts and recording rules, and everything that is made of it: Prometheus's
//! rules and their unit tests, `alertmanager.yml` with its templates, and `docs/alerts.md`.
//!
//! The catalogue is data in `alerting/*.yml`, which the program carries along; a directory of the
//! configuration may add to it. Invariant: what is rendered comes from a catalogue in which
//! nothing is wrong, and is complete in memory before the first file is touched. [`Rulebook`] is
//! what a running exporter shows of it and lets an administrator change.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::{AlertChange, Alerting, Config, ConfigError};
use crate::files::{self, Ours, ReadError, Rendered, Source};

mod alertmanager;
pub mod catalogue;
mod docs;
mod entry;
pub mod grafana;
mod known;
mod load;
mod prometheus;
mod promql;
mod promtool;
mod rulebook;
mod server;
mod terms;
mod text;
mod unit;
mod words;

pub use catalogue::{Alert, Audience, Catalogue, Direction, Group, Record};
pub(crate) use known::{Known, Labels};
pub use load::Mistakes;
pub(crate) use promql::labels_of;
pub use rulebook::{Done, Rule, Rulebook, RulebookError, Source as ValueSource, Values};
pub use unit::Unit;

use grafana::Scope;
use terms::Terms;

/// The name of each file and what is in it.
macro_rules! delivered {
    ($($name:literal),*) => {
        [$((concat!("alerting/", $name, ".yml"), include_str!(concat!("../../alerting/", $name, ".yml")))),*]
    };
}

/// The files of the catalogue, in the order of their groups.
const FILES: [(&str, &str); 11] = delivered![
    "containers",
    "anomalies",
    "programs",
    "postgres",
    "slo",
    "slo_5m",
    "slo_1h",
    "host",
    "stack",
    "aggregates_5m",
    "aggregates_1h"
];

/// What stands at the head of a file that we have made.
const HEAD: &str = "# Made by `dockmeter rules render` from the catalogue `alerting/`; do not edit.\n";

/// The files that [`render`] has made.
pub const OURS: Ours = Ours { folders: &["rules", "tests"], is_ours: |text| text.starts_with(HEAD) };

/// Why nothing was made of the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// The catalogue's directory cannot be read.
    #[error("{0}; check `alerting.catalogue_directory`")]
    Read(#[from] ReadError),
    /// Something in it is wrong.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// The configuration changes an alert in a way that cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The catalogue as a configuration wants it, and those who have changed it since; `period` is
/// that of objectives.
///
/// # Errors
/// A file cannot be read, something in it is wrong, or an alert is changed that there is not, or
/// so that it would never clear.
pub fn catalogue(alerting: &Alerting, period: Duration) -> Result<Catalogue, RulesError> {
    let mut catalogue = delivered(alerting, period)?;
    change_all(&mut catalogue, alerting)?;
    Ok(catalogue)
}

/// The catalogue as it is delivered, and what the configuration's directory adds.
fn delivered(alerting: &Alerting, period: Duration) -> Result<Catalogue, RulesError> {
    let embedded = FILES.iter().map(|(path, text)| Source { path: path.into(), text: (*text).to_owned() });
    let mut sources: Vec<Source> = embedded.collect();
    if let Some(directory) = &alerting.catalogue_directory {
        sources.extend(files::sources(directory)?);
    }
    Ok(load::load(&sources, &Terms::new(alerting, period))?)
}

/// Changes alerts as the configuration says, and then as somebody has changed them since.
fn change_all(catalogue: &mut Catalogue, alerting: &Alerting) -> Result<(), ConfigError> {
    let configured = alerting.alerts.keys().map(String::as_str);
    let names: BTreeSet<&str> = configured.chain(alerting.changes.names()).collect();
    for name in names {
        let since = alerting.changes.get(name).map(|changed| &changed.change);
        let said: Vec<&AlertChange> = alerting.alerts.get(name).into_iter().chain(since).collect();
        change(catalogue, name, &said)?;
    }
    Ok(())
}

/// Changes an alert as is said of it, the last word last.
fn change(catalogue: &mut Catalogue, name: &str, said: &[&AlertChange]) -> Result<(), ConfigError> {
    let Some(first) = said.first() else { return Ok(()) };
    let mut groups = catalogue.groups.iter_mut();
    let found = groups.find_map(|group| {
        let place = group.alerts.iter().position(|alert| alert.name == name)?;
        Some((&mut group.alerts, place))
    });
    let Some((alerts, place)) = found else {
        let close = close_to(catalogue, name);
        return Err(first.origin.refuse(format!("there is no alert `{name}`, did you mean `{close}`?")));
    };
    match changed(&alerts[place], said)? {
        Some(alert) => alerts[place] = alert,
        None => drop(alerts.remove(place)),
    }
    Ok(())
}

/// The name of an alert that is most like another.
fn close_to<'c>(catalogue: &'c Catalogue, name: &str) -> &'c str {
    let names = catalogue.alerts().map(|alert| alert.name.as_str());
    names.min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or_default()
}

/// An alert as it is with all that is said of it; none if it is not there then.
fn changed(alert: &Alert, said: &[&AlertChange]) -> Result<Option<Alert>, ConfigError> {
    if said.iter().rev().find_map(|change| change.enabled) == Some(false) {
        return Ok(None);
    }
    let mut alert = alert.clone();
    for change in said {
        alter(&mut alert, change);
        let order = alert.clear.map(|clear| load::in_order(alert.direction, alert.fire, clear));
        if let Some(Err(message)) = order {
            return Err(change.origin.refuse(message));
        }
    }
    Ok(Some(alert))
}

/// Changes an alert, whether it can be so or not.
fn alter(alert: &mut Alert, change: &AlertChange) {
    if let Some(fire) = change.fire {
        // Who moves only the threshold at which it fires means the gap to stay as it was.
        alert.clear = alert.clear.map(|clear| match alert.fire {
            0.0 => clear,
            before => rounded(clear / before * fire),
        });
        alert.fire = fire;
    }
    alert.clear = change.clear.or(alert.clear);
    alert.hold = change.hold.unwrap_or(alert.hold);
    alert.severity = change.severity.unwrap_or(alert.severity);
    alert.is_changed |= change.fire.is_some() || change.clear.is_some() || change.hold.is_some();
}

/// A number that was calculated, without the last digits that no person would write.
fn rounded(number: f64) -> f64 {
    format!("{number:.11e}").parse().unwrap_or(number)
}

/// Every file for Prometheus and Alertmanager.
pub fn render(catalogue: &Catalogue, config: &Config) -> Vec<Rendered> {
    let alerting = &config.alerting;
    let file = |path: String, text: String| Rendered { path: path.into(), text: format!("{HEAD}{text}") };
    let grafana = Scope::of(config.grafana.alerts).unwrap_or(Scope::Tenants);
    let mut rendered = Vec::new();
    for group in &catalogue.groups {
        let rules = prometheus::rules(group, alerting, grafana).document();
        rendered.push(file(format!("rules/{}.yml", group.name), rules));
        let tests = promtool::tests(group, grafana).into_iter();
        rendered.extend(tests.map(|(name, test)| file(format!("tests/{name}"), test.document())));
    }
    rendered.push(file("prometheus.yml".into(), server::configuration(config).document()));
    rendered.push(file("alertmanager.yml".into(), alertmanager::configuration(alerting).document()));
    rendered
        .push(Rendered { path: "templates/dockmeter.tmpl".into(), text: alertmanager::TEMPLATES.to_owned() });
    rendered
}

/// `docs/alerts.md`.
pub fn reference(catalogue: &Catalogue) -> String {
    docs::page(catalogue)
}

#[cfg(test)]
mod tests;
