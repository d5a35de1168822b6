//! One connection: the handshake of TLS, then HTTP/1.1 or HTTP/2, each wait with a deadline.
//!
//! `axum::serve` gives hyper no timer, so a client that sends its header byte by byte would
//! hold a connection for ever. Here the handshake, a header, an answer's making, its taking and
//! an idle connection all end. A request may ask for another protocol over the same connection
//! (`socket`); who speaks it then takes the connection over, and its place in the server with it.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use hyper::Request;
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::crowd::Client;
use super::listen::Origin;
use super::problem::{Kind, Problem};
use super::seats::HeldSeat;
use super::server::Options;
use super::tls::{ALPN_H2, Shown, Tls};
use super::wire::{Paced, Wire};

/// Bytes of a request's header: enough for any cookie or token, and no more.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Lines of a request's header.
const MAX_HEADERS: usize = 100;

/// Requests at once over one connection of HTTP/2; each may hold a page.
const MAX_STREAMS: u32 = 16;

/// The first byte of a handshake of TLS (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;

/// What Go's servers say, and people look for.
const PLAIN_TO_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// What is known of a connection when its requests are answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) client: Client,
    /// What the client has shown in the handshake.
    pub(super) shown: Shown,
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        let nobody = Client::at(std::net::Ipv6Addr::UNSPECIFIED.into());
        Ok(parts.extensions.get().copied().unwrap_or(Visit { client: nobody, shown: Shown::Nothing }))
    }
}

/// How a connection is served.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) options: Options,
    pub(super) router: axum::Router,
    /// Asks it to end after what is being answered.
    pub(super) stop: CancellationToken,
    /// Whether anything is.
    pub(super) activity: Arc<Activity>,
    /// Its place among the connections.
    pub(super) seat: HeldSeat,
}

/// The connection that a request came over, for answers that last.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Asks the answer to end.
    pub(super) stop: CancellationToken,
    pub(super) seat: HeldSeat,
    /// Whether other requests are answered over it at the same time.
    pub(super) http2: bool,
    /// Who speaks over it when HTTP is over.
    successor: Arc<Mutex<Option<Successor>>>,
}

/// What goes on with a connection that speaks HTTP no more.
struct Successor(BoxFuture<'static, ()>);

impl std::fmt::Debug for Successor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Successor")
    }
}

impl Line {
    /// Has this done once HTTP is over, for as long as the connection would be served.
    pub(super) fn hand_over(&self, to: impl Future<Output = ()> + Send + 'static) {
        *self.successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(Successor(Box::pin(to)));
    }

    /// Goes on with what has been handed over.
    async fn go_on(&self) {
        let successor = self.successor.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Successor(going_on)) = successor {
            going_on.await;
        }
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Line {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}

/// Answers the requests of one connection.
pub(super) async fn serve(wire: Wire, origin: Origin, tls: Option<Tls>, serving: Serving) {
    let client = origin.client;
    let served = match tls {
        None => plain(wire, origin, serving).await,
        Some(tls) => secured(wire, origin, &tls, serving).await,
    };
    // What clients do wrong is no news; it is for who looks for it.
    if let Err(error) = served {
        tracing::debug!(%error, peer = ?client, "a connection ended early");
    }
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn plain(wire: Wire, origin: Origin, serving: Serving) -> Ended {
    bound(&wire, serving.options)?;
    let visit = Visit { client: origin.client, shown: Shown::Nothing };
    speak(Paced::new(wire, serving.options.answer_deadline), false, origin, visit, serving).await
}

async fn secured(wire: Wire, origin: Origin, tls: &Tls, serving: Serving) -> Ended {
    let options = serving.options;
    bound(&wire, options)?;
    let shaken =
        tokio::time::timeout(options.header_deadline, handshake(wire, origin.on_this_machine, tls, options));
    let shaken = tokio::select! {
        shaken = shaken => shaken,
        () = serving.stop.cancelled() => return Ok(()),
    };
    let Some(stream) = shaken.map_err(|_| "the handshake of TLS took too long")?? else { return Ok(()) };
    let (_, connection) = stream.get_ref();
    let visit = Visit { client: origin.client, shown: tls.shown(connection) };
    let http2 = connection.alpn_protocol() == Some(ALPN_H2);
    speak(stream, http2, origin, visit, serving).await
}

/// The kernel gives up a client that takes nothing, also after the connection is closed here.
fn bound(wire: &Wire, options: Options) -> io::Result<()> {
    let Wire::Tcp(stream) = wire else { return Ok(()) };
    let stalled_ms = u32::try_from(options.answer_deadline.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, stalled_ms)?;
    stream.set_nodelay(true)
}

/// The handshake; `None` where the client does not speak TLS and was told so.
async fn handshake(
    mut wire: Wire,
    on_this_machine: bool,
    tls: &Tls,
    options: Options,
) -> io::Result<Option<TlsStream<Paced>>> {
    match wire.peek().await? {
        None => return Ok(None),
        Some(HANDSHAKE) => {}
        Some(letter) if letter.is_ascii_uppercase() => {
            // Taken, so that closing does not take the answer back.
            let _ = wire.read(&mut [0; MAX_HEADER_BYTES]).await?;
            wire.write_all(PLAIN_TO_TLS).await?;
            wire.shutdown().await?;
            return Ok(None);
        }
        Some(_) => return Err(io::Error::other("this is neither TLS nor HTTP")),
    }
    let acceptor = TlsAcceptor::from(tls.config(on_this_machine));
    acceptor.accept(Paced::new(wire, options.answer_deadline)).await.map(Some)
}

/// Speaks HTTP over a connection that is ready for it.
async fn speak<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    io: IO,
    http2: bool,
    origin: Origin,
    visit: Visit,
    serving: Serving,
) -> Ended {
    let Serving { options, router, stop, activity, seat } = serving;
    let busy = activity.clone();
    let line = Line { stop: stop.clone(), seat, http2, successor: Arc::default() };
    let handed_over = line.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(origin.peer);
        if let Some(correspondent) = &origin.correspondent {
            request.extensions_mut().insert(correspondent.clone());
        }
        request.extensions_mut().insert(visit);
        request.extensions_mut().insert(line.clone());
        answer(router.clone(), request, options.request_deadline, Answering::new(busy.clone()))
    });
    if http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES as u32)
            .serve_connection(TokioIo::new(io), service);
        let idle = activity.idle(options.header_deadline);
        return Ok(watch(connection, |connection| connection.graceful_shutdown(), idle, options, stop).await?);
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_deadline)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS)
        .keep_alive(options.keep_alive)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    // hyper's deadline of the header is that of an idle connection, too.
    let idle = std::future::pending();
    watch(connection, |connection| connection.graceful_shutdown(), idle, options, stop).await?;
    handed_over.go_on().await;
    Ok(())
}

/// Runs a connection until it ends, is idle for too long, or is to stop; `end` asks it to.
async fn watch<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    end: impl FnOnce(Pin<&mut C>),
    idle: impl Future<Output = ()>,
    options: Options,
    stop: CancellationToken,
) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = stop.cancelled() => {}
        () = idle => {}
    }
    end(connection.as_mut());
    // Who is slow to see that the connection ends loses it; at a stop the server is quicker.
    tokio::time::timeout(options.answer_deadline, connection).await.unwrap_or(Ok(()))
}

/// Answers one request; one that takes too long is given up.
async fn answer(
    router: axum::Router,
    request: Request<Incoming>,
    deadline: Duration,
    answering: Answering,
) -> Result<Response<Counted>, Infallible> {
    let response = match tokio::time::timeout(deadline, router.oneshot(request)).await {
        Ok(Ok(response)) => response,
        Err(_) => {
            let detail = format!("the answer was not ready within {deadline:?}; try again in a moment");
            Problem::new(Kind::Unavailable, detail).into_response()
        }
    };
    Ok(response.map(|body| Counted { body, _answering: answering }))
}

/// How many requests of a connection are being answered, and since when none is.
#[derive(Debug)]
pub(super) struct Activity(Mutex<(usize, Instant)>);

impl Default for Activity {
    /// Of a connection that has just begun.
    fn default() -> Self {
        Activity(Mutex::new((0, Instant::now())))
    }
}

impl Activity {
    /// Since when nothing is being answered, if nothing is.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let (running, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (running == 0).then_some(since)
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = (change(state.0), Instant::now());
    }

    /// Ends when nothing has been answered for some time.
    async fn idle(&self, limit: Duration) {
        loop {
            let (running, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let from = if running > 0 { Instant::now() } else { since };
            let until = from + limit;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Activity>);

impl Answering {
    /// From now on, until it is dropped.
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        activity.change(|running| running + 1);
        Answering(activity)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.change(|running| running.saturating_sub(1));
    }
}

/// The body of an answer, which is being answered until it has been handed over.
#[derive(Debug)]
struct Counted {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
