//! Requests over HTTP and what they are answered.

use std::io::Write as _;

use axum::http::Request;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::web::fixture::{self, BODY_BYTES};

/// A gauge in protobuf, of a name that is a test's own.
fn protobuf(name: &str) -> Vec<u8> {
    let nested = |field: u8, inside: &[u8]| {
        let mut message = Vec::new();
        put_bytes(field, inside, &mut message);
        message
    };
    let point = [0x31, 1, 0, 0, 0, 0, 0, 0, 0];
    let mut metric = nested(1, name.as_bytes());
    metric.extend(nested(5, &nested(1, &point)));
    nested(1, &nested(2, &nested(2, &metric)))
}

fn json(name: &str) -> Vec<u8> {
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"{name}","gauge":{{"dataPoints":[{{"asInt":1}}]}}}}]}}]}}]}}"#
    )
    .into_bytes()
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn send(headers: &[(&str, &str)], body: Vec<u8>) -> fixture::Answer {
    let request = Request::post("/v1/metrics").header("host", "localhost:10417");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    fixture::send(&fixture::context(), "127.0.0.1", request.body(body.into()).unwrap()).await
}

const WRITER: (&str, &str) = ("authorization", "Bearer writer");
const AS_JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const AS_PROTOBUF: (&str, &str) = ("content-type", PROTOBUF);
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn text(answer: &fixture::Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

#[tokio::test]
async fn what_was_taken_whole_is_answered_with_nothing_in_the_form_it_came() {
    let answer = send(&[WRITER, AS_PROTOBUF], protobuf("otlp_test_a")).await;
    assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (StatusCode::OK, PROTOBUF));
    assert!(answer.body.is_empty());
    let answer = send(&[WRITER, AS_JSON, GZIP], packed(&json("otlp_test_b"))).await;
    assert_eq!((answer.status, text(&answer)), (StatusCode::OK, "{}"));
    assert_eq!(answer.headers["content-type"], JSON);
}

#[tokio::test]
async fn points_that_are_refused_are_a_partial_success() {
    let answer = send(&[WRITER, AS_JSON], json("node_load1")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let partial = &serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()["partialSuccess"];
    assert_eq!(partial["rejectedDataPoints"], "1");
    assert!(partial["errorMessage"].as_str().unwrap().contains("`node_load1`"), "{partial}");
    let answer = send(&[WRITER, AS_PROTOBUF], protobuf("node_load1")).await;
    assert_eq!((answer.status, &answer.body[2..4]), (StatusCode::OK, &[0x08, 1][..]));
}

#[tokio::test]
async fn what_cannot_be_read_is_never_sent_again() {
    for (headers, body, why) in [
        (&[WRITER, AS_JSON][..], b"{".to_vec(), "cannot be read"),
        (&[WRITER, AS_JSON, GZIP], b"{}".to_vec(), "not gzip"),
    ] {
        let answer = send(headers, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let status: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(status["message"].as_str().unwrap().contains(why), "{status}");
    }
    let answer = send(&[WRITER, AS_PROTOBUF], b"{".to_vec()).await;
    assert_eq!((answer.status, &answer.body[..2]), (StatusCode::BAD_REQUEST, &[0x08, 3][..]));
}

#[tokio::test]
async fn a_body_is_bounded_before_and_after_it_is_unpacked() {
    for (headers, body) in [
        (&[WRITER, AS_JSON][..], vec![b' '; BODY_BYTES + 1]),
        (&[WRITER, AS_JSON, GZIP], packed(&vec![b' '; 1 << 24])),
    ] {
        let answer = send(headers, body).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(text(&answer).contains("limits.body_bytes"), "{}", text(&answer));
    }
}

#[tokio::test]
async fn a_body_of_very_many_parts_is_never_sent_again() {
    let context = fixture::context();
    let parts = |before: &str, part: &str| {
        let most = (BODY_BYTES - 64) / (part.len() + 1);
        format!("{before}{}]}}", vec![part; most].join(",")).into_bytes()
    };
    for (headers, path, body) in [
        (&[WRITER, AS_JSON][..], "/v1/metrics", parts(r#"{"resourceMetrics":["#, "{}")),
        (&[WRITER, AS_JSON], "/v1/traces", parts(r#"{"resourceSpans":["#, "{}")),
        (&[WRITER, AS_PROTOBUF], "/v1/metrics", [0x0a, 0].repeat(BODY_BYTES / 2)),
        (&[WRITER, AS_PROTOBUF], "/v1/traces", [0x0a, 0].repeat(BODY_BYTES / 2)),
    ] {
        let request = Request::post(path).header("host", "localhost:10417");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = fixture::send(&context, "127.0.0.1", request.body(body.into()).unwrap()).await;
        let why = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path} {why}");
        assert!(why.contains("send smaller batches"), "{why}");
        assert!(!answer.headers.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn other_types_and_packings_are_refused() {
    for headers in [
        &[WRITER][..],
        &[WRITER, ("content-type", "text/plain")],
        &[WRITER, AS_JSON, ("content-encoding", "zstd")],
    ] {
        assert_eq!(send(headers, json("otlp_test_c")).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn only_who_may_write_writes_on_this_machine_too() {
    assert_eq!(send(&[AS_JSON], json("otlp_test_d")).await.status, StatusCode::UNAUTHORIZED);
    let reader = ("authorization", "Bearer secret");
    assert_eq!(send(&[reader, AS_JSON], json("otlp_test_d")).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_ingest_listener_serves_nothing_else() {
    use tower::ServiceExt as _;
    for (path, status) in
        [("/metrics", StatusCode::NOT_FOUND), ("/v1/metrics", StatusCode::METHOD_NOT_ALLOWED)]
    {
        let router = crate::web::router::ingest_router(fixture::context());
        let answer = router.oneshot(fixture::request(path, &[])).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}
