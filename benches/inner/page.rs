//! The page of a host with many containers: every family that is about containers, with the
//! labels that they have under Compose.

use dockmeter::container::samples::CORES;
use dockmeter::metrics::{Histogram, Kind, LabelBlock, Metric, Sink, Value, catalogue};
use dockmeter::tenant::Tenant;

/// Every family of containers with single values, about as many as one has on a host with everything.
pub(crate) fn families() -> impl Iterator<Item = &'static Metric> {
    let single =
        |metric: &&Metric| metric.labels == catalogue::Labels::Container && metric.kind != Kind::Histogram;
    catalogue::ALL.iter().copied().filter(single)
}

/// Values as they come: counters of bytes and of time, and a few shares.
pub(crate) fn value(family: usize, container: usize) -> Value {
    let number = (family * 1_000_003 + container * 7919) as u64;
    match family % 4 {
        0 => Value::Nanos(number * 1_234_567),
        1 => Value::Float(number as f64 / 977.0),
        _ => Value::Int(number * 4096),
    }
}

/// Writes the first so many families.
pub(crate) fn fill(sink: &mut dyn Sink, most: usize, blocks: &[LabelBlock]) {
    for (number, metric) in families().take(most).enumerate() {
        sink.family(metric);
        for (container, labels) in blocks.iter().enumerate() {
            sink.sample(labels, &[], value(number, container));
        }
    }
}

pub(crate) fn tenant() -> Tenant {
    Tenant::claimed(Some("ann"), Some("shop"), Some("core"))
}

/// Labels of a container, without the tenant's.
pub(crate) const LABEL_NAMES: [&str; 5] = [
    "id",
    "name",
    "image",
    "container_label_com_docker_compose_project",
    "container_label_com_docker_compose_service",
];

pub(crate) fn label_values(container: usize) -> [String; 5] {
    [
        format!("/docker/{container:064x}"),
        format!("shop-api-{container}"),
        "registry.local/team/api:1.2.3".to_owned(),
        "shop".to_owned(),
        "api".to_owned(),
    ]
}

pub(crate) fn block(tenant: &Tenant, values: &[String; 5]) -> LabelBlock {
    LabelBlock::of_tenant(tenant, LABEL_NAMES.into_iter().zip(values.iter().map(String::as_str)))
}

/// The label blocks of containers.
pub(crate) fn blocks(containers: usize) -> Vec<LabelBlock> {
    let tenant = tenant();
    (0..containers).map(|container| block(&tenant, &label_values(container))).collect()
}

/// What a container on a few cores has shown in an hour.
pub(crate) fn histogram() -> Histogram {
    let mut histogram = Histogram::new(CORES);
    (0..14_400).for_each(|tick| histogram.observe(f64::from(tick * 7919 % 3001) / 1000.0));
    histogram
}

pub(crate) fn fill_histograms(sink: &mut dyn Sink, blocks: &[LabelBlock], histogram: &Histogram) {
    sink.family(&catalogue::CPU_USAGE_CORES);
    blocks.iter().for_each(|labels| sink.histogram(labels, &[], histogram.view()));
}
