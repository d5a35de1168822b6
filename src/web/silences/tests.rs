//! Who is told of which silence, and what is refused before Alertmanager is asked. What is made in
//! a real one is told in `tests/it/alerts.rs`.

use serde_json::{Value, json};

use super::*;
use crate::config::Upstream;
use crate::web::Surroundings;
use crate::web::fixture::{self, Answer, get, send};

/// Of ann, of ann by a pattern, of anybody, of two at once, and one that is over.
const SILENCES: &str = r#"[
  {"id":"anns","status":{"state":"active"},"createdBy":"ops","comment":"c","startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-02T00:00:00Z",
   "matchers":[{"name":"user","value":"ann","isRegex":false},{"name":"alertname","value":"S.*","isRegex":true}]},
  {"id":"pattern","status":{"state":"active"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T12:00:00Z",
   "matchers":[{"name":"user","value":"ann","isRegex":true,"isEqual":true}]},
  {"id":"anybodys","status":{"state":"pending"},"createdBy":"ops","comment":"secret","startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-03T00:00:00Z",
   "matchers":[{"name":"alertname","value":"Slow","isRegex":false}]},
  {"id":"both","status":{"state":"active"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-04T00:00:00Z",
   "matchers":[{"name":"user","value":"ann","isRegex":false},{"name":"user","value":"bob","isRegex":false}]},
  {"id":"over","status":{"state":"expired"},"startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T00:00:00Z",
   "matchers":[{"name":"user","value":"ann","isRegex":false}]}
]"#;

/// Ann's, held back by two.
const ALERTS: &str = r#"[{"labels":{"alertname":"Slow","user":"ann"},"fingerprint":"01","startsAt":"2026-01-01T00:00:00Z",
  "status":{"state":"suppressed","silencedBy":["anns","anybodys","unheard"]}}]"#;

async fn context() -> Arc<Context> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let router = axum::Router::new()
        .route("/api/v2/silences", axum::routing::get(|| async { SILENCES }))
        .route("/api/v2/alerts", axum::routing::get(|| async { ALERTS }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    of(url)
}

fn of(url: Option<String>) -> Arc<Context> {
    let context = fixture::context();
    let alertmanager = Alertmanager::new(&Upstream { url, ..Upstream::default() }).ok();
    context.set_surroundings(Surroundings { alertmanager, ..Surroundings::default() });
    context
}

async fn ask(context: &Arc<Context>, method: &str, path: &str, body: &str) -> Answer {
    let mut request = fixture::request(path, &[("authorization", "Bearer admin")]);
    *request.method_mut() = method.parse().unwrap();
    *request.body_mut() = Body::from(body.to_owned());
    send(context, "127.0.0.1", request).await
}

fn ids(answer: &Answer) -> Vec<String> {
    let silences = answer.json()["silences"].as_array().unwrap().clone();
    silences.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_tenant_is_told_of_what_is_pinned_to_it_by_equality() {
    let context = context().await;
    let path = "/api/alerts/silences";
    let all = get(&context, path, &[]).await;
    assert_eq!(ids(&all), ["pattern", "anns", "anybodys", "both"]);
    let first = &all.json()["silences"][1];
    assert_eq!((&first["created_by"], &first["ends_at"]), (&json!("ops"), &json!("2026-01-02T00:00:00Z")));
    assert_eq!(
        first["matchers"][1],
        json!({"name": "alertname", "value": "S.*", "is_regex": true, "is_equal": true})
    );
    let bound = [("authorization", "Bearer bound")];
    assert_eq!(ids(&get(&context, path, &bound).await), ["anns"]);
    assert_eq!(ids(&get(&context, &format!("{path}?user=bob"), &[]).await), Vec::<String>::new());
    assert_eq!(get(&context, &format!("{path}?user="), &[]).await.status, 400);
}

#[tokio::test]
async fn beside_an_alert_a_tenant_does_not_read_what_was_said_to_others() {
    let context = context().await;
    let row = get(&context, "/api/alerts", &[]).await.json()["alerts"][0].clone();
    assert_eq!(row["silences"][1]["comment"], "secret");
    let unheard = json!({"id": "unheard", "ends_at": null, "created_by": null, "comment": null});
    assert_eq!(row["silences"][2], unheard);
    let bound = [("authorization", "Bearer bound")];
    let row = get(&context, "/api/alerts", &bound).await.json()["alerts"][0].clone();
    assert_eq!((&row["silences"][0]["comment"], &row["silences"][1]["comment"]), (&json!("c"), &Value::Null));
    assert_eq!(row["silences"][1]["ends_at"], "2026-01-03T00:00:00Z");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_what_is_wrong() {
    let context = context().await;
    let long = "x".repeat(MAX_TEXT_CHARS + 1);
    let matchers = |matchers: Value| json!({"matchers": matchers, "duration_seconds": 60, "comment": "c"});
    let lasting = |seconds: u64| json!({"matchers": {"a": "b"}, "duration_seconds": seconds, "comment": "c"});
    let saying = |comment: &str| json!({"fingerprint": "01", "duration_seconds": 60, "comment": comment});
    for (body, words) in [
        (json!({}), "missing field `duration_seconds`"),
        (json!({"duration_seconds": 60, "comment": "c"}), "either `matchers` or the `fingerprint`"),
        (
            json!({"matchers": {"a": "b"}, "fingerprint": "01", "duration_seconds": 60, "comment": "c"}),
            "either `matchers` or the `fingerprint`",
        ),
        (json!({"fingerprint": "", "duration_seconds": 60, "comment": "c"}), "`fingerprint` is empty"),
        (matchers(json!({})), "would silence everything"),
        (matchers(json!({"a": ""})), "every alert without that label"),
        (matchers(json!({"a-b": "c"})), "`a-b` is not a label's name"),
        (matchers(json!({"": "c"})), "`` is not a label's name"),
        (matchers(json!({"a": long})), "`a` is longer than"),
        (matchers(json!({"a": 1})), "expected a string"),
        (lasting(59), "`duration_seconds` is 59"),
        (lasting(MAX_SECONDS + 1), "30 days"),
        (saying("  "), "`comment` is empty"),
        (saying(&long), "`comment` is longer than"),
        (json!({"matcher": {}, "duration_seconds": 60, "comment": "c"}), "unknown field `matcher`"),
    ] {
        let answer = ask(&context, "POST", "/api/alerts/silences", &body.to_string()).await;
        let detail = answer.problem(400);
        assert!(detail.contains(words), "{body}: {detail}");
    }
    let gone = saying("c").to_string().replace("01", "ff");
    let gone = ask(&context, "POST", "/api/alerts/silences", &gone).await.problem(404);
    assert_eq!(gone, "no alert with the fingerprint `ff` fires now");
    for id in ["over", "nobodys"] {
        let path = format!("/api/alerts/silences/{id}");
        assert!(ask(&context, "DELETE", &path, "").await.problem(404).contains("that is not over"));
    }
}

#[tokio::test]
async fn it_is_said_where_there_is_no_alertmanager() {
    let wish = json!({"matchers": {"a": "b"}, "duration_seconds": 60, "comment": "c"}).to_string();
    let unnamed = ask(&of(None), "POST", "/api/alerts/silences", &wish).await;
    assert!(unnamed.problem(404).contains("--alertmanager.url"));
    assert_eq!(unnamed.json()["type"], "not-configured");
    let away = of(Some("http://127.0.0.1:1".to_owned()));
    let away = ask(&away, "POST", "/api/alerts/silences", &wish).await.problem(503);
    assert!(away.contains("could not be reached"), "{away}");
}
