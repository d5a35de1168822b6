//! A server of hyper around any service, the smallest clients, and a registry's page.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use prometheus::{Registry, TextEncoder};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// What a handler of these tests answers with.
pub(crate) type Answer = Response<BoxBody<Bytes, std::io::Error>>;

/// How long something may take that has to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves HTTP/1 and 2 with upgrades until the runtime ends.
pub(crate) async fn serve<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// A connection on which a request has been written.
pub(crate) async fn ask(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes back, head and body; empty if the server hangs up.
pub(crate) async fn whole(address: SocketAddr, request: &str) -> String {
    let mut answer = Vec::new();
    let mut stream = ask(address, request).await;
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

/// A request that asks to close the connection after it.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> String {
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    whole(address, &(head + body)).await
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    send(address, "GET", path, "", "").await
}

/// The page.
pub(crate) fn page(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

/// The lines of a page that begin so, without the beginning.
pub(crate) fn lines(registry: &Registry, beginning: &str) -> Vec<String> {
    page(registry).lines().filter_map(|line| line.strip_prefix(beginning)).map(str::to_owned).collect()
}

/// Waits until the lines that begin so are these.
pub(crate) async fn eventually(registry: &Registry, beginning: &str, expected: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = lines(registry, beginning);
        if shown == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{beginning}: {shown:#?} are not {expected:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
