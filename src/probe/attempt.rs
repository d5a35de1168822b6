//! One attempt at a target: look its name up, open a connection, speak TLS, ask for a page and
//! wait for the answer's head. Every attempt makes a connection of its own, as whoever comes
//! for the first time would.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::board::{Phase, Reason};
use super::tls;
use crate::config::{Authority, HttpTarget, ProbeTarget};

/// What is said of who asks.
const AGENT: &str = concat!("dockmeter/", env!("CARGO_PKG_VERSION"));

/// So much of a page is read, so that a server sees its answer taken; the rest is left.
const MOST_OF_A_PAGE: usize = 64 << 10;

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Outcome {
    /// How long it took.
    pub(super) duration: Duration,
    /// Its parts, by the order of [`Phase::ALL`].
    pub(super) phases: [Option<Duration>; Phase::ALL.len()],
    /// The status of the answer, if there was one.
    pub(super) status: Option<u16>,
    /// Whether it succeeded.
    pub(super) result: Result<(), Failure>,
}

/// Why it did not.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Failure {
    fn new(reason: Reason, message: impl fmt::Display) -> Self {
        Failure { reason, message: message.to_string() }
    }
}

/// What is kept between the attempts at one target.
#[derive(Debug)]
pub(super) struct Prober {
    target: ProbeTarget,
    deadline: Duration,
    /// A name is looked up by a thread, which cannot be called back: it is waited for again.
    lookup: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
    tls: Option<Arc<ClientConfig>>,
}

/// An attempt under way.
struct Attempt {
    began: Instant,
    phases: [Option<Duration>; Phase::ALL.len()],
    status: Option<u16>,
}

impl Attempt {
    /// Notes how long a part has taken that began then.
    fn note(&mut self, phase: Phase, began: Instant) {
        if let Some(place) = Phase::ALL.iter().position(|one| *one == phase) {
            self.phases[place] = Some(began.elapsed());
        }
    }
}

impl Prober {
    pub(super) fn new(target: ProbeTarget, deadline: Duration) -> Self {
        Prober { target, deadline, lookup: None, tls: None }
    }

    /// Tries once.
    pub(super) async fn attempt(&mut self) -> Outcome {
        let deadline = self.deadline;
        let mut attempt = Attempt { began: Instant::now(), phases: [None; Phase::ALL.len()], status: None };
        // Files of certificates are this machine's affair and take no part of the time.
        let prepared = self.prepare_tls().await;
        attempt.began = Instant::now();
        let result = match prepared {
            Err(failure) => Err(failure),
            Ok(()) => timeout(deadline, self.go_through(&mut attempt)).await.unwrap_or_else(|_| {
                let message = format!("no success within {} ms", deadline.as_millis());
                Err(Failure::new(Reason::Timeout, message))
            }),
        };
        Outcome { duration: attempt.began.elapsed(), phases: attempt.phases, status: attempt.status, result }
    }

    async fn go_through(&mut self, attempt: &mut Attempt) -> Result<(), Failure> {
        let addresses = self.resolve(attempt).await?;
        let began = Instant::now();
        let stream = TcpStream::connect(&addresses[..]).await;
        let stream = stream.map_err(|error| Failure::new(Reason::Connect, error))?;
        attempt.note(Phase::Connect, began);
        let ProbeTarget::Http(http) = &self.target else { return Ok(()) };
        match &self.tls {
            None => page(stream, http, attempt).await,
            Some(config) => {
                let began = Instant::now();
                let refused = |error: &dyn fmt::Display| Failure::new(Reason::Tls, error);
                let name =
                    ServerName::try_from(http.authority.host.clone()).map_err(|error| refused(&error))?;
                let stream = TlsConnector::from(config.clone()).connect(name, stream).await;
                let stream = stream.map_err(|error| refused(&error))?;
                attempt.note(Phase::Tls, began);
                page(stream, http, attempt).await
            }
        }
    }

    /// Looks up where the target is; an address needs no looking up.
    async fn resolve(&mut self, attempt: &mut Attempt) -> Result<Vec<SocketAddr>, Failure> {
        let Authority { host, port } = match &self.target {
            ProbeTarget::Tcp(authority) => authority,
            ProbeTarget::Http(http) => &http.authority,
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, *port)]);
        }
        let began = Instant::now();
        let lookup = self.lookup.get_or_insert_with(|| {
            let name = (host.clone(), *port);
            tokio::spawn(async move { Ok(tokio::net::lookup_host(name).await?.collect()) })
        });
        let found = lookup.await.map_err(io::Error::other).flatten();
        self.lookup = None;
        let addresses: Vec<SocketAddr> = found.map_err(|error| Failure::new(Reason::Resolve, error))?;
        attempt.note(Phase::Resolve, began);
        match addresses.is_empty() {
            true => Err(Failure::new(Reason::Resolve, format!("`{host}` has no address"))),
            false => Ok(addresses),
        }
    }

    /// Reads the authorities, until that has succeeded once.
    async fn prepare_tls(&mut self) -> Result<(), Failure> {
        let ProbeTarget::Http(HttpTarget { tls: true, ca_file, .. }) = &self.target else { return Ok(()) };
        if self.tls.is_none() {
            let file = ca_file.clone();
            let read = tokio::task::spawn_blocking(move || tls::client_config(file.as_deref())).await;
            let config = read.map_err(io::Error::other).flatten();
            self.tls = Some(config.map_err(|error| Failure::new(Reason::Tls, error))?);
        }
        Ok(())
    }
}

/// Asks for a page and looks at its status.
async fn page(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    target: &HttpTarget,
    attempt: &mut Attempt,
) -> Result<(), Failure> {
    let broken = |error: hyper::Error| Failure::new(Reason::Http, error);
    let began = Instant::now();
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await.map_err(broken)?;
    // It ends when the answer is dropped.
    let connection = Aborted(tokio::spawn(async move {
        // What is wrong with the connection the request says.
        let _ = connection.await;
    }));
    let request = request(target).map_err(|error| Failure::new(Reason::Http, error))?;
    let response = sender.send_request(request).await.map_err(broken)?;
    attempt.note(Phase::Wait, began);
    let status = response.status().as_u16();
    attempt.status = Some(status);
    if !target.status.iter().any(|range| range.contains(status)) {
        let expected: Vec<String> = target.status.iter().map(ToString::to_string).collect();
        let message = format!("the answer is {status} instead of {}", expected.join(" or "));
        return Err(Failure::new(Reason::Status, message));
    }
    read_some(response).await.map_err(broken)?;
    drop(connection);
    Ok(())
}

fn request(target: &HttpTarget) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let authority = &target.authority;
    let host = match authority.port == target.default_port() {
        true => authority.to_string().rsplit_once(':').map_or_else(String::new, |(host, _)| host.to_owned()),
        false => authority.to_string(),
    };
    Request::get(&target.path)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())
}

/// Reads the beginning of a page.
async fn read_some(response: Response<hyper::body::Incoming>) -> Result<(), hyper::Error> {
    let mut body = response.into_body();
    let mut read = 0;
    while read < MOST_OF_A_PAGE {
        let Some(frame) = body.frame().await else { break };
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(())
}

/// A task that ends with the value.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests;
