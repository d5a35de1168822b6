//! The file system that holds a folder: its size, its inodes, and the device it lies on.
//!
//! Sources: `fstatvfs(3)`; `/sys/dev/block`, and the mount table for file systems that have no
//! device number of their own (btrfs, ZFS, network).

use std::collections::HashMap;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use crate::host::device::block_device;
use crate::paths::{Paths, unescape};
use crate::snapshot::FileSystem;

/// A host has a few; beyond this the memory of them is started anew.
const MOST_FILE_SYSTEMS: usize = 256;

/// File systems by device number, each the same object for as long as its numbers are the same.
#[derive(Debug)]
pub struct FileSystems {
    paths: Paths,
    known: HashMap<u64, Arc<FileSystem>>,
}

impl FileSystems {
    /// Nothing known yet.
    pub fn new(paths: Paths) -> Self {
        FileSystems { paths, known: HashMap::new() }
    }

    /// The file system of an open folder; `at` is its path on the engine's host.
    ///
    /// # Errors
    /// The folder cannot be looked at.
    pub fn of(&mut self, folder: impl AsFd, at: &Path) -> std::io::Result<Arc<FileSystem>> {
        let number = rustix::fs::fstat(&folder)?.st_dev;
        let size = rustix::fs::fstatvfs(&folder)?;
        let before = self.known.get(&number);
        let device = before.map_or_else(|| self.device(number, at), |before| before.device.clone());
        let now = FileSystem {
            device,
            bytes: size.f_blocks.saturating_mul(size.f_frsize),
            inodes: (size.f_files > 0).then_some((size.f_files, size.f_ffree)),
        };
        if let Some(before) = before.filter(|before| ***before == now) {
            return Ok(before.clone());
        }
        if self.known.len() >= MOST_FILE_SYSTEMS {
            self.known.clear();
        }
        let now = Arc::new(now);
        self.known.insert(number, now.clone());
        Ok(now)
    }

    fn device(&self, number: u64, at: &Path) -> Arc<str> {
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        let mounted = || {
            let mountinfo = std::fs::read_to_string(self.paths.proc("self/mountinfo")).ok()?;
            source_of(&mountinfo, &self.paths.root(at))
        };
        // Major 0 is given out to whatever is mounted without a block device.
        let source = if major == 0 { mounted() } else { None };
        source.unwrap_or_else(|| block_device(&self.paths, major, minor)).into()
    }
}

/// What is mounted where a path leads to.
fn source_of(mountinfo: &str, path: &Path) -> Option<String> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let point = unescape(before.split(' ').nth(4)?);
        let source = unescape(after.split(' ').nth(1)?);
        path.starts_with(&point).then_some((point.len(), source))
    });
    // Of those at one place the last is seen.
    mounts.max_by_key(|(length, _)| *length).map(|(_, source)| source)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_a_device_number_is_named_by_what_is_mounted() {
        let mountinfo = "\
1 0 0:30 / / rw - btrfs /dev/sda2 rw
2 1 0:31 / /var/lib/docker rw - zfs tank/docker rw
3 1 0:32 / /var/lib/docker2 rw - zfs tank/other rw
";
        let source = |path: &str| source_of(mountinfo, Path::new(path));
        assert_eq!(source("/var/lib/docker/overlay2/a/diff").as_deref(), Some("tank/docker"));
        assert_eq!(source("/home").as_deref(), Some("/dev/sda2"));
    }

    #[test]
    fn the_same_numbers_are_the_same_object() {
        let folder = tempfile::tempdir().unwrap();
        let open = std::fs::File::open(folder.path()).unwrap();
        let mut known = FileSystems::new(Paths::default());
        let first = known.of(&open, folder.path()).unwrap();
        assert!(first.bytes > 0 && !first.device.is_empty());
        known.known.insert(
            rustix::fs::fstat(&open).unwrap().st_dev,
            Arc::new(FileSystem { device: "/dev/known".into(), ..(*first).clone() }),
        );
        assert_eq!(&*known.of(&open, folder.path()).unwrap().device, "/dev/known");
    }
}
