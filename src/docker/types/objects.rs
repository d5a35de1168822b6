//! What the engine holds beside containers: `GET /images/json`, `/networks` and `/volumes`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Malformed, lenient, parse};
use crate::inventory::OTHER;
use crate::tenant::LabelValue;

/// Docker's first release was in March 2013. An image that was made before says the time of
/// no clock: reproducible builds write 0, or 1980.
const FIRST_RELEASE: i64 = 1_363_737_600;

/// Distinct drivers at most: there are about ten, and plugins; beyond that they are `other`.
const MAX_DRIVERS: usize = 20;

/// Networks that every engine has and that cannot be removed.
const PREDEFINED: [&str; 4] = ["bridge", "host", "none", "ingress"];

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::docker) struct Image {
    /// Its id, as containers name it.
    pub(in crate::docker) id: String,
    /// When it was made; `None` where that is no time.
    pub(in crate::docker) created_at: Option<Timestamp>,
    /// Whether it has no tag.
    pub(in crate::docker) dangling: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ImageJson {
    #[serde(deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    created: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    repo_tags: Option<Vec<Value>>,
}

/// Reads the answer to `GET /images/json`.
pub(in crate::docker) fn read_images(body: &[u8]) -> Result<Vec<Image>, Malformed> {
    let list: Vec<Value> = parse(body)?;
    let image = |json: ImageJson| {
        let tags = json.repo_tags.unwrap_or_default();
        let created = json.created.filter(|seconds| *seconds >= FIRST_RELEASE);
        Some(Image {
            id: json.id?,
            created_at: created.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            dangling: !tags.iter().filter_map(Value::as_str).any(|tag| tag != "<none>:<none>"),
        })
    };
    Ok(list.into_iter().filter_map(|json| serde_json::from_value(json).ok().and_then(image)).collect())
}

/// How many things there are of each driver.
pub(in crate::docker) type Listed = BTreeMap<LabelValue, u64>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NamedJson {
    #[serde(deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    driver: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumesJson {
    #[serde(deserialize_with = "lenient")]
    volumes: Option<Vec<Value>>,
}

/// The networks of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::docker) struct Networks {
    /// How many there are of each driver.
    pub(in crate::docker) count: Listed,
    /// Id and name of those that can be removed.
    pub(in crate::docker) removable: Vec<(String, String)>,
}

/// Reads the answer to `GET /networks`.
pub(in crate::docker) fn read_networks(body: &[u8]) -> Result<Networks, Malformed> {
    let list: Vec<Value> = parse(body)?;
    let removable = named(list.clone()).filter_map(|json| Some((json.id?, json.name?)));
    let removable = removable.filter(|(_, name)| !PREDEFINED.contains(&name.as_str())).collect();
    Ok(Networks { count: by_driver(list), removable })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MemberJson {
    #[serde(deserialize_with = "lenient")]
    network_settings: Option<MembershipJson>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MembershipJson {
    #[serde(deserialize_with = "lenient")]
    networks: Option<BTreeMap<String, Value>>,
}

/// Reads names and ids of the networks that containers belong to, running and stopped ones, out
/// of the answer to `GET /containers/json`. (The engine's own filter for unused networks does
/// not look at containers in Docker 20.10.)
pub(in crate::docker) fn read_used_networks(body: &[u8]) -> Result<BTreeSet<String>, Malformed> {
    let list: Vec<Value> = parse(body)?;
    let members = list.into_iter().filter_map(|json| serde_json::from_value(json).ok());
    let networks = members.filter_map(|json: MemberJson| json.network_settings?.networks).flatten();
    let keys = networks.flat_map(|(name, endpoint)| {
        let id = endpoint.get("NetworkID").and_then(Value::as_str).map(str::to_owned);
        [Some(name), id]
    });
    Ok(keys.flatten().collect())
}

/// Reads the answer to `GET /volumes`.
pub(in crate::docker) fn read_volumes(body: &[u8]) -> Result<Listed, Malformed> {
    Ok(by_driver(volumes(body)?))
}

/// Reads how many volumes there are, from the answer to a question for those that nothing uses.
pub(in crate::docker) fn count_volumes(body: &[u8]) -> Result<u64, Malformed> {
    Ok(volumes(body)?.len() as u64)
}

/// The engine says `null` for no volumes.
fn volumes(body: &[u8]) -> Result<Vec<Value>, Malformed> {
    let json: VolumesJson = parse(body)?;
    Ok(json.volumes.unwrap_or_default())
}

fn named(list: Vec<Value>) -> impl Iterator<Item = NamedJson> {
    list.into_iter().filter_map(|json| serde_json::from_value(json).ok())
}

fn by_driver(list: Vec<Value>) -> Listed {
    let mut drivers = Listed::new();
    for json in named(list) {
        // `none` has the driver `null`, an older Swarm's networks have an empty one.
        let driver = json.driver.filter(|driver| !driver.is_empty()).unwrap_or_else(|| OTHER.to_owned());
        let driver = LabelValue::clean(&driver);
        let full = drivers.len() >= MAX_DRIVERS && !drivers.contains_key(&driver);
        *drivers.entry(if full { LabelValue::clean(OTHER) } else { driver }).or_default() += 1;
    }
    drivers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(listed: Listed) -> Vec<(String, u64)> {
        listed.into_iter().map(|(driver, count)| (driver.to_string(), count)).collect()
    }

    #[test]
    fn an_image_without_a_tag_dangles_and_a_time_before_docker_is_none() {
        let images = read_images(
            br#"[{"Id": "sha256:a", "Created": 1700000000, "RepoTags": ["shop:1", "shop:2"]},
                 {"Id": "sha256:b", "Created": 0, "RepoTags": null},
                 {"Id": "sha256:c", "Created": 315532801, "RepoTags": ["<none>:<none>"]}, 7, {"RepoTags": []}]"#,
        )
        .unwrap();
        let seen: Vec<_> =
            images.iter().map(|i| (i.id.as_str(), i.created_at.is_some(), i.dangling)).collect();
        assert_eq!(seen, [("sha256:a", true, false), ("sha256:b", false, true), ("sha256:c", false, true)]);
    }

    #[test]
    fn networks_and_volumes_are_counted_by_driver() {
        let networks = br#"[{"Id": "1", "Name": "bridge", "Driver": "bridge"}, {"Id": "2", "Name": "shop", "Driver": "bridge"},
            {"Id": "3", "Name": "none", "Driver": "null"}, {"Name": "x", "Driver": ""}, 7]"#;
        let expected = [("bridge".to_owned(), 2), ("null".to_owned(), 1), ("other".to_owned(), 1)];
        let networks = read_networks(networks).unwrap();
        assert_eq!(networks.removable, [("2".to_owned(), "shop".to_owned())]);
        assert_eq!(counts(networks.count), expected);
        let volumes = br#"{"Volumes": [{"Name": "a", "Driver": "local"}], "Warnings": null}"#;
        assert_eq!(counts(read_volumes(volumes).unwrap()), [("local".to_owned(), 1)]);
        assert!(read_volumes(br#"{"Volumes": null}"#).unwrap().is_empty());
    }

    #[test]
    fn a_container_uses_its_networks_by_name_and_id() {
        let list =
            br#"[{"NetworkSettings": {"Networks": {"shop": {"NetworkID": "2"}, "old": {"NetworkID": ""}}}},
            {"NetworkSettings": null}, {}]"#;
        let used = read_used_networks(list).unwrap();
        assert!(["shop", "2", "old"].iter().all(|key| used.contains(*key)));
    }

    #[test]
    fn no_volumes_are_none() {
        assert_eq!(count_volumes(br#"{"Volumes": [{"Name": "a"}, {"Name": "b"}]}"#).unwrap(), 2);
        assert_eq!(count_volumes(br#"{"Volumes": null}"#).unwrap(), 0);
        assert!(count_volumes(b"[").is_err());
    }

    #[test]
    fn drivers_beyond_the_cap_are_other() {
        let list = (0..50).map(|number| serde_json::json!({"Driver": format!("plugin-{number}")}));
        let listed = by_driver(list.collect());
        assert_eq!(listed.len(), MAX_DRIVERS + 1);
        assert_eq!(listed[&LabelValue::clean(OTHER)], 30);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (read_images(&bytes), read_networks(&bytes), read_volumes(&bytes), read_used_networks(&bytes));
        }
    }
}
