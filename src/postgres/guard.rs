//! What stands between a server and the client: it follows the messages that come in, so that
//! no server gets a password in a form that it could use elsewhere, or fills our memory.
//!
//! Source: PostgreSQL's documentation, "Message Formats": a byte for the kind, four for the
//! length, itself included, then the content; of `R` the content begins with what is wanted.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The longest message: a row of ours has some hundred bytes, a statement's text 8 KiB.
const LONGEST_MESSAGE: u32 = 1 << 20;

/// Bytes before a message's content.
const HEAD: usize = 5;

/// The forms in which a password may be shown, from the most careful one on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// As SCRAM only, which tells a server nothing that it could use.
    Scram,
    /// As an MD5 hash, too, which can be tried out and, with some servers, used.
    Md5,
    /// As it is, since it is known who the server is.
    Plain,
}

/// What a server asks for by an `R` message.
const OK: u32 = 0;
const PLAIN: u32 = 3;
const MD5: u32 = 5;
const SASL: [u32; 3] = [10, 11, 12];

/// A connection whose messages are looked at.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    messages: Messages,
}

/// Where in the messages the bytes are that have come.
#[derive(Debug)]
struct Messages {
    trust: Trust,
    /// Whether we have been let in; `R` means nothing afterwards.
    let_in: bool,
    /// The head of a message, and of `R` the first four bytes of its content.
    head: [u8; HEAD + 4],
    has: usize,
    /// Bytes of the message's content that are to come.
    rest: u32,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, trust: Trust) -> Self {
        Guarded { stream, messages: Messages { trust, let_in: false, head: [0; HEAD + 4], has: 0, rest: 0 } }
    }
}

impl Messages {
    /// Follows some bytes.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.has < HEAD {
                let taken = bytes.len().min(HEAD - self.has);
                self.take(&mut bytes, taken);
                if self.has == HEAD {
                    self.begin()?;
                }
            } else if self.head[0] == b'R' && !self.let_in && self.has < HEAD + 4 && self.rest > 0 {
                let taken = bytes.len().min(HEAD + 4 - self.has).min(self.rest as usize);
                self.take(&mut bytes, taken);
                self.rest -= taken as u32;
                if self.has == HEAD + 4 {
                    self.asked()?;
                }
            } else {
                let passed = bytes.len().min(self.rest as usize);
                bytes = &bytes[passed..];
                self.rest -= passed as u32;
            }
            if self.has >= HEAD && self.rest == 0 {
                self.has = 0;
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &mut &[u8], count: usize) {
        let (taken, rest) = bytes.split_at(count);
        self.head[self.has..self.has + count].copy_from_slice(taken);
        self.has += count;
        *bytes = rest;
    }

    /// A message begins.
    fn begin(&mut self) -> io::Result<()> {
        let [_, a, b, c, d, ..] = self.head;
        let length = u32::from_be_bytes([a, b, c, d]);
        match length.checked_sub(4) {
            Some(rest) if length <= LONGEST_MESSAGE => self.rest = rest,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long to be one")),
        }
        Ok(())
    }

    /// The server has said what it wants of us.
    fn asked(&mut self) -> io::Result<()> {
        let [.., a, b, c, d] = self.head;
        let enough = match u32::from_be_bytes([a, b, c, d]) {
            OK => {
                self.let_in = true;
                Trust::Scram
            }
            PLAIN => Trust::Plain,
            MD5 => Trust::Md5,
            wanted if SASL.contains(&wanted) => Trust::Scram,
            // The client knows no other, and says so.
            _ => Trust::Scram,
        };
        if enough <= self.trust {
            return Ok(());
        }
        let how = if enough == Trust::Plain { "as it is" } else { "as MD5" };
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!(
                "the server wants the password {how}; only `scram-sha-256` shows it to no server that could keep it"
            ),
        ))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let followed = self.messages.follow(&buffer.filled()[before..]);
        if followed.is_err() {
            buffer.set_filled(before);
        }
        Poll::Ready(followed)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind][..], &(content.len() as u32 + 4).to_be_bytes(), content].concat()
    }

    fn asks(wanted: u32) -> Vec<u8> {
        message(b'R', &[&wanted.to_be_bytes()[..], b"SCRAM-SHA-256\0\0"].concat())
    }

    fn followed(trust: Trust, bytes: &[u8], step: usize) -> io::Result<()> {
        let mut messages = Guarded::new((), trust).messages;
        bytes.chunks(step.max(1)).try_for_each(|chunk| messages.follow(chunk))
    }

    #[test]
    fn a_password_is_shown_in_no_weaker_form_than_allowed() {
        for (trust, wanted, shown) in [
            (Trust::Scram, SASL[0], true),
            (Trust::Scram, MD5, false),
            (Trust::Scram, PLAIN, false),
            (Trust::Md5, MD5, true),
            (Trust::Md5, PLAIN, false),
            (Trust::Plain, PLAIN, true),
        ] {
            for step in 1..20 {
                let bytes = [message(b'N', b"notice"), asks(wanted)].concat();
                assert_eq!(followed(trust, &bytes, step).is_ok(), shown, "{trust:?} {wanted}");
            }
        }
    }

    #[test]
    fn once_let_in_the_same_letter_means_nothing() {
        let bytes = [asks(OK), message(b'R', &PLAIN.to_be_bytes())].concat();
        assert!(followed(Trust::Scram, &bytes, 3).is_ok());
    }

    #[test]
    fn a_message_without_end_is_refused_at_its_head() {
        for length in [0_u32, 3, LONGEST_MESSAGE + 1, u32::MAX] {
            let bytes = [&b"D"[..], &length.to_be_bytes()].concat();
            assert!(followed(Trust::Plain, &bytes, 2).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn where_bytes_are_cut_does_not_matter(
            contents in proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20)), 0..8),
            step in 1_usize..30,
        ) {
            let bytes: Vec<u8> = contents.iter().flat_map(|(kind, content)| message(*kind, content)).collect();
            let whole = followed(Trust::Scram, &bytes, bytes.len()).is_ok();
            prop_assert_eq!(followed(Trust::Scram, &bytes, step).is_ok(), whole);
        }

        #[test]
        fn any_bytes_are_followed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = followed(Trust::Scram, &bytes, 7);
        }
    }
}
