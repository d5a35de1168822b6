//! The inner loops on their own: parsing of the kernel's files, and writing of a page.
//!
//! `cargo bench --bench parse`. With `--features prometheus-registry` the same families are also
//! gathered and written by the `prometheus` crate, in the same run, for comparison.

#![allow(missing_docs, reason = "a program, not a library")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dockmeter::container::network::{InterfaceNames, net_dev, tcp_established};
use dockmeter::container::parse::{io_stat, keyed, pressure};
use dockmeter::metrics::text::{Dialect, TextEncoder};
use dockmeter::metrics::{LabelBlock, Metric, Sink, Value, catalogue};
use dockmeter::tenant::Tenant;

/// Files as kernel 6.12 writes them for a busy container.
const MEMORY_STAT_V1: &str = include_str!("files/memory.stat.v1");
const MEMORY_STAT_V2: &str = include_str!("files/memory.stat.v2");
const CPU_STAT: &str = include_str!("files/cpu.stat.v2");
const PRESSURE: &str = include_str!("files/cpu.pressure");
const IO_STAT: &str = include_str!("files/io.stat.v2");
const NET_DEV: &str = include_str!("files/net_dev");
const NET_SNMP: &str = include_str!("files/net_snmp");

/// A large host.
const CONTAINERS: usize = 1000;

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let keyed_files =
        [("memory.stat v2", MEMORY_STAT_V2), ("memory.stat v1", MEMORY_STAT_V1), ("cpu.stat v2", CPU_STAT)];
    for (name, text) in keyed_files {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| keyed(black_box(text.as_bytes()), |key, value| consume((key, value))));
        });
    }
    group.throughput(Throughput::Bytes(NET_DEV.len() as u64));
    let mut names = InterfaceNames::default();
    group.bench_function("net/dev", |bencher| {
        bencher.iter(|| net_dev(black_box(NET_DEV.as_bytes()), &mut names));
    });
    group.throughput(Throughput::Bytes(NET_SNMP.len() as u64));
    group.bench_function("net/snmp", |bencher| {
        bencher.iter(|| tcp_established(black_box(NET_SNMP.as_bytes())));
    });
    group.throughput(Throughput::Bytes(PRESSURE.len() as u64));
    group.bench_function("cpu.pressure", |bencher| bencher.iter(|| pressure(black_box(PRESSURE.as_bytes()))));
    group.throughput(Throughput::Bytes(IO_STAT.len() as u64));
    group.bench_function("io.stat", |bencher| {
        bencher.iter(|| io_stat(black_box(IO_STAT.as_bytes()), |device, io| consume((device, io))));
    });
    group.finish();
}

/// Uses a parsed value, so that the parsing is not optimised away.
fn consume<T>(value: T) {
    black_box(value);
}

fn labels(criterion: &mut Criterion) {
    let tenant = tenant();
    let values = label_values(7);
    criterion.bench_function("label block of a container", |bencher| {
        bencher.iter(|| block(black_box(&tenant), black_box(&values)));
    });
}

fn pages(criterion: &mut Criterion) {
    let tenant = tenant();
    let blocks: Vec<LabelBlock> =
        (0..CONTAINERS).map(|container| block(&tenant, &label_values(container))).collect();
    let families = families().count();
    let mut group =
        criterion.benchmark_group(format!("page of {families} families, {CONTAINERS} containers"));
    group.throughput(Throughput::Elements((families * CONTAINERS) as u64)).sample_size(20);
    for (name, dialect) in [("text", Dialect::Prometheus), ("OpenMetrics", Dialect::OpenMetrics)] {
        let mut page = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut encoder = TextEncoder::new(dialect, std::mem::take(&mut page));
                fill(&mut encoder, &blocks);
                page = encoder.finish();
            });
        });
    }
    #[cfg(feature = "prometheus-registry")]
    prometheus_crate::bench(&mut group);
    group.finish();
}

/// Every family of containers, about as many as one has on a host with everything.
fn families() -> impl Iterator<Item = &'static Metric> {
    catalogue::ALL.iter().copied().filter(|metric| metric.labels == catalogue::Labels::Container)
}

/// Values as they come: counters of bytes and of time, and a few shares.
fn value(family: usize, container: usize) -> Value {
    let number = (family * 1_000_003 + container * 7919) as u64;
    match family % 4 {
        0 => Value::Nanos(number * 1_234_567),
        1 => Value::Float(number as f64 / 977.0),
        _ => Value::Int(number * 4096),
    }
}

fn fill(sink: &mut dyn Sink, blocks: &[LabelBlock]) {
    for (number, metric) in families().enumerate() {
        sink.family(metric);
        for (container, labels) in blocks.iter().enumerate() {
            sink.sample(labels, &[], value(number, container));
        }
    }
}

fn tenant() -> Tenant {
    Tenant::claimed(Some("ann"), Some("shop"), Some("core"))
}

/// Labels of a container, without the tenant's.
const LABEL_NAMES: [&str; 5] = [
    "id",
    "name",
    "image",
    "container_label_com_docker_compose_project",
    "container_label_com_docker_compose_service",
];

fn label_values(container: usize) -> [String; 5] {
    [
        format!("/docker/{container:064x}"),
        format!("shop-api-{container}"),
        "registry.local/team/api:1.2.3".to_owned(),
        "shop".to_owned(),
        "api".to_owned(),
    ]
}

fn block(tenant: &Tenant, values: &[String; 5]) -> LabelBlock {
    LabelBlock::of_tenant(tenant, LABEL_NAMES.into_iter().zip(values.iter().map(String::as_str)))
}

/// The same series kept and written by the `prometheus` crate.
#[cfg(feature = "prometheus-registry")]
mod prometheus_crate {
    use criterion::BenchmarkGroup;
    use criterion::measurement::WallTime;
    use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

    use super::{CONTAINERS, LABEL_NAMES, families, label_values, value};

    /// Values are set beforehand: only gathering and writing counts.
    pub(super) fn bench(group: &mut BenchmarkGroup<'_, WallTime>) {
        let Ok(registry) = registry() else { return };
        let mut page = Vec::new();
        group.bench_function("text by the `prometheus` crate", |bencher| {
            bencher.iter(|| {
                page.clear();
                TextEncoder::new().encode(&registry.gather(), &mut page)
            });
        });
    }

    fn registry() -> prometheus::Result<Registry> {
        let registry = Registry::new();
        let names = [&LABEL_NAMES[..], &["user", "project", "team"]].concat();
        for (number, metric) in families().enumerate() {
            let vector = GaugeVec::new(Opts::new(metric.name, metric.help), &names)?;
            for container in 0..CONTAINERS {
                let values = label_values(container);
                let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
                values.extend(["ann", "shop", "core"]);
                vector.get_metric_with_label_values(&values)?.set(value(number, container).as_f64());
            }
            registry.register(Box::new(vector))?;
        }
        Ok(registry)
    }
}

criterion_group!(benches, parsing, labels, pages);
criterion_main!(benches);
