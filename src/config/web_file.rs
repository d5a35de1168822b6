//! The file of `--web.config.file`, in the format that Prometheus and its exporters share
//! (`docs/web-configuration.md` of exporter-toolkit): TLS, headers, users, a limit of requests.
//!
//! Invariant: what the format knows and dockmeter does not do is refused with file, line and
//! column, never passed over. Certificates are named here and read where TLS is spoken.

mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

#[cfg(test)]
pub(crate) use tls::CIPHER_SUITES;
pub use tls::{ClientAuth, Curve, Pem, PemText, SubjectName, TlsServer, TlsVersion};

use super::file::Text;
use super::layers::Layers;
use super::password::PasswordHash;
use super::{ConfigError, Sources, folder_of, value};
use crate::yaml::{self, Spanned, one_of};

/// Headers that may be added to answers, and the values that they may have; any if none.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
    ("Strict-Transport-Security", &[]),
];

/// The most requests that may come at once after a pause.
const MAX_BURST: usize = 1_000_000;

/// What the file says, validated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebFile {
    /// How TLS is spoken; plain HTTP if not.
    pub tls: Option<TlsServer>,
    /// Whether HTTP/2 is offered with TLS.
    pub http2: bool,
    /// Headers of every answer, by their names.
    pub headers: Vec<(&'static str, String)>,
    /// Who may log in with a password.
    pub users: BTreeMap<String, PasswordHash>,
    /// How many requests are answered in some time; no limit if `None`.
    pub rate_limit: Option<RateLimit>,
}

impl Default for WebFile {
    fn default() -> Self {
        WebFile { tls: None, http2: true, headers: Vec::new(), users: BTreeMap::new(), rate_limit: None }
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The time in which one request is earned; not zero.
    pub interval: Duration,
    /// How many can be saved up; at least one.
    pub burst: usize,
}

/// The shape of the file, before anything in it is believed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Shape {
    tls_server_config: Option<Spanned<tls::Shape>>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Text>>,
    rate_limit: Option<Limit>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: Option<Text>,
    headers: Option<BTreeMap<String, Text>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limit {
    interval: Option<Text>,
    burst: Option<Text>,
}

impl WebFile {
    /// Reads the file. Paths in it are meant from its folder.
    ///
    /// # Errors
    /// It cannot be read, or something in it is refused.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::of(yaml::read(path)?, path)
    }

    fn of(shape: Shape, path: &Path) -> Result<Self, ConfigError> {
        let nobody = Sources::default();
        let places = Layers::new(&nobody, path);
        let tls = shape.tls_server_config.as_ref();
        let http = shape.http_server_config.unwrap_or_default();
        let boolean = |text: Option<&Text>| text.map(|text| places.given(text).parse(value::boolean));
        Ok(WebFile {
            tls: tls.map(|shape| tls::server(&places, shape, folder_of(path))).transpose()?.flatten(),
            http2: boolean(http.http2.as_ref()).transpose()?.unwrap_or(true),
            headers: headers(&places, &http.headers.unwrap_or_default())?,
            users: users(&places, shape.basic_auth_users.unwrap_or_default())?,
            rate_limit: rate_limit(&places, shape.rate_limit.as_ref())?,
        })
    }

    /// The files whose change changes what this file means.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.tls.iter().flat_map(TlsServer::files)
    }
}

fn headers(
    places: &Layers<'_>,
    given: &BTreeMap<String, Text>,
) -> Result<Vec<(&'static str, String)>, ConfigError> {
    let header = |(name, text): (&String, &Text)| {
        let value = places.given(text);
        let value = value.parse(|value| {
            let Some((name, allowed)) = HEADERS.iter().find(|(known, _)| known == name) else {
                let names = HEADERS.map(|(name, _)| name);
                return Err(format!("the header `{name}` cannot be set here, only {}", one_of(&names)));
            };
            if !value.is_empty() && !allowed.is_empty() && !allowed.contains(&value) {
                return Err(format!("`{value}` is no value of `{name}`, expected {}", one_of(allowed)));
            }
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
                return Err(format!("the value of `{name}` has characters that a header cannot have"));
            }
            Ok((*name, value.to_owned()))
        })?;
        Ok(Some(value).filter(|(_, value)| !value.is_empty()))
    };
    given.iter().filter_map(|one| header(one).transpose()).collect()
}

fn users(
    places: &Layers<'_>,
    given: BTreeMap<String, Text>,
) -> Result<BTreeMap<String, PasswordHash>, ConfigError> {
    let user = |(name, text): (String, Text)| {
        let hash = places.given(&text).parse(|hash| {
            if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) {
                return Err(format!(
                    "`{name}` cannot be the name of a user: basic auth has no empty names and no `:` in them"
                ));
            }
            // The text is not repeated: what stands there may be the password itself.
            hash.parse::<PasswordHash>().map_err(|error| format!("the user `{name}`: {error}"))
        })?;
        Ok((name, hash))
    };
    given.into_iter().map(user).collect()
}

fn rate_limit(places: &Layers<'_>, limit: Option<&Limit>) -> Result<Option<RateLimit>, ConfigError> {
    let Some(limit) = limit else { return Ok(None) };
    let interval = limit.interval.as_ref().map(|text| places.given(text).parse(value::go_duration));
    let Some(interval) = interval.transpose()?.filter(|interval| !interval.is_zero()) else {
        return Ok(None);
    };
    let burst =
        limit.burst.as_ref().map(|text| places.given(text).parse(|text| value::count(text, 0..=MAX_BURST)));
    match burst.transpose()?.filter(|burst| *burst > 0) {
        Some(burst) => Ok(Some(RateLimit { interval, burst })),
        None => {
            let place = limit.burst.as_ref().or(limit.interval.as_ref()).map(|text| text.referenced);
            let place = place.map(|place| places.place(place)).unwrap_or_default();
            Err(place.refuse("a rate limit without a `burst` of at least 1 lets nothing through; give one"))
        }
    }
}

#[cfg(test)]
mod tests;
