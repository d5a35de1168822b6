//! Queries against a server that says what it is told to, and that what it says is understood.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::config::Upstream;

const ONE: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"user":"ann"},"value":[7,"1.5"]}]}}"#;

/// Answers in turn; the last one for ever.
type Script = Arc<Mutex<(Vec<(u16, &'static str)>, Vec<(HeaderMap, String)>)>>;

async fn answer(
    State(script): State<Script>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, &'static str) {
    let mut script = script.lock().unwrap();
    script.1.push((headers, body));
    let (status, text) = if script.0.len() > 1 { script.0.remove(0) } else { script.0[0] };
    (StatusCode::from_u16(status).unwrap(), text)
}

async fn server(answers: &[(u16, &'static str)]) -> (Upstream, Script) {
    let script: Script = Arc::new(Mutex::new((answers.to_vec(), Vec::new())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Upstream { url, ..Upstream::default() }, script)
}

async fn ask(config: &Upstream) -> Result<Vec<Series>, QueryError> {
    Client::new(config).unwrap().at("up[1h]", 12.5).await
}

#[tokio::test]
async fn a_vector_is_read_and_a_busy_server_asked_again() {
    let busy = (503, r#"{"status":"error","errorType":"unavailable","error":"not ready"}"#);
    let (config, script) = server(&[busy, (502, "<html>"), (200, ONE)]).await;
    let series = ask(&config).await.unwrap();
    assert_eq!(
        series,
        [Series { labels: [("user".into(), "ann".into())].into(), samples: vec![(7.0, 1.5)] }]
    );
    let asked = &script.lock().unwrap().1;
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[2].1, "query=up%5B1h%5D&time=12.500");
}

#[tokio::test]
async fn values_that_are_no_numbers_are_left_out() {
    let (config, _) = server(&[(
        200,
        r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"user":"ann"},"values":[[1,"NaN"],[2,"2e3"],[3,"+Inf"],[4,"four"],[5,"-0.5"]]},
            {"metric":{"user":"bob"},"values":[[1,"NaN"]]}]}}"#,
    )])
    .await;
    let series = ask(&config).await.unwrap();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].samples, [(2.0, 2000.0), (5.0, -0.5)]);
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    for (status, body, words) in [
        (401, "", "--prometheus.bearer-token-file"),
        (404, "404 page not found", "is no Prometheus"),
        (200, "<html>", "is no Prometheus"),
        (400, r#"{"status":"error","error":"parse error"}"#, "refused the query `up[1h]`: parse error"),
        (
            422,
            r#"{"status":"error","error":"query processing would load too many samples"}"#,
            "--query.max-samples",
        ),
    ] {
        let (config, _) = server(&[(status, body)]).await;
        let error = ask(&config).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let nowhere = Upstream { url: Some("http://127.0.0.1:1".into()), ..Upstream::default() };
    assert!(ask(&nowhere).await.unwrap_err().to_string().contains("is Prometheus running there?"));
    assert!(matches!(Client::new(&Upstream::default()), Err(QueryError::Unnamed)));
}

#[tokio::test]
async fn credentials_come_from_files() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"s3cret\n").unwrap();
    let path = Some(file.path().to_owned());
    let (config, script) = server(&[(200, ONE)]).await;
    let basic = Upstream { username: "ann".into(), password_file: path.clone(), ..config.clone() };
    let bearer = Upstream { bearer_token_file: path, ..config.clone() };
    for config in [&basic, &bearer] {
        ask(config).await.unwrap();
    }
    let sent: Vec<_> =
        script.lock().unwrap().1.iter().map(|(headers, _)| headers["authorization"].clone()).collect();
    assert_eq!(sent, ["Basic YW5uOnMzY3JldA==", "Bearer s3cret"]);
    assert!(!format!("{:?}", Client::new(&bearer).unwrap()).contains("s3cret"));
    let missing = Upstream { bearer_token_file: Some("/nowhere".into()), ..config };
    assert!(Client::new(&missing).unwrap_err().to_string().contains("`/nowhere`"));
}

#[test]
fn a_selector_holds_whatever_a_label_does() {
    assert_eq!(selector("m", [("user", "a\"b\\c\nd")]), r#"m{user="a\"b\\c\nd"}"#);
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = answer::read(&bytes);
    }
}
