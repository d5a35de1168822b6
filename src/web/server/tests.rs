//! The accept loop over real connections on loopback. Clients are blocking threads; waits
//! are bounded by the server's own deadlines, which are short here.

use std::io::{Read, Write};
use std::net::TcpStream as Client;
use std::time::Instant;

use axum::routing::get;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::web::fixture;
use crate::web::router::router;

/// A client that waits longer than this has found a server that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    cancel: CancellationToken,
    served: JoinHandle<()>,
}

async fn start(options: Options, router: Router) -> Running {
    let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let address = listeners.addresses()[0];
    let cancel = CancellationToken::new();
    let served = tokio::spawn(serve(listeners, options, router, cancel.clone()));
    Running { address, cancel, served }
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, bytes: &'static [u8]) -> String {
    let talk = move || {
        let mut client = Client::connect(address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(bytes).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer
    };
    tokio::task::spawn_blocking(talk).await.unwrap()
}

const CLOSING: &[u8] = b"GET /-/healthy HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_on_loopback_is_answered_over_every_listener() {
    let addresses = ["127.0.0.1:0".parse().unwrap(), "127.0.0.2:0".parse().unwrap()];
    let listeners = Listeners::bind(&addresses).await.unwrap();
    let bound = listeners.addresses();
    let cancel = CancellationToken::new();
    let served =
        tokio::spawn(serve(listeners, Options::default(), router(fixture::context()), cancel.clone()));
    for address in bound {
        assert_ne!(address.port(), 0);
        let answer = exchange(address, b"GET /metrics HTTP/1.0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
        assert!(answer.contains("machine_cpu_cores 4\n"), "{answer}");
    }
    cancel.cancel();
    served.await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let first = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let error = Listeners::bind(&first.addresses()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("could not listen on `{}`: ", first.addresses()[0])), "{error}");
    assert!(error.contains("in use") && error.contains("--web.listen-address"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_does_not_end_is_given_up() {
    let options = Options { header_deadline: Duration::from_millis(50), ..Options::default() };
    let running = start(options, router(fixture::context())).await;
    let answer = exchange(running.address, b"GET /-/healthy HTTP/1.1\r\nhost: loc").await;
    assert!(!answer.contains("200 OK"), "{answer}");
    assert!(exchange(running.address, CLOSING).await.contains("200 OK"), "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_cannot_keep_the_others_out() {
    let options = Options { max_connections: 3, max_per_peer: 2, ..Options::default() };
    let running = start(options, router(fixture::context())).await;
    let _held: Vec<Client> = (0..2).map(|_| Client::connect(running.address).unwrap()).collect();
    let closed = tokio::task::spawn_blocking(move || {
        let mut third = Client::connect(running.address).unwrap();
        third.set_read_timeout(Some(PATIENCE)).unwrap();
        third.read(&mut [0; 1]).unwrap()
    });
    assert_eq!(closed.await.unwrap(), 0, "the connection beyond its share is closed");
    let other = tokio::net::TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.9:0".parse().unwrap()).unwrap();
    let mut other = other.connect(running.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut other, CLOSING).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut other, &mut answer).await.unwrap();
    assert!(answer.contains("200 OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_beyond_the_bound_waits_until_another_ends() {
    let options = Options { max_connections: 1, ..Options::default() };
    let running = start(options, router(fixture::context())).await;
    let mut first = Client::connect(running.address).unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    first.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(first.read(&mut [0; 1024]).unwrap() > 0);

    let mut second = Client::connect(running.address).unwrap();
    second.write_all(CLOSING).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.read(&mut [0; 1024]).is_err(), "the second was served while the first was open");
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(second.read(&mut [0; 1024]).unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_larger_than_any_buffer_arrives_whole() {
    let page = "0123456789".repeat(1_000_000);
    let running = start(Options::default(), Router::new().route("/", get(move || async { page }))).await;
    let answer = exchange(running.address, b"GET / HTTP/1.0\r\n\r\n").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body.len(), 10_000_000);
}

/// A router whose answer takes until it is told to end, and a signal that it was asked.
fn slow(asked: Arc<Notify>, end: Arc<Notify>) -> Router {
    let answer = move || async move {
        asked.notify_one();
        end.notified().await;
        "done"
    };
    Router::new().route("/", get(answer))
}

const SLOW: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_an_answer_finish_and_takes_no_new_connection() {
    let (asked, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let running = start(Options::default(), slow(asked.clone(), end.clone())).await;
    let client = tokio::spawn(exchange(running.address, SLOW));
    asked.notified().await;
    running.cancel.cancel();
    while Client::connect(running.address).is_ok() {
        tokio::task::yield_now().await;
    }
    end.notify_one();
    assert!(client.await.unwrap().ends_with("done"));
    running.served.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_ever() {
    let (asked, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let options = Options { stop_deadline: Duration::from_millis(50), ..Options::default() };
    let running = start(options, slow(asked.clone(), end)).await;
    let client = tokio::spawn(exchange(running.address, SLOW));
    asked.notified().await;
    let stopped = Instant::now();
    running.cancel.cancel();
    running.served.await.unwrap();
    assert!(stopped.elapsed() < PATIENCE);
    assert_eq!(client.await.unwrap(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_silent_connections_do_not_hold_up_a_stop() {
    let running = start(Options::default(), router(fixture::context())).await;
    let _silent = Client::connect(running.address).unwrap();
    let mut idle = Client::connect(running.address).unwrap();
    idle.set_read_timeout(Some(PATIENCE)).unwrap();
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(idle.read(&mut [0; 1024]).unwrap() > 0);
    running.cancel.cancel();
    tokio::time::timeout(STOP_DEADLINE / 2, running.served).await.unwrap().unwrap();
}
