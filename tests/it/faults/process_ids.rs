//! A process id that is used again: in a process namespace of the test's own, where ids can be
//! chosen, with real cgroups and an engine that replays what a real one would have said.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use dockmeter::inventory::{ContainerId, Snapshot};

use crate::bed::{container, hierarchies, remove_leftovers};
use crate::component::Component;
use crate::exporter::{BINARY, QUICK, listening};
use crate::exposition::{Dialect, Page};
use crate::http;
use crate::poll::eventually;
use crate::replay;

/// Where the cgroups lie.
const PARENT: &str = "dockmeter-test-pids";

/// The id that is used twice.
const PID: u32 = 3000;

/// A shell that is the init of a process namespace; with it everything in there ends.
struct Machine {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Machine {
    fn start() -> Machine {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Machine { child, to, from }
    }

    /// The line that commands print at last.
    fn run(&mut self, commands: &str) -> String {
        writeln!(self.to, "{commands}\necho").unwrap();
        let mut last = String::new();
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the machine has ended in `{commands}`");
            if line == "\n" {
                return last;
            }
            last = line.trim().to_owned();
        }
    }

    /// Starts a program as process [`PID`] in the cgroup of a container.
    fn start_in(&mut self, id: ContainerId, program: &str) {
        let folders: Vec<_> =
            hierarchies().unwrap().iter().map(|point| point.join(PARENT).join(id.to_string())).collect();
        for folder in &folders {
            fs::create_dir_all(folder).unwrap();
        }
        let got = self.run(&format!(
            "echo {} >/proc/sys/kernel/ns_last_pid\n{program} >/dev/null 2>&1 &\necho $!",
            PID - 1
        ));
        assert_eq!(got, PID.to_string(), "the next process id can be chosen");
        for folder in folders {
            self.run(&format!("echo {PID} >'{}/cgroup.procs'", folder.display()));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // `unshare` takes its child along.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn id(number: u64) -> ContainerId {
    format!("{number:064x}").parse().unwrap()
}

fn page(address: SocketAddr) -> Page {
    let answer = http::get(address, "/metrics", &[]).unwrap();
    Page::parse(&answer.body, Dialect::Text).unwrap()
}

#[test]
fn a_process_id_that_is_used_again_is_not_taken_for_the_container_that_had_it() {
    if Component::Engine.path().is_none() {
        return;
    }
    remove_leftovers(PARENT).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut machine = Machine::start();
    // In a network without any interface but its own loopback.
    machine.start_in(id(1), "unshare --net sleep 3600");
    let described = container(id(1), 1, PID);
    let name = described.name.to_string();
    let inventory = Snapshot { containers: [(id(1), Arc::new(described))].into(), ..Snapshot::default() };
    let engine = replay::Engine::start(&inventory).unwrap();
    let log = directory.path().join("log");
    let flags = QUICK.join(" ");
    machine.run(&format!("{BINARY} {flags} --docker.host={} 2>'{}' &", engine.host(), log.display()));
    let address = eventually("dockmeter listens", || {
        fs::read_to_string(&log).unwrap_or_default().lines().find_map(listening)
    });
    let cpu = |page: &Page| page.value("container_cpu_usage_seconds_total", &[("name", &name)]);
    eventually("the container is read", || cpu(&page(address)));
    assert_eq!(page(address).value("container_processes", &[("name", &name)]), Some(1.0));

    // It ends, its cgroup stays for a while, and a stranger gets its id: with work to do, and
    // with the network of the machine.
    machine.run(&format!("kill -9 {PID}; wait {PID} 2>/dev/null"));
    let before = cpu(&page(address));
    machine.start_in(id(2), "sh -c 'while :; do :; done'");
    eventually("the stranger works", || {
        let text = machine.run(&format!("cut -d ' ' -f 14 /proc/{PID}/stat"));
        text.parse::<u64>().ok().filter(|ticks| *ticks > 50)
    });
    let interfaces =
        |page: &Page| page.all("container_network_receive_bytes_total", &[("name", &name)]).count();
    for _ in 0..3 {
        let page = page(address);
        assert_eq!(cpu(&page), before, "the stranger's work is not the container's");
        assert_eq!(interfaces(&page), 0, "nor is its network");
        assert_eq!(page.sum("container_processes", &[("name", &name)]), 0.0);
    }
    drop(machine);
    remove_leftovers(PARENT).unwrap();
}
