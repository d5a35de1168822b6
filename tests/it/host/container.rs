//! dockmeter in a container as `docs/host.md` says, with a network of its own and without any
//! capability, beside one on the host.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::engine::{Container, Engine, done};
use crate::exporter::{BINARY, Exporter, NO_ENGINE, QUICK};
use crate::exposition::{Dialect, Page};
use crate::http;
use crate::poll::{eventually, pause};

use super::{differences, families};

/// The host's file systems, also those that are mounted later; an engine whose `/` is private
/// refuses the first.
const MOUNTS: [&str; 2] = ["--volume=/:/host:ro,rslave", "--volume=/:/host:ro"];

/// What the container is not allowed, and needs not.
const CONFINED: [&str; 3] = ["--cap-drop=ALL", "--read-only", "--security-opt=no-new-privileges"];

/// The command that runs the binary with the host's loader and libraries: the image has none.
fn command() -> Vec<String> {
    let output = done(Command::new("ldd").arg(BINARY));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // Absolute links would lead out of the mount.
    let path = |line: &str| {
        let path = line.split_ascii_whitespace().find(|word| word.starts_with('/'))?;
        Some(fs::canonicalize(path).expect("a library"))
    };
    let paths: Vec<PathBuf> = text.lines().filter_map(path).collect();
    let is_loader = |path: &&PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("ld-");
    let loader = paths.iter().find(is_loader).expect("a loader").display();
    let folder = |path: &PathBuf| format!("/host{}", path.parent().unwrap().display());
    let folders: BTreeSet<String> = paths.iter().map(folder).collect();
    let folders: Vec<String> = folders.into_iter().collect();
    let binary = fs::canonicalize(BINARY).expect("the binary");
    vec![
        format!("/host{loader}"),
        "--library-path".to_owned(),
        folders.join(":"),
        format!("/host{}", binary.display()),
    ]
}

/// Starts it, and says where it listens.
fn start<'e>(engine: &'e Engine, name: &str) -> (Container<'e>, SocketAddr) {
    let command = command();
    let docker = format!("--docker.host={NO_ENGINE}");
    let flags = ["--web.listen-address=0.0.0.0:10417", "--web.trust-network=172.16.0.0/12", &docker];
    let arguments: Vec<&str> =
        command.iter().map(String::as_str).chain(QUICK[1..].iter().copied()).chain(flags).collect();
    let [shared, private] = MOUNTS.map(|mount| [&[mount][..], &CONFINED].concat());
    let probe = [&["run", "--rm"], &shared[..1], &["dockmeter-test", "true"]].concat();
    let options = if engine.try_docker(&probe).status.success() { shared } else { private };
    let container = engine.run(name, &options, &arguments);
    let address = container.inspect("{{.NetworkSettings.IPAddress}}");
    (container, SocketAddr::new(address.parse().expect("its address"), 10417))
}

fn page(address: SocketAddr) -> Option<Page> {
    let answer = http::get(address, "/metrics", &[]).ok()?;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Some(Page::parse(&answer.body, Dialect::Text).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn in_a_container_with_a_network_of_its_own_the_host_is_shown_and_not_the_container() {
    let Some(engine) = Engine::shared() else { return };
    let (container, address) = start(&engine, "host-contained");
    eventually("it answers", || {
        let running = container.inspect("{{.State.Running}}") == "true";
        assert!(running, "{:?}", engine.try_docker(&["logs", &container.id]));
        page(address)
    });
    let log = engine.try_docker(&["logs", &container.id]);
    let log = String::from_utf8([log.stdout, log.stderr].concat()).unwrap();
    assert!(log.contains("rootfs=/host"), "{log}");
    assert!(!log.contains("the container's own"), "{log}");

    let outside = Exporter::alone(&[]);
    // Devices come and go with the containers of other stories.
    let contained = eventually("both show the same", || {
        let before = outside.page();
        let contained = page(address)?;
        pause(Duration::from_millis(260));
        let mut wrong = differences(&before, &families(contained), &outside.page());
        // The container's name is not the machine's; what is, is held below. A connection that
        // asks here has both its ends on the machine, one that asks in there has one.
        let apart = ["node_uname_info", "node_netstat_Tcp_CurrEstab"];
        wrong.retain(|line| !apart.iter().any(|name| line.starts_with(name)));
        println!("{wrong:#?}");
        wrong.is_empty().then(|| page(address)).flatten()
    });
    let uname = contained.all("node_uname_info", &[]).next().unwrap();
    let hostname = fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(uname.label("nodename"), Some(hostname.trim()));
    // Peaks are of moments; whose devices they are of is not.
    let sampled = |page: &Page| {
        page.all("dockmeter_host_disk_busy_peak_ratio", &[]).next()?;
        Some(page.clone())
    };
    let outside = outside.until("the host has been sampled", sampled);
    let contained = eventually("and in the container, too", || sampled(&page(address)?));
    let disks = |page: &Page| -> BTreeSet<String> {
        let peaks = page.all("dockmeter_host_disk_busy_peak_ratio", &[]);
        peaks.map(|sample| sample.label("device").unwrap().to_owned()).collect()
    };
    assert_eq!(disks(&contained), disks(&outside));
}
