//! The process at the other end of a socket in the file system, and the container that its
//! cgroup names.
//!
//! Sources: `unix(7)` (`SO_PEERCRED`, `SO_PEERPIDFD`), `cgroups(7)` (`/proc/PID/cgroup`).
//! Process ids are this process's own way of counting, so they are looked up in its own `/proc`.
//! One that cannot be seen from here has the id 0. A container may name cgroups below its own as
//! it likes, so it is the outermost container known that counts.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, openat};
use rustix::time::{ClockId, clock_gettime};

use super::Look;
use crate::inventory::{ContainerId, Snapshot};
use crate::paths::Paths;

/// A line of `/proc/PID/cgroup` per hierarchy, each with a path: far less than this.
const CGROUP_LIMIT: u64 = 64 << 10;

/// `/proc/PID/stat` is one line of some fifty numbers.
const STAT_LIMIT: u64 = 4 << 10;

/// A kernel without `SO_PEERPIDFD` (before Linux 6.5) is believed only of processes that were
/// there this long before the connection was accepted: their id was not given away in between.
const OLD_ENOUGH_S: u64 = 1;

/// Ticks a second of the times in `/proc/PID/stat` (`USER_HZ`), everywhere.
const TICKS_PER_SECOND: u64 = 100;

/// What is known of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Process {
    /// Its `/proc/PID/cgroup`.
    In(String),
    /// It cannot be seen from here, or has ended.
    Unseen,
    /// It is too young to tell it from one that had the same id.
    TooYoung,
}

impl Process {
    /// The process that has connected a socket.
    pub(super) fn at(socket: BorrowedFd<'_>) -> Self {
        let handle = match getsockopt(&socket, sockopt::PeerPidfd) {
            Ok(handle) => Some(handle),
            Err(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP) => None,
            Err(_) => return Process::Unseen,
        };
        Process::by(socket, handle)
    }

    fn by(socket: BorrowedFd<'_>, handle: Option<OwnedFd>) -> Self {
        let Ok(peer) = rustix::net::sockopt::socket_peercred(socket) else { return Process::Unseen };
        let Ok(pid) = u32::try_from(peer.pid.as_raw_nonzero().get()) else { return Process::Unseen };
        let Some((cgroup, started)) = read(pid) else { return Process::Unseen };
        match handle {
            // It still runs, so it was this one that was read about.
            Some(handle) if has_ended(handle.as_fd()) => Process::Unseen,
            Some(_) => Process::In(cgroup),
            None if age_s(started) < OLD_ENOUGH_S => Process::TooYoung,
            None => Process::In(cgroup),
        }
    }

    /// Its container.
    pub(super) fn look(&self, snapshot: &Snapshot) -> Look {
        let cgroup = match self {
            Process::In(cgroup) => cgroup,
            Process::Unseen => return Look::Nobody,
            Process::TooYoung => return Look::Unknown,
        };
        match container(cgroup, |id| snapshot.containers.contains_key(id)) {
            Named::Container(id) => {
                snapshot.containers.get(&id).map_or(Look::Unknown, |known| Look::Container(known.clone()))
            }
            Named::Nothing => Look::Nobody,
            Named::Strangers => Look::Unknown,
        }
    }

    /// The text of its cgroup.
    pub(super) fn cgroup(&self) -> Option<&str> {
        match self {
            Process::In(cgroup) => Some(cgroup),
            Process::Unseen | Process::TooYoung => None,
        }
    }
}

/// The cgroup of a process and when it was started, in ticks since boot. What is read belongs to
/// one process, since its folder is held.
fn read(pid: u32) -> Option<(String, u64)> {
    let folder = rustix::fs::open(
        Paths::as_seen_here(pid),
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let folder = folder.ok()?;
    let text = |name: &str, limit: u64| {
        let file = openat(&folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut text = String::new();
        File::from(file).take(limit).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let cgroup = text("cgroup", CGROUP_LIMIT)?;
    let stat = text("stat", STAT_LIMIT)?;
    Some((cgroup, start_of(&stat)?))
}

/// The 22nd field of `/proc/PID/stat`; the second, the name, may hold anything.
fn start_of(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn age_s(started_ticks: u64) -> u64 {
    let now = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap_or(0);
    now.saturating_sub(started_ticks.div_ceil(TICKS_PER_SECOND))
}

/// A pidfd is readable once its process has ended.
fn has_ended(handle: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(&handle, PollFlags::IN)];
    !matches!(poll(&mut polled, Some(&Timespec::default())), Ok(0))
}

/// Whom a cgroup names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    Container(ContainerId),
    /// A container, but none that is known.
    Strangers,
    /// No container, or two at once.
    Nothing,
}

/// The container that the text of `/proc/PID/cgroup` names: in every hierarchy the outermost that
/// is known, and in all the same.
fn container(text: &str, known: impl Fn(&ContainerId) -> bool) -> Named {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let mut named = Named::Nothing;
    for path in paths {
        let ids: Vec<ContainerId> = path.split('/').filter_map(id_in).collect();
        match ids.iter().find(|id| known(id)) {
            Some(id) => match &named {
                Named::Container(other) if other != id => return Named::Nothing,
                _ => named = Named::Container(*id),
            },
            None if !ids.is_empty() && named == Named::Nothing => named = Named::Strangers,
            None => {}
        }
    }
    named
}

/// The id in a part of a path, such as `docker-<id>.scope`.
fn id_in(part: &str) -> Option<ContainerId> {
    let mut words = part.split(|letter: char| !letter.is_ascii_hexdigit());
    words.find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn id(digit: char) -> ContainerId {
        digit.to_string().repeat(64).parse().unwrap()
    }

    #[test]
    fn the_outermost_container_that_is_known_counts_and_hierarchies_agree() {
        let (a, b) = (id('a'), id('b'));
        let known = |one: &ContainerId| [a, b].contains(one);
        for (text, expected) in [
            (format!("0::/system.slice/docker-{a}.scope\n"), Named::Container(a)),
            (format!("0::/docker/{a}/init.scope\n"), Named::Container(a)),
            (format!("0::/../{a}\n"), Named::Container(a)),
            (format!("0::/docker/{a}/docker/{b}\n"), Named::Container(a)),
            (format!("0::/docker/{}/docker/{a}\n", id('c')), Named::Container(a)),
            (format!("4:memory:/docker/{a}\n3:cpu,cpuacct:/docker/{a}\n0::/\n"), Named::Container(a)),
            (format!("4:memory:/docker/{a}\n3:cpu:/docker/{b}\n"), Named::Nothing),
            (format!("0::/libpod-{}.scope\n", id('c')), Named::Strangers),
            ("0::/system.slice/ssh.service\n".to_owned(), Named::Nothing),
            (String::new(), Named::Nothing),
        ] {
            assert_eq!(container(&text, known), expected, "{text}");
        }
    }

    #[test]
    fn the_peer_of_a_socket_is_read_by_its_handle_and_a_young_one_is_not_believed_without() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let own = std::fs::read_to_string(Paths::own_proc("cgroup")).unwrap();
        let handle =
            rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty());
        assert_eq!(Process::by(ours.as_fd(), Some(handle.unwrap())), Process::In(own.clone()));
        // Of this test's process it depends on when it was started, and on the kernel.
        for without in [Process::at(ours.as_fd()), Process::by(ours.as_fd(), None)] {
            assert!([Process::TooYoung, Process::In(own.clone())].contains(&without), "{without:?}");
        }
        let now = u64::try_from(clock_gettime(ClockId::Boottime).tv_sec).unwrap();
        assert_eq!(age_s((now + 1) * TICKS_PER_SECOND), 0);
        assert!(age_s((now - 1) * TICKS_PER_SECOND) >= 1);
    }

    #[test]
    fn a_process_that_has_ended_is_not_asked_about() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        assert_eq!(Process::by(ours.as_fd(), Some(handle)), Process::Unseen);
    }

    #[test]
    fn the_start_is_found_behind_any_name() {
        let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
        for name in ["sh", "a) S 1 (b", "("] {
            assert_eq!(start_of(&format!("7 ({name}) {}", fields.join(" "))), Some(22), "{name}");
        }
        assert_eq!(start_of("7 (sh"), None);
    }
}
