//! What the engine says that its files take: `GET /system/df`.
//!
//! Engines before API 1.52 list every object and leave the sums to the client; newer ones
//! bring the sums. Both are read; where an object's size is not known it is -1 and left out.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Malformed, lenient, parse};
use crate::inventory::{EngineUsage, Occupied, Status};

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct UsageJson {
    #[serde(deserialize_with = "lenient")]
    image_usage: Option<SumsJson>,
    #[serde(deserialize_with = "lenient")]
    container_usage: Option<SumsJson>,
    #[serde(deserialize_with = "lenient")]
    volume_usage: Option<SumsJson>,
    #[serde(deserialize_with = "lenient")]
    build_cache_usage: Option<SumsJson>,
    #[serde(deserialize_with = "lenient")]
    layers_size: Option<u64>,
    images: Value,
    containers: Value,
    volumes: Value,
    build_cache: Value,
}

/// Sums as API 1.52 brings them; a zero is left out there.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SumsJson {
    #[serde(deserialize_with = "lenient")]
    total_size: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    reclaimable: Option<u64>,
}

/// An object of any kind in the older answer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ObjectJson {
    #[serde(deserialize_with = "lenient")]
    size: Option<u64>,
    /// Of an image: what it shares with others.
    #[serde(deserialize_with = "lenient")]
    shared_size: Option<u64>,
    /// Of an image: containers made from it; -1 if that was not counted.
    #[serde(deserialize_with = "lenient")]
    containers: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    size_rw: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    state: Option<String>,
    #[serde(deserialize_with = "lenient")]
    usage_data: Option<VolumeUsageJson>,
    #[serde(deserialize_with = "lenient")]
    in_use: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    shared: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumeUsageJson {
    #[serde(deserialize_with = "lenient")]
    size: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    ref_count: Option<i64>,
}

/// Reads the answer to `GET /system/df`.
pub(in crate::docker) fn read_usage(body: &[u8], measured_at: Timestamp) -> Result<EngineUsage, Malformed> {
    let json: UsageJson = parse(body)?;
    let layers = json.layers_size;
    // The older answer always has this sum, and `null` for a list without objects.
    let list = |list| match list {
        Value::Array(list) => Some(list),
        Value::Null => layers.map(|_| Vec::new()),
        _ => None,
    };
    let images = list(json.images).map(|images| image_sums(layers, &objects(images)));
    Ok(EngineUsage {
        measured_at,
        images: json.image_usage.map(sums).or(images).unwrap_or_default(),
        containers: chosen(json.container_usage, list(json.containers), container),
        volumes: chosen(json.volume_usage, list(json.volumes), volume),
        build_cache: chosen(json.build_cache_usage, list(json.build_cache), build),
    })
}

fn objects(list: Vec<Value>) -> Vec<ObjectJson> {
    list.into_iter().filter_map(|object| serde_json::from_value(object).ok()).collect()
}

fn sums(sums: SumsJson) -> Occupied {
    Occupied {
        bytes: Some(sums.total_size.unwrap_or(0)),
        reclaimable_bytes: Some(sums.reclaimable.unwrap_or(0)),
    }
}

/// The engine's own sums, else those of a list: each object counts a size, and whether
/// something needs it.
fn chosen(
    ready: Option<SumsJson>,
    list: Option<Vec<Value>>,
    size: fn(&ObjectJson) -> Option<(u64, bool)>,
) -> Occupied {
    let summed = |list: Vec<Value>| {
        let sized: Vec<(u64, bool)> = objects(list).iter().filter_map(size).collect();
        let sum = |kept: fn(&bool) -> bool| {
            sized.iter().filter(|(_, used)| kept(used)).map(|(size, _)| size).sum::<u64>()
        };
        Occupied { bytes: Some(sum(|_| true)), reclaimable_bytes: Some(sum(|used| !used)) }
    };
    ready.map(sums).or_else(|| list.map(summed)).unwrap_or_default()
}

/// Images overlap: together they take their layers, and what is needed is what those with
/// containers do not share.
fn image_sums(layers: Option<u64>, images: &[ObjectJson]) -> Occupied {
    let own = |image: &ObjectJson| Some(image.size?.saturating_sub(image.shared_size?));
    let used = images.iter().filter(|image| image.containers != Some(0)).filter_map(own);
    let used: u64 = used.sum();
    Occupied { bytes: layers, reclaimable_bytes: layers.map(|layers| layers.saturating_sub(used)) }
}

fn container(object: &ObjectJson) -> Option<(u64, bool)> {
    let status = Status::from_word(object.state.as_deref().unwrap_or_default());
    let used = matches!(status, Status::Running | Status::Paused | Status::Restarting);
    // The engine leaves a zero out.
    Some((object.size_rw.unwrap_or(0), used))
}

fn volume(object: &ObjectJson) -> Option<(u64, bool)> {
    let usage = object.usage_data.as_ref()?;
    Some((usage.size?, usage.ref_count != Some(0)))
}

fn build(object: &ObjectJson) -> Option<(u64, bool)> {
    let own = object.shared != Some(true);
    object.size.filter(|_| own).map(|size| (size, object.in_use == Some(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> EngineUsage {
        read_usage(body.as_bytes(), Timestamp::UNIX_EPOCH).unwrap()
    }

    fn occupied(bytes: u64, reclaimable: u64) -> Occupied {
        Occupied { bytes: Some(bytes), reclaimable_bytes: Some(reclaimable) }
    }

    #[test]
    fn an_older_engine_s_objects_are_summed_as_docker_s_client_does() {
        let usage = read(
            r#"{"LayersSize": 1000,
                "Images": [{"Size": 700, "SharedSize": 200, "Containers": 1},
                           {"Size": 500, "SharedSize": 200, "Containers": 0},
                           {"Size": 90, "SharedSize": -1, "Containers": 2}, "nonsense"],
                "Containers": [{"SizeRw": 10, "State": "running"}, {"SizeRw": 7, "State": "exited"},
                               {"State": "created"}],
                "Volumes": [{"UsageData": {"Size": 50, "RefCount": 1}}, {"UsageData": {"Size": 30, "RefCount": 0}},
                            {"UsageData": {"Size": -1, "RefCount": -1}}, {"UsageData": null}],
                "BuildCache": [{"Size": 5, "InUse": true, "Shared": false}, {"Size": 6, "InUse": false, "Shared": false},
                               {"Size": 7, "InUse": false, "Shared": true}]}"#,
        );
        assert_eq!(usage.images, occupied(1000, 500));
        assert_eq!(usage.containers, occupied(17, 7));
        assert_eq!(usage.volumes, occupied(80, 30));
        assert_eq!(usage.build_cache, occupied(11, 6));
    }

    #[test]
    fn an_older_engine_says_null_for_nothing_and_what_is_no_list_is_not_known() {
        let usage = read(
            r#"{"LayersSize": 0, "Images": null, "Containers": [], "BuildCache": null, "Volumes": "?"}"#,
        );
        assert_eq!((usage.images, usage.containers), (occupied(0, 0), occupied(0, 0)));
        assert_eq!((usage.build_cache, usage.volumes), (occupied(0, 0), Occupied::default()));
        assert_eq!(read("{}").images, Occupied::default());
    }

    #[test]
    fn a_newer_engine_s_sums_count() {
        let usage = read(
            r#"{"ImageUsage": {"TotalSize": 9, "Reclaimable": 4}, "ContainerUsage": {"TotalSize": 3},
                "VolumeUsage": {}}"#,
        );
        assert_eq!((usage.images, usage.containers), (occupied(9, 4), occupied(3, 0)));
        assert_eq!((usage.volumes, usage.build_cache), (occupied(0, 0), Occupied::default()));
    }
}
