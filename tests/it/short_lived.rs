//! Containers that come and go: nothing of them is lost, and nothing stays behind.

use std::thread;

use crate::engine::{Engine, IDLE};
use crate::exporter::Exporter;

/// About 0.2 s of work on one core.
const SPRINT: &[&str] = &["sh", "-c", "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done"];

#[test]
fn a_container_that_lives_200_ms_is_in_its_tenants_totals() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let options = ["run", "--rm", "--name=sprint", "--label=dockmeter.user=sprinter", "dockmeter-test"];
    engine.docker(&[&options, SPRINT].concat());
    exporter.until("the cpu time of a container that is gone is its user's", |page| {
        (page.sum("tenant_cpu_core_seconds_total", &[("user", "sprinter")]) > 0.05).then_some(())
    });
}

#[test]
fn a_tenants_total_never_goes_down_when_its_containers_go() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let total =
        |exporter: &Exporter| exporter.page().sum("tenant_cpu_core_seconds_total", &[("user", "relay")]);
    let mut last = 0.0;
    for name in ["relay-1", "relay-2", "relay-3"] {
        engine.docker(
            &[&["run", "--rm", "--name", name, "--label=dockmeter.user=relay", "dockmeter-test"], SPRINT]
                .concat(),
        );
        exporter.until("another leg is in the total", |page| {
            let now = page.sum("tenant_cpu_core_seconds_total", &[("user", "relay")]);
            assert!(now >= last, "a counter went down from {last} to {now}");
            (now > last + 0.05).then_some(())
        });
        last = total(&exporter);
    }
    exporter.until("the last container has left the page", |page| {
        page.samples()
            .all(|sample| !sample.label("name").is_some_and(|name| name.starts_with("relay-")))
            .then_some(())
    });
    assert!(total(&exporter) >= last);
}

/// Starts and removes that many containers, ten at a time.
fn churn(engine: &Engine, containers: usize) {
    for batch in 0..containers / 10 {
        thread::scope(|scope| {
            for one in 0..10 {
                scope.spawn(move || {
                    engine.run(&format!("churn-{batch}-{one}"), &["--network=none"], IDLE);
                });
            }
        });
    }
}

#[test]
fn two_hundred_containers_leave_no_series_descriptor_or_memory_behind() {
    let Some(engine) = Engine::own("churn") else { return };
    engine.start();
    let exporter = Exporter::of(&engine);
    let without_any = |what: &str| {
        exporter.until(what, |page| {
            let left = page
                .samples()
                .any(|sample| sample.label("name").is_some_and(|name| name.starts_with("churn-")));
            (!left)
                .then(|| (page.sum("process_open_fds", &[]), page.sum("process_resident_memory_bytes", &[])))
        })
    };
    // What the program takes once and keeps is taken with the first of them.
    churn(&engine, 20);
    let (descriptors, memory) = without_any("the first containers have left the page");
    churn(&engine, 200);
    let (descriptors_after, memory_after) = without_any("all containers have left the page");
    assert!(descriptors_after <= descriptors + 2.0, "{descriptors} descriptors grew to {descriptors_after}");
    let grown = (memory_after - memory) / f64::from(1 << 20);
    assert!(grown < 4.0, "resident memory grew by {grown} MiB");
}
