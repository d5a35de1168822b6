//! Processes of hand-made `/proc` and cgroup trees.

use std::fs;
use std::path::Path;

use super::*;
use crate::snapshot::ProcessOrder;

/// A host with one container, whose cgroup lists these processes.
struct Host {
    folder: tempfile::TempDir,
}

const OTHER: &str = "bb";

fn id(digits: &str) -> ContainerId {
    digits.repeat(32).parse().unwrap()
}

impl Host {
    fn new(listed: &str) -> Self {
        let host = Host { folder: tempfile::tempdir().unwrap() };
        let group = host.group();
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join("cgroup.procs"), listed).unwrap();
        let sys = host.folder.path().join("sys");
        let mount = format!("30 1 0:26 / {}/fs/cgroup rw - cgroup2 cgroup2 rw\n", sys.display());
        host.write("proc/self/mountinfo", mount.as_bytes());
        host.write("proc/uptime", b"1000.00 900.00\n");
        host
    }

    fn group(&self) -> std::path::PathBuf {
        self.folder.path().join(format!("sys/fs/cgroup/docker/{}", id("aa")))
    }

    fn write(&self, file: &str, content: &[u8]) {
        let path = self.folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A process of a container, with ticks of processor time, threads and pages.
    fn process(&self, pid: u32, container: &str, numbers: [u64; 3], command: &[u8]) {
        let [ticks, threads, pages] = numbers;
        let file = |name: &str| format!("proc/{pid}/{name}");
        self.write(&file("cgroup"), format!("0::/docker/{}\n", id(container)).as_bytes());
        let stat = format!(
            "{pid} (a) b (c) S 10 7 7 0 -1 4194304 95 0 0 0 {ticks} 1 0 0 20 0 {threads} 0 50000 2400256 {pages} 1\n"
        );
        self.write(&file("stat"), stat.as_bytes());
        self.write(&file("status"), format!("Name:\ta\nNSpid:\t{pid}\t1\nUid:\t5\t1000\t5\t5\n").as_bytes());
        self.write(&file("cmdline"), command);
    }

    fn list(&self, order: ProcessOrder, limit: usize) -> Result<ProcessList, ProcessError> {
        let below = |name: &str| self.folder.path().join(name);
        let paths = Paths { procfs: below("proc"), sysfs: below("sys"), rootfs: Path::new("/").into() };
        list(&paths, id("aa"), 10, ProcessQuery { order, limit })
    }

    fn pids(&self, order: ProcessOrder) -> Vec<u32> {
        self.list(order, 100).unwrap().shown.iter().map(|process| process.pid).collect()
    }
}

#[test]
fn a_process_is_read_with_what_the_kernel_says_of_it() {
    let host = Host::new("11\n10\n");
    host.process(10, "aa", [199, 3, 25], b"/bin/a\0--password=x\0two\nlines\0");
    host.process(11, "aa", [0, 1, 1], b"");
    let list = host.list(ProcessOrder::Cpu, 100).unwrap();
    assert_eq!(list.total, 2);
    let [first, second] = list.shown.as_slice() else { panic!("{list:?}") };
    let per_second = rustix::param::clock_ticks_per_second();
    let page = rustix::param::page_size() as u64;
    assert_eq!((first.pid, first.container_pid, first.uid), (10, Some(1), Some(1000)));
    assert_eq!((first.name.as_deref(), first.state.as_str()), (Some("a) b (c"), "sleeping"));
    assert_eq!(first.command.as_deref(), Some("/bin/a --password=x two lines"));
    assert_eq!((first.threads, first.rss, first.command_cut), (3, 25 * page, false));
    assert_eq!(first.cpu_ns, 200 * (1_000_000_000 / per_second));
    assert!(first.started_at.unwrap() < Timestamp::now());
    assert_eq!((second.parent_pid, second.command.as_deref()), (Some(10), None));
}

#[test]
fn processes_below_are_found_once_and_a_parent_outside_is_not_told() {
    let host = Host::new("10\n");
    host.write(&format!("sys/fs/cgroup/docker/{}/docker/x/cgroup.procs", id("aa")), b"12\n10\n");
    host.process(10, "aa", [1, 1, 1], b"init\0");
    host.process(12, "aa", [1, 1, 1], b"nested\0");
    assert_eq!(host.pids(ProcessOrder::Pid), [10, 12]);
    let outside = Host::new("12\n");
    outside.process(10, "aa", [1, 1, 1], b"");
    outside.process(12, "aa", [1, 1, 1], b"");
    assert_eq!(outside.list(ProcessOrder::Pid, 1).unwrap().shown[0].parent_pid, None);
}

#[test]
fn an_id_that_is_another_containers_by_now_shows_nothing() {
    let host = Host::new("10\n11\n12\n");
    host.process(10, "aa", [1, 1, 1], b"ours\0");
    host.process(11, OTHER, [1, 1, 1], b"--password=theirs\0");
    // 12 has ended.
    assert_eq!(host.pids(ProcessOrder::Pid), [10]);
    assert_eq!(host.list(ProcessOrder::Pid, 100).unwrap().total, 1);
}

#[test]
fn the_most_come_first_and_no_more_than_asked_for() {
    let host = Host::new("10\n11\n12\n");
    host.process(10, "aa", [1, 2, 3], b"");
    host.process(11, "aa", [2, 3, 1], b"");
    host.process(12, "aa", [3, 1, 2], b"");
    for (order, pids) in [
        (ProcessOrder::Cpu, [12, 11, 10]),
        (ProcessOrder::Memory, [10, 12, 11]),
        (ProcessOrder::Threads, [11, 10, 12]),
        (ProcessOrder::Pid, [10, 11, 12]),
    ] {
        assert_eq!(host.pids(order), pids, "{order:?}");
    }
    let two = host.list(ProcessOrder::Cpu, 2).unwrap();
    assert_eq!((two.total, two.shown.len()), (3, 2));
}

#[test]
fn a_long_command_line_is_cut_and_says_so() {
    let host = Host::new("10\n");
    host.process(10, "aa", [1, 1, 1], &[b'x'; COMMAND_BYTES + 1]);
    let process = &host.list(ProcessOrder::Cpu, 1).unwrap().shown[0];
    assert!(process.command_cut);
    assert_eq!(process.command.as_ref().unwrap().len(), COMMAND_BYTES);
}

#[test]
fn processes_of_another_namespace_are_out_of_reach_and_it_says_what_to_do() {
    let host = Host::new("0\n0\n");
    host.process(10, "aa", [1, 1, 1], b"");
    let error = host.list(ProcessOrder::Cpu, 1).unwrap_err();
    assert!(error.to_string().contains("--pid=host"), "{error}");
    let elsewhere = Host::new("10\n");
    elsewhere.process(10, OTHER, [1, 1, 1], b"");
    assert!(matches!(elsewhere.list(ProcessOrder::Cpu, 1), Err(ProcessError::OutOfReach(_))));
}

#[test]
fn a_container_that_has_just_ended_has_none() {
    assert_eq!(Host::new("").list(ProcessOrder::Cpu, 1).unwrap(), ProcessList::default());
}
