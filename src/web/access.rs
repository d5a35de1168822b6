//! Who may read: loopback and trusted networks without a login, anybody else with a token.
//!
//! Pages behind this check hold no secrets, which is why loopback, shared by everybody on the
//! host, may read them. Tokens are kept as SHA-256 only and compared in constant time. The
//! `Host` of a request has to be ours, so that a web page whose name has been pointed at this
//! address (DNS rebinding) cannot read with a visitor's rights.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version, header};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::problem::{Kind, Problem};

/// The name under which the exporter is reached in a Compose network.
const SERVICE_NAME: &str = "dockmeter";

/// Who may read; by default loopback only.
#[derive(Clone, Debug)]
pub struct Access {
    trusted: Vec<Network>,
    tokens: Vec<TokenHash>,
    hosts: Vec<String>,
}

impl Default for Access {
    fn default() -> Self {
        Access::new(Vec::new(), Vec::new(), Vec::new())
    }
}

impl Access {
    /// Networks that read without a login, tokens that may read, and names under which this
    /// server is reached besides IP addresses, `localhost`, `dockmeter` and the machine's name.
    pub fn new(trusted: Vec<Network>, tokens: Vec<TokenHash>, hosts: Vec<String>) -> Self {
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let names = hosts.into_iter().chain([SERVICE_NAME.to_owned(), machine]);
        let hosts = names.map(|name| canonical_name(&name)).collect();
        Access { trusted, tokens, hosts }
    }

    /// Whether a peer with these headers may read.
    pub(super) fn check_reader(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Problem> {
        let trusted =
            |ip: IpAddr| ip.is_loopback() || self.trusted.iter().any(|network| network.contains(ip));
        if peer.ip().is_some_and(trusted) {
            return Ok(());
        }
        match bearer(headers) {
            Some(token) if self.knows(token) => Ok(()),
            Some(_) => Err(Problem::new(
                Kind::Unauthorized,
                "the token is not one of this server's; make one with `dockmeter token new`",
            )),
            None => Err(Problem::new(
                Kind::Unauthorized,
                "reading from here needs `Authorization: Bearer <token>`; `dockmeter token new` makes a token, \
                 `--web.trust-network` lets a network read without",
            )),
        }
    }

    /// Every hash is compared, so that the time says nothing about which one was close.
    fn knows(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.tokens.iter().fold(Choice::from(0), |known, hash| known | hash.0.ct_eq(&digest)).into()
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
         use its IP address, or add the name to the allowed hosts of the configuration"
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
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
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

impl<S: Sync> axum::extract::FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().copied().unwrap_or(Peer(None)))
    }
}

/// A network in CIDR notation (`--web.trust-network`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// The text is not a network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidNetwork {
    /// Neither an address nor `address/prefix`.
    #[error("`{0}` is not a network; write an address and a prefix length, as `10.1.0.0/16`")]
    Malformed(String),
    /// The prefix is longer than the address.
    #[error("`{text}` has a prefix of more than {most} bits")]
    PrefixTooLong {
        /// What was given.
        text: String,
        /// The bits of such an address.
        most: u8,
    },
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let shift = |width: u8| u32::from(width - self.prefix);
        match (self.base, ip.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                (base.to_bits() ^ ip.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                (base.to_bits() ^ ip.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidNetwork::Malformed(text.to_owned());
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix.parse::<u8>().map_err(|_| malformed())?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| malformed())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        if prefix > most {
            return Err(InvalidNetwork::PrefixTooLong { text: text.to_owned(), most });
        }
        Ok(Network { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// What is kept of a token: its SHA-256, written `sha256:<64 hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

/// The text is not the hash of a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token's hash is `sha256:` and 64 hexadecimal digits; `dockmeter token new` makes one")]
pub struct InvalidTokenHash;

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        TokenHash(Sha256::digest(token.as_bytes()).into())
    }
}

impl FromStr for TokenHash {
    type Err = InvalidTokenHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("sha256:").ok_or(InvalidTokenHash)?.as_bytes();
        if digits.len() != 64 {
            return Err(InvalidTokenHash);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(InvalidTokenHash);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(TokenHash(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests;
