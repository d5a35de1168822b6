//! A connection that is kept from request to request, as Prometheus and SDKs do.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes a program compress although the scraper is on the same machine.
pub(crate) const GZIP: &str = "Accept-Encoding: gzip, identity;q=0";

/// A connection to a program.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// The body of the page, asked for with headers like `Accept: text/plain`.
    pub(crate) fn page(&mut self, headers: &[&str]) -> io::Result<Vec<u8>> {
        self.get("/metrics", headers)
    }

    /// The body of any other answer.
    pub(crate) fn get(&mut self, path: &str, headers: &[&str]) -> io::Result<Vec<u8>> {
        self.exchange(&format!("GET {path}"), headers, &[])
    }

    /// Sends a body and takes the answer's.
    pub(crate) fn post(&mut self, path: &str, headers: &[&str], body: &[u8]) -> io::Result<Vec<u8>> {
        let length = format!("Content-Length: {}", body.len());
        self.exchange(&format!("POST {path}"), &[headers, &[&length]].concat(), body)
    }

    fn exchange(&mut self, what: &str, headers: &[&str], body: &[u8]) -> io::Result<Vec<u8>> {
        let mut request = format!("{what} HTTP/1.1\r\nHost: localhost\r\n");
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.0.get_mut().write_all(&request)?;
        let head = self.head()?;
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        let answered = match field("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => self.exactly(length)?,
            None if field("transfer-encoding") == Some("chunked") => self.chunks()?,
            None => return Err(failure(format!("an answer without a length: {head}"))),
        };
        if head.split(' ').nth(1) != Some("200") {
            let body = String::from_utf8_lossy(&answered);
            return Err(failure(format!("`{what}` was answered by {head}{body}")));
        }
        Ok(answered)
    }

    /// The head of a message, up to the empty line.
    fn head(&mut self) -> io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(head)
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            // With the line's end that follows each.
            let chunk = self.exactly(length + 2)?;
            if length == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }
}
