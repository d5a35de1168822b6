//! What is probed: the section `probes` and the flag `--probe`, validated.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;

use super::ConfigError;
use super::file::{File, ProbeEntry};
use super::layers::{Layers, Origin};
use super::{settings, value};
use crate::yaml::Spanned;

/// Each target has series and a task of its own.
const MOST_PROBES: usize = 100;

/// The longest name, as long as a part of a host's name may be.
const LONGEST_NAME: usize = 63;

/// More often would be a load, more seldom no measurement.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// If nothing else is said: as often as Prometheus usually scrapes.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(15);

/// What takes longer is of no use to anybody who waits.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);

/// If nothing else is said, and not longer than the interval.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its name, unique: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// What is done.
    pub target: ProbeTarget,
    /// Time between the beginnings of two attempts.
    pub interval: Duration,
    /// How long an attempt may take, looking the name up included; not longer than `interval`.
    pub timeout: Duration,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// Opens a connection and closes it.
    Tcp(Authority),
    /// Asks for a page.
    Http(HttpTarget),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A page and what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTarget {
    /// Whether TLS is spoken.
    pub tls: bool,
    /// Where the connection goes.
    pub authority: Authority,
    /// Path and query.
    pub path: String,
    /// Which status codes are a success; not empty.
    pub status: Vec<StatusRange>,
    /// Authorities that certificates have to come from, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// One status code, or a class of them as `2xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// What a page is expected to answer if nothing else is said.
    const SUCCESS: StatusRange = StatusRange { first: 200, last: 299 };

    /// Whether a code is meant.
    pub fn contains(self, code: u16) -> bool {
        (self.first..=self.last).contains(&code)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_suffix("xx").filter(|class| class.len() == 1).map(|class| (class, 100));
        let (digits, width) = digits.unwrap_or((text, 1));
        let first = digits.parse().ok().and_then(|number: u16| number.checked_mul(width));
        let first = first.filter(|first| (100..=599).contains(first));
        let first = first.ok_or_else(|| format!("`{text}` is not a status code such as `200` or `2xx`"))?;
        Ok(StatusRange { first, last: first + width - 1 })
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}xx", self.first / 100),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for ProbeTarget {
    /// The address without what follows a `?`, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProbeTarget::Tcp(authority) => write!(f, "tcp://{authority}"),
            ProbeTarget::Http(http) => {
                let path = http.path.split('?').next().unwrap_or_default();
                write!(f, "{}://{}{path}", http.scheme(), http.authority)
            }
        }
    }
}

impl HttpTarget {
    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// The port that the scheme means where none is named.
    pub fn default_port(&self) -> u16 {
        if self.tls { 443 } else { 80 }
    }
}

/// The targets: those of flags and environment, else those of the file.
pub(super) fn probes(layers: &mut Layers<'_>, file: &File, folder: &Path) -> Result<Vec<Probe>, ConfigError> {
    let short = |given: &super::layers::Given| Ok((given.parse(short_form)?, given.origin.clone()));
    let mut probes: Vec<(Probe, Origin)> = layers.many(&settings::PROBES, &None, short)?;
    if probes.is_empty() {
        layers.note(&settings::PROBES, &file.probes);
        for entry in file.probes.iter().flat_map(|list| &list.value) {
            let origin = layers.place(entry.value.name.referenced);
            probes.push((probe(layers, entry, folder)?, origin));
        }
    }
    for (index, (probe, origin)) in probes.iter().enumerate() {
        if probes[..index].iter().any(|(other, _)| other.name == probe.name) {
            return Err(origin.refuse(format!("a second target is called `{}`", probe.name)));
        }
        if index >= MOST_PROBES {
            return Err(origin.refuse(format!("there may be {MOST_PROBES} targets at most")));
        }
    }
    Ok(probes.into_iter().map(|(probe, _)| probe).collect())
}

/// `NAME=tcp://HOST:PORT` or `NAME=URL`.
fn short_form(text: &str) -> Result<Probe, String> {
    let (given, address) = text.split_once('=').ok_or_else(|| {
        format!(
            "`{text}` is not a target such as `db=tcp://db:5432` or `shop=https://shop.example.org/healthz`"
        )
    })?;
    let target = match address.strip_prefix("tcp://") {
        Some(authority) => ProbeTarget::Tcp(host_and_port(authority)?),
        None => ProbeTarget::Http(page(address)?),
    };
    Ok(Probe { name: name(given)?, target, interval: DEFAULT_INTERVAL, timeout: DEFAULT_TIMEOUT })
}

fn probe(layers: &Layers<'_>, entry: &Spanned<ProbeEntry>, folder: &Path) -> Result<Probe, ConfigError> {
    let (place, entry) = (layers.place(entry.referenced), &entry.value);
    let within = |text: &super::file::Text, bounds: RangeInclusive<Duration>| {
        layers.given(text).parse(|text| value::duration(text, bounds))
    };
    let interval = entry.interval.as_ref().map(|text| within(text, INTERVAL)).transpose()?;
    let interval = interval.unwrap_or(DEFAULT_INTERVAL);
    let timeout = entry.timeout.as_ref().map(|text| within(text, TIMEOUT)).transpose()?;
    if let (Some(timeout), Some(text)) = (timeout, &entry.timeout)
        && timeout > interval
    {
        let interval = value::show_duration(interval);
        let message =
            format!("`{}` is longer than the target's `interval`, which is {interval}; lower it", text.value);
        return Err(layers.place(text.referenced).refuse(message));
    }
    let target = match (&entry.tcp, &entry.http) {
        (Some(tcp), None) if entry.status.is_none() && entry.ca_file.is_none() => {
            ProbeTarget::Tcp(layers.given(tcp).parse(host_and_port)?)
        }
        (Some(_), None) => return Err(place.refuse("`status` and `ca_file` belong to `http`")),
        (None, Some(http)) => {
            let mut target = layers.given(http).parse(page)?;
            if let Some(status) = &entry.status {
                let codes = status.value.iter().map(|code| layers.given(code).parse(StatusRange::parse));
                target.status = codes.collect::<Result<_, _>>()?;
                if target.status.is_empty() {
                    let origin = layers.place(status.referenced);
                    return Err(
                        origin.refuse("no status code would ever be a success; give some, as `[2xx]`")
                    );
                }
            }
            target.ca_file = entry.ca_file.as_ref().map(|file| folder.join(&file.value));
            if let (Some(file), false) = (&entry.ca_file, target.tls) {
                return Err(layers.place(file.referenced).refuse("`ca_file` belongs to `https://`"));
            }
            ProbeTarget::Http(target)
        }
        _ => return Err(place.refuse("a target has exactly one of `tcp` or `http`")),
    };
    let name = layers.given(&entry.name).parse(name)?;
    Ok(Probe { name, target, interval, timeout: timeout.unwrap_or(DEFAULT_TIMEOUT.min(interval)) })
}

fn name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    match text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(fits)
        && text.len() <= LONGEST_NAME
    {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "`{text}` is not a target's name: at most {LONGEST_NAME} letters, digits, `.`, `_` and `-`, a letter or digit first"
        )),
    }
}

fn host_and_port(text: &str) -> Result<Authority, String> {
    let wrong = || format!("`{text}` is not a host and a port, such as `db:5432` or `[fd00::1]:5432`");
    let authority: hyper::http::uri::Authority = text.parse().map_err(|_| wrong())?;
    let port = authority.port_u16().filter(|port| *port > 0).ok_or_else(wrong)?;
    let host = host(authority.host()).filter(|_| !text.contains('@')).ok_or_else(wrong)?;
    Ok(Authority { host, port })
}

fn page(text: &str) -> Result<HttpTarget, String> {
    let wrong = |reason: &str| {
        format!(
            "`{text}` is not the address of a page ({reason}), such as `https://shop.example.org/healthz`"
        )
    };
    let uri: Uri = text.parse().map_err(|_| wrong("it cannot be understood"))?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(wrong("it begins with neither `http://` nor `https://`")),
    };
    let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
    if authority.as_str().contains('@') {
        // What stands there is not repeated.
        return Err("a name and a password in an address are not in this version".to_owned());
    }
    let host = host(authority.host()).ok_or_else(|| wrong("it has no host"))?;
    let mut target = HttpTarget {
        tls,
        authority: Authority { host, port: 0 },
        path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        status: vec![StatusRange::SUCCESS],
        ca_file: None,
    };
    target.authority.port = match authority.port() {
        None => target.default_port(),
        Some(port) if port.as_u16() > 0 => port.as_u16(),
        Some(_) => return Err(wrong("there is no port 0")),
    };
    Ok(target)
}

/// A host without the brackets of an IPv6 address.
fn host(text: &str) -> Option<String> {
    let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    (!plain.is_empty()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_target_is_a_name_and_an_address() {
        let shown = |text: &str| short_form(text).map(|probe| (probe.name, probe.target.to_string()));
        for (text, name, address) in [
            ("db=tcp://db.internal:5432", "db", "tcp://db.internal:5432"),
            ("v6=tcp://[fd00::1]:53", "v6", "tcp://[fd00::1]:53"),
            ("shop=https://shop.example.org", "shop", "https://shop.example.org:443/"),
            ("a.b-c=http://[::1]:8080/x?token=secret", "a.b-c", "http://[::1]:8080/x"),
        ] {
            assert_eq!(shown(text), Ok((name.to_owned(), address.to_owned())), "{text}");
        }
        for (text, said) in [
            ("db", "is not a target such as"),
            ("=tcp://db:1", "is not a target's name"),
            ("a b=tcp://db:1", "is not a target's name"),
            ("db=tcp://db", "is not a host and a port"),
            ("db=tcp://db:0", "is not a host and a port"),
            ("db=tcp://me@db:1", "is not a host and a port"),
            ("a=ftp://a/", "begins with neither"),
            ("a=/healthz", "begins with neither"),
            ("a=http://a:0/", "no port 0"),
        ] {
            let error = shown(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let secret = shown("a=http://me:hunter2@a/").unwrap_err();
        assert!(!secret.contains("hunter2"), "{secret}");
    }

    #[test]
    fn a_status_is_a_code_or_a_class() {
        let range = |text: &str| StatusRange::parse(text).unwrap();
        assert!(range("2xx").contains(200) && range("2xx").contains(299) && !range("2xx").contains(300));
        assert!(range("404").contains(404) && !range("404").contains(405));
        for text in ["", "20", "600", "xx", "0xx", "6xx", "2XX", "20x", "-1"] {
            assert!(StatusRange::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_target_or_refused(text in "\\PC{0,40}", rest in "[a-z0-9:/?@\\[\\].%]{0,30}") {
            let _ = short_form(&text);
            let _ = short_form(&format!("a=http://{rest}"));
            let _ = short_form(&format!("a=tcp://{rest}"));
        }
    }
}
