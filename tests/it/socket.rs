//! The smallest client of a WebSocket that a test needs, on a thread of its own.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use serde_json::Value;

use crate::poll::patience;

/// A WebSocket.
pub(crate) struct Socket {
    messages: Receiver<Message>,
    stream: TcpStream,
}

/// What comes.
#[derive(Debug)]
pub(crate) enum Message {
    Text(Value),
    /// It is closed, with a code.
    Closed(u16),
}

/// Asks for one, and gives the status of the answer and what follows its head.
pub(crate) fn open(address: SocketAddr, path: &str, headers: &[&str]) -> (u16, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).expect("dockmeter takes a connection");
    let usual = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{usual}");
    let head = std::iter::once(head.as_str()).chain(headers.iter().copied()).collect::<Vec<_>>();
    write!(stream, "{}\r\n\r\n", head.join("\r\n")).expect("a request");
    let mut lines = BufReader::new(stream);
    let mut status = String::new();
    lines.read_line(&mut status).expect("a status");
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(lines.read_line(&mut line).expect("a header") > 0, "the head has an end");
    }
    (status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), lines)
}

/// The next frame: its kind and what it holds.
fn frame(lines: &mut impl io::Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    lines.read_exact(&mut head)?;
    let more = match head[1] {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mut length = [0; 8];
    lines.read_exact(&mut length[8 - more..])?;
    let length = if more == 0 { head[1].into() } else { u64::from_be_bytes(length) };
    let mut payload = Vec::new();
    lines.take(length).read_to_end(&mut payload)?;
    Ok((head[0] & 0x0f, payload))
}

/// Says something, masked with zeros.
fn say(mut stream: &TcpStream, kind: u8, payload: &[u8]) {
    let length = u8::try_from(payload.len()).expect("a short message");
    // Who has closed hears nothing.
    let _ = stream.write_all(&[&[0x80 | kind, 0x80 | length, 0, 0, 0, 0], payload].concat());
}

impl Socket {
    /// One that was let in with a token, shown as a browser can.
    pub(crate) fn open(address: SocketAddr, token: &str, path: &str) -> Self {
        let login = format!("Sec-WebSocket-Protocol: dockmeter, dockmeter.bearer.{token}");
        let (status, mut lines) = open(address, path, &[&login]);
        assert_eq!(status, 101);
        let stream = lines.get_ref().try_clone().expect("its socket");
        let (tell, messages) = channel();
        let answers = stream.try_clone().expect("its socket");
        std::thread::spawn(move || {
            while let Ok((kind, payload)) = frame(&mut lines) {
                let message = match kind {
                    1 => Message::Text(serde_json::from_slice(&payload).expect("JSON")),
                    8 => Message::Closed(u16::from_be_bytes([payload[0], payload[1]])),
                    9 => {
                        say(&answers, 10, &payload);
                        continue;
                    }
                    _ => continue,
                };
                let over = matches!(message, Message::Closed(_));
                if over {
                    say(&answers, 8, &payload[..2]);
                }
                if tell.send(message).is_err() || over {
                    return;
                }
            }
        });
        Socket { messages, stream }
    }

    /// What comes next; `None` once the connection is cut.
    pub(crate) fn next(&self) -> Option<Message> {
        match self.messages.recv_timeout(patience()) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no message came"),
        }
    }

    /// The next message.
    pub(crate) fn message(&self) -> Value {
        match self.next() {
            Some(Message::Text(message)) => message,
            other => panic!("there is {other:?} and no message"),
        }
    }

    /// Says a word.
    pub(crate) fn say(&self, word: &str) {
        say(&self.stream, 1, word.as_bytes());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
