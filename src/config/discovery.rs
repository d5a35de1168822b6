//! How Prometheus reaches containers that expose metrics of their own.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::layers::Layers;
use super::{ConfigError, file, settings, value};

/// How often a container may ask to be scraped at most.
const MIN_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// The longest name of a host.
const LONGEST_HOST: usize = 253;

/// How Prometheus reaches containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Networks of the engine that Prometheus is in, the best first; any if there is none.
    pub networks: Vec<String>,
    /// The host, by which published ports are reached; `None` where containers are reached at
    /// their own addresses. An IPv6 address stands without brackets.
    pub published_address: Option<String>,
    /// The shortest interval that a container may ask for.
    pub min_interval: Duration,
}

impl Default for Discovery {
    fn default() -> Self {
        Discovery { networks: Vec::new(), published_address: None, min_interval: Duration::from_secs(5) }
    }
}

/// Puts together how Prometheus reaches containers.
pub(super) fn discovery(layers: &mut Layers<'_>, file: &file::Discovery) -> Result<Discovery, ConfigError> {
    Ok(Discovery {
        networks: layers.many(&settings::DISCOVERY_NETWORKS, &file.networks, |given| {
            given.parse(|text| match text {
                "" => Err("an empty name is no network".to_owned()),
                text => Ok(text.to_owned()),
            })
        })?,
        published_address: layers.one(
            &settings::DISCOVERY_PUBLISHED_ADDRESS,
            file.published_address.as_ref(),
            host,
        )?,
        min_interval: layers.one(&settings::DISCOVERY_MIN_INTERVAL, file.min_interval.as_ref(), |text| {
            value::duration(text, MIN_INTERVAL)
        })?,
    })
}

fn host(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_name = |text: &str| {
        text.len() <= LONGEST_HOST && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    match bare.parse::<IpAddr>().is_ok() || is_name(bare) {
        true => Ok(Some(bare.to_owned())),
        false => {
            Err(format!("`{text}` is not the name or the IP address of a host; leave scheme and port out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_without_a_port() {
        for (text, kept) in [("", None), ("h-1.example", Some("h-1.example")), ("[fd00::1]", Some("fd00::1"))]
        {
            assert_eq!(host(text).unwrap().as_deref(), kept);
        }
        for text in ["http://h", "h:9090", "h/x", "a b", "10.0.0.1:80"] {
            assert!(host(text).unwrap_err().contains("leave scheme and port out"), "{text}");
        }
    }
}
