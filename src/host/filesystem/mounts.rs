//! The mount table: what is mounted where, and which of it is shown.
//!
//! Source: `/proc/1/mountinfo`, the host's own table also from within a container; where it
//! is hidden, this process's. It is read again only when the kernel says that it has changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::file::{HostFile, ReadError, Shape};
use super::super::scan::{lines, number};
use crate::paths::Paths;
use crate::snapshot::host::Mount;

/// What is left out.
#[derive(Clone, Debug)]
pub(in crate::host) struct Excluded {
    /// Mount points.
    pub(in crate::host) mount_points: Regex,
    /// Types.
    pub(in crate::host) types: Regex,
}

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Each device once, at its shortest mount point.
    pub(super) mounts: Vec<Arc<Mount>>,
    /// The engine's folder, and the mount among `mounts` that has its device.
    pub(super) data_root: Option<(String, Arc<Mount>)>,
}

/// The mount table of the host.
#[derive(Debug)]
pub(in crate::host) struct MountTable {
    paths: Paths,
    of_init: HostFile,
    own: HostFile,
    excluded: Excluded,
    data_root: Option<String>,
    read: bool,
    kept: Kept,
}

impl MountTable {
    /// Not read yet.
    pub(in crate::host) fn new(paths: &Paths, excluded: Excluded) -> Self {
        MountTable {
            of_init: HostFile::new(paths.proc("1/mountinfo"), Shape::LongRecords),
            own: HostFile::new(paths.proc("self/mountinfo"), Shape::LongRecords),
            paths: paths.clone(),
            excluded,
            data_root: None,
            read: false,
            kept: Kept::default(),
        }
    }

    /// What was shown last.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What is shown now. `data_root` is the engine's folder.
    pub(super) fn read(&mut self, data_root: Option<&str>, buffer: &mut Vec<u8>) -> Result<&Kept, ReadError> {
        if self.read && self.data_root.as_deref() == data_root && !self.has_changed() {
            return Ok(&self.kept);
        }
        let mounts = match self.of_init.parse(buffer, parse) {
            Ok(Some(mounts)) => mounts,
            // Hidden, as `hidepid` does.
            _ => self.own.parse(buffer, parse)?.map(|own| below(own, &self.paths)).unwrap_or_default(),
        };
        self.data_root = data_root.map(str::to_owned);
        self.kept = keep(mounts, &self.excluded, data_root);
        self.read = true;
        Ok(&self.kept)
    }

    /// Whether the kernel has something new to tell; it says so once for each descriptor.
    fn has_changed(&self) -> bool {
        let Some(table) = self.of_init.descriptor().or(self.own.descriptor()) else { return true };
        let mut changed = [PollFd::new(table, PollFlags::PRI)];
        // Where it cannot be told, the table is read.
        poll(&mut changed, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

/// A mount table, in its order.
pub(super) fn parse(mountinfo: &[u8]) -> Option<Vec<Mount>> {
    lines(mountinfo).map(mount).collect()
}

/// `36 35 98:0 /below /mount/point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue`;
/// between the options and the dash stand any number of words.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let numbers = words.nth(2)?;
    let colon = memchr::memchr(b':', numbers)?;
    let small = |text: &[u8]| u32::try_from(number(text)?).ok();
    let numbers = (small(&numbers[..colon])?, small(&numbers[colon + 1..])?);
    let mountpoint = unescaped(words.nth(1)?);
    let options = words.next()?;
    words.find(|word| *word == b"-")?;
    let fstype = unescaped(words.next()?);
    let device = unescaped(words.next()?);
    let of_device = words.next().unwrap_or_default();
    let has = |options: &[u8], wanted: &[u8]| options.split(|byte| *byte == b',').any(|one| one == wanted);
    // ext4 says `emergency_ro` after an error of the device.
    let readonly = has(options, b"ro") || has(of_device, b"ro") || has(of_device, b"emergency_ro");
    Some(Mount { device, mountpoint, fstype, numbers, readonly })
}

/// Spaces, tabs, line feeds and backslashes are written as `\` and three octal digits.
fn unescaped(word: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, others)) = rest.split_first() {
        let octal = others.get(..3).filter(|_| *first == b'\\').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'))?;
            u8::from_str_radix(digits, 8).ok()
        });
        bytes.push(octal.unwrap_or(*first));
        rest = &others[if octal.is_some() { 3 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The mounts below the host's root as this process sees it, as the host names them.
fn below(mounts: Vec<Mount>, paths: &Paths) -> Vec<Mount> {
    let as_host = |mut mount: Mount| {
        mount.mountpoint = paths.of_root(&mount.mountpoint)?;
        Some(mount)
    };
    mounts.into_iter().filter_map(as_host).collect()
}

/// Chooses what is shown.
fn keep(mounts: Vec<Mount>, excluded: &Excluded, data_root: Option<&str>) -> Kept {
    // Of several mounts on one point only the last can be reached.
    let mut reachable: BTreeMap<String, Arc<Mount>> = BTreeMap::new();
    for mount in mounts {
        reachable.insert(mount.mountpoint.clone(), Arc::new(mount));
    }
    let shown = |mount: &Mount| {
        !excluded.mount_points.is_match(&mount.mountpoint)
            && !excluded.types.is_match(&mount.fstype)
            && !data_root.is_some_and(|root| mount.mountpoint != root && is_below(&mount.mountpoint, root))
    };
    let mut of_device: BTreeMap<(u32, u32), Arc<Mount>> = BTreeMap::new();
    for mount in reachable.values().filter(|mount| shown(mount)) {
        let best = of_device.entry(mount.numbers).or_insert_with(|| mount.clone());
        if mount.mountpoint.len() < best.mountpoint.len() {
            *best = mount.clone();
        }
    }
    let data_root = data_root.and_then(|root| {
        let around = reachable.values().filter(|mount| is_below(root, &mount.mountpoint));
        let around = around.max_by_key(|mount| mount.mountpoint.len())?;
        // It is shown in any case: an engine stops where its data have no room.
        let mount = of_device.entry(around.numbers).or_insert_with(|| around.clone());
        Some((root.to_owned(), mount.clone()))
    });
    let mut mounts: Vec<Arc<Mount>> = of_device.into_values().collect();
    mounts.sort_by(|a, b| a.mountpoint.cmp(&b.mountpoint));
    Kept { mounts, data_root }
}

/// Whether a path is a folder or lies below it.
fn is_below(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn excluded() -> Excluded {
        Excluded {
            mount_points: Regex::new(crate::config::settings::MOUNT_POINTS_EXCLUDE).unwrap(),
            types: Regex::new(crate::config::settings::FS_TYPES_EXCLUDE).unwrap(),
        }
    }

    fn shown(table: &str, data_root: Option<&str>) -> Vec<String> {
        let kept = keep(parse(table.as_bytes()).unwrap(), &excluded(), data_root);
        kept.mounts.iter().map(|mount| format!("{} {}", mount.device, mount.mountpoint)).collect()
    }

    #[test]
    fn a_line_has_any_number_of_words_before_the_dash() {
        let line = br"36 35 98:1 /below /mnt/a\040b\134c rw,noatime shared:1 master:2 - ext4 /dev/sda1 rw,errors=continue";
        let expected = Mount {
            device: "/dev/sda1".into(),
            mountpoint: r"/mnt/a b\c".into(),
            fstype: "ext4".into(),
            numbers: (98, 1),
            readonly: false,
        };
        assert_eq!(mount(line), Some(expected));
        assert!(mount(b"1 2 0:5 / /a ro - tmpfs tmpfs rw").unwrap().readonly);
        assert!(mount(b"1 2 0:5 / /a rw - ext4 a rw,emergency_ro").unwrap().readonly);
        for wrong in [&b""[..], b"1 2 05 / /a rw - t t rw", b"1 2 0:5 / /a rw t t rw", b"1 2 0:5 / /a rw -"] {
            assert_eq!(mount(wrong), None);
        }
    }

    #[test]
    fn each_device_is_shown_once_at_its_shortest_mount_point() {
        let table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     2 1 8:1 /srv /srv/bind/mount rw - ext4 /dev/sda1 rw\n\
                     3 1 8:2 / /home/of/all rw - xfs /dev/sda2 rw\n\
                     4 1 8:2 / /home rw - xfs /dev/sda2 rw\n\
                     5 1 0:5 / /proc rw - proc proc rw\n\
                     6 1 0:9 / /srv/new rw - overlay overlay rw\n\
                     7 1 0:8 / /run rw - tmpfs tmpfs rw\n";
        assert_eq!(shown(table, None), ["/dev/sda1 /", "/dev/sda2 /home", "tmpfs /run"]);
    }

    #[test]
    fn of_mounts_on_one_point_the_last_can_be_reached() {
        let table = "1 0 8:1 / /a rw - ext4 old rw\n2 1 8:2 / /a rw - ext4 new rw\n";
        assert_eq!(shown(table, None), ["new /a"]);
    }

    #[test]
    fn the_engines_folder_is_named_even_where_its_mount_would_be_left_out() {
        let table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     2 1 8:9 / /dev/disk rw - xfs /dev/sdb rw\n\
                     3 2 8:7 / /dev/disk/docker/volumes rw - xfs /dev/sdc rw\n";
        let kept = |root| keep(parse(table.as_bytes()).unwrap(), &excluded(), Some(root));
        let (path, mount) = kept("/dev/disk/docker").data_root.unwrap();
        assert_eq!((path.as_str(), mount.device.as_str()), ("/dev/disk/docker", "/dev/sdb"));
        assert_eq!(shown(table, Some("/dev/disk/docker")), ["/dev/sda1 /", "/dev/sdb /dev/disk"]);
        assert_eq!(kept("/var/lib/docker").data_root.unwrap().1.mountpoint, "/");
    }

    #[test]
    fn what_lies_below_the_engines_folder_is_left_out() {
        let table = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                     2 1 8:2 / /data rw - ext4 /dev/sdb rw\n\
                     3 1 8:3 / /data/volumes/x rw - ext4 /dev/sdc rw\n";
        assert_eq!(shown(table, Some("/data")), ["/dev/sda1 /", "/dev/sdb /data"]);
    }

    #[test]
    fn the_table_is_read_again_when_the_kernel_says_that_it_has_changed() {
        let mut table = MountTable::new(&Paths::default(), excluded());
        let mut buffer = Vec::new();
        let first = table.read(None, &mut buffer).unwrap().mounts.clone();
        assert!(!first.is_empty(), "a machine has at least one file system");
        table.kept.mounts.clear();
        if table.has_changed() {
            return; // Somebody has mounted something meanwhile.
        }
        buffer.clear();
        table.read(None, &mut buffer).unwrap();
        assert!(buffer.is_empty(), "nothing is read where nothing has changed");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_table_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
            unescaped(&text);
        }

        #[test]
        fn escapes_read_back(path in "[ -~\t\n]{0,20}") {
            let escaped: String = path.chars().map(|c| match c {
                ' ' | '\t' | '\n' | '\\' => format!("\\{:03o}", u32::from(c)),
                other => other.to_string(),
            }).collect();
            prop_assert_eq!(unescaped(escaped.as_bytes()), path);
        }
    }
}
