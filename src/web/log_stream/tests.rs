//! WebSockets over real connections of loopback.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::web::access::Access;
use crate::web::fixture::{self, get};
use crate::web::router::router;
use crate::web::server::{Listeners, Options, serve};

const PATH: &str = "/api/logs/stream";

/// What a client waits for at most.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    cancel: CancellationToken,
    served: JoinHandle<()>,
}

async fn start(context: Arc<Context>) -> Running {
    let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
    let address = listeners.addresses()[0].tcp().unwrap();
    let cancel = CancellationToken::new();
    // Short deadlines, which a WebSocket outlives.
    let options = Options { header_deadline: Duration::from_millis(200), ..Options::default() };
    let served =
        tokio::spawn(serve(vec![(listeners, router(context))], options, Arc::default(), cancel.clone()));
    Running { address, cancel, served }
}

/// A client of a WebSocket, as small as can be.
struct Client(TcpStream);

const OPENING: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Client {
    /// Asks for one with further headers; also gives the head of the answer.
    async fn open(running: &Running, query: &str, headers: &str) -> (Self, String) {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request =
            format!("GET {PATH}{query} HTTP/1.1\r\nHost: localhost:10417\r\n{OPENING}{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (Client(stream), String::from_utf8(head).unwrap())
    }

    /// One that was let in.
    async fn of(running: &Running, token: &str, query: &str) -> Self {
        let login = format!("Sec-WebSocket-Protocol: dockmeter, dockmeter.bearer.{token}\r\n");
        let (client, head) = Client::open(running, query, &login).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
        assert!(head.contains("sec-websocket-protocol: dockmeter\r\n") && !head.contains(token), "{head}");
        client
    }

    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let read = async {
            let (first, second) = (self.0.read_u8().await.unwrap(), self.0.read_u8().await.unwrap());
            let length = match second {
                126 => self.0.read_u16().await.unwrap().into(),
                127 => self.0.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            (first & 0x0f, payload)
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    /// The next message.
    async fn message(&mut self) -> Value {
        let (kind, payload) = self.frame().await;
        assert_eq!(kind, 1, "{payload:?}");
        serde_json::from_slice(&payload).unwrap()
    }

    /// The code and the reason of the frame that closes.
    async fn closed(&mut self) -> (u16, String) {
        let (kind, payload) = self.frame().await;
        assert_eq!(kind, 8, "{}", String::from_utf8_lossy(&payload));
        let code = u16::from_be_bytes([payload[0], payload[1]]);
        (code, String::from_utf8(payload[2..].to_vec()).unwrap())
    }

    /// Says something, masked with zeros.
    async fn say(&mut self, kind: u8, payload: &[u8]) {
        let head = [0x80 | kind, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
        self.0.write_all(&[&head[..], payload].concat()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_many_containers_come_over_one_socket_that_ends_with_the_server() {
    let running = start(fixture::context()).await;
    let mut client =
        Client::of(&running, "secret", "?project=shop&tail=2&containers=shop-api-1,nobody").await;
    let unknown = json!({"type": "error", "error": "not-found", "detail": "no container `nobody`", "container_id": "nobody"});
    assert_eq!(client.message().await, unknown);
    let id = "3f".repeat(32);
    let joined = json!({"type": "container", "container_id": id, "name": "shop-api-1", "action": "joined"});
    assert_eq!(client.message().await, joined);
    let row = |stream: &str, second: u8, line: &str| {
        let timestamp = format!("2026-01-01T00:00:0{second}Z");
        json!({"container_id": id, "name": "shop-api-1", "stream": stream, "timestamp": timestamp, "line": line})
    };
    let rows = [row("stdout", 1, "GET /favicon.ico"), row("stderr", 2, "out of luck")];
    assert_eq!(client.message().await, json!({"type": "lines", "lines": rows}));
    // Longer than any deadline of a header.
    tokio::time::sleep(Duration::from_millis(400)).await;
    client.say(9, b"there?").await;
    assert_eq!(client.frame().await, (10, b"there?".to_vec()), "a ping is answered");
    running.cancel.cancel();
    assert_eq!(client.closed().await, (1001, "dockmeter is stopping".to_owned()));
    client.say(8, &1001_u16.to_be_bytes()).await;
    timeout(PATIENCE, running.served).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_bound_sees_its_own_and_is_told_when_its_token_is_revoked() {
    let context = fixture::context();
    let running = start(context.clone()).await;
    let mut client = Client::of(&running, "bound", "?tail=1&grep=luck").await;
    assert_eq!(client.message().await["name"], "shop-api-1");
    assert_eq!(client.message().await["lines"][0]["line"], "out of luck");
    let mut all = Client::of(&running, "secret", "").await;
    let out_of_reach = loop {
        let message = all.message().await;
        if message["type"] == "error" {
            break message;
        }
    };
    assert_eq!(
        (&out_of_reach["error"], &out_of_reach["detail"]),
        (&json!("out-of-reach"), &json!("no such driver"))
    );
    context.set_access(Access::new(vec![], vec![fixture::token("secret", &[Scope::Read])], vec![]));
    assert_eq!(client.message().await["error"], "unauthorized");
    assert_eq!(client.closed().await.0, 1008);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_refused_before_anything_is_opened() {
    let running = start(fixture::context()).await;
    let of = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let refused = [
        (String::new(), 401),
        (of("wrong"), 401),
        (of("writer"), 403),
        (of("secret") + "Origin: http://evil.example.com\r\n", 403),
        (of("secret") + "Origin: http://localhost:10417\r\n", 101),
    ];
    for (headers, status) in refused {
        let (_, head) = Client::open(&running, "", &headers).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{headers:?}: {head}");
    }
    let plain = get(&fixture::context(), PATH, &[("authorization", "Bearer secret")]).await;
    assert!(plain.problem(426).starts_with("this speaks WebSocket"));
    assert_eq!(plain.header("sec-websocket-version"), "13");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_too_much_is_cut_off() {
    let running = start(fixture::context()).await;
    let mut client = Client::of(&running, "secret", "?containers=shop-api-1&tail=0").await;
    assert_eq!(client.message().await["action"], "joined");
    client.say(1, b"pause").await;
    for _ in 0..CLIENT_MESSAGES {
        client.say(1, b"resume").await;
    }
    assert_eq!(client.closed().await, (1008, "too many messages".to_owned()));
    let mut long = Client::of(&running, "secret", "?containers=shop-api-1&tail=0").await;
    assert_eq!(long.message().await["action"], "joined");
    let head = [0x81, 0x80 | 126, 0x10, 0x00, 0, 0, 0, 0];
    long.0.write_all(&[&head[..], &[b'x'; 4096]].concat()).await.unwrap();
    assert!(timeout(PATIENCE, long.0.read_u8()).await.is_ok(), "the connection ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_has_a_place_among_the_streams() {
    let mut context = Arc::into_inner(fixture::context()).unwrap();
    context.streams = crate::web::streams::Streams::new(2, 1);
    let context = Arc::new(context);
    let running = start(context.clone()).await;
    let first = Client::of(&running, "secret", "?tail=0").await;
    let login = "Authorization: Bearer secret\r\n";
    let (_, head) = Client::open(&running, "", login).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    drop(first);
    let again = async {
        while !Client::open(&running, "", login).await.1.starts_with("HTTP/1.1 101 ") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[test]
fn parameters_are_those_of_one_log_but_for_how_many_lines() {
    let now = "2026-01-01T01:00:00Z".parse().unwrap();
    let read = |query: &[(&str, &str)]| {
        let query: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        wish(&query, now)
    };
    let usual = read(&[]).unwrap();
    assert_eq!((usual.tail, usual.since, usual.wanted.is_none()), (TAIL, None, true));
    let all = read(&[("tail", "0"), ("since", "10m"), ("grep", "(?i)error")]).unwrap();
    assert_eq!((all.tail, all.since), (0, "2026-01-01T00:50:00Z".parse().ok()));
    assert!(all.wanted.unwrap()("an ERROR"));
    for (name, value) in [("tail", "1001"), ("tail", "-1"), ("since", "soon"), ("grep", "(")] {
        let problem = read(&[(name, value)]).err().unwrap();
        assert!(problem.parts().1.starts_with(&format!("`{name}` is")), "{problem:?}");
    }
}
