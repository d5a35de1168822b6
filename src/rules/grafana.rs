//! Rules for Grafana: the same alerts, in a group of their team's folder, where the team sees and
//! silences them.
//!
//! Grafana has hysteresis of its own, and knows a value by its query's letter. What decides is
//! the same as in Prometheus: expression, thresholds, durations, labels.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::alertmanager::WATCHDOG;
use super::catalogue::{Alert, Audience, Catalogue, Direction};
use super::words::{Evaluator, annotations, labels};
use crate::config::{Alerting, GrafanaAlerts, show_duration};

/// The label of every rule that Grafana has of us, and of the alerts that it tells of.
pub const MARK: (&str, &str) = ("managed_by", "dockmeter");

/// How often Grafana evaluates, in seconds; it counts in tens.
const INTERVAL_SECONDS: u64 = 30;

/// How far back an instant query may look, in seconds; Prometheus decides.
const LOOKBACK_SECONDS: u64 = 600;

/// Rules that are evaluated together.
#[derive(Clone, Debug, PartialEq)]
pub struct GrafanaGroup {
    /// The team in whose folder it is; none for the platform's.
    pub team: Option<String>,
    /// Its name.
    pub name: String,
    /// How often it is evaluated.
    pub interval_seconds: u64,
    /// Its rules, as Grafana's provisioning API takes them, without folder and group.
    pub rules: Vec<Value>,
}

/// Whose alerts Grafana evaluates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of tenants.
    Tenants,
    /// All, but that which shows that Prometheus can tell of any.
    All,
}

impl Scope {
    /// By the configuration; none if Grafana evaluates nothing.
    pub fn of(alerts: GrafanaAlerts) -> Option<Scope> {
        match alerts {
            GrafanaAlerts::Tenants => Some(Scope::Tenants),
            GrafanaAlerts::All => Some(Scope::All),
            GrafanaAlerts::None => None,
        }
    }

    /// Whether Grafana evaluates an alert, and Prometheus's copy of it stands by.
    pub(super) fn has(self, alert: &Alert) -> bool {
        match alert.audience {
            Audience::Tenant => true,
            Audience::Platform => self == Scope::All && alert.name != WATCHDOG,
        }
    }
}

/// What rules of a Grafana refer to.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// The uid of the data source.
    pub data_source: &'s str,
    /// What uids of rules begin with.
    pub prefix: &'s str,
}

/// The groups of a catalogue: one of each group and team, and one of the platform's for what is
/// of no team that has a folder.
pub fn groups(
    catalogue: &Catalogue,
    alerting: &Alerting,
    scope: Scope,
    teams: &[&str],
    surroundings: &Surroundings<'_>,
) -> Vec<GrafanaGroup> {
    let mut groups = Vec::new();
    for group in &catalogue.groups {
        for team in teams.iter().copied().map(Some).chain([None]) {
            let is_here =
                |alert: &&Alert| scope.has(alert) && (alert.audience == Audience::Tenant || team.is_none());
            let rules: Vec<Value> = group
                .alerts
                .iter()
                .filter(is_here)
                .map(|alert| rule(alert, alerting, team, teams, surroundings))
                .collect();
            if !rules.is_empty() {
                let (team, name) =
                    (team.map(str::to_owned), format!("{}{}", surroundings.prefix, group.name));
                groups.push(GrafanaGroup { team, name, interval_seconds: INTERVAL_SECONDS, rules });
            }
        }
    }
    groups
}

fn rule(
    alert: &Alert,
    alerting: &Alerting,
    team: Option<&str>,
    teams: &[&str],
    surroundings: &Surroundings<'_>,
) -> Value {
    let text = |(key, value): (String, String)| (key, Value::String(value));
    let mut labels: Map<String, Value> = labels(alert, alerting).into_iter().map(text).collect();
    labels.insert(MARK.0.to_owned(), MARK.1.into());
    let said = annotations(alert, alerting, Evaluator::Grafana).into_iter();
    let mut annotations: Map<String, Value> =
        said.map(|(key, value)| text((key.to_owned(), value))).collect();
    annotations.insert("__dashboardUid__".to_owned(), alert.dashboard.as_str().into());
    annotations.insert("__panelId__".to_owned(), alert.panel.to_string().into());
    let expr = if alert.audience == Audience::Tenant {
        of_team(&alert.expr, team, teams)
    } else {
        alert.expr.clone()
    };
    let mut data = vec![query("A", &expr, surroundings)];
    data.extend(alert.limit.as_ref().map(|(series, _)| query("B", series, surroundings)));
    data.push(threshold(alert));
    let mut rule = json!({
        "uid": uid(alert, team, surroundings.prefix),
        "title": alert.name,
        "condition": "C",
        "data": data,
        // Nothing found is nothing wrong. While nothing can be asked, what was known holds:
        // Prometheus takes over when Grafana does not evaluate any more.
        "noDataState": "OK",
        "execErrState": "KeepLast",
        "for": show_duration(alert.hold),
        "isPaused": false,
        "labels": labels,
        "annotations": annotations,
    });
    if !alert.keep.is_zero() {
        rule["keep_firing_for"] = show_duration(alert.keep).into();
    }
    rule
}

/// What of an expression is of a team; of none, what is of no team of these.
fn of_team(expr: &str, team: Option<&str>, teams: &[&str]) -> String {
    let named = |team: &str| {
        let quoted = serde_json::Value::from(team).to_string();
        format!("label_replace(vector(1), \"team\", {}, \"\", \"\")", quoted.replace('$', "$$"))
    };
    match team {
        Some(team) => format!("(\n{expr}\n)\nand on (team) {}", named(team)),
        None if teams.is_empty() => expr.to_owned(),
        None => {
            let all = teams.iter().map(|team| named(team)).collect::<Vec<_>>().join(" or ");
            format!("(\n{expr}\n)\nunless on (team) ({all})")
        }
    }
}

fn query(letter: &str, expr: &str, surroundings: &Surroundings<'_>) -> Value {
    json!({
        "refId": letter,
        "datasourceUid": surroundings.data_source,
        "relativeTimeRange": {"from": LOOKBACK_SECONDS, "to": 0},
        "model": {"refId": letter, "expr": expr, "instant": true, "range": false, "editorMode": "code"},
    })
}

fn threshold(alert: &Alert) -> Value {
    let (fires, clears) = match alert.direction {
        Direction::Above => ("gt", "lt"),
        Direction::Below => ("lt", "gt"),
    };
    let mut condition = json!({"evaluator": {"type": fires, "params": [alert.fire]}});
    if let Some(clear) = alert.clear.filter(|_| alert.has_hysteresis()) {
        condition["unloadEvaluator"] = json!({"type": clears, "params": [clear]});
    }
    json!({
        "refId": "C",
        "datasourceUid": "__expr__",
        "relativeTimeRange": {"from": 0, "to": 0},
        "model": {"refId": "C", "type": "threshold", "expression": "A", "conditions": [condition]},
    })
}

/// The same for the same alert and team, and short enough for any team's name.
fn uid(alert: &Alert, team: Option<&str>, prefix: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(alert.name.as_bytes());
    hash.update([0]);
    // No team and a team without a name are not the same.
    hash.update(team.map_or_else(Vec::new, |team| [b"=", team.as_bytes()].concat()));
    let digits: String = hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{digits}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rules::tests::{alerting, delivered};

    const HERE: Surroundings<'_> = Surroundings { data_source: "prometheus", prefix: "dm-" };

    fn all(scope: Scope, teams: &[&str]) -> Vec<GrafanaGroup> {
        let alerting = alerting("");
        let catalogue = delivered();
        groups(&catalogue, &alerting, scope, teams, &HERE)
    }

    fn named<'g>(groups: &'g [GrafanaGroup], team: Option<&str>, title: &str) -> Option<&'g Value> {
        let here = groups.iter().filter(|group| group.team.as_deref() == team);
        here.flat_map(|group| &group.rules).find(|rule| rule["title"] == title)
    }

    #[test]
    fn an_alert_of_tenants_is_in_each_teams_folder_once_and_in_the_platforms_for_the_rest() {
        let groups = all(Scope::Tenants, &["core", "it's $1"]);
        for team in [Some("core"), Some("it's $1"), None] {
            assert!(named(&groups, team, "ContainerCpuHigh").is_some(), "{team:?}");
            assert!(named(&groups, team, "HostCpuHigh").is_none(), "{team:?}");
        }
        let rules: Vec<&Value> = groups.iter().flat_map(|group| &group.rules).collect();
        let uids: BTreeSet<&str> = rules.iter().map(|rule| rule["uid"].as_str().unwrap()).collect();
        assert_eq!(uids.len(), rules.len());
        assert!(uids.iter().all(|uid| uid.len() <= 40));
        for rule in rules {
            let expr = rule["data"][0]["model"]["expr"].as_str().unwrap();
            promql_parser::parser::parse(expr).unwrap_or_else(|error| panic!("{expr}: {error}"));
        }
        assert!(named(&all(Scope::All, &[]), None, "HostCpuHigh").is_some());
    }

    #[test]
    fn a_rule_has_the_thresholds_durations_and_words_of_the_catalogue() {
        let groups = all(Scope::Tenants, &["core"]);
        let rule = named(&groups, Some("core"), "ContainerCpuThrottled").unwrap();
        assert_eq!((&rule["for"], &rule["condition"]), (&"15m".into(), &"C".into()));
        assert_eq!(
            rule["data"][2]["model"]["conditions"][0],
            json!({"evaluator": {"type": "gt", "params": [0.5]}, "unloadEvaluator": {"type": "lt", "params": [0.4]}})
        );
        assert_eq!(rule["data"][1]["model"]["expr"], "container:cpu_limit:cores");
        assert_eq!(
            rule["annotations"]["summary"],
            "{{ $labels.name }} is throttled in {{ $values.A.Value | humanizePercentage }} of the periods"
        );
        assert_eq!(rule["annotations"]["limit"], "{{ $values.B.Value | printf \"%.2f\" }} cores");
        assert_eq!(rule["annotations"]["__panelId__"], "5");
        assert_eq!(
            (&rule["labels"]["severity"], &rule["labels"]["managed_by"]),
            (&"warning".into(), &"dockmeter".into())
        );
    }
}
