//! What only cgroup v2 gives: its page is complete.

use super::{Load, at_rest, cgroup_file, exporter_of, is_v2};
use crate::engine::Engine;

/// Families that a container on a kernel of 2022 or later has.
const FAMILIES: &[&str] = &[
    "container_cpu_usage_seconds_total",
    "container_cpu_user_seconds_total",
    "container_cpu_system_seconds_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_throttled_seconds_total",
    "container_spec_cpu_quota",
    "container_spec_cpu_period",
    "container_spec_cpu_shares",
    "container_spec_memory_limit_bytes",
    "container_memory_usage_bytes",
    "container_memory_working_set_bytes",
    "container_memory_rss",
    "container_memory_cache",
    "container_memory_mapped_file",
    "container_memory_kernel_usage",
    "container_memory_max_usage_bytes",
    "container_memory_failures_total",
    "container_memory_events_total",
    "container_oom_events_total",
    "container_fs_reads_total",
    "container_fs_writes_total",
    "container_fs_reads_bytes_total",
    "container_fs_writes_bytes_total",
    "container_network_receive_bytes_total",
    "container_pressure_cpu_waiting_seconds_total",
    "container_pressure_cpu_stalled_seconds_total",
    "container_pressure_memory_waiting_seconds_total",
    "container_pressure_memory_stalled_seconds_total",
    "container_pressure_io_waiting_seconds_total",
    "container_pressure_io_stalled_seconds_total",
    "container_processes",
    "container_threads",
    "container_threads_max",
];

#[test]
fn on_cgroup_v2_the_page_is_complete() {
    if !is_v2() {
        return;
    }
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-page";
    let options = ["--memory=64m", "--cpus=0.5", "--pids-limit=64", "--volume=/data"];
    let Some(mut load) = Load::start(&engine, name, &options) else { return };
    load.ask("write-direct /data/file 1048576");
    let exporter = exporter_of(&engine, name);
    let page = exporter.page();
    let missing: Vec<_> =
        FAMILIES.iter().filter(|family| page.all(family, &[("name", name)]).next().is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A container that has to wait says for how long: two threads on a tenth of a core.
#[test]
fn waiting_for_a_processor_is_pressure() {
    if !is_v2() {
        return;
    }
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-pressure";
    let Some(mut load) = Load::start(&engine, name, &["--cpus=0.1"]) else { return };
    let exporter = exporter_of(&engine, name);
    let (before, waited_before) = at_rest(&exporter, || pressure(&load));
    let did = load.ask("cpu user 5000 2");
    let (after, waited) = at_rest(&exporter, || pressure(&load));
    let reported = super::grown("container_pressure_cpu_waiting_seconds_total", name, &before, &after);
    super::compare(
        "time that some thread waited for a processor, by `cpu.pressure`",
        super::Unit::Seconds,
        waited - waited_before,
        reported,
        0.01,
    );
    assert!(reported > 0.5 * did.seconds("wall_us"), "{reported}");
}

/// The seconds that some thread has waited for a processor.
fn pressure(load: &Load<'_>) -> f64 {
    let file = cgroup_file(&load.container, "cpu", "cpu.pressure", "cpu.pressure");
    let some = file.lines().find(|line| line.starts_with("some")).unwrap();
    let total: f64 = some.split_once("total=").unwrap().1.parse().unwrap();
    total / 1e6
}
