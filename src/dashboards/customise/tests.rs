//! What comes of a template that somebody wants otherwise.

use std::sync::OnceLock;

use super::*;
use crate::config::Sources;

fn templates() -> &'static Templates {
    static TEMPLATES: OnceLock<Templates> = OnceLock::new();
    TEMPLATES.get_or_init(|| {
        let config = Sources::default().load().unwrap();
        Templates::new(crate::rules::catalogue(&config.alerting, config.slo.period).unwrap()).unwrap()
    })
}

fn customised(body: Value, within: &[&str]) -> Result<Value, Fault> {
    let customisation = Customisation::read(body.as_object().unwrap()).unwrap();
    templates().customised("dockmeter-container", &customisation, within)
}

fn ids(json: &Value) -> Vec<u64> {
    lint::panels(json).map(|panel| panel["id"].as_u64().unwrap()).collect()
}

fn panel(json: &Value, id: u64) -> Value {
    lint::panels(json).find(|panel| panel["id"] == id).unwrap().clone()
}

#[test]
fn nothing_wanted_otherwise_is_the_template_that_may_be_edited() {
    let mut plain = templates().find("container").unwrap().json.clone();
    plain["editable"] = json!(true);
    assert_eq!(customised(json!({}), &[]).unwrap(), plain);
}

#[test]
fn panels_are_left_out_and_added_and_none_overlap() {
    let plain = ids(&templates().find("container").unwrap().json);
    let json = customised(
        json!({"title": "Mine", "panels": {"leave_out": [20, 21], "add": [
            {"title": "Use", "says": "Cores.", "expr": "sum(rate(container_cpu_usage_seconds_total{@tenant}[$__rate_interval]))", "unit": "short"},
            {"id": 900, "type": "stat", "title": "Orders", "gridPos": {"w": 6, "h": 4, "x": 3, "y": 1},
                "targets": [{"expr": "sum(rate(shop_orders_total[5m]))"}]},
            {"type": "text", "title": "Notes", "options": {"mode": "markdown", "content": "x"}},
        ]}}),
        &[],
    )
    .unwrap();
    assert_eq!(json["title"], "Mine");
    let now = ids(&json);
    assert!(!now.contains(&20) && !now.contains(&21) && now.contains(&900));
    assert_eq!(now.len(), plain.len() + 1);
    let orders = panel(&json, 900);
    assert_eq!((&orders["gridPos"]["w"], &orders["gridPos"]["x"]), (&json!(6), &json!(0)));
    assert_eq!(orders["targets"][0]["datasource"]["uid"], "${datasource}");
    let uid = "dockmeter-container".to_owned();
    let dashboard =
        Dashboard { uid, title: String::new(), question: String::new(), reading: String::new(), json };
    let found = lint::lint_beside(&dashboard, &BTreeSet::new(), &templates().catalogue);
    let placed = found.iter().filter(|finding| ["ids", "overlap"].contains(&finding.rule));
    assert_eq!(placed.count(), 0, "{found:?}");
}

#[test]
fn thresholds_and_variables_are_as_they_are_wanted() {
    let json = customised(
        json!({"thresholds": {"22": [{"value": 0.9, "color": "red"}, {"value": 0.5, "color": "#ff8800"}]},
            "variables": {"team": ["core", "shop"], "project": "All", "compare": "1d", "container": "api"}}),
        &[],
    )
    .unwrap();
    let steps = panel(&json, 22)["fieldConfig"]["defaults"]["thresholds"]["steps"].clone();
    assert_eq!(
        steps,
        json!([{"value": null, "color": "green"}, {"value": 0.5, "color": "#ff8800"}, {"value": 0.9, "color": "red"}])
    );
    let variable = |name: &str| {
        let mut list = json["templating"]["list"].as_array().unwrap().iter();
        list.find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(variable("team")["current"]["value"], json!(["core", "shop"]));
    assert_eq!(variable("project")["current"]["value"], json!(["$__all"]));
    assert_eq!(variable("container")["current"]["value"], "api");
    let chosen = variable("compare")["options"].as_array().unwrap().clone();
    let chosen: Vec<&Value> = chosen.iter().filter(|option| option["selected"] == true).collect();
    assert_eq!(chosen[0]["value"], "1d");
    assert_eq!(chosen.len(), 1);
}

#[test]
fn what_cannot_be_had_is_refused_at_its_place() {
    let add = |panel: Value| json!({"panels": {"add": [panel]}});
    let all: Vec<u64> = ids(&templates().find("container").unwrap().json);
    for (body, at, says) in [
        (json!({"panels": {"leave_out": [998]}}), "/panels/leave_out", "no panel 998"),
        (json!({"panels": {"leave_out": all}}), "/panels/leave_out", "no panel is left"),
        (json!({"thresholds": {"998": [{"value": 1, "color": "red"}]}}), "/thresholds/998", "no panel 998"),
        (json!({"variables": {"nobody": "x"}}), "/variables/nobody", "`instance`"),
        (json!({"variables": {"compare": "2d"}}), "/variables/compare", "`7d`"),
        (json!({"variables": {"container": ["a", "b"]}}), "/variables/container", "one value"),
        (add(json!({"id": 22, "title": "x", "expr": "up"})), "/panels/add/0/id", "another panel"),
        (add(json!({"id": 1000, "title": "x", "expr": "up"})), "/panels/add/0/id", "from 1 to 999"),
        (add(json!({"title": "x"})), "/panels/add/0", "`expr` or `queries`"),
        (add(json!({"title": "x", "expr": "up", "colr": "red"})), "/panels/add/0", "colr"),
        (add(json!({"title": "x", "expr": "sum(up"})), "/panels/add/0", "no PromQL"),
        (
            add(json!({"title": "x", "expr": "container_cpu_usage_corse"})),
            "/panels/add/0",
            "container_cpu_usage_cores",
        ),
        (add(json!({"title": "x", "expr": "container_cpu_usage_seconds_total"})), "/panels/add/0", "counter"),
        (add(json!({"title": "x", "expr": "up{job=~\"$job\"}"})), "/panels/add", "`$job`"),
        (add(json!({"title": "x", "expr": "up", "link": ["nowhere"]})), "/panels/add", "nowhere"),
        (add(json!({"type": "row", "title": "x"})), "/panels/add/0/type", "no heading"),
        (add(json!({"type": "stat", "targets": []})), "/panels/add/0/title", "title"),
        (add(json!({"type": "stat", "title": "x"})), "/panels/add/0", "asks nothing"),
        (
            add(
                json!({"type": "stat", "title": "x", "datasource": {"uid": "other"}, "targets": [{"expr": "up"}]}),
            ),
            "/panels/add/0",
            "`other`",
        ),
    ] {
        let fault = customised(body.clone(), &[]).expect_err(&body.to_string());
        assert_eq!(fault.at, at, "{body}: {fault}");
        assert!(fault.reason.contains(says), "{body}: {fault}");
    }
}

#[test]
fn within_a_team_every_selector_that_is_added_names_it() {
    let add = |expr: &str| json!({"panels": {"add": [{"title": "x", "expr": expr}]}});
    customised(add("max(container_memory_usage_bytes{@tenant})"), &["team"]).unwrap();
    for expr in ["node_load1", "max(container_info{@tenant}) or max(container_info)"] {
        let fault = customised(add(expr), &["team"]).unwrap_err();
        assert_eq!(fault.at, "/panels/add/0");
        assert!(fault.reason.contains("team=~\"$team\""), "{fault}");
    }
}

#[test]
fn every_template_can_be_made_as_it_is() {
    for dashboard in templates().dashboards() {
        templates().customised(&dashboard.uid, &Customisation::default(), &["team"]).unwrap();
    }
    assert!(templates().customised("nothing", &Customisation::default(), &[]).is_err());
}
