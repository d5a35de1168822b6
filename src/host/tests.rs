//! A whole machine, from a fixture file to a golden page.
//!
//! `tests/fixtures/hosts/machine.host` is one readable file: words, then `== path` and the file's
//! text. The page lies in `tests/golden/`; renew it with
//! `DOCKMETER_RENEW_GOLDEN=1 cargo test --lib golden` and read the difference.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use regex::Regex;

use super::reader::{HostReader, Options};
use crate::config::settings;
use crate::metrics::catalogue::{self, host as c};
use crate::metrics::text::{Dialect, TextEncoder};
use crate::paths::Paths;
use crate::snapshot::host::{Host, Usage};

/// Collectors that ask this machine and not the fixture.
const OF_THIS_MACHINE: [&str; 4] = ["uname", "timex", "tcpstat", "host_info"];

fn unpack(name: &str) -> tempfile::TempDir {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/hosts/{name}.host"));
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_to_string(&file).unwrap().split("== ").skip(1) {
        let (path, content) = entry.split_once('\n').unwrap();
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn options(collectors: impl IntoIterator<Item = &'static str>) -> Options {
    let regex = |text: &str| Regex::new(text).unwrap();
    Options {
        collectors: BTreeSet::from_iter(collectors),
        mount_points_exclude: regex(settings::MOUNT_POINTS_EXCLUDE),
        fs_types_exclude: regex(settings::FS_TYPES_EXCLUDE),
        disks_exclude: regex(settings::DISKS_EXCLUDE),
        devices_exclude: regex(settings::DEVICES_EXCLUDE),
        textfile_directories: Vec::new(),
        sample_every: Duration::from_secs(1),
        peak_window: Duration::from_secs(60),
    }
}

fn reader(root: &Path, options: Options) -> HostReader {
    let paths = Paths { procfs: root.join("proc"), sysfs: root.join("sys"), rootfs: root.join("fixture") };
    let root = root.to_owned();
    let below = move |path: &PathBuf| Some(Path::new("/").join(path.strip_prefix(&root).ok()?));
    let statfs = move |path: &PathBuf| match below(path).as_deref().and_then(Path::to_str) {
        Some("/fixture/mnt/denied") => Err("permission denied".to_owned()),
        Some(path) => {
            let size = path.len() as u64 * 1_000_000;
            Ok(Usage { size, free: size / 2, available: size / 4, files: 1_000, files_free: 900 })
        }
        None => Err("no such file or directory".to_owned()),
    };
    HostReader::asking(&paths, options, Box::new(statfs))
}

fn page(host: Host) -> String {
    let snapshot = crate::snapshot::Snapshot::of_host(host);
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    for collector in super::collectors::all() {
        collector.collect(&snapshot, &mut encoder).unwrap();
    }
    String::from_utf8(encoder.finish()).unwrap()
}

#[test]
fn golden_page_of_a_machine() {
    let root = unpack("machine");
    let text = root.path().join("text/backup.prom");
    let changed = UNIX_EPOCH + Duration::from_secs(1_700_000_123);
    fs::File::options().append(true).open(&text).unwrap().set_modified(changed).unwrap();
    let on = c::COLLECTORS.iter().copied().filter(|name| !OF_THIS_MACHINE.contains(name));
    let options = Options { textfile_directories: vec![root.path().join("text")], ..options(on) };
    let mut reader = reader(root.path(), options);
    let start = Instant::now();
    let paths = ["proc/stat", "proc/meminfo", "proc/diskstats", "proc/1/net/dev"];
    let now = paths.map(|path| fs::read(root.path().join(path)).unwrap());
    for path in paths {
        fs::copy(root.path().join("earlier").join(path), root.path().join(path)).unwrap();
    }
    reader.sample(&|| start);
    for (path, text) in paths.iter().zip(now) {
        fs::write(root.path().join(path), text).unwrap();
    }
    reader.sample(&|| start + Duration::from_secs(1));
    let mut host = reader.read(Instant::now(), Some("/srv/docker"));
    // What runs in the background may take longer than a moment on a busy machine.
    while host.textfile.is_none()
        || host.cpufreq.is_none()
        || host.filesystems.as_ref().is_none_or(|all| all.mounted.len() < 5)
    {
        host = reader.read(Instant::now(), Some("/srv/docker"));
    }
    let problems: Vec<_> = host.outcomes.iter().filter(|outcome| outcome.problem.is_some()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    host.outcomes.iter_mut().for_each(|outcome| outcome.duration_ns = 1_000);
    host.tcp = Some(Arc::new(super::tcpstat::example()));
    let page = page(host).replace(root.path().to_str().unwrap(), "@");
    let page = page.replace(env!("DOCKMETER_REVISION"), "REVISION");
    let page = page.replace(std::env::consts::ARCH, "ARCH");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/machine.prom");
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap();
    assert!(page == expected, "{} differs; this is the page now:\n{page}", file.display());
}

#[test]
fn a_broken_file_costs_its_collector_and_is_named() {
    let root = unpack("machine");
    fs::write(root.path().join("proc/meminfo"), "nonsense").unwrap();
    fs::remove_file(root.path().join("proc/stat")).unwrap();
    fs::remove_file(root.path().join("proc/1/net/stat/nf_conntrack")).unwrap();
    let mut reader = reader(root.path(), options(["cpu", "stat", "meminfo", "conntrack", "loadavg"]));
    let host = reader.read(Instant::now(), None);
    let outcome = |name: &str| {
        let outcome = host.outcomes.iter().find(|outcome| outcome.collector == name).unwrap();
        (outcome.found, outcome.problem.clone())
    };
    assert_eq!(outcome("loadavg"), (true, None));
    assert_eq!(outcome("conntrack"), (false, None), "a kernel may be without it");
    assert_eq!(outcome("cpu"), (false, None));
    assert_eq!(outcome("stat"), (false, None));
    let (found, problem) = outcome("meminfo");
    assert!(!found && problem.unwrap().contains("proc/meminfo`"));
    assert!(host.meminfo.is_none() && host.loadavg.is_some());
}

#[test]
fn what_is_off_is_not_read() {
    let root = unpack("machine");
    let host = reader(root.path(), options(["stat", "netclass"])).read(Instant::now(), None);
    let read: Vec<&str> = host.outcomes.iter().map(|outcome| outcome.collector).collect();
    assert_eq!(read, ["stat", "netclass"]);
    assert_eq!(host.stat.unwrap().forks, Some(4242));
    assert_eq!(host.netclass.unwrap().len(), 2, "without `netdev` its file is read all the same");
    assert!(host.cpu.is_none() && host.filesystems.is_none() && host.netdev.is_none());
}

#[test]
fn this_machine_has_what_the_families_promise() {
    let on = c::COLLECTORS.iter().copied().filter(|name| *name != "textfile");
    let mut reader = HostReader::new(&Paths::default(), options(on));
    let host = reader.read(Instant::now(), None);
    let problems: Vec<_> = host.outcomes.iter().filter(|outcome| outcome.problem.is_some()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    for name in ["cpu", "stat", "loadavg", "meminfo", "vmstat", "filefd", "netdev", "uname", "timex"] {
        assert!(host.outcomes.iter().any(|outcome| outcome.collector == name && outcome.found), "{name}");
    }
}

#[test]
fn every_family_of_the_host_is_node_exporters_or_says_so() {
    for metric in c::FAMILIES {
        let ours = metric.name.starts_with("dockmeter_");
        assert_eq!(metric.owner == catalogue::Owner::Dockmeter, ours, "{}", metric.name);
        assert!(ours || metric.name.starts_with("node_"), "{}", metric.name);
    }
}
