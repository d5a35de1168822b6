//! `/api/alerts` in front of a real Alertmanager: what fires is told to those whose it is, and
//! it is said what is wrong while it cannot be asked.

use std::fs;

use dockmeter::config::TokenHash;
use serde_json::{Value, json};

use crate::alertmanager::{Alertmanager, alert, client, wait};
use crate::exporter::Exporter;
use crate::poll::eventually;

fn names(answer: &Value) -> Vec<&str> {
    answer["alerts"]
        .as_array()
        .expect("alerts")
        .iter()
        .map(|row| row["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn what_fires_is_told_to_those_whose_it_is() {
    let Some(server) = Alertmanager::silent() else { return };
    server.silence("alertname", "Quiet");
    let mut full =
        alert("Full", &[("severity", "critical"), ("user", "ann"), ("project", "shop"), ("team", "core")]);
    for (name, text) in
        [("value", "97 %"), ("action", "1. raise the limit\n2. restart it"), ("runbook_url", "http://r/full")]
    {
        full.annotations.insert(name.to_owned(), text.to_owned());
    }
    let others = [
        alert("Quiet", &[("severity", "warning"), ("user", "bob"), ("project", "shop"), ("team", "core")]),
        alert("Host", &[("severity", "info")]),
    ];
    wait(client(server.url()).post(&[&[full][..], &others].concat())).expect("it takes alerts");

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dockmeter.yml");
    let hash = TokenHash::of("ann's");
    let url = server.url();
    let text = format!(
        "alertmanager: {{url: '{url}'}}\nauth: {{tokens: [{{name: ann, hash: '{hash}', scopes: [read], user: ann}}]}}\n"
    );
    fs::write(&file, text).expect("a configuration");
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    let all = eventually("all three are processed", || {
        let answer = exporter.get("/api/alerts");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        let processed = |row: &Value| row["state"] != "unprocessed";
        let rows = answer["alerts"].as_array().expect("alerts");
        (rows.len() == 3 && rows.iter().all(processed)).then_some(answer)
    });
    assert_eq!(names(&all), ["Full", "Quiet", "Host"]);
    let full = &all["alerts"][0];
    assert_eq!((&full["state"], &full["value"]), (&json!("active"), &json!("97 %")));
    assert_eq!(full["actions"], json!(["raise the limit", "restart it"]));
    assert_eq!(full["links"], json!({"runbook": "http://r/full", "source": "http://p.example/graph"}));
    assert_eq!(full["summary"], "Full fires");
    assert_eq!(
        (&all["alerts"][1]["state"], &all["alerts"][1]["suppressed_by"]),
        (&json!("suppressed"), &json!(["silence"]))
    );
    assert_eq!(names(&exporter.get("/api/alerts?state=suppressed&project=shop").json()), ["Quiet"]);
    assert_eq!(names(&exporter.get_as("ann's", "/api/alerts").json()), ["Full"]);

    drop(server);
    let answer = exporter.get("/api/alerts");
    assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/problem+json")));
    assert!(answer.text().contains(&url), "{}", answer.text());
    assert!(!exporter.get_as("ann's", "/api/alerts").text().contains(&url));
}

#[test]
fn without_an_alertmanager_it_is_said_how_to_name_one() {
    let exporter = Exporter::alone(&[]);
    let answer = exporter.get("/api/alerts");
    assert_eq!((answer.status, &answer.json()["type"]), (404, &json!("not-configured")));
    assert!(answer.text().contains("--alertmanager.url"), "{}", answer.text());
}
