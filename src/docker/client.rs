//! HTTP to the engine over one pool of connections.
//!
//! Every call has a deadline over connection, headers and body together, and a bound on the
//! body. The version of the API is negotiated with each new client, so that an engine that
//! comes back as another release is spoken to in a version that it accepts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::DATE;
use hyper::http::uri::InvalidUri;
use hyper::{HeaderMap, Response, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::time::timeout;

use super::events::EventStream;
use super::socket::Connector;
use super::statistics::DeviceNames;
use super::tls;
use super::types::{
    ApiVersion, Details, Event, Happening, Image, Info, Labels, List, Listed, Malformed, Networks, Sample,
    Top, Version, count_volumes, read_details, read_error, read_event, read_image_labels, read_images,
    read_info, read_list, read_networks, read_stats, read_top, read_usage, read_used_networks, read_volumes,
};
use crate::config::Endpoint;
use crate::inventory::{Activity, Call, ContainerId, EngineUsage};
use crate::snapshot::Machine;

/// A small question: the engine answers in about a millisecond, but a container that is
/// being stopped holds its lock for seconds.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// A ping touches nothing, so an engine that takes longer is not well.
const PING_DEADLINE: Duration = Duration::from_secs(5);

/// The list of a thousand containers takes a busy engine some seconds.
const LIST_DEADLINE: Duration = Duration::from_secs(30);

/// The engine reads every file it has before it answers.
const USAGE_DEADLINE: Duration = Duration::from_secs(1800);

/// One container is described in about 10 KiB; its labels and its health check's
/// output make it larger.
const BODY_LIMIT: usize = 4 << 20;

/// An engine says an image's labels twice. Whoever makes an image must not get its labels
/// believed by making them so many that only the container can still be inspected.
const IMAGE_LIMIT: usize = 4 * BODY_LIMIT;

/// The list takes about 1 KiB a container, more with many labels.
const LIST_LIMIT: usize = 64 << 20;

/// The filter for volumes that nothing uses.
const DANGLING: &str = r#"{"dangling":["true"]}"#;

/// Connections kept for the next call: as many as there are calls at once at most.
const IDLE_CONNECTIONS: usize = 64;

/// How long an idle connection is kept.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// The most that is repeated of an engine's words.
const MESSAGE_CHARS: usize = 200;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// No connection, or it broke; the engine is probably not running or out of reach.
    #[error("`{call}` on `{endpoint}`: {reason}; is the engine running, and {}?", advice(.endpoint))]
    Transport {
        call: String,
        endpoint: Endpoint,
        /// What the system said.
        reason: String,
    },
    /// TLS is asked for where none is spoken, or the other way round, or a certificate is wrong.
    #[error("`{call}` on `{endpoint}`: {reason}")]
    Tls {
        call: String,
        endpoint: Endpoint,
        /// What is wrong.
        reason: String,
    },
    /// The deadline passed.
    #[error("`{call}` on `{endpoint}`: no full answer within {} s; the engine hangs or is overloaded", .deadline.as_secs())]
    Deadline { call: String, endpoint: Endpoint, deadline: Duration },
    /// The engine said no.
    #[error("`{call}` on `{endpoint}`: the engine answered {status}: {message}")]
    Refused { call: String, endpoint: Endpoint, status: StatusCode, message: String },
    /// The answer is larger than anything an engine says.
    #[error("`{call}` on `{endpoint}`: the answer is larger than {limit} bytes; is this an engine?")]
    TooLarge { call: String, endpoint: Endpoint, limit: usize },
    /// The answer is not what was asked for.
    #[error("`{call}` on `{endpoint}`: the answer could not be understood ({reason}); is this an engine?")]
    Malformed { call: String, endpoint: Endpoint, reason: Malformed },
}

impl CallError {
    /// Whether the engine says that what was asked about does not exist.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, CallError::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    /// Whether the engine says that a container is not in the state that was asked for.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, CallError::Refused { status: StatusCode::CONFLICT, .. })
    }

    fn is_refused(&self) -> bool {
        matches!(self, CallError::Refused { .. })
    }

    /// Whether the call is not for us, now or later: a proxy does not let it through, or the
    /// engine does not know it.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, CallError::Refused { status, .. } if status.is_client_error())
            || matches!(self, CallError::Refused { status: StatusCode::NOT_IMPLEMENTED, .. })
    }
}

/// What the headers of an answer tell of the engine.
fn described_by(headers: HeaderMap) -> (HeaderMap, Version) {
    let api = headers.get("api-version").and_then(|value| value.to_str().ok()?.parse().ok());
    (headers, Version { api, ..Version::default() })
}

/// What to look at where no connection can be made.
fn advice(endpoint: &Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Unix(_) => "may this user open its socket",
        Endpoint::Tcp(_) => "does it listen there, with TLS or without",
    }
}

/// What is learnt when a connection is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Greeting {
    /// Name and version of the engine.
    pub(super) product: Option<String>,
    /// The version of its API that is spoken from now on; `None` leaves the choice to it.
    pub(super) api: Option<ApiVersion>,
    /// The engine's clock, to the second.
    pub(super) clock: Option<Timestamp>,
}

/// A pool of connections to one engine. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: legacy::Client<Connector, Empty<Bytes>>,
    endpoint: Endpoint,
    /// Whether TLS is spoken.
    tls: bool,
    /// The version that is spoken, once it is known.
    api: Option<ApiVersion>,
    /// `/v1.41`, or nothing before the version is known.
    prefix: String,
    /// Where calls are counted.
    activity: Arc<Activity>,
}

impl Client {
    /// Connects and agrees on a version. Calls are counted in `activity`.
    pub(super) async fn connect(
        connector: impl Into<Connector>,
        activity: Arc<Activity>,
    ) -> Result<(Client, Greeting), CallError> {
        let connector = connector.into();
        let (endpoint, tls) = (connector.endpoint.clone(), connector.tls.is_some());
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        let mut client = Client { http, endpoint, tls, api: None, prefix: String::new(), activity };
        let greeting = client.greet().await?;
        client.api = greeting.api;
        client.prefix = greeting.api.map(|api| format!("/v{api}")).unwrap_or_default();
        Ok((client, greeting))
    }

    /// Asks who is there. A proxy that hides `/version` usually lets `/_ping` through.
    async fn greet(&self) -> Result<Greeting, CallError> {
        let (headers, version) = match self.get(Call::Version, "/version", CALL_DEADLINE, BODY_LIMIT).await {
            Ok((headers, body)) => {
                let version = Version::read(&body).map_err(|reason| self.malformed("/version", reason))?;
                (headers, version)
            }
            Err(error) if error.is_refused() => {
                described_by(self.get(Call::Ping, "/_ping", PING_DEADLINE, BODY_LIMIT).await?.0)
            }
            // An engine may fail at its description and be well otherwise.
            Err(error @ CallError::Transport { .. }) => {
                match self.get(Call::Ping, "/_ping", PING_DEADLINE, BODY_LIMIT).await {
                    Ok((headers, _)) => described_by(headers),
                    Err(_) => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        Ok(Greeting {
            product: version.product,
            api: version.api.map(|api| ApiVersion::negotiated(api, version.minimum_api)),
            clock: headers.get(DATE).and_then(|date| clock(date.to_str().ok()?)),
        })
    }

    /// Asks whether the engine is well.
    pub(super) async fn ping(&self) -> Result<(), CallError> {
        self.get(Call::Ping, "/_ping", PING_DEADLINE, BODY_LIMIT).await.map(drop)
    }

    /// Lists every container, stopped ones included.
    pub(super) async fn list(&self) -> Result<List, CallError> {
        let path = format!("{}/containers/json?all=1", self.prefix);
        let (_, body) = self.get(Call::Containers, &path, LIST_DEADLINE, LIST_LIMIT).await?;
        read_list(&body).map_err(|reason| self.malformed(&path, reason))
    }

    /// Describes one container.
    pub(super) async fn inspect(&self, id: ContainerId) -> Result<Details, CallError> {
        let path = format!("{}/containers/{id}/json", self.prefix);
        let (_, body) = self.get(Call::Inspect, &path, CALL_DEADLINE, BODY_LIMIT).await?;
        read_details(&body).map_err(|reason| self.malformed(&path, reason))
    }

    /// The labels of an image, given by its id or a reference.
    pub(super) async fn image_labels(&self, image: &str) -> Result<Labels, CallError> {
        let path = format!("{}/images/{}/json", self.prefix, percent_encoded(image));
        let (_, body) = self.get(Call::InspectImage, &path, CALL_DEADLINE, IMAGE_LIMIT).await?;
        read_image_labels(&body).map_err(|reason| self.malformed(&path, reason))
    }

    /// Every image but intermediate ones.
    pub(super) async fn images(&self) -> Result<Vec<Image>, CallError> {
        self.listed(Call::Images, "/images/json", read_images).await
    }

    /// The networks.
    pub(super) async fn networks(&self) -> Result<Networks, CallError> {
        self.listed(Call::Networks, "/networks", read_networks).await
    }

    /// Names and ids of the networks that containers belong to.
    pub(super) async fn used_networks(&self) -> Result<BTreeSet<String>, CallError> {
        self.listed(Call::Containers, "/containers/json?all=1", read_used_networks).await
    }

    /// How many volumes there are of each driver.
    pub(super) async fn volumes(&self) -> Result<Listed, CallError> {
        self.listed(Call::Volumes, "/volumes", read_volumes).await
    }

    /// How many volumes no container mounts.
    pub(super) async fn unused_volumes(&self) -> Result<u64, CallError> {
        let path = format!("/volumes?filters={}", percent_encoded(DANGLING));
        self.listed(Call::Volumes, &path, count_volumes).await
    }

    async fn listed<T>(
        &self,
        call: Call,
        path: &str,
        read: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, CallError> {
        let path = format!("{}{path}", self.prefix);
        let (_, body) = self.get(call, &path, LIST_DEADLINE, LIST_LIMIT).await?;
        read(&body).map_err(|reason| self.malformed(&path, reason))
    }

    /// How much the engine says is in use; `at` is the time of the question.
    pub(super) async fn usage(&self, at: Timestamp) -> Result<EngineUsage, CallError> {
        let path = format!("{}/system/df", self.prefix);
        let (_, body) = self.get(Call::DiskUsage, &path, USAGE_DEADLINE, LIST_LIMIT).await?;
        read_usage(&body, at).map_err(|reason| self.malformed(&path, reason))
    }

    /// Whether statistics are read when they are asked for, and not in rounds.
    pub(super) fn reads_at_once(&self) -> bool {
        self.api.is_some_and(|api| api >= ApiVersion::READS_AT_ONCE)
    }

    /// The statistics of a container; `None` if it does not run.
    pub(super) async fn statistics(
        &self,
        id: ContainerId,
        machine: Option<Machine>,
        names: &Mutex<DeviceNames>,
    ) -> Result<Option<Sample>, CallError> {
        let once =
            if self.api.is_some_and(|api| api >= ApiVersion::ONE_SHOT) { "&one-shot=true" } else { "" };
        let path = format!("{}/containers/{id}/stats?stream=false{once}", self.prefix);
        let (_, body) = self.get(Call::Stats, &path, CALL_DEADLINE, BODY_LIMIT).await?;
        let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
        read_stats(&body, machine, &mut **names).map_err(|reason| self.malformed(&path, reason))
    }

    /// The processes of a container, in columns of `ps`.
    pub(super) async fn top(&self, id: ContainerId, columns: &str) -> Result<Top, CallError> {
        let path = format!("{}/containers/{id}/top?ps_args={}", self.prefix, percent_encoded(columns));
        let (_, body) = self.get(Call::Top, &path, CALL_DEADLINE, BODY_LIMIT).await?;
        read_top(&body).map_err(|reason| self.malformed(&path, reason))
    }

    /// The log of a container: so many of its newest lines, none older than a moment, each with
    /// its time.
    pub(super) async fn logs(
        &self,
        id: ContainerId,
        tail: usize,
        since: Option<Timestamp>,
    ) -> Result<Incoming, CallError> {
        let mut path =
            format!("{}/containers/{id}/logs?stdout=1&stderr=1&timestamps=1&tail={tail}", self.prefix);
        if let Some(since) = since {
            path.push_str(&format!("&since={}", unix(since)));
        }
        self.stream(Call::Logs, &path, CALL_DEADLINE).await
    }

    /// The log of a container from a moment on, each line with its time, and on for as long as it
    /// runs. Some engines do not even begin to answer before there is a line, so `patience` is for
    /// the first one.
    pub(super) async fn follow_logs(
        &self,
        id: ContainerId,
        since: Option<Timestamp>,
        patience: Duration,
    ) -> Result<Incoming, CallError> {
        let since = since.map_or_else(String::new, |since| format!("&since={}", unix(since)));
        let path =
            format!("{}/containers/{id}/logs?follow=1&stdout=1&stderr=1&timestamps=1{since}", self.prefix);
        self.stream(Call::Logs, &path, patience).await
    }

    /// What the engine says of itself and its machine.
    pub(super) async fn info(&self) -> Result<Info, CallError> {
        let path = format!("{}/info", self.prefix);
        let (_, body) = self.get(Call::Info, &path, CALL_DEADLINE, BODY_LIMIT).await?;
        read_info(&body).map_err(|reason| self.malformed(&path, reason))
    }

    /// How often processes of a container were killed for want of memory in a time, as far as the
    /// engine remembers it.
    pub(super) async fn kills(
        &self,
        id: ContainerId,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<u64, CallError> {
        let filters =
            serde_json::json!({ "type": ["container"], "event": ["oom"], "container": [id] }).to_string();
        let (filters, since, until) = (percent_encoded(&filters), unix(since), unix(until));
        let path = format!("{}/events?filters={filters}&since={since}&until={until}", self.prefix);
        let (_, body) = self.get(Call::Events, &path, CALL_DEADLINE, BODY_LIMIT).await?;
        let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let is_kill = |event: &Event| event.id == id && event.happening == Happening::Oom;
        Ok(lines.filter_map(|line| read_event(line).ok()?.event).filter(is_kill).count() as u64)
    }

    /// Subscribes to what happens to containers, beginning with what the engine still
    /// remembers since the given time.
    pub(super) async fn events(&self, since: Option<Timestamp>) -> Result<EventStream, CallError> {
        let filters = serde_json::json!({ "type": Happening::KINDS, "event": Happening::WORDS }).to_string();
        let mut path = format!("{}/events?filters={}", self.prefix, percent_encoded(&filters));
        if let Some(since) = since {
            path.push_str(&format!("&since={}", unix(since)));
        }
        self.stream(Call::Events, &path, CALL_DEADLINE).await.map(EventStream::new)
    }

    /// The body of an answer that has begun; whoever reads it has a deadline for that.
    async fn stream(&self, call: Call, path: &str, deadline: Duration) -> Result<Incoming, CallError> {
        let answer = timeout(deadline, async {
            let response = self.send(path).await?;
            match response.status().is_success() {
                true => Ok(response.into_body()),
                false => Err(self.refusal(path, response).await),
            }
        });
        let answer = async { answer.await.map_err(|_| self.late(path, deadline))? };
        self.counted(call, answer).await
    }

    /// Counts a call and how long it took. That something does not exist is an answer.
    async fn counted<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let asked_at = Instant::now();
        let answer = answer.await;
        let failed = answer.as_ref().is_err_and(|error| !error.is_gone());
        self.activity.count_call(call, asked_at.elapsed(), failed);
        answer
    }

    async fn get(
        &self,
        call: Call,
        path: &str,
        deadline: Duration,
        limit: usize,
    ) -> Result<(HeaderMap, Bytes), CallError> {
        let answer = timeout(deadline, async {
            let response = self.send(path).await?;
            if !response.status().is_success() {
                return Err(self.refusal(path, response).await);
            }
            let (head, body) = response.into_parts();
            Ok((head.headers, self.body(path, body, limit).await?))
        });
        let answer = async { answer.await.map_err(|_| self.late(path, deadline))? };
        self.counted(call, answer).await
    }

    async fn send(&self, path: &str) -> Result<Response<Incoming>, CallError> {
        let uri = self.uri(path).map_err(|error| self.broken(path, &error))?;
        self.http.get(uri).await.map_err(|error| self.broken(path, &error))
    }

    /// Where a path of the engine is.
    pub(super) fn uri(&self, path: &str) -> Result<Uri, InvalidUri> {
        let authority = match &self.endpoint {
            Endpoint::Unix(_) => "localhost",
            Endpoint::Tcp(authority) => authority,
        };
        format!("http://{authority}{path}").parse()
    }

    /// What stands before the paths of the version that is spoken.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    async fn body(&self, path: &str, body: Incoming, limit: usize) -> Result<Bytes, CallError> {
        match Limited::new(body, limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(CallError::TooLarge { call: call(path), endpoint: self.endpoint.clone(), limit })
            }
            Err(error) => Err(self.broken(path, error.as_ref())),
        }
    }

    /// The error that an answer other than a success is.
    async fn refusal(&self, path: &str, response: Response<Incoming>) -> CallError {
        let status = response.status();
        let message = match self.body(path, response.into_body(), BODY_LIMIT).await {
            Ok(body) if self.wants_tls(status, &body) => return CallError::Tls {
                call: call(path),
                endpoint: self.endpoint.clone(),
                reason: "the engine speaks TLS there; ask for it with `DOCKER_TLS_VERIFY=1` or `--docker.tls-verify=true`".into(),
            },
            Ok(body) => read_error(&body).unwrap_or_else(|| "without a reason".to_owned()),
            Err(error) => return error,
        };
        let message = message.trim().chars().take(MESSAGE_CHARS).collect();
        CallError::Refused { call: call(path), endpoint: self.endpoint.clone(), status, message }
    }

    /// Whether this is how an engine behind TLS answers one that speaks none.
    fn wants_tls(&self, status: StatusCode, body: &[u8]) -> bool {
        let words = b"HTTP request to an HTTPS server";
        !self.tls && status == StatusCode::BAD_REQUEST && memchr::memmem::find(body, words).is_some()
    }

    fn late(&self, path: &str, deadline: Duration) -> CallError {
        CallError::Deadline { call: call(path), endpoint: self.endpoint.clone(), deadline }
    }

    fn malformed(&self, path: &str, reason: Malformed) -> CallError {
        CallError::Malformed { call: call(path), endpoint: self.endpoint.clone(), reason }
    }

    fn broken(&self, path: &str, error: &(dyn std::error::Error + 'static)) -> CallError {
        // The innermost error is the system's own; those around it only say "client error".
        let mut innermost = error;
        loop {
            if let Some(reason) = tls::explanation(innermost) {
                return CallError::Tls { call: call(path), endpoint: self.endpoint.clone(), reason };
            }
            let Some(source) = innermost.source() else { break };
            innermost = source;
        }
        CallError::Transport {
            call: call(path),
            endpoint: self.endpoint.clone(),
            reason: innermost.to_string(),
        }
    }
}

/// The call as a message shows it, without the query.
fn call(path: &str) -> String {
    format!("GET {}", path.split('?').next().unwrap_or(path))
}

/// A moment as the engine takes it: seconds with their nanoseconds.
fn unix(at: Timestamp) -> String {
    // Before 1970 both parts are negative; nothing was written then.
    let at = at.max(Timestamp::UNIX_EPOCH);
    format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())
}

/// The time of an HTTP `Date` header.
fn clock(date: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

/// Text as part of a path or a query; the characters of image references stay readable.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
