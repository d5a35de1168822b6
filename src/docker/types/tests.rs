//! Answers of the engine as its versions write them, complete and not.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A well-formed inspect, as Docker 28 gives it, cut to what is read.
fn inspect() -> Value {
    json!({
        "Id": "ab".repeat(32), "Name": "/shop-api-1", "Image": "sha256:1234", "Created": "2026-01-01T00:00:00.5Z",
        "RestartCount": 3,
        "State": {
            "Status": "running", "Pid": 42, "ExitCode": 0, "OOMKilled": true,
            "StartedAt": "2026-01-02T00:00:00Z", "FinishedAt": "2026-01-01T12:00:00Z",
            "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []}
        },
        "Config": {"Image": "shop:1", "Labels": {"dockmeter.user": "ann"}},
        "HostConfig": {
            "NetworkMode": "bridge", "RestartPolicy": {"Name": "always"}, "Runtime": "runc", "CpusetCpus": "0-2,5",
            "NanoCpus": 1_500_000_000, "Memory": 67_108_864, "MemoryReservation": 33_554_432,
            "LogConfig": {"Type": "json-file", "Config": {}}
        },
        "NetworkSettings": {"SandboxID": "5a5a"},
        "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": "/var/lib/docker/overlay2/1/diff"}},
        "LogPath": "/var/lib/docker/containers/ab/ab-json.log",
        "Mounts": [
            {"Type": "bind", "Source": "/home/ann", "Destination": "/src"},
            {"Type": "volume", "Name": "db", "Source": "/v/db/_data", "Destination": "/db", "Driver": "local"},
            {"Type": "volume", "Name": "db", "Source": "/v/db/_data", "Destination": "/again", "Driver": "local"},
            {"Type": "volume", "Name": "far", "Source": "/mnt/far", "Destination": "/far", "Driver": "nfs"}
        ]
    })
}

/// Where each value that is used stands, and the value that was read.
fn read(inspect: &Value) -> Vec<(&'static str, String)> {
    let details = read_details(inspect.to_string().as_bytes()).unwrap();
    vec![
        ("/Name", format!("{:?}", details.name)),
        ("/Image", format!("{:?}", details.image_id)),
        ("/Created", format!("{:?}", details.created_at)),
        ("/RestartCount", format!("{:?}", details.restart_count)),
        ("/State/Status", format!("{:?}", details.status)),
        ("/State/Pid", format!("{:?}", details.pid)),
        ("/State/ExitCode", format!("{:?}", details.exit_code)),
        ("/State/OOMKilled", format!("{:?}", details.oom_killed)),
        ("/State/StartedAt", format!("{:?}", details.started_at)),
        ("/State/FinishedAt", format!("{:?}", details.finished_at)),
        ("/State/Health/Status", format!("{:?}", details.health)),
        ("/Config/Image", format!("{:?}", details.image)),
        ("/Config/Labels/dockmeter.user", format!("{:?}", details.labels)),
        ("/HostConfig/NetworkMode", format!("{:?}", details.network_mode)),
        ("/HostConfig/RestartPolicy/Name", format!("{:?}", details.restart_policy)),
        ("/HostConfig/Runtime", format!("{:?}", details.runtime)),
        ("/HostConfig/CpusetCpus", format!("{:?}", details.cpuset_cpus)),
        ("/HostConfig/NanoCpus", format!("{:?}", details.resources.limits.cpu_nanocores)),
        ("/HostConfig/Memory", format!("{:?}", details.resources.limits.memory_bytes)),
        ("/HostConfig/MemoryReservation", format!("{:?}", details.resources.reservations)),
        ("/HostConfig/LogConfig/Type", format!("{:?}", details.storage.log_driver)),
        ("/GraphDriver/Data/UpperDir", format!("{:?}", details.storage.upper_dir)),
        ("/LogPath", format!("{:?}", details.storage.log_path)),
        ("/Mounts", format!("{:?}", details.storage.volumes)),
        ("/NetworkSettings/SandboxID", format!("{:?}", details.sandbox_id)),
    ]
}

/// Every path of a JSON tree, the root's excepted.
fn paths(value: &Value, prefix: &str, found: &mut Vec<String>) {
    for (key, child) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}/{key}");
        paths(child, &path, found);
        found.push(path);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[A-Za-z]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn an_inspect_is_read_in_full() {
    let details = read_details(inspect().to_string().as_bytes()).unwrap();
    assert_eq!(details.name.as_deref(), Some("shop-api-1"));
    assert_eq!(details.status, Some(Status::Running));
    assert_eq!(details.health, Some(Health::Healthy));
    assert_eq!(details.cpuset_cpus, Some(4));
    let db = Volume { name: LabelValue::clean("db"), source: "/v/db/_data".into() };
    assert_eq!(details.storage.volumes, [db], "local volumes, each once");
    assert!(read(&inspect()).iter().all(|(_, value)| value != "None"));
}

#[test]
fn a_time_in_the_year_one_is_no_time() {
    assert_eq!(time(Some("0001-01-01T00:00:00Z".into())), None);
}

#[test]
fn a_malformed_element_of_a_list_costs_that_element_only() {
    let body = json!([
        {"Id": "ab".repeat(32), "Names": ["/other/link", "/one"], "State": "stopping", "Created": "soon"},
        "nonsense", {"Id": "short"}, {"Id": 7}
    ]);
    let list = read_list(body.to_string().as_bytes()).unwrap();
    assert_eq!((list.containers.len(), list.malformed), (1, 3));
    assert_eq!(list.containers[0].name.as_deref(), Some("one"));
    assert_eq!(list.containers[0].status.as_ref().map(Status::as_str), Some("stopping"));
}

#[test]
fn labels_that_are_no_text_are_left_out_and_invalid_bytes_cost_a_character() {
    let mut body = br#"{"Config":{"Labels":{"a":1,"b":"caf"#.to_vec();
    body.extend_from_slice(b"\xff\"}}}");
    let labels = read_image_labels(&body).unwrap();
    assert_eq!(labels, Labels::from([("b".to_owned(), "caf\u{fffd}".to_owned())]));
}

#[test]
fn an_event_is_read_in_its_old_and_its_new_form() {
    let id = "cd".repeat(32);
    let attributes =
        json!({"image": "bb", "name": "t1", "exitCode": "137", "execDuration": "2", "team": "core"});
    let new = json!({"Type": "container", "Action": "die", "Actor": {"ID": id, "Attributes": attributes}, "time": 1, "timeNano": 1_000_000_007_i64});
    let old =
        json!({"status": "die", "id": id, "from": "bb", "time": 1, "Actor": {"Attributes": attributes}});
    for (event, nanoseconds) in [(new, 7), (old, 0)] {
        let event = read_event(event.to_string().as_bytes()).unwrap().event.unwrap();
        assert_eq!(event.happening, Happening::Die { exit_code: Some(137) });
        assert_eq!(event.labels, Labels::from([("team".to_owned(), "core".to_owned())]));
        assert_eq!((event.name.as_deref(), event.image.as_deref()), (Some("t1"), Some("bb")));
        assert_eq!(event.at, Timestamp::new(1, nanoseconds).ok());
    }
}

#[test]
fn an_inspect_tells_when_the_checks_began_to_fail() {
    let since = |failed: Value, log: Value| {
        let health = json!({"Status": "unhealthy", "FailingStreak": failed, "Log": log});
        let body = json!({"State": {"Health": health, "StartedAt": "1970-01-01T00:00:02Z"}}).to_string();
        read_details(body.as_bytes()).unwrap().failing_since.map(|time| time.as_second())
    };
    let at = |seconds: &[u32]| {
        let check = |second| json!({"Start": format!("1970-01-01T01:00:{second:02}.5+01:00"), "Output": "x"});
        Value::from_iter(seconds.iter().map(check))
    };
    let log = at(&[21, 24, 27]);
    assert_eq!(since(json!(2), log.clone()), Some(24), "the first of two");
    assert_eq!(since(json!(9), log.clone()), Some(3), "six before these, three seconds apart");
    assert_eq!(since(json!(9), at(&[7])), Some(7), "no pace is known");
    assert_eq!(since(json!(900), log.clone()), Some(2), "not before the run began");
    assert_eq!(since(json!(0), log.clone()), None);
    assert_eq!(since(json!("many"), log), None);
    assert_eq!(since(json!(2), json!([])), None);
    assert_eq!(since(json!(1), json!([{"Start": "yesterday"}])), None);
    assert_eq!(since(json!(1), json!(null)), None);
}

#[test]
fn health_is_read_from_dockers_words_and_from_podmans() {
    let event = |action: &str, word: &str| {
        let attributes = json!({"health_status": word});
        let line = json!({"Action": action, "Actor": {"ID": "ef".repeat(32), "Attributes": attributes}});
        read_event(line.to_string().as_bytes()).unwrap().event.unwrap().happening
    };
    assert_eq!(event("health_status: unhealthy", ""), Happening::Health(Some(Health::Unhealthy)));
    assert_eq!(event("health_status", "healthy"), Happening::Health(Some(Health::Healthy)));
    assert_eq!(event("health_status", "tired"), Happening::Health(None));
}

#[test]
fn events_of_other_things_are_passed_over() {
    for line in
        [r#"{"Type":"network","Action":"connect"}"#, r#"{"Type":"container","Action":"exec_die","id":"x"}"#]
    {
        assert_eq!(read_event(line.as_bytes()).unwrap().event, None);
    }
    assert!(read_event(br#"{"Action":"die","id":"x"}"#).is_err());
    assert!(read_event(b"{").is_err());
}

proptest! {
    #[test]
    fn any_field_of_any_other_type_costs_that_field_only(index in any::<prop::sample::Index>(), other in any_json()) {
        let good = inspect();
        let mut all = Vec::new();
        paths(&good, "", &mut all);
        let replaced = index.get(&all);
        let mut bad = good.clone();
        *bad.pointer_mut(replaced).unwrap() = other;
        for (before, after) in read(&good).into_iter().zip(read(&bad)) {
            if !before.0.starts_with(replaced.as_str()) {
                prop_assert_eq!(before, after);
            }
        }
    }

    #[test]
    fn any_json_is_read_or_refused_without_a_panic(value in any_json()) {
        let body = value.to_string();
        let _ = read_details(body.as_bytes());
        let _ = read_list(body.as_bytes());
        let _ = read_image_labels(body.as_bytes());
        let _ = Version::read(body.as_bytes());
        let _ = read_event(body.as_bytes());
        let _ = read_error(body.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_details(&bytes);
        let _ = read_list(&bytes);
        let _ = read_event(&bytes);
    }

    #[test]
    fn any_cpu_set_is_counted_or_refused(set in "[0-9,-]{0,20}") {
        let _ = count_cpu_list(&set);
    }
}
