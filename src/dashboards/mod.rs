//! Grafana's dashboards: short templates in `grafana/templates/`, and the JSON that is made of
//! them.
//!
//! The templates are embedded. What is made is Grafana's classic format, schema version 42,
//! which every version from 10 on reads. Ids of panels are given, not counted, so that links to
//! them stay. Invariant: what is rendered comes from templates in which nothing is wrong.

mod annotations;
mod custom;
mod customise;
mod docs;
mod entry;
mod layout;
mod links;
mod lint;
mod load;
mod look;
mod panel;
mod query;
mod selectors;
mod shelf;
mod table;
mod terms;
mod units;
mod variables;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::files::{self, Ours, ReadError, Rendered, Source};
use crate::rules::Catalogue;

pub use custom::{Customisation, Fault};
pub use lint::{Finding, RULES, alerts, lint, panels};
pub use load::Mistakes;
use load::Template;
pub use shelf::{Shelf, Templates, listed_panels, listed_variables};

/// The format's version.
const SCHEMA_VERSION: u32 = 42;

/// The tag of every dashboard that we have made.
pub const TAG: &str = "dockmeter";

/// The name of each file and what is in it.
macro_rules! delivered {
    ($($name:literal),* $(,)?) => {
        [$((
            concat!("grafana/templates/", $name, ".yml"),
            include_str!(concat!("../../grafana/templates/", $name, ".yml")),
        )),*]
    };
}

/// The templates, in the order in which a reader would open what they make.
const FILES: &[(&str, &str)] = &delivered![
    "system-overview",
    "host",
    "container",
    "tenant",
    "http",
    "database",
    "runtime",
    "business",
    "slo",
    "trends",
    "compare",
    "alerts",
    "self",
];

/// The dashboards that [`files()`] has made.
pub const OURS: Ours =
    Ours { folders: &[""], is_ours: |text| text.starts_with('{') && text.contains("\n    \"dockmeter\"") };

/// A dashboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Dashboard {
    /// What its address, and links to it, have.
    pub uid: String,
    /// What people call it.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// How to read it.
    pub reading: String,
    /// All of it, as `POST /api/dashboards/db` takes it.
    pub json: Value,
}

/// Why no dashboards were made.
#[derive(Debug, thiserror::Error)]
pub enum DashboardsError {
    /// The folder of templates cannot be read.
    #[error("{0}; check `--templates`")]
    Read(#[from] ReadError),
    /// Something in a template is wrong.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

/// The templates that are delivered.
fn embedded() -> Vec<Source> {
    FILES.iter().map(|(path, text)| Source { path: path.into(), text: (*text).to_owned() }).collect()
}

/// Every dashboard; `own` is a folder of templates besides those that are delivered, and in the
/// place of those with the same uid.
///
/// # Errors
/// The folder cannot be read, or every mistake in a template, with its place.
pub fn dashboards(catalogue: &Catalogue, own: Option<&Path>) -> Result<Vec<Dashboard>, DashboardsError> {
    let mut sources = embedded();
    if let Some(folder) = own {
        sources.extend(files::sources(folder)?);
    }
    let templates = load::load(&sources)?;
    let mut mistakes = Vec::new();
    let made = templates.iter().map(|template| made(template, &templates, catalogue, &mut mistakes));
    let made: Vec<Dashboard> = made.collect();
    if mistakes.is_empty() { Ok(made) } else { Err(Mistakes(mistakes).into()) }
}

/// A dashboard from a file in Grafana's classic format, as it exports it.
///
/// # Errors
/// It is not that; a sentence.
pub fn read(text: &str) -> Result<Dashboard, String> {
    let json: Value = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
    if !json["panels"].is_array() {
        return Err("no dashboard in Grafana's classic format: it has no `panels`".to_owned());
    }
    let said = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let (uid, title, question) = (said("uid"), said("title"), said("description"));
    Ok(Dashboard { uid, title, question, reading: String::new(), json })
}

/// `docs/dashboards.md`.
pub fn reference(dashboards: &[Dashboard]) -> String {
    docs::page(dashboards)
}

/// The files of dashboards, named by their uids.
pub fn files(dashboards: &[Dashboard]) -> Vec<Rendered> {
    let file = |dashboard: &Dashboard| Rendered {
        path: PathBuf::from(format!("{}.json", dashboard.uid)),
        text: format!("{:#}\n", dashboard.json),
    };
    dashboards.iter().map(file).collect()
}

fn made(
    template: &Template,
    all: &[Template],
    catalogue: &Catalogue,
    mistakes: &mut Vec<String>,
) -> Dashboard {
    let mut maker = panel::Maker { template, all, known: &catalogue.known, mistakes };
    let panels = layout::panels(template, &mut maker);
    let mut tags = vec![TAG];
    tags.extend(template.tags.iter().map(String::as_str));
    let json = json!({
        "uid": template.uid,
        "title": template.title,
        "description": template.question,
        "tags": tags,
        "schemaVersion": SCHEMA_VERSION,
        "editable": false,
        "graphTooltip": 1,
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "liveNow": false,
        "preload": false,
        "refresh": template.refresh,
        "time": {"from": template.since, "to": "now"},
        "timepicker": {},
        "templating": {"list": variables::list(template, &catalogue.known)},
        "annotations": {"list": annotations::list(template)},
        "links": links::siblings(),
        "panels": panels,
    });
    Dashboard {
        uid: template.uid.clone(),
        title: template.title.clone(),
        question: template.question.clone(),
        reading: template.reading.clone(),
        json,
    }
}

#[cfg(test)]
mod tests;
