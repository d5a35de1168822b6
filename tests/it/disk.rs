//! What containers have on disk, against `du` and against what the engine says itself.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::engine::{Container, Engine, done};
use crate::exporter::Exporter;
use crate::exposition::Page;

/// Trees are walked again soon.
const SOON: &str = "--disk.interval=10s";

/// Writes 8 MiB into the layer, 4 MiB into a volume and 1 MiB to the log, then waits.
const WRITES: &str = "mkdir -p /made/here && \
    dd if=/dev/urandom of=/made/here/file bs=64k count=128 2>/dev/null && \
    ln /made/here/file /made/second-name && \
    dd if=/dev/urandom of=/volume/file bs=64k count=64 2>/dev/null && \
    dd if=/dev/zero bs=1023 count=1025 2>/dev/null | tr '\\0' x | fold -w 1000 && \
    sync && touch /tmp/done && exec sleep 1000";

/// What `du` says that a file or a tree takes.
fn du(path: &str) -> f64 {
    assert!(Path::new(path).exists(), "{path}");
    let output = done(Command::new("du").args(["-s", "--block-size=1", path]));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_ascii_whitespace().next().and_then(|bytes| bytes.parse().ok()).unwrap()
}

fn written(container: &Container<'_>) {
    container.exec(&["sh", "-c", "while [ ! -e /tmp/done ]; do sleep 0.1; done"]);
}

/// The value of a family for a container.
fn value(page: &Page, family: &str, name: &str) -> Option<f64> {
    page.value(family, &[("name", name)])
}

fn measured_at(page: &Page, name: &str, figure: &str) -> Option<f64> {
    page.value("container_disk_measured_timestamp_seconds", &[("name", name), ("figure", figure)])
}

/// Whether two sums agree to a hundredth and a few blocks that a file system adds meanwhile.
fn agree(one: f64, other: f64) -> bool {
    (one - other).abs() <= one.max(other) * 0.01 + 32_768.0
}

#[test]
fn layer_log_and_volume_are_what_du_and_docker_say_and_go_with_the_container() {
    let Some(engine) = Engine::shared() else { return };
    let options = ["--volume=disk-story:/volume", "--tmpfs=/tmp", "--log-driver=json-file"];
    let labels = ["--label=dockmeter.project=disk-story"];
    let container = engine.run("disk-writer", &[&options[..], &labels].concat(), &["sh", "-c", WRITES]);
    written(&container);
    let exporter = Exporter::with(&engine, &[SOON]);
    let page = exporter.until("everything has been measured", |page| {
        let families = [
            "container_fs_writable_layer_bytes",
            "container_log_bytes",
            "container_volume_usage_bytes",
            "container_fs_usage_bytes",
        ];
        families.iter().all(|family| value(page, family, "disk-writer").is_some()).then(|| page.clone())
    });
    let value = |family| value(&page, family, "disk-writer").unwrap();

    let layer = value("container_fs_writable_layer_bytes");
    let truth = du(&container.inspect("{{.GraphDriver.Data.UpperDir}}"));
    assert!(agree(layer, truth), "{layer} bytes, and {truth} by `du`");
    let size: f64 =
        engine.docker(&["inspect", "--size", "--format={{.SizeRw}}", "disk-writer"]).parse().unwrap();
    assert!(agree(layer, size) && size >= f64::from(8 << 20), "{layer} bytes, and {size} by `docker ps -s`");

    let log = value("container_log_bytes");
    let truth = du(&container.inspect("{{.LogPath}}"));
    assert!(agree(log, truth) && log >= f64::from(1 << 20), "{log} bytes of log, and {truth} by `du`");
    assert_eq!(value("container_fs_usage_bytes"), layer + log);

    let volume = page
        .value("container_volume_usage_bytes", &[("name", "disk-writer"), ("volume", "disk-story")])
        .unwrap();
    let truth = du(&engine.docker(&["volume", "inspect", "--format={{.Mountpoint}}", "disk-story"]));
    assert!(agree(volume, truth) && volume >= f64::from(4 << 20), "{volume} bytes, and {truth} by `du`");

    assert!(value("container_fs_limit_bytes") > layer);
    let usage = page.all("container_fs_usage_bytes", &[("name", "disk-writer")]).next().unwrap();
    assert!(usage.label("device").is_some_and(|device| !device.is_empty()), "{usage:?}");
    for figure in ["writable_layer", "log", "volumes"] {
        assert!(measured_at(&page, "disk-writer", figure).is_some_and(|at| at > 1.7e9), "{figure}");
    }
    assert!(page.value("dockmeter_disk_walk_seconds_total", &[]).is_some_and(|walked| walked > 0.0));

    drop(container);
    let tenant = [("project", "disk-story")];
    let before = page.value("tenant_disk_byte_seconds_total", &tenant).unwrap_or(0.0);
    let page = exporter.until("the container has left the page", |page| {
        page.samples().all(|sample| sample.label("name") != Some("disk-writer")).then(|| page.clone())
    });
    let after = page.value("tenant_disk_byte_seconds_total", &tenant);
    assert!(after.is_some_and(|after| after > before), "what was on disk stays billed: {after:?}");
    engine.docker(&["volume", "rm", "disk-story"]);
}

#[test]
fn what_is_written_later_is_seen_and_stays_when_the_container_stops() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &[SOON]);
    let container = engine.run("disk-grows", &["--init"], &["sleep", "1000"]);
    let layer = |page: &Page| value(page, "container_fs_writable_layer_bytes", "disk-grows");
    let small = exporter.until("the layer is measured at once", &layer);
    assert!(small < f64::from(1 << 20), "{small}");
    container.exec(&["dd", "if=/dev/urandom", "of=/file", "bs=64k", "count=64"]);
    exporter.until("the file is seen at the next walk", |page| {
        layer(page).filter(|bytes| *bytes >= f64::from(4 << 20))
    });
    container.docker(&["stop", "--time=0"]);
    let stopped = exporter.until("the container is seen stopped", |page| {
        let exited = page.value("container_state", &[("name", "disk-grows"), ("state", "exited")]);
        exited.filter(|exited| *exited == 1.0).and(measured_at(page, "disk-grows", "writable_layer"))
    });
    let page = exporter.until("it is measured once more", |page| {
        measured_at(page, "disk-grows", "writable_layer").filter(|at| *at > stopped).map(|_| page.clone())
    });
    assert!(layer(&page).is_some_and(|bytes| bytes >= f64::from(4 << 20)));
}

#[test]
fn a_tenant_is_billed_bytes_multiplied_by_time() {
    let Some(engine) = Engine::shared() else { return };
    let make = "dd if=/dev/urandom of=/file bs=64k count=128 2>/dev/null && sync && touch /tmp/done && exec sleep 1000";
    let options = ["--label=dockmeter.project=disk-bill", "--tmpfs=/tmp", "--log-driver=none"];
    let container = engine.run("disk-bill", &options, &["sh", "-c", make]);
    written(&container);
    let exporter = Exporter::with(&engine, &[]);
    let billed = |page: &Page| page.value("tenant_disk_byte_seconds_total", &[("project", "disk-bill")]);
    let layer = |page: &Page| value(page, "container_fs_writable_layer_bytes", "disk-bill");
    let bytes = exporter.until("it is measured and billed", |page| billed(page).and(layer(page)));
    // What two scrapes say, with the time before and after each.
    let read = || {
        let asked = Instant::now();
        let page = exporter.page();
        (asked, billed(&page).unwrap(), Instant::now())
    };
    let first = read();
    let last = exporter.until("some seconds have passed", |_| {
        let now = read();
        (now.0.duration_since(first.2).as_secs() >= 3).then_some(now)
    });
    // Scrapes may share a read that is a quarter of a second old.
    let least = (last.0.duration_since(first.2).as_secs_f64() - 0.25) * bytes;
    let most = (last.2.duration_since(first.0).as_secs_f64() + 0.25) * bytes;
    let used = last.1 - first.1;
    assert!((least..=most).contains(&used), "{used} byte seconds are not from {least} to {most}");
}

#[test]
fn the_engine_is_asked_for_its_own_sums() {
    let Some(engine) = Engine::shared() else { return };
    let fills = "dd if=/dev/urandom of=/volume/file bs=64k count=64 2>/dev/null";
    engine.docker(&["run", "--rm", "--volume=disk-sums:/volume", "dockmeter-test", "sh", "-c", fills]);
    let exporter = Exporter::of(&engine);
    let page = exporter.until("the engine has answered", |page| {
        page.value("dockmeter_docker_disk_measured_timestamp_seconds", &[]).map(|_| page.clone())
    });
    let usage = |kind| page.value("dockmeter_docker_disk_usage_bytes", &[("type", kind)]).unwrap();
    let reclaimable =
        |kind| page.value("dockmeter_docker_disk_reclaimable_bytes", &[("type", kind)]).unwrap();
    assert!(usage("images") > 0.0 && usage("containers") >= 0.0 && usage("build_cache") >= 0.0);
    assert!(usage("volumes") >= f64::from(4 << 20));
    assert!(reclaimable("volumes") >= f64::from(4 << 20), "no container uses the volume");
    assert!(reclaimable("images") <= usage("images"));
    engine.docker(&["volume", "rm", "disk-sums"]);
}

#[test]
fn what_is_switched_off_is_neither_measured_nor_asked() {
    let Some(engine) = Engine::shared() else { return };
    let _container = engine.run("disk-off", &[], &["sleep", "1000"]);
    let exporter = Exporter::with(&engine, &["--no-collector.container_disk", "--no-collector.docker_disk"]);
    let page = exporter.until("the container has been read", |page| {
        value(page, "container_cpu_usage_percent", "disk-off").map(|_| page.clone())
    });
    let of_host = |name: &str| name.starts_with("node_") || name.starts_with("dockmeter_host_");
    let disk = |name: &str| name.contains("_disk_") && !of_host(name) || name.starts_with("container_log_");
    let measured = page.samples().find(|sample| disk(&sample.name));
    assert!(measured.is_none(), "{measured:?}");
}

#[test]
fn the_layer_in_containerd_s_image_store_is_found_through_the_kernel_and_stays_after_a_stop() {
    let Some((engine, _)) = Engine::current() else { return };
    assert_eq!(engine.docker(&["info", "--format={{.Driver}}"]), "overlayfs");
    let script = "dd if=/dev/urandom of=/file bs=64k count=128 2>/dev/null && \
        sync && touch /tmp/done && exec sleep 1000";
    let container = engine.run("disk-snapshot", &["--tmpfs=/tmp"], &["sh", "-c", script]);
    written(&container);
    let exporter = Exporter::with(&engine, &[SOON]);
    let layer = |page: &Page| value(page, "container_fs_writable_layer_bytes", "disk-snapshot");
    let running = exporter.until("its layer has been measured", layer);
    let size: f64 =
        engine.docker(&["inspect", "--size", "--format={{.SizeRw}}", "disk-snapshot"]).parse().unwrap();
    assert!(
        agree(running, size) && size >= f64::from(8 << 20),
        "{running} bytes, and {size} by `docker ps -s`"
    );
    container.docker(&["kill"]);
    exporter.until_value("container_state", &[("name", "disk-snapshot"), ("state", "exited")], 1.0);
    let stopped = layer(&exporter.page()).expect("its layer is still there");
    assert!(agree(stopped, size), "{stopped} bytes, and {size} by `docker ps -s`");
}
