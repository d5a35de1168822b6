//! Streams as a client sees them.

use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::config::Scope;
use crate::web::access::{Access, Peer};
use crate::web::fixture::{self, get, request};
use crate::web::router;

const PATH: &str = "/api/containers/metrics/stream";

/// A stream that goes on, and how to end it.
async fn open(context: &Arc<Context>, path: &str, token: Option<&str>) -> (Body, CancellationToken) {
    let login = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<(&str, &str)> = login.iter().map(|login| ("authorization", login.as_str())).collect();
    let mut request = request(path, &headers);
    let line = Line::default();
    request.extensions_mut().insert(Peer::new("127.0.0.1".parse().unwrap()));
    request.extensions_mut().insert(line.clone());
    let response = router::router(context.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    (response.into_body(), line.stop)
}

async fn next(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn a_stream_begins_with_what_is_wrong_and_ends_at_a_stop() {
    let context = fixture::context();
    let (mut body, stop) = open(&context, &format!("{PATH}?containers=shop-api-1,abc123,3"), None).await;
    assert_eq!(next(&mut body).await.unwrap(), RETRY);
    let unknown = r#"data: {"type":"not-found","detail":"no container `abc123`","container_id":"abc123"}"#;
    assert_eq!(next(&mut body).await.unwrap(), format!("event: error\n{unknown}\n\n"));
    assert!(next(&mut body).await.unwrap().contains("\"type\":\"ambiguous\""));
    stop.cancel();
    assert_eq!(next(&mut body).await.unwrap(), ": dockmeter is stopping\n\n");
    assert_eq!(next(&mut body).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_has_heartbeats() {
    let (mut body, _stop) = open(&fixture::context(), PATH, None).await;
    assert_eq!(next(&mut body).await.unwrap(), RETRY);
    let began = Instant::now();
    assert_eq!(next(&mut body).await.unwrap(), ": heartbeat\n\n");
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let context = fixture::context();
    let (mut body, _stop) = open(&context, PATH, Some("bound")).await;
    let (mut other, _stop) = open(&context, PATH, Some("secret")).await;
    for body in [&mut body, &mut other] {
        assert_eq!(next(body).await.unwrap(), RETRY);
    }
    let left = vec![fixture::token("secret", &[Scope::Read])];
    context.set_access(Access::new(vec![], left, vec![]));
    let told = next(&mut body).await.unwrap();
    assert!(told.starts_with("event: error\ndata: {\"type\":\"unauthorized\""), "{told}");
    assert_eq!(next(&mut body).await, None);
    let silent = tokio::time::timeout(Duration::from_millis(50), next(&mut other)).await;
    assert!(silent.is_err(), "{silent:?}");
}

#[tokio::test]
async fn headers_say_that_it_is_a_stream_and_a_wrong_parameter_says_what_is_right() {
    let context = fixture::context();
    let answer = get(&context, PATH, &[("last-event-id", "7")]).await;
    let headers = ["content-type", "cache-control", "x-accel-buffering", "connection"];
    assert_eq!(headers.map(|name| answer.header(name)), ["text/event-stream", "no-store", "no", "close"]);
    for query in ["interval=249", "interval=x", "interval=3600001"] {
        let problem = get(&context, &format!("{PATH}?{query}"), &[]).await.problem(400);
        assert_eq!(problem, "`interval` is a whole number of milliseconds from 250 to 3600000");
    }
    assert!(get(&context, &format!("{PATH}?containers=,"), &[]).await.problem(400).contains("is empty"));
    let many = "x,".repeat(501);
    assert!(
        get(&context, &format!("{PATH}?containers={many}"), &[]).await.problem(400).contains("more than 500")
    );
    assert!(get(&context, PATH, &[("last-event-id", "x")]).await.problem(400).contains("no number"));
}

#[tokio::test]
async fn places_are_given_back_when_a_stream_ends() {
    let mut context = Arc::into_inner(fixture::context()).unwrap();
    context.streams = super::super::streams::Streams::new(2, 1);
    let context = Arc::new(context);
    let (body, _stop) = open(&context, PATH, None).await;
    assert!(get(&context, PATH, &[]).await.problem(503).contains("your share of the 2 streams"));
    drop(body);
    assert_eq!(get(&context, PATH, &[]).await.status, 200);
}
