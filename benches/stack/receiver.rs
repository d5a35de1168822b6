//! A web server that takes the messages of Alertmanager, and notes when each alert first came.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

/// When alerts about containers first came, by the container's name.
type Came = Arc<Mutex<BTreeMap<String, Instant>>>;

/// The server; it listens for as long as the benchmark runs.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    came: Came,
}

impl Receiver {
    /// Starts one that looks for alerts of a name.
    pub(crate) fn start(alert: &'static str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let receiver = Receiver { address: listener.local_addr()?, came: Came::default() };
        let came = receiver.came.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let came = came.clone();
                // Connections stay open; one must not hold up another.
                std::thread::spawn(move || take(connection, alert, &came));
            }
        });
        Ok(receiver)
    }

    pub(crate) fn came(&self) -> BTreeMap<String, Instant> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers the messages of a connection until it ends.
fn take(connection: TcpStream, alert: &str, came: &Came) -> io::Result<()> {
    let mut answers = connection.try_clone()?;
    let mut requests = BufReader::new(connection);
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(("content-length", value)) = line.to_ascii_lowercase().split_once(':') {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        let now = Instant::now();
        let message: Value = serde_json::from_slice(&body)?;
        for one in message["alerts"].as_array().into_iter().flatten() {
            let labels = &one["labels"];
            if labels["alertname"] == alert && one["status"] == "firing" {
                let name = labels["name"].as_str().unwrap_or_default().to_owned();
                came.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(now);
            }
        }
        answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
}
