//! `GET /api/containers/metrics/stream`: numbers and events of containers as server-sent events.
//!
//! Source of the form: the HTML standard, 9.2. Events are `metrics`, `container`, `error`, and
//! `missed` for who was slow or came back too late.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::Context;
use super::caller::Need;
use super::connection::{Line, Visit};
use super::current::Time;
use super::problem::{Kind, Problem};
use super::standing::Standing;
use super::streams::{StreamPlace, take_over};
use super::view::View;
use crate::live::{Batch, Missed, Reader, Selection};

/// Milliseconds between two events `metrics` if nothing is said, and the least and most.
const INTERVAL_MS: u64 = 5_000;
const LEAST_MS: u64 = 250;
const MOST_MS: u64 = 3_600_000;

/// Containers that can be named.
const MOST_NAMED: usize = 500;

/// How often something is sent and it is looked whether the login is still good, if nothing else
/// is to be said: proxies end what is silent for half a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How soon a browser is to come back, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// Tells proxies of nginx's kind to hand on every event at once.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `GET /api/containers/metrics/stream?containers=&user=&project=&team=&interval=5000`
pub(super) async fn stream(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
    (visit, line, standing): (Visit, Line, Standing),
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::read(&query, &headers)?;
    let nobody = || Problem::new(Kind::Internal, "nobody here tells what happens");
    let hub = context.hub.clone().ok_or_else(nobody)?;
    let place = context.streams.enter(visit.client)?;
    let selection = Selection::of(view.narrowing().clone());
    let mut ready = VecDeque::from([Bytes::from_static(RETRY.as_bytes())]);
    let selection = match asked.containers {
        None => selection,
        Some(keys) => {
            let (selection, unknown) = selection.only(keys, &context.inventory.snapshot());
            ready.extend(unknown.into_iter().map(|(key, error)| refusal(&error.into(), Some(&key))));
            selection
        }
    };
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let told = Told {
        reader: hub.enter(selection, asked.interval, asked.last),
        ready,
        heartbeat,
        changes: context.changes.subscribe(),
        stop: line.stop.clone(),
        standing,
        context,
        over: false,
        _place: place,
    };
    let events = unfold(told, |mut told| async move {
        let bytes = told.next().await?;
        Some((Ok::<_, Infallible>(bytes), told))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    take_over(&line, headers);
    Ok(response)
}

/// What a request asks for.
#[derive(Debug, PartialEq)]
struct Asked {
    interval: Duration,
    /// Names and ids; `None` is all.
    containers: Option<Vec<String>>,
    /// The last event that was got before.
    last: Option<u64>,
}

impl Asked {
    /// Reads the parameters; of `interval` the first counts, `containers` may come again.
    fn read(query: &[(String, String)], headers: &HeaderMap) -> Result<Self, Problem> {
        let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
        let values =
            |name: &'static str| query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value);
        let interval = match values("interval").next() {
            None => INTERVAL_MS,
            Some(text) => {
                text.parse().ok().filter(|ms| (LEAST_MS..=MOST_MS).contains(ms)).ok_or_else(|| {
                    refuse(format!(
                        "`interval` is a whole number of milliseconds from {LEAST_MS} to {MOST_MS}"
                    ))
                })?
            }
        };
        let last = match headers.get("last-event-id").filter(|value| !value.is_empty()) {
            None => None,
            Some(value) => Some(value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
                refuse(
                    "`Last-Event-ID` is no number; send the `id` of the last event, or leave it out"
                        .to_owned(),
                )
            })?),
        };
        Ok(Asked { interval: Duration::from_millis(interval), containers: containers(query)?, last })
    }
}

/// The containers that `containers` names; it may come again. `None` is all.
pub(super) fn containers(query: &[(String, String)]) -> Result<Option<Vec<String>>, Problem> {
    let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
    let mut containers: Option<Vec<String>> = None;
    for (_, value) in query.iter().filter(|(key, _)| key == "containers") {
        let named = value.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned);
        let before = containers.as_ref().map_or(0, Vec::len);
        containers.get_or_insert_default().extend(named);
        if containers.as_ref().map_or(0, Vec::len) == before {
            return Err(refuse("`containers` is empty; name one, or leave the parameter out".to_owned()));
        }
    }
    if containers.as_ref().is_some_and(|keys| keys.len() > MOST_NAMED) {
        let advice = "follow a project, a team or a user instead";
        return Err(refuse(format!("`containers` names more than {MOST_NAMED}; {advice}")));
    }
    Ok(containers)
}

/// One stream.
struct Told {
    reader: Reader,
    /// What is to be sent next.
    ready: VecDeque<Bytes>,
    heartbeat: Interval,
    /// Whether it has to be looked who may read.
    changes: watch::Receiver<()>,
    stop: CancellationToken,
    standing: Standing,
    context: Arc<Context>,
    over: bool,
    _place: StreamPlace,
}

impl Told {
    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            if self.over {
                return None;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.over = true;
                    self.ready.push_back(Bytes::from_static(b": dockmeter is stopping\n\n"));
                }
                Ok(()) = self.changes.changed() => self.look().await,
                _ = self.heartbeat.tick() => {
                    self.ready.push_back(Bytes::from_static(b": heartbeat\n\n"));
                    self.look().await;
                }
                batch = self.reader.next() => {
                    self.heartbeat.reset();
                    self.ready.extend(written(batch));
                }
            }
        }
    }

    /// Ends the stream if its reader would not be let in any more.
    async fn look(&mut self) {
        if let Err(problem) = self.standing.check(&self.context, Need::Page).await {
            self.over = true;
            self.ready.push_back(refusal(&problem, None));
        }
    }
}

fn written(batch: Batch) -> impl Iterator<Item = Bytes> {
    batch.missed.map(|missed| missed_event(missed, Timestamp::now())).into_iter().chain(batch.events)
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// What is wrong, without ending the answer.
fn refusal(problem: &Problem, container_id: Option<&str>) -> Bytes {
    #[derive(Serialize)]
    struct Refusal<'a> {
        r#type: &'a str,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        container_id: Option<&'a str>,
    }
    let (_, detail) = problem.parts();
    event("error", &Refusal { r#type: problem.word(), detail, container_id })
}

/// What a reader has missed; a number that is not known is `null`.
fn missed_event(missed: Missed, now: Timestamp) -> Bytes {
    #[derive(Serialize)]
    struct Gap {
        timestamp: Time,
        reason: &'static str,
        metrics: Option<u64>,
        container: Option<u64>,
    }
    let reason = if missed.late { "late" } else { "slow" };
    let Missed { metrics, container, .. } = missed;
    event("missed", &Gap { timestamp: Time(now), reason, metrics, container })
}

#[cfg(test)]
mod tests;
