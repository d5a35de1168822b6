//! Every way in which a request can end, and that it is counted once.

use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use dockmeter::middleware::{HttpMetrics, Names, Route};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use prometheus::Registry;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

use crate::server::{Answer, ask, eventually, get, lines, send, serve, whole};

const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// A server whose requests are all answered so.
async fn answering<F, R>(registry: &Registry, answer: F) -> std::net::SocketAddr
where
    F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
    R: Future<Output = Answer> + Send + 'static,
{
    let layer = HttpMetrics::new().names(Names::Both).register(registry).unwrap();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Route("/"));
        let answer = answer(request);
        async move {
            let mut answer = answer.await;
            answer.extensions_mut().insert(Route("/"));
            Ok::<_, Infallible>(answer)
        }
    });
    serve(layer.layer(service)).await
}

fn text(text: &'static str) -> Answer {
    Response::new(Full::from(text).map_err(|never| match never {}).boxed())
}

fn streamed(frames: Vec<io::Result<&'static str>>) -> Answer {
    let frames = frames.into_iter().map(|frame| frame.map(|text| Frame::data(Bytes::from(text))));
    Response::new(BodyExt::boxed(StreamBody::new(stream::iter(frames))))
}

/// An endless body; what it costs is bounded by the client that hangs up.
fn endless() -> Answer {
    let frames = stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'x'; 65536]))));
    // Others get their turn after each frame.
    let frames = frames.then(async |frame| {
        tokio::task::yield_now().await;
        frame
    });
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut some = vec![0; 4096];
    let read = stream.read(&mut some).await.unwrap();
    String::from_utf8_lossy(&some[..read]).into_owned()
}

#[tokio::test]
async fn a_client_that_goes_before_the_answer_is_counted_as_such() {
    let registry = Registry::new();
    let (entered, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let address = answering(&registry, move |_| {
        let entered = entered.clone();
        async move {
            entered.send(()).unwrap();
            std::future::pending().await
        }
    })
    .await;
    let client = ask(address, GET).await;
    waiting.recv().await.unwrap();
    assert_eq!(lines(&registry, "http_requests_total"), [""; 0], "it is under way");
    drop(client);

    eventually(&registry, "http_requests_total", &[r#"{method="GET",status_code="499"} 1"#]).await;
    let otel = [r#"{error_type="cancelled",http_request_method="GET"} 1"#];
    assert_eq!(lines(&registry, "http_server_request_duration_seconds_count"), otel);
    assert_eq!(lines(&registry, "http_response_size_bytes"), [""; 0], "there was no response");
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_has_the_status_it_was_sent() {
    let registry = Registry::new();
    let address = answering(&registry, |_| async { endless() }).await;
    let mut client = ask(address, GET).await;
    assert!(read_some(&mut client).await.starts_with("HTTP/1.1 200"));
    drop(client);

    let classic = [r#"{method="GET",route="/",status_code="200"} 1"#];
    eventually(&registry, "http_requests_total", &classic).await;
    let otel = [
        r#"{error_type="cancelled",http_request_method="GET",http_response_status_code="200",http_route="/"} 1"#,
    ];
    assert_eq!(lines(&registry, "http_server_request_duration_seconds_count"), otel);
}

#[tokio::test]
async fn a_stream_is_counted_whole_when_it_has_ended() {
    let registry = Registry::new();
    let address = answering(&registry, |request| async move {
        let mut answer = streamed(vec![Ok("one"), Ok("two"), Ok("three")]);
        if request.uri().path() == "/length" {
            answer.headers_mut().insert("content-length", "11".parse().unwrap());
        }
        answer
    })
    .await;
    assert!(get(address, "/").await.contains("three"));
    assert!(get(address, "/length").await.ends_with("onetwothree"));

    let of = r#"{http_request_method="GET",http_response_status_code="200",http_route="/"}"#;
    let counts = lines(&registry, "http_server_request_duration_seconds_count");
    assert_eq!(counts, [format!("{of} 2")], "and none as broken off");
    assert_eq!(lines(&registry, "http_server_response_body_size_bytes_sum"), [format!("{of} 22")]);
}

#[tokio::test]
async fn answers_without_a_body_end_with_their_head() {
    let registry = Registry::new();
    let address = answering(&registry, |request| async move {
        let mut answer = if request.method() == "HEAD" { endless() } else { text("") };
        *answer.status_mut() = match request.uri().path() {
            "/none" => StatusCode::NO_CONTENT,
            "/same" => StatusCode::NOT_MODIFIED,
            _ => StatusCode::OK,
        };
        answer
    })
    .await;
    send(address, "HEAD", "/", "", "").await;
    get(address, "/none").await;
    get(address, "/same").await;
    get(address, "/").await;
    let mut shown = lines(&registry, "http_server_request_duration_seconds_count");
    shown.sort();
    let of = |method: &str, status: u16| {
        format!(r#"{{http_request_method="{method}",http_response_status_code="{status}",http_route="/"}} 1"#)
    };
    assert_eq!(shown, [of("GET", 200), of("GET", 204), of("GET", 304), of("HEAD", 200)]);
}

#[tokio::test]
async fn a_handler_that_panics_is_counted_once() {
    let registry = Registry::new();
    let address = answering(&registry, |request| async move {
        assert_ne!(request.uri().path(), "/panic", "on purpose");
        text("ok")
    })
    .await;
    assert_eq!(get(address, "/panic").await, "", "hyper hangs up");
    assert!(get(address, "/").await.ends_with("ok"));

    let expected =
        [r#"{method="GET",route="/",status_code="200"} 1"#, r#"{method="GET",status_code="500"} 1"#];
    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    assert_eq!(shown, expected);
    let panics = r#"{error_type="panic",http_request_method="GET"} 1"#;
    assert!(lines(&registry, "http_server_request_duration_seconds_count").contains(&panics.to_owned()));
}

#[tokio::test]
async fn a_panic_that_somebody_catches_is_still_one() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().names(Names::Otel).register(&registry).unwrap();
    let panics = |request: Request<Empty<Bytes>>| {
        assert_ne!(request.uri().path(), "/call", "on purpose");
        async move {
            assert_ne!(request.uri().path(), "/poll", "on purpose");
            Ok::<_, Infallible>(text("never"))
        }
    };
    let mut service = layer.layer(service_fn(panics));
    let mut request = |path: &str| {
        let request = Request::builder().uri(path).body(Empty::new()).unwrap();
        std::panic::catch_unwind(AssertUnwindSafe(|| service.call(request)))
    };
    assert!(request("/call").is_err());
    // The future outlives its panic, and is dropped when nobody panics any more.
    let future = request("/poll").unwrap();
    assert!(AssertUnwindSafe(future).catch_unwind().await.is_err());

    let expected = [r#"{error_type="panic",http_request_method="GET"} 2"#];
    assert_eq!(lines(&registry, "http_server_request_duration_seconds_count"), expected);
}

#[tokio::test]
async fn errors_of_services_and_bodies_are_told_from_clients_that_went() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().names(Names::Both).register(&registry).unwrap();
    let fails = async |request: Request<Empty<Bytes>>| {
        if request.uri().path() == "/body" {
            return Ok(streamed(vec![Ok("half"), Err(io::Error::other("the disk is gone"))]));
        }
        Err(io::Error::other("no database"))
    };
    let service = layer.layer(service_fn(fails));
    let request = |path: &str| Request::builder().uri(path).body(Empty::<Bytes>::new()).unwrap();
    assert!(service.clone().oneshot(request("/service")).await.is_err());
    let answer = service.oneshot(request("/body")).await.unwrap();
    assert!(answer.into_body().collect().await.is_err());

    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    assert_eq!(shown, [r#"{method="GET",status_code="200"} 1"#, r#"{method="GET",status_code="500"} 1"#]);
    let mut otel = lines(&registry, "http_server_request_duration_seconds_count");
    otel.sort();
    let expected = [
        r#"{error_type="error",http_request_method="GET",http_response_status_code="200"} 1"#,
        r#"{error_type="error",http_request_method="GET"} 1"#,
    ];
    assert_eq!(otel, expected);
}

#[tokio::test]
async fn an_upgraded_connection_lives_on_after_its_request() {
    let registry = Registry::new();
    let address = answering(&registry, |request| async move {
        tokio::spawn(async move {
            let mut stream = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
            let mut word = [0; 5];
            stream.read_exact(&mut word).await.unwrap();
            stream.write_all(&word).await.unwrap();
        });
        let mut answer = text("");
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        answer.headers_mut().insert("upgrade", "echo".parse().unwrap());
        answer.headers_mut().insert("connection", "upgrade".parse().unwrap());
        answer
    })
    .await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\nhello";
    let answer = whole(address, request).await;
    assert!(answer.starts_with("HTTP/1.1 101") && answer.ends_with("hello"), "{answer}");
    let expected = [r#"{method="GET",route="/",status_code="101"} 1"#];
    assert_eq!(lines(&registry, "http_requests_total"), expected);
}
