//! The page of an engine of which everything is known, and of one that says nothing.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::inventory::{Activity, Binding, Call, Container, Engine, EngineInfo, Ports, Protocol};
use crate::metrics::text::{Dialect, TextEncoder};
use crate::snapshot::Reading;
use crate::snapshot::host::Host;
use crate::tenant::{LabelValue, Tenant};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn page(snapshot: &Snapshot) -> String {
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    EngineCollector.collect(snapshot, &mut encoder).unwrap();
    PortsCollector.collect(snapshot, &mut encoder).unwrap();
    String::from_utf8(encoder.finish()).unwrap()
}

fn reading(digit: &str, name: &str, status: Status, policy: &str, ports: Ports) -> Arc<Reading> {
    let id = digit.repeat(64).parse().unwrap();
    let tenant = Tenant::claimed(Some("ann"), Some("shop"), None);
    let container = Container { tenant, ports, restart_policy: policy.into(), ..Container::new(id, status) };
    Arc::new(Reading {
        labels: Arc::new(LabelBlock::of_tenant(&container.tenant, [("name", name)])),
        cgroup: "/docker/1".into(),
        container: Arc::new(container),
        stats: None,
        disk: None,
        usage_cores: None,
        rates: None,
        fast: None,
        oom_kills: 0,
        ended: false,
    })
}

fn by_driver(drivers: &[(&str, u64)], unused: Option<u64>) -> ByDriver {
    let count = drivers.iter().map(|(driver, count)| (LabelValue::clean(driver), *count)).collect();
    ByDriver { listed_at: time("2026-01-31T11:59:00Z"), count, unused }
}

fn busy() -> Activity {
    let activity = Activity::default();
    for (kind, action) in
        [("container", "start"), ("container", "start"), ("container", "exec_die"), ("image", "pull")]
    {
        activity.count_event(crate::inventory::event_number(kind, action));
    }
    activity.count_call(Call::Inspect, Duration::from_micros(1500), false);
    activity.count_call(Call::Inspect, Duration::from_secs(10), true);
    activity
}

#[test]
fn golden_page_of_an_engine() {
    let now = time("2026-01-31T12:00:00Z");
    let web = Binding { host_port: 80, protocol: Protocol::Tcp, host_ip: None, container_port: 8080 };
    let dns = Binding {
        host_port: 53,
        protocol: Protocol::Udp,
        host_ip: "10.0.0.1".parse().ok(),
        container_port: 53,
    };
    let wanted = Binding { host_ip: "127.0.0.1".parse().ok(), ..web };
    let running = Ports { bound: vec![dns, web], ..Ports::default() };
    let stopped = Ports { configured: vec![wanted], ..Ports::default() };
    let engine = Engine {
        connected: true,
        version: Some("Docker Engine 28.5.2".into()),
        api_version: Some("1.51".into()),
        synced_at: Some(now),
        ..Engine::default()
    };
    let facts = EngineFacts {
        info: Some(EngineInfo {
            storage_driver: LabelValue::clean("overlay2"),
            cgroup_driver: LabelValue::clean("systemd"),
            cgroup_version: LabelValue::clean("2"),
        }),
        images: Some(Images {
            listed_at: now,
            count: 9,
            dangling: 2,
            unused: 5,
            unused_created: ["2024-06-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-31T11:00:00Z"]
                .map(time)
                .into(),
        }),
        networks: Some(by_driver(&[("bridge", 3), ("host", 1), ("null", 1)], Some(1))),
        volumes: Some(by_driver(&[("local", 4)], None)),
    };
    let snapshot = Snapshot {
        taken_at: now,
        published_at: now,
        containers: vec![
            reading("a", "proxy", Status::Running, "always", running),
            reading("b", "old-proxy", Status::Exited, "always", stopped),
            reading("c", "job", Status::Exited, "no", Ports::default()),
        ],
        engine: Arc::new(engine),
        facts: Arc::new(facts),
        activity: busy().totals(),
        ..Snapshot::of_host(Host::default())
    };
    let page = page(&snapshot);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/docker.prom");
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert_eq!(page, std::fs::read_to_string(&file).unwrap_or_default());
}

#[test]
fn of_an_engine_that_was_never_reached_only_that_is_said() {
    let page = page(&Snapshot::of_host(Host::default()));
    let samples: Vec<&str> = page.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        [
            "dockmeter_docker_up 0",
            "dockmeter_docker_missed_ends_total 0",
            "dockmeter_inventory_lookups_total{result=\"hit\"} 0",
            "dockmeter_inventory_lookups_total{result=\"miss\"} 0",
        ]
    );
}
