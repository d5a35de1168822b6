//! How long the engine worked on containers: no longer than whoever asked it had to wait, and
//! counted once.

use std::time::Instant;

use rustix::process::Signal;

use crate::engine::{Container, Engine, IDLE, IMAGE};
use crate::exporter::Exporter;
use crate::exposition::Page;

/// How often an operation was measured for a user, and how long all together.
fn measured(page: &Page, user: &str, operation: &str) -> (f64, f64) {
    let labels = [("user", user), ("operation", operation)];
    let of = |series: &str| {
        page.value(&format!("container_operation_duration_seconds_{series}"), &labels).unwrap_or(0.0)
    };
    (of("count"), of("sum"))
}

/// The seconds that something takes.
fn seconds<T>(what: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let result = what();
    (result, began.elapsed().as_secs_f64())
}

/// Waits until another operation is measured and holds it to what the client has waited.
fn holds(exporter: &Exporter, user: &str, operation: &str, before: f64, wall: f64) {
    let took = exporter.until(&format!("a {operation} is measured"), |page| {
        let (_, sum) = measured(page, user, operation);
        (sum > before).then_some(sum - before)
    });
    assert!(took > 0.0 && took <= wall, "a {operation} took {took} s of the {wall} s that it was waited for");
}

fn start_duration(page: &Page, name: &str, until: &str) -> Option<f64> {
    page.value("container_start_duration_seconds", &[("name", name), ("until", until)])
}

#[test]
fn every_operation_is_measured_from_its_beginning_to_its_end() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let user = "work-ann";
    let create = ["create", "--name=work-all", "--label=dockmeter.user=work-ann", "--stop-timeout=1", IMAGE];
    let (id, wall) = seconds(|| engine.docker(&[&create, IDLE].concat()));
    holds(&exporter, user, "create", 0.0, wall);
    for (operation, arguments) in [
        ("start", ["start", &id]),
        ("restart", ["restart", &id]),
        ("stop", ["stop", &id]),
        ("remove", ["rm", &id]),
    ] {
        let (_, before) = measured(&exporter.page(), user, operation);
        let (_, wall) = seconds(|| engine.docker(&arguments));
        holds(&exporter, user, operation, before, wall);
        // Its folder is watched once dockmeter knows that it has stopped.
        if operation == "stop" {
            exporter.until_value("container_state", &[("name", "work-all"), ("state", "exited")], 1.0);
        }
    }
    let page = exporter.page();
    let counts =
        ["create", "start", "stop", "restart", "remove"].map(|operation| measured(&page, user, operation).0);
    assert_eq!(counts, [1.0, 2.0, 2.0, 1.0, 1.0], "a restart is a stop and a start, too");
    let (_, stops) = measured(&page, user, "stop");
    assert!(stops >= 2.0, "it does not listen and gets a second each time: {stops} s");
}

#[test]
fn a_container_that_is_removed_while_it_runs_is_measured_from_its_kill_on() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let label = "--label=dockmeter.user=work-bob";
    let container = engine.run("work-force", &[label], IDLE);
    exporter.until_value("container_state", &[("name", "work-force"), ("state", "running")], 1.0);
    let (_, wall) = seconds(|| container.docker(&["rm", "-f"]));
    holds(&exporter, "work-bob", "remove", 0.0, wall);
    let (_, before) = measured(&exporter.page(), "work-bob", "remove");
    // `run` waits until the engine has removed it.
    let (_, wall) = seconds(|| engine.docker(&["run", "--rm", label, IMAGE, "true"]));
    holds(&exporter, "work-bob", "remove", before, wall);
}

/// Healthy once a file is there.
const CHECK: [&str; 3] = ["--health-cmd=test -e /tmp/well", "--health-interval=100ms", "--health-retries=1"];

#[test]
fn a_start_lasts_until_the_container_runs_and_longer_until_it_is_healthy() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let name = "work-healthy";
    let began = Instant::now();
    let container: Container<'_> = engine.run(name, &CHECK, IDLE);
    let wall = began.elapsed().as_secs_f64();
    let running = exporter.until("it runs", |page| start_duration(page, name, "running"));
    assert!(running > 0.0 && running <= wall, "{running} s of {wall} s");
    exporter.until_value("container_health_status", &[("name", name), ("status", "unhealthy")], 1.0);
    let unwell = began.elapsed().as_secs_f64();
    assert_eq!(start_duration(&exporter.page(), name, "healthy"), None, "it is not healthy yet");
    container.exec(&["touch", "/tmp/well"]);
    let healthy = exporter.until("it is healthy", |page| start_duration(page, name, "healthy"));
    let wall = began.elapsed().as_secs_f64();
    assert!(healthy > running && healthy <= wall, "{healthy} s of {wall} s, {running} s until it ran");

    container.docker(&["restart", "--time=0"]);
    let again = exporter.until("it is healthy again", |page| {
        start_duration(page, name, "healthy").filter(|again| *again != healthy)
    });
    let wall = began.elapsed().as_secs_f64();
    assert!(again <= wall - unwell, "a later start begins anew: {again} s");
}

#[test]
fn starts_by_the_restart_policy_are_the_engines_work_too() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let options = ["--restart=on-failure:2", "--label=dockmeter.user=work-cid"];
    let _container = engine.run("work-policy", &options, &["sh", "-c", "sleep 0.5; exit 4"]);
    exporter.until("three starts are measured", |page| {
        (measured(page, "work-cid", "start").0 == 3.0).then_some(())
    });
    exporter.until_value("container_restarts_total", &[("name", "work-policy")], 2.0);
    assert_eq!(measured(&exporter.page(), "work-cid", "restart").0, 0.0, "nobody asked for one");
}

#[test]
fn restarts_never_fall_back_and_no_operation_counts_again_when_the_engine_comes_back() {
    let Some(engine) = Engine::own("work") else { return };
    engine.start();
    let exporter = Exporter::of(&engine);
    let name = [("name", "work-lost")];
    let options = ["--restart=on-failure:2", "--label=dockmeter.user=work-dan"];
    let container = engine.run("work-lost", &options, &["sh", "-c", "sleep 0.2; exit 4"]);
    exporter.until_value("container_restarts_total", &name, 2.0);
    exporter.until_value("container_state", &[("name", "work-lost"), ("state", "exited")], 1.0);
    // By hand: the engine counts from 0 again, and once more by the policy.
    container.docker(&["start"]);
    exporter.until_value("container_restarts_total", &name, 4.0);
    exporter.until_value("container_state", &[("name", "work-lost"), ("state", "exited")], 1.0);
    // An engine that comes back would start it again.
    container.docker(&["update", "--restart=no"]);
    let counts = |page: &Page| {
        ["create", "start", "stop", "restart", "remove"]
            .map(|operation| measured(page, "work-dan", operation))
    };
    let before = counts(&exporter.page());

    engine.signal(Signal::KILL);
    exporter.until_value("dockmeter_docker_up", &[], 0.0);
    engine.again();
    exporter.until_value("dockmeter_docker_up", &[], 1.0);
    let _after = engine.run("work-found", &["--label=dockmeter.user=work-eve"], IDLE);
    exporter.until("what comes after is measured", |page| {
        (measured(page, "work-eve", "start").0 == 1.0).then_some(())
    });
    let page = exporter.page();
    assert_eq!(counts(&page), before);
    assert_eq!(page.value("container_restarts_total", &name), Some(4.0));
    assert_eq!(container.inspect("{{.State.ExitCode}}"), "4");
    assert_eq!(page.value("container_exit_code", &name), Some(4.0));
}
