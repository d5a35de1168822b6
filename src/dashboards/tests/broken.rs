//! Every rule of the lint finds what it is for.

use serde_json::{Value, json};

use super::super::{Dashboard, RULES, lint};
use super::{TEMPLATE, catalogue, own};
use crate::rules::Catalogue;

/// A good dashboard, and the one that it links to.
fn good() -> Vec<Dashboard> {
    let mut made = own(TEMPLATE).unwrap();
    made.retain(|dashboard| ["own", "dockmeter-host"].contains(&dashboard.uid.as_str()));
    made
}

/// What is found where one member of the good dashboard is another.
fn found(good: &[Dashboard], catalogue: &Catalogue, path: &str, value: Value) -> Vec<String> {
    let mut made = good.to_vec();
    let dashboard = made.last_mut().unwrap();
    *dashboard.json.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    let findings = lint(&made, catalogue).into_iter().filter(|finding| finding.dashboard == "own");
    findings.map(|finding| format!("{}: {}", finding.rule, finding.message)).collect()
}

#[test]
fn a_good_dashboard_has_no_findings() {
    assert_eq!(found(&good(), &catalogue(), "/title", json!("Own")), [""; 0]);
}

#[test]
fn every_rule_finds_what_it_is_for() {
    const EXPR: &str = "/panels/0/targets/1/expr";
    const SELECTED: &str = "{instance=~\"$instance\"}";
    let asks = |expr: &str| json!(expr.replace("@", SELECTED));
    let panel = json!({"id": 3, "type": "text", "title": "T", "gridPos": {"x": 8, "y": 1, "w": 8, "h": 4}});
    let (good, catalogue) = (good(), catalogue());
    let mut seen: Vec<&str> = vec!["alerts"];
    for (path, value, finding) in [
        ("/title", json!(""), "uid: no `title`"),
        ("/editable", json!(true), "uid: `editable` is not false"),
        ("/panels/0/datasource/uid", json!("abc"), "datasource: it asks `abc`"),
        (EXPR, asks("sum(node_load1@ offset $compare"), "promql: query B: no PromQL"),
        (
            EXPR,
            asks("node_load2@ offset $compare"),
            "known: query B: there is no metric `node_load2`, did you mean `node_load1`?",
        ),
        (
            EXPR,
            json!("node_load1{host=~\"$instance\"} offset $compare"),
            "known: query B: `node_load1` has no label `host`",
        ),
        (
            EXPR,
            asks("node_intr_total@ offset $compare"),
            "counter-rated: query B: `node_intr_total` is a counter",
        ),
        (
            EXPR,
            asks("rate(node_load1@[$__rate_interval] offset $compare)"),
            "counter-rated: query B: `node_load1` is a gauge",
        ),
        (
            EXPR,
            asks("avg_over_time(node_intr_total@[1h] offset $compare)"),
            "counter-rated: query B: `avg_over_time` takes the counter",
        ),
        (
            EXPR,
            asks("rate(node_intr_total@[5m] offset $compare)"),
            "rate-interval: query B: `rate` of `node_intr_total` names its own time",
        ),
        (
            EXPR,
            asks("avg_over_time(node_load1@[$__rate_interval] offset $compare)"),
            "rate-interval: query B: `$__rate_interval` is for `rate`",
        ),
        ("/panels/0/fieldConfig/defaults/unit", json!("byte"), "unit: `byte` is no unit of Grafana"),
        ("/panels/0/fieldConfig/defaults/unit", Value::Null, "unit: a value without a unit"),
        ("/panels/0/fieldConfig/defaults/noValue", json!(""), "words: no `noValue`"),
        ("/panels/0/description", json!(" "), "words: no `description`"),
        ("/panels/0/targets", json!([]), "queries: it asks nothing"),
        ("/panels", json!([panel, panel]), "ids: a second panel has the id 3"),
        ("/panels", json!([panel, panel]), "overlap: panels 3 and 3 overlap"),
        ("/panels/0/gridPos/x", json!(20), "overlap: panel 3 has no place within 24 columns"),
        ("/panels/0/title", json!("of $project"), "variables: `$project` is used and not defined"),
        ("/templating/list/2/name", json!("other"), "variables: `other` is defined and not used"),
        (
            EXPR,
            json!("node_load1{instance=\"$instance\"} offset $compare"),
            "variables: `instance` has several values; match it by `=~`",
        ),
        (
            "/panels/0/fieldConfig/defaults/links/0/url",
            json!("/d/nowhere?a"),
            "links: there is no dashboard `nowhere`",
        ),
    ] {
        let found = found(&good, &catalogue, path, value);
        assert!(found.iter().any(|told| told.starts_with(finding)), "{finding}\n{found:#?}");
        seen.extend(
            RULES.iter().map(|(rule, _)| *rule).filter(|rule| finding.starts_with(&format!("{rule}: "))),
        );
    }
    let unseen: Vec<&str> = RULES.iter().map(|(rule, _)| *rule).filter(|rule| !seen.contains(rule)).collect();
    assert!(unseen.is_empty(), "rules that nothing breaks: {unseen:?}");
}

#[test]
fn an_alert_that_names_a_panel_which_is_not_there_is_found() {
    let mut delivered = super::delivered();
    delivered.retain(|dashboard| dashboard.uid != "dockmeter-self");
    let host = delivered.iter_mut().find(|dashboard| dashboard.uid == "dockmeter-host").unwrap();
    let panels = host.json["panels"].as_array_mut().unwrap();
    panels.retain(|panel| panel["id"] != 7);
    let found = super::super::alerts(&delivered, &catalogue());
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    let about = |name: &str| told.iter().find(|told| told.contains(name)).map(String::as_str);
    assert_eq!(
        about("HostClockWrong"),
        Some("dockmeter-host: alerts: the alert `HostClockWrong` names panel 7, which there is not")
    );
    assert!(about("DockmeterDown").unwrap().ends_with("names this dashboard, which there is not"));
}
