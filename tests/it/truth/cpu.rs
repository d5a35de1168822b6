//! Processor time, by quota and by mode, against the load's own `getrusage`.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::load::Answer;
use super::{Load, Unit, at_rest, cgroup_file, compare, exporter, exporter_of, grown, rows, scrape};
use crate::engine::Engine;
use crate::poll::pause;

/// How long loads under a quota work, in milliseconds.
const PINNED: u32 = 30_000;

/// How long loads in one mode work, in milliseconds.
const IN_A_MODE: u32 = 10_000;

/// Held alone by the load that wants more than one core, shared by the others.
pub(super) static PROCESSORS: RwLock<()> = RwLock::new(());

/// Relative error of times that the kernel counts exactly.
const EXACT: f64 = 0.01;

#[test]
fn a_tenth_of_a_core() {
    let _shared = PROCESSORS.read().unwrap_or_else(PoisonError::into_inner);
    pinned("0.1", 1);
}

#[test]
fn half_a_core() {
    let _shared = PROCESSORS.read().unwrap_or_else(PoisonError::into_inner);
    pinned("0.5", 1);
}

#[test]
fn one_and_a_half_cores() {
    let _alone = PROCESSORS.write().unwrap_or_else(PoisonError::into_inner);
    pinned("1.5", 2);
}

/// Keeps threads busy under a quota, and compares time and periods.
fn pinned(cores: &str, threads: u32) {
    let Some(engine) = Engine::shared() else { return };
    let name = format!("truth-cpu-{cores}");
    let cpus = format!("--cpus={cores}");
    let Some(mut load) = Load::start(&engine, &name, &[&cpus]) else { return };
    let exporter = exporter_of(&engine, &name);
    let (before, periods_before) = at_rest(&exporter, || periods(&load));
    let did = work(&mut load, &format!("user {PINNED} {threads}"), PINNED);
    let (after, periods_after) = at_rest(&exporter, || periods(&load));

    let used = grown("container_cpu_usage_seconds_total", &name, &before, &after);
    compare(&format!("CPU time, quota {cores}"), Unit::Seconds, did.seconds("total_us"), used, EXACT);
    let [quota, period] =
        ["quota", "period"].map(|what| after.sum(&format!("container_spec_cpu_{what}"), &[("name", &name)]));
    compare(
        &format!("quota of {cores} cores"),
        Unit::Cores,
        cores.parse().unwrap(),
        quota / period,
        f64::EPSILON,
    );
    let kinds = [
        ("periods", "periods_total", Unit::Count),
        ("throttled periods", "throttled_periods_total", Unit::Count),
        ("time throttled", "throttled_seconds_total", Unit::Seconds),
    ];
    for ((what, metric, unit), (before_it, after_it)) in
        kinds.into_iter().zip(periods_before.into_iter().zip(periods_after))
    {
        let reported = grown(&format!("container_cpu_cfs_{metric}"), &name, &before, &after);
        let what = format!("{what} by `cpu.stat`, quota {cores}");
        // Differences of seconds are not exact in binary.
        let bound = if matches!(unit, Unit::Seconds) { 1e-6 } else { 0.0 };
        compare(&what, unit, after_it - before_it, reported, bound);
    }
}

/// Relative error of what is seen at ticks, about a thousand of them.
const SPLIT: f64 = 0.03;

/// Lets a load work for a time.
fn work(load: &mut Load<'_>, how: &str, milliseconds: u32) -> Answer {
    load.tell(&format!("cpu {how}"));
    pause(Duration::from_millis(milliseconds.into()));
    load.answer()
}

/// Periods, throttled periods and seconds throttled, from a container's `cpu.stat`.
fn periods(load: &Load<'_>) -> [f64; 3] {
    let stat = cgroup_file(&load.container, "cpu", "cpu.stat", "cpu.stat");
    let key = |key| stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<f64>().ok());
    let throttled = key("throttled_usec ").map(|us| us / 1e6).or(key("throttled_time ").map(|ns| ns / 1e9));
    [key("nr_periods ").unwrap(), key("nr_throttled ").unwrap(), throttled.unwrap()]
}

/// What a load that works in one mode only is reported to have done in that mode, at least: on a
/// busy machine a load in the kernel is outside of it now and then, too. An emulated machine's ticks
/// come too unevenly for that: there it is only shown.
const PURE: f64 = 0.9;

/// Which mode a processor was in is seen at ticks of the kernel's clock only, by `getrusage` as
/// by the files of a cgroup, so a mixed load is held to the sum alone.
#[test]
fn loads_in_user_mode_in_the_kernel_and_in_both() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-cpu-modes";
    let Some(mut load) = Load::start(&engine, name, &[]) else { return };
    let exporter = exporter_of(&engine, name);
    let emulated = std::env::var_os("DOCKMETER_TEST_EMULATED").is_some();
    for mode in ["user", "system", "mixed"] {
        let _shared = PROCESSORS.read().unwrap_or_else(PoisonError::into_inner);
        let before = scrape(&exporter);
        let did = work(&mut load, &format!("{mode} {IN_A_MODE} 1"), IN_A_MODE);
        let after = scrape(&exporter);
        let [user, system, total] = ["user", "system", "usage"]
            .map(|what| grown(&format!("container_cpu_{what}_seconds_total"), name, &before, &after));
        let truth = did.seconds("total_us");
        compare(&format!("CPU time, {mode} load"), Unit::Seconds, truth, total, EXACT);
        compare(
            &format!("user and system time together, {mode} load"),
            Unit::Seconds,
            truth,
            user + system,
            EXACT,
        );
        if mode != "mixed" {
            let reported = if mode == "user" { user } else { system } / (user + system);
            let truth = did.seconds(&format!("{mode}_us")) / truth;
            let what = format!("share of {mode} mode, {mode} load");
            let error = rows::record(&what, Unit::Percent, truth * 100.0, reported * 100.0);
            assert!(
                emulated || (error.abs() <= SPLIT && reported >= PURE),
                "{reported} of a load in {mode} mode"
            );
        }
    }
}

#[test]
fn what_a_container_did_before_it_ended_is_in_its_tenants_total() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-ended";
    // A run that is older than dockmeter would count from its first read only.
    let exporter = exporter(&engine);
    let options = ["--rm", "--label=dockmeter.user=truth-ended"];
    let Some(mut load) = Load::start(&engine, name, &options) else { return };
    exporter_of(&engine, name);
    load.tell("cpu user 2000 1");
    load.tell("usage");
    load.close();
    let truth = load.answer().seconds("total_us");
    let total = exporter.until("what a container that is gone has used is its user's", |page| {
        let gone = page.all("container_cpu_usage_seconds_total", &[("name", name)]).next().is_none();
        let total = page.sum("tenant_cpu_core_seconds_total", &[("user", name)]);
        (gone && total > 0.0).then_some(total)
    });
    // The runtime's own work in the new cgroup comes on top, before the program starts.
    let what = "CPU time of a container that is gone, in its tenant's total";
    let error = rows::record(what, Unit::Seconds, truth, total);
    assert!(error >= -EXACT, "{error}");
}
