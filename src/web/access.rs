//! Who comes in: loopback and trusted networks without a login, anybody else with a token.
//!
//! A login that is given counts wherever it comes from: a bound token sees its tenant alone on
//! loopback, too, and a wrong one is refused there. Tokens are kept as SHA-256 only and
//! compared in constant time. The `Host` of a request has to be ours, so that a web page whose
//! name has been pointed at this address (DNS rebinding) cannot read with a visitor's rights.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version, header};
use jiff::Timestamp;
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::caller::{Caller, Login};
use super::problem::{Kind, Problem};
use super::refusals::Refusals;
use crate::config::{Network, Token, TokenHash};

/// The name under which the exporter is reached in a Compose network.
const SERVICE_NAME: &str = "dockmeter";

/// Who comes in; by default loopback only.
#[derive(Clone, Debug)]
pub struct Access {
    trusted: Vec<Network>,
    tokens: Vec<Token>,
    hosts: Vec<String>,
    /// Origins of pages that may read, as browsers write them.
    origins: Vec<String>,
    refusals: Arc<Refusals>,
}

impl Default for Access {
    fn default() -> Self {
        Access::new(Vec::new(), Vec::new(), Vec::new())
    }
}

impl Access {
    /// Networks that read without a login, tokens, and names under which this server is
    /// reached besides IP addresses, `localhost`, `dockmeter` and the machine's name.
    pub fn new(trusted: Vec<Network>, tokens: Vec<Token>, hosts: Vec<String>) -> Self {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let names = hosts.into_iter().chain([SERVICE_NAME.to_owned(), machine]);
        let hosts = names.map(|name| canonical_name(&name)).collect();
        Access { trusted, tokens, hosts, origins: Vec::new(), refusals: Arc::default() }
    }

    /// The same with origins of other servers' pages that may read.
    #[must_use]
    pub fn with_origins(self, origins: Vec<String>) -> Self {
        Access { origins, ..self }
    }

    /// Whether pages of any other server may read.
    pub(super) fn names_origins(&self) -> bool {
        !self.origins.is_empty()
    }

    /// Whether pages of this one may.
    pub(super) fn names_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|named| named == origin)
    }

    /// Who sends these headers from there; what he may do is [`Caller::may`]'s question.
    ///
    /// # Errors
    /// A token that is not ours or has expired by `now`, or none where one is needed.
    pub(super) fn caller(&self, peer: Peer, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Problem> {
        if let Some(token) = bearer(headers) {
            return self.with_token(peer, token, now);
        }
        match peer.ip() {
            Some(ip) if self.trusted.iter().any(|network| network.contains(ip)) => {
                Ok(Caller::without_login(Login::TrustedNetwork))
            }
            Some(ip) if ip.is_loopback() => Ok(Caller::without_login(Login::Loopback)),
            _ => Err(Problem::new(
                Kind::Unauthorized,
                "reading from here needs `Authorization: Bearer <token>`; `dockmeter token new` makes a token, \
                 `--web.trust-network` lets a network read without",
            )),
        }
    }

    fn with_token(&self, peer: Peer, text: &[u8], now: Timestamp) -> Result<Caller, Problem> {
        let refuse = |reason: String| {
            self.refusals.note(peer, &reason);
            Err(Problem::new(Kind::Unauthorized, format!("{reason}; `dockmeter token new` makes another")))
        };
        match self.known(text) {
            None => refuse("the token is not one of this server's".to_owned()),
            Some(token) if token.expires.is_some_and(|end| end <= now) => {
                refuse(format!("the token `{}` has expired", token.name))
            }
            Some(token) => Ok(Caller::with_token(token)),
        }
    }

    /// The token of this text. Every hash is compared, so that the time says nothing about
    /// which one was close.
    fn known(&self, text: &[u8]) -> Option<&Token> {
        let given = TokenHash::of(text);
        let mut found = u32::MAX;
        for (index, token) in (0..).zip(&self.tokens) {
            found.conditional_assign(&index, token.hash.digest().ct_eq(given.digest()));
        }
        self.tokens.get(usize::try_from(found).ok()?)
    }

    /// Notes that a login was refused that is not looked at here.
    pub(super) fn note_refusal(&self, peer: Peer, reason: &str) {
        self.refusals.note(peer, reason);
    }

    /// Whether a request is meant for this server.
    pub(super) fn check_host(&self, uri: &Uri, version: Version, headers: &HeaderMap) -> Result<(), Problem> {
        let mut named = Vec::new();
        named.extend(uri.authority().map(Authority::as_str));
        for value in headers.get_all(header::HOST) {
            let text = value.to_str().map_err(|_| misdirected("which is not text"))?;
            named.extend(Some(text).filter(|text| !text.is_empty()));
        }
        if named.is_empty() && version > Version::HTTP_10 {
            return Err(Problem::new(Kind::BadRequest, "the request has no `Host` header"));
        }
        match named.iter().find(|name| !self.is_ours(name)) {
            Some(name) => Err(misdirected(&format!("`{}`", name.escape_default()))),
            None => Ok(()),
        }
    }

    fn is_ours(&self, host_and_port: &str) -> bool {
        let Ok(authority) = host_and_port.parse::<Authority>() else { return false };
        let host = canonical_name(authority.host());
        !host_and_port.contains('@')
            && (is_ip_literal(&host)
                || host == "localhost"
                || host.ends_with(".localhost")
                || self.hosts.contains(&host))
    }
}

fn misdirected(host: &str) -> Problem {
    let detail = format!(
        "the request is for host {host}, which is not a name of this server; \
         use its IP address, or allow the name with `--web.allowed-host`"
    );
    Problem::new(Kind::Misdirected, detail)
}

/// Names compare in lower case and without the final dot of a full domain name.
fn canonical_name(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

fn is_ip_literal(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Where a request comes from; an unknown peer is trusted with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer(Option<IpAddr>);

impl Peer {
    /// A peer's address; IPv4 that came over an IPv6 socket counts as IPv4.
    pub(super) fn new(ip: IpAddr) -> Self {
        Peer(Some(ip.to_canonical()))
    }

    fn ip(self) -> Option<IpAddr> {
        self.0
    }

    /// Whether it is this machine.
    pub(super) fn is_loopback(self) -> bool {
        self.0.is_some_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ip) => ip.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or(Peer(None)))
    }
}

#[cfg(test)]
mod tests;
