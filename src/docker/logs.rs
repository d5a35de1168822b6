//! Log lines of containers, from the engine.
//!
//! Source: `GET /containers/{id}/logs`. Without a terminal the answer is in frames of eight bytes
//! of head (which output, three zeros, the length in big-endian) and a piece of a line; with a
//! terminal it is the bytes as they were written. Every piece begins with its time, as it is asked
//! for, and that begins with a digit: so the first byte tells which of the two it is, whatever the
//! engine says of the answer's type. A line longer than 16 KiB comes in several pieces. With
//! `follow=1` the answer goes on until the container's run ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::unfold;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::client::{CallError, Client};
use crate::inventory::{Container, ContainerId};
use crate::snapshot::{LogError, LogFlow, LogLine, LogQuery, LogSource, LogStream};

/// How long one answer may take, from the question to its last byte.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long an answer that is followed may be silent: a container may have nothing to say, but of
/// a connection that is dead, too, nothing is heard. Who follows begins anew then.
const SILENCE: Duration = Duration::from_secs(300);

/// Logs that are read at the same time; others wait for their turn within the deadline.
const AT_ONCE: usize = 4;

/// Lines among which wanted ones are looked for.
const SCANNED: usize = 50_000;

/// Bytes of a line that are kept.
const LINE_BYTES: usize = 16 << 10;

/// Bytes of lines that are kept; of more the newest.
const KEPT_BYTES: usize = 8 << 20;

/// Reads logs from the engine.
#[derive(Debug)]
pub struct EngineLogs {
    clients: watch::Receiver<Option<Client>>,
    room: Arc<Semaphore>,
}

impl EngineLogs {
    pub(super) fn new(clients: watch::Receiver<Option<Client>>) -> Self {
        EngineLogs { clients, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    fn client(&self) -> Result<Client, LogError> {
        let unreachable = || LogError::OutOfReach("the engine is not reachable".to_owned());
        self.clients.borrow().clone().ok_or_else(unreachable)
    }

    async fn read(&self, container: &Container, query: LogQuery) -> Result<Vec<LogLine>, LogError> {
        let Ok(_place) = self.room.acquire().await else { return Err(LogError::Busy) };
        let client = self.client()?;
        let asked = if query.wanted.is_some() { SCANNED } else { query.tail };
        let body = client.logs(container.id, asked, query.since).await.map_err(explained)?;
        collect(body, query).await
    }
}

impl LogSource for EngineLogs {
    fn lines<'s>(
        &'s self,
        container: &'s Container,
        query: LogQuery,
    ) -> BoxFuture<'s, Result<Vec<LogLine>, LogError>> {
        let lines =
            async { timeout(DEADLINE, self.read(container, query)).await.unwrap_or(Err(LogError::Busy)) };
        Box::pin(lines)
    }

    fn follow(&self, id: ContainerId, since: Option<Timestamp>) -> BoxFuture<'_, Result<LogFlow, LogError>> {
        Box::pin(async move {
            let body = self.client()?.follow_logs(id, since, SILENCE).await.map_err(explained)?;
            let flow = Flow { body, reader: Reader::default(), over: false };
            let flow: LogFlow = Box::pin(unfold(flow, Flow::next));
            Ok(flow)
        })
    }
}

fn explained(error: CallError) -> LogError {
    match error {
        error if error.is_gone() => LogError::Gone,
        CallError::Refused { message, .. } => LogError::OutOfReach(format!(
            "the engine does not give this container's log: {message}; it keeps logs to be read with the logging \
             drivers `json-file`, `local` and `journald`"
        )),
        other => LogError::OutOfReach(other.to_string()),
    }
}

fn broke_off(error: &hyper::Error) -> LogError {
    LogError::OutOfReach(format!("the engine broke off: {error}"))
}

/// An answer that goes on.
struct Flow {
    body: Incoming,
    reader: Reader,
    over: bool,
}

impl Flow {
    /// The lines that come next. What is left of a line when the engine breaks off is not one: it
    /// comes whole when somebody begins anew.
    async fn next(mut self) -> Option<(Result<Vec<LogLine>, LogError>, Self)> {
        while !self.over {
            let mut lines = Vec::new();
            match timeout(SILENCE, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let bytes = frame.data_ref().map_or(&[][..], |bytes| bytes);
                    self.reader.read(bytes, &mut |line| lines.push(line));
                }
                Ok(Some(Err(error))) => {
                    self.over = true;
                    return Some((Err(broke_off(&error)), self));
                }
                Ok(None) => {
                    self.over = true;
                    self.reader.end(&mut |line| lines.push(line));
                }
                Err(_) => return None,
            }
            if !lines.is_empty() {
                return Some((Ok(lines), self));
            }
        }
        None
    }
}

async fn collect(mut body: Incoming, query: LogQuery) -> Result<Vec<LogLine>, LogError> {
    let mut kept = Kept { query, lines: VecDeque::new(), bytes: 0 };
    let mut reader = Reader::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broke_off(&error))?;
        if let Some(bytes) = frame.data_ref() {
            reader.read(bytes, &mut |line| kept.take(line));
        }
    }
    reader.end(&mut |line| kept.take(line));
    Ok(kept.lines.into())
}

/// The newest wanted lines so far.
struct Kept {
    query: LogQuery,
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl Kept {
    fn take(&mut self, line: LogLine) {
        if self.query.wanted.as_ref().is_some_and(|wanted| !wanted(&line.line)) {
            return;
        }
        self.bytes += line.line.len();
        self.lines.push_back(line);
        while self.lines.len() > self.query.tail || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.line.len();
        }
    }
}

/// How an answer is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    #[default]
    NotKnown,
    Framed,
    Terminal,
}

/// The piece of a frame that is coming in.
#[derive(Debug, Default)]
struct Piece {
    head: [u8; 8],
    /// Bytes of the head that have come.
    begun: usize,
    /// Bytes that are still to come.
    left: usize,
    /// Whether its time has been read, or cannot be.
    timed: bool,
}

/// Turns an answer's bytes, however they are cut, into lines.
#[derive(Debug, Default)]
pub(super) struct Reader {
    form: Form,
    piece: Piece,
    /// Lines that are coming in, of both outputs.
    lines: [Line; 2],
}

/// A line that is coming in.
#[derive(Debug, Default)]
struct Line {
    /// The beginning of a piece, until its time can be read.
    time: Vec<u8>,
    timestamp: Option<Timestamp>,
    text: Vec<u8>,
    begun: bool,
}

/// Longer than any time that an engine writes.
const TIME_BYTES: usize = 64;

impl Reader {
    /// Takes what has come.
    pub(super) fn read(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(LogLine)) {
        if let (Form::NotKnown, Some(first)) = (self.form, bytes.first()) {
            self.form = if *first <= 2 { Form::Framed } else { Form::Terminal };
        }
        if self.form == Form::Terminal {
            return self.of_terminal(bytes, take);
        }
        while !bytes.is_empty() {
            let piece = &mut self.piece;
            if piece.begun < 8 {
                let count = bytes.len().min(8 - piece.begun);
                piece.head[piece.begun..piece.begun + count].copy_from_slice(&bytes[..count]);
                (piece.begun, bytes) = (piece.begun + count, &bytes[count..]);
                if piece.begun < 8 {
                    return;
                }
                let [_, _, _, _, length @ ..] = piece.head;
                piece.left = u32::from_be_bytes(length) as usize;
                piece.timed = false;
            }
            let (now, rest) = bytes.split_at(bytes.len().min(piece.left));
            piece.left -= now.len();
            bytes = rest;
            self.of_piece(now, take);
            if self.piece.left == 0 {
                self.piece.begun = 0;
            }
        }
    }

    /// Bytes of a frame. Its first word is the time of the piece; the first piece's is the line's.
    fn of_piece(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(LogLine)) {
        let stream = if self.piece.head[0] == 2 { LogStream::Stderr } else { LogStream::Stdout };
        let line = &mut self.lines[stream as usize];
        if !self.piece.timed {
            (bytes, self.piece.timed) = line.read_time(bytes);
        }
        if self.piece.left == 0 {
            line.take_back_time();
        }
        line.read(bytes, stream, take);
    }

    /// Bytes of a terminal: every line begins with its time.
    fn of_terminal(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(LogLine)) {
        let line = &mut self.lines[0];
        while !bytes.is_empty() {
            if !self.piece.timed {
                (bytes, self.piece.timed) = line.read_time(bytes);
                continue;
            }
            let end = memchr::memchr(b'\n', bytes).map(|end| end + 1);
            let (now, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            line.read(now, LogStream::Stdout, take);
            self.piece.timed = end.is_none();
            bytes = rest;
        }
    }

    /// The last lines, which have no end.
    pub(super) fn end(&mut self, take: &mut dyn FnMut(LogLine)) {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let line = &mut self.lines[stream as usize];
            line.take_back_time();
            if line.begun {
                take(line.finish(stream));
            }
        }
    }
}

impl Line {
    /// Reads the time at the beginning of a piece, which ends with a space; gives what is left, and
    /// whether the time is over.
    fn read_time<'b>(&mut self, bytes: &'b [u8]) -> (&'b [u8], bool) {
        let looked = &bytes[..bytes.len().min(TIME_BYTES - self.time.len())];
        let end = memchr::memchr2(b' ', b'\n', looked);
        let (time, rest) = bytes.split_at(end.unwrap_or(looked.len()));
        self.time.extend_from_slice(time);
        let is_time = rest.first() == Some(&b' ') && end.is_some();
        if end.is_none() && self.time.len() < TIME_BYTES {
            return (rest, false);
        }
        let at = std::str::from_utf8(&self.time).ok().filter(|_| is_time).and_then(|text| text.parse().ok());
        if at.is_none() {
            self.take_back_time();
            return (rest, true);
        }
        self.time.clear();
        if !self.begun {
            self.timestamp = at;
        }
        self.begun = true;
        (&rest[1..], true)
    }

    /// It was no time: it belongs to the line.
    fn take_back_time(&mut self) {
        let text = std::mem::take(&mut self.time);
        self.begun |= !text.is_empty();
        self.push(&text);
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES.saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Takes bytes of the line, and of those after it that have come in the same piece.
    fn read(&mut self, mut bytes: &[u8], stream: LogStream, take: &mut dyn FnMut(LogLine)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.push(&bytes[..end]);
            take(self.finish(stream));
            bytes = &bytes[end + 1..];
        }
        if !bytes.is_empty() {
            self.begun = true;
            self.push(bytes);
        }
    }

    fn finish(&mut self, stream: LogStream) -> LogLine {
        let text = std::mem::take(&mut self.text);
        let text = text.strip_suffix(b"\r").unwrap_or(&text);
        self.begun = false;
        let line = String::from_utf8_lossy(text).into_owned();
        LogLine { stream, timestamp: self.timestamp.take(), line }
    }
}

#[cfg(test)]
mod tests;
