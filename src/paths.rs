//! Where the host's `/proc`, `/sys` and `/` are seen from here (`--path.*`).
//!
//! Invariant: no other module joins a path under these roots.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where a process that is not in a container sees `/proc`.
pub const PROCFS: &str = "/proc";

/// Where a process that is not in a container sees `/sys`.
pub const SYSFS: &str = "/sys";

/// Where a container sees the host's `/` that was started with `-v /:/host:ro,rslave`.
pub const ROOT_IN_A_CONTAINER: &str = "/host";

/// The number of the first namespace of processes (`PROC_PID_INIT_INO` of the kernel).
const FIRST_PID_NAMESPACE: u64 = 0xefff_fffc;

/// Files that engines put into every container: Docker, Podman.
const CONTAINER_MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// A longer chain of symbolic links is a circle.
const MOST_LINKS: usize = 8;

/// The roots of the host's file systems, as this process sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The host's `/proc` (`--path.procfs`).
    pub procfs: PathBuf,
    /// The host's `/sys` (`--path.sysfs`).
    pub sysfs: PathBuf,
    /// The host's `/` (`--path.rootfs`).
    pub rootfs: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Paths { procfs: PROCFS.into(), sysfs: SYSFS.into(), rootfs: "/".into() }
    }
}

impl Paths {
    /// All of them below a place where the host's `/` is seen with what is mounted there; `None`
    /// where that is not the case.
    pub fn below(root: &Path) -> Option<Self> {
        let paths = Paths { procfs: under(root, PROCFS), sysfs: under(root, SYSFS), rootfs: root.into() };
        paths.proc("stat").exists().then_some(paths)
    }

    /// A file or folder under `/proc`.
    pub fn proc(&self, relative: impl AsRef<Path>) -> PathBuf {
        under(&self.procfs, relative.as_ref())
    }

    /// A setting or number of the kernel, as `fs/file-nr`.
    pub fn sysctl(&self, name: &str) -> PathBuf {
        self.proc("sys").join(name)
    }

    /// A file or folder of this process itself, wherever the host's `/proc` is.
    pub fn own_proc(relative: impl AsRef<Path>) -> PathBuf {
        under(&Path::new(PROCFS).join("self"), relative.as_ref())
    }

    /// The folder of one process.
    pub fn process(&self, pid: u32) -> PathBuf {
        self.procfs.join(pid.to_string())
    }

    /// The folder of a process by its number as the kernel tells it to this process, of the other
    /// end of a socket for instance: wherever the host's `/proc` is, it counts otherwise.
    pub fn as_seen_here(pid: u32) -> PathBuf {
        Path::new(PROCFS).join(pid.to_string())
    }

    /// Whether what is taken for the host's `/proc` is that of a container which this process is
    /// in: of a program that is seen among the container's processes only, and nobody has said
    /// where the host's is. A machine that was made of a container's image is none.
    pub fn proc_is_a_containers(&self) -> bool {
        let own = Path::new(PROCFS);
        let own_processes = std::fs::metadata(own.join("self/ns/pid"));
        let among_all = own_processes.is_ok_and(|about| about.ino() == FIRST_PID_NAMESPACE);
        self.procfs == own && !among_all && CONTAINER_MARKS.iter().any(|mark| Path::new(mark).exists())
    }

    /// A file or folder under `/sys`.
    pub fn sys(&self, relative: impl AsRef<Path>) -> PathBuf {
        under(&self.sysfs, relative.as_ref())
    }

    /// A file or folder of the host, given by its absolute path there.
    pub fn root(&self, absolute: impl AsRef<Path>) -> PathBuf {
        under(&self.rootfs, absolute.as_ref())
    }

    /// The same, with symbolic links of the host followed as the host would: an absolute one
    /// leads to a place below the host's `/`, too.
    pub fn resolved(&self, absolute: impl AsRef<Path>) -> PathBuf {
        let mut path = self.root(absolute);
        for _ in 0..MOST_LINKS {
            let Ok(target) = std::fs::read_link(&path) else { break };
            path = match target.is_absolute() {
                true => self.root(target),
                false => path.parent().unwrap_or(&self.rootfs).join(target),
            };
        }
        path
    }

    /// The path on the host of something below the host's `/` as it is seen here; `None` for
    /// what lies elsewhere.
    pub fn of_root(&self, seen: &str) -> Option<String> {
        let below = Path::new(seen).strip_prefix(&self.rootfs).ok()?;
        Some(Path::new("/").join(below).to_string_lossy().into_owned())
    }
}

/// Joins without letting an absolute path replace the root.
fn under(root: &Path, path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// `mountinfo` writes white space and backslashes as three octal digits.
pub fn unescape(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 4).and_then(|octal| u8::from_str_radix(octal, 8).ok());
        match code {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_stays_under_its_root() {
        let paths = Paths { rootfs: "/host".into(), ..Paths::default() };
        assert_eq!(paths.root("/srv/app"), Path::new("/host/srv/app"));
        assert_eq!(paths.proc("self/mountinfo"), Path::new("/proc/self/mountinfo"));
    }

    #[test]
    fn links_of_the_host_are_followed_below_its_root() {
        let root = tempfile::tempdir().unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, root.path().join(name)).unwrap();
        };
        std::fs::create_dir(root.path().join("b")).unwrap();
        link("/b/second", "first");
        link("../end", "b/second");
        link("circle", "circle");
        let paths = Paths { rootfs: root.path().into(), ..Paths::default() };
        assert_eq!(paths.resolved("/first"), root.path().join("b/../end"));
        assert_eq!(paths.resolved("/none"), root.path().join("none"));
        assert_eq!(paths.resolved("/circle"), root.path().join("circle"));
    }

    #[test]
    fn a_path_of_the_host_is_known_from_where_it_is_seen() {
        let paths = Paths { rootfs: "/host".into(), ..Paths::default() };
        assert_eq!(paths.of_root("/host"), Some("/".to_owned()));
        assert_eq!(paths.of_root("/host/srv/app"), Some("/srv/app".to_owned()));
        assert_eq!(paths.of_root("/srv"), None);
        assert_eq!(Paths::default().of_root("/srv"), Some("/srv".to_owned()));
    }
}
