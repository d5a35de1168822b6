//! dockmeter behind the proxy of `packaging/socket-proxy`, which lets nothing through that
//! changes the engine.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::component::Component;
use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::Exporter;
use crate::exposition::Page;
use crate::http;
use crate::poll::eventually;
use crate::prometheus::free_address;

/// A running proxy, stopped when dropped.
pub(crate) struct Proxy {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts one as it is shipped, but for the two addresses.
    pub(crate) fn before(engine: &Engine) -> Option<Self> {
        let program = Component::Haproxy.path()?;
        let address = free_address();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/socket-proxy/haproxy.cfg");
        let shipped = fs::read_to_string(shipped).unwrap();
        let socket = engine.socket();
        let changed = shipped
            .replace("127.0.0.1:2375", &address.to_string())
            .replace("/var/run/docker.sock", socket.to_str().unwrap());
        assert!(changed.contains(socket.to_str().unwrap()) && changed.contains(&address.to_string()));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, changed).unwrap();
        let libraries = std::env::var_os("DOCKMETER_TEST_HAPROXY_LIBRARIES").unwrap_or_default();
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(&file).env("LD_LIBRARY_PATH", libraries);
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let proxy = Proxy { child, address, _folder: folder };
        eventually("the proxy lets a ping through", || {
            (http::get(proxy.address, "/_ping", &[]).ok()?.status == 200).then_some(())
        });
        Some(proxy)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The names of families that come from the engine or need to know its containers.
fn families(page: &Page) -> BTreeSet<String> {
    let about = |name: &str| {
        ["container_", "tenant_", "dockmeter_docker_"].iter().any(|begin| name.starts_with(begin))
    };
    page.samples().map(|sample| sample.name.clone()).filter(|name| about(name)).collect()
}

#[test]
fn behind_a_proxy_that_only_reads_nothing_is_missing() {
    let Some(engine) = Engine::shared() else { return };
    let Some(proxy) = Proxy::before(&engine) else { return };
    let busy = engine.run("proxy-busy", &["--label=dockmeter.user=proxy-ann"], BUSY);
    busy.exec(&["dd", "if=/dev/urandom", "of=/file", "bs=64k", "count=32"]);
    let behind = Exporter::at(&format!("tcp://{}", proxy.address), &[]);
    let direct = Exporter::of(&engine);
    let ann = [("name", "proxy-busy"), ("user", "proxy-ann")];
    for exporter in [&behind, &direct] {
        exporter.until("everything of a container is read", |page| {
            page.value("dockmeter_docker_disk_measured_timestamp_seconds", &[])?;
            page.value("dockmeter_docker_data_root_info", &[])?;
            page.value("container_cpu_usage_percent", &ann)?;
            page.value("container_fs_writable_layer_bytes", &ann).filter(|bytes| *bytes >= f64::from(2 << 20))
        });
    }
    // What tests beside this one do to the engine may be on one page and not yet on the other, and
    // what was done before an exporter came is on none of its pages: so something happens.
    eventually("both pages have the same families", || {
        drop(engine.run("proxy-passing", &[], IDLE));
        let (behind, direct) = (families(&behind.page()), families(&direct.page()));
        (behind == direct && behind.len() > 50).then_some(())
    });
    busy.docker(&["kill"]);
    behind.until_value("container_state", &[("name", "proxy-busy"), ("state", "exited")], 1.0);
}

#[test]
fn a_proxy_that_only_reads_refuses_what_changes_and_what_reads_contents() {
    let Some(engine) = Engine::shared() else { return };
    let Some(proxy) = Proxy::before(&engine) else { return };
    let container = engine.run("proxy-target", &[], BUSY);
    let id = &container.id;
    for call in [
        "/containers/create",
        "/v1.41/containers/create",
        &format!("/containers/{id}/kill"),
        "/images/create",
    ] {
        assert_eq!(http::post(proxy.address, call).unwrap().status, 405, "{call}");
    }
    let reads = ["logs?stdout=1", "archive?path=/etc/passwd", "export", "top", "attach/ws", "../json"];
    for call in reads {
        let answer = http::get(proxy.address, &format!("/containers/{id}/{call}"), &[]).unwrap();
        assert_eq!(answer.status, 403, "{call}");
    }
    let command = ["-H", &format!("tcp://{}", proxy.address), "rm", "-f", id];
    assert!(!engine.try_docker(&command).status.success());
    assert_eq!(container.inspect("{{.State.Status}}"), "running");
}
