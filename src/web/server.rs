//! Accept loops that keep connections in bounds.
//!
//! Those who read have places of their own, and programs that send have others. A client has a
//! share of them, so that nobody without a token can keep a scraper or another program out by
//! holding them all. Who comes when there is no room waits in a lobby: a few connections of a
//! few seconds, in which probes are answered and everything else with 503. When the lobby is
//! full, its oldest connection makes room, so that a probe is answered whoever holds what.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use super::listen::{BindError, Listeners};

use super::connection::{self, Activity, Serving};
use super::entrance::Entrance;
use super::listen::Listener;
use super::problem::{Kind, Problem};
use super::router::needs_nothing;
use super::seats::{HeldSeat, Seats};

/// Connections at once of those who read, over all listeners. Scrapers and people need a few
/// dozen; each costs a descriptor and some kilobytes.
const MAX_CONNECTIONS: usize = 256;

/// Connections at once of programs that send what they measure: one or two of each container,
/// which their libraries keep open.
const MAX_OF_PROGRAMS: usize = 1_024;

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

/// Descriptors that the program needs without any connection: of its threads, the engine and the
/// host, and of files that are opened for a moment.
const OWN_DESCRIPTORS: usize = 64;

/// The bounds of connections; the defaults are this module's constants.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections at once of those who read, over all listeners.
    pub max_connections: usize,
    /// Connections at once of programs, over all their listeners. Idle ones give way.
    pub max_of_programs: usize,
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
    /// The defaults, but each at most a quarter of the descriptors that this process may open beyond
    /// its own, and few more in the lobby: what containers use is read even while somebody holds
    /// every connection that there is.
    pub fn of_this_process() -> Self {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        let quarter = limit.map_or(usize::MAX, |limit| (limit.saturating_sub(OWN_DESCRIPTORS) / 4).max(1));
        let defaults = Options::default();
        Options {
            max_connections: defaults.max_connections.min(quarter),
            max_of_programs: defaults.max_of_programs.min(quarter),
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
            max_of_programs: MAX_OF_PROGRAMS,
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
    seats: Arc<Seats>,
    lobby: Arc<Lobby>,
}

/// Serves listeners until `cancel`, then lets answers finish for a while. Each set of listeners
/// has routes of its own; connections of those who read count together, and those of programs.
pub async fn serve(
    listeners: Vec<(Listeners, Router)>,
    options: Options,
    entrance: Arc<Entrance>,
    cancel: CancellationToken,
) {
    let of_readers = Seats::new(options.max_connections, options.max_per_peer, false);
    let of_programs = Seats::new(options.max_of_programs, options.max_per_peer, true);
    let lobby = Arc::new(Lobby::new(options.max_in_lobby));
    let mut loops = JoinSet::new();
    for (listeners, router) in listeners {
        let service = Service {
            lobby_router: router.clone().layer(from_fn(no_room)),
            router,
            entrance: entrance.clone(),
            options,
            seats: if listeners.are_for_programs() { &of_programs } else { &of_readers }.clone(),
            lobby: lobby.clone(),
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
        let Service { router, lobby_router, entrance, options, seats, lobby } = &service;
        let (tls, client, activity) =
            (entrance.rules().tls.clone(), origin.client, Arc::<Activity>::default());
        let serving = |options, router: &Router, activity, seat| {
            let (router, stop) = (router.clone(), cancel.clone());
            Serving { options, router, stop, activity, seat }
        };
        match seats.take(client, activity.clone()) {
            Some(seat) => {
                let (id, seat) = (seat.id, HeldSeat::new(seat));
                let serving = serving(*options, router, activity, seat.clone());
                let served = connection::serve(wire, origin, tls, serving);
                let handle = connections.spawn(async move {
                    served.await;
                    seat.release();
                });
                seats.holds(id, handle);
            }
            None => {
                tracing::debug!(peer = ?client, "no room for a connection");
                let serving = serving(options.of_the_lobby(), lobby_router, activity, HeldSeat::default());
                let served = connection::serve(wire, origin, tls, serving);
                let short = tokio::time::timeout(LOBBY_DEADLINE, served);
                let waiting = lobby.enter();
                let id = waiting.id;
                let handle = connections.spawn(async move {
                    let _ = short.await;
                    drop(waiting);
                });
                lobby.holds(id, handle);
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
