//! `GET /api/logs/stream`: log lines of many containers over one WebSocket, as they come.
//!
//! Messages are JSON as text: `lines`, `missed`, `container`, `error`. What a client says is not
//! needed; `pause` and `resume` are understood. As logs themselves it needs a login from everywhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tokio_websockets::{CloseCode, Limits, Message, ServerBuilder, WebSocketStream};

use super::Context;
use super::caller::Need;
use super::connection::{Line, Visit};
use super::logs::{filter, moment};
use super::problem::{Kind, Problem};
use super::socket::{Opening, check_origin};
use super::standing::Standing;
use super::stream::containers;
use super::streams::{StreamPlace, leave_seat};
use super::view::View;
use crate::config::Scope;
use crate::inventory::{Container, ContainerId};
use crate::live::{LogMessage, LogReader, LogWish, Selection};

/// Lines of each container that are shown first, if nothing is said.
const TAIL: usize = 100;

/// The most of them; more are asked of each container's own log.
const MOST: usize = 1_000;

/// How often a client is asked whether it is there, and it is looked whether its login is good.
const PING: Duration = Duration::from_secs(15);

/// How long a client may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// A message that took longer to be taken is a sign of life.
const SLOW: Duration = Duration::from_secs(1);

/// Bytes of a client's message.
const CLIENT_BYTES: usize = 1 << 10;

/// Messages of a client between two pings of ours.
const CLIENT_MESSAGES: usize = 100;

/// How long a client may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// A WebSocket.
type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// `GET /api/logs/stream?containers=&user=&project=&team=&tail=100&since=&grep=`
pub(super) async fn stream(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
    (visit, line, standing): (Visit, Line, Standing),
    mut request: Request,
) -> Result<Response, Problem> {
    check_origin(&context.access(), request.headers())?;
    let opening = Opening::of(&mut request, line.http2)?;
    let answer = opening.answer();
    let session = session(context, view, &query, visit, &line, standing)?;
    leave_seat(&line);
    line.hand_over(session.run(opening.connection));
    Ok(answer)
}

/// What will be told to a client.
fn session(
    context: Arc<Context>,
    view: View,
    query: &[(String, String)],
    visit: Visit,
    line: &Line,
    standing: Standing,
) -> Result<Session, Problem> {
    let wish = wish(query, Timestamp::now())?;
    let named = containers(query)?;
    let nobody = || Problem::new(Kind::Internal, "nobody here tells what containers write");
    let hub = context.log_hub.clone().ok_or_else(nobody)?;
    let place = context.streams.enter(visit.client)?;
    let mut selection = Selection::of(view.narrowing().clone());
    let mut ready = VecDeque::new();
    if let Some(keys) = named {
        let (only, unknown) = selection.only(keys, &context.inventory.snapshot());
        selection = only;
        ready.extend(unknown.into_iter().map(|(key, error)| refusal(&error.into(), Some(&key))));
    }
    Ok(Session {
        reader: hub.enter(selection, wish),
        ready,
        changes: context.changes.subscribe(),
        stop: line.stop.clone(),
        standing,
        context,
        paused: false,
        _place: place,
    })
}

/// Which lines are asked for; of a parameter that is given twice the first counts.
fn wish(query: &[(String, String)], now: Timestamp) -> Result<LogWish, Problem> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
    let tail = value("tail").map_or(Ok(TAIL), |text| {
        let tail = text.parse().ok().filter(|tail| *tail <= MOST);
        tail.ok_or_else(|| refuse(format!("`tail` is a whole number from 0 to {MOST}")))
    })?;
    let since = value("since").filter(|text| !text.is_empty()).map(|text| moment(text, now)).transpose()?;
    let wanted = value("grep").filter(|text| !text.is_empty()).map(filter).transpose()?;
    Ok(LogWish { tail, since, wanted })
}

/// One client.
struct Session {
    reader: LogReader,
    /// What is to be sent next.
    ready: VecDeque<String>,
    /// Whether it has to be looked who may read.
    changes: watch::Receiver<()>,
    stop: CancellationToken,
    standing: Standing,
    context: Arc<Context>,
    /// Whether the client wants nothing for now.
    paused: bool,
    _place: StreamPlace,
}

/// Why a session ends.
enum End {
    /// The client has gone, or is cut off.
    Gone,
    /// It is told this.
    Close(CloseCode, &'static str),
}

impl Session {
    /// Tells until somebody ends it.
    async fn run(mut self, connection: OnUpgrade) {
        // The client is waited for here: it has to take the head of our answer.
        let Ok(Ok(upgraded)) = timeout(SILENCE, connection).await else { return };
        let limits = Limits::default().max_payload_len(Some(CLIENT_BYTES));
        let mut socket = ServerBuilder::new().limits(limits).serve(TokioIo::new(upgraded));
        if let End::Close(code, why) = self.tell(&mut socket).await {
            let goodbye = async {
                if socket.send(Message::close(Some(code), why)).await.is_ok() {
                    while let Some(Ok(_)) = socket.next().await {}
                }
            };
            let _ = timeout(GOODBYE, goodbye).await;
        }
    }

    async fn tell(&mut self, socket: &mut Socket) -> End {
        let mut pings = interval_at(Instant::now() + PING, PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut heard, mut messages) = (Instant::now(), 0);
        loop {
            let message = match self.ready.pop_front() {
                Some(text) => Message::text(text),
                None => tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return End::Close(CloseCode::GOING_AWAY, "dockmeter is stopping"),
                    Ok(()) = self.changes.changed() => match self.look(socket).await {
                        Some(end) => return end,
                        None => continue,
                    },
                    _ = pings.tick() => {
                        if heard.elapsed() >= SILENCE {
                            return End::Gone;
                        }
                        if let Some(end) = self.look(socket).await {
                            return end;
                        }
                        messages = 0;
                        Message::ping("")
                    }
                    said = socket.next() => {
                        let Some(Ok(said)) = said else { return End::Gone };
                        heard = Instant::now();
                        messages += 1;
                        if messages > CLIENT_MESSAGES {
                            return End::Close(CloseCode::POLICY_VIOLATION, "too many messages");
                        }
                        self.hear(&said);
                        continue;
                    }
                    told = self.reader.next(), if !self.paused => Message::text(written(told)),
                },
            };
            let began = Instant::now();
            tokio::select! {
                biased;
                sent = socket.send(message) => if sent.is_err() {
                    return End::Gone;
                },
                () = self.stop.cancelled() => return End::Gone,
            }
            if began.elapsed() >= SLOW {
                heard = Instant::now();
            }
        }
    }

    fn hear(&mut self, said: &Message) {
        match said.as_text().map(str::trim) {
            Some("pause") => self.paused = true,
            Some("resume") => self.paused = false,
            _ => {}
        }
    }

    /// Says how it ends if its reader would not be let in any more.
    async fn look(&mut self, socket: &mut Socket) -> Option<End> {
        let need = Need::Login(Scope::Read);
        let problem = self.standing.check(&self.context, need).await.err()?;
        let told = timeout(GOODBYE, socket.send(Message::text(refusal(&problem, None)))).await;
        Some(match told {
            Ok(Ok(())) => End::Close(CloseCode::POLICY_VIOLATION, "the login is worth nothing any more"),
            _ => End::Gone,
        })
    }
}

/// A message about containers, but for lines.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Told<'a> {
    Missed {
        lines: u64,
        container_id: ContainerId,
    },
    Container {
        container_id: ContainerId,
        name: &'a str,
        action: &'static str,
    },
    Error {
        error: &'static str,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        container_id: Option<&'a str>,
    },
}

impl Told<'_> {
    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A message as it is sent.
fn written(message: LogMessage) -> String {
    let told = |container: &Container, action| {
        Told::Container { container_id: container.id, name: container.name.as_str(), action }.text()
    };
    match message {
        LogMessage::Lines(rows) => format!("{{\"type\":\"lines\",\"lines\":[{rows}]}}"),
        LogMessage::Missed(container_id, lines) => Told::Missed { lines, container_id }.text(),
        LogMessage::Joined(container) => told(&container, "joined"),
        LogMessage::Gone(container) => told(&container, "gone"),
        LogMessage::Failed(container, error) => {
            refusal(&error.as_ref().into(), Some(&container.id.to_string()))
        }
        LogMessage::NoRoom(container) => {
            let detail = "as many logs are followed as may be at once; name fewer containers, or wait";
            refusal(&Problem::new(Kind::Unavailable, detail), Some(&container.id.to_string()))
        }
    }
}

/// What is wrong, as a message.
fn refusal(problem: &Problem, container_id: Option<&str>) -> String {
    let (_, detail) = problem.parts();
    Told::Error { error: problem.word(), detail, container_id }.text()
}

#[cfg(test)]
mod tests;
