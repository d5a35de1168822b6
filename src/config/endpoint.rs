//! Where the engine listens: the forms of `DOCKER_HOST` that are spoken here.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The engine's TCP port, where `tcp://host` names none.
const PLAIN_PORT: u16 = 2375;

/// The same with TLS.
const TLS_PORT: u16 = 2376;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///path`.
    Unix(PathBuf),
    /// `tcp://host:port` or `http://host:port`; the text is `host:port`.
    Tcp(String),
}

/// Why a text is no address of an engine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// A way to the engine that exists and is not built in.
    #[error("`{0}`: `{1}` is not in this version; use `unix:///var/run/docker.sock` or `tcp://host:port`")]
    NotInThisVersion(String, &'static str),
    /// TLS is a setting of its own.
    #[error(
        "`{0}`: write `tcp://{1}` and ask for TLS with `--docker.tls-verify=true` or `DOCKER_TLS_VERIFY=1`"
    )]
    Https(String, String),
    /// No address at all.
    #[error(
        "`{0}` is not the address of an engine: {1}; `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375` would be"
    )]
    Malformed(String, &'static str),
}

impl Default for Endpoint {
    fn default() -> Self {
        Endpoint::Unix("/var/run/docker.sock".into())
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Endpoint::parse(text, false)
    }
}

impl Endpoint {
    /// Whether the engine is on this machine, as far as its address tells: then process ids
    /// and paths that it names may be looked up here.
    pub fn is_local(&self) -> bool {
        match self {
            Endpoint::Unix(_) => true,
            Endpoint::Tcp(authority) => {
                let host = host_of(authority);
                let loopback = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
                loopback || host.eq_ignore_ascii_case("localhost")
            }
        }
    }

    /// The host of a `tcp://` address, without port and brackets.
    pub fn host_name(&self) -> Option<&str> {
        match self {
            Endpoint::Unix(_) => None,
            Endpoint::Tcp(authority) => Some(host_of(authority)),
        }
    }

    /// Reads an address; `tls` decides which port is meant where none is named.
    ///
    /// # Errors
    /// See [`EndpointError`].
    pub fn parse(text: &str, tls: bool) -> Result<Self, EndpointError> {
        let malformed = |reason| EndpointError::Malformed(text.to_owned(), reason);
        let later = |scheme| Err(EndpointError::NotInThisVersion(text.to_owned(), scheme));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| malformed("it has no scheme"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Endpoint::Unix(rest.into())),
            "unix" => Err(malformed("the path of the socket has to begin with `/`")),
            "tcp" | "http" => {
                authority(rest, if tls { TLS_PORT } else { PLAIN_PORT }).map(Endpoint::Tcp).map_err(malformed)
            }
            "https" => Err(EndpointError::Https(text.to_owned(), rest.to_owned())),
            "ssh" => later("ssh"),
            "npipe" => later("npipe"),
            "fd" => later("fd"),
            _ => Err(malformed("its scheme is unknown")),
        }
    }
}

/// The host of `host:port` or `[address]:port`.
fn host_of(authority: &str) -> &str {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Checks `host`, `host:port` or `[address]:port`, and adds the port where it is missing.
fn authority(rest: &str, default_port: u16) -> Result<String, &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#', '@']) {
        return Err("only a host and a port may follow the scheme");
    }
    let host_ends = rest.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match rest[host_ends..].rfind(':') {
        Some(colon) => (&rest[..host_ends + colon], Some(&rest[host_ends + colon + 1..])),
        None => (rest, None),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || host.chars().any(char::is_whitespace) || (host.contains(':') && !bracketed) {
        return Err("its host is missing or malformed (an IPv6 address stands in brackets)");
    }
    let port = match port {
        Some(port) => port.parse::<u16>().map_err(|_| "its port is not a number up to 65535")?,
        None => default_port,
    };
    Ok(format!("{host}:{port}"))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
            Endpoint::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_form_is_shown_as_docker_writes_it() {
        for (text, shown) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375"),
            ("http://engine:80/", "tcp://engine:80"),
            ("tcp://engine", "tcp://engine:2375"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:1", "tcp://[::1]:1"),
        ] {
            assert_eq!(text.parse::<Endpoint>().map(|endpoint| endpoint.to_string()), Ok(shown.to_owned()));
        }
    }

    #[test]
    fn ways_that_are_not_built_in_say_so() {
        for text in ["ssh://me@host", "npipe:////./pipe/docker_engine", "fd://"] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("not in this version"), "{error}");
        }
        let error = "https://host:2376".parse::<Endpoint>().unwrap_err().to_string();
        assert!(error.contains("write `tcp://host:2376` and ask for TLS"), "{error}");
    }

    #[test]
    fn with_tls_another_port_is_meant() {
        assert_eq!(Endpoint::parse("tcp://h", true), Ok(Endpoint::Tcp("h:2376".into())));
        assert_eq!(Endpoint::parse("tcp://h:1", true), Ok(Endpoint::Tcp("h:1".into())));
    }

    #[test]
    fn only_loopback_and_sockets_are_this_machine() {
        for (text, local) in [
            ("unix:///var/run/docker.sock", true),
            ("tcp://localhost", true),
            ("tcp://127.9.9.9:1", true),
            ("tcp://[::1]:1", true),
            ("tcp://10.0.0.1:1", false),
            ("tcp://localhost.example.com", false),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().is_local(), local, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in [
            "",
            "/var/run/docker.sock",
            "unix://docker.sock",
            "tcp://",
            "tcp://h:99999",
            "tcp://::1",
            "x://y",
            "tcp://h/p",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("would be"), "{error}");
        }
    }
}
