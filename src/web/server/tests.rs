//! The accept loop over real connections on loopback. Clients are blocking threads; waits
//! are bounded by the server's own deadlines, which are short here.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Client};
use std::time::Instant;

use axum::routing::get;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::config::ListenAddress;
use crate::ingest::Correspondents;
use crate::paths::Paths;
use crate::web::fixture;
use crate::web::router::{ingest_router, router};

/// A client that waits longer than this has found a server that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    cancel: CancellationToken,
    served: JoinHandle<()>,
}

async fn start(options: Options, router: Router) -> Running {
    let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let address = tcp(&listeners.addresses()[0]);
    let cancel = CancellationToken::new();
    let served = tokio::spawn(serve(vec![(listeners, router)], options, Arc::default(), cancel.clone()));
    Running { address, cancel, served }
}

fn tcp(address: &ListenAddress) -> SocketAddr {
    address.tcp().unwrap()
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
    let routes = router(fixture::context());
    let served =
        tokio::spawn(serve(vec![(listeners, routes)], Options::default(), Arc::default(), cancel.clone()));
    for address in bound.iter().map(tcp) {
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

/// Connections that say nothing, from an address of this machine.
async fn hold(count: usize, from: &str, to: SocketAddr) -> Vec<tokio::net::TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        held.push(socket.connect(to).await.unwrap());
    }
    held
}

/// Sends bytes over a connection and reads until the server closes.
async fn finish(mut client: tokio::net::TcpStream, bytes: &[u8]) -> String {
    tokio::io::AsyncWriteExt::write_all(&mut client, bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut client, &mut answer);
    // A connection that is cut may end with a reset.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("the server hangs");
    String::from_utf8(answer).unwrap()
}

const PAGE: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_client_cannot_keep_the_others_out() {
    let options = Options { max_connections: 3, max_per_peer: 2, ..Options::default() };
    let running = start(options, router(fixture::context())).await;
    let _held = hold(2, "127.0.0.1", running.address).await;
    let refused = exchange(running.address, PAGE).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("too many connections"), "{refused}");
    let other = hold(1, "127.0.0.9", running.address).await.remove(0);
    let answer = finish(other, PAGE).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// The same for programs, whose connections are not those of readers.
async fn start_for_programs(options: Options) -> (Running, SocketAddr) {
    let correspondents = Arc::new(Correspondents::new(Arc::default(), Paths::default(), true));
    let any = ["127.0.0.1:0".parse().unwrap()];
    let (readers, programs) = (Listeners::bind(&any).await.unwrap(), Listeners::bind(&any).await.unwrap());
    let (address, of_readers) = (tcp(&programs.addresses()[0]), tcp(&readers.addresses()[0]));
    let cancel = CancellationToken::new();
    let (page, ingest) = (router(fixture::context()), ingest_router(fixture::context()));
    let listeners = vec![(readers, page), (programs.for_programs(&correspondents), ingest)];
    let served = tokio::spawn(serve(listeners, options, Arc::default(), cancel.clone()));
    (Running { address, cancel, served }, of_readers)
}

/// What is found out without anything that asks who connects.
const MISSING: &[u8] = b"GET /missing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_holds_all_it_can_keeps_nobody_out() {
    let options = Options { max_of_programs: 4, max_per_peer: 3, max_connections: 1, ..Options::default() };
    let (running, of_readers) = start_for_programs(options).await;
    // Far more than its share: each beyond it takes the place of its oldest.
    let mut greedy = hold(20, "127.0.0.1", running.address).await;
    let other = hold(1, "127.0.0.9", running.address).await.remove(0);
    let third = hold(1, "127.0.0.8", running.address).await.remove(0);
    for (who, client) in [("another", other), ("a third", third), ("its last", greedy.pop().unwrap())] {
        let answer = finish(client, MISSING).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{who}: {answer}");
    }
    assert_eq!(finish(greedy.remove(0), MISSING).await, "", "its first has been closed");
    // Readers have room of their own.
    let answer = exchange(of_readers, PAGE).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_probes_are_answered_and_the_rest_is_told_to_wait() {
    let options = Options { max_connections: 1, ..Options::default() };
    let running = start(options, router(fixture::context())).await;
    let held = hold(1, "127.0.0.1", running.address).await;
    assert!(exchange(running.address, PAGE).await.starts_with("HTTP/1.1 503"));
    assert!(exchange(running.address, CLOSING).await.starts_with("HTTP/1.1 200"));
    drop(held);
    let mut answer = String::new();
    let started = Instant::now();
    while !answer.starts_with("HTTP/1.1 200") {
        assert!(started.elapsed() < PATIENCE, "the place was never given back: {answer}");
        answer = exchange(running.address, PAGE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_answered_however_many_silent_connections_there_are() {
    let options = Options { max_connections: 2, ..Options::default() };
    let running = start(options, router(fixture::context())).await;
    let _held = hold(2 + 3 * MAX_IN_LOBBY, "127.0.0.1", running.address).await;
    let answer = exchange(running.address, CLOSING).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_too_large_or_too_long_is_refused() {
    let running = start(Options::default(), router(fixture::context())).await;
    let large = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(200));
    let path = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(70_000));
    for (request, status) in [large, many, path].map(|request| (request, "HTTP/1.1 431")) {
        let client = hold(1, "127.0.0.1", running.address).await.remove(0);
        let answer = finish(client, request.as_bytes()).await;
        assert!(answer.starts_with(status) || answer.is_empty(), "{answer}");
    }
    assert!(exchange(running.address, CLOSING).await.contains("200 OK"), "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_reads_is_refused() {
    let running = start(Options::default(), router(fixture::context())).await;
    let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n";
    let answer = exchange(running.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("100000000 bytes"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_never_ready_is_given_up() {
    let never = Router::new().route("/", get(std::future::pending::<&str>));
    let options = Options { request_deadline: Duration::from_millis(50), ..Options::default() };
    let running = start(options, never).await;
    let answer = exchange(running.address, b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 503"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_its_answer_byte_by_byte_is_cut() {
    // More than the kernel keeps for a connection.
    let page = "0123456789".repeat(3_000_000);
    let size = page.len();
    let options = Options { answer_deadline: Duration::from_millis(300), ..Options::default() };
    let running = start(options, Router::new().route("/", get(move || async { page }))).await;
    let read = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(running.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        let (mut taken, mut bytes) = (0, [0; 1000]);
        // Something every time that the server looks, and far too little.
        while let Ok(count @ 1..) = client.read(&mut bytes) {
            taken += count;
            crate::web::fixture::pause(Duration::from_millis(1));
        }
        taken
    });
    assert!(read.await.unwrap() < size, "the whole page was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_in_the_file_system_is_served_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.sock");
    // As a process that was killed leaves it.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address: ListenAddress = format!("unix:{}", path.display()).parse().unwrap();
    let listeners = Listeners::bind(std::slice::from_ref(&address)).await.unwrap();
    assert_eq!(listeners.addresses(), std::slice::from_ref(&address));
    let taken = Listeners::bind(&[address]).await.unwrap_err().to_string();
    assert!(taken.contains("in use"), "{taken}");
    let cancel = CancellationToken::new();
    let routes = router(fixture::context());
    let served =
        tokio::spawn(serve(vec![(listeners, routes)], Options::default(), Arc::default(), cancel.clone()));
    let mut client = tokio::net::UnixStream::connect(&path).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut client, PAGE).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    cancel.cancel();
    served.await.unwrap();
    assert!(!path.exists());
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
