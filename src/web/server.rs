//! Listeners, and an accept loop that keeps connections in bounds.
//!
//! `axum::serve` gives hyper no timer, so a client that sends its header byte by byte would
//! hold a connection for ever. Here every wait has a deadline: the header's, the reader's
//! that takes nothing, and that of a graceful stop. Connections beyond the bound wait in the
//! kernel's backlog; those of a network beyond its share are closed, so that nobody without a
//! token can keep a scraper out by holding them all.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::access::Peer;
use super::crowd::{Crowd, Place};

/// Connections at once, over all listeners. Scrapers and people need a few dozen; each costs
/// a descriptor and some kilobytes.
const MAX_CONNECTIONS: usize = 256;

/// Connections at once of one address (IPv4) or network (IPv6 /64): more than a scraper with
/// its parallel jobs or a browser opens.
const MAX_PER_PEER: usize = 64;

/// How long a client may take to send a request's header; also how long an idle connection
/// is kept. Not a usual scrape interval, so that no scraper's request crosses our closing.
const HEADER_DEADLINE: Duration = Duration::from_secs(25);

/// How long a client may take nothing of an answer before the kernel gives it up.
const STALLED_READER_DEADLINE: Duration = Duration::from_secs(30);

/// How long a stop waits for answers that are being sent.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of a request's header: enough for any cookie or token, and no more.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Pause after an accept that failed, usually for want of descriptors, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of connections; the defaults are this module's constants.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at once, over all listeners.
    pub max_connections: usize,
    /// Connections at once of one address or IPv6 network.
    pub max_per_peer: usize,
    /// How long a client may take to send a request's header.
    pub header_deadline: Duration,
    /// How long a stop waits for answers that are being sent.
    pub stop_deadline: Duration,
}

impl Options {
    /// The defaults, but at most half of the descriptors this process may open: what containers
    /// use is read even while somebody holds every connection that there is.
    pub fn of_this_process() -> Self {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        let half = limit.map_or(usize::MAX, |limit| (limit / 2).max(1));
        let defaults = Options::default();
        Options {
            max_connections: defaults.max_connections.min(half),
            max_per_peer: defaults.max_per_peer.min(half),
            ..defaults
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_connections: MAX_CONNECTIONS,
            max_per_peer: MAX_PER_PEER,
            header_deadline: HEADER_DEADLINE,
            stop_deadline: STOP_DEADLINE,
        }
    }
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("could not listen on `{address}`: {source}; free it, or choose another with `--web.listen-address`")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the kernel said.
    pub source: io::Error,
}

/// Sockets that listen, and are not served yet.
#[derive(Debug)]
pub struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Listens on every address, or on none.
    ///
    /// # Errors
    /// The first address that is taken, not this machine's, or not allowed.
    pub async fn bind(addresses: &[SocketAddr]) -> Result<Self, BindError> {
        let mut listeners = Vec::with_capacity(addresses.len());
        for &address in addresses {
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|source| BindError { address, source })?);
        }
        Ok(Listeners(listeners))
    }

    /// The addresses listened on, with the actual port where port 0 was asked for.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }
}

/// Serves every listener until `cancel`, then lets answers finish for a while.
pub async fn serve(listeners: Listeners, options: Options, router: Router, cancel: CancellationToken) {
    let room = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    let room = Room { all: room, crowd: Crowd::new(options.max_per_peer) };
    let mut loops = JoinSet::new();
    for listener in listeners.0 {
        loops.spawn(serve_one(listener, options, router.clone(), room.clone(), cancel.clone()));
    }
    while loops.join_next().await.is_some() {}
}

/// What connections of all listeners share.
#[derive(Clone)]
struct Room {
    all: Arc<Semaphore>,
    crowd: Arc<Crowd>,
}

async fn serve_one(
    listener: TcpListener,
    options: Options,
    router: Router,
    room: Room,
    cancel: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    // Dropping the set at the end ends the connections that outlive the stop.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room.all) => accepted,
        };
        match accepted {
            Ok((stream, peer, permit)) => {
                let Some(place) = room.crowd.admit(peer.ip()) else {
                    tracing::debug!(%peer, "closed a connection: its peer has too many");
                    continue;
                };
                connections.spawn(connection(
                    stream,
                    peer,
                    options,
                    router.clone(),
                    graceful.watcher(),
                    (permit, place),
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(options.stop_deadline, graceful.shutdown()).await.is_err() {
        tracing::warn!(deadline = ?options.stop_deadline, "connections were cut that did not end in time");
    }
}

/// The next connection, once there is room for it. Safe to cancel: nothing is taken from the
/// backlog before the permit is held.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Answers the requests of one connection.
async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    options: Options,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    _room: (OwnedSemaphorePermit, Place),
) {
    let stalled_ms = u32::try_from(STALLED_READER_DEADLINE.as_millis()).unwrap_or(u32::MAX);
    let bounded = rustix::net::sockopt::set_tcp_user_timeout(&stream, stalled_ms).map_err(io::Error::from);
    if let Err(error) = bounded.and_then(|()| stream.set_nodelay(true)) {
        tracing::debug!(%error, peer = %address, "the peer went before it could be answered");
        return;
    }
    let peer = Peer::new(address.ip());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_deadline)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, peer = %address, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
