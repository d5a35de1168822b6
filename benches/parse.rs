//! The inner loops on their own: parsing of the kernel's files, and writing of a page.
//!
//! `cargo bench --bench parse`. With `--features prometheus-registry` the same families are also
//! gathered and written by the `prometheus` crate, in the same run, for comparison.

#![allow(missing_docs, reason = "a program, not a library")]

#[path = "inner/mod.rs"]
mod inner;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dockmeter::container::network::{InterfaceNames, net_dev, tcp_established};
use dockmeter::container::parse::{io_stat, keyed, pressure};
use dockmeter::metrics::protobuf::ProtobufEncoder;
use dockmeter::metrics::text::{Dialect, TextEncoder};
use inner::files::{CPU_STAT_V2, IO_STAT, MEMORY_STAT_V1, MEMORY_STAT_V2, NET_DEV, NET_SNMP, PRESSURE};
use inner::page::{block, blocks, families, fill, label_values, tenant};

/// A large host.
const CONTAINERS: usize = 1000;

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    let keyed_files = [
        ("memory.stat v2", MEMORY_STAT_V2),
        ("memory.stat v1", MEMORY_STAT_V1),
        ("cpu.stat v2", CPU_STAT_V2),
    ];
    for (name, text) in keyed_files {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| keyed(black_box(text), |key, value| consume((key, value))));
        });
    }
    group.throughput(Throughput::Bytes(NET_DEV.len() as u64));
    let mut names = InterfaceNames::default();
    group.bench_function("net/dev", |bencher| {
        bencher.iter(|| net_dev(black_box(NET_DEV), &mut names));
    });
    group.throughput(Throughput::Bytes(NET_SNMP.len() as u64));
    group.bench_function("net/snmp", |bencher| {
        bencher.iter(|| tcp_established(black_box(NET_SNMP)));
    });
    group.throughput(Throughput::Bytes(PRESSURE.len() as u64));
    group.bench_function("cpu.pressure", |bencher| bencher.iter(|| pressure(black_box(PRESSURE))));
    group.throughput(Throughput::Bytes(IO_STAT.len() as u64));
    group.bench_function("io.stat", |bencher| {
        bencher.iter(|| io_stat(black_box(IO_STAT), |device, io| consume((device, io))));
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
    let blocks = blocks(CONTAINERS);
    let families = families().count();
    let mut group =
        criterion.benchmark_group(format!("page of {families} families, {CONTAINERS} containers"));
    group.throughput(Throughput::Elements((families * CONTAINERS) as u64)).sample_size(20);
    for (name, dialect) in [("text", Dialect::Prometheus), ("OpenMetrics", Dialect::OpenMetrics)] {
        let mut page = Vec::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut encoder = TextEncoder::new(dialect, std::mem::take(&mut page));
                fill(&mut encoder, families, &blocks);
                page = encoder.finish();
            });
        });
    }
    let mut page = Vec::new();
    group.bench_function("protobuf", |bencher| {
        bencher.iter(|| {
            let mut encoder = ProtobufEncoder::new(std::mem::take(&mut page));
            fill(&mut encoder, families, &blocks);
            page = encoder.finish();
        });
    });
    #[cfg(feature = "prometheus-registry")]
    prometheus_crate::bench(&mut group);
    group.finish();
}

/// The same series kept and written by the `prometheus` crate.
#[cfg(feature = "prometheus-registry")]
mod prometheus_crate {
    use criterion::BenchmarkGroup;
    use criterion::measurement::WallTime;
    use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

    use super::CONTAINERS;
    use super::inner::page::{LABEL_NAMES, families, label_values, value};

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
