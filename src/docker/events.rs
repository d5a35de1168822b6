//! The event stream: chunks of bytes in, one line at a time out.

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::types::{Heard, Malformed, read_event};

/// An event carries all labels of its container; nothing sensible is longer.
const MAX_LINE: usize = 1 << 20;

/// A longer line is thrown away, since ending the stream would only bring it again; beyond
/// this it is no line of an engine.
const ENDLESS_LINE: usize = 64 << 20;

/// A subscription that is being read. Dropping it ends it.
#[derive(Debug)]
pub(super) struct EventStream {
    body: Incoming,
    buffer: BytesMut,
    /// How much of the buffer is known to hold no end of line.
    scanned: usize,
    /// How much of the line that is coming in has been thrown away because it is too long.
    skipped: usize,
}

/// Why a stream says nothing more.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The engine closed it, as it does when it stops.
    #[error("the engine closed the event stream")]
    Ended,
    /// What comes is no event.
    #[error("the event stream brought a line of more than {ENDLESS_LINE} bytes; is this an engine?")]
    Endless,
    /// The connection broke.
    #[error("the event stream broke: {0}")]
    Broken(#[from] hyper::Error),
}

impl EventStream {
    pub(super) fn new(body: Incoming) -> Self {
        EventStream { body, buffer: BytesMut::new(), scanned: 0, skipped: 0 }
    }

    /// The next line, read: an event, or a line that cannot be understood or is too long.
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Result<Heard, Malformed>, StreamError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) {
                let line = self.buffer.split_to(self.scanned + end + 1);
                self.scanned = 0;
                if std::mem::take(&mut self.skipped) > 0 {
                    return Ok(Err(Malformed::too_long(MAX_LINE)));
                }
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Ok(read_event(&line));
            }
            if self.skipped > 0 || self.buffer.len() > MAX_LINE {
                self.skipped += self.buffer.len();
                self.buffer.clear();
            }
            if self.skipped > ENDLESS_LINE {
                return Err(StreamError::Endless);
            }
            self.scanned = self.buffer.len();
            let frame = self.body.frame().await.ok_or(StreamError::Ended)??;
            if let Some(bytes) = frame.data_ref() {
                self.buffer.extend_from_slice(bytes);
            }
        }
    }
}
