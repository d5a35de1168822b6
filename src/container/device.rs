//! Names of block devices, and which of them stand on others.
//!
//! Source: `/sys/dev/block/MAJOR:MINOR` (`uevent`, `slaves/`, `loop/`). A device that stands on
//! others (device mapper, software RAID, loop) is left out: the same bytes are counted again
//! on the disk below it.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use super::parse::{DeviceCounters, DeviceNumber};
use crate::host::device::block_device;
use crate::paths::Paths;
use crate::snapshot::DeviceIo;

/// A host has tens of devices; beyond this something makes and removes them, and the memory
/// of them is started anew.
const MOST_DEVICES: usize = 4096;

/// Devices by number; those that stand on others are `None`.
#[derive(Debug)]
pub struct Devices {
    paths: Paths,
    known: HashMap<DeviceNumber, Option<Arc<str>>>,
}

impl Devices {
    /// Nothing known yet.
    pub fn new(paths: Paths) -> Self {
        Devices { paths, known: HashMap::new() }
    }

    /// Gives counters their device's name and drops those of devices that stand on others.
    pub fn named(
        &mut self,
        counters: impl IntoIterator<Item = (DeviceNumber, DeviceCounters)>,
    ) -> Vec<DeviceIo> {
        let named = |(number, counters): (DeviceNumber, DeviceCounters)| {
            let DeviceCounters { read_bytes, write_bytes, reads, writes } = counters;
            let (reads, writes) = (Some(reads), Some(writes));
            self.name(number).map(|device| DeviceIo { device, read_bytes, write_bytes, reads, writes })
        };
        counters.into_iter().filter_map(named).collect()
    }

    /// The name of a device; `None` for one that stands on others.
    pub fn name(&mut self, number: DeviceNumber) -> Option<Arc<str>> {
        if let Some(known) = self.known.get(&number) {
            return known.clone();
        }
        if self.known.len() >= MOST_DEVICES {
            self.known.clear();
        }
        let name = self.look_up(number);
        self.known.insert(number, name.clone());
        name
    }

    fn look_up(&self, DeviceNumber { major, minor }: DeviceNumber) -> Option<Arc<str>> {
        let folder = self.paths.sys(format!("dev/block/{major}:{minor}"));
        let stands_on_others = fs::read_dir(folder.join("slaves"))
            .is_ok_and(|mut list| list.next().is_some())
            || folder.join("loop/backing_file").exists();
        if stands_on_others {
            return None;
        }
        Some(Arc::from(block_device(&self.paths, major, minor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_stands_on_another_is_left_out() {
        let sysfs = tempfile::tempdir().unwrap();
        let folder = |name: &str| sysfs.path().join("dev/block").join(name);
        fs::create_dir_all(folder("8:0/slaves")).unwrap();
        fs::write(folder("8:0/uevent"), "MAJOR=8\nMINOR=0\nDEVNAME=sda\n").unwrap();
        fs::create_dir_all(folder("253:0/slaves/sda")).unwrap();
        fs::create_dir_all(folder("7:0/loop")).unwrap();
        fs::write(folder("7:0/loop/backing_file"), "/disk.img\n").unwrap();
        let mut devices = Devices::new(Paths { sysfs: sysfs.path().into(), ..Paths::default() });
        let numbers = [(8, 0), (253, 0), (7, 0), (259, 1)];
        let named = devices
            .named(numbers.map(|(major, minor)| (DeviceNumber { major, minor }, DeviceCounters::default())));
        let names: Vec<&str> = named.iter().map(|io| &*io.device).collect();
        assert_eq!(names, ["/dev/sda", "/dev/block/259:1"]);
    }
}
