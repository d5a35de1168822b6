//! What happened, as marks on every graph: starts, restarts, kills and findings.

use serde_json::{Value, json};

use super::load::Template;
use super::terms;

struct Annotation {
    name: &'static str,
    title: &'static str,
    colour: &'static str,
    expr: &'static str,
    /// The heading of a mark, and its text.
    text: [&'static str; 2],
    /// The value is the moment, in milliseconds.
    is_moment: bool,
}

/// A start that no restart policy made is a deployment, or somebody's doing.
const ALL: [Annotation; 9] = [
    Annotation {
        name: "deploys",
        title: "Deploys and starts",
        colour: "blue",
        expr: "container_start_time_seconds{@host,@tenant} * 1000 > $__from\n  unless on (instance, id, name) container_restarts_total > 0",
        text: ["{{name}} was started", "{{image}} on {{instance}}, project {{project}}"],
        is_moment: true,
    },
    Annotation {
        name: "restarts",
        title: "Restarts",
        colour: "orange",
        expr: "container_start_time_seconds{@host,@tenant} * 1000 > $__from\n  and on (instance, id, name) container_restarts_total > 0",
        text: ["{{name}} was restarted by its policy", "{{image}} on {{instance}}, project {{project}}"],
        is_moment: true,
    },
    Annotation {
        name: "oom",
        title: "OOM kills",
        colour: "red",
        expr: "sum by (instance, name, project) (container_oom_events_total{@host,@tenant} - container_oom_events_total{@host,@tenant} offset $__interval) > 0",
        text: ["{{name}} ran out of memory", "on {{instance}}, project {{project}}"],
        is_moment: false,
    },
    Annotation {
        name: "container_deploys",
        title: "Deploys and starts",
        colour: "blue",
        expr: "container_start_time_seconds{@container} * 1000 > $__from\n  unless on (instance, id, name) container_restarts_total > 0",
        text: ["{{name}} was started", "{{image}} on {{instance}}"],
        is_moment: true,
    },
    Annotation {
        name: "container_restarts",
        title: "Restarts",
        colour: "orange",
        expr: "container_start_time_seconds{@container} * 1000 > $__from\n  and on (instance, id, name) container_restarts_total > 0",
        text: ["{{name}} was restarted by its policy", "{{image}} on {{instance}}"],
        is_moment: true,
    },
    Annotation {
        name: "container_oom",
        title: "OOM kills",
        colour: "red",
        expr: "sum by (instance, name) (container_oom_events_total{@container} - container_oom_events_total{@container} offset $__interval) > 0",
        text: ["{{name}} ran out of memory", "on {{instance}}"],
        is_moment: false,
    },
    Annotation {
        name: "project_starts",
        title: "Deploys and restarts",
        colour: "blue",
        expr: "container_start_time_seconds{@tenant} * 1000 > $__from",
        text: ["{{name}} was started", "{{image}} on {{instance}}, project {{project}}"],
        is_moment: true,
    },
    Annotation {
        name: "findings",
        title: "Findings",
        colour: "purple",
        expr: "sum by (kind, severity, project, team) (dockmeter_findings{@tenant}) > 0",
        text: [
            "{{kind}} ({{severity}})",
            "of project {{project}}, team {{team}}; see `dockmeter report insights`",
        ],
        is_moment: false,
    },
    Annotation {
        name: "exporter",
        title: "Starts of dockmeter",
        colour: "blue",
        expr: "process_start_time_seconds{job=\"dockmeter\",@host} * 1000 > $__from",
        text: ["dockmeter was started", "on {{instance}}"],
        is_moment: true,
    },
];

pub(super) fn is_known(name: &str) -> bool {
    ALL.iter().any(|annotation| annotation.name == name)
}

/// The annotations of a dashboard.
pub(super) fn list(template: &Template) -> Vec<Value> {
    let named = |name: &str| ALL.iter().find(|annotation| annotation.name == name);
    template.annotations.iter().filter_map(|name| named(&name.value)).map(shown).collect()
}

fn shown(annotation: &Annotation) -> Value {
    let [title, text] = annotation.text;
    json!({
        "name": annotation.title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "enable": true,
        "hide": false,
        "iconColor": annotation.colour,
        "expr": terms::fill(annotation.expr, false),
        "titleFormat": title,
        "textFormat": text,
        "tagKeys": "project,name",
        "step": "60s",
        "useValueForTime": annotation.is_moment,
    })
}
