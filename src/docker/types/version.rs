//! Which engine it is, and which version of its API is spoken with it.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::{Malformed, lenient, parse};

/// A version of the Engine API, as `1.41`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::docker) struct ApiVersion {
    major: u32,
    minor: u32,
}

impl ApiVersion {
    /// The newest version whose answers were looked at.
    pub(in crate::docker) const NEWEST_KNOWN: ApiVersion = ApiVersion { major: 1, minor: 52 };

    /// The first whose engines (25.0) answer a one-shot question for statistics at once, instead of
    /// with the next round of their collector.
    pub(in crate::docker) const READS_AT_ONCE: ApiVersion = ApiVersion { major: 1, minor: 44 };

    /// The first that knows one-shot statistics; before, an answer takes two rounds.
    pub(in crate::docker) const ONE_SHOT: ApiVersion = ApiVersion { major: 1, minor: 41 };

    /// The version to speak with an engine: its own or the newest known, whichever is older,
    /// but never one that it no longer accepts.
    pub(in crate::docker) fn negotiated(current: ApiVersion, minimum: Option<ApiVersion>) -> ApiVersion {
        let wanted = current.min(ApiVersion::NEWEST_KNOWN);
        minimum.map_or(wanted, |minimum| wanted.max(minimum))
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (major, minor) = text.trim().split_once('.').ok_or(())?;
        let number = |text: &str| text.parse().map_err(|_| ());
        Ok(ApiVersion { major: number(major)?, minor: number(minor)? })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The answer to `GET /version`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::docker) struct Version {
    /// Name and version, as `Docker Engine 28.5.2`.
    pub(in crate::docker) product: Option<String>,
    pub(in crate::docker) api: Option<ApiVersion>,
    pub(in crate::docker) minimum_api: Option<ApiVersion>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VersionJson {
    #[serde(deserialize_with = "lenient")]
    version: Option<String>,
    #[serde(deserialize_with = "lenient")]
    api_version: Option<String>,
    #[serde(rename = "MinAPIVersion", deserialize_with = "lenient")]
    min_api_version: Option<String>,
    #[serde(deserialize_with = "lenient")]
    components: Option<Vec<ComponentJson>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ComponentJson {
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
}

impl Version {
    /// Reads the answer to `GET /version`.
    pub(in crate::docker) fn read(body: &[u8]) -> Result<Version, Malformed> {
        let json: VersionJson = parse(body)?;
        let first = json.components.and_then(|components| components.into_iter().next()?.name);
        let name = match first {
            None => "Docker Engine".to_owned(),
            Some(name) if name == "Engine" => "Docker Engine".to_owned(),
            Some(name) => name,
        };
        Ok(Version {
            product: json.version.map(|version| format!("{name} {version}")),
            api: json.api_version.and_then(|text| text.parse().ok()),
            minimum_api: json.min_api_version.and_then(|text| text.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(text: &str) -> ApiVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_older_of_both_newest_versions_is_spoken() {
        assert_eq!(ApiVersion::negotiated(api("1.41"), Some(api("1.12"))), api("1.41"));
        assert_eq!(ApiVersion::negotiated(api("1.99"), Some(api("1.44"))), ApiVersion::NEWEST_KNOWN);
        assert_eq!(ApiVersion::negotiated(api("1.9"), None), api("1.9"));
    }

    #[test]
    fn an_engine_that_refuses_every_known_version_is_spoken_to_in_its_oldest() {
        assert_eq!(ApiVersion::negotiated(api("2.3"), Some(api("1.60"))), api("1.60"));
    }

    #[test]
    fn podman_is_named_by_its_first_component() {
        let body = br#"{"Version":"5.4.2","ApiVersion":"1.41","Components":[{"Name":"Podman Engine"},{"Name":"Conmon"}]}"#;
        let version = Version::read(body).unwrap();
        assert_eq!(version.product.as_deref(), Some("Podman Engine 5.4.2"));
        assert_eq!(version.api, Some(api("1.41")));
    }
}
