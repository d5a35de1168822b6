//! Reads and writes past the page cache, on the device that holds the engine's data.
//!
//! Since Linux 6.10, cgroup v1 counts a device only while it has a limit; the containers get
//! one that they cannot reach.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::{Load, Unit, compare, exporter_of, grown, scrape};
use crate::engine::Engine;

/// Relative error of bytes; a file system writes its own blocks besides.
const BYTES: f64 = 0.01;

#[test]
fn direct_writes_and_reads() {
    let Some(engine) = Engine::shared() else { return };
    let name = "truth-disk";
    let device = device_of(&engine);
    let limits = [format!("--device-write-bps={device}:1tb"), format!("--device-read-bps={device}:1tb")];
    let options = [limits[0].as_str(), &limits[1], "--volume=/data"];
    let Some(mut load) = Load::start(&engine, name, &options) else { return };
    // Something to start from: before the first request there is no series.
    load.ask("write-direct /data/file 1048576");
    load.ask("read-direct /data/file 1048576");
    let exporter = exporter_of(&engine, name);
    let before = scrape(&exporter);
    let wrote = load.ask("write-direct /data/file 134217728");
    let after = scrape(&exporter);
    let reported = grown("container_fs_writes_bytes_total", name, &before, &after);
    compare("direct writes", Unit::Bytes, wrote.number("bytes"), reported, BYTES);

    let before = after;
    let read = load.ask("read-direct /data/file 134217728");
    let after = scrape(&exporter);
    let reported = grown("container_fs_reads_bytes_total", name, &before, &after);
    compare("direct reads", Unit::Bytes, read.number("bytes"), reported, BYTES);
}

/// The device that holds an engine's data, like `/dev/vda`.
pub(crate) fn device_of(engine: &Engine) -> String {
    let device = fs::metadata(engine.socket().parent().unwrap()).unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let event = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/uevent")).unwrap();
    let name = event.lines().find_map(|line| line.strip_prefix("DEVNAME=")).unwrap();
    format!("/dev/{name}")
}
