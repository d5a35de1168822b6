//! What goes wrong below a container costs what is wrong and nothing else, and is counted:
//! files that fail, cgroups that go, descriptors that run out, clocks that are set.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::container::run::{ReadKit, Run, Surroundings};
use crate::metrics::catalogue;

/// Files that hold nothing while nothing has happened, or on an older kernel.
const MAY_BE_EMPTY: [&str; 5] = [
    "cgroup.procs",
    "io.stat",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
    "memory.oom_control",
];

/// The files of the running container's cgroup, in every hierarchy.
fn cgroup_files(host: &Host) -> Vec<PathBuf> {
    let mut folders = vec![host.folder.path().join("sys/fs/cgroup")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().contains(RUNNING) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A page of the running container and a stopped one, read twice and with rates.
fn page_of(host: &Host, descriptors: usize) -> (String, Vec<(&'static str, u64)>) {
    let mut sampler = host.sampler_with(descriptors);
    let hand = Hand::of(&mut sampler);
    sampler.follow(&inventory([running(), stopped()]), hand.now(), time(110));
    hand.go_on(250);
    sampler.sample_all();
    sampler.tick();
    hand.go_on(4750);
    sampler.read_all(hand.now());
    sampler.tick();
    (page(&mut sampler), sampler.snapshot(time(110), (0, 0)).read_errors.clone())
}

/// What the kernel says of containers; tenants are billed for the time that passes.
fn of_containers(page: &str) -> Vec<&str> {
    page.lines()
        .filter(|line| !line.starts_with('#') && !matches!(collector(line), "tenant" | "container_state"))
        .collect()
}

/// The collector of a line's family.
fn collector(line: &str) -> &'static str {
    let name = line.split(['{', ' ']).next().unwrap();
    let whole = ["_bucket", "_count", "_sum"].into_iter().find_map(|part| name.strip_suffix(part));
    let family = |metric: &&&catalogue::Metric| metric.name == name || Some(metric.name) == whole;
    catalogue::ALL.iter().find(family).unwrap().collector
}

/// The collectors that a file of a cgroup feeds.
fn fed_by(file: &str) -> &'static [&'static str] {
    match file.split_once('.').map_or(file, |(controller, _)| controller) {
        _ if file.ends_with(".pressure") => &["container_pressure"],
        "cpu" | "cpuacct" => &["container_cpu", "tenant"],
        "memory" => &["container_memory", "tenant"],
        "io" | "blkio" => &["container_io"],
        "pids" | "cgroup" => &["container_processes"],
        other => panic!("nobody reads `{other}`"),
    }
}

/// Spoils every file in turn. What differs on the page is lost rather than wrong, fed by that
/// file, and counted unless the file `may_say_so`.
fn spoil_each(host: &str, spoil: impl Fn(&Path), may_say_so: impl Fn(&str) -> bool) {
    let lines = |page: &str| -> BTreeSet<String> {
        page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let whole = lines(&page_of(&Host::unpack(host), 100).0);
    for index in 0..cgroup_files(&Host::unpack(host)).len() {
        let host = Host::unpack(host);
        let file = &cgroup_files(&host)[index];
        let name = file.file_name().unwrap().to_str().unwrap();
        spoil(file);
        for descriptors in [0, 100] {
            let (page, errors) = page_of(&host, descriptors);
            let spoilt = lines(&page);
            for line in whole.symmetric_difference(&spoilt) {
                assert!(fed_by(name).contains(&collector(line)), "`{name}` changed {line}");
            }
            for line in spoilt.difference(&whole) {
                // What is not known is not billed, and of OOM kills the engine tells as well.
                let known_less =
                    collector(line) == "tenant" || line.starts_with("container_oom_events_total{");
                let says_none = line.ends_with(" 0") && may_say_so(name);
                assert!(known_less || says_none, "`{name}` made {line}");
            }
            let counted = errors.iter().any(|(reason, count)| *reason == name && *count > 0);
            let lost = whole.difference(&spoilt).next();
            assert!(counted || lost.is_none() || may_say_so(name), "`{name}` cost {lost:?} in silence");
        }
    }
}

const HOSTS: [&str; 3] = ["v1", "v2", "hybrid"];

#[test]
fn a_file_that_answers_with_an_error_costs_only_itself_and_is_counted() {
    // Whoever reads a folder gets `EISDIR`, root too.
    let spoil = |file: &Path| {
        fs::remove_file(file).unwrap();
        fs::create_dir(file).unwrap();
    };
    for host in HOSTS {
        spoil_each(host, spoil, |_| false);
    }
}

#[test]
fn an_empty_file_is_no_number() {
    for host in HOSTS {
        spoil_each(host, |file| fs::write(file, "").unwrap(), |name| MAY_BE_EMPTY.contains(&name));
    }
}

#[test]
fn a_file_of_a_page_and_more_is_read_whole() {
    for host in HOSTS {
        let expected = page_of(&Host::unpack(host), 100).0;
        for length in [4095, 4096, 4097, 8192, 20_000] {
            let unpacked = Host::unpack(host);
            for file in cgroup_files(&unpacked) {
                lengthen(&file, length);
            }
            assert_eq!(page_of(&unpacked, 100).0, expected, "{host}, {length} bytes");
        }
    }
}

/// Adds keys of a kernel to come. Fast samples look at the beginning of a file alone, where its
/// oldest keys are.
fn lengthen(file: &Path, length: usize) {
    let text = fs::read_to_string(file).unwrap();
    let (before, after) = match file.file_name().unwrap().to_str().unwrap() {
        "memory.stat" | "cpuacct.stat" => (1, 0),
        "cpu.stat" | "memory.events" | "memory.oom_control" => (0, 1),
        _ => return,
    };
    let missing = length - text.len();
    let more = "new_key 1\n".repeat(missing / 10) + &"\n".repeat(missing % 10);
    fs::write(file, more.repeat(before) + &text + &more.repeat(after)).unwrap();
    assert_eq!(fs::metadata(file).unwrap().len() as usize, length);
}

#[test]
fn without_a_descriptor_to_hold_everything_is_read_all_the_same() {
    for host in ["v1", "v2", "hybrid", "nested", "rootless", "custom-parent"] {
        let host = Host::unpack(host);
        let (page, errors) = page_of(&host, 0);
        assert_eq!(page, page_of(&host, 100).0);
        assert_eq!(errors, []);
    }
}

#[test]
fn a_process_id_that_is_used_again_is_not_believed_where_nothing_is_held() {
    for descriptors in [0, 100] {
        let host = Host::unpack("v2");
        let mut sampler = host.sampler_with(descriptors);
        let now = Instant::now();
        sampler.follow(&inventory([running()]), now, time(110));
        let before = page(&mut sampler);
        // The old process is gone, and a stranger has its id and other traffic.
        let process = host.folder.path().join("proc/100");
        fs::rename(&process, host.folder.path().join("gone")).unwrap();
        fs::create_dir_all(process.join("net")).unwrap();
        fs::write(process.join("cgroup"), "0::/system.slice/cron.service\n").unwrap();
        fs::write(process.join("net/dev"), "  eth0: 999999 1 0 0 0 0 0 0 999999 1 0 0 0 0 0 0\n").unwrap();
        if descriptors > 0 {
            // A held folder of a dead process has no files any more.
            fs::remove_dir_all(host.folder.path().join("gone")).unwrap();
        }
        sampler.read_all(now + Duration::from_secs(5));
        assert_eq!(of_containers(&page(&mut sampler)), of_containers(&before), "{descriptors} descriptors");
    }
}

#[test]
fn a_cgroup_that_goes_in_the_middle_of_a_read_leaves_the_last_whole_numbers() {
    let host = Host::unpack("v2");
    let root = host.folder.path();
    let paths = Paths { procfs: root.join("proc"), sysfs: root.join("sys"), rootfs: root.into() };
    // Without a held descriptor a plain folder that is removed answers as a cgroup does.
    let around = Surroundings::new(paths.clone(), Groups::ALL, DescriptorBudget::new(0)).unwrap();
    let mut run = Run::open(&running(), 100, &around).unwrap();
    let mut kit = ReadKit::new(paths);
    assert!(run.read(&mut kit, &mut |file, error| panic!("{file}: {error}")).is_ok());
    let scope = root.join(format!("sys/fs/cgroup/system.slice/docker-{RUNNING}.scope"));
    // The complaint about this file comes between the reads of those before and after it.
    fs::write(scope.join("memory.current"), "nonsense").unwrap();
    let mut complaints = Vec::new();
    let read = run.read(&mut kit, &mut |file, _| {
        complaints.push(file);
        fs::remove_dir_all(&scope).unwrap();
    });
    assert!(read.is_err(), "half a read is none");
    assert_eq!(complaints, ["memory.current"], "what is gone is not complained about");
}

#[test]
fn a_container_that_goes_takes_nothing_from_its_neighbour() {
    let host = Host::unpack("v2");
    let neighbour = host.add_neighbour();
    let mut sampler = host.sampler_with(0);
    let now = Instant::now();
    let both = inventory([running(), neighbour]);
    sampler.follow(&both, now, time(110));
    let before = page(&mut sampler);
    assert_eq!(sampler.silent_ends(), []);
    fs::remove_dir_all(host.folder.path().join(format!("sys/fs/cgroup/system.slice/docker-{RUNNING}.scope")))
        .unwrap();
    sampler.read_all(now + Duration::from_secs(5));
    assert_eq!(
        of_containers(&page(&mut sampler)),
        of_containers(&before),
        "its last numbers stay for a while"
    );
    assert_eq!(sampler.silent_ends(), [(running().id, 100)], "and whoever follows the engine is told");
    sampler.read_all(now + Duration::from_secs(70));
    let later = page(&mut sampler);
    assert!(!later.contains("container_cpu_usage_seconds_total{id=\"/system.slice/docker-aaaa"), "{later}");
    assert!(later.contains("container_cpu_usage_seconds_total{id=\"/system.slice/docker-bbbb"), "{later}");
}

#[test]
fn a_step_of_the_clock_bills_no_time_that_has_not_passed() {
    for wall in [0, 110, 1_000_000] {
        let host = Host::unpack("v2");
        let proc = host.folder.path().join("proc");
        fs::write(proc.join("uptime"), "1000.00 1.00\n").unwrap();
        let mut sampler = host.sampler();
        // Started one second after the sampler was made, two seconds ago.
        let ticks = 1001 * rustix::param::clock_ticks_per_second();
        fs::write(
            proc.join("100/stat"),
            format!("100 (api) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0 0 0\n"),
        )
        .unwrap();
        fs::write(proc.join("uptime"), "1003.00 1.00\n").unwrap();
        let now = Instant::now();
        sampler.follow(&inventory([running()]), now, time(wall));
        sampler.read_all(now);
        let snapshot = sampler.snapshot(time(wall), (0, 0));
        let stats = snapshot.containers[0].stats.as_ref().unwrap();
        let used = &snapshot.tenants[0];
        let cpu = u128::from(stats.cpu.unwrap().usage_ns);
        assert_eq!(used.cpu_ns, Some(cpu), "at {wall} by the clock on the wall");
        let memory = stats.memory.unwrap().working_set as f64 * 2.0;
        assert_eq!(used.memory_byte_seconds, Some(memory));
    }
}

#[test]
fn a_run_that_is_older_than_dockmeter_is_not_billed_from_its_start_whatever_the_clock_says() {
    let host = Host::unpack("v2");
    let proc = host.folder.path().join("proc");
    fs::write(proc.join("uptime"), "1000.00 1.00\n").unwrap();
    let ticks = 999 * rustix::param::clock_ticks_per_second();
    fs::write(
        proc.join("100/stat"),
        format!("100 (api) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 0 0 0\n"),
    )
    .unwrap();
    let mut sampler = host.sampler();
    // By the clock on the wall it began after dockmeter, which was set back in between.
    let now = Instant::now();
    sampler.follow(&inventory([running()]), now, time(110));
    sampler.read_all(now);
    assert_eq!(
        sampler.snapshot(time(110), (0, 0)).tenants.iter().filter_map(|line| line.cpu_ns).sum::<u128>(),
        0
    );
}
