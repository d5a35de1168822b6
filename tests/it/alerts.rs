//! `/api/alerts` in front of a real Alertmanager: what fires is told to those whose it is, and
//! it is said what is wrong while it cannot be asked.

use std::fs;
use std::path::Path;
use std::process::Command;

use dockmeter::config::TokenHash;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::alertmanager::{Alertmanager, SILENT, alert, client, wait};
use crate::component::Component;
use crate::engine::done;
use crate::exporter::{BINARY, Exporter, bearer};
use crate::http::{self, Response};
use crate::poll::eventually;
use crate::prometheus::{Prometheus, free_address};

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

/// A configuration with three tokens, `reader`, `ann's` and `admin`, and more.
fn configured(more: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dockmeter.yml");
    let hash = |text| TokenHash::of(text).to_string();
    let text = format!(
        "auth:\n  tokens:\n    - {{name: reader, hash: '{}', scopes: [read, write]}}\n    \
         - {{name: ann, hash: '{}', scopes: [read, write], user: ann}}\n    - {{name: ops, hash: '{}', scopes: [admin]}}\n{more}",
        hash("reader"),
        hash("ann's"),
        hash("admin")
    );
    fs::write(&file, text).expect("a configuration");
    let flag = format!("--config.file={}", file.display());
    (folder, flag)
}

/// Asks with a token.
fn ask(exporter: &Exporter, token: &str, method: &str, path: &str, body: &Value) -> Response {
    let headers = [&*bearer(token), "Content-Type: application/json"];
    let body = body.to_string();
    let answer = match method {
        "POST" => http::send(exporter.address, path, &headers, body.as_bytes()),
        "PUT" => http::put(exporter.address, path, &headers, body.as_bytes()),
        method => http::request(exporter.address, method, path, &headers[..1]),
    };
    answer.expect("dockmeter answers")
}

#[test]
fn an_alert_is_silenced_and_heard_again() {
    let Some(binary) = Component::Alertmanager.path() else { return };
    silenced_and_heard_again(&binary);
}

#[test]
fn an_alert_is_silenced_and_heard_again_by_a_current_alertmanager() {
    let Some(binary) = Component::Alertmanager33.path() else { return };
    silenced_and_heard_again(&binary);
}

fn silenced_and_heard_again(binary: &Path) {
    let server = Alertmanager::run(binary, SILENT);
    let of = |name, user| alert(name, &[("severity", "warning"), ("user", user), ("name", "shop \"1\"")]);
    let fire = [of("Full", "ann"), of("Full", "bob"), of("Slow", "bob")];
    wait(client(server.url()).post(&fire)).expect("it takes alerts");
    let (_folder, flag) = configured(&format!("alertmanager: {{url: '{}'}}\n", server.url()));
    let exporter = Exporter::alone(&[&flag]);
    let state = |name: &str, user: &str| {
        let answer = exporter.get("/api/alerts").json();
        let rows = answer["alerts"].as_array().expect("alerts").clone();
        rows.into_iter().find(|row| row["name"] == name && row["user"] == user)
    };
    let is = |name: &str, user: &str, wanted: &str| {
        eventually("the alert is as it is wanted", || state(name, user).filter(|row| row["state"] == wanted))
    };
    let full = is("Full", "ann", "active");
    assert_eq!(full["silences"], json!([]));

    let path = "/api/alerts/silences";
    let wish = json!({"matchers": {"alertname": "Full"}, "duration_seconds": 3600, "comment": "upgrade"});
    for token in ["reader", "ann's"] {
        let refused = ask(&exporter, token, "POST", path, &wish);
        assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("forbidden")), "{token}");
    }
    assert_eq!(ask(&exporter, "nobody's", "POST", path, &wish).status, 401);
    assert_eq!(exporter.get(path).json()["total"], 0, "what was refused has made nothing");

    let made = ask(&exporter, "admin", "POST", path, &wish);
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!((&made["alerts"], &made["created_by"]), (&json!(2), &json!("ops")));
    let held = is("Full", "bob", "suppressed");
    assert_eq!(held["suppressed_by"], json!(["silence"]));
    let silence = &held["silences"][0];
    assert_eq!((&silence["id"], &silence["comment"]), (&made["id"], &json!("upgrade")));
    is("Slow", "bob", "active");

    // One alert alone, by its fingerprint, whatever is in its labels.
    let wish = json!({"fingerprint": full["fingerprint"], "duration_seconds": 60, "comment": "ann's"});
    let only = ask(&exporter, "admin", "POST", path, &wish).json();
    assert_eq!((&only["alerts"], &only["matchers"]["name"]), (&json!(1), &json!("shop \"1\"")));
    let own = exporter.get_as("ann's", path).json();
    assert_eq!((&own["total"], &own["silences"][0]["id"]), (&json!(1), &only["id"]));
    assert_eq!(exporter.get(path).json()["total"], 2);

    for id in [&made["id"], &only["id"]].map(|id| id.as_str().expect("an id")) {
        let path = format!("{path}/{id}");
        assert_eq!(ask(&exporter, "ann's", "DELETE", &path, &Value::Null).status, 403);
        assert_eq!(ask(&exporter, "admin", "DELETE", &path, &Value::Null).status, 204);
        assert_eq!(ask(&exporter, "admin", "DELETE", &path, &Value::Null).status, 404, "it is over");
    }
    for user in ["ann", "bob"] {
        assert_eq!(is("Full", user, "active")["silences"], json!([]));
    }
    assert_eq!(exporter.get(path).json()["total"], 0);

    drop(server);
    let away = ask(&exporter, "admin", "POST", path, &wish);
    assert_eq!(away.status, 503, "{}", away.text());
}

#[test]
fn a_threshold_is_changed_where_prometheus_evaluates_it() {
    let Some(binary) = Component::Prometheus.path() else { return };
    changed_where_it_is_evaluated(&binary);
}

#[test]
fn a_threshold_is_changed_where_a_current_prometheus_evaluates_it() {
    let Some(binary) = Component::Prometheus3.path() else { return };
    changed_where_it_is_evaluated(&binary);
}

fn changed_where_it_is_evaluated(binary: &Path) {
    let (folder, config) = configured("alerting: {changes_file: changes.yml, rules_output: stack}\n");
    let (changes, stack) = (folder.path().join("changes.yml"), folder.path().join("stack"));
    let address = free_address();
    let url = format!("--prometheus.url=http://{address}");
    let render = |check: &[&str]| {
        let output = format!("--output={}", stack.display());
        done(Command::new(BINARY).env_clear().args(["rules", "render", &output, &config, &url]).args(check))
    };
    render(&[]);
    let start = |flags: &[&str]| Prometheus::on(&stack, binary, flags, address);
    let prometheus = start(&["--web.enable-lifecycle"]);
    let evaluated = |prometheus: &Prometheus| {
        let rules = prometheus.rules();
        rules.into_iter().find(|(name, _)| name == "ContainerCpuHigh").map(|(_, query)| query)
    };
    let evaluates = |prometheus: &Prometheus, threshold: &str| {
        eventually(&format!("it fires at {threshold}"), || {
            evaluated(prometheus).filter(|query| query.contains(&format!("> {threshold} or ")))
        })
    };
    evaluates(&prometheus, "0.7");
    let exporter = Exporter::alone(&[&config, &url]);

    let path = "/api/alerts/rules/ContainerCpuHigh";
    let wish = json!({"fire": 0.42, "for_seconds": 60, "severity": "critical"});
    for token in ["reader", "ann's"] {
        let refused = ask(&exporter, token, "PUT", path, &wish);
        assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("forbidden")), "{token}");
        assert_eq!(ask(&exporter, token, "DELETE", path, &Value::Null).status, 403, "{token}");
    }
    assert_eq!(http::put(exporter.address, path, &[], b"{}").expect("an answer").status, 401);
    for bad in [json!({"clear": 0.8}), json!({"severity": "page"}), json!({"fire": "much"})] {
        assert_eq!(ask(&exporter, "admin", "PUT", path, &bad).status, 400, "{bad}");
    }
    assert!(!changes.exists() && evaluated(&prometheus).is_some_and(|query| query.contains("> 0.7 or ")));

    let changed = ask(&exporter, "admin", "PUT", path, &wish);
    assert_eq!(changed.status, 200, "{}", changed.text());
    let changed = changed.json();
    assert_eq!(changed["prometheus"], "reloaded");
    assert!(changed["grafana"].as_str().is_some_and(|words| words.contains("`dockmeter grafana apply`")));
    evaluates(&prometheus, "0.42");
    render(&["--check"]);

    // After a restart it is as it was, and so is who changed it.
    exporter.stop();
    let exporter = Exporter::alone(&[&config, &url]);
    let told = |token: &str| {
        let rules = exporter.get_as(token, "/api/alerts/rules").json();
        let rules = rules["rules"].as_array().expect("rules").clone();
        rules.into_iter().find(|rule| rule["name"] == "ContainerCpuHigh").expect("the alert")
    };
    assert_eq!(told("reader"), changed["rule"]);
    let rule = told("ann's");
    assert_eq!(
        (&rule["fire"], &rule["severity"], &rule["source"]),
        (&json!(0.42), &json!("critical"), &json!("changed"))
    );
    assert_eq!((&changed["rule"]["changed_by"], &rule["changed_by"]), (&json!("ops"), &Value::Null));

    // One that takes no wishes has to be told by somebody else.
    drop(prometheus);
    let prometheus = start(&[]);
    evaluates(&prometheus, "0.42");
    let back = ask(&exporter, "admin", "DELETE", path, &Value::Null).json();
    assert_eq!((&back["rule"]["fire"], &back["rule"]["source"]), (&json!(0.7), &json!("default")));
    assert!(
        back["prometheus"].as_str().is_some_and(|words| words.contains("--web.enable-lifecycle")),
        "{back}"
    );
    drop(prometheus);
    evaluates(&start(&[]), "0.7");
    assert_eq!(ask(&exporter, "admin", "DELETE", path, &Value::Null).status, 404);

    // A broken file is an error with its place, at a reload as at a start.
    fs::write(&changes, "alerts:\n  ContainerCpuHigh: {fire: much}\n").expect("a file");
    let refused = ask(&exporter, "admin", "POST", "/-/reload", &Value::Null);
    assert_eq!(refused.status, 500);
    assert!(refused.text().contains("changes.yml:2:28: `much` is not a number"), "{}", refused.text());
}
