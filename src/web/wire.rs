//! What bytes of a client come over: TCP, or a socket in the file system; and the time that a
//! client may take to take an answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

/// A connection as it was accepted.
#[derive(Debug)]
pub(super) enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// The first byte of the client, which stays to be read; `None` if it has closed.
    pub(super) async fn peek(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let count = match self {
            Wire::Tcp(stream) => stream.peek(&mut byte).await?,
            Wire::Unix(stream) => loop {
                stream.readable().await?;
                let peeked = stream.try_io(tokio::io::Interest::READABLE, || {
                    Ok(rustix::net::recv(stream, &mut byte[..], RecvFlags::PEEK)?.0)
                });
                match peeked {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    count => break count?,
                }
            },
        };
        Ok((count > 0).then_some(byte[0]))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Wire::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Wire::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Wire::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither kind keeps anything back.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A wire whose client has to take what is written to it within some time, counted from the
/// moment it first had to be waited for: one that takes a byte now and then is cut, too.
#[derive(Debug)]
pub(super) struct Paced {
    wire: Wire,
    patience: Duration,
    /// Runs while the client is behind.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    pub(super) fn new(wire: Wire, patience: Duration) -> Self {
        Paced { wire, patience, waiting: None }
    }

    /// Starts the clock, or fails once it has run out.
    fn behind<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waiting.as_mut().poll(cx));
        let error = format!("the client did not take its answer within {patience:?}");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, error)))
    }
}

impl AsyncRead for Paced {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.wire).poll_write(cx, buf) {
            Poll::Pending => this.behind(cx),
            ready if this.waiting.is_none() => ready,
            // Something was taken, and still the clock runs.
            ready => match this.behind::<usize>(cx) {
                Poll::Pending => ready,
                late => late,
            },
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.wire).poll_write_vectored(cx, bufs) {
            Poll::Pending => this.behind(cx),
            ready if this.waiting.is_none() => ready,
            ready => match this.behind::<usize>(cx) {
                Poll::Pending => ready,
                late => late,
            },
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.wire).poll_flush(cx))?;
        // All that there was to write has been taken.
        this.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}
