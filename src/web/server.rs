//! Accept loops that keep connections in bounds.
//!
//! A client has a share of the connections, so that nobody without a token can keep a scraper
//! out by holding them all. Who comes when there is no room waits in a lobby: a few connections
//! of a few seconds, in which probes are answered and everything else with 503. When the lobby
//! is full, its oldest connection makes room, so that a probe is answered whoever holds what.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use super::listen::{BindError, Listeners};

use super::connection;
use super::crowd::{Client, Crowd, Place};
use super::entrance::Entrance;
use super::listen::Listener;
use super::problem::{Kind, Problem};
use super::router::needs_nothing;

/// Connections at once, over all listeners. Scrapers and people need a few dozen; each costs
/// a descriptor and some kilobytes.
const MAX_CONNECTIONS: usize = 256;

/// Quarters of all connections that programs may have who send what they measure: the rest is
/// left for who reads it.
const QUARTERS_OF_PROGRAMS: usize = 3;

/// Connections at once of one client: more than a scraper with its parallel jobs or a browser
/// opens.
const MAX_PER_PEER: usize = 64;

/// Connections at once that are told that there is no room.
const MAX_IN_LOBBY: usize = 32;

/// How long a connection may be told so.
const LOBBY_DEADLINE: Duration = Duration::from_secs(3);

/// How long a client may take to send a request's header or to end the handshake of TLS; also
/// how long an idle connection is kept. Not a usual scrape interval, so that no scraper's
/// request crosses our closing.
const HEADER_DEADLINE: Duration = Duration::from_secs(25);

/// How long an answer may take to be made; every part of it has a shorter deadline of its own.
const REQUEST_DEADLINE: Duration = Duration::from_secs(60);

/// How long a client may take to take an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// How long a stop waits for answers that are being sent.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Pause after an accept that failed, usually for want of descriptors, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of connections; the defaults are this module's constants.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at once, over all listeners.
    pub max_connections: usize,
    /// Connections at once of one address or IPv6 network.
    pub max_per_peer: usize,
    /// How long a client may take to send a request's header, and a connection may be idle.
    pub header_deadline: Duration,
    /// How long an answer may take to be made.
    pub request_deadline: Duration,
    /// How long a client may take to take an answer.
    pub answer_deadline: Duration,
    /// How long a stop waits for answers that are being sent.
    pub stop_deadline: Duration,
    /// Connections at once that are told that there is no room.
    pub(super) max_in_lobby: usize,
    /// Whether a connection may have a second request.
    pub(super) keep_alive: bool,
}

impl Options {
    /// The defaults, but at most a quarter of the descriptors that this process may open, and few
    /// more in the lobby: what containers use is read even while somebody holds every connection
    /// that there is.
    pub fn of_this_process() -> Self {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        let quarter = limit.map_or(usize::MAX, |limit| (limit / 4).max(1));
        let defaults = Options::default();
        Options {
            max_connections: defaults.max_connections.min(quarter),
            max_per_peer: defaults.max_per_peer.min(quarter),
            max_in_lobby: defaults.max_in_lobby.min((quarter / 4).max(1)),
            ..defaults
        }
    }

    fn of_the_lobby(self) -> Self {
        Options { header_deadline: self.header_deadline.min(LOBBY_DEADLINE), keep_alive: false, ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_connections: MAX_CONNECTIONS,
            max_per_peer: MAX_PER_PEER,
            header_deadline: HEADER_DEADLINE,
            request_deadline: REQUEST_DEADLINE,
            answer_deadline: ANSWER_DEADLINE,
            stop_deadline: STOP_DEADLINE,
            max_in_lobby: MAX_IN_LOBBY,
            keep_alive: true,
        }
    }
}

/// What listeners serve, and how.
#[derive(Clone)]
struct Service {
    router: Router,
    lobby_router: Router,
    entrance: Arc<Entrance>,
    options: Options,
    room: Room,
    /// What these listeners may have of the room; `None` is all of it.
    share: Option<Arc<Semaphore>>,
}

/// Serves listeners until `cancel`, then lets answers finish for a while. Each set of listeners
/// has routes of its own; connections of all count together.
pub async fn serve(
    listeners: Vec<(Listeners, Router)>,
    options: Options,
    entrance: Arc<Entrance>,
    cancel: CancellationToken,
) {
    let room = Room::new(options);
    let of_programs = Arc::new(Semaphore::new((options.max_connections / 4 * QUARTERS_OF_PROGRAMS).max(1)));
    let mut loops = JoinSet::new();
    for (listeners, router) in listeners {
        let service = Service {
            lobby_router: router.clone().layer(from_fn(no_room)),
            router,
            entrance: entrance.clone(),
            options,
            room: room.clone(),
            share: listeners.are_for_programs().then(|| of_programs.clone()),
        };
        for listener in listeners.0 {
            loops.spawn(serve_one(listener, service.clone(), cancel.clone()));
        }
    }
    while loops.join_next().await.is_some() {}
}

async fn serve_one(listener: Listener, service: Service, cancel: CancellationToken) {
    // Dropping the set at the end ends the connections that outlive the stop.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (wire, origin) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Service { router, lobby_router, entrance, options, room, share } = &service;
        let (tls, options) = (entrance.rules().tls.clone(), *options);
        let client = origin.client;
        match room.seat(client, share.as_ref()) {
            Some(seat) => {
                let served = connection::serve(wire, origin, tls, options, router.clone(), cancel.clone());
                connections.spawn(async move {
                    served.await;
                    drop(seat);
                });
            }
            None => {
                tracing::debug!(peer = ?client, "no room for a connection");
                let (options, router) = (options.of_the_lobby(), lobby_router.clone());
                let served = connection::serve(wire, origin, tls, options, router, cancel.clone());
                let short = tokio::time::timeout(LOBBY_DEADLINE, served);
                let waiting = room.lobby.enter();
                let id = waiting.id;
                let handle = connections.spawn(async move {
                    let _ = short.await;
                    drop(waiting);
                });
                room.lobby.holds(id, handle);
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(service.options.stop_deadline, ended).await.is_err() {
        let deadline = service.options.stop_deadline;
        tracing::warn!(?deadline, "connections were cut that did not end in time");
    }
}

/// Answers probes, and everything else with 503.
async fn no_room(request: Request, next: Next) -> Response {
    if needs_nothing(request.uri().path()) {
        return next.run(request).await;
    }
    let detail = "too many connections; close some, or try again in a moment";
    Problem::new(Kind::Unavailable, detail).into_response()
}

/// A place for a connection; given back when dropped.
struct Seat {
    _all: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
    _place: Place,
}

/// What connections of all listeners share.
#[derive(Clone)]
struct Room {
    all: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    lobby: Arc<Lobby>,
}

impl Room {
    fn new(options: Options) -> Self {
        Room {
            all: Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS))),
            crowd: Crowd::new(options.max_per_peer),
            lobby: Arc::new(Lobby::new(options.max_in_lobby)),
        }
    }

    /// A place, unless all, those of the listener or the client's are taken.
    fn seat(&self, client: Client, share: Option<&Arc<Semaphore>>) -> Option<Seat> {
        let place = self.crowd.admit(client)?;
        let take = |semaphore: &Arc<Semaphore>| semaphore.clone().try_acquire_owned().ok();
        let share = match share {
            Some(share) => Some(take(share)?),
            None => None,
        };
        Some(Seat { _all: take(&self.all)?, _share: share, _place: place })
    }
}

/// Connections for which there is no room, the oldest first.
#[derive(Debug)]
struct Lobby {
    most: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next_id: u64,
    connections: VecDeque<(u64, Option<AbortHandle>)>,
}

/// A connection's place in the lobby; given back when dropped.
struct InLobby {
    lobby: Arc<Lobby>,
    id: u64,
}

impl Lobby {
    fn new(most: usize) -> Self {
        Lobby { most, waiting: Mutex::default() }
    }

    /// A place, for which the oldest connection has to go if there is none.
    fn enter(self: &Arc<Self>) -> InLobby {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.connections.len() >= self.most
            && let Some((_, Some(oldest))) = waiting.connections.pop_front()
        {
            oldest.abort();
        }
        waiting.next_id += 1;
        let id = waiting.next_id;
        waiting.connections.push_back((id, None));
        InLobby { lobby: self.clone(), id }
    }

    /// Notes how the connection of a place is ended.
    fn holds(&self, id: u64, handle: AbortHandle) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = waiting.connections.iter_mut().find(|(other, _)| *other == id) {
            *place = Some(handle);
        }
    }
}

impl Drop for InLobby {
    fn drop(&mut self) {
        let mut waiting = self.lobby.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.connections.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests;
