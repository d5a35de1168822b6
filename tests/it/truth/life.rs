//! Counts that have to be exact: threads, processes, restarts.

use std::fs;

use super::{Load, Unit, compare, exporter, exporter_of, scrape};
use crate::engine::Engine;
use crate::poll::eventually;

#[test]
fn threads_and_processes() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-threads";
    let Some(mut load) = Load::start(&engine, name, &["--pids-limit=64"]) else { return };
    let exporter = exporter_of(&engine, name);
    let reported = |processes: f64, threads: f64, when: &str| {
        let page = scrape(&exporter);
        let value = |metric: &str| page.sum(metric, &[("name", name)]);
        compare(&format!("processes, {when}"), Unit::Count, processes, value("container_processes"), 0.0);
        compare(&format!("threads, {when}"), Unit::Count, threads, value("container_threads"), 0.0);
        compare(&format!("limit of threads, {when}"), Unit::Count, 64.0, value("container_threads_max"), 0.0);
    };
    reported(1.0, 1.0, "one program");
    load.ask("threads 7");
    load.ask("processes 5");
    reported(6.0, 13.0, "with 7 threads and 5 processes more");
    load.ask("release");
    reported(1.0, 1.0, "after these have ended");
}

#[test]
fn restarts_by_policy() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-restarts";
    let exporter = exporter(&engine);
    let directory = tempfile::tempdir().unwrap();
    let volume = format!("--volume={}:/truth", directory.path().display());
    let fails = ["sh", "-c", "echo started >>/truth/starts; exit 3"];
    let container = engine.run(name, &["--restart=on-failure:3", &volume], &fails);
    eventually("the engine gives up", || {
        let state = container.inspect("{{.State.Status}} {{.RestartCount}}");
        (state == "exited 3").then_some(())
    });
    let starts = fs::read_to_string(directory.path().join("starts")).unwrap().lines().count();
    #[allow(clippy::cast_precision_loss, reason = "a handful of starts")]
    let truth = starts as f64 - 1.0;
    exporter.until("all restarts have been seen", |page| {
        let restarts = page.value("container_restarts_total", &[("name", name)])?;
        let ended = page.value("container_state", &[("name", name), ("state", "exited")]) == Some(1.0);
        (ended && restarts >= truth).then_some(())
    });
    let page = scrape(&exporter);
    let restarts = page.sum("container_restarts_total", &[("name", name)]);
    compare("restarts by policy", Unit::Count, truth, restarts, 0.0);
    let code = page.sum("container_exit_code", &[("name", name)]);
    compare("exit code", Unit::Count, 3.0, code, 0.0);
}
