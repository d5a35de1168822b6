//! The program as it is run: start, reload, stop, natively and in a container.

use std::fs;

use rustix::process::Signal;

use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::{BINARY, Exporter, QUICK};
use crate::exposition::{Dialect, Page};
use crate::http;
use crate::poll::eventually;

#[test]
fn it_ends_in_peace_on_sigterm() {
    let Some(engine) = Engine::shared() else { return };
    let status = Exporter::of(&engine).stop();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn it_ends_in_peace_on_sigterm_with_no_engine_too() {
    let Some(engine) = Engine::own("gone") else { return };
    let status = Exporter::start(&engine, &[]).stop();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_map_file_that_hangs_does_not_keep_it_from_ending() {
    let Some(engine) = Engine::shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (file, map) = (directory.path().join("dockmeter.yml"), directory.path().join("teams.yml"));
    fs::write(&file, "tenancy: {team: [{map: {from: project, file: teams.yml}}]}\n").unwrap();
    fs::write(&map, "shop: core\n").unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    // Opening a pipe that nobody writes to waits, as a file of a server that is away does.
    let pipe = directory.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
    fs::rename(&pipe, &map).unwrap();
    exporter.signal(Signal::HUP);
    let status = exporter.stop();
    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn a_broken_configuration_is_refused_on_reload_and_the_old_one_stays() {
    let Some(engine) = Engine::shared() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dockmeter.yml");
    fs::write(&file, "containers: {exclude: [{name: '^reload-hidden$'}]}\n").unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let _hidden = engine.run("reload-hidden", &[], IDLE);
    let _seen = engine.run("reload-seen", &[], IDLE);
    let shows = |name: &str| exporter.page().all("container_info", &[("name", name)]).next().is_some();
    eventually("the other container is seen", || shows("reload-seen").then_some(()));
    assert!(!shows("reload-hidden"));

    fs::write(&file, "containers: {exclud: []}\n").unwrap();
    exporter.signal(Signal::HUP);
    eventually("the refusal is in the log", || exporter.said(&["exclud", "dockmeter.yml"]).then_some(()));
    assert!(!shows("reload-hidden"), "the old configuration stays");
    assert_eq!(
        http::post(exporter.address, "/-/reload").unwrap().status / 100,
        4,
        "asked by HTTP it is refused too"
    );

    fs::write(&file, "containers: {exclude: []}\n").unwrap();
    exporter.signal(Signal::HUP);
    eventually("the repaired configuration counts", || shows("reload-hidden").then_some(()));
}

#[test]
fn the_api_lists_a_container_and_finds_it_by_name_and_by_prefix() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let container = engine.run("api-one", &["--label=dockmeter.project=api-shop", "--memory=32m"], BUSY);
    exporter.until("the container has been read", |page| {
        page.value("container_cpu_usage_percent", &[("name", "api-one")])
    });
    let listed = exporter.get("/api/containers");
    assert!(listed.text().contains(&container.id), "{}", listed.text());
    for reference in ["api-one", &container.id, &container.id[..20]] {
        let current = exporter.get(&format!("/api/containers/{reference}/metrics/current"));
        assert_eq!(current.status, 200, "{}", current.text());
        let current = current.json();
        assert_eq!(current["container_id"], container.id.as_str());
        assert_eq!(current["project"], "api-shop");
        assert_eq!(current["status"], "running");
        assert_eq!(current["memory"]["limit_bytes"], 32 << 20);
        assert!(
            current["cpu"]["usage_seconds_total"].as_f64().is_some_and(|seconds| seconds > 0.0),
            "{current}"
        );
    }
    let summary = exporter.get("/api/containers/metrics/summary?group_by=project");
    assert!(summary.text().contains("api-shop"), "{}", summary.text());
    let missing = exporter.get("/api/containers/no-such-container/metrics/current");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
}

#[test]
fn in_a_container_it_reads_the_host_through_other_paths() {
    let Some(engine) = Engine::shared() else { return };
    let busy = engine.run("inside-busy", &["--memory=64m"], BUSY);
    busy.exec(&["dd", "if=/dev/urandom", "of=/file", "bs=64k", "count=32"]);
    let socket = format!("--volume={}:/var/run/docker.sock", engine.socket().display());
    let data_root = engine.docker(&["info", "--format={{.DockerRootDir}}"]);
    // Mounts of containers that go must not be held back here.
    let data_root = format!("--volume={data_root}:/host{data_root}:ro,rslave");
    let binary = format!("--volume={BINARY}:/dockmeter:ro");
    // The test binary is linked to the host's C library, which the image does not have.
    let libraries = ["/lib", "/lib64", "/usr/lib"].map(|path| format!("--volume={path}:{path}:ro"));
    let mut options = vec![
        "--network=host",
        "--volume=/proc:/host/proc:ro",
        "--volume=/sys:/host/sys:ro",
        &data_root,
        &socket,
        &binary,
    ];
    options.extend(libraries.iter().filter(|volume| exists(volume)).map(String::as_str));
    let paths = ["/dockmeter", "--path.procfs=/host/proc", "--path.sysfs=/host/sys", "--path.rootfs=/host"];
    let inside = engine.run("inside-dockmeter", &options, &[&paths[..], &QUICK].concat());

    let address = eventually("dockmeter listens in its container", || {
        let logs = engine.try_docker(&["logs", &inside.id]);
        let logs = String::from_utf8_lossy(&logs.stderr).into_owned();
        assert_eq!(inside.inspect("{{.State.Status}}"), "running", "{logs}");
        logs.lines().find_map(crate::exporter::listening)
    });
    let cpu = || {
        let response = http::get(address, "/metrics", &[]).ok()?;
        let page = Page::parse(&response.body, Dialect::Text).unwrap();
        Some(page.sum("container_cpu_usage_seconds_total", &[("name", "inside-busy")]))
    };
    eventually("the host's cgroups are read", || cpu().filter(|cpu| *cpu > 0.1));
    let page = http::get(address, "/metrics", &[]).unwrap();
    let page = Page::parse(&page.body, Dialect::Text).unwrap();
    let limit = page.value("container_spec_memory_limit_bytes", &[("name", "inside-busy")]);
    assert_eq!(limit, Some(f64::from(64 << 20)));
    let layer = || {
        let response = http::get(address, "/metrics", &[]).ok()?;
        let page = Page::parse(&response.body, Dialect::Text).unwrap();
        page.value("container_fs_writable_layer_bytes", &[("name", "inside-busy")])
    };
    let layer = eventually("the host's disk is measured", layer);
    assert!((f64::from(2 << 20)..f64::from(3 << 20)).contains(&layer), "{layer}");
    let interfaces = page.all("container_network_receive_bytes_total", &[("name", "inside-busy")]).count();
    assert!(interfaces >= 1, "the network namespace of a container is read through the host's /proc");
}

/// Whether the host's side of a `--volume` is there: not every machine has a `/lib64`.
pub(crate) fn exists(volume: &str) -> bool {
    let path = volume.trim_start_matches("--volume=");
    path.split(':').next().is_some_and(|path| fs::exists(path).unwrap_or(false))
}
