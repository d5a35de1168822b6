//! The processes of one container, read from the kernel when somebody asks.
//!
//! Sources: `cgroup.procs` of the container's cgroup and of those below it (`cgroups(7)`), and of
//! each process `/proc/PID/stat`, `status` and `cmdline` (`proc(5)`). The host's processes are
//! never walked. A process is believed only if its own `cgroup` file names the container, read
//! through the same held folder as all else: an id that has been reused meanwhile shows nothing
//! of another container. Processes that end while they are read are left out.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;

use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};

use super::file::{is_gone, read_once};
use super::inner;
use super::locate::{self, Location, MountTable};
use super::run::{open_folder, read_at};
use super::since_boot;
use crate::inventory::ContainerId;
use crate::paths::Paths;
use crate::snapshot::{Process, ProcessError, ProcessList, ProcessQuery, state_word};

/// Processes that are looked at; of a container that has more, the first ones that it lists.
const MOST_PROCESSES: usize = 10_000;

/// Bytes of a command line that are shown.
const COMMAND_BYTES: usize = 1024;

/// Fields of `stat`, counted from `state`, which follows the program's name.
const PARENT: usize = 1;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const THREADS: usize = 17;
const RESIDENT_PAGES: usize = 21;

/// Reads the processes of a running container. `init` is the id of its first process. Waits for
/// the kernel, which may take long for a process that hangs: not for an async worker.
///
/// # Errors
/// The container's cgroup or its processes cannot be seen from here.
pub fn list(
    paths: &Paths,
    container: ContainerId,
    init: u32,
    query: ProcessQuery,
) -> Result<ProcessList, ProcessError> {
    match read(paths, container, init, query) {
        Ok(list) => Ok(list),
        // It has ended since the inventory was asked.
        Err(Failure::Io(error)) if is_gone(&error) => Ok(ProcessList::default()),
        Err(Failure::Io(error)) => {
            Err(ProcessError::OutOfReach(format!("could not read its processes: {error}")))
        }
        Err(Failure::Unseen(why)) => Err(ProcessError::OutOfReach(why)),
    }
}

enum Failure {
    Io(io::Error),
    Unseen(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

fn read(
    paths: &Paths,
    container: ContainerId,
    init: u32,
    query: ProcessQuery,
) -> Result<ProcessList, Failure> {
    let mut buffer = Vec::new();
    let folder = open_folder(&paths.process(init))?;
    let cgroup = String::from_utf8_lossy(read_at(&folder, "cgroup", &mut buffer)?).into_owned();
    let mountinfo = std::fs::read_to_string(paths.proc("self/mountinfo"))?;
    let mounts = MountTable::parse(&mountinfo, &paths.sysfs);
    let location =
        locate::locate(container, &cgroup, &mounts).map_err(|error| Failure::Unseen(error.to_string()))?;
    let pids = pids(&location, &mut buffer)?;
    let reader = Reader::new(paths, container, &mut buffer);
    let mut processes: Vec<Process> =
        pids.iter().filter_map(|pid| reader.process(*pid, &pids, &mut buffer)).collect();
    let total = processes.len();
    query.order.sort(&mut processes);
    processes.truncate(query.limit);
    // What is dear to read, and what may hold secrets, only of those that are shown.
    processes.retain_mut(|process| reader.describe(process, &mut buffer).is_some());
    Ok(ProcessList { total, shown: processes })
}

/// The ids of every process in a container's cgroup and in those below it.
fn pids(location: &Location, buffer: &mut Vec<u8>) -> Result<BTreeSet<u32>, Failure> {
    // Any hierarchy does; where there are several, controllers are what v1 has.
    let folder = location.v1.iter().flatten().next().or(location.unified.as_ref());
    let Some(folder) = folder else {
        return Err(Failure::Unseen("its cgroup is not mounted here".to_owned()));
    };
    let below = inner::groups(folder)?
        .ok_or_else(|| Failure::Unseen("it has made more cgroups than are followed".to_owned()))?;
    let mut pids = BTreeSet::new();
    for group in std::iter::once(&**folder).chain(below.iter().map(AsRef::as_ref)) {
        // One below may vanish, and one of threads lists its processes further up.
        if let Ok(text) = read_once(&group.join("cgroup.procs"), buffer) {
            let ids = text.split(|byte| *byte == b'\n').filter_map(number::<u32>);
            pids.extend(ids.take(MOST_PROCESSES - pids.len().min(MOST_PROCESSES)));
        }
    }
    match pids.first() {
        Some(0) => Err(Failure::Unseen(
            "its processes are outside of dockmeter's own process namespace; run dockmeter with `--pid=host`"
                .to_owned(),
        )),
        _ => Ok(pids),
    }
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

struct Reader<'a> {
    paths: &'a Paths,
    container: String,
    booted_at: Option<Timestamp>,
    ticks_per_second: u64,
    page_bytes: u64,
}

impl<'a> Reader<'a> {
    fn new(paths: &'a Paths, container: ContainerId, buffer: &mut Vec<u8>) -> Self {
        let uptime = since_boot::uptime(paths, buffer);
        Reader {
            paths,
            container: container.to_string(),
            booted_at: uptime.and_then(|uptime| Timestamp::now().checked_sub(uptime).ok()),
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        }
    }

    /// The folder of a process that is in the container, held.
    fn open(&self, pid: u32, buffer: &mut Vec<u8>) -> Option<OwnedFd> {
        let folder = open_folder(&self.paths.process(pid)).ok()?;
        let cgroup = read_at(&folder, "cgroup", buffer).ok()?;
        memchr::memmem::find(cgroup, self.container.as_bytes()).map(|_| folder)
    }

    /// A process by its `stat`; `None` where it has ended.
    fn process(&self, pid: u32, all: &BTreeSet<u32>, buffer: &mut Vec<u8>) -> Option<Process> {
        let folder = self.open(pid, buffer)?;
        let stat = read_at(&folder, "stat", buffer).ok()?;
        // The program's name may hold anything, parentheses and spaces too.
        let (open, close) = (memchr::memchr(b'(', stat)?, memchr::memrchr(b')', stat)?);
        let name = shown(stat.get(open + 1..close)?);
        let rest = std::str::from_utf8(stat.get(close + 2..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let ticks = field(USER_TICKS)? + field(SYSTEM_TICKS)?;
        let started = since_boot::started(stat);
        Some(Process {
            pid,
            container_pid: None,
            parent_pid: field(PARENT).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| all.contains(pid)),
            name: Some(name),
            command: None,
            command_cut: false,
            uid: None,
            state: state_word(fields.first()?).to_owned(),
            threads: field(THREADS)?,
            cpu_ns: ticks.saturating_mul(1_000_000_000 / self.ticks_per_second),
            rss: field(RESIDENT_PAGES)? * self.page_bytes,
            started_at: started.and_then(|since| self.booted_at?.checked_add(since).ok()),
        })
    }

    /// Adds what `status` and `cmdline` say; `None` where the process has ended.
    fn describe(&self, process: &mut Process, buffer: &mut Vec<u8>) -> Option<()> {
        let folder = self.open(process.pid, buffer)?;
        let status = String::from_utf8_lossy(read_at(&folder, "status", buffer).ok()?);
        let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key));
        // The real user id comes first, the effective one, by whose rights it acts, second.
        process.uid = line("Uid:").and_then(|ids| ids.split_ascii_whitespace().nth(1)?.parse().ok());
        // From the outermost namespace, which is the host's, to the process's own.
        let ids: Vec<u32> = line("NSpid:")
            .map(|ids| ids.split_ascii_whitespace().filter_map(|id| id.parse().ok()).collect())
            .unwrap_or_default();
        process.container_pid = ids.get(1..).and_then(|inner| inner.last()).copied();
        (process.command, process.command_cut) = command(&folder).ok()?;
        Some(())
    }
}

/// The beginning of a command line, and whether there is more of it.
fn command(folder: &OwnedFd) -> io::Result<(Option<String>, bool)> {
    let file = rustix::fs::openat(folder, "cmdline", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = [0; COMMAND_BYTES + 1];
    let length = rustix::io::pread(&file, &mut bytes[..], 0)?;
    let line = bytes[..length.min(COMMAND_BYTES)].trim_ascii_end();
    let end = line.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let command = shown(&line[..end]);
    Ok(((!command.is_empty()).then_some(command), length > COMMAND_BYTES))
}

/// A program's own text, of which nothing is certain, as one line.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

#[cfg(test)]
mod tests;
