//! Containers that come and go: nothing of them is lost, and nothing stays behind.

use std::fs;
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

/// Starts and removes that many containers, ten at a time; their ids.
fn churn(engine: &Engine, containers: usize) -> Vec<String> {
    let one =
        |batch, number| engine.run(&format!("churn-{batch}-{number}"), &["--network=none"], IDLE).id.clone();
    let ten = |batch| {
        thread::scope(|scope| {
            let started: Vec<_> = (0..10).map(|number| scope.spawn(move || one(batch, number))).collect();
            started.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        })
    };
    (0..containers / 10).flat_map(ten).collect()
}

/// What the exporter says it holds, once no container of the churn is on the page any more.
fn held(exporter: &Exporter) -> [f64; 4] {
    exporter.until("all containers have left the page", |page| {
        let left =
            page.samples().any(|sample| sample.label("name").is_some_and(|name| name.starts_with("churn-")));
        let now =
            ["process_open_fds", "process_threads", "dockmeter_series", "process_resident_memory_bytes"];
        (!left).then(|| now.map(|family| page.sum(family, &[])))
    })
}

fn leave_nothing_behind(name: &str, containers: usize) {
    let Some(engine) = Engine::own(name) else { return };
    engine.start();
    let exporter = Exporter::of(&engine);
    // What the program takes once and keeps is taken with the first of them.
    churn(&engine, 20);
    let before = held(&exporter);
    let gone = churn(&engine, containers);
    assert_eq!(gone.len(), containers);
    // One that works aside ends when it has had nothing to do for a while.
    exporter.until("there are no more threads than before", |page| {
        (page.sum("process_threads", &[]) <= before[1] + 2.0).then_some(())
    });
    let after = held(&exporter);
    let [descriptors, _, series, memory] = [0, 1, 2, 3].map(|index| after[index] - before[index]);
    assert!(descriptors <= 2.0, "{descriptors} descriptors more");
    assert!(series <= 10.0, "{series} series more");
    assert!(memory < 4.0 * f64::from(1 << 20), "{memory} bytes of resident memory more");
    // A descriptor would keep a removed cgroup or a dead namespace in the kernel.
    for entry in fs::read_dir(format!("/proc/{}/fd", exporter.pid())).unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap_or_default().display().to_string();
        let pins = target.starts_with("net:") || gone.iter().any(|id| target.contains(id.as_str()));
        assert!(!pins, "`{target}` is still held");
    }
}

#[test]
fn two_hundred_containers_leave_nothing_behind() {
    leave_nothing_behind("churn", 200);
}

#[test]
#[ignore = "takes minutes; `./test --long` runs it"]
fn a_thousand_containers_leave_nothing_behind() {
    leave_nothing_behind("churn-long", 1000);
}
