//! Rule files for Prometheus.
//!
//! Prometheus has no hysteresis of its own: an alert between its thresholds goes on only if
//! `ALERTS` says that it fires. Alerts that Grafana is given stand by while it evaluates them, so
//! that none is told of twice.

use super::catalogue::{Alert, Group, Record};
use super::grafana::Scope;
use super::words::{Evaluator, annotations, labels};
use crate::config::{Alerting, show_duration};
use crate::yaml::write::Node;

/// Stands while Grafana evaluates the alerts that it was given.
pub(super) const EVALUATED_BY_GRAFANA: &str = "dockmeter_alert_evaluator{evaluator=\"grafana\"}";

/// The rule file of a group, in which what Grafana may evaluate stands by.
pub(super) fn rules(group: &Group, alerting: &Alerting, grafana: Scope) -> Node {
    let mut entries = vec![("name", Node::from(format!("dockmeter_{}", group.name)))];
    entries.extend(group.interval.map(|interval| ("interval", show_duration(interval).into())));
    let records = group.records.iter().map(record);
    let alerts = group.alerts.iter().map(|alert| rule(alert, alerting, grafana));
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

fn rule(alert: &Alert, alerting: &Alerting, grafana: Scope) -> Node {
    let mut entries =
        vec![("alert", alert.name.as_str().into()), ("expr", block(&condition(alert, grafana)))];
    for (key, duration) in [("for", alert.hold), ("keep_firing_for", alert.keep)] {
        if !duration.is_zero() {
            entries.push((key, show_duration(duration).into()));
        }
    }
    let labels = labels(alert, alerting).into_iter().map(|(key, value)| (key, Node::from(value)));
    entries.push(("labels", Node::map(labels)));
    let annotations = annotations(alert, alerting, Evaluator::Prometheus)
        .into_iter()
        .map(|(key, value)| (key, Node::from(value)));
    entries.push(("annotations", Node::map(annotations)));
    Node::map(entries)
}

/// When an alert fires.
fn condition(alert: &Alert, grafana: Scope) -> String {
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
    if grafana.has(alert) {
        return format!("(\n{}\n)\nunless on () ({EVALUATED_BY_GRAFANA} == 1)", indented(&condition));
    }
    condition
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
