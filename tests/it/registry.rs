//! The adapter for a `prometheus::Registry` shows what the page shows.
//!
//! The crate's own encoder writes what the registry has gathered, and the strict reader reads
//! both: names, types, help, labels and values have to be the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use dockmeter::collect::{Collector, Selection, render};
use dockmeter::exporter;
use dockmeter::exporter::registry::RegistryCollector;
use dockmeter::inventory::{Container, Engine, Network, Operation, State, Status};
use dockmeter::metrics::{Format, Histogram, LabelBlock};
use dockmeter::snapshot::{
    self, Interface, Reading, Snapshot, Source, Stats, TenantOperations, TenantUse, Traffic,
};
use dockmeter::tenant::{LabelValue, Tenant};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use prometheus::{Registry, TextEncoder};

use crate::exposition::{Dialect, LabelPairs, Page};

/// A label value with everything that has to be escaped.
const AWKWARD: &str = "job \"x\" \\ \n 日本 \u{7}";

fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

fn container(digits: &str, name: &str, tenant: Tenant, status: Status) -> Container {
    Container {
        name: LabelValue::clean(name),
        image: LabelValue::clean("shop/api:1"),
        image_id: "sha256:0".to_owned(),
        tenant,
        created_at: Some(now()),
        state: State {
            pid: (status == Status::Running).then_some(4711),
            exit_code: (status != Status::Running).then_some(137),
            started_at: Some(now()),
            restarts: 2,
            ..State::new(status)
        },
        network: Network { mode: "bridge".to_owned(), ..Network::default() },
        restart_policy: "no".to_owned(),
        runtime: "runc".to_owned(),
        ..Container::new(digits.repeat(32).parse().unwrap(), Status::Created)
    }
}

/// Numbers of every group, odd ones, so that rounding would show.
fn stats() -> Stats {
    let traffic = |bytes| Traffic { bytes, packets: 3, errors: 1, dropped: 2 };
    let interface = |name: &str| Interface { name: name.into(), receive: traffic(7), transmit: traffic(8) };
    let stall = snapshot::Stall { waiting_ns: 1, stalled_ns: Some(999_999_999_999) };
    let device = |device: &str| snapshot::DeviceIo {
        device: device.into(),
        read_bytes: 4096,
        write_bytes: 512,
        reads: Some(2),
        writes: Some(1),
    };
    Stats {
        cpu: Some(snapshot::Cpu { usage_ns: 1_250_000_000_001, user_ns: Some(1), system_ns: Some(0) }),
        throttling: Some(snapshot::Throttling {
            periods: 10,
            throttled_periods: 3,
            throttled_ns: 70_000_007,
        }),
        cpu_limits: Some(snapshot::CpuLimits {
            quota_us: Some(33_333),
            period_us: Some(100_000),
            shares: Some(1024),
        }),
        memory: Some(snapshot::Memory {
            usage: (1 << 53) - 1,
            working_set: 1 << 29,
            rss: Some(3),
            limit_known: true,
            pgfault: Some((5, 6)),
            ..Default::default()
        }),
        io: Some(vec![device("/dev/sda"), device("/dev/sdb")]),
        network: Some(snapshot::Network {
            interfaces: vec![interface("eth0"), interface("eth1")],
            tcp_established: Some(3),
        }),
        pressure: snapshot::Pressure { cpu: Some(stall), memory: None, io: Some(stall) },
        processes: snapshot::Processes { processes: Some(15), threads: Some(40), threads_max: Some(1024) },
    }
}

fn reading(container: Container, name: &str, stats: Option<Stats>) -> Arc<Reading> {
    let cgroup = format!("/docker/{}", container.id);
    let labels = [("id", cgroup.as_str()), ("name", name), ("image", "shop/api:1")];
    Arc::new(Reading {
        labels: Arc::new(LabelBlock::of_tenant(&container.tenant, labels)),
        cgroup: cgroup.as_str().into(),
        stats: stats.map(Arc::new),
        disk: None,
        usage_cores: Some(0.1 + 0.2),
        rates: None,
        fast: None,
        oom_kills: 1,
        ended: false,
        container: Arc::new(container),
    })
}

fn snapshot() -> Snapshot {
    let ann = Tenant::claimed(Some("ann"), Some("shop"), Some("core"));
    let running = container("3f", "api", ann.clone(), Status::Running);
    let exited = container("1d", "job", Tenant::unknown(), Status::Exited);
    Snapshot {
        taken_at: now(),
        published_at: now(),
        containers: vec![reading(running, "api", Some(stats())), reading(exited, AWKWARD, None)],
        tenants: vec![TenantUse {
            labels: Arc::new(LabelBlock::of_tenant(&ann, [])),
            tenant: ann,
            cpu_ns: Some(123_456_789_012),
            memory_byte_seconds: Some(1e18 / 3.0),
            network_bytes: Some([7, 8]),
            disk_byte_seconds: None,
        }],
        operations: vec![TenantOperations {
            labels: Arc::new(LabelBlock::of_tenant(&Tenant::unknown(), [])),
            durations: vec![(Operation::Stop, Arc::new(stops()))],
        }],
        engine: Arc::new(Engine { connected: true, synced_at: Some(now()), ..Engine::default() }),
        lookups: (11, 2),
        sources: snapshot::Sources { cgroup: 1, api: 1 },
        read_errors: vec![("denied", 3), ("gone", 4)],
        read_duration_ns: 1_000_001,
        overruns: 5,
        machine: snapshot::Machine { cpu_cores: Some(4), memory_bytes: Some(8 << 30) },
        storage: Arc::default(),
        facts: Arc::default(),
        activity: Default::default(),
        disk_walk_ns: None,
        host: None,
    }
}

fn stops() -> Histogram {
    let mut stops = Histogram::new(&[0.1, 1.5, 10.5]);
    [0.05, 0.3, 10.2].into_iter().for_each(|seconds| stops.observe(seconds));
    stops
}

/// Always the same moment.
struct Still(Arc<Snapshot>);

impl Source for Still {
    fn fresh(&self) -> BoxFuture<'_, Arc<Snapshot>> {
        Box::pin(std::future::ready(self.0.clone()))
    }

    fn latest(&self) -> Option<Arc<Snapshot>> {
        Some(self.0.clone())
    }
}

/// Type, help, and the values by labels in order of their names.
type Shown = BTreeMap<String, (String, String, Vec<(LabelPairs, f64)>)>;

fn shown(page: &[u8]) -> Shown {
    let page = Page::parse(page, Dialect::Text).unwrap_or_else(|error| panic!("{error}"));
    let families = page.families.into_iter().map(|family| {
        let mut series: Vec<(LabelPairs, f64)> = Vec::new();
        for mut sample in family.samples {
            sample.labels.sort();
            series.push((sample.labels, sample.value));
        }
        series.sort_by(|one, other| one.0.cmp(&other.0));
        (family.name, (family.kind, family.help, series))
    });
    families.collect()
}

/// The crate writes a whole bound as `1`, which OpenMetrics and our reader do not take.
fn with_float_bounds(page: &str) -> String {
    let whole = regex::Regex::new(r#"le="([0-9]+)""#).unwrap();
    whole.replace_all(page, r#"le="$1.0""#).into_owned()
}

/// What is another number each time it is asked for: the process itself, and how long it took.
fn moves(name: &str) -> bool {
    name.starts_with("process_") || name == "dockmeter_collector_duration_seconds"
}

/// Equal, but for the last digits: the page writes nanoseconds exactly, a float cannot.
fn same(one: f64, other: f64) -> bool {
    one == other || (one / other - 1.0).abs() < 1e-15
}

#[test]
fn a_registry_gathers_what_the_page_shows() {
    let collectors: Arc<Vec<Box<dyn Collector>>> = Arc::new(exporter::collectors(now(), Default::default()));
    let snapshot = Arc::new(snapshot());
    let page = shown(&render(&collectors, &Selection::default(), &snapshot, Format::Text, Vec::new()));

    let registry = Registry::new();
    let adapter = RegistryCollector::new(Arc::new(Still(snapshot)), collectors).unwrap();
    registry.register(Box::new(adapter)).unwrap();
    let gathered = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let gathered = shown(with_float_bounds(&gathered).as_bytes());

    assert!(page.len() > 40, "the snapshot shows little: {:?}", page.keys());
    assert!(gathered.keys().eq(page.keys()), "{:?} are not {:?}", gathered.keys(), page.keys());
    for (name, (kind, help, series)) in &page {
        let (other_kind, other_help, other_series) = &gathered[name];
        assert_eq!((kind, help), (other_kind, other_help), "`{name}`");
        assert_eq!(series.len(), other_series.len(), "`{name}`");
        for ((labels, value), (other_labels, other)) in series.iter().zip(other_series) {
            assert_eq!(labels, other_labels, "`{name}`");
            assert!(moves(name) || same(*value, *other), "`{name}` of {labels:?}: {value} is not {other}");
        }
    }
    let awkward = &gathered["container_restarts_total"].2;
    assert!(awkward.iter().any(|(labels, _)| labels.iter().any(|(_, value)| value == AWKWARD)));
}

#[test]
fn a_registry_takes_the_adapter_once_and_only_with_the_collectors_it_is_given() {
    let adapter = || {
        let machine =
            exporter::collectors(now(), Default::default()).into_iter().filter(|one| one.name() == "machine");
        RegistryCollector::new(Arc::new(Still(Arc::new(snapshot()))), Arc::new(machine.collect())).unwrap()
    };
    let registry = Registry::new();
    registry.register(Box::new(adapter())).unwrap();
    assert!(registry.register(Box::new(adapter())).is_err(), "every series would be there twice");
    let families = registry.gather();
    assert!(families.iter().any(|family| family.name() == "machine_cpu_cores"));
    assert!(families.iter().all(|family| !family.name().starts_with("container_")));
}

/// A program may embed both.
#[cfg(feature = "middleware")]
#[tokio::test]
async fn a_registry_holds_the_adapter_and_what_the_middleware_measures() {
    use dockmeter::middleware::{DbMetrics, HttpMetrics, Names};
    use tower::{Layer as _, ServiceExt as _};

    let registry = Registry::new();
    let collectors = exporter::collectors(now(), Default::default());
    let adapter =
        RegistryCollector::new(Arc::new(Still(Arc::new(snapshot()))), Arc::new(collectors)).unwrap();
    registry.register(Box::new(adapter)).unwrap();
    let layer = HttpMetrics::new().names(Names::Both).register(&registry).unwrap();
    let db = DbMetrics::new("sqlite").names(Names::Both).register(&registry).unwrap();

    let answers =
        async |_: hyper::Request<String>| Ok::<_, std::io::Error>(hyper::Response::new(String::new()));
    let service = layer.layer(tower::service_fn(answers));
    service.oneshot(hyper::Request::new(String::new())).await.unwrap();
    db.query("SELECT", "orders").time(async { Ok::<_, std::io::Error>(()) }).await.unwrap();

    let gathered = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let gathered = shown(with_float_bounds(&gathered).as_bytes());
    for family in ["container_cpu_usage_seconds_total", "http_requests_total", "db_queries_total"] {
        assert!(gathered.contains_key(family), "{family} is not in {:?}", gathered.keys());
    }
    let durations = ["http_server_request_duration_seconds", "http_request_duration_seconds"];
    assert!(durations.iter().all(|name| gathered[*name].0 == "histogram"));
}
