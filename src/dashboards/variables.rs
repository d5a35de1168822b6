//! The variables that dashboards share, so that links between them keep what is chosen.

use serde_json::{Value, json};

use super::load::Template;
use crate::rules::Known;

/// The series whose labels variables offer, if a template names no other.
pub(super) const SOURCE: &str = "container_info";

enum Kind {
    /// Values of a label; of a series of its own, or of the template's.
    Label { label: &'static str, of: Option<&'static str>, many: bool },
    /// One of these.
    Choice(&'static [&'static str]),
    /// Whatever is typed; a number.
    Typed(&'static str),
}

struct Variable {
    name: &'static str,
    title: &'static str,
    says: &'static str,
    kind: Kind,
}

const fn label(name: &'static str, title: &'static str, says: &'static str) -> Variable {
    Variable { name, title, says, kind: Kind::Label { label: name, of: None, many: true } }
}

/// Every variable but the data source, in the order in which they stand; each offers what those
/// before it leave.
const ALL: [Variable; 12] = [
    label("instance", "Host", "Hosts, by the address at which Prometheus scrapes dockmeter."),
    label("team", "Team", "Teams."),
    label("project", "Project", "Projects of the teams that are chosen."),
    label("user", "User", "Users of the projects that are chosen."),
    Variable {
        name: "container",
        title: "Container",
        says: "One container, running or stopped.",
        kind: Kind::Label { label: "name", of: None, many: false },
    },
    label("service", "Service", "Services, as programs call themselves."),
    Variable {
        name: "slo",
        title: "Objective",
        says: "Kinds of objectives.",
        kind: Kind::Label { label: "slo", of: Some("slo_objective_ratio"), many: true },
    },
    Variable {
        name: "server",
        title: "Server",
        says: "Database servers.",
        kind: Kind::Label { label: "server", of: Some("pg_up"), many: true },
    },
    Variable {
        name: "compare",
        title: "Compare with",
        says: "How long ago the time lies that dashed lines show.",
        kind: Kind::Choice(&["1h", "1d", "7d", "28d"]),
    },
    Variable {
        name: "price_core_hour",
        title: "Price of a core-hour",
        says: "In any currency; amounts are in the same. `dockmeter report cost` has exact ones.",
        kind: Kind::Typed("0.031611"),
    },
    Variable {
        name: "price_gib_hour",
        title: "Price of a GiB-hour of memory",
        says: "In the same currency.",
        kind: Kind::Typed("0.004237"),
    },
    Variable {
        name: "price_disk_gib_month",
        title: "Price of a GiB-month on disk",
        says: "In the same currency.",
        kind: Kind::Typed("0.04"),
    },
];

/// Labels of series, and the variables that they choose.
pub(super) const OF_LABELS: [(&str, &str); 8] = [
    ("instance", "instance"),
    ("team", "team"),
    ("project", "project"),
    ("user", "user"),
    ("name", "container"),
    ("service", "service"),
    ("slo", "slo"),
    ("server", "server"),
];

pub(super) fn is_known(name: &str) -> bool {
    ALL.iter().any(|variable| variable.name == name)
}

/// What there is, for who has named another.
pub(super) fn names() -> String {
    crate::yaml::one_of(&ALL.map(|variable| variable.name))
}

/// The variables of a dashboard.
pub(super) fn list(template: &Template, known: &Known) -> Vec<Value> {
    let mut listed = vec![json!({
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus that scrapes dockmeter.",
        "query": "prometheus",
        "current": {"selected": true, "text": "default", "value": "default"},
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
    })];
    let mut before: Vec<(&str, &str, bool)> = Vec::new();
    for variable in ALL.iter().filter(|variable| template.has_variable(variable.name)) {
        listed.push(shown(variable, template, known, &before));
        if let Kind::Label { label, many, .. } = variable.kind {
            before.push((label, variable.name, many));
        }
    }
    listed
}

fn shown(variable: &Variable, template: &Template, known: &Known, before: &[(&str, &str, bool)]) -> Value {
    let mut shown = json!({
        "name": variable.name,
        "label": variable.title,
        "description": variable.says,
        "hide": 0,
        "skipUrlSync": false,
    });
    let more = match variable.kind {
        Kind::Label { label, of, many } => {
            let query = values(label, of.unwrap_or(&template.source), known, before);
            let all = json!({"selected": true, "text": ["All"], "value": ["$__all"]});
            json!({
                "type": "query",
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "query": query,
                "definition": query,
                "refresh": 2,
                "sort": 1,
                "regex": "",
                "multi": many,
                "includeAll": many,
                // Every series has these labels, and none of them is ever empty.
                "allValue": if many { json!(".+") } else { Value::Null },
                // Of one that takes a single value the first is chosen.
                "current": if many { all } else { json!({"selected": false, "text": "", "value": ""}) },
                "options": [],
            })
        }
        Kind::Choice(choices) => {
            let usual = if choices.contains(&"7d") { "7d" } else { choices.first().unwrap_or(&"") };
            let option =
                |choice: &&str| json!({"selected": *choice == usual, "text": choice, "value": choice});
            json!({
                "type": "custom",
                "query": choices.join(","),
                "options": choices.iter().map(option).collect::<Vec<_>>(),
                "current": {"selected": true, "text": usual, "value": usual},
                "multi": false,
                "includeAll": false,
            })
        }
        Kind::Typed(usual) => {
            let option = json!({"selected": true, "text": usual, "value": usual});
            json!({"type": "textbox", "query": usual, "options": [option], "current": option})
        }
    };
    for (target, more) in shown.as_object_mut().into_iter().zip(more.as_object()) {
        let said = more.iter().filter(|(_, value)| !value.is_null());
        target.extend(said.map(|(key, value)| (key.clone(), value.clone())));
    }
    shown
}

/// The query for a label's values, within what is chosen before.
fn values(label: &str, source: &str, known: &Known, before: &[(&str, &str, bool)]) -> String {
    let names: Vec<&str> = source.split('|').collect();
    let has =
        |label: &str| names.iter().all(|name| known.labels(name).is_some_and(|labels| labels.has(label)));
    let chosen = before.iter().filter(|(label, ..)| has(label));
    let mut matchers: Vec<String> = match names.as_slice() {
        [_] => Vec::new(),
        _ => vec![format!("__name__=~\"{source}\"")],
    };
    matchers.extend(chosen.map(|(label, variable, many)| match many {
        true => format!("{label}=~\"${variable}\""),
        false => format!("{label}=\"${variable}\""),
    }));
    let name = if names.len() == 1 { source } else { "" };
    format!("label_values({name}{{{}}}, {label})", matchers.join(", "))
}
