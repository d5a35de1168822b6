//! The clock on the wall is set, forwards and back: no rate, no total and no container notices.
//!
//! Only dockmeter's clock is set, by a library that is loaded before the system's: the machine
//! and the engine go on as they are. The monotonic clock is left alone, as the kernel does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{a_scrape, is_read};
use crate::component::Component;
use crate::engine::{BUSY, Engine};
use crate::exporter::{BINARY, Exporter};
use crate::exposition::Page;

/// The library beside the program.
fn library(faketime: &Path) -> PathBuf {
    let root = faketime.parent().and_then(Path::parent).unwrap().join("lib");
    let name = "faketime/libfaketime.so.1";
    let below = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path().join(name));
    let mut candidates = [root.join(name)].into_iter().chain(below);
    candidates.find(|path| path.exists()).expect("a library beside `faketime`")
}

/// What no step may change: values that a page shows of a busy container.
fn in_its_bounds(page: &Page, name: &str, used: &mut f64) {
    let cpu = page.sum("container_cpu_usage_seconds_total", &[("name", name)]);
    assert!(cpu >= *used, "{cpu} s after {used} s");
    *used = cpu;
    let cores = page.sum("machine_cpu_cores", &[]);
    let percent = page.value("container_cpu_usage_percent", &[("name", name)]).unwrap_or(0.0);
    assert!((0.0..=100.0 * cores + 5.0).contains(&percent), "{percent} %");
}

#[test]
fn a_step_of_the_clock_changes_no_rate_no_total_and_no_container() {
    let (Some(engine), Some(faketime)) = (Engine::shared(), Component::Faketime.path()) else { return };
    let directory = tempfile::tempdir().unwrap();
    let offset = directory.path().join("offset");
    let set = |text: &str| {
        fs::write(offset.with_extension("next"), text).unwrap();
        fs::rename(offset.with_extension("next"), &offset).unwrap();
    };
    set("+0");
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        .env("LD_PRELOAD", library(&faketime))
        .env("FAKETIME_TIMESTAMP_FILE", &offset)
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let exporter = Exporter::spawn(&mut command, &engine.host(), &[]);
    let _steady = engine.run("clock-steady", &[], BUSY);
    is_read(&exporter, "clock-steady");
    let seen = |page: &Page| page.value("container_last_seen", &[("name", "clock-steady")]);
    let mut used = 0.0;
    let mut now = seen(&exporter.page()).unwrap();

    for (number, (step, seconds)) in
        [("+3600", 3600.0), ("-7200", -10_800.0), ("+0", 7200.0)].into_iter().enumerate()
    {
        set(step);
        now = exporter.until("the step is seen", |page| {
            seen(page).filter(|after| (after - now - seconds).abs() < 600.0)
        });
        // Five ticks of rates over the step.
        for _ in 0..5 {
            in_its_bounds(&a_scrape(&exporter), "clock-steady", &mut used);
        }
        // A container that begins after the step is seen and billed for what it is.
        let (name, user) = (format!("clock-{number}"), format!("clock-ann-{number}"));
        let comes = engine.run(&name, &[&format!("--label=dockmeter.user={user}")], BUSY);
        is_read(&exporter, &name);
        let page = exporter.until("it is billed", |page| {
            let billed = page.sum("tenant_cpu_core_seconds_total", &[("user", &user)]);
            (billed > 0.1).then(|| page.clone())
        });
        let billed = page.sum("tenant_cpu_core_seconds_total", &[("user", &user)]);
        let cpu = page.sum("container_cpu_usage_seconds_total", &[("name", &name)]);
        assert!((billed - cpu).abs() < 0.001 + 0.001 * cpu, "{billed} of {cpu} s are billed");
        let memory = page.sum("tenant_memory_byte_seconds_total", &[("user", &user)]);
        let peak = page.sum("container_memory_max_usage_bytes", &[("name", &name)]);
        assert!(memory < 600.0 * peak, "{memory} byte-seconds of at most {peak} bytes");
        drop(comes);
        exporter.until("it leaves when it is gone", |page| {
            page.samples().all(|sample| sample.label("name") != Some(name.as_str())).then_some(())
        });
    }
    assert_eq!(exporter.page().value("dockmeter_docker_up", &[]), Some(1.0));
}
