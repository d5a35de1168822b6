//! That what an Alertmanager says is understood, old or new; the rest is told by `tests/it/alertmanager.rs`.

use axum::Router;
use axum::http::{StatusCode, Uri};
use proptest::prelude::*;

use super::*;

/// As 0.33 says it, and with no more than is needed.
const ALERTS: &str = r#"[
  {"annotations":{"summary":"s"},"endsAt":"2026-01-01T00:04:00.000Z","fingerprint":"0a","receivers":[{"name":"core"}],
   "startsAt":"2026-01-01T01:00:00.5+01:00","status":{"inhibitedBy":[],"mutedBy":["nights"],"silencedBy":["x"],"state":"suppressed"},
   "updatedAt":"2026-01-01T00:00:00.000Z","generatorURL":"http://p/graph","labels":{"alertname":"Down"},"new":1},
  {"startsAt":"2026-01-01T00:00:00Z","status":{"state":"active"}}
]"#;

async fn answering(status: u16, body: &'static str) -> Alertmanager {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let answer = move |_: Uri| async move { (StatusCode::from_u16(status).unwrap(), body) };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let client = Alertmanager::new(&Upstream { url, ..Upstream::default() }).unwrap();
    client.within(Duration::from_secs(60))
}

#[tokio::test]
async fn alerts_are_read_with_and_without_what_is_optional() {
    let alerts = answering(200, ALERTS).await.alerts(&[]).await.unwrap();
    assert_eq!(alerts[0].starts_at.to_string(), "2026-01-01T00:00:00.5Z");
    assert_eq!(alerts[0].status.state, AlertState::Suppressed);
    assert_eq!(
        (&alerts[0].status.muted_by[..], &alerts[0].labels["alertname"][..]),
        (&["nights".to_owned()][..], "Down")
    );
    assert_eq!((alerts[1].status.state, alerts[1].ends_at), (AlertState::Active, None));
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    for (status, body, words) in [
        (401, "", "--alertmanager.bearer-token-file"),
        (404, "404 page not found", "is no Alertmanager"),
        (410, r#"{"status":"deprecated","error":"The v1 API was removed."}"#, "is no Alertmanager"),
        (200, "<html>", "is no Alertmanager"),
        (200, r#"[{"labels":{}}]"#, "is no Alertmanager"),
        (400, r#""bad matcher format: x""#, "refused what it was sent: bad matcher format: x"),
        (422, r#"{"code":601,"message":"a in query is wrong"}"#, "refused what it was sent: a in query"),
        (503, "", "is Alertmanager running there?"),
    ] {
        let error = answering(status, body).await.alerts(&[]).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!(matches!(Alertmanager::new(&Upstream::default()), Err(AlertmanagerError::Unnamed)));
}

#[test]
fn a_new_alert_says_no_more_than_is_known() {
    let alert = NewAlert { labels: [("alertname".into(), "A".into())].into(), ..NewAlert::default() };
    let text = serde_json::to_string(&alert).unwrap();
    assert_eq!(text, r#"{"labels":{"alertname":"A"},"annotations":{}}"#);
    let alert = NewAlert { ends_at: Some(Timestamp::UNIX_EPOCH), ..alert };
    assert!(serde_json::to_string(&alert).unwrap().contains(r#""endsAt":"1970-01-01T00:00:00Z""#));
}

proptest! {
    #[test]
    fn any_bytes_are_words(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        assert!(words(&bytes).chars().count() <= 300);
    }
}
