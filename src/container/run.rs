//! One run of a container: from the start of its init to its end, with everything held open.
//!
//! The folder `/proc/PID` is held, so that a reused process id can never be read by mistake:
//! files opened through it fail once that very process has gone. Beyond the budget of descriptors
//! it is opened each time, and believed only if its `cgroup` file still names the container.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::process::{Pid, PidfdFlags};

use super::cgroup::{Cgroup, FastReader, Gone, Groups, ReadContext};
use super::device::Devices;
use super::file::{DescriptorBudget, Permit, is_gone, read_whole};
use super::locate::{self, LocateError, MountTable};
use super::network::{self, InterfaceNames, NetDev};
use super::samples::Sample;
use super::since_boot;
use crate::inventory::{Container, ContainerId};
use crate::paths::Paths;
use crate::snapshot::{Network, Stats};

/// How often, in reads, established connections are counted although no packet has passed: a
/// connection comes and goes with packets, but one whose peer has vanished times out in silence.
/// The file is the dearest of all, and most containers are idle.
const CONNECTIONS_EVERY: u32 = 12;

/// What a run can see of the machine.
#[derive(Debug)]
pub struct Surroundings {
    paths: Paths,
    mounts: MountTable,
    groups: Groups,
    budget: DescriptorBudget,
    /// Whether process ids of the inventory are those of our own process namespace.
    same_pid_namespace: bool,
    /// The host's own network namespace, where it may be looked at.
    host_network: Option<u64>,
    /// When this was made, since boot.
    made_at: Option<Duration>,
}

impl Surroundings {
    /// Looks at the mount table and at the namespaces.
    ///
    /// # Errors
    /// `/proc/self/mountinfo` cannot be read.
    pub fn new(paths: Paths, groups: Groups, budget: DescriptorBudget) -> io::Result<Self> {
        let mountinfo = paths.proc("self/mountinfo");
        let mountinfo = std::fs::read_to_string(&mountinfo).map_err(|error| {
            let (file, kind) = (mountinfo.display(), error.kind());
            io::Error::new(
                kind,
                format!("could not read `{file}`: {error}; `--path.procfs` has to be a `/proc`"),
            )
        })?;
        let mounts = MountTable::parse(&mountinfo, &paths.sysfs);
        let own_pid = rustix::process::getpid().as_raw_nonzero().to_string();
        let seen_as = std::fs::read_link(paths.proc("self"));
        let same_pid_namespace = seen_as.is_ok_and(|link| link.as_os_str() == own_pid.as_str());
        let host_network = std::fs::metadata(paths.proc("1/ns/net")).ok();
        let host_network = host_network.map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata));
        let made_at = since_boot::uptime(&paths, &mut Vec::new());
        Ok(Surroundings { paths, mounts, groups, budget, same_pid_namespace, host_network, made_at })
    }

    /// Which groups are read.
    pub fn groups(&self) -> Groups {
        self.groups
    }
}

/// Why a run cannot be observed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The process has ended in the meantime.
    #[error("its process has ended")]
    Ended,
    /// Its cgroup was not found.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// Something cannot be opened; mostly a missing permission.
    #[error("could not open {what}: {source}")]
    Open {
        /// What was to be opened.
        what: &'static str,
        /// What came back.
        source: io::Error,
    },
}

/// What a thread that reads runs has of its own.
#[derive(Debug)]
pub struct ReadKit {
    devices: Devices,
    names: InterfaceNames,
    buffer: Vec<u8>,
    fast: FastReader,
}

impl ReadKit {
    /// A kit that knows nothing yet.
    pub fn new(paths: Paths) -> Self {
        ReadKit {
            devices: Devices::new(paths),
            names: InterfaceNames::default(),
            buffer: Vec::new(),
            fast: FastReader::default(),
        }
    }
}

/// A run and its held descriptors.
#[derive(Debug)]
pub struct Run {
    process: Process,
    pidfd: Option<(OwnedFd, Permit)>,
    cgroup: Cgroup,
    path: String,
    network_namespace: Option<u64>,
    own_network: bool,
    age: Option<Age>,
    last: Option<Stats>,
    /// The highest count that any reading gave.
    oom_kills: Option<u64>,
    /// Whether those were counted when no process was left.
    oom_kills_complete: bool,
    connections: Option<Connections>,
}

/// How long a run had lasted when it was opened, by a clock that nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Since the start of its init.
    pub lasted: Duration,
    /// Whether it began after the [`Surroundings`] were made.
    pub began_since: bool,
}

/// The folder of a run's init under `/proc`.
#[derive(Debug)]
enum Process {
    Held(OwnedFd, #[expect(dead_code, reason = "given back when dropped")] Permit),
    Reopened(PathBuf, ContainerId),
}

impl Process {
    /// One of its files, whole.
    fn read<'b>(&self, name: &str, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        match self {
            Process::Held(folder, _) => read_at(folder, name, buffer),
            Process::Reopened(path, id) => {
                let folder = open_folder(path)?;
                // Its id may be that of a later process by now.
                let text = read_at(&folder, "cgroup", buffer)?;
                if memchr::memmem::find(text, id.to_string().as_bytes()).is_none() {
                    return Err(rustix::io::Errno::SRCH.into());
                }
                read_at(&folder, name, buffer)
            }
        }
    }
}

/// What `/proc/PID/net/snmp` said last.
#[derive(Clone, Copy, Debug)]
struct Connections {
    established: Option<u64>,
    /// Packets of the namespace at that time.
    packets: u64,
    /// Reads until it is read again in any case.
    reads_left: u32,
}

impl Connections {
    /// The same once more, if nothing can have happened since.
    fn still_true(self, packets: u64) -> Option<Connections> {
        let reads_left = self.reads_left.checked_sub(1)?;
        (packets == self.packets).then_some(Connections { reads_left, ..self })
    }
}

impl Run {
    /// Opens what belongs to a running container. `pid` is that of its init.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(container: &Container, pid: u32, around: &Surroundings) -> Result<Run, OpenError> {
        let failed = |what| {
            move |source: io::Error| {
                if is_gone(&source) { OpenError::Ended } else { OpenError::Open { what, source } }
            }
        };
        let permit = around.budget.take();
        let path = around.paths.process(pid);
        let process = open_folder(&path).map_err(failed("its folder in /proc"))?;
        // Opened before the text below is read through the folder: that it can be read then
        // proves that the descriptor is not one of a later process with the same id.
        let pidfd = around.open_pidfd(pid);
        let mut buffer = Vec::new();
        let text = read_at(&process, "cgroup", &mut buffer).map_err(failed("its /proc/PID/cgroup"))?;
        let location = locate::locate(container.id, &String::from_utf8_lossy(text), &around.mounts)?;
        let cgroup =
            Cgroup::open(&location, around.groups, &around.budget).map_err(failed("a file of its cgroup"))?;
        let network_namespace =
            rustix::fs::statat(&process, "ns/net", AtFlags::empty()).ok().map(|status| status.st_ino);
        let own_network = around.groups.network
            && has_own_network(&container.network.mode)
            && (network_namespace.is_none() || network_namespace != around.host_network);
        let age = read_at(&process, "stat", &mut buffer).ok().and_then(since_boot::started);
        let age = age.and_then(|started| around.age(started, &mut buffer));
        let process = match permit {
            Some(permit) => Process::Held(process, permit),
            None => Process::Reopened(path, container.id),
        };
        Ok(Run {
            process,
            pidfd,
            cgroup,
            path: location.path,
            network_namespace,
            own_network,
            age,
            last: None,
            oom_kills: None,
            oom_kills_complete: false,
            connections: None,
        })
    }

    /// The path of its cgroup.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The inode of its network namespace, where it may be looked at.
    pub fn network_namespace(&self) -> Option<u64> {
        self.network_namespace.filter(|_| self.own_network)
    }

    /// Leaves its network to another container that shares the namespace.
    pub fn leave_network(&mut self) {
        self.own_network = false;
    }

    /// The descriptor that becomes readable when its init ends.
    pub fn pidfd(&self) -> Option<&OwnedFd> {
        self.pidfd.as_ref().map(|(descriptor, _)| descriptor)
    }

    /// How long it had lasted when it was opened; `None` where `/proc` does not tell.
    pub fn age(&self) -> Option<Age> {
        self.age
    }

    /// The cgroup.
    pub fn cgroup(&mut self) -> &mut Cgroup {
        &mut self.cgroup
    }

    /// Whether its network counts for this container.
    pub fn has_own_network(&self) -> bool {
        self.own_network
    }

    /// Reads everything. The network of a process that has just ended is `None`. `failed` is
    /// called with each file that could not be read although its cgroup is there.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed.
    pub fn read(
        &mut self,
        kit: &mut ReadKit,
        failed: &mut dyn FnMut(&'static str, &io::Error),
    ) -> Result<Stats, Gone> {
        let ReadKit { devices, names, buffer, .. } = kit;
        let mut context = ReadContext { devices, buffer, failed };
        let mut stats = self.cgroup.read(&mut context)?;
        if self.own_network {
            stats.network = self.read_network(&mut context, names);
        }
        self.count_oom_kills(stats.memory.and_then(|memory| memory.events.oom_kill));
        Ok(stats)
    }

    /// Reads what is sampled below the second.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed.
    pub fn sample(
        &mut self,
        kit: &mut ReadKit,
        clock: &dyn Fn() -> Instant,
        failed: &mut dyn FnMut(&'static str, &io::Error),
    ) -> Result<Sample, Gone> {
        let (sample, oom_kills) = self.cgroup.sample(&mut kit.fast, clock, failed)?;
        self.count_oom_kills(oom_kills);
        Ok(sample)
    }

    /// Reads the count of OOM kills and says whether it has risen.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed.
    pub fn read_oom_kills(&mut self, kit: &mut ReadKit) -> Result<bool, Gone> {
        let before = self.oom_kills;
        // What fails here is counted at the next full read, if it is still there to fail.
        self.count_oom_kills(self.cgroup.read_oom_kills(&mut kit.fast, &mut |_, _| {})?);
        Ok(self.oom_kills > before.or(Some(0)))
    }

    /// OOM kills as the kernel counts them, by the latest reading, and whether no more can
    /// come; `None` where it does not count.
    pub fn oom_kills(&self) -> Option<(u64, bool)> {
        self.oom_kills.map(|kills| (kills, self.oom_kills_complete))
    }

    fn count_oom_kills(&mut self, kills: Option<u64>) {
        self.oom_kills = self.oom_kills.max(kills);
    }

    fn read_network(&mut self, context: &mut ReadContext<'_>, names: &mut InterfaceNames) -> Option<Network> {
        let buffer = &mut *context.buffer;
        let NetDev { interfaces, packets } = match self.process.read("net/dev", buffer) {
            Ok(text) => network::net_dev(text, names),
            Err(error) => {
                // A process that ends has no namespace any more, and says so with `EINVAL`.
                let ended = error.raw_os_error() == Some(rustix::io::Errno::INVAL.raw_os_error());
                if !ended && !is_gone(&error) {
                    (context.failed)("net/dev", &error);
                }
                return None;
            }
        };
        let connections =
            self.connections.and_then(|before| before.still_true(packets)).unwrap_or_else(|| {
                let text = self.process.read("net/snmp", buffer).ok();
                let established = text.and_then(network::tcp_established);
                Connections { established, packets, reads_left: CONNECTIONS_EVERY - 1 }
            });
        self.connections = Some(connections);
        Some(Network { interfaces, tcp_established: connections.established })
    }

    /// Whether its init has ended, and with it every process of its namespace.
    pub fn has_ended(&self) -> bool {
        let Some((pidfd, _)) = &self.pidfd else { return false };
        let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
        poll(&mut ended, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }

    /// Keeps what was read in the moment the run ended, until it is asked for. `ended` if
    /// [`Run::has_ended`] was true before the reading.
    pub fn keep_last(&mut self, stats: Stats, ended: bool) {
        self.last = Some(stats);
        self.oom_kills_complete |= ended;
    }

    /// What was read in the moment the run ended, once.
    pub fn take_last(&mut self) -> Option<Stats> {
        self.last.take()
    }
}

impl Surroundings {
    /// The descriptors that may be held.
    pub fn budget(&self) -> &DescriptorBudget {
        &self.budget
    }

    fn open_pidfd(&self, pid: u32) -> Option<(OwnedFd, Permit)> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).filter(|_| self.same_pid_namespace)?;
        let permit = self.budget.take()?;
        Some((rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()?, permit))
    }

    fn age(&self, started: Duration, buffer: &mut Vec<u8>) -> Option<Age> {
        let lasted = since_boot::uptime(&self.paths, buffer)?.saturating_sub(started);
        Some(Age { lasted, began_since: started >= self.made_at? })
    }
}

/// Whether a network mode gives a container a namespace of its own: `host` is the host's, and
/// `container:` another container's, where the traffic is counted.
pub(super) fn has_own_network(mode: &str) -> bool {
    mode != "host" && !mode.starts_with("container:")
}

/// Holds a folder, as that of a process.
pub(super) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Reads a file below a held folder whole.
pub(super) fn read_at<'b>(folder: &OwnedFd, name: &str, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    let file = rustix::fs::openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    read_whole(&file, buffer)?;
    Ok(buffer)
}
