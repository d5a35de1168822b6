//! What a dashboard says of its making: a hidden variable, which Grafana keeps in every version
//! and whoever saves the dashboard, with JSON in base64, so that no variable is looked for in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::MADE_TAG;
use super::request::Request;
use crate::grafana::desired::TENANT_TAG;
use crate::grafana::normal::normal;
use crate::grafana::object::{Kind, TAG};
use crate::grafana::state::{canonical, hex};

/// The variable's name.
const NAME: &str = "dockmeter_made";

/// Of what a dashboard was made, and how it looked then.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(super) struct Mark {
    /// The template's uid.
    pub(super) template: String,
    /// Whom it is pinned to.
    pub(super) team: Option<String>,
    /// What was wanted otherwise, as it was said.
    pub(super) customisation: Value,
    /// A digest of the dashboard without this variable.
    fingerprint: String,
}

impl Mark {
    pub(super) fn new(template: String, team: Option<String>, request: &Request) -> Mark {
        let customisation = Value::Object(request.customisation.said().clone());
        Mark { template, team, customisation, fingerprint: String::new() }
    }

    /// A dashboard that says so, under its own uid and tag.
    pub(super) fn put(mut self, mut dashboard: Value, uid: &str) -> Value {
        dashboard["uid"] = json!(uid);
        let tags = dashboard["tags"].as_array().cloned().unwrap_or_default();
        let others = tags.into_iter().filter(|tag| tag != TAG && tag != TENANT_TAG);
        dashboard["tags"] = std::iter::once(json!(MADE_TAG)).chain(others).collect();
        self.fingerprint = fingerprint(&dashboard);
        let text = STANDARD.encode(json!(self).to_string());
        if let Some(variables) = dashboard["templating"]["list"].as_array_mut() {
            variables.push(json!({
                "name": NAME, "type": "constant", "label": "Made by dockmeter", "hide": 2,
                "skipUrlSync": true, "query": text, "current": {"text": text, "value": text},
            }));
        }
        dashboard
    }

    /// What a dashboard says.
    pub(super) fn of(dashboard: &Value) -> Option<Mark> {
        let mut variables = dashboard["templating"]["list"].as_array()?.iter();
        let text = variables.find(|variable| variable["name"] == NAME)?["query"].as_str()?;
        serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
    }

    /// Whether a dashboard is as it was made.
    pub(super) fn is_as_made(&self, dashboard: &Value) -> bool {
        fingerprint(dashboard) == self.fingerprint
    }
}

fn fingerprint(dashboard: &Value) -> String {
    let mut dashboard = dashboard.clone();
    if let Some(variables) = dashboard["templating"]["list"].as_array_mut() {
        variables.retain(|variable| variable["name"] != NAME);
    }
    let mut text = String::new();
    canonical(&normal(Kind::Dashboard, &json!({"dashboard": dashboard})), &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}
