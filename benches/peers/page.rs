//! A scrape over HTTP, as simple as it can be: one connection, no compression.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::measured::failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port of the loopback interface that nobody listens on now.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The body of the answer to a `GET`. HTTP 1.0, so that it comes in one piece and then ends.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = memchr::memmem::find(&answer, b"\r\n\r\n").ok_or_else(|| failure("no whole answer"))?;
    let status = answer.get(9..12).unwrap_or_default();
    if status != b"200" {
        return Err(failure(format!("`{path}` answered {}", String::from_utf8_lossy(status))));
    }
    Ok(answer.split_off(head + 4))
}

/// How many samples a page has.
pub(crate) fn series(page: &[u8]) -> usize {
    page.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line[0] != b'#').count()
}
