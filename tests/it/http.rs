//! The smallest HTTP client that a test needs: one request a connection, by HTTP/1.0, so that
//! the body is what follows the head.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request has to be answered within this time.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug)]
pub(crate) struct Response {
    /// The status code.
    pub(crate) status: u16,
    head: String,
    /// The body as it was sent.
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Status line and headers as they were sent.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }
}

/// `GET` of a path with its query, and with headers like `Accept: text/plain`.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &[&str]) -> io::Result<Response> {
    request(address, "GET", path, headers)
}

/// `POST` without a body.
pub(crate) fn post(address: SocketAddr, path: &str) -> io::Result<Response> {
    request(address, "POST", path, &["Content-Length: 0"])
}

/// `POST` of a body.
pub(crate) fn send(address: SocketAddr, path: &str, headers: &[&str], body: &[u8]) -> io::Result<Response> {
    let length = format!("Content-Length: {}", body.len());
    exchange(address, "POST", path, &[headers, &[&length]].concat(), body)
}

/// `PUT` of a body.
pub(crate) fn put(address: SocketAddr, path: &str, headers: &[&str], body: &[u8]) -> io::Result<Response> {
    let length = format!("Content-Length: {}", body.len());
    exchange(address, "PUT", path, &[headers, &[&length]].concat(), body)
}

/// A request of any method, without a body.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
) -> io::Result<Response> {
    exchange(address, method, path, headers, b"")
}

fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    stream.write_all(&[format!("{head}\r\n").as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn parse(mut answer: Vec<u8>) -> Option<Response> {
    let end = memchr::memmem::find(&answer, b"\r\n\r\n")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).ok()?;
    let status = head.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(Response { status, head, body })
}

/// Percent-encodes a query's value.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
