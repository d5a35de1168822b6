//! Rules in Grafana find what their twins in Prometheus find: each is written back as a rule for
//! Prometheus, by what Grafana's documentation says of its fields, and has to pass the tests that
//! are made for its twin.

use std::fs;
use std::path::Path;
use std::process::Command;

use dockmeter::config::Sources;
use dockmeter::rules::grafana::{MARK, Scope, Surroundings, groups};
use serde_json::{Map, Value, json};

use super::Folder;
use crate::component::Component;
use crate::engine::done;

/// The tests' own team, which has a folder, and one that has none of what they tell of.
const TEAMS: [&str; 2] = ["core", "nobody's"];

/// A rule of Grafana's as one of Prometheus's.
fn written_back(rule: &Value, labels: &[String]) -> Value {
    let queries = rule["data"].as_array().unwrap();
    let model = |letter: &Value| {
        &queries.iter().find(|query| query["refId"] == *letter).expect("a query of that letter")["model"]
    };
    let condition = model(&rule["condition"]);
    assert_eq!(condition["type"], "threshold");
    let expr = model(&condition["expression"])["expr"].as_str().unwrap();
    let [condition] = condition["conditions"].as_array().unwrap().as_slice() else { panic!("{rule:#}") };
    let compared = |evaluator: &Value, operators: [&str; 2]| {
        let at =
            ["gt", "lt"].iter().position(|kind| evaluator["type"] == **kind).expect("a known comparison");
        format!("{} {}", operators[at], evaluator["params"][0])
    };
    let mut all = format!("((\n{expr}\n) {})", compared(&condition["evaluator"], [">", "<"]));
    if !condition["unloadEvaluator"].is_null() {
        // Once pending or firing, it goes on until this is so.
        let stays = compared(&condition["unloadEvaluator"], ["<=", ">="]);
        let name = &rule["title"];
        all +=
            &format!("\nor ((\n{expr}\n) {stays} and on ({}) ALERTS{{alertname={name}}})", labels.join(", "));
    }
    let mut twin = json!({"alert": rule["title"], "expr": all, "for": rule["for"]});
    if !rule["keep_firing_for"].is_null() {
        twin["keep_firing_for"] = rule["keep_firing_for"].clone();
    }
    let mut labels: Map<String, Value> = rule["labels"].as_object().unwrap().clone();
    assert_eq!(labels.remove(MARK.0), Some(MARK.1.into()));
    twin["labels"] = labels.into();
    twin
}

/// Changes a list somewhere in a file that holds data only.
fn change(
    path: &Path,
    list: impl Fn(&mut Value) -> Vec<&mut Vec<Value>>,
    with: impl Fn(Value) -> Vec<Value>,
) {
    let mut file: Value = dockmeter::yaml::read(path).unwrap();
    for list in list(&mut file) {
        *list = std::mem::take(list).into_iter().flat_map(&with).collect();
    }
    fs::write(path, file.to_string()).unwrap();
}

fn lists<'v>(of: &'v mut Value, name: &str) -> Vec<&'v mut Vec<Value>> {
    let entries = of.as_array_mut().unwrap().iter_mut();
    entries.filter_map(|entry| entry[name].as_array_mut()).collect()
}

#[test]
fn rules_in_grafana_pass_the_tests_of_their_twins_in_prometheus() {
    let Some(promtool) = Component::Promtool.path() else { return };
    let (folder, config) = (Folder::rendered(""), Sources::default().load().unwrap());
    let catalogue = dockmeter::rules::catalogue(&config.alerting, config.slo.period).unwrap();
    let surroundings = Surroundings { data_source: "any", prefix: "" };
    let groups = groups(&catalogue, &config.alerting, Scope::All, &TEAMS, &surroundings);
    let grafanas: Vec<&Value> = groups.iter().flat_map(|group| &group.rules).collect();
    let twins = |rule: Value| {
        if rule["alert"].is_null() {
            return vec![rule];
        }
        let alert = catalogue.alerts().find(|alert| rule["alert"] == *alert.name).expect("an alert");
        let twins = grafanas.iter().filter(|twin| twin["title"] == rule["alert"]);
        let twins: Vec<Value> = twins.map(|twin| written_back(twin, &alert.labels)).collect();
        if twins.is_empty() {
            assert_eq!(alert.name, "Watchdog", "it shows that Prometheus can tell of any");
            return vec![rule];
        }
        for twin in &twins {
            assert_eq!(twin["labels"], rule["labels"], "{}", alert.name);
        }
        twins
    };
    for path in folder.files("rules") {
        change(&path, |file| lists(&mut file["groups"], "rules"), twins);
    }
    for path in folder.files("tests") {
        let is_about_both = |test: &Value| test["name"].as_str().unwrap().ends_with("gives way to Grafana");
        let own = |test: Value| if is_about_both(&test) { Vec::new() } else { vec![test] };
        change(&path, |file| vec![file["tests"].as_array_mut().unwrap()], own);
    }
    done(Command::new(&promtool).args(["test", "rules"]).args(folder.files("tests")));
}
