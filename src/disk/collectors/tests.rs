//! The page of two containers, one of which is known only in part.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::disk::tests::{container, time};
use crate::inventory::{EngineStorage, EngineUsage};
use crate::metrics::text::{Dialect, TextEncoder};
use crate::snapshot::{Machine, Measured};
use crate::tenant::LabelValue;

fn reading(digit: &str, name: &str, disk: Option<Disk>) -> Arc<Reading> {
    let container = container(digit, name);
    let labels = [("id", "/docker/1"), ("name", name), ("image", "shop/api:1")];
    Arc::new(Reading {
        labels: Arc::new(LabelBlock::of_tenant(&container.tenant, labels)),
        cgroup: "/docker/1".into(),
        container: Arc::new(container),
        stats: None,
        disk: disk.map(Arc::new),
        usage_cores: None,
        rates: None,
        fast: None,
        oom_kills: 0,
        ended: false,
    })
}

fn measured(bytes: u64, second: i64) -> Measured {
    Measured { bytes, at: time(second) }
}

#[test]
fn golden_page_of_disks() {
    let file_system =
        FileSystem { device: "/dev/sda1".into(), bytes: 64 << 30, inodes: Some((4_000_000, 3_000_000)) };
    let whole = Disk {
        writable_layer: Some(measured(8_400_896, 100)),
        log: Some(measured(1_052_672, 130)),
        volumes: vec![
            (LabelValue::clean("shop_db"), measured(4_198_400, 90)),
            (LabelValue::clean("shop_media"), measured(1 << 40, 120)),
        ],
        file_system: Some(Arc::new(file_system)),
        billed_bytes: 0,
        billed_elsewhere_bytes: 0,
    };
    let log_only = Disk { log: Some(measured(4096, 131)), ..Disk::default() };
    let usage = EngineUsage {
        measured_at: time(60),
        images: Occupied { bytes: Some(2_000_000), reclaimable_bytes: Some(500_000) },
        containers: Occupied { bytes: Some(8_400_896), reclaimable_bytes: Some(0) },
        volumes: Occupied { bytes: Some(4_198_400), reclaimable_bytes: None },
        build_cache: Occupied::default(),
    };
    let snapshot = Snapshot {
        taken_at: time(140),
        published_at: time(140),
        containers: vec![
            reading("a", "shop-api-1", Some(whole)),
            reading("b", "shop-job-1", Some(log_only)),
            reading("c", "shop-new-1", None),
        ],
        tenants: Vec::new(),
        operations: Vec::new(),
        engine: Arc::default(),
        lookups: (0, 0),
        read_errors: Vec::new(),
        read_duration_ns: 0,
        overruns: 0,
        machine: Machine::default(),
        host: None,
        storage: Arc::new(EngineStorage { data_root: None, usage: Some(usage) }),
        facts: Arc::default(),
        activity: Default::default(),
        disk_walk_ns: Some(1_250_000_000),
        sources: crate::snapshot::Sources::default(),
    };
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    ContainerDiskCollector.collect(&snapshot, &mut encoder).unwrap();
    DockerDiskCollector.collect(&snapshot, &mut encoder).unwrap();
    let page = String::from_utf8(encoder.finish()).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/disk.prom");
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(page == expected, "{} differs; this is the page now:\n{page}", file.display());
}
