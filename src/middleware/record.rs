//! One request from its head to its end. Whatever its end is, it is counted once: when this
//! value is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::header::CONTENT_LENGTH;
use http::{Extensions, HeaderMap, Method, Request, StatusCode, response};
use http_body::Body;

use super::grpc;
use super::http::{CANCELLED, Cells, FAILED, Metrics, PANIC, known_method};
use super::series::{Outcome, Subject, Whose};

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Record {
    metrics: Arc<Metrics>,
    started: Instant,
    subject: Arc<Subject<Cells>>,
    /// Whether the response may still say so.
    route_open: bool,
    user_open: bool,
    /// Whether a response to this method has a body.
    is_head: bool,
    is_connect: bool,
    /// A gRPC method that was not seen before: a route if the service turns out to have it.
    method_asked: Option<Box<str>>,
    /// That the answer is gRPC's, and what its status is once it is known.
    grpc: Option<Option<u8>>,
    /// As it was announced.
    request_bytes: Option<u64>,
    /// What has come of a request that announced no length, where that is counted.
    received: Option<Arc<AtomicU64>>,
    response_bytes: u64,
    response_length: Option<u64>,
    /// What it ends with if it ends now.
    outcome: Outcome,
    /// Whether code of the inner service runs; if it never returns, it has panicked.
    inside: bool,
}

impl Record {
    pub(super) fn begin<B: Body>(metrics: &Arc<Metrics>, request: &Request<B>) -> Self {
        let started = Instant::now();
        let method = known_method(request.method());
        let route = metrics.routes.find(request.extensions());
        let user = metrics.users.find(request.extensions());
        let whose = user.map_or(Whose::Nobodys, Whose::Named);
        let called = called_method(request, route);
        let known = called.and_then(|path| metrics.table.known(method, path, whose));
        let method_asked = if known.is_none() { called.map(Box::from) } else { None };
        Record {
            started,
            subject: known.unwrap_or_else(|| metrics.table.subject(method, route.unwrap_or(""), whose)),
            route_open: route.is_none(),
            user_open: user.is_none() && !metrics.users.is_empty(),
            is_head: request.method() == Method::HEAD,
            is_connect: request.method() == Method::CONNECT,
            method_asked,
            grpc: None,
            request_bytes: request.body().size_hint().exact().or_else(|| length(request.headers())),
            received: None,
            response_bytes: 0,
            response_length: None,
            outcome: Outcome { status: 0, error: CANCELLED },
            inside: false,
            metrics: metrics.clone(),
        }
    }

    /// What to add the data of the request to, if nothing else says how much there is.
    pub(super) fn count_request(&mut self) -> Option<Arc<AtomicU64>> {
        self.received = self.request_bytes.is_none().then(Arc::default);
        self.received.clone()
    }

    /// Runs code of the inner service.
    pub(super) fn inside<T>(&mut self, run: impl FnOnce() -> T) -> T {
        self.inside = true;
        let result = run();
        self.inside = false;
        result
    }

    /// Takes the head of the answer; `length` is what the body says of itself. Whether that is all
    /// there will be.
    pub(super) fn answered(&mut self, head: &response::Parts, length: Option<u64>) -> bool {
        self.outcome.status = head.status.as_u16();
        self.named_by(&head.extensions);
        if grpc::speaks(&head.headers) {
            self.grpc = Some(grpc::status(&head.headers));
        } else {
            self.method_asked = None;
        }
        self.response_length = length.or_else(|| self::length(&head.headers));
        let bodiless = head.status.is_informational()
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || self.is_head
            || (self.is_connect && head.status.is_success());
        bodiless || self.response_length == Some(0)
    }

    /// Takes route and user from the response where the request had none.
    fn named_by(&mut self, extensions: &Extensions) {
        let metrics = &self.metrics;
        let route = if self.route_open { metrics.routes.find(extensions) } else { None };
        let user = if self.user_open { metrics.users.find(extensions) } else { None };
        if route.is_some() {
            self.method_asked = None;
        }
        if route.is_some() || user.is_some() {
            let whose = user.map_or(Whose::Labelled(&self.subject.user), Whose::Named);
            let route = route.unwrap_or(&self.subject.place);
            self.subject = metrics.table.subject(&self.subject.kind, route, whose);
        }
    }

    /// Counts data of the body; whether it was the last of a known length.
    pub(super) fn sent(&mut self, bytes: u64) -> bool {
        self.response_bytes += bytes;
        self.grpc.is_none() && self.response_length.is_some_and(|length| self.response_bytes >= length)
    }

    /// Takes what follows the body.
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        if let Some(status @ None) = &mut self.grpc {
            *status = grpc::status(trailers);
        }
    }

    /// The end of a request that went as it should.
    pub(super) fn complete(mut self) -> Option<Record> {
        self.outcome.error = "";
        None
    }

    /// The end of a request by an error of the inner service.
    pub(super) fn failed(mut self) {
        self.outcome.error = FAILED;
    }

    /// What the client was told, by gRPC where that was spoken.
    fn ended(&self) -> Outcome {
        let error = if self.inside { PANIC } else { self.outcome.error };
        let (status, error) = match self.grpc {
            None => (self.outcome.status, error),
            // Broken off before there was a status: that of the head says nothing.
            Some(None) if !error.is_empty() => (0, error),
            Some(code) => {
                let (status, name) = grpc::outcome(code.unwrap_or(grpc::UNKNOWN));
                (status, if error.is_empty() { name } else { error })
            }
        };
        Outcome { status, error }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let outcome = self.ended();
        let code = self.grpc.flatten();
        if let Some(method) =
            self.method_asked.take().filter(|_| code.is_some_and(|code| code != grpc::UNIMPLEMENTED))
        {
            let whose = Whose::Labelled(&self.subject.user);
            self.subject = self.metrics.table.subject(&self.subject.kind, &method, whose);
        }
        let cells = self.subject.ended(outcome);
        let elapsed = self.started.elapsed().as_nanos();
        cells.duration_ns.observe(u64::try_from(elapsed).unwrap_or(u64::MAX));
        let received = || self.received.as_ref().map(|received| received.load(Ordering::Relaxed));
        if let Some(bytes) = self.request_bytes.or_else(received) {
            cells.request_bytes.observe(bytes);
        }
        if self.outcome.status != 0 {
            cells.response_bytes.observe(self.response_bytes);
        }
    }
}

/// The path of a gRPC call, where the router has no better name for it than a wildcard.
fn called_method<'a, B>(request: &'a Request<B>, route: Option<&str>) -> Option<&'a str> {
    let wanted = route.is_none_or(|route| route.contains("{*")) && grpc::speaks(request.headers());
    if wanted { grpc::method(request.uri().path()) } else { None }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
