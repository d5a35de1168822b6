//! The templates that dashboards can be made of, read when they are first wanted: a server that
//! nobody asks for dashboards keeps none of it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use super::load::Template;
use super::{Dashboard, DashboardsError, embedded, lint, load, made};
use crate::config::Alerting;
use crate::rules::{self, Catalogue};

/// What a template's uid begins with and who names it may leave out.
const PREFIX: &str = "dockmeter-";

/// What templates there are, for a configuration.
#[derive(Debug)]
pub struct Shelf {
    alerting: Alerting,
    period: Duration,
    read: OnceLock<Result<Arc<Templates>, String>>,
}

impl Shelf {
    /// For these alerts and this period of objectives, whose series templates may name.
    pub fn new(alerting: Alerting, period: Duration) -> Shelf {
        Shelf { alerting, period, read: OnceLock::new() }
    }

    /// The same for other alerts.
    pub fn renewed(&self, alerting: Alerting) -> Shelf {
        Shelf::new(alerting, self.period)
    }

    /// The templates; the first call reads them, which takes some tenths of a second.
    ///
    /// # Errors
    /// The catalogue of alerts cannot be read; a sentence.
    pub fn templates(&self) -> Result<Arc<Templates>, String> {
        let read = || {
            let catalogue =
                rules::catalogue(&self.alerting, self.period).map_err(|error| error.to_string())?;
            Templates::new(catalogue).map(Arc::new).map_err(|error| error.to_string())
        };
        self.read.get_or_init(read).clone()
    }
}

/// Templates, and what each becomes if nothing is wanted otherwise.
#[derive(Debug)]
pub struct Templates {
    pub(super) catalogue: Catalogue,
    pub(super) templates: Vec<Template>,
    dashboards: Vec<Dashboard>,
}

impl Templates {
    /// The templates that are delivered.
    ///
    /// # Errors
    /// Every mistake in one of them.
    pub fn new(catalogue: Catalogue) -> Result<Templates, DashboardsError> {
        let templates = load::load(&embedded())?;
        let mut mistakes = Vec::new();
        let dashboards =
            templates.iter().map(|template| made(template, &templates, &catalogue, &mut mistakes));
        let dashboards = dashboards.collect();
        if mistakes.is_empty() {
            Ok(Templates { catalogue, templates, dashboards })
        } else {
            Err(load::Mistakes(mistakes).into())
        }
    }

    /// What they become, in the order in which a reader would open it.
    pub fn dashboards(&self) -> &[Dashboard] {
        &self.dashboards
    }

    /// What the template of this uid becomes; `dockmeter-` may be left out.
    pub fn find(&self, name: &str) -> Option<&Dashboard> {
        let is = |uid: &str| uid == name || uid.strip_prefix(PREFIX) == Some(name);
        self.dashboards.iter().find(|dashboard| is(&dashboard.uid))
    }
}

/// Ids, titles and kinds of a dashboard's panels, without headings.
pub fn listed_panels(json: &Value) -> Vec<Value> {
    let listed = |panel: &Value| json!({"id": panel["id"], "title": panel["title"], "type": panel["type"]});
    lint::panels(json).map(listed).collect()
}

/// Names of a dashboard's variables, and what each may be set to.
pub fn listed_variables(json: &Value) -> Vec<Value> {
    let variables = json["templating"]["list"].as_array().into_iter().flatten();
    let shown = variables.filter(|variable| variable["hide"] != 2).map(|variable| {
        let options =
            variable["options"].as_array().into_iter().flatten().map(|option| option["value"].clone());
        let options: Vec<Value> = options.collect();
        json!({
            "name": variable["name"],
            "label": variable["label"],
            "description": variable["description"],
            "multiple": variable["multi"] == true,
            "choices": if variable["type"] == "custom" { Value::from(options) } else { Value::Null },
        })
    });
    shown.collect()
}
