//! What of Alertmanager's alerts is told to whom.

use serde_json::{Value, json};

use super::*;
use crate::config::Upstream;
use crate::prometheus::Alertmanager;
use crate::web::Surroundings;
use crate::web::fixture::{self, get};

/// Ann's, bob's, and one of the host.
const ALERTS: &str = r#"[
  {"labels":{"alertname":"Slow","severity":"info","user":"bob","project":"shop","team":"core"},"fingerprint":"02",
   "startsAt":"2026-01-01T00:10:00Z","status":{"state":"suppressed","silencedBy":["s"],"inhibitedBy":["01"]}},
  {"labels":{"alertname":"MemoryHigh","severity":"critical","user":"ann","project":"shop","team":"core"},"fingerprint":"01",
   "annotations":{"summary":"full","description":"d","value":"97 %","threshold":"95 %","action":"1. raise the limit\n\n- restart it\n3 times\n",
     "runbook_url":"http://r#memoryhigh","dashboard_url":""},
   "startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"},"receivers":[{"name":"core"}],"generatorURL":"http://p/g"},
  {"labels":{"alertname":"DiskFull","severity":"warning"},"fingerprint":"03",
   "startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"}}
]"#;

async fn context(answer: &'static str) -> Arc<Context> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let router = axum::Router::new().fallback(move || async move { answer });
    tokio::spawn(async move { axum::serve(listener, router).await });
    of(url)
}

fn of(url: Option<String>) -> Arc<Context> {
    let context = fixture::context();
    let alertmanager = Alertmanager::new(&Upstream { url, ..Upstream::default() }).ok();
    context.set_surroundings(Surroundings { alertmanager, ..Surroundings::default() });
    context
}

fn names(answer: &Value) -> Vec<&str> {
    answer["alerts"].as_array().unwrap().iter().map(|alert| alert["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_gravest_comes_first_and_says_what_to_do() {
    let answer = get(&context(ALERTS).await, "/api/alerts", &[]).await.json();
    assert_eq!(names(&answer), ["MemoryHigh", "DiskFull", "Slow"]);
    assert_eq!(answer["total"], 3);
    let first = &answer["alerts"][0];
    assert_eq!(first["actions"], json!(["raise the limit", "restart it", "3 times"]));
    assert_eq!(first["links"], json!({"runbook": "http://r#memoryhigh", "source": "http://p/g"}));
    assert_eq!((&first["threshold"], &first["limit"]), (&json!("95 %"), &Value::Null));
    assert_eq!((&first["value"], &first["since"]), (&json!("97 %"), &json!("2026-01-01T00:00:00Z")));
    assert_eq!((&first["user"], &first["receivers"]), (&json!("ann"), &json!(["core"])));
    assert_eq!(answer["alerts"][2]["suppressed_by"], json!(["silence", "alert"]));
    assert_eq!((&answer["alerts"][1]["user"], &answer["alerts"][1]["actions"]), (&Value::Null, &json!([])));
}

#[tokio::test]
async fn filters_narrow_and_a_bound_token_sees_its_own_tenants() {
    let context = context(ALERTS).await;
    for (query, expected) in [
        ("?user=bob", &["Slow"][..]),
        ("?project=shop", &["MemoryHigh", "Slow"]),
        ("?user=unknown", &[]),
        ("?severity=warning&severity=info", &["DiskFull", "Slow"]),
        ("?state=suppressed", &["Slow"]),
        ("?state=active&severity=critical", &["MemoryHigh"]),
        ("?severity=odd", &[]),
    ] {
        assert_eq!(
            names(&get(&context, &format!("/api/alerts{query}"), &[]).await.json()),
            expected,
            "{query}"
        );
    }
    let bound = [("authorization", "Bearer bound")];
    assert_eq!(names(&get(&context, "/api/alerts", &bound).await.json()), ["MemoryHigh"]);
    assert!(names(&get(&context, "/api/alerts?user=bob", &bound).await.json()).is_empty());
    for query in ["?state=firing", "?severity=", "?user="] {
        assert_eq!(get(&context, &format!("/api/alerts{query}"), &[]).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn it_is_said_why_there_is_no_answer_but_not_to_tenants_where_servers_are() {
    let answer = get(&of(None), "/api/alerts", &[]).await;
    assert!(answer.problem(404).contains("--alertmanager.url"));
    assert_eq!(answer.json()["type"], "not-configured");
    let away = of(Some("http://127.0.0.1:1".to_owned()));
    assert!(
        get(&away, "/api/alerts", &[])
            .await
            .problem(503)
            .contains("`http://127.0.0.1:1` could not be reached")
    );
    let told = get(&away, "/api/alerts", &[("authorization", "Bearer bound")]).await.problem(503);
    assert!(!told.contains("127.0.0.1"), "{told}");
    let stranger = get(&context("<html>").await, "/api/alerts", &[]).await.problem(503);
    assert!(stranger.contains("is no Alertmanager"), "{stranger}");
}
