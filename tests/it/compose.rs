//! The compose file brings an exporter that shows everything of its machine.

use std::fs;
use std::path::Path;

use crate::component::Component;
use crate::container::{IMAGE, built, host};
use crate::engine::{BUSY, Engine, done};
use crate::exposition::{Dialect, Page};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::free_address;

#[test]
fn compose_brings_containers_host_connections_and_probes() {
    let (Some(engine), Some(compose)) = (Engine::shared(), Component::Compose.path()) else { return };
    built(&engine);
    let _busy = engine.run("compose-busy", &["--label=dockmeter.user=compose-ann"], BUSY);
    let address = free_address();
    // Another engine's data, and perhaps a machine whose mounts are not shared.
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here.yml");
    let mounts = host(&engine).into_iter().map(|mount| mount.trim_start_matches("--volume=").to_owned());
    let socket = format!("{}:/var/run/docker.sock", engine.socket().display());
    let mounts: Vec<_> = mounts.chain([socket]).collect();
    fs::write(&here, format!("services: {{dockmeter: {{volumes: !override {mounts:?}}}}}\n")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = engine.command(&compose);
        command.env("DOCKMETER_IMAGE", IMAGE).env("DOCKMETER_PORT", address.port().to_string());
        command.args(["--project-name", "compose-story", "--file"]);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docker-compose.yml"))
            .arg("--file")
            .arg(&here);
        done(command.args(arguments))
    };
    run(&["up", "--detach", "--no-build"]);
    let ann = [("name", "compose-busy"), ("user", "compose-ann")];
    eventually("containers, the host, its connections and a probe are shown", || {
        let answer = http::get(address, "/metrics", &[]).ok()?;
        let page = Page::parse(&answer.body, Dialect::Text).unwrap();
        page.value("container_cpu_usage_seconds_total", &ann).filter(|cpu| *cpu > 0.0)?;
        page.value("container_fs_writable_layer_bytes", &ann)?;
        page.value("node_load1", &[])?;
        page.value("node_tcp_connection_states", &[("state", "listen")]).filter(|sockets| *sockets > 0.0)?;
        page.value("dockmeter_probe_success", &[("target", "dockmeter")]).filter(|up| *up == 1.0)
    });
    let logs = String::from_utf8_lossy(&run(&["logs"]).stdout).into_owned();
    run(&["down", "--timeout=10"]);
    let troubles: Vec<_> = logs.lines().filter(|line| line.contains("level=error")).collect();
    assert!(troubles.is_empty(), "{troubles:#?}");
}
