//! What a rule adds to what it finds: labels, and annotations for people, which each evaluator
//! writes in its own templates.

use super::catalogue::{Alert, Audience};
use super::text::{Piece, pieces};
use super::unit::Unit;
use crate::config::Alerting;

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

/// Who evaluates, and fills in what a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evaluator {
    /// Asks for a limit when the alert fires.
    Prometheus,
    /// Has queries by letters: `A` is the value, `B` the limit.
    Grafana,
}

impl Evaluator {
    /// What the value is called.
    fn value(self) -> &'static str {
        match self {
            Evaluator::Prometheus => "$value",
            Evaluator::Grafana => "$values.A.Value",
        }
    }

    /// A text of the catalogue as a template.
    fn rendered(self, alert: &Alert, text: &str) -> String {
        let piece = |piece: Piece<'_>| match piece {
            Piece::Plain(text) => text.to_owned(),
            Piece::Name("value") => alert.unit.template(self.value()),
            Piece::Name("threshold") => alert.unit.show(alert.fire),
            Piece::Name("limit") => self.limit(alert).unwrap_or_else(|| alert.unit.show(alert.fire)),
            Piece::Name(label) => format!("{{{{ $labels.{label} }}}}"),
        };
        pieces(text).into_iter().map(piece).collect()
    }

    /// How much there may be.
    fn limit(self, alert: &Alert) -> Option<String> {
        let (series, labels) = alert.limit.as_ref()?;
        let unit = Unit::of_series(series).unwrap_or(Unit::Count);
        if self == Evaluator::Grafana {
            return Some(unit.template("$values.B.Value"));
        }
        let matchers: Vec<String> = labels.iter().map(|label| format!("{label}=%q")).collect();
        let values: Vec<String> = labels.iter().map(|label| format!(" $labels.{label}")).collect();
        let query = format!("{series}{{{}}}", matchers.join(","));
        let value = unit.template(". | first | value");
        Some(format!("{{{{ with printf \"{query}\"{} | query }}}}{value}{{{{ end }}}}", values.concat()))
    }
}

/// The labels that a rule adds. What is of no tenant is the platform team's.
pub(super) fn labels(alert: &Alert, alerting: &Alerting) -> Vec<(String, String)> {
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

/// What an alert says: what has happened, what it means, what to do, and where to look.
pub(super) fn annotations(alert: &Alert, alerting: &Alerting, by: Evaluator) -> Vec<(&'static str, String)> {
    let mut annotations = vec![
        ("summary", by.rendered(alert, &alert.summary)),
        ("description", by.rendered(alert, &alert.description)),
    ];
    if alert.unit != Unit::State {
        annotations.push(("value", alert.unit.template(by.value())));
        annotations.push(("threshold", alert.unit.show(alert.fire)));
    }
    annotations.extend(by.limit(alert).map(|limit| ("limit", limit)));
    let actions = alert.actions.iter().enumerate();
    let actions = actions.map(|(index, action)| format!("{}. {}", index + 1, by.rendered(alert, action)));
    annotations.push(("action", actions.collect::<Vec<_>>().join("\n")));
    annotations.push(("dashboard_url", dashboard(alert, alerting)));
    annotations.push(("runbook_url", format!("{}#{}", alerting.runbook_url, alert.name.to_lowercase())));
    annotations
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
