//! What is told of alerts, and who is told of a change. What a real Prometheus makes of it is told
//! in `tests/it/alerts.rs`.

use std::fs;
use std::path::PathBuf;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::{Sources, Upstream};
use crate::prometheus::Client;
use crate::web::Surroundings;
use crate::web::fixture::{self, Answer, get, send};

const PATH: &str = "/api/alerts/rules/ContainerCpuHigh";

struct Host {
    context: Arc<Context>,
    folder: TempDir,
}

impl Host {
    /// With a configuration in which `FOLDER` is a folder of its own.
    fn new(text: &str) -> Host {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dockmeter.yml");
        fs::write(&path, text.replace("FOLDER", &folder.path().display().to_string())).unwrap();
        let config = Sources { default_file: Some(path), ..Sources::default() }.load().unwrap();
        let context = Arc::into_inner(fixture::context()).unwrap();
        let context = Arc::new(context.with_rulebook(Arc::new(Rulebook::new(config))));
        Host { context, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Has a Prometheus that answers a wish for a reload so.
    async fn with_prometheus(self, status: u16, words: &'static str) -> Host {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Some(format!("http://{}", listener.local_addr().unwrap()));
        let answer = move || async move { (StatusCode::from_u16(status).unwrap(), words) };
        let router = axum::Router::new().route("/-/reload", axum::routing::post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let prometheus = Client::new(&Upstream { url, ..Upstream::default() }).ok();
        self.context.set_surroundings(Surroundings { prometheus, ..Surroundings::default() });
        self
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut request = fixture::request(path, &[("authorization", "Bearer admin")]);
        *request.method_mut() = method.parse().unwrap();
        *request.body_mut() = Body::from(body.to_owned());
        send(&self.context, "127.0.0.1", request).await
    }

    async fn rule(&self, name: &str) -> Value {
        let answer = get(&self.context, "/api/alerts/rules", &[]).await.json();
        answer["rules"].as_array().unwrap().iter().find(|rule| rule["name"] == name).unwrap().clone()
    }
}

#[tokio::test]
async fn every_alert_is_told_with_its_default_and_where_it_comes_from() {
    let host = Host::new(
        "alerting: {alerts: {ContainerCpuHigh: {fire: 0.8, clear: 0.7}, HostNetworkHigh: {enabled: false}}}",
    );
    let answer = get(&host.context, "/api/alerts/rules", &[]).await.json();
    assert_eq!((&answer["changeable"], answer["total"].as_u64() > Some(50)), (&json!(false), true));
    let cpu = host.rule("ContainerCpuHigh").await;
    assert_eq!((&cpu["fire"], &cpu["clear"], &cpu["for_seconds"]), (&json!(0.8), &json!(0.7), &json!(300.0)));
    assert_eq!(
        cpu["default"],
        json!({"fire": 0.7, "clear": 0.6, "for_seconds": 300.0, "severity": "info", "enabled": true})
    );
    assert_eq!(
        (&cpu["source"], &cpu["sources"]["for_seconds"]),
        (&json!("configuration"), &json!("default"))
    );
    assert_eq!(
        (&cpu["audience"], &cpu["unit"], &cpu["fires"]),
        (&json!("tenant"), &json!("ratio"), &json!("above"))
    );
    assert_eq!((&cpu["changed_by"], &cpu["changed_at"]), (&Value::Null, &Value::Null));
    assert_eq!(host.rule("HostNetworkHigh").await["enabled"], false);
    let bound = get(&host.context, "/api/alerts/rules", &[("authorization", "Bearer bound")]).await.json();
    let audiences = bound["rules"].as_array().unwrap().iter().map(|rule| rule["audience"].as_str().unwrap());
    assert!(audiences.clone().count() > 10 && audiences.into_iter().all(|audience| audience == "tenant"));
}

#[tokio::test]
async fn without_a_file_for_changes_the_setting_is_named() {
    let host = Host::new("");
    for method in ["PUT", "DELETE"] {
        let answer = host.ask(method, PATH, r#"{"fire": 0.8}"#).await;
        let detail = answer.problem(404);
        assert!(
            detail.contains("--alerting.changes-file") && detail.contains("alerting.changes_file"),
            "{detail}"
        );
        assert_eq!(answer.json()["type"], "not-configured");
    }
}

#[tokio::test]
async fn who_evaluates_is_told_and_else_it_is_said_what_to_do() {
    let configured = "alerting: {changes_file: FOLDER/changes.yml, rules_output: FOLDER/stack}";
    let changed = async |host: &Host| {
        let answer = host.ask("PUT", PATH, r#"{"fire": 0.8}"#).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let host = Host::new(configured).with_prometheus(200, "").await;
    let answer = changed(&host).await;
    assert_eq!(answer["prometheus"], "reloaded");
    assert!(answer["grafana"].as_str().unwrap().contains("`dockmeter grafana apply`"));
    assert_eq!((&answer["rule"]["fire"], &answer["rule"]["changed_by"]), (&json!(0.8), &json!("admin")));
    assert!(host.path("stack/rules/containers.yml").exists() && !host.path("stack/prometheus.yml").exists());

    for (status, words, said) in [
        (403, "Lifecycle API is not enabled.", "--web.enable-lifecycle"),
        (403, "", "--prometheus.bearer-token-file"),
        (
            500,
            "failed to reload config: no such file",
            "refuses its files, and the old ones stay in force: failed",
        ),
        (503, "", "could not be reached"),
        (404, "", "is no Prometheus"),
    ] {
        let host = Host::new(configured).with_prometheus(status, words).await;
        let answer = changed(&host).await;
        let prometheus = answer["prometheus"].as_str().unwrap();
        assert!(prometheus.starts_with("not told: ") && prometheus.contains(said), "{prometheus}");
        assert_eq!(host.rule("ContainerCpuHigh").await["source"], "changed", "what is changed stays");
    }
    let unnamed = changed(&Host::new(configured)).await;
    assert!(unnamed["prometheus"].as_str().unwrap().contains("--prometheus.url"));
    let unrendered = changed(&Host::new("alerting: {changes_file: FOLDER/changes.yml}")).await;
    assert!(unrendered["prometheus"].as_str().unwrap().contains("`alerting.rules_output`"));
    let known = "grafana: {url: 'http://127.0.0.1:1'}\nalerting: {changes_file: FOLDER/changes.yml}";
    assert_eq!(changed(&Host::new(known)).await["grafana"], "not told: run `dockmeter grafana apply`");
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_is_wrong() {
    let host = Host::new("alerting: {changes_file: FOLDER/changes.yml, rules_output: FOLDER/stack}");
    for (body, words) in [
        ("", "the body is not what is expected"),
        ("[0.8]", "the body is not what is expected"),
        ("{}", "nothing is wanted"),
        (r#"{"fires": 1}"#, "unknown field `fires`, expected one of `fire`, `clear`, `for_seconds`"),
        (r#"{"fire": "1"}"#, "expected f64"),
        (r#"{"clear": 0.9}"#, "it clears at 0.9, which is above 0.7"),
        (r#"{"severity": "page"}"#, "`severity`: `page` is not `info`, `warning` or `critical`"),
        (r#"{"for_seconds": 604801}"#, "`for_seconds`: "),
    ] {
        let detail = host.ask("PUT", PATH, body).await.problem(400);
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let unknown = host.ask("PUT", "/api/alerts/rules/ContainerCpuHi", r#"{"fire": 1}"#).await.problem(404);
    assert_eq!(unknown, "there is no alert `ContainerCpuHi`, did you mean `ContainerCpuHigh`?");
    assert!(host.ask("DELETE", PATH, "").await.problem(404).contains("no change to take back"));
    assert!(!host.path("changes.yml").exists() && !host.path("stack").exists(), "nothing was written");

    fs::write(host.path("changes.yml"), "alerts:\n  ContainerCpuHigh: {fire: x}\n").unwrap();
    let broken = get(&host.context, "/api/alerts/rules", &[]).await.problem(500);
    assert!(broken.contains("changes.yml:2:28: `x` is not a number"), "{broken}");
}
