//! What is wanted of some configurations.

use super::*;
use crate::config::Sources;

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    fs::write(&file, text).unwrap();
    Sources { default_file: Some(file), ..Sources::default() }.load().unwrap()
}

fn tenant_dashboard() -> Dashboard {
    let json = json!({
        "uid": "user-performance", "title": "Users", "tags": ["dockmeter", "tenants"],
        "templating": {"list": [{"name": "team", "type": "query", "multi": true}]},
        "links": [{"type": "dashboards", "tags": ["dockmeter"]}],
        "panels": [{"id": 1, "targets": [{"expr": "sum(up{team=~\"$team\"})"}], "fieldConfig": {"defaults": {"links": [
            {"url": "/d/user-performance?x=1"}, {"url": "/d/dockmeter-host"},
        ]}}}],
    });
    Dashboard { uid: "user-performance".to_owned(), json }
}

fn keys(wanted: &[Wanted]) -> Vec<String> {
    wanted.iter().map(|one| one.key.to_string()).collect()
}

#[test]
fn without_teams_there_is_one_folder_for_everybody() {
    let bundle = Bundle { dashboards: vec![tenant_dashboard()], ..Bundle::default() };
    let all = wanted(&config("prometheus: {url: 'http://p:9090'}"), &bundle).unwrap();
    let expected = [
        "folder `dockmeter-platform`",
        "permissions `dockmeter-platform`",
        "data source `dockmeter-prometheus`",
        "dashboard `user-performance`",
    ];
    assert_eq!(keys(&all), expected);
    assert_eq!(all[1].body, json!({"role Viewer": "View", "role Editor": "View"}));
}

#[test]
fn a_team_has_a_folder_that_it_alone_sees_with_dashboards_that_show_it_alone() {
    let host = Dashboard {
        uid: "dockmeter-host".to_owned(),
        json: json!({"title": "Host", "panels": [{"targets": [{"expr": "node_load1"}]}]}),
    };
    let bundle = Bundle { dashboards: vec![tenant_dashboard(), host], ..Bundle::default() };
    let all = wanted(&config("grafana: {teams: {core: {members: [b@x, a@x]}}}"), &bundle).unwrap();
    let copy = team_dashboard("core", "user-performance");
    let dashboards: Vec<&Wanted> = all.iter().filter(|one| one.key.kind == Kind::Dashboard).collect();
    assert_eq!(dashboards.len(), 3);
    let copy = dashboards.iter().find(|one| one.key.id == copy).unwrap();
    assert_eq!(copy.body["folder"], "dockmeter-team-core");
    let json = &copy.body["dashboard"];
    assert_eq!(json["templating"]["list"][0]["query"], "core");
    assert_eq!(json["templating"]["list"][0]["type"], "constant");
    assert_eq!(json["tags"], json!(["dockmeter-team", "tenants"]));
    assert_eq!(json["links"][0]["tags"], json!(["dockmeter-team"]));
    let links = json["panels"][0]["fieldConfig"]["defaults"]["links"].as_array().unwrap();
    assert_eq!(links.len(), 1, "the team does not see the host");
    assert_eq!(links[0]["url"], format!("/d/{}?x=1", copy.key.id));
    let body = |key: &str| all.iter().find(|one| one.key.to_string() == key).unwrap().body.clone();
    assert_eq!(body("permissions `dockmeter-platform`"), json!({"team platform": "View"}));
    assert_eq!(body("permissions `dockmeter-team-core`"), json!({"team core": "View"}));
    assert_eq!(body("team `core`"), json!({"members": ["a@x", "b@x"]}));
    assert_eq!(body("team `platform`"), json!({}));
}

#[test]
fn every_name_makes_a_uid_that_grafana_takes_and_no_other_has() {
    let names =
        ["core", "Core", "a b", "a-b", "a.b", "日本", "", "a-very-long-name-of-a-team-indeed-it-is", "x\"y"];
    let mut seen = BTreeSet::new();
    for name in names {
        for uid in [
            team_folder(name),
            team_dashboard(name, "project-performance"),
            team_dashboard(name, "dockmeter-a-very-long-name-of-a-dashboard-it-is"),
        ] {
            assert!(uid.len() <= UID_CHARS, "{uid}");
            assert!(uid.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{uid}");
            assert!(seen.insert(uid.clone()), "{uid} twice");
        }
    }
}

#[test]
fn a_name_with_signs_is_matched_literally() {
    assert_eq!(literal("core-1"), "core-1");
    assert_eq!(literal("a.b"), "a\\\\.b");
}

#[test]
fn secrets_are_apart_from_what_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "hunter2\n").unwrap();
    let text = format!("prometheus: {{url: 'http://p', username: ann, password_file: '{}'}}", file.display());
    let all = wanted(&config(&text), &Bundle::default()).unwrap();
    let source = all.iter().find(|one| one.key.kind == Kind::DataSource).unwrap();
    assert_eq!(source.secrets, Some(json!({"basicAuthPassword": "hunter2"})));
    assert!(!source.body.to_string().contains("hunter2"));
}

#[test]
fn a_policy_takes_only_alerts_of_ours_and_names_what_is_ours_as_grafana_does() {
    let text = "grafana: {contact_points: {ops: {type: webhook, settings: {url: 'http://h'}}}, mute_timings: {nights: []}, \
                policies: [{receiver: ops, mute_time_intervals: [nights], routes: [{receiver: theirs, object_matchers: [[severity, '=', critical]]}]}]}";
    let all = wanted(&config(text), &Bundle::default()).unwrap();
    let policies = all.iter().find(|one| one.key.kind == Kind::Policies).unwrap();
    let expected = json!({"routes": [{
        "receiver": "dockmeter-ops", "mute_time_intervals": ["dockmeter-nights"],
        "object_matchers": [["managed_by", "=", "dockmeter"]],
        "routes": [{"receiver": "theirs", "object_matchers": [["severity", "=", "critical"]]}],
    }]});
    assert_eq!(policies.body, expected);
}
