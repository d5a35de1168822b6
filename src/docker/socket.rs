//! Opens connections to the engine for the pool: over a Unix socket, or TCP with or without TLS.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tower::Service;

use super::tls;
use crate::config::{Docker, Endpoint, TlsFiles};

/// How long a TCP connection may be silent before the kernel probes it: the event stream of
/// a host that vanished would otherwise look quiet for ever.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Makes connections to one endpoint, whatever address is asked for.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    /// Where the engine listens.
    pub(super) endpoint: Endpoint,
    /// The certificates, where TLS is spoken over `tcp://`.
    pub(super) tls: Option<TlsFiles>,
}

impl From<Endpoint> for Connector {
    /// Without TLS.
    fn from(endpoint: Endpoint) -> Self {
        Connector { endpoint, tls: None }
    }
}

/// A connection to the engine.
#[derive(Debug)]
pub(super) struct Socket(Either<UnixStream, Either<TcpStream, Box<TlsStream<TcpStream>>>>);

impl Connector {
    /// The way to an engine: where nobody said where it is, the first socket that exists.
    pub(super) fn to(engine: &Docker) -> Self {
        let missing = |path: &PathBuf| !path.exists();
        let found = match &engine.host {
            Endpoint::Unix(path) if missing(path) => engine.elsewhere.iter().find(|path| !missing(path)),
            _ => None,
        };
        let endpoint = found.map_or_else(|| engine.host.clone(), |path| Endpoint::Unix(path.clone()));
        Connector { endpoint, tls: engine.tls() }
    }

    async fn connect(self) -> io::Result<TokioIo<Socket>> {
        let host = self.endpoint.host_name().unwrap_or_default();
        let socket = match &self.endpoint {
            Endpoint::Unix(path) => Either::Left(UnixStream::connect(path).await?),
            Endpoint::Tcp(authority) => {
                let stream = TcpStream::connect(authority).await?;
                stream.set_nodelay(true)?;
                sockopt::set_socket_keepalive(&stream, true)?;
                sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE)?;
                Either::Right(match &self.tls {
                    Some(files) => Either::Right(Box::new(tls::connect(stream, host, files).await?)),
                    None => Either::Left(stream),
                })
            }
        };
        Ok(TokioIo::new(Socket(socket)))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<TokioIo<Socket>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
