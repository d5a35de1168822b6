//! `node_disk_info` and what else udev knows of block devices.
//!
//! Sources: the host's `/run/udev/data/bMAJOR:MINOR`, whose lines `E:KEY=value` are the
//! properties of a device (absent where no udev runs), and `/sys/block/DEVICE/queue/rotational`.
//! Read again once a minute.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::slowly::Slowly;
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{Disk, DiskInfo};

/// Where udev keeps what it knows, on the host.
const UDEV_DATA: &str = "run/udev/data";

/// The beginning of a line with a property.
const PROPERTY: &str = "E:";

/// Where the number is that is printed on a disk, the best first.
const SERIALS: [&str; 3] = ["SCSI_IDENT_SERIAL", "ID_SERIAL_SHORT", "ID_SERIAL"];

/// Numbers that ATA disks have.
static ATA: [(&str, &Metric); 3] = [
    ("ID_ATA_WRITE_CACHE", &c::DISK_ATA_WRITE_CACHE),
    ("ID_ATA_WRITE_CACHE_ENABLED", &c::DISK_ATA_WRITE_CACHE_ENABLED),
    ("ID_ATA_ROTATION_RATE_RPM", &c::DISK_ATA_ROTATION_RATE),
];

/// A device by name and numbers: either alone may come to mean another one.
type Key = (String, (u32, u32));

/// The devices that are known.
#[derive(Debug)]
pub(super) struct Reader {
    paths: Paths,
    known: BTreeMap<Key, Slowly<Arc<DiskInfo>>>,
}

impl Reader {
    pub(super) fn new(paths: Paths) -> Self {
        Reader { paths, known: BTreeMap::new() }
    }

    /// The devices with what is known of them.
    pub(super) fn describe(&mut self, mut disks: Vec<Disk>, now: Instant) -> Vec<Disk> {
        let mut before = std::mem::take(&mut self.known);
        for disk in &mut disks {
            let key = (disk.device.clone(), disk.numbers);
            let mut known = before.remove(&key).unwrap_or_else(Slowly::new);
            disk.info = known.get(now, || Arc::new(read(&self.paths, &disk.device, disk.numbers))).clone();
            self.known.insert(key, known);
        }
        disks
    }
}

fn read(paths: &Paths, device: &str, (major, minor): (u32, u32)) -> DiskInfo {
    let data = std::fs::read(paths.root(UDEV_DATA).join(format!("b{major}:{minor}")));
    let mut info = parse(&String::from_utf8_lossy(&data.unwrap_or_default()));
    let rotational = paths.sys("block").join(device).join("queue/rotational");
    info.rotational = std::fs::read(rotational).is_ok_and(|text| text.trim_ascii() == b"1");
    info
}

/// The properties of a device.
fn parse(data: &str) -> DiskInfo {
    let mut info = DiskInfo::default();
    for line in data.lines() {
        let Some((key, value)) = line.strip_prefix(PROPERTY).and_then(|line| line.split_once('=')) else {
            continue;
        };
        if let Some(place) = DiskInfo::PROPERTIES.iter().position(|property| *property == key) {
            value.clone_into(&mut info.properties[place]);
        }
    }
    info
}

pub(super) fn collect(disks: &[Disk], sink: &mut dyn Sink) {
    let plain = LabelBlock::default();
    sink.family(&c::DISK_INFO);
    for disk in disks {
        let info = &disk.info;
        let serial = SERIALS.map(|name| info.property(name)).into_iter().find(|serial| !serial.is_empty());
        let (major, minor) = (disk.numbers.0.to_string(), disk.numbers.1.to_string());
        let own = [
            ("device", disk.device.as_str()),
            ("major", &major),
            ("minor", &minor),
            ("path", info.property("ID_PATH")),
            ("wwn", info.property("ID_WWN")),
            ("model", info.property("ID_MODEL")),
            ("serial", serial.unwrap_or_default()),
            ("revision", info.property("ID_REVISION")),
            ("rotational", if info.rotational { "1" } else { "0" }),
        ];
        sink.sample(&plain, &own, Value::Int(1));
    }
    sink.family(&c::DISK_FILESYSTEM_INFO);
    for disk in disks.iter().filter(|disk| !disk.info.property("ID_FS_TYPE").is_empty()) {
        let own = [
            ("device", disk.device.as_str()),
            ("type", disk.info.property("ID_FS_TYPE")),
            ("usage", disk.info.property("ID_FS_USAGE")),
            ("uuid", disk.info.property("ID_FS_UUID")),
            ("version", disk.info.property("ID_FS_VERSION")),
        ];
        sink.sample(&plain, &own, Value::Int(1));
    }
    sink.family(&c::DISK_DEVICE_MAPPER_INFO);
    for disk in disks.iter().filter(|disk| !disk.info.property("DM_NAME").is_empty()) {
        let own = [
            ("device", disk.device.as_str()),
            ("name", disk.info.property("DM_NAME")),
            ("uuid", disk.info.property("DM_UUID")),
            ("vg_name", disk.info.property("DM_VG_NAME")),
            ("lv_name", disk.info.property("DM_LV_NAME")),
            ("lv_layer", disk.info.property("DM_LV_LAYER")),
        ];
        sink.sample(&plain, &own, Value::Int(1));
    }
    for (property, metric) in ATA {
        sink.family(metric);
        for disk in disks {
            if let Ok(number) = disk.info.property(property).parse() {
                sink.sample(&plain, &[("device", &disk.device)], Value::Int(number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_properties_count_and_a_value_may_hold_an_equals_sign() {
        let info = parse(
            "S:disk/by-id/x\nI:12345\nE:ID_MODEL=Fast=1\nE:ID_FS_TYPE=\nE:UNKNOWN=1\nG:systemd\nE:half\n",
        );
        assert_eq!(info.property("ID_MODEL"), "Fast=1");
        assert_eq!(info.property("ID_FS_TYPE"), "");
        assert_eq!(info.property("UNKNOWN"), "");
        assert_eq!(parse(""), DiskInfo::default());
    }
}
