//! The engine is absent, dies, or hangs: the exporter serves what it has and heals by itself.

mod clock;
mod descriptors;
mod many;
mod process_ids;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;

/// A scrape never waits for the engine; this is generous for a machine under load.
const A_SCRAPE: Duration = Duration::from_secs(2);

fn cpu(exporter: &Exporter, name: &str) -> f64 {
    exporter.page().sum("container_cpu_usage_seconds_total", &[("name", name)])
}

/// A page that comes in time.
fn a_scrape(exporter: &Exporter) -> Page {
    let started = Instant::now();
    let page = exporter.page();
    assert!(started.elapsed() < A_SCRAPE, "a scrape took {:?}", started.elapsed());
    page
}

/// Waits until the kernel's numbers of a container are there: the engine has told its process.
fn is_read(exporter: &Exporter, name: &str) {
    exporter.until("the container is read", |page| {
        (page.sum("container_cpu_usage_seconds_total", &[("name", name)]) > 0.0).then_some(())
    });
}

/// Ends a load when it is dropped, so that a story that fails does not wait for it.
struct UntilDropped<'a>(&'a AtomicBool);

impl Drop for UntilDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn without_an_engine_the_exporter_serves_and_finds_one_that_comes_later() {
    let Some(engine) = Engine::own("late") else { return };
    let exporter = Exporter::start(&engine, &[]);
    assert_eq!(exporter.get("/-/healthy").status, 200);
    assert_eq!(exporter.page().value("dockmeter_docker_up", &[]), Some(0.0));
    assert!(exporter.page().value("machine_cpu_cores", &[]).is_some(), "what needs no engine is there");
    engine.start();
    let _container = engine.run("late-comer", &[], IDLE);
    exporter.until_value("dockmeter_docker_up", &[], 1.0);
    exporter.until_value("container_state", &[("name", "late-comer"), ("state", "running")], 1.0);
    assert_eq!(exporter.get("/-/ready").status, 200);
}

#[test]
fn the_exporter_is_ready_after_ten_seconds_even_without_an_engine() {
    let Some(engine) = Engine::own("never") else { return };
    let exporter = Exporter::start(&engine, &[]);
    assert_eq!(exporter.get("/-/ready").status, 503);
    crate::poll::eventually("ready all the same", || (exporter.get("/-/ready").status == 200).then_some(()));
}

#[test]
fn a_killed_engine_costs_no_scrape_and_is_found_again_under_load() {
    let Some(engine) = Engine::own("kill") else { return };
    engine.start();
    let exporter = Exporter::of(&engine);
    let _steady = engine.run("kill-steady", &[], BUSY);
    is_read(&exporter, "kill-steady");

    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                engine.try_docker(&["run", "--rm", "--network=none", "dockmeter-test", "true"]);
            }
        });
        let _load = UntilDropped(&over);
        engine.signal(Signal::KILL);
        exporter.until_value("dockmeter_docker_up", &[], 0.0);
        let before = cpu(&exporter, "kill-steady");
        exporter.until("the kernel is still read", |page| {
            (page.sum("container_cpu_usage_seconds_total", &[("name", "kill-steady")]) > before).then_some(())
        });
        engine.again();
        exporter.until_value("dockmeter_docker_up", &[], 1.0);
    });

    let _after = engine.run("kill-after", &[], IDLE);
    exporter.until_value("container_state", &[("name", "kill-after"), ("state", "running")], 1.0);
    exporter.until("the page shows what the engine lists", |page| {
        let mut shown: Vec<_> =
            page.all("container_info", &[]).filter_map(|sample| sample.label("container_id")).collect();
        shown.sort_unstable();
        let listed = engine.docker(&["ps", "-aq", "--no-trunc"]);
        let mut listed: Vec<_> = listed.lines().collect();
        listed.sort_unstable();
        (shown == listed).then_some(())
    });
}

#[test]
fn a_frozen_engine_does_not_hold_up_a_scrape() {
    let Some(engine) = Engine::own("ice") else { return };
    engine.start();
    let exporter = Exporter::of(&engine);
    let _container = engine.run("ice-busy", &[], BUSY);
    is_read(&exporter, "ice-busy");

    let frozen = engine.freeze();
    let before = cpu(&exporter, "ice-busy");
    for _ in 0..5 {
        a_scrape(&exporter);
    }
    exporter.until("the kernel is still read", |page| {
        (page.sum("container_cpu_usage_seconds_total", &[("name", "ice-busy")]) > before).then_some(())
    });
    drop(frozen);
    let _after = engine.run("ice-after", &[], IDLE);
    exporter.until_value("container_state", &[("name", "ice-after"), ("state", "running")], 1.0);
}

#[test]
fn a_restarted_engine_finds_its_containers_read_on_and_counted_once() {
    let Some(engine) = Engine::own("again") else { return };
    engine.start();
    let exporter = Exporter::of(&engine);
    let container = engine.run("again-steady", &["--label=dockmeter.user=again"], BUSY);
    is_read(&exporter, "again-steady");
    let pid = container.inspect("{{.State.Pid}}");

    engine.signal(Signal::TERM);
    exporter.until_value("dockmeter_docker_up", &[], 0.0);
    let before = cpu(&exporter, "again-steady");
    exporter.until("the kernel is still read", |page| {
        (page.sum("container_cpu_usage_seconds_total", &[("name", "again-steady")]) > before).then_some(())
    });
    engine.again();
    exporter.until_value("dockmeter_docker_up", &[], 1.0);
    exporter.until_value("container_state", &[("name", "again-steady"), ("state", "running")], 1.0);
    assert_eq!(container.inspect("{{.State.Pid}}"), pid, "it has outlived its engine");
    let page = exporter.page();
    let used = page.sum("container_cpu_usage_seconds_total", &[("name", "again-steady")]);
    let billed = page.sum("tenant_cpu_core_seconds_total", &[("user", "again")]);
    assert!(used >= before && (billed - used).abs() < 0.05 * used, "{billed} of {used} s are billed");
}
