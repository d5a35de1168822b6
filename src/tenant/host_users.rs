//! What the host itself knows of its users: owners of directories, names of numbers, and
//! the slices of rootless engines.
//!
//! Invariant: no path is followed outside the host's root (`--path.rootfs`), whatever
//! symbolic links say, so that a container's view of `/` is never taken for the host's.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::paths::Paths;

/// The most symbolic links followed in one path, as in the kernel (`MAXSYMLINKS`).
const MAX_SYMLINKS: usize = 40;

/// The most that is read of `/etc/passwd`; a host with 20,000 local users stays below it.
const MAX_PASSWD_BYTES: u64 = 2 << 20;

/// How long an owner is waited for: a local disk answers in microseconds, a file server that is
/// well in milliseconds, and one that is away never.
const OWNER_DEADLINE: Duration = Duration::from_millis(250);

/// Look-ups that may hang at once, each on a thread of its own; the directories come from
/// labels, so whoever starts containers chooses them.
const MAX_HANGING: usize = 4;

/// Owners that are remembered; beyond this the memory is started anew.
const MOST_OWNERS: usize = 10_000;

/// Asks the host for its users.
#[derive(Debug)]
pub(super) struct HostUsers {
    paths: Paths,
    /// Threads that have not answered yet.
    hanging: Arc<AtomicUsize>,
    /// The last answer for a directory, for when its file system is away.
    owners: Mutex<HashMap<String, String>>,
}

impl HostUsers {
    /// The users of the host whose root is seen there.
    pub(super) fn new(paths: Paths) -> Self {
        HostUsers { paths, hanging: Arc::default(), owners: Mutex::default() }
    }

    /// The name of the owner of a directory of the host, or the number where it has no name.
    /// Where the file system does not answer in time, what it said last.
    pub(super) fn owner_of(&self, directory: &str) -> Option<String> {
        let (asked, paths) = (directory.to_owned(), self.paths.clone());
        self.answer(directory, OWNER_DEADLINE, move || owner_of(&asked, &paths))
    }

    /// The user of a rootless engine's slice or user manager in the text of `/proc/PID/cgroup`.
    pub(super) fn cgroup_user(&self, cgroup: &str) -> Option<String> {
        cgroup_user(cgroup, &self.paths)
    }

    fn answer(
        &self,
        directory: &str,
        deadline: Duration,
        look_up: impl FnOnce() -> Option<String> + Send + 'static,
    ) -> Option<String> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(owner) = self.within(deadline, look_up) else {
            tracing::warn!(directory, "the owner of a directory could not be found out in time");
            return owners.get(directory).cloned();
        };
        if owners.len() >= MOST_OWNERS {
            owners.clear();
        }
        match &owner {
            Some(owner) => drop(owners.insert(directory.to_owned(), owner.clone())),
            None => drop(owners.remove(directory)),
        }
        owner
    }

    /// The answer of a look-up on a thread of its own; `None` if it does not come in time.
    fn within<T: Send + 'static>(
        &self,
        deadline: Duration,
        look_up: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if self.hanging.load(Ordering::Acquire) >= MAX_HANGING {
            return None;
        }
        let (answer, answered) = sync_channel(1);
        let hanging = self.hanging.clone();
        hanging.fetch_add(1, Ordering::AcqRel);
        let thread = std::thread::Builder::new().name("owner".into()).spawn(move || {
            let found = look_up();
            hanging.fetch_sub(1, Ordering::AcqRel);
            // Nobody waits any more.
            let _ = answer.send(found);
        });
        if thread.is_err() {
            self.hanging.fetch_sub(1, Ordering::AcqRel);
        }
        answered.recv_timeout(deadline).ok()
    }
}

fn owner_of(directory: &str, paths: &Paths) -> Option<String> {
    let uid = fs::symlink_metadata(resolve(paths, Path::new(directory)).ok()?).ok()?.uid();
    Some(name_of(uid, paths))
}

fn cgroup_user(cgroup: &str, paths: &Paths) -> Option<String> {
    let uid = cgroup.lines().flat_map(|line| line.split('/')).find_map(user_of_unit)?;
    Some(name_of(uid, paths))
}

/// The number in `user-1000.slice` or `user@1000.service`.
fn user_of_unit(unit: &str) -> Option<u32> {
    let slice = || unit.strip_prefix("user-")?.strip_suffix(".slice");
    let manager = || unit.strip_prefix("user@")?.strip_suffix(".service");
    let digits = slice().or_else(manager)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The name of a number in the host's `/etc/passwd`; users of a directory service are not
/// in it and stay numbers.
fn name_of(uid: u32, paths: &Paths) -> String {
    let name = read_passwd(paths).ok().and_then(|passwd| name_in(&passwd, uid).map(str::to_owned));
    name.unwrap_or_else(|| uid.to_string())
}

fn read_passwd(paths: &Paths) -> io::Result<String> {
    let mut passwd = Vec::new();
    let file = fs::File::open(resolve(paths, Path::new("/etc/passwd"))?)?;
    file.take(MAX_PASSWD_BYTES).read_to_end(&mut passwd)?;
    Ok(String::from_utf8_lossy(&passwd).into_owned())
}

/// The first user of a number in the text of `/etc/passwd` (passwd(5)).
fn name_in(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then_some(name)
    })
}

/// Where an absolute path of the host is, seen from here, with every symbolic link
/// followed as the host would.
fn resolve(paths: &Paths, absolute: &Path) -> io::Result<PathBuf> {
    let mut pending: VecDeque<PathBuf> = components(absolute);
    let mut resolved = PathBuf::from("/");
    let mut links = 0;
    while let Some(component) = pending.pop_front() {
        if component.as_os_str() == ".." {
            resolved.pop();
            continue;
        }
        let next = resolved.join(&component);
        let here = paths.root(&next);
        if !fs::symlink_metadata(&here)?.is_symlink() {
            resolved = next;
            continue;
        }
        links += 1;
        if links > MAX_SYMLINKS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many symbolic links"));
        }
        let target = fs::read_link(&here)?;
        if target.is_absolute() {
            resolved = PathBuf::from("/");
        }
        for component in components(&target).into_iter().rev() {
            pending.push_front(component);
        }
    }
    Ok(paths.root(resolved))
}

fn components(path: &Path) -> VecDeque<PathBuf> {
    path.components()
        .filter(|component| matches!(component, Component::Normal(_) | Component::ParentDir))
        .map(|component| PathBuf::from(component.as_os_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";

    fn host() -> (tempfile::TempDir, Paths) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/passwd"), PASSWD).unwrap();
        let paths = Paths { rootfs: root.path().into(), ..Paths::default() };
        (root, paths)
    }

    #[test]
    fn a_rootless_user_is_named_by_the_slice_or_the_manager() {
        let (_root, paths) = host();
        for (cgroup, user) in [
            ("0::/user.slice/user-1000.slice/user@1000.service/docker/3f", Some("ann")),
            ("11:cpu:/\n0::/user.slice/user@1007.service/docker.scope", Some("1007")),
            ("0::/system.slice/docker-3f.scope", None),
            ("0::/user-x.slice/user-.slice/user-+5.slice", None),
            ("", None),
        ] {
            assert_eq!(cgroup_user(cgroup, &paths).as_deref(), user, "{cgroup}");
        }
    }

    #[test]
    fn a_number_without_a_name_stays_a_number() {
        let (_root, paths) = host();
        assert_eq!(name_of(1000, &paths), "ann");
        assert_eq!(name_of(4711, &paths), "4711");
    }

    #[test]
    fn a_file_system_that_hangs_is_given_up_and_what_it_said_last_stands() {
        let (_root, paths) = host();
        let users = HostUsers::new(paths);
        let ann = || Some("ann".to_owned());
        let patient = Duration::from_secs(60);
        assert_eq!(users.answer("/nfs/ann", patient, ann), ann());
        let (release, released) = std::sync::mpsc::channel::<()>();
        let released = Arc::new(Mutex::new(released));
        for _ in 0..MAX_HANGING {
            let released = released.clone();
            let hangs = move || released.lock().unwrap().recv().ok().and(None);
            assert_eq!(users.answer("/nfs/ann", Duration::from_millis(1), hangs), ann());
        }
        assert_eq!(users.answer("/nfs/bob", patient, || unreachable!("too many hang")), None);
        drop(release);
        while users.hanging.load(Ordering::Acquire) > 0 {
            std::thread::yield_now();
        }
        let bob = || Some("bob".to_owned());
        assert_eq!(users.answer("/nfs/bob", patient, bob), bob());
    }

    #[test]
    fn links_are_followed_inside_the_host_and_never_outside() {
        let (root, paths) = host();
        fs::create_dir_all(root.path().join("data/ann/shop")).unwrap();
        symlink("/data", root.path().join("home")).unwrap();
        symlink("../../../../../../..", root.path().join("data/up")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let resolved = |path: &str| resolve(&paths, Path::new(path)).ok();
        assert_eq!(resolved("/home/ann/shop"), Some(root.path().join("data/ann/shop")));
        assert_eq!(resolved("/data/up/etc/passwd"), Some(root.path().join("etc/passwd")));
        assert_eq!(resolved("/../../etc"), Some(root.path().join("etc")));
        assert_eq!(resolved("/nowhere"), None);
        assert_eq!(resolved("/loop"), None);
    }
}
