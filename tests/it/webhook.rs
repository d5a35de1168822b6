//! Who is told of alerts.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::poll::eventually;

/// A web server that keeps what it is sent: the path, and each alert of the message.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    alerts: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Receiver { address: listener.local_addr().unwrap(), alerts: Arc::default() };
        let alerts = receiver.alerts.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let alerts = alerts.clone();
                // Connections stay open; one must not hold up another.
                std::thread::spawn(move || keep(connection, &alerts));
            }
        });
        receiver
    }

    /// Alerts with these labels that came to a path, in order.
    pub(crate) fn heard(&self, path: &str, labels: &[(&str, &str)]) -> Vec<Value> {
        let alerts = self.alerts.lock().unwrap();
        let wanted = alerts.iter().filter(|(to, alert)| {
            to == path && labels.iter().all(|(label, value)| alert["labels"][label] == *value)
        });
        wanted.map(|(_, alert)| alert.clone()).collect()
    }

    /// Waits for an alert in a state.
    pub(crate) fn until(&self, path: &str, labels: &[(&str, &str)], status: &str) -> Value {
        eventually(&format!("{labels:?} is {status} at {path}"), || {
            self.heard(path, labels).into_iter().find(|alert| alert["status"] == status)
        })
    }
}

/// Answers requests of a connection until it ends.
fn keep(connection: TcpStream, alerts: &Mutex<Vec<(String, Value)>>) -> Option<()> {
    let mut answers = connection.try_clone().ok()?;
    let mut requests = BufReader::new(connection);
    loop {
        let mut line = String::new();
        requests.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        loop {
            let mut header = String::new();
            requests.read_line(&mut header).ok()?;
            if header.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body).ok()?;
        let message: Value = serde_json::from_slice(&body).ok()?;
        let mut kept = alerts.lock().ok()?;
        kept.extend(message["alerts"].as_array()?.iter().map(|alert| (path.clone(), alert.clone())));
        drop(kept);
        answers.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
}
