//! Containers as the engine describes them, and a disk of 100 GiB.

use std::sync::Arc;

use super::*;
use crate::inventory::{ContainerId, EngineStorage, EngineUsage, Occupied, Protocol};
use crate::snapshot::host::{DataRoot, Filesystem, Filesystems, Host, Mount, Usage};
use crate::tenant::{LabelValue, Tenant};

const GIB: u64 = 1 << 30;

fn now() -> Timestamp {
    "2026-01-02T00:00:00Z".parse().unwrap()
}

/// A container that has run for a day, without a health check and restart policy.
fn bare() -> Container {
    let id: ContainerId = "3f".repeat(32).parse().unwrap();
    let mut container = Container::new(id, Status::Running);
    container.name = LabelValue::clean("shop-api-1");
    container.tenant = Tenant::claimed(Some("ann"), Some("shop"), Some("core"));
    container.labels.insert(COMPOSE_SERVICE.to_owned(), "api".to_owned());
    container.state.started_at = Some("2026-01-01T00:00:00Z".parse().unwrap());
    container.restart_policy = "no".to_owned();
    container.ports.exposed = vec![(8080, Protocol::Tcp)];
    container
}

fn of(container: &Container) -> Looked {
    settings(std::iter::once(container), now())
}

fn ids(looked: &Looked) -> Vec<&str> {
    let found = looked.answers.iter().filter_map(Answer::recommendation);
    found.map(|found| found.id.as_str()).collect()
}

#[test]
fn what_a_container_lacks_is_told_with_the_place_in_its_compose_file() {
    let looked = of(&bare());
    assert_eq!(
        ids(&looked),
        ["health_check/ann/shop/core//shop-api-1", "restart_policy/ann/shop/core//shop-api-1"]
    );
    let check = looked.answers[0].recommendation().unwrap();
    assert!(check.action.lines[1].contains("nc -z 127.0.0.1 8080"), "{:?}", check.action);
    assert!(check.action.place.as_deref().unwrap().contains("services.api"), "{:?}", check.action);
    assert_eq!(looked.values["restart_policy/ann/shop/core//shop-api-1"], 1.0);
}

#[test]
fn what_is_set_is_noted_and_nothing_is_said() {
    let mut container = bare();
    container.state.health = Some(Health::Healthy);
    container.restart_policy = "unless-stopped".to_owned();
    let looked = of(&container);
    assert!(looked.answers.is_empty(), "{:?}", looked.answers);
    assert_eq!(looked.values["health_check/ann/shop/core//shop-api-1"], 1.0);
    assert_eq!(looked.values["restart_policy/ann/shop/core//shop-api-1"], 0.0);
}

#[test]
fn what_does_not_run_and_what_has_just_begun_is_left_alone() {
    let exited = Container { state: crate::inventory::State::new(Status::Exited), ..bare() };
    assert!(of(&exited).answers.is_empty());
    let mut new = bare();
    new.state.started_at = Some("2026-01-01T23:30:00Z".parse().unwrap());
    assert!(of(&new).answers.is_empty());
    let mut once = bare();
    once.auto_remove = true;
    assert_eq!(ids(&of(&once)), ["health_check/ann/shop/core//shop-api-1"]);
}

fn disk(reclaimable: u64) -> Snapshot {
    let mount = Arc::new(Mount { numbers: (8, 1), ..Mount::default() });
    let usage = Ok(Usage { size: 100 * GIB, ..Usage::default() });
    let mounted = vec![Filesystem { mount: mount.clone(), usage }];
    let data_root = Some(DataRoot { path: "/var/lib/docker".to_owned(), mount });
    let occupied = Occupied { bytes: Some(50 * GIB), reclaimable_bytes: Some(reclaimable) };
    let unknown = Occupied::default();
    let usage = EngineUsage {
        measured_at: now(),
        images: occupied,
        containers: unknown,
        volumes: Occupied { reclaimable_bytes: Some(GIB), ..occupied },
        build_cache: unknown,
    };
    Snapshot {
        storage: Arc::new(EngineStorage { data_root: None, usage: Some(usage) }),
        host: Some(Arc::new(Host {
            filesystems: Some(Filesystems { mounted, data_root }),
            ..Host::default()
        })),
        ..Snapshot::default()
    }
}

#[test]
fn what_nothing_needs_is_told_from_a_tenth_of_the_disk_on() {
    let looked = reclaimable(&disk(20 * GIB));
    assert_eq!(ids(&looked), ["reclaim//////images"]);
    let found = looked.answers[0].recommendation().unwrap();
    assert!(found.sentence.contains("20 % of the engine's disk"), "{}", found.sentence);
    assert_eq!(looked.values["reclaim//////volumes"], GIB as f64);
    assert!(reclaimable(&disk(9 * GIB)).answers.is_empty());
    assert!(reclaimable(&Snapshot::default()).values.is_empty(), "nothing was measured");
}
