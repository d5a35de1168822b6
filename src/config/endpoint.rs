//! Where the engine listens: the forms of `DOCKER_HOST` that are spoken here.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The engine's plain TCP port, where `tcp://host` names none.
const DEFAULT_PORT: u16 = 2375;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `unix:///path`.
    Unix(PathBuf),
    /// `tcp://host:port` or `http://host:port`: plain HTTP; the text is `host:port`.
    Tcp(String),
}

/// Why a text is no address of an engine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    /// A way to the engine that exists and is not built in.
    #[error(
        "`{0}`: `{1}` is not in this version; use `unix:///var/run/docker.sock`, or `tcp://host:port` without TLS"
    )]
    NotInThisVersion(String, &'static str),
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
        let malformed = |reason| EndpointError::Malformed(text.to_owned(), reason);
        let later = |scheme| Err(EndpointError::NotInThisVersion(text.to_owned(), scheme));
        let (scheme, rest) = text.split_once("://").ok_or_else(|| malformed("it has no scheme"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Endpoint::Unix(rest.into())),
            "unix" => Err(malformed("the path of the socket has to begin with `/`")),
            "tcp" | "http" => authority(rest).map(Endpoint::Tcp).map_err(malformed),
            "https" => later("https"),
            "ssh" => later("ssh"),
            "npipe" => later("npipe"),
            "fd" => later("fd"),
            _ => Err(malformed("its scheme is unknown")),
        }
    }
}

/// Checks `host`, `host:port` or `[address]:port`, and adds the port where it is missing.
fn authority(rest: &str) -> Result<String, &'static str> {
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
        None => DEFAULT_PORT,
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
        for text in ["ssh://me@host", "npipe:////./pipe/docker_engine", "https://host:2376", "fd://"] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains("not in this version"), "{error}");
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
