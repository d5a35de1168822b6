//! A small engine on a socket in a temporary folder, or behind TLS on a port, for tests: it says
//! what it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::config::Endpoint;

/// How a path is answered.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// With a status and a body.
    Body(u16, String),
    /// With these bytes, whatever they are; then the connection is closed.
    Raw(Vec<u8>),
    /// With success, the chunks sent so far, and those still to come.
    Stream(Vec<Vec<u8>>),
    /// With headers that promise a body which never comes.
    HalfBody,
    /// Never.
    Nothing,
}

/// What the engine says and has been asked.
#[derive(Debug, Default)]
struct Script {
    replies: BTreeMap<String, Reply>,
    asked: Vec<String>,
    bodies: Vec<String>,
    connections: usize,
    streams: Vec<mpsc::UnboundedSender<Vec<u8>>>,
}

impl Script {
    /// That of an engine that knows its version and has no containers.
    fn usual() -> Self {
        let version = r#"{"Version":"28.5.2","ApiVersion":"1.51"}"#;
        let replies = [
            ("/version", Reply::Body(200, version.into())),
            ("/v1.51/containers/json", Reply::Body(200, "[]".into())),
            ("/v1.51/events", Reply::Stream(Vec::new())),
        ];
        let replies = replies.map(|(path, reply)| (path.to_owned(), reply)).into();
        Script { replies, ..Script::default() }
    }

    /// Sends a chunk over every open stream.
    fn send(&self, bytes: &[u8]) {
        for stream in &self.streams {
            let _ = stream.send(bytes.to_vec());
        }
    }
}

/// The engine; dropping it stops it and breaks its connections.
#[derive(Debug)]
pub(super) struct Engine {
    folder: TempDir,
    script: Arc<Mutex<Script>>,
    connections: Option<JoinSet<()>>,
}

impl Engine {
    /// An engine that runs, knows its version and has no containers.
    pub(super) fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::usual()));
        let mut engine = Engine { folder: tempfile::tempdir().unwrap(), script, connections: None };
        engine.restart();
        engine
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.folder.path().join("docker.sock"))
    }

    /// Answers a path, whatever its query is; 404 is the answer to every other.
    pub(super) fn reply(&self, path: &str, reply: Reply) {
        self.script.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// Breaks every connection and refuses new ones.
    pub(super) fn stop(&mut self) {
        self.connections = None;
        self.script.lock().unwrap().streams.clear();
        let Endpoint::Unix(path) = self.endpoint() else { return };
        let _ = std::fs::remove_file(path);
    }

    pub(super) fn restart(&mut self) {
        self.stop();
        let Endpoint::Unix(path) = self.endpoint() else { return };
        let listener = UnixListener::bind(path).unwrap();
        let script = self.script.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                script.lock().unwrap().connections += 1;
                connections.spawn(serve(socket, script.clone()));
            }
        });
        self.connections = Some(tasks);
    }

    /// Sends a chunk over every open stream.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.script.lock().unwrap().send(bytes);
    }

    /// Paths asked for so far, with their queries.
    pub(super) fn asked(&self) -> Vec<String> {
        self.script.lock().unwrap().asked.clone()
    }

    /// What was sent so far.
    pub(super) fn bodies(&self) -> Vec<String> {
        self.script.lock().unwrap().bodies.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }
}

/// The same behind TLS on a port of loopback.
pub(super) struct TlsEngine {
    port: u16,
    script: Arc<Mutex<Script>>,
    _connections: JoinSet<()>,
}

impl TlsEngine {
    /// An engine that runs, knows its version and has no containers.
    pub(super) fn start(config: ServerConfig) -> Self {
        let script = Arc::new(Mutex::new(Script::usual()));
        let (port, listener) = listen();
        let (acceptor, shared) = (TlsAcceptor::from(Arc::new(config)), script.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, script) = (acceptor.clone(), shared.clone());
                connections.spawn(async move {
                    let Ok(socket) = acceptor.accept(socket).await else { return };
                    script.lock().unwrap().connections += 1;
                    serve(socket, script).await;
                });
            }
        });
        TlsEngine { port, script, _connections: tasks }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Sends a chunk over every open stream.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.script.lock().unwrap().send(bytes);
    }

    pub(super) fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }
}

/// A port that answers every connection with the same text and closes it.
pub(super) struct PlainPort {
    port: u16,
    _connections: JoinSet<()>,
}

impl PlainPort {
    pub(super) fn start(answer: &str) -> Self {
        let (port, listener) = listen();
        let answer = answer.to_owned();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let _ = socket.read_u8().await;
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
                // What is unread would reset the connection before the answer is read.
                let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
            }
        });
        PlainPort { port, _connections: tasks }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

/// Any free port of loopback.
fn listen() -> (u16, TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener.local_addr().unwrap().port(), TcpListener::from_std(listener).unwrap())
}

async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin, script: Arc<Mutex<Script>>) {
    while let Some((path, body)) = request(&mut socket).await {
        let bare = path.split('?').next().unwrap_or_default().to_owned();
        let reply = {
            let mut script = script.lock().unwrap();
            script.asked.push(path);
            script.bodies.extend(Some(body).filter(|body| !body.is_empty()));
            script.replies.get(&bare).cloned()
        };
        let not_found = Reply::Body(404, r#"{"message":"no such thing"}"#.into());
        if answer(&mut socket, reply.unwrap_or(not_found), &script).await.is_err() {
            return;
        }
    }
}

/// Reads a request and gives its path and body.
async fn request(socket: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    });
    let mut body = vec![0; length.unwrap_or(0)];
    socket.read_exact(&mut body).await.ok()?;
    Some((head.split(' ').nth(1)?.to_owned(), String::from_utf8(body).ok()?))
}

async fn answer(
    socket: &mut (impl AsyncWrite + Unpin),
    reply: Reply,
    script: &Mutex<Script>,
) -> std::io::Result<()> {
    match reply {
        Reply::Body(status, body) => {
            let date = "Date: Sat, 21 Nov 2026 04:08:14 GMT\r\nApi-Version: 1.51";
            let head = format!("HTTP/1.1 {status} X\r\n{date}\r\nContent-Length: {}\r\n\r\n", body.len());
            socket.write_all(head.as_bytes()).await?;
            socket.write_all(body.as_bytes()).await
        }
        Reply::Raw(bytes) => {
            socket.write_all(&bytes).await?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        Reply::HalfBody => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{").await?;
            std::future::pending().await
        }
        Reply::Nothing => std::future::pending().await,
        Reply::Stream(chunks) => {
            socket.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
            let (sender, mut more) = mpsc::unbounded_channel();
            chunks.into_iter().for_each(|chunk| drop(sender.send(chunk)));
            script.lock().unwrap().streams.push(sender);
            while let Some(chunk) = more.recv().await {
                socket.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                socket.write_all(&chunk).await?;
                socket.write_all(b"\r\n").await?;
            }
            socket.write_all(b"0\r\n\r\n").await
        }
    }
}
