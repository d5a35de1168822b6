//! What is answered without a Grafana, and what is refused before it is asked. What is made in
//! one is told in `tests/it/grafana/made.rs`.

use super::*;
use crate::config::{Scope, Token, Upstream};
use crate::grafana::Door;
use crate::tenant::{Binding, LabelValue};
use crate::web::Surroundings;
use crate::web::access::Access;
use crate::web::fixture::{self, Answer, Fixed, send};

/// With tokens that read and write: `anybody`, `core` of that team, and `ann` of that user.
fn context(url: Option<&str>) -> Arc<Context> {
    let both = |name: &str, binding: Binding| Token {
        binding,
        ..fixture::token(name, &[Scope::Read, Scope::Write])
    };
    let team = Binding { team: Some(LabelValue::clean("core")), ..Binding::default() };
    let user = Binding { user: Some(LabelValue::clean("ann")), ..Binding::default() };
    let tokens = vec![both("anybody", Binding::default()), both("core", team), both("ann", user)];
    let context =
        fixture::context_of(Fixed { hangs: false, latest: None }, Access::new(vec![], tokens, vec![]), 0);
    let grafana = url.map(|url| {
        Door::new(Upstream { url: Some(url.to_owned()), ..Upstream::default() }).pausing(Duration::ZERO)
    });
    let dashboards = Some(Workshop::new(fixture::shelf(), grafana, "http://grafana.example"));
    context.set_surroundings(Surroundings { dashboards, ..Surroundings::default() });
    context
}

async fn ask(context: &Arc<Context>, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let mut request = fixture::request(path, &[("authorization", &format!("Bearer {token}"))]);
    *request.method_mut() = method.parse().unwrap();
    *request.body_mut() = Body::from(body.to_owned());
    send(context, "127.0.0.1", request).await
}

fn ids(answer: &Answer) -> Vec<String> {
    let templates = answer.json()["templates"].as_array().unwrap().clone();
    templates.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn without_grafana_there_are_templates_and_nothing_can_be_made() {
    let context = context(None);
    let all = ask(&context, "GET", "/api/dashboards", "anybody", "").await;
    assert!(ids(&all).contains(&"dockmeter-host".to_owned()));
    assert_eq!(all.json()["dashboards"], Value::Null);
    assert!(all.json()["reason"].as_str().unwrap().contains("--grafana.url"));
    let container = all.json()["templates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == "dockmeter-container")
        .unwrap()
        .clone();
    assert!(container["panels"].as_array().unwrap().iter().any(|panel| panel["id"] == 22));
    assert!(container["variables"].as_array().unwrap().iter().any(|variable| variable["name"] == "compare"));
    let core = ids(&ask(&context, "GET", "/api/dashboards", "core", "").await);
    assert!(core.contains(&"dockmeter-container".to_owned()) && !core.contains(&"dockmeter-host".to_owned()));
    for (method, path) in
        [("POST", "/api/dashboards"), ("GET", "/api/dashboards/dm-1"), ("PUT", "/api/dashboards/dm-1")]
    {
        let answer = ask(&context, method, path, "anybody", "{}").await;
        assert!(answer.problem(404).contains("--grafana.url"), "{method}");
        assert_eq!(answer.json()["type"], "not-configured");
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_refused_with_its_place_before_grafana_is_asked() {
    let context = context(Some("http://127.0.0.1:1"));
    let post = |token: &'static str, body: Value| {
        let context = &context;
        async move { ask(context, "POST", "/api/dashboards", token, &body.to_string()).await }
    };
    for (token, body, pointer) in [
        ("anybody", json!({}), "/template"),
        ("anybody", json!({"template": "nothing"}), "/template"),
        ("anybody", json!({"template": "container", "colour": 1}), "/colour"),
        ("anybody", json!({"template": "container", "panels": {"leave_out": [998]}}), "/panels/leave_out"),
        (
            "anybody",
            json!({"template": "container", "panels": {"add": [{"title": "x", "expr": "sum("}]}}),
            "/panels/add/0",
        ),
        ("anybody", json!({"template": "host", "team": "core"}), "/template"),
        ("core", json!({"template": "host"}), "/template"),
    ] {
        let answer = post(token, body.clone()).await;
        answer.problem(400);
        assert_eq!(answer.json()["pointer"], pointer, "{body}");
    }
    assert!(
        post("core", json!({"template": "container", "team": "shop"})).await.problem(404).contains("`shop`")
    );
    post("ann", json!({"template": "container"})).await.problem(403);
    ask(&context, "PUT", "/api/dashboards/dm-1", "ann", "{}").await.problem(404);
    ask(&context, "GET", "/api/dashboards/dockmeter-host", "anybody", "").await.problem(404);
    ask(&context, "GET", "/api/dashboards/dm-..%2Fx", "anybody", "").await.problem(404);
    ask(&context, "POST", "/api/dashboards", "anybody", "{").await.problem(400);
    ask(&context, "POST", "/api/dashboards", "anybody", &" ".repeat(BODY_BYTES + 1)).await.problem(413);
}

#[tokio::test]
async fn a_team_is_not_told_where_grafana_is() {
    let context = context(Some("http://127.0.0.1:1"));
    for (token, told) in [("anybody", true), ("core", false)] {
        let listed = ask(&context, "GET", "/api/dashboards", token, "").await.json();
        assert_eq!(listed["reason"].as_str().unwrap().contains("127.0.0.1:1"), told);
        let one = ask(&context, "GET", "/api/dashboards/dm-1", token, "").await.problem(503);
        assert_eq!(one.contains("127.0.0.1:1"), told, "{one}");
    }
}
