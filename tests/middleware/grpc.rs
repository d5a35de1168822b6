//! Calls of gRPC over HTTP/2, whose status is in the trailers.

use std::convert::Infallible;

use bytes::Bytes;
use dockmeter::middleware::{HttpMetrics, Names};
use futures_util::stream;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus::Registry;
use tokio::net::TcpStream;
use tower::{Layer as _, service_fn};

use crate::server::{Answer, lines, serve};

/// A service with one method, which answers with the status that it is asked for; other methods
/// it does not implement, and says so in the head.
async fn answer(request: Request<Incoming>) -> Result<Answer, Infallible> {
    let wanted = request.headers().get("x-wanted").cloned();
    let mut frames = vec![Ok(Frame::data(Bytes::from_static(&[0, 0, 0, 0, 0])))];
    let mut head = Response::builder().header("content-type", "application/grpc");
    if request.uri().path() != "/shop.Orders/Place" {
        head = head.header("grpc-status", "12");
        frames.clear();
    } else if let Some(wanted) = wanted {
        frames.push(Ok(Frame::trailers(HeaderMap::from_iter([("grpc-status".parse().unwrap(), wanted)]))));
    }
    Ok(head.body(StreamBody::new(stream::iter(frames)).boxed()).unwrap())
}

#[tokio::test]
async fn a_call_is_shown_by_its_method_and_what_the_trailers_say() {
    let registry = Registry::new();
    let layer = HttpMetrics::new().names(Names::Both).register(&registry).unwrap();
    let address = serve(layer.layer(service_fn(answer))).await;

    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let mut call = async |path: &str, wanted: Option<&str>| {
        let mut request = Request::post(format!("http://x{path}")).header("content-type", "application/grpc");
        if let Some(wanted) = wanted {
            request = request.header("x-wanted", wanted);
        }
        let answer = client.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap().trailers().cloned()
    };
    for path in ["/shop.Orders/Guess", "/a.random/path", "/not-a-method"] {
        call(path, None).await;
    }
    for wanted in ["0", "0", "5", "14"] {
        let trailers = call("/shop.Orders/Place", Some(wanted)).await.expect("trailers pass through");
        assert_eq!(trailers["grpc-status"], wanted);
    }
    call("/shop.Orders/Place", None).await;

    let expected = [
        r#"{method="POST",route="/shop.Orders/Place",status_code="200"} 2"#,
        r#"{method="POST",route="/shop.Orders/Place",status_code="404"} 1"#,
        r#"{method="POST",route="/shop.Orders/Place",status_code="500"} 1"#,
        r#"{method="POST",route="/shop.Orders/Place",status_code="503"} 1"#,
        r#"{method="POST",status_code="501"} 3"#,
    ];
    let mut shown = lines(&registry, "http_requests_total");
    shown.sort();
    assert_eq!(shown, expected);
    let mut errors: Vec<_> = lines(&registry, "http_server_request_duration_seconds_count{error_type=")
        .into_iter()
        .map(|line| line.split('"').nth(1).unwrap().to_owned())
        .collect();
    errors.sort();
    assert_eq!(errors, ["UNAVAILABLE", "UNIMPLEMENTED", "UNKNOWN"]);
}
