//! Real cgroups made by `mkdir`, each with one sleeping process, in a network namespace of its
//! own if need be, and the inventory that an engine would have reported. Tests use it, too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dockmeter::inventory::{Container, ContainerId, Network, Snapshot, State, Status};
use dockmeter::tenant::{LabelValue, Tenant};
use rustix::process::{Pid, Signal, kill_process};

use crate::measured::interrupt;
use crate::measured::process::command_that_dies_with_us;

/// How long ended processes may take to leave their cgroups.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many containers; they are gone when it is dropped.
pub(crate) struct Bed {
    /// The folder in every hierarchy under which the containers' cgroups lie.
    parent: &'static str,
    hierarchies: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    processes: Vec<Child>,
    pub(crate) inventory: Snapshot,
}

impl Bed {
    /// Makes the cgroups under a folder of that name and starts the processes, each with a
    /// network of its own.
    pub(crate) fn make(parent: &'static str, containers: usize) -> io::Result<Bed> {
        let bed = Self::of_processes(parent, containers, &["unshare", "--net", "sleep", "3600"])?;
        bed.wait_for_namespaces()?;
        Ok(bed)
    }

    /// The same with the host's network, which is quicker to make and to remove.
    #[allow(dead_code, reason = "used by tests")]
    pub(crate) fn without_networks(parent: &'static str, containers: usize) -> io::Result<Bed> {
        Self::of_processes(parent, containers, &["sleep", "3600"])
    }

    fn of_processes(parent: &'static str, containers: usize, sleeper: &[&str]) -> io::Result<Bed> {
        let hierarchies = hierarchies()?;
        for unified in hierarchies.iter().filter(|point| point.join("cgroup.controllers").exists()) {
            delegate(unified, parent)?;
        }
        let (folders, processes, inventory) = (Vec::new(), Vec::new(), Snapshot::default());
        let mut bed = Bed { parent, hierarchies, folders, processes, inventory };
        for number in 0..containers {
            interrupt::check()?;
            let id: ContainerId = format!("{number:064x}").parse().map_err(io::Error::other)?;
            let child = start(sleeper)?;
            let pid = child.id();
            bed.processes.push(child);
            for hierarchy in &bed.hierarchies {
                let folder = hierarchy.join(parent).join(id.to_string());
                fs::create_dir_all(&folder)?;
                bed.folders.push(folder.clone());
                fs::write(folder.join("cgroup.procs"), pid.to_string())?;
            }
            bed.inventory.containers.insert(id, Arc::new(container(id, number, pid)));
        }
        Ok(bed)
    }

    /// A process has its own namespace only once `unshare` has done its work.
    fn wait_for_namespaces(&self) -> io::Result<()> {
        let host = fs::read_link("/proc/self/ns/net")?;
        let deadline = Instant::now() + PATIENCE;
        for child in &self.processes {
            while fs::read_link(format!("/proc/{}/ns/net", child.id()))? == host {
                if Instant::now() > deadline {
                    return Err(io::Error::other("`unshare --net` made no namespaces within 60 s"));
                }
                interrupt::check()?;
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for child in &mut self.processes {
            let _ = child.kill();
        }
        for child in &mut self.processes {
            let _ = child.wait();
        }
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
        for hierarchy in &self.hierarchies {
            let _ = fs::remove_dir(hierarchy.join(self.parent));
        }
    }
}

/// Removes the cgroups of a run that was killed, and ends what still runs in them.
pub(crate) fn remove_leftovers(parent: &str) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for parent in hierarchies()?.iter().map(|hierarchy| hierarchy.join(parent)) {
        for folder in fs::read_dir(&parent).into_iter().flatten().flatten().map(|entry| entry.path()) {
            // A removal fails as long as a process is in there.
            while folder.is_dir() && fs::remove_dir(&folder).is_err() {
                end_processes(&folder);
                interrupt::pause(Duration::from_millis(10))?;
                if Instant::now() > deadline {
                    return Err(io::Error::other(format!("`{}` cannot be removed", folder.display())));
                }
            }
        }
        let _ = fs::remove_dir(parent);
    }
    Ok(())
}

fn end_processes(folder: &Path) {
    for pid in fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default().lines() {
        if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
            // Fails only if it has ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn start(sleeper: &[&str]) -> io::Result<Child> {
    let mut command = command_that_dies_with_us(sleeper[0]);
    command.args(&sleeper[1..]).stdin(Stdio::null());
    command
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("could not start `setpriv`: {error}")))
}

/// The mount points of the hierarchies a container has a cgroup in.
pub(crate) fn hierarchies() -> io::Result<Vec<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let wanted = ["cpu", "cpuacct", "memory", "blkio", "pids"];
    let hierarchy = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, point, kind, options, ..] = fields.as_slice() else { return None };
        let holds = options.split(',').any(|option| wanted.contains(&option));
        (*kind == "cgroup2" || (*kind == "cgroup" && holds)).then(|| PathBuf::from(point))
    };
    Ok(mounts.lines().filter_map(hierarchy).collect())
}

/// On cgroup v2 a controller counts below a folder only if that folder says so.
fn delegate(root: &Path, parent: &str) -> io::Result<()> {
    let parent = root.join(parent);
    fs::create_dir_all(&parent)?;
    let controllers = fs::read_to_string(root.join("cgroup.controllers"))?;
    for controller in controllers.split_whitespace() {
        for folder in [root, &parent] {
            // Refused for a controller that v1 holds; the rest is what is measured.
            let _ = fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"));
        }
    }
    Ok(())
}

/// What an engine would say of a running container.
pub(crate) fn container(id: ContainerId, number: usize, pid: u32) -> Container {
    let project = format!("project-{}", number % 20);
    let labels = [
        ("com.docker.compose.project", project.as_str()),
        ("com.docker.compose.service", "api"),
        ("dockmeter.user", "ann"),
        ("dockmeter.team", "core"),
    ];
    Container {
        name: LabelValue::clean(&format!("{project}-api-{number}")),
        image: LabelValue::clean("registry.local/team/api:1.2.3"),
        image_id: format!("sha256:{id}"),
        labels: BTreeMap::from(labels.map(|(name, value)| (name.to_owned(), value.to_owned()))),
        tenant: Tenant::claimed(Some("ann"), Some(&project), Some("core")),
        state: State {
            pid: Some(pid),
            started_at: Some(jiff::Timestamp::UNIX_EPOCH),
            ..State::new(Status::Running)
        },
        network: Network { mode: "bridge".into(), sandbox_id: id.to_string(), ..Network::default() },
        restart_policy: "no".into(),
        runtime: "runc".into(),
        ..Container::new(id, Status::Created)
    }
}
