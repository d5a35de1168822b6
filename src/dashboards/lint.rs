//! What is wrong with dashboards, told from their JSON alone and the catalogues of metrics and
//! alerts: nothing is asked of anybody.

mod place;
mod query;
mod variables;

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::{Dashboard, units};
use crate::rules::Catalogue;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The dashboard's uid.
    pub dashboard: String,
    /// The panel there, if it is of one: its id and title.
    pub panel: Option<(u64, String)>,
    /// The rule that is broken.
    pub rule: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.dashboard)?;
        if let Some((id, title)) = &self.panel {
            write!(out, ", panel {id} `{title}`")?;
        }
        write!(out, ": {}: {}", self.rule, self.message)
    }
}

/// Every rule, and what it holds.
pub const RULES: [(&str, &str); 14] = [
    (
        "uid",
        "a dashboard has a uid, a title, a description and the tag of ours, and cannot be edited by chance",
    ),
    ("datasource", "everything asks the data source that is chosen at the top"),
    ("promql", "every expression parses"),
    ("known", "every metric and label is in the catalogue"),
    ("counter-rated", "counters are rated, gauges are not"),
    ("rate-interval", "rates are over `$__rate_interval`, or over an hour and more"),
    ("unit", "every field has a unit that Grafana knows"),
    ("words", "every panel has a title, a description and words for nothing"),
    ("queries", "every panel but a text asks something"),
    ("ids", "no two panels have the same id"),
    ("overlap", "no two panels overlap, and none leaves the grid of 24 columns"),
    (
        "variables",
        "variables that are used are defined, those defined are used, and several values are matched by pattern",
    ),
    ("links", "every dashboard that is linked to is there"),
    ("alerts", "every dashboard and panel that an alert names is there"),
];

/// Everything that is wrong with some dashboards.
pub fn lint(dashboards: &[Dashboard], catalogue: &Catalogue) -> Vec<Finding> {
    let mut found = Vec::new();
    let uids: BTreeSet<&str> = dashboards.iter().map(|dashboard| dashboard.uid.as_str()).collect();
    for dashboard in dashboards {
        look(dashboard, &uids, catalogue, &mut found);
    }
    found
}

/// Everything that is wrong with one dashboard, beside others of these uids.
pub(super) fn lint_beside(
    dashboard: &Dashboard,
    uids: &BTreeSet<&str>,
    catalogue: &Catalogue,
) -> Vec<Finding> {
    let mut found = Vec::new();
    look(dashboard, uids, catalogue, &mut found);
    found
}

fn look(dashboard: &Dashboard, uids: &BTreeSet<&str>, catalogue: &Catalogue, found: &mut Vec<Finding>) {
    let mut linter = Linter { dashboard, catalogue, uids, panel: None, found };
    linter.whole();
    for panel in panels(&dashboard.json) {
        linter.panel = Some(panel);
        linter.panel(panel);
    }
}

/// What alerts name and there is not. Only the dashboards that are delivered have to have it all.
pub fn alerts(dashboards: &[Dashboard], catalogue: &Catalogue) -> Vec<Finding> {
    let mut found = Vec::new();
    for alert in catalogue.alerts() {
        let dashboard = dashboards.iter().find(|dashboard| dashboard.uid == alert.dashboard);
        let message = match dashboard {
            None => format!("the alert `{}` names this dashboard, which there is not", alert.name),
            Some(dashboard) if panels(&dashboard.json).any(|panel| panel["id"] == alert.panel) => continue,
            Some(_) => format!("the alert `{}` names panel {}, which there is not", alert.name, alert.panel),
        };
        found.push(Finding { dashboard: alert.dashboard.clone(), panel: None, rule: "alerts", message });
    }
    found
}

/// Every panel but headings, those under folded ones included.
pub fn panels(json: &Value) -> impl Iterator<Item = &Value> {
    fn list_of(value: &Value) -> std::slice::Iter<'_, Value> {
        value["panels"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
    }
    list_of(json).flat_map(|panel| {
        let is_row = panel["type"] == "row";
        let inner = if is_row { list_of(panel) } else { [].iter() };
        (!is_row).then_some(panel).into_iter().chain(inner)
    })
}

struct Linter<'l> {
    dashboard: &'l Dashboard,
    catalogue: &'l Catalogue,
    uids: &'l BTreeSet<&'l str>,
    panel: Option<&'l Value>,
    found: &'l mut Vec<Finding>,
}

impl<'l> Linter<'l> {
    fn say(&mut self, rule: &'static str, message: impl Into<String>) {
        let panel = self.panel.map(|panel| {
            (panel["id"].as_u64().unwrap_or_default(), panel["title"].as_str().unwrap_or_default().to_owned())
        });
        let dashboard = self.dashboard.uid.clone();
        self.found.push(Finding { dashboard, panel, rule, message: message.into() });
    }

    fn whole(&mut self) {
        let json = &self.dashboard.json;
        for key in ["uid", "title", "description"] {
            if json[key].as_str().is_none_or(|text| text.trim().is_empty()) {
                self.say("uid", format!("no `{key}`"));
            }
        }
        if json["editable"] != false {
            self.say("uid", "`editable` is not false, so that a slip of the hand changes it");
        }
        for message in place::findings(json) {
            self.say(message.0, message.1);
        }
        for message in variables::findings(json) {
            self.say("variables", message);
        }
        for (name, query) in variables::selectors(json) {
            for (rule, message) in query::findings(&query, &self.catalogue.known) {
                self.say(rule, format!("variable `{name}`: {message}"));
            }
        }
        for annotation in json["annotations"]["list"].as_array().into_iter().flatten() {
            let Some(expr) = annotation["expr"].as_str() else { continue };
            let name = annotation["name"].as_str().unwrap_or_default();
            self.source(annotation);
            for (rule, message) in query::findings(expr, &self.catalogue.known) {
                self.say(rule, format!("annotation `{name}`: {message}"));
            }
        }
        self.links(json["links"].as_array().map(Vec::as_slice).unwrap_or_default());
    }

    fn panel(&mut self, panel: &'l Value) {
        for key in ["title", "description"] {
            if panel[key].as_str().is_none_or(|text| text.trim().is_empty()) && panel["type"] != "text" {
                self.say("words", format!("no `{key}`"));
            }
        }
        if panel["type"] == "text" {
            return;
        }
        self.source(panel);
        let defaults = &panel["fieldConfig"]["defaults"];
        if defaults["noValue"].as_str().is_none_or(str::is_empty) {
            self.say("words", "no `noValue`: where there is nothing, nothing is said");
        }
        self.units(panel, defaults);
        self.links(defaults["links"].as_array().map(Vec::as_slice).unwrap_or_default());
        for property in properties(panel).filter(|property| property["id"] == "links") {
            self.links(property["value"].as_array().map(Vec::as_slice).unwrap_or_default());
        }
        let targets = panel["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        if targets.is_empty() {
            self.say("queries", "it asks nothing");
        }
        for target in targets {
            self.source(target);
            let expr = target["expr"].as_str().unwrap_or_default();
            let letter = target["refId"].as_str().unwrap_or_default();
            for (rule, message) in query::findings(expr, &self.catalogue.known) {
                self.say(rule, format!("query {letter}: {message}"));
            }
        }
    }

    fn source(&mut self, asking: &Value) {
        let uid = asking["datasource"]["uid"].as_str().unwrap_or_default();
        if uid != "${datasource}" && uid != "$datasource" {
            self.say("datasource", format!("it asks `{uid}` and not `${{datasource}}`"));
        }
    }

    fn units(&mut self, panel: &Value, defaults: &Value) {
        let own =
            properties(panel).filter(|property| property["id"] == "unit").map(|property| &property["value"]);
        let own: Vec<&Value> = own.collect();
        let all =
            std::iter::once(&defaults["unit"]).filter(|unit| !unit.is_null()).chain(own.iter().copied());
        for unit in all {
            let unit = unit.as_str().unwrap_or_default();
            if !units::is_known(unit) {
                self.say(
                    "unit",
                    format!("`{unit}` is no unit of Grafana; `suffix: {unit}` writes it behind"),
                );
            }
        }
        // A table's columns have units of their own.
        let queries = panel["targets"].as_array().map_or(0, Vec::len);
        if defaults["unit"].is_null() && own.len() < queries {
            self.say("unit", "a value without a unit; `none` is a plain number");
        }
    }

    fn links(&mut self, links: &[Value]) {
        for link in links {
            let url = link["url"].as_str().unwrap_or_default();
            let Some(rest) = url.strip_prefix("/d/") else { continue };
            let uid = rest.split(['?', '/']).next().unwrap_or_default();
            if !self.uids.contains(uid) {
                self.say("links", format!("there is no dashboard `{uid}`"));
            }
        }
    }
}

/// What overrides of a panel say.
fn properties(panel: &Value) -> impl Iterator<Item = &Value> {
    let overrides = panel["fieldConfig"]["overrides"].as_array().into_iter().flatten();
    overrides.flat_map(|rule| rule["properties"].as_array().into_iter().flatten())
}
