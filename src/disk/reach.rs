//! From what the engine says of a container to open folders: paths of the engine's host, as
//! they are seen from here (`--path.rootfs`).
//!
//! A path alone proves nothing: the engine may run on another machine, and a volume of the
//! same name may exist here. So nothing is read for a container before its own folder, which
//! bears its id, has been found below the engine's data root.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::DataFileSystem;
use super::walk::open_folder;
use crate::inventory::{Container, ContainerId};
use crate::paths::Paths;

/// Where an engine keeps a folder for each container, below its data root: Docker, Podman.
const CONTAINER_FOLDERS: [&str; 2] = ["containers", "overlay-containers"];

/// `/proc/PID/mountinfo` of a container with hundreds of mounts is shorter.
const MOUNTINFO_LIMIT: u64 = 1 << 20;

/// Opens a folder of the engine's host, by its absolute path there.
///
/// # Errors
/// As `open(2)`; `EXDEV` if the folder is where something is mounted.
pub fn open(paths: &Paths, absolute: &Path) -> Result<OwnedFd, Errno> {
    let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(Errno::INVAL);
    };
    open_folder(open_anywhere(paths, parent)?, name)
}

/// Opens a folder whose path may lead over mounts and links.
///
/// # Errors
/// As `open(2)`.
pub fn open_anywhere(paths: &Paths, absolute: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let plainly = || rustix::fs::openat(CWD, paths.root(absolute), flags, Mode::empty());
    if paths.rootfs == Path::new("/") {
        return plainly();
    }
    // An absolute link of the host is meant from the host's root.
    let root = rustix::fs::openat(CWD, &paths.rootfs, flags, Mode::empty())?;
    match rustix::fs::openat2(&root, absolute, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Err(Errno::NOSYS | Errno::PERM) => plainly(),
        other => other,
    }
}

/// The size of the file system that holds an open folder, and what of it is taken.
///
/// # Errors
/// As `fstatvfs(3)`.
pub fn fullness(folder: &OwnedFd) -> Result<DataFileSystem, Errno> {
    let size = rustix::fs::fstatvfs(folder)?;
    let bytes = |blocks: u64| blocks.saturating_mul(size.f_frsize);
    let used = size.f_blocks.saturating_sub(size.f_bfree);
    Ok(DataFileSystem { total: bytes(size.f_blocks), used: bytes(used) })
}

/// Finds the folder that the engine keeps for a container: the proof that the engine's files
/// are within reach. Without a data root it is looked for where
/// the container's log is.
///
/// # Errors
/// Why there is none: as `open(2)`, `ENOENT` if the engine has not said where to look.
pub fn container_folder(
    paths: &Paths,
    data_root: Option<&str>,
    container: &Container,
) -> Result<PathBuf, Errno> {
    let id = container.id.to_string();
    let below_root = data_root.into_iter().flat_map(|root| {
        let id = &id;
        CONTAINER_FOLDERS.iter().map(move |folder| Path::new(root).join(folder).join(id))
    });
    let of_log = container.storage.log_path.as_deref().and_then(|log| Path::new(log).parent());
    let of_log = of_log.filter(|folder| folder.ends_with(&id)).map(Path::to_owned);
    let mut refusal = Errno::NOENT;
    for folder in below_root.chain(of_log) {
        match open(paths, &folder) {
            Ok(_) => return Ok(folder),
            Err(Errno::NOENT) => {}
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// The log file of a container, without its rotated ones: of `json-file` as the engine says,
/// of `local` and of the copies that other drivers keep for `docker logs`, where the engine puts
/// them below the container's folder.
pub fn log_file(container: &Container, folder: &Path) -> Option<PathBuf> {
    match (container.storage.log_path.as_deref(), container.storage.log_driver.as_str()) {
        (Some(path), _) => Some(path.into()),
        (None, "local") => Some(folder.join("local-logs/container.log")),
        (None, "none" | "json-file" | "") => None,
        (None, _) => Some(folder.join("container-cached.log")),
    }
}

/// The folder of the writable layer of a running container, as the kernel has mounted it: the
/// image store of containerd does not tell the engine's clients where it is.
///
/// # Errors
/// `/proc/PID/mountinfo` cannot be read. A process of another container is no error.
pub fn mounted_upper_dir(paths: &Paths, id: ContainerId, pid: u32) -> io::Result<Option<PathBuf>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // Held open, so that both files are of the same process.
    let process = rustix::fs::openat(CWD, paths.process(pid), flags, Mode::empty())?;
    let read = |name: &str| -> io::Result<String> {
        use io::Read as _;
        let file = rustix::fs::openat(&process, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = Vec::new();
        std::fs::File::from(file).take(MOUNTINFO_LIMIT).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    let mountinfo = read("mountinfo")?;
    let ours = read("cgroup")?.contains(&id.to_string());
    Ok(ours.then(|| upper_dir(&mountinfo)).flatten())
}

/// The upper folder of the overlay that is mounted as the root. The first counts: what a
/// container that may mount puts over its root comes later, and could name any folder.
fn upper_dir(mountinfo: &str) -> Option<PathBuf> {
    let options = mountinfo.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let is_root = before.split(' ').nth(4)? == "/";
        let mut after = after.splitn(3, ' ');
        let is_overlay = after.next()? == "overlay";
        after.nth(1).filter(|_| is_root && is_overlay)
    });
    let upper = options?.split(',').find_map(|option| option.strip_prefix("upperdir="))?;
    // A relative one is meant from where whoever mounted it was at the time.
    Some(PathBuf::from(crate::paths::unescape(upper))).filter(|path| path.is_absolute())
}

/// What the files of a log occupy: the file itself, and those that were rotated (`.1`,
/// `.2.gz`). `None` if there is no such file.
///
/// # Errors
/// The folder cannot be read.
pub fn log_bytes(paths: &Paths, log: &Path) -> io::Result<Option<u64>> {
    use rustix::fs::{AtFlags, Dir, FileType};
    let (Some(parent), Some(name)) = (log.parent(), log.file_name()) else { return Ok(None) };
    let folder = match open_anywhere(paths, parent) {
        Err(Errno::NOENT) => return Ok(None),
        other => other?,
    };
    let mut sum = None;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let rest = entry.file_name().to_bytes().strip_prefix(name.as_encoded_bytes());
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b".")) {
            continue;
        }
        match rustix::fs::statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile => {
                sum = Some(sum.unwrap_or(0) + super::walk::allocated(&status));
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_upper_folder_is_that_of_the_root_and_not_of_what_is_mounted_over_it() {
        let mountinfo = "\
101 100 0:51 / /proc rw - proc proc rw
100 99 0:52 / / rw,relatime - overlay overlay rw,lowerdir=l1:l2,upperdir=/var/lib/a\\040b/snapshots/7/fs,workdir=/w
103 100 0:53 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/elsewhere,workdir=/w
";
        assert_eq!(upper_dir(mountinfo), Some("/var/lib/a b/snapshots/7/fs".into()));
        assert_eq!(upper_dir("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"), None);
        assert_eq!(upper_dir("1 0 0:1 / / rw - overlay overlay rw,upperdir=relative/fs\n"), None);
    }

    #[test]
    fn rotated_files_belong_to_a_log_and_others_do_not() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths { rootfs: root.path().into(), ..Paths::default() };
        let folder = root.path().join("var/lib/docker/containers/ab");
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in [
            ("ab-json.log", 4096),
            ("ab-json.log.1", 8192),
            ("ab-json.log.2.gz", 4096),
            ("ab-json.logx", 4096),
        ] {
            fs::write(folder.join(name), vec![1; bytes]).unwrap();
        }
        let log = Path::new("/var/lib/docker/containers/ab/ab-json.log");
        assert_eq!(log_bytes(&paths, log).unwrap(), Some(16_384));
        assert_eq!(log_bytes(&paths, &log.with_file_name("other.log")).unwrap(), None);
        assert_eq!(log_bytes(&paths, Path::new("/no/such/folder/x.log")).unwrap(), None);
    }

    #[test]
    fn links_of_the_host_are_meant_from_the_host_s_root() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths { rootfs: root.path().into(), ..Paths::default() };
        fs::create_dir_all(root.path().join("srv/docker/volumes/v/_data")).unwrap();
        fs::create_dir_all(root.path().join("var/lib")).unwrap();
        symlink("/srv/docker", root.path().join("var/lib/docker")).unwrap();
        assert!(open(&paths, Path::new("/var/lib/docker/volumes/v/_data")).is_ok());
        assert!(open(&paths, Path::new("/var/lib/docker/volumes/v/none")).is_err());
    }
}
