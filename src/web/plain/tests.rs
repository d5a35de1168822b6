//! Requests over HTTP and what they are answered.

use axum::http::{Request, StatusCode};
use serde_json::Value;

use super::*;
use crate::web::fixture;

async fn send(path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
    let request = Request::post(path).header("host", "localhost:10417");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.body(body.to_owned().into()).unwrap();
    let answer = fixture::send(&fixture::context(), "127.0.0.1", request).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

const WRITER: (&str, &str) = ("authorization", "Bearer writer");
const AS_JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");

#[tokio::test]
async fn what_was_taken_is_counted_and_what_was_not_is_told() {
    let body =
        r#"[{"method":"GET","duration_seconds":0.1},{"method":"GET"},{"method":"GET","duration_seconds":1}]"#;
    let (status, answer) = send("/api/metrics/http", &[WRITER, AS_JSON], body).await;
    let rejected = json!([{"index": 1, "reason": "`duration_seconds` is missing"}]);
    assert_eq!((status, answer), (StatusCode::OK, json!({"accepted": 2, "rejected": rejected})));
    let (status, answer) = send("/api/metrics/db", &[WRITER], "[]").await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"accepted": 0, "rejected": []})));
}

#[tokio::test]
async fn definitions_that_are_not_taken_are_told_as_such() {
    let body = r#"{"define":[{"name":"up","type":"gauge"}],"record":[{"name":"active_users","value":1}]}"#;
    let (status, answer) = send("/api/metrics/custom", &[WRITER, AS_JSON], body).await;
    assert_eq!(
        (status, &answer["accepted"], &answer["rejected"][0]["in"]),
        (StatusCode::OK, &json!(1), &json!("define"))
    );
    let (status, _) = send(
        "/api/metrics/custom",
        &[WRITER, AS_JSON],
        r#"{"define":[{"name":"plain_test_web","type":"gauge"}]}"#,
    )
    .await;
    assert_eq!(status, StatusCode::OK, "a definition alone is no mistake");
}

#[tokio::test]
async fn nonsense_is_told_by_the_status_too() {
    let (status, answer) = send("/api/metrics/http", &[WRITER, AS_JSON], "[7,8]").await;
    assert_eq!((status, &answer["type"]), (StatusCode::BAD_REQUEST, &json!("bad-request")));
    assert_eq!((answer["rejected"].as_array().map(Vec::len), &answer["accepted"]), (Some(2), &json!(0)));
    let many = format!("[{}7]", "7,".repeat(999));
    let (_, answer) = send("/api/metrics/http", &[WRITER, AS_JSON], &many).await;
    assert_eq!(answer["rejected"].as_array().map(Vec::len), Some(MOST_TOLD));
    assert_eq!(answer["rejected_total"], 1000);
    let (status, answer) = send("/api/metrics/http", &[WRITER, AS_JSON], "[").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["detail"].as_str().unwrap().contains("cannot be read"), "{answer}");
}

#[tokio::test]
async fn only_who_may_write_json_does() {
    let body = r#"{"method":"GET","duration_seconds":1}"#;
    for path in ["/api/metrics/http", "/api/metrics/db", "/api/metrics/custom"] {
        assert_eq!(send(path, &[AS_JSON], body).await.0, StatusCode::UNAUTHORIZED, "{path}");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let (status, answer) = send(path, &[WRITER, form], body).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
        assert!(answer["detail"].as_str().unwrap().contains("send `application/json`"), "{answer}");
        let long = " ".repeat(fixture::BODY_BYTES + 1);
        assert_eq!(send(path, &[WRITER, AS_JSON], &long).await.0, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let brotli = ("content-encoding", "br");
        assert_eq!(send(path, &[WRITER, AS_JSON, brotli], body).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
