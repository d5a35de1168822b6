//! Who is told what of himself and of what there is.

use serde_json::{Value, json};

use crate::web::Surroundings;
use crate::web::fixture::{self, request, send};

async fn ask(peer: &str, token: Option<&str>) -> Value {
    let context = fixture::context();
    context.set_surroundings(Surroundings {
        grafana_server: Some("http://grafana:3000".to_owned()),
        ..Surroundings::default()
    });
    let login = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = login.as_deref().map(|login| ("authorization", login)).into_iter().collect();
    let answer = send(&context, peer, request("/api/whoami", &headers)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()
}

#[tokio::test]
async fn without_a_login_there_are_no_secrets_to_offer() {
    let me = ask("127.0.0.1", None).await;
    assert_eq!((&me["login"], &me["name"], &me["scopes"]), (&json!("loopback"), &Value::Null, &json!([])));
    for secret in ["logs", "processes", "slow_queries", "dashboards", "write", "admin"] {
        assert_eq!(me["can"][secret], false, "{secret}");
    }
    assert_eq!(
        (&me["engine"], &me["version"]),
        (&json!("Docker Engine 28.5.2"), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert!(me["host"].as_str().is_some_and(|name| !name.is_empty()));
}

#[tokio::test]
async fn a_token_is_told_its_name_and_what_it_may_do() {
    let me = ask("192.0.2.1", Some("secret")).await;
    assert_eq!(
        (&me["login"], &me["name"], &me["scopes"]),
        (&json!("token"), &json!("secret"), &json!(["read"]))
    );
    assert_eq!(
        (&me["can"]["logs"], &me["can"]["processes"], &me["can"]["slow_queries"]),
        (&json!(true), &json!(true), &json!(true))
    );
    assert_eq!(
        (&me["can"]["admin"], &me["can"]["write"], &me["can"]["alerts"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!(me["grafana_url"], "http://grafana:3000");
    assert_eq!(
        me["history"],
        json!({"source": "embedded", "retention_seconds": {"5s": 3600, "1m": 86_400, "5m": 604_800, "1h": 2_592_000}})
    );
}

#[tokio::test]
async fn a_tenant_is_told_its_binding_and_nothing_of_the_host() {
    let me = ask("127.0.0.1", Some("bound")).await;
    assert_eq!((&me["user"], &me["project"], &me["team"]), (&json!("ann"), &Value::Null, &Value::Null));
    for of_the_host in ["host", "engine", "grafana_url"] {
        assert_eq!(me[of_the_host], Value::Null, "{of_the_host}");
    }
    assert_eq!(me["can"]["logs"], true);
}
