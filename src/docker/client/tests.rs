//! Calls of the engine: what is answered, refused, broken or late.

use super::super::fake::{Engine, Reply};
use super::*;

const DIED: &str = r#"{"Type":"container","Action":"die","Actor":{"ID":"abababababababababababababababababababababababababababababababab","Attributes":{"exitCode":"1"}},"time":7}"#;

async fn client(engine: &Engine) -> Client {
    Client::connect(engine.endpoint(), Arc::default()).await.unwrap().0
}

fn id() -> ContainerId {
    "ab".repeat(32).parse().unwrap()
}

#[tokio::test]
async fn the_version_of_the_engine_is_spoken_and_its_clock_read() {
    let engine = Engine::start();
    let (client, greeting) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
    assert_eq!(greeting.product.as_deref(), Some("Docker Engine 28.5.2"));
    assert_eq!(greeting.clock, "2026-11-21T04:08:14Z".parse().ok());
    client.list().await.unwrap();
    assert_eq!(engine.asked(), ["/version", "/v1.51/containers/json?all=1"]);
}

#[tokio::test]
async fn a_proxy_that_hides_the_version_is_asked_by_ping() {
    let engine = Engine::start();
    engine.reply("/version", Reply::Body(403, "forbidden".into()));
    engine.reply("/_ping", Reply::Body(200, "OK".into()));
    let (_, greeting) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
    assert_eq!(greeting.api.map(|api| api.to_string()).as_deref(), Some("1.51"));
}

#[tokio::test]
async fn an_engine_that_breaks_at_its_version_is_asked_by_ping() {
    let engine = Engine::start();
    engine.reply("/version", Reply::Raw(Vec::new()));
    let error = Client::connect(engine.endpoint(), Arc::default()).await.unwrap_err().to_string();
    assert!(error.contains("`GET /version`"), "{error}");
    engine.reply("/_ping", Reply::Body(200, "OK".into()));
    let (client, greeting) = Client::connect(engine.endpoint(), Arc::default()).await.unwrap();
    assert_eq!(greeting.api.map(|api| api.to_string()).as_deref(), Some("1.51"));
    client.list().await.unwrap();
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection() {
    let engine = Engine::start();
    let client = client(&engine).await;
    for _ in 0..20 {
        client.list().await.unwrap();
        assert!(client.inspect(id()).await.unwrap_err().is_gone());
    }
    assert_eq!(engine.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up_after_the_deadline() {
    let engine = Engine::start();
    let client = client(&engine).await;
    engine.reply("/v1.51/containers/json", Reply::HalfBody);
    let error = client.list().await.unwrap_err().to_string();
    assert!(error.contains("no full answer within 30 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_hangs_is_given_up_after_the_deadline() {
    let engine = Engine::start();
    engine.reply("/version", Reply::Nothing);
    let error = Client::connect(engine.endpoint(), Arc::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Deadline { .. }), "{error}");
}

#[tokio::test]
async fn garbage_is_an_error_that_names_the_call() {
    let engine = Engine::start();
    let client = client(&engine).await;
    for reply in [
        Reply::Raw(b"\x00\x01\x02 what\r\n\r\n".to_vec()),
        Reply::Raw(Vec::new()),
        Reply::Body(200, "<html>".into()),
        Reply::Body(200, "{}".into()),
        Reply::Body(500, "boom".into()),
    ] {
        engine.reply("/v1.51/containers/json", reply);
        let error = client.list().await.unwrap_err().to_string();
        assert!(error.contains("`GET /v1.51/containers/json`"), "{error}");
    }
}

#[tokio::test]
async fn what_is_larger_than_any_answer_is_not_read() {
    let engine = Engine::start();
    let client = client(&engine).await;
    engine.reply(&format!("/v1.51/containers/{}/json", id()), Reply::Body(200, " ".repeat(BODY_LIMIT + 1)));
    let error = client.inspect(id()).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_said_to_be_out_of_reach() {
    let mut engine = Engine::start();
    engine.stop();
    let error = Client::connect(engine.endpoint(), Arc::default()).await.unwrap_err().to_string();
    assert!(error.contains("is the engine running"), "{error}");
}

#[tokio::test]
async fn events_are_put_together_from_any_chunks_and_one_bad_line_costs_itself() {
    let engine = Engine::start();
    let text = format!("{DIED}\n\n{{\"broken\n{DIED}\n");
    engine.reply("/v1.51/events", Reply::Stream(text.as_bytes().chunks(7).map(<[u8]>::to_vec).collect()));
    let client = client(&engine).await;
    let mut stream = client.events(Timestamp::from_nanosecond(1_000_000_007).ok()).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap().event.is_some());
    assert!(stream.next().await.unwrap().is_err());
    let event = stream.next().await.unwrap().unwrap().event.unwrap();
    assert_eq!((event.id, event.happening), (id(), Happening::Die { exit_code: Some(1) }));
    let asked = engine.asked().pop().unwrap();
    assert!(asked.ends_with("&since=1.000000007"), "{asked}");
    assert!(!asked.contains("exec"), "{asked}");
}

#[tokio::test]
async fn a_line_that_is_too_long_costs_itself_and_not_the_stream() {
    let engine = Engine::start();
    let chunks = vec![vec![b'x'; 1 << 20], vec![b'x'; 1 << 20], format!("x\n{DIED}\n").into_bytes()];
    engine.reply("/v1.51/events", Reply::Stream(chunks));
    let mut stream = client(&engine).await.events(None).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap_err().to_string().contains("more than"));
    assert!(stream.next().await.unwrap().unwrap().event.is_some());
}

#[tokio::test]
async fn a_stream_of_one_endless_line_is_given_up() {
    let engine = Engine::start();
    engine.reply("/v1.51/events", Reply::Stream(vec![vec![b'x'; 1 << 22]; 18]));
    let mut stream = client(&engine).await.events(None).await.unwrap();
    assert!(stream.next().await.unwrap_err().to_string().contains("more than"));
}

#[tokio::test]
async fn a_refused_subscription_is_an_error_with_the_engines_words() {
    let engine = Engine::start();
    engine.reply("/v1.51/events", Reply::Body(400, r#"{"message":"bad filter"}"#.into()));
    let error = client(&engine).await.events(None).await.unwrap_err().to_string();
    assert!(error.contains("bad filter"), "{error}");
}

#[tokio::test]
async fn an_image_with_more_labels_than_a_container_may_have_is_still_inspected() {
    let engine = Engine::start();
    let label = "x".repeat(BODY_LIMIT);
    let body = serde_json::json!({ "Config": { "Labels": { "a": label } } }).to_string();
    engine.reply("/v1.51/images/big/json", Reply::Body(200, body));
    assert_eq!(client(&engine).await.image_labels("big").await.unwrap()["a"].len(), BODY_LIMIT);
}

#[test]
fn image_references_stay_readable_in_a_path() {
    assert_eq!(percent_encoded("reg:5000/a/b@sha256:1?x y"), "reg:5000/a/b@sha256:1%3Fx%20y");
}
