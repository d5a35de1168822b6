//! The catalogue of alerts and recording rules, and everything that is made of it: Prometheus's
//! rules and their unit tests, `alertmanager.yml` with its templates, and `docs/alerts.md`.
//!
//! The catalogue is data in `alerting/*.yml`, which the program carries along; a directory of the
//! configuration may add to it. Invariant: what is rendered comes from a catalogue in which
//! nothing is wrong, and is complete in memory before the first file is touched.

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
mod server;
mod terms;
mod text;
mod unit;
mod words;

pub use catalogue::{Alert, Audience, Catalogue, Direction, Group, Record};
pub(crate) use known::{Known, Labels};
pub use load::Mistakes;
pub(crate) use promql::labels_of;
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

/// The catalogue as a configuration wants it; `period` is that of objectives.
///
/// # Errors
/// A file cannot be read, something in it is wrong, or the configuration changes an alert that
/// there is not, or so that it would never clear.
pub fn catalogue(alerting: &Alerting, period: Duration) -> Result<Catalogue, RulesError> {
    let embedded = FILES.iter().map(|(path, text)| Source { path: path.into(), text: (*text).to_owned() });
    let mut sources: Vec<Source> = embedded.collect();
    if let Some(directory) = &alerting.catalogue_directory {
        sources.extend(files::sources(directory)?);
    }
    let mut catalogue = load::load(&sources, &Terms::new(alerting, period))?;
    for (name, change) in &alerting.alerts {
        apply(&mut catalogue, name, change)?;
    }
    Ok(catalogue)
}

/// Changes an alert as the configuration says.
fn apply(catalogue: &mut Catalogue, name: &str, change: &AlertChange) -> Result<(), ConfigError> {
    let group = catalogue.groups.iter_mut().find(|group| group.alerts.iter().any(|alert| alert.name == name));
    let Some(group) = group else {
        let close = catalogue.alerts().map(|alert| alert.name.as_str());
        let close = close.min_by_key(|known| strsim::damerau_levenshtein(known, name)).unwrap_or_default();
        return Err(change.origin.refuse(format!("there is no alert `{name}`, did you mean `{close}`?")));
    };
    if change.enabled == Some(false) {
        group.alerts.retain(|alert| alert.name != name);
        return Ok(());
    }
    let Some(alert) = group.alerts.iter_mut().find(|alert| alert.name == name) else { return Ok(()) };
    if let Some(fire) = change.fire {
        // Who moves only the threshold at which it fires means the gap to stay as it was.
        alert.clear =
            alert.clear.map(|clear| if alert.fire == 0.0 { clear } else { clear / alert.fire * fire });
        alert.fire = fire;
    }
    alert.clear = change.clear.or(alert.clear);
    if let Some(Err(message)) = alert.clear.map(|clear| load::in_order(alert.direction, alert.fire, clear)) {
        return Err(change.origin.refuse(message));
    }
    alert.hold = change.hold.unwrap_or(alert.hold);
    alert.severity = change.severity.unwrap_or(alert.severity);
    alert.is_changed = change.fire.is_some() || change.clear.is_some() || change.hold.is_some();
    Ok(())
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
