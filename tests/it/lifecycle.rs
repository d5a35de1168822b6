//! What happens to a container is on the page: start, stop, kill, pause, out of memory,
//! restarts, health, rename, removal.

use std::time::{Duration, Instant};

use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::Exporter;
use crate::poll::eventually;

/// What a removed container, and one that never was, has in common.
fn is_gone(exporter: &Exporter, name: &str) {
    exporter.until(&format!("no series of `{name}` is left"), |page| {
        page.samples().all(|sample| sample.label("name") != Some(name)).then_some(())
    });
}

#[test]
fn a_started_container_appears_with_what_it_uses() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("life-start", &["--memory=64m", "--cpus=0.5"], BUSY);
    let labels = [("name", "life-start"), ("image", "dockmeter-test")];
    exporter.until("the container uses cpu", |page| {
        (page.sum("container_cpu_usage_seconds_total", &labels) > 0.1).then_some(())
    });
    let page = exporter.page();
    assert_eq!(page.value("container_info", &[("container_id", &container.id)]), Some(1.0));
    assert_eq!(page.value("container_state", &[("name", "life-start"), ("state", "running")]), Some(1.0));
    assert_eq!(page.value("container_spec_memory_limit_bytes", &labels), Some(f64::from(64 << 20)));
    assert_eq!(page.value("container_cpu_limit_cores", &labels), Some(0.5));
    assert_eq!(page.value("container_processes", &labels), Some(1.0));
    assert!(page.value("container_memory_working_set_bytes", &labels).is_some_and(|bytes| bytes > 0.0));
    assert!(page.value("container_exit_code", &labels).is_none(), "no run has ended yet");
}

#[test]
fn a_container_that_ran_before_the_exporter_is_there_as_soon_as_the_engine_is() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("life-before", &[], IDLE);
    let running = [("name", "life-before"), ("state", "running")];
    let started = Instant::now();
    let exporter = Exporter::of(&engine);
    // It is ready now; after 10 s it would have been without the engine, too.
    if started.elapsed() < Duration::from_secs(5) {
        assert_eq!(exporter.page().value("container_state", &running), Some(1.0));
    }
    exporter.until_value("container_state", &running, 1.0);
}

#[test]
fn a_stopped_container_keeps_its_state_and_exit_code_and_has_no_live_series() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("life-stop", &[], &["sh", "-c", "trap 'exit 3' TERM; sleep 1000 & wait"]);
    let name = [("name", "life-stop")];
    exporter.until_value("container_state", &[("name", "life-stop"), ("state", "running")], 1.0);
    container.docker(&["stop"]);
    exporter.until_value("container_state", &[("name", "life-stop"), ("state", "exited")], 1.0);
    exporter.until_value("container_exit_code", &name, 3.0);
    exporter.until("nothing of the running container is left", |page| {
        let live = ["container_start_time_seconds", "container_last_seen"];
        live.iter().all(|family| page.value(family, &name).is_none()).then_some(())
    });
    container.docker(&["start"]);
    exporter.until_value("container_state", &[("name", "life-stop"), ("state", "running")], 1.0);
}

#[test]
fn a_killed_container_has_exit_code_137_and_was_not_out_of_memory() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("life-kill", &[], IDLE);
    exporter.until_value("container_state", &[("name", "life-kill"), ("state", "running")], 1.0);
    container.docker(&["kill"]);
    exporter.until_value("container_exit_code", &[("name", "life-kill")], 137.0);
    assert_eq!(exporter.page().sum("container_oom_events_total", &[("name", "life-kill")]), 0.0);
}

#[test]
fn a_paused_container_is_paused_until_it_goes_on() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("life-pause", &[], IDLE);
    container.docker(&["pause"]);
    exporter.until_value("container_state", &[("name", "life-pause"), ("state", "paused")], 1.0);
    assert_eq!(
        exporter.page().value("container_state", &[("name", "life-pause"), ("state", "running")]),
        Some(0.0)
    );
    container.docker(&["unpause"]);
    exporter.until_value("container_state", &[("name", "life-pause"), ("state", "running")], 1.0);
}

#[test]
fn an_oom_kill_is_counted_once_and_survives_the_container() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("life-oom", &["--memory=16m"], &["tail", "/dev/zero"]);
    let name = [("name", "life-oom")];
    exporter.until_value("container_exit_code", &name, 137.0);
    exporter.until_value("container_oom_events_total", &name, 1.0);
    assert_eq!(container.inspect("{{.State.OOMKilled}}"), "true");
}

#[test]
fn oom_kills_add_up_over_the_restarts_of_a_container() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    // Each run is one process that is killed when it is told to go on, so the kernel kills exactly
    // once a run. A run that is over before anyone has looked at it is known by what the engine
    // says alone, which may be nothing on cgroup v1.
    let folder = tempfile::tempdir().expect("a folder");
    let shared = format!("--volume={}:/signals", folder.path().display());
    let options = ["--memory=16m", "--restart=on-failure:2", &shared];
    let script = "until rm /signals/go 2>/dev/null; do sleep 0.1; done; exec tail /dev/zero";
    let container = engine.run("life-oom-again", &options, &["sh", "-c", script]);
    let name = [("name", "life-oom-again")];
    let state = |state| [("name", "life-oom-again"), ("state", state)];
    for run in 1..=3 {
        exporter.until("the run is read", |page| {
            let kills = page.value("container_oom_events_total", &name)?;
            assert_eq!(kills, f64::from(run - 1), "of run {run}");
            let restarts = page.value("container_restarts_total", &name);
            let running = page.value("container_state", &state("running"));
            let used = page.value("container_memory_usage_bytes", &name);
            (restarts == Some(f64::from(run - 1)) && running == Some(1.0) && used > Some(0.0)).then_some(())
        });
        std::fs::write(folder.path().join("go"), "").expect("the signal");
        exporter.until_value("container_oom_events_total", &name, f64::from(run));
    }
    exporter.until_value("container_state", &state("exited"), 1.0);
    assert_eq!(exporter.page().value("container_restarts_total", &name), Some(2.0));
    // Started by hand it is killed again, and whatever the engine says late of it is said by then.
    engine.docker(&["update", "--restart=no", &container.id]);
    container.docker(&["start"]);
    std::fs::write(folder.path().join("go"), "").expect("the signal");
    exporter.until_value("container_oom_events_total", &name, 4.0);
    exporter.until_value("container_state", &state("exited"), 1.0);
}

#[test]
fn kills_inside_a_container_that_lives_on_are_those_that_the_kernel_counts() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let script = "for run in 1 2 3; do tail /dev/zero; done; echo over; sleep 1000";
    let container = engine.run("life-oom-inside", &["--memory=16m"], &["sh", "-c", script]);
    let name = [("name", "life-oom-inside")];
    // Asked outside of it: a process that came in while memory is short might be killed as well.
    eventually("the last kill is over", || {
        let log = engine.try_docker(&["logs", &container.id]);
        String::from_utf8_lossy(&log.stdout).contains("over").then_some(())
    });
    let kernel = || {
        let files = ["/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"];
        let text = container.exec(&["sh", "-c", &format!("cat {} {} 2>/dev/null; true", files[0], files[1])]);
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.expect("the kernel's count").parse::<f64>().expect("a number")
    };
    assert_eq!((exporter.page().value("container_oom_events_total", &name), kernel()), (Some(3.0), 3.0));
    container.docker(&["kill"]);
    exporter.until_value("container_state", &[("name", "life-oom-inside"), ("state", "exited")], 1.0);
    assert_eq!(exporter.page().value("container_oom_events_total", &name), Some(3.0));
}

#[test]
fn restarts_by_the_policy_are_counted() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let _container =
        engine.run("life-again", &["--restart=on-failure:2"], &["sh", "-c", "sleep 0.2; exit 4"]);
    exporter.until_value("container_restarts_total", &[("name", "life-again")], 2.0);
    exporter.until_value("container_state", &[("name", "life-again"), ("state", "exited")], 1.0);
    exporter.until_value("container_exit_code", &[("name", "life-again")], 4.0);
}

#[test]
fn health_follows_the_check_and_is_absent_without_one() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let check = ["--health-cmd=test -e /tmp/well", "--health-interval=200ms", "--health-retries=1"];
    let container = engine.run("life-health", &check, IDLE);
    let _without = engine.run("life-no-health", &[], IDLE);
    exporter.until_value("container_health_status", &[("name", "life-health"), ("status", "unhealthy")], 1.0);
    container.exec(&["touch", "/tmp/well"]);
    exporter.until_value("container_health_status", &[("name", "life-health"), ("status", "healthy")], 1.0);
    exporter.until_value("container_health_state", &[("name", "life-health")], 1.0);
    exporter.until_value("container_health_state", &[("name", "life-no-health")], -1.0);
    assert_eq!(exporter.page().all("container_health_status", &[("name", "life-no-health")]).count(), 0);
}

#[test]
fn a_renamed_container_moves_to_its_new_name() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("life-old-name", &[], IDLE);
    exporter.until_value("container_info", &[("name", "life-old-name")], 1.0);
    engine.docker(&["rename", &container.id, "life-new-name"]);
    exporter.until_value(
        "container_info",
        &[("name", "life-new-name"), ("container_id", &container.id)],
        1.0,
    );
    is_gone(&exporter, "life-old-name");
}

#[test]
fn a_removed_container_lingers_and_then_leaves_no_series() {
    let Some(engine) = Engine::shared() else { return };
    // Long enough that even a slow machine scrapes within it.
    let exporter = Exporter::with(&engine, &["--container.linger=5s"]);
    let container = engine.run("life-remove", &[], IDLE);
    exporter.until_value("container_info", &[("name", "life-remove")], 1.0);
    container.docker(&["rm", "-f"]);
    assert_eq!(
        exporter.page().value("container_info", &[("name", "life-remove")]),
        Some(1.0),
        "its values linger"
    );
    is_gone(&exporter, "life-remove");
}
