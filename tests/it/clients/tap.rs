//! A tap in the wire between programs and dockmeter: bytes go through as they are, and the
//! requests among them can be read and sent elsewhere, too.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What went by on each connection, from the program.
type Heard = Arc<Mutex<Vec<Arc<Mutex<Vec<u8>>>>>>;

/// The tap; closed when dropped.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    heard: Heard,
    closed: Arc<AtomicBool>,
}

/// A request that went by.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Headers that say what the body is, as `Content-Type: application/json`.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Tap {
    /// A tap before an address.
    pub(crate) fn before(target: SocketAddr) -> Tap {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (heard, closed) = (Heard::default(), Arc::new(AtomicBool::new(false)));
        let (keep, stop) = (heard.clone(), closed.clone());
        std::thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(to) = TcpStream::connect(target) {
                    let bytes = Arc::<Mutex<Vec<u8>>>::default();
                    keep.lock().expect("the connections").push(bytes.clone());
                    connect(&from, &to, bytes);
                }
            }
        });
        Tap { address, heard, closed }
    }

    /// The requests to a path that have gone by whole, connection by connection.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let heard = self.heard.lock().expect("the connections");
        let bytes = heard.iter().map(|bytes| bytes.lock().expect("bytes").clone());
        bytes.flat_map(|bytes| requests(&bytes)).filter(|request| request.path == path).collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

fn connect(program: &TcpStream, dockmeter: &TcpStream, heard: Arc<Mutex<Vec<u8>>>) {
    let twin = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    let (from, to) = (twin(program), twin(dockmeter));
    std::thread::spawn(move || carry(from, to, |piece| heard.lock().expect("bytes").extend(piece)));
    let (from, to) = (twin(dockmeter), twin(program));
    std::thread::spawn(move || carry(from, to, |_| ()));
}

fn carry(mut from: TcpStream, mut to: TcpStream, hear: impl Fn(&[u8])) {
    let mut piece = [0; 8192];
    while let Some(read) = from.read(&mut piece).ok().filter(|read| *read > 0) {
        hear(&piece[..read]);
        if to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The whole requests at the beginning of what one connection carried.
fn requests(mut bytes: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while let Some((request, rest)) = request(bytes) {
        requests.push(request);
        bytes = rest;
    }
    requests
}

fn request(bytes: &[u8]) -> Option<(Request, &[u8])> {
    let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
    let (head, rest) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 4..]);
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let header = |name: &str| {
        let mut pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let (body, rest) = if header("Transfer-Encoding").is_some_and(|value| value.contains("chunked")) {
        chunks(rest)?
    } else {
        let length = header("Content-Length").map_or(Some(0), |value| value.parse().ok())?;
        (rest.get(..length)?.to_vec(), &rest[length..])
    };
    let told = ["Content-Type", "Content-Encoding"];
    let headers = told.into_iter().filter_map(|name| Some(format!("{name}: {}", header(name)?))).collect();
    Some((Request { path, headers, body }, rest))
}

/// A body in chunks, put together.
fn chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let line = memchr::memmem::find(bytes, b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).ok()?, 16).ok()?;
        let chunk = bytes.get(line + 2..line + 2 + length)?;
        body.extend_from_slice(chunk);
        bytes = bytes.get(line + 4 + length..)?;
        if length == 0 {
            return Some((body, bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_off_the_wire_in_either_form() {
        let wire = b"POST /v1/metrics HTTP/1.1\r\nContent-Type: a/b\r\ncontent-length: 3\r\n\r\nabc\
            POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n\
            2\r\nde\r\n1\r\nf\r\n0\r\n\r\nPOST /v1/metrics HTTP/1.1\r\ncontent-length: 9\r\n\r\ntoo";
        let read = requests(wire);
        let told: Vec<_> =
            read.iter().map(|read| (&*read.path, read.headers.concat(), &*read.body)).collect();
        assert_eq!(
            told,
            [
                ("/v1/metrics", "Content-Type: a/b".to_owned(), &b"abc"[..]),
                ("/v1/traces", "Content-Encoding: gzip".to_owned(), b"def"),
            ]
        );
    }
}
