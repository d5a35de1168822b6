//! A connection that is kept from scrape to scrape, as Prometheus does.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::measured::failure;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a program compress although the scraper is on the same machine.
const GZIP: &str = "Accept-Encoding: gzip, identity;q=0\r\n";

/// A connection to a program's page.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// The body of the page.
    pub(crate) fn get(&mut self, gzip: bool) -> io::Result<Vec<u8>> {
        let accept = if gzip { GZIP } else { "" };
        let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        let head = self.head()?;
        if head.split(' ').nth(1) != Some("200") {
            return Err(failure(format!("`/metrics` answered {head}")));
        }
        let field = |name: &str| {
            let fields = head.lines().filter_map(|line| line.split_once(':'));
            fields
                .into_iter()
                .find(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        match field("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => self.exactly(length),
            None if field("transfer-encoding") == Some("chunked") => self.chunks(),
            None => Err(failure(format!("an answer without a length: {head}"))),
        }
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
