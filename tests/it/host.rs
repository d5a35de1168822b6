//! The host's families beside a real node_exporter on the same machine, in a container's place,
//! and with a mount that hangs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dockmeter::config::settings;
use dockmeter::metrics::catalogue::{Metric, Owner, host};
use dockmeter::metrics::{Kind, Unit};

use crate::component::{Component, skip};
use crate::engine::Engine;
use crate::exporter::{BINARY, Exporter, NO_ENGINE, QUICK, listening};
use crate::exposition::{Dialect, Page, Sample};
use crate::http;
use crate::poll::{eventually, pause};

mod container;
mod oracle;
mod peaks;

/// A running node_exporter, stopped when dropped.
struct NodeExporter {
    child: Child,
    address: SocketAddr,
}

impl NodeExporter {
    /// With the fields and the devices that we show, which differ from its defaults.
    fn start(program: &Path, textfiles: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
        let child = Command::new(program)
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--collector.netdev.device-exclude={}", settings::DEVICES_EXCLUDE))
            .arg(format!("--collector.netclass.ignored-devices={}", settings::DEVICES_EXCLUDE))
            .arg(format!("--collector.arp.device-exclude={}", settings::DEVICES_EXCLUDE))
            .arg(format!("--collector.filesystem.mount-points-exclude={}", settings::MOUNT_POINTS_EXCLUDE))
            .arg(format!("--collector.filesystem.fs-types-exclude={}", settings::FS_TYPES_EXCLUDE))
            .arg("--web.disable-exporter-metrics")
            .arg("--collector.tcpstat")
            .arg("--collector.vmstat.fields=^(oom_kill|pgpg|pswp|pg.*fault|workingset_(refault|activate)).*")
            .arg(format!("--collector.textfile.directory={}", textfiles.display()))
            // It would show the zone of its own process.
            .env_remove("TZ")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node_exporter can be started");
        let exporter = NodeExporter { child, address };
        eventually("node_exporter answers", || http::get(address, "/metrics", &[]).ok());
        exporter
    }

    /// Its families by name, read leniently: their help texts are none of our business.
    fn families(&self) -> Families {
        let page = http::get(self.address, "/metrics", &[]).expect("node_exporter answers");
        families(Page::parse(&page.body, Dialect::Text).unwrap_or_else(|error| panic!("{error}")))
    }
}

impl Drop for NodeExporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kind and samples of each family.
type Families = BTreeMap<String, (String, Vec<Sample>)>;

fn families(page: Page) -> Families {
    page.families.into_iter().map(|family| (family.name, (family.kind, family.samples))).collect()
}

type Series = BTreeMap<BTreeMap<String, String>, f64>;

/// Series by their labels; an empty label is as good as none.
fn series(samples: &[Sample]) -> Series {
    // node_exporter 1.11 says that nothing turns in a disk also where it could not find out.
    let counts = |name: &str, value: &str| !value.is_empty() && name != "rotational";
    let labels = |sample: &Sample| {
        let labels = sample.labels.iter().filter(|(name, value)| counts(name, value));
        labels.cloned().collect::<BTreeMap<_, _>>()
    };
    samples.iter().map(|sample| (labels(sample), sample.value)).collect()
}

/// Families that say something else here than there, with good reason.
fn is_about_the_exporter(name: &str) -> bool {
    // Their own build and collectors.
    name.starts_with("node_scrape_collector_") || name == "node_exporter_build_info"
}

/// Gauges that move too fast to be held between two readings.
const RESTLESS: &[&str] = &[
    "node_procs_running",
    "node_procs_blocked",
    "node_disk_io_now",
    "node_softnet_backlog_len",
    "node_tcp_connection_states",
    "node_udp_queues",
];

/// Families of which node_exporter leaves out what there is none of.
const LEAVE_OUT_ZERO: &[&str] = &["node_tcp_connection_states"];

fn kind(metric: &Metric) -> &'static str {
    match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Untyped => "untyped",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
    }
}

/// Whether a value of theirs can have been between two of ours. Counters only rise; a gauge
/// may have been anywhere near.
fn is_between(metric: &Metric, before: f64, theirs: f64, after: f64) -> bool {
    let rises = metric.kind == Kind::Counter || metric.kind == Kind::Untyped;
    // They and we round seconds differently.
    let slack = 1e-6 * theirs.abs() + 1e-6;
    let (low, high) = (before.min(after), before.max(after));
    let swing = match metric.unit {
        _ if rises && before <= after => slack,
        Unit::Bytes => 0.1 * high.abs() + 64e6,
        _ => 0.1 * high.abs() + 4.0,
    };
    (low - swing..=high + swing).contains(&theirs)
}

/// The families of ours that are wrong beside theirs, each with what is wrong.
fn differences(before: &Page, theirs: &Families, after: &Page) -> Vec<String> {
    let of = |page: &Page, name: &str| -> Vec<Sample> { page.all(name, &[]).cloned().collect() };
    const MOUNT_INFO: &str = "node_filesystem_mount_info";
    let their_numbers = device_numbers(theirs.get(MOUNT_INFO).map_or(&[], |family| &family.1));
    let our_numbers = device_numbers(&of(before, MOUNT_INFO));
    let mut wrong = Vec::new();
    for metric in host::FAMILIES.iter().filter(|metric| metric.owner == Owner::NodeExporter) {
        let name = metric.name;
        let (first, last) = (series(&of(before, name)), series(&of(after, name)));
        if is_about_the_exporter(name) {
            continue;
        }
        let Some((their_kind, their_samples)) = theirs.get(name) else {
            // What this machine does not have neither may show.
            if !first.is_empty() {
                wrong.push(format!("{name}: only we show it"));
            }
            continue;
        };
        if their_kind != kind(metric) {
            wrong.push(format!("{name}: a {} here, a {their_kind} there", kind(metric)));
        }
        let their_series = series(their_samples);
        // A device that is mounted several times is shown once here.
        let is_shown_elsewhere = |labels: &BTreeMap<String, String>| {
            let mount = ["device", "mountpoint"].map(|label| labels.get(label).cloned().unwrap_or_default());
            let numbers = their_numbers.get(&mount);
            numbers.is_some_and(|numbers| our_numbers.values().any(|ours| ours == numbers))
        };
        let missing =
            |labels: &&BTreeMap<String, String>| !first.contains_key(*labels) && !is_shown_elsewhere(labels);
        wrong.extend(their_series.keys().filter(missing).map(|labels| format!("{name}{labels:?}: missing")));
        for (labels, value) in &first {
            let Some(their_value) = their_series.get(labels) else {
                if LEAVE_OUT_ZERO.contains(&name) && *value == 0.0 {
                    continue;
                }
                wrong.push(format!("{name}{labels:?}: only we show it"));
                continue;
            };
            let after = last.get(labels).copied().unwrap_or(*value);
            if !RESTLESS.contains(&name) && !is_between(metric, *value, *their_value, after) {
                wrong.push(format!("{name}{labels:?}: {their_value} is not between {value} and {after}"));
            }
        }
    }
    wrong
}

/// The device numbers of mounts, by device and mount point.
fn device_numbers(mount_info: &[Sample]) -> BTreeMap<[String; 2], [String; 2]> {
    let of = |sample: &Sample, labels: [&str; 2]| {
        labels.map(|label| sample.label(label).unwrap_or_default().to_owned())
    };
    let numbers = |one: &Sample| (of(one, ["device", "mountpoint"]), of(one, ["major", "minor"]));
    mount_info.iter().map(numbers).collect()
}

#[test]
fn every_family_is_what_a_node_exporter_on_the_same_machine_shows() {
    let Some(program) = Component::NodeExporter.path() else { return };
    let textfiles = tempfile::tempdir().unwrap();
    fs::write(textfiles.path().join("a.prom"), "# TYPE host_story_jobs gauge\nhost_story_jobs 3\n").unwrap();
    let directory = format!("--collector.textfile.directory={}", textfiles.path().display());
    let ours = Exporter::alone(&[&directory, "--collector.tcpstat"]);
    let theirs = NodeExporter::start(&program, textfiles.path());
    // Devices come and go with the other stories' containers, and a page of ours may be from
    // before a mount: once there is a moment without, everything has to be the same.
    let agree = || {
        let before = ours.page();
        let between = theirs.families();
        // Readings within a quarter of a second are shared.
        pause(Duration::from_millis(260));
        let wrong = differences(&before, &between, &ours.page());
        println!("{wrong:#?}");
        wrong.is_empty().then_some((before, between))
    };
    let (page, between) = eventually("both show the same", agree);
    let claimed: BTreeSet<&str> = page.samples().map(|sample| sample.name.as_str()).collect();
    let shared = between.keys().filter(|name| claimed.contains(name.as_str())).count();
    assert!(shared > 160, "only {shared} families are shown by both");
    assert_eq!(page.value("host_story_jobs", &[]), Some(3.0));
}

#[test]
fn the_folder_of_the_engines_data_is_named_with_its_file_system() {
    let Some(engine) = Engine::shared() else { return };
    let folder = engine.docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let exporter = Exporter::of(&engine);
    let path = [("path", folder.as_str())];
    let labels = exporter.until("the folder is named", |page| {
        let named = page.all("dockmeter_docker_data_root_info", &path).next()?;
        Some(["device", "mountpoint", "fstype"].map(|label| (label, named.label(label).unwrap().to_owned())))
    });
    let labels = labels.each_ref().map(|(label, value)| (*label, value.as_str()));
    let page = exporter.page();
    let free = page.value("node_filesystem_avail_bytes", &labels);
    assert!(free.is_some_and(|bytes| bytes > 0.0), "{labels:?}: {free:?}");
}

/// Makes a mount that never answers, in namespaces of its own: a FUSE file system whose
/// server holds its end and says nothing. Then becomes the given program.
const BEHIND_A_STUCK_MOUNT: &str = r#"exec 3<>/dev/fuse || exit 77
mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 stuck-server "$0" || exit 77
exec "$@""#;

/// A dockmeter in namespaces of its own; killed when dropped.
pub(crate) struct Secluded(pub(crate) Child);

impl Drop for Secluded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_mount_that_hangs_never_hangs_a_scrape_and_is_an_error_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().to_str().unwrap();
    let child = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-c",
            BEHIND_A_STUCK_MOUNT,
        ])
        .args([mount, BINARY, &format!("--docker.host={NO_ENGINE}")])
        .args(QUICK)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child.map(Secluded) else { return skip("there is no `unshare`") };
    let stderr = BufReader::new(child.0.stderr.take().expect("its stderr"));
    let mut lines = Vec::new();
    let address = stderr.lines().map_while(Result::ok).find_map(|line| {
        lines.push(line);
        lines.last().and_then(|line| listening(line))
    });
    let Some(address) = address else {
        return skip(&format!("no mount of FUSE can be made here: {lines:?}"));
    };
    let stuck = [("device", "stuck-server"), ("mountpoint", mount)];
    let read = || {
        let page = http::get(address, "/metrics", &[]).expect("a scrape is answered");
        Page::parse(&page.body, Dialect::Text).unwrap_or_else(|error| panic!("{error}"))
    };
    let page = eventually("the mount is called an error", || {
        let page = read();
        assert!(page.all("node_load1", &[]).next().is_some(), "the others are shown as ever");
        (page.value("node_filesystem_device_error", &stuck) == Some(1.0)).then_some(page)
    });
    let error = page.all("node_filesystem_device_error", &stuck).next().unwrap();
    assert_eq!(error.label("device_error"), Some("mountpoint timeout"));
    assert!(page.all("node_filesystem_size_bytes", &stuck).next().is_none());
    let others = page.samples().filter(|sample| sample.name == "node_filesystem_size_bytes").count();
    assert!(others > 0, "file systems that answer are shown");
}
