//! What a tenant's token shows of a host that others use, too.

use crate::config::{Scope, Token};
use crate::tenant::{Binding, LabelValue};
use crate::web::access::Access;
use crate::web::fixture::{self, Answer, Fixed, request, send};
use std::sync::Arc;

/// What is not ann's, as it stands in answers.
const OTHERS: [&str; 6] = ["bob", "shop-db", "idle-1", "old-1", "3a3a3a3a", "1d1d1d1d"];

/// Asks with the token that is bound to ann.
async fn ann(path: &str) -> Answer {
    let login = [("authorization", "Bearer bound")];
    send(&fixture::context(), "127.0.0.1", request(path, &login)).await
}

#[tokio::test]
async fn a_bound_token_sees_its_own_and_nothing_else_anywhere() {
    for path in ["/", "/metrics", "/api/containers", "/api/containers/metrics/summary?group_by=user,project"]
    {
        let answer = ann(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains("shop-api-1"), "{path}: {}", answer.text());
        for other in OTHERS {
            assert!(!answer.text().contains(other), "{path} tells of {other}: {}", answer.text());
        }
    }
    let summary = ann("/api/containers/metrics/summary").await.json();
    assert_eq!(summary["totals"]["containers"], 1);
    assert_eq!(summary["totals"]["cpu"]["usage_cores"], 0.125);
}

#[tokio::test]
async fn a_bound_page_has_nothing_of_the_host_nor_of_dockmeter() {
    let page = ann("/metrics").await;
    let families: Vec<&str> =
        page.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert_eq!(families, ["container_memory_usage_bytes"]);
    let landing = ann("/").await;
    assert!(landing.text().contains("Connected to the engine.") && !landing.text().contains("28.5.2"));
}

#[tokio::test]
async fn what_is_anothers_is_answered_as_what_does_not_exist() {
    let full = "3a".repeat(32);
    for end in ["metrics/current", "processes"] {
        for (key, nobodys) in
            [("shop-db-1", "shop-no-1"), ("3a", "3b"), (&full, &"3b".repeat(32)), ("old-1", "odd-1")]
        {
            let others = ann(&format!("/api/containers/{key}/{end}")).await;
            let missing = ann(&format!("/api/containers/{nobodys}/{end}")).await;
            assert_eq!(others.problem(404), format!("no container `{key}`"));
            assert_eq!(others.text().replace(key, nobodys), missing.text());
            assert_eq!(others.headers, missing.headers);
        }
    }
}

#[tokio::test]
async fn a_prefix_or_name_that_another_tenant_shares_is_not_ambiguous() {
    let of_ann = ann("/api/containers/3/metrics/current").await;
    assert_eq!(of_ann.json()["name"], "shop-api-1");
}

#[tokio::test]
async fn outside_of_its_binding_a_token_finds_what_an_unknown_tenant_has() {
    for (path, empty) in [("/metrics", ""), ("/api/containers", "[]")] {
        let others = ann(&format!("{path}?user=bob")).await;
        let nobodys = ann(&format!("{path}?user=nobody")).await;
        assert_eq!((others.status.as_u16(), others.text()), (200, empty));
        assert_eq!((others.headers, others.body), (nobodys.headers, nobodys.body), "{path}");
    }
    assert_eq!(ann("/api/containers?user=ann&user=bob").await.json().as_array().unwrap().len(), 1);
    assert_eq!(ann("/api/containers?project=shop").await.json().as_array().unwrap().len(), 1);
    assert_eq!(
        ann("/api/containers/metrics/summary?user=bob").await.json()["containers"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn every_caller_may_narrow() {
    let context = fixture::context();
    let names = async |query: &str| {
        let listed = fixture::get(&context, &format!("/api/containers{query}"), &[]).await.json();
        let rows = listed.as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("?user=bob").await, ["idle-1", "shop-db-1"]);
    assert_eq!(names("?user=bob&project=shop").await, ["shop-db-1"]);
    assert_eq!(names("?project=shop&project=unknown").await, ["idle-1", "shop-api-1", "shop-db-1"]);
    assert_eq!(names("?team=core&user=eve").await, [""; 0]);
    let summary = fixture::get(&context, "/api/containers/metrics/summary?user=bob", &[]).await.json();
    assert_eq!((&summary["totals"]["containers"], &summary["totals"]["running"]), (&2.into(), &1.into()));
    let landing = fixture::get(&context, "/?user=ann", &[]).await;
    assert!(landing.text().contains("shop-api-1") && !landing.text().contains("shop-db-1"));
}

#[tokio::test]
async fn a_token_may_be_bound_to_any_part_of_a_tenant() {
    let bound = |text: &str, user: Option<&str>, project: Option<&str>, team: Option<&str>| {
        let value = |text: Option<&str>| text.map(LabelValue::clean);
        let binding = Binding { user: value(user), project: value(project), team: value(team) };
        Token { binding, ..fixture::token(text, &[Scope::Read]) }
    };
    let tokens = vec![
        bound("core", None, None, Some("core")),
        bound("bob-in-shop", Some("bob"), Some("shop"), None),
        bound("ann-elsewhere", Some("ann"), Some("mail"), None),
    ];
    let source = Fixed { hangs: false, latest: Some(Arc::new(fixture::snapshot())) };
    let context = fixture::context_of(source, Access::new(vec![], tokens, vec![]), 0);
    for (token, names) in
        [("core", &["shop-api-1", "shop-db-1"][..]), ("bob-in-shop", &["shop-db-1"]), ("ann-elsewhere", &[])]
    {
        let login = format!("Bearer {token}");
        let listed =
            send(&context, "192.0.2.1", request("/api/containers", &[("authorization", &login)])).await;
        let rows = listed.json();
        let listed: Vec<&str> =
            rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(listed, names, "{token}");
    }
}
