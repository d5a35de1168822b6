//! The opening of a WebSocket (RFC 6455, section 4), and what a browser cannot do there as usual.
//!
//! A page cannot set `Authorization`, so a login may come among the protocols that it offers:
//! `dockmeter.bearer.TOKEN` or `dockmeter.basic.BASE64URL(user:password)`, beside [`PROTOCOL`],
//! which is the one that is answered. And a browser lets any page open a WebSocket to any server
//! and read what comes, so the `Origin` has to be ours, or one that may read.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hyper::upgrade::OnUpgrade;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::access::Access;
use super::problem::{Kind, Problem};

/// The protocol that is spoken.
const PROTOCOL: &str = "dockmeter";

/// A login in place of a protocol: before a token, and before a user and a password.
const BEARER: &str = "dockmeter.bearer.";
const BASIC: &str = "dockmeter.basic.";

/// What the key of the client is hashed with (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The only version there is.
const VERSION: &str = "13";

/// The protocols that a client offers.
fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

/// Takes a login that stands among the protocols for an `Authorization`, if there is none.
pub(super) async fn take_login(mut request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        match login(request.headers()) {
            Ok(Some(login)) => drop(request.headers_mut().insert(header::AUTHORIZATION, login)),
            Ok(None) => {}
            Err(problem) => return problem.into_response(),
        }
    }
    next.run(request).await
}

fn login(headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    let text = |protocol: &str| {
        if let Some(token) = protocol.strip_prefix(BEARER) {
            return Some(Ok(format!("Bearer {token}")));
        }
        let encoded = protocol.strip_prefix(BASIC)?;
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('='));
        Some(decoded.map(|decoded| format!("Basic {}", BASE64_STANDARD.encode(decoded))))
    };
    let refuse = || {
        let detail = format!("`{BASIC}…` is not followed by `user:password` in base64url");
        Problem::new(Kind::BadRequest, detail)
    };
    let Some(login) = offered(headers).find_map(text) else { return Ok(None) };
    let mut login = HeaderValue::from_str(&login.map_err(|_| refuse())?).map_err(|_| refuse())?;
    login.set_sensitive(true);
    Ok(Some(login))
}

/// Refuses a page of somebody else's.
pub(super) fn check_origin(access: &Access, headers: &HeaderMap) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else { return Ok(()) };
    let text = origin.to_str().unwrap_or_default();
    if origins.next().is_none() && (is_own(text, headers) || access.names_origin(text)) {
        return Ok(());
    }
    let detail = format!(
        "a page of `{}` may not read here; `--web.cors-origin` names which others than this server's own may",
        text.escape_default()
    );
    Err(Problem::new(Kind::Forbidden, detail))
}

/// Whether a page comes from where the request goes; the `Host` is ours, or it would not be here.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Some((scheme @ ("http" | "https"), place)) = origin.split_once("://") else { return false };
    let usual = if scheme == "http" { 80 } else { 443 };
    let of = |text: &str| {
        let authority = text.parse::<Authority>().ok()?;
        Some((authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(usual)))
    };
    let host = headers.get(header::HOST).and_then(|host| of(host.to_str().ok()?));
    host.is_some() && host == of(place)
}

/// A connection that is to become a WebSocket.
pub(super) struct Opening {
    pub(super) connection: OnUpgrade,
    accept: HeaderValue,
    protocol: bool,
}

impl Opening {
    /// Reads what a client asks for.
    ///
    /// # Errors
    /// It does not ask for a WebSocket, or cannot have one.
    pub(super) fn of(request: &mut Request, http2: bool) -> Result<Self, Problem> {
        let connection = request.extensions_mut().remove::<OnUpgrade>();
        let headers = request.headers();
        let is = |name, word: &str| {
            let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
        };
        let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
        let version = is(header::SEC_WEBSOCKET_VERSION, VERSION) && *request.method() == Method::GET;
        match (connection, key) {
            (Some(connection), Some(key))
                if version && is(header::UPGRADE, "websocket") && is(header::CONNECTION, "upgrade") =>
            {
                let protocol = offered(headers).any(|protocol| protocol == PROTOCOL);
                Ok(Opening { connection, accept: accept(key), protocol })
            }
            _ => Err(required(http2)),
        }
    }

    /// What the client is answered.
    pub(super) fn answer(&self) -> Response {
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        if self.protocol {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
        }
        response
    }
}

/// Says that nothing but a WebSocket is spoken here.
fn required(http2: bool) -> Problem {
    let how = match http2 {
        true => "which is opened over HTTP/1.1: connect without HTTP/2 (`wss` of browsers does so by itself)",
        false => "version 13: open it by `ws://` or `wss://`, or ask `/api/containers/{id}/logs`",
    };
    Problem::new(Kind::Upgrade, format!("this speaks WebSocket, {how}"))
}

/// Sixteen bytes in base64.
fn is_key(key: &HeaderValue) -> bool {
    BASE64_STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn accept(key: &HeaderValue) -> HeaderValue {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), GUID.as_bytes()].concat());
    // base64 is text.
    HeaderValue::from_str(&BASE64_STANDARD.encode(hash)).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
