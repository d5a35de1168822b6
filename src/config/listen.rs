//! Addresses to listen on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Where connections are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A socket in the file system, with an absolute path.
    Unix(PathBuf),
}

/// The text is not an address to listen on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidListenAddress {
    /// Nothing that is known.
    #[error(
        "`{0}` is not an address to listen on, such as `127.0.0.1:10417`, `[::1]:10417`, `:10417` or \
         `unix:/run/dockmeter.sock`"
    )]
    Unknown(String),
    /// A socket whose place would depend on the folder that the process was started in.
    #[error("`{0}`: the path of a socket has to begin with `/`")]
    Relative(String),
}

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path.starts_with('/') {
                true => Ok(ListenAddress::Unix(path.into())),
                false => Err(InvalidListenAddress::Relative(text.to_owned())),
            };
        }
        let shorthand = || {
            let (host, port) = text.rsplit_once(':')?;
            let ip: IpAddr = match host {
                "" => Ipv6Addr::UNSPECIFIED.into(),
                "localhost" => Ipv4Addr::LOCALHOST.into(),
                _ => return None,
            };
            Some(SocketAddr::new(ip, port.parse().ok()?))
        };
        let address = text.parse().ok().or_else(shorthand);
        address.map(ListenAddress::Tcp).ok_or_else(|| InvalidListenAddress::Unknown(text.to_owned()))
    }
}

impl ListenAddress {
    /// The address of a TCP port.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        ListenAddress::Tcp(address)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_s_shorthand_and_sockets_are_known() {
        for (text, address) in [
            ("127.0.0.1:10417", "127.0.0.1:10417"),
            ("[::1]:80", "[::1]:80"),
            (":10417", "[::]:10417"),
            ("localhost:10417", "127.0.0.1:10417"),
            ("unix:/run/d.sock", "unix:/run/d.sock"),
            ("unix:///run/d.sock", "unix:/run/d.sock"),
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), address);
        }
        for text in
            ["", "10417", "127.0.0.1", "example.com:80", ":99999", "unix:", "unix:run/d.sock", "unix://d"]
        {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }
}
