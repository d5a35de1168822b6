//! Whose a series is, and of what, as programs read it.

use std::collections::BTreeMap;

use serde::Serialize;

/// What labels say of it; what they do not say is left out.
#[derive(Serialize)]
pub(super) struct Whose<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mountpoint: Option<&'a str>,
}

impl<'a> From<&'a BTreeMap<String, String>> for Whose<'a> {
    fn from(labels: &'a BTreeMap<String, String>) -> Self {
        let label = |name: &str| labels.get(name).map(String::as_str);
        Whose {
            user: label("user"),
            project: label("project"),
            team: label("team"),
            container: label("name"),
            service: label("service"),
            slo: label("slo"),
            host: label("instance"),
            mountpoint: label("mountpoint"),
        }
    }
}
