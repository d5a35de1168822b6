//! A small engine on a socket in a temporary folder, for tests: it says what it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

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
    connections: usize,
    streams: Vec<mpsc::UnboundedSender<Vec<u8>>>,
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
        let mut engine =
            Engine { folder: tempfile::tempdir().unwrap(), script: Arc::default(), connections: None };
        engine.reply("/version", Reply::Body(200, r#"{"Version":"28.5.2","ApiVersion":"1.51"}"#.into()));
        engine.reply("/v1.51/containers/json", Reply::Body(200, "[]".into()));
        engine.reply("/v1.51/events", Reply::Stream(Vec::new()));
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
        for stream in &self.script.lock().unwrap().streams {
            let _ = stream.send(bytes.to_vec());
        }
    }

    /// Paths asked for so far, with their queries.
    pub(super) fn asked(&self) -> Vec<String> {
        self.script.lock().unwrap().asked.clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.script.lock().unwrap().connections
    }
}

async fn serve(mut socket: UnixStream, script: Arc<Mutex<Script>>) {
    while let Some(path) = request(&mut socket).await {
        let bare = path.split('?').next().unwrap_or_default().to_owned();
        let reply = {
            let mut script = script.lock().unwrap();
            script.asked.push(path);
            script.replies.get(&bare).cloned()
        };
        let not_found = Reply::Body(404, r#"{"message":"no such thing"}"#.into());
        if answer(&mut socket, reply.unwrap_or(not_found), &script).await.is_err() {
            return;
        }
    }
}

/// Reads a request's head and gives its path.
async fn request(socket: &mut UnixStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()?.split(' ').nth(1).map(str::to_owned)
}

async fn answer(socket: &mut UnixStream, reply: Reply, script: &Mutex<Script>) -> std::io::Result<()> {
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
