//! Rule files for Prometheus.
//!
//! Prometheus has no hysteresis of its own: an alert between its thresholds goes on only if
//! `ALERTS` says that it fires. Alerts of tenants give way while Grafana evaluates them, so that
//! none is told of twice.

use super::catalogue::{Alert, Audience, Group, Record};
use super::text::{Piece, pieces};
use super::unit::Unit;
use crate::config::{Alerting, show_duration};
use crate::yaml::write::Node;

/// Labels that dashboards can be opened for, and their variables there.
const VARIABLES: [(&str, &str); 7] = [
    ("instance", "instance"),
    ("user", "user"),
    ("project", "project"),
    ("team", "team"),
    ("name", "container"),
    ("service", "service"),
    ("slo", "slo"),
];

/// Stands while Grafana evaluates the alerts of tenants.
pub(super) const EVALUATED_BY_GRAFANA: &str = "dockmeter_alert_evaluator{evaluator=\"grafana\"}";

/// The rule file of a group.
pub(super) fn rules(group: &Group, alerting: &Alerting) -> Node {
    let mut entries = vec![("name", Node::from(format!("dockmeter_{}", group.name)))];
    entries.extend(group.interval.map(|interval| ("interval", show_duration(interval).into())));
    let records = group.records.iter().map(record);
    let alerts = group.alerts.iter().map(|alert| rule(alert, alerting));
    entries.push(("rules", Node::list(records.chain(alerts))));
    Node::map([("groups", Node::list([Node::map(entries)]))])
}

fn record(record: &Record) -> Node {
    let mut entries = vec![("record", record.name.as_str().into()), ("expr", block(&record.expr))];
    if !record.labels.is_empty() {
        let labels = record.labels.iter().map(|(key, value)| (key, value.as_str().into()));
        entries.push(("labels", Node::map(labels)));
    }
    Node::map(entries)
}

fn block(expr: &str) -> Node {
    Node::from(if expr.contains('\n') { format!("{expr}\n") } else { expr.to_owned() })
}

fn rule(alert: &Alert, alerting: &Alerting) -> Node {
    let mut entries = vec![("alert", alert.name.as_str().into()), ("expr", block(&condition(alert)))];
    for (key, duration) in [("for", alert.hold), ("keep_firing_for", alert.keep)] {
        if !duration.is_zero() {
            entries.push((key, show_duration(duration).into()));
        }
    }
    let labels = labels(alert, alerting).into_iter().map(|(key, value)| (key, Node::from(value)));
    entries.push(("labels", Node::map(labels)));
    let annotations = annotations(alert, alerting).into_iter().map(|(key, value)| (key, Node::from(value)));
    entries.push(("annotations", Node::map(annotations)));
    Node::map(entries)
}

/// When an alert fires.
fn condition(alert: &Alert) -> String {
    let value = match alert.expr.contains('\n') {
        true => format!("(\n{}\n)", indented(&alert.expr)),
        false => format!("({})", alert.expr),
    };
    let operator = alert.direction.operator();
    let mut condition = format!("{value} {operator} {}", alert.fire);
    if let Some(clear) = alert.clear.filter(|_| alert.has_hysteresis()) {
        condition = format!(
            "{condition}\nor\n{value} {operator} {clear}\n  and on ({}) ALERTS{{alertname=\"{}\",alertstate=\"firing\"}}",
            alert.labels.join(", "),
            alert.name
        );
    }
    match alert.audience {
        Audience::Tenant => {
            format!("(\n{}\n)\nunless on () ({EVALUATED_BY_GRAFANA} == 1)", indented(&condition))
        }
        Audience::Platform => condition,
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The labels that a rule adds. What is of no tenant is the platform team's.
fn labels(alert: &Alert, alerting: &Alerting) -> Vec<(String, String)> {
    let mut labels = vec![
        ("severity".to_owned(), alert.severity.as_str().to_owned()),
        ("audience".to_owned(), alert.audience.as_str().to_owned()),
    ];
    if alert.audience == Audience::Platform {
        let whose = [("user", "system"), ("project", "system"), ("team", &alerting.platform_team)];
        labels.extend(whose.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    labels.extend(alert.marks.iter().map(|(key, value)| (key.clone(), value.clone())));
    labels
}

fn annotations(alert: &Alert, alerting: &Alerting) -> Vec<(&'static str, String)> {
    let mut annotations = vec![
        ("summary", rendered(alert, &alert.summary)),
        ("description", rendered(alert, &alert.description)),
    ];
    if alert.unit != Unit::State {
        annotations.push(("value", alert.unit.template("$value")));
        annotations.push(("threshold", alert.unit.show(alert.fire)));
    }
    annotations.extend(limit(alert).map(|limit| ("limit", limit)));
    let actions = alert.actions.iter().enumerate();
    let actions = actions.map(|(index, action)| format!("{}. {}", index + 1, rendered(alert, action)));
    annotations.push(("action", actions.collect::<Vec<_>>().join("\n")));
    annotations.push(("dashboard_url", dashboard(alert, alerting)));
    annotations.push(("runbook_url", format!("{}#{}", alerting.runbook_url, alert.name.to_lowercase())));
    annotations
}

/// The text as Prometheus's template.
fn rendered(alert: &Alert, text: &str) -> String {
    let piece = |piece: Piece<'_>| match piece {
        Piece::Plain(text) => text.to_owned(),
        Piece::Name("value") => alert.unit.template("$value"),
        Piece::Name("threshold") => alert.unit.show(alert.fire),
        Piece::Name("limit") => limit(alert).unwrap_or_else(|| alert.unit.show(alert.fire)),
        Piece::Name(label) => format!("{{{{ $labels.{label} }}}}"),
    };
    pieces(text).into_iter().map(piece).collect()
}

/// How much there may be, asked when the alert fires.
fn limit(alert: &Alert) -> Option<String> {
    let (series, labels) = alert.limit.as_ref()?;
    let matchers: Vec<String> = labels.iter().map(|label| format!("{label}=%q")).collect();
    let values: Vec<String> = labels.iter().map(|label| format!(" $labels.{label}")).collect();
    let query = format!("{series}{{{}}}", matchers.join(","));
    let value = Unit::of_series(series).unwrap_or(Unit::Count).template(". | first | value");
    Some(format!("{{{{ with printf \"{query}\"{} | query }}}}{value}{{{{ end }}}}", values.concat()))
}

fn dashboard(alert: &Alert, alerting: &Alerting) -> String {
    let variables = VARIABLES.iter().filter(|(label, _)| alert.labels.iter().any(|own| own == label));
    let variables =
        variables.map(|(label, name)| format!("&var-{name}={{{{ $labels.{label} | urlquery }}}}"));
    format!(
        "{}/d/{}?viewPanel={}{}&from=now-3h&to=now",
        alerting.grafana_url,
        alert.dashboard,
        alert.panel,
        variables.collect::<String>()
    )
}
