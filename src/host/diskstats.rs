//! `node_disk_*`: operations, bytes, latency, queue and utilisation of block devices.
//!
//! Source: `/proc/diskstats`; its columns are those of the kernel's `iostats` page. Partitions
//! and what lies in memory are left out as node_exporter does.

use regex::Regex;

use super::diskinfo;
use super::scan::{lines, number, text, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::snapshot::host::{Disk, Host};

/// From a column to a value in its base unit.
type InUnit = fn(u64) -> Value;

const COUNT: InUnit = Value::Int;
const SECTORS: InUnit = |sectors| Value::Int(sectors.saturating_mul(512));
const MILLISECONDS: InUnit = |milliseconds| Value::Nanos(milliseconds.saturating_mul(1_000_000));

/// The families of the columns, in their order.
static COLUMNS: [(&Metric, InUnit); 17] = [
    (&c::DISK_READS, COUNT),
    (&c::DISK_READS_MERGED, COUNT),
    (&c::DISK_READ_BYTES, SECTORS),
    (&c::DISK_READ_TIME, MILLISECONDS),
    (&c::DISK_WRITES, COUNT),
    (&c::DISK_WRITES_MERGED, COUNT),
    (&c::DISK_WRITTEN_BYTES, SECTORS),
    (&c::DISK_WRITE_TIME, MILLISECONDS),
    (&c::DISK_IO_NOW, COUNT),
    (&c::DISK_IO_TIME, MILLISECONDS),
    (&c::DISK_IO_TIME_WEIGHTED, MILLISECONDS),
    (&c::DISK_DISCARDS, COUNT),
    (&c::DISK_DISCARDS_MERGED, COUNT),
    (&c::DISK_DISCARDED_SECTORS, COUNT),
    (&c::DISK_DISCARD_TIME, MILLISECONDS),
    (&c::DISK_FLUSHES, COUNT),
    (&c::DISK_FLUSH_TIME, MILLISECONDS),
];

/// The devices whose names do not fit `exclude`.
pub(super) fn parse(diskstats: &[u8], exclude: &Regex) -> Option<Vec<Disk>> {
    let mut disks = Vec::new();
    for line in lines(diskstats) {
        let mut words = words(line);
        let mut device_number = || u32::try_from(number(words.next()?)?).ok();
        let numbers = (device_number()?, device_number()?);
        let device = text(words.next()?);
        if exclude.is_match(&device) {
            continue;
        }
        let mut disk = Disk { device, numbers, ..Disk::default() };
        for (column, word) in disk.columns.iter_mut().zip(words) {
            *column = number(word)?;
            disk.known += 1;
        }
        disks.push(disk);
    }
    Some(disks)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(disks) = &host.disks else { return };
    let plain = LabelBlock::default();
    for (column, (metric, in_unit)) in COLUMNS.iter().enumerate() {
        sink.family(metric);
        for disk in disks.iter().filter(|disk| column < disk.known) {
            sink.sample(&plain, &[("device", &disk.device)], in_unit(disk.columns[column]));
        }
    }
    diskinfo::collect(disks, sink);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernel_has_fewer_columns_and_partitions_are_left_out() {
        let exclude = Regex::new("^(loop|sda)\\d+$").unwrap();
        let text = b" 7 0 loop0 1 2 3\n 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n 8 1 sda1 1 2 3 4 5 6 7 8 9 10 11\n";
        let disks = parse(text, &exclude).unwrap();
        assert_eq!(disks.len(), 1);
        assert_eq!((disks[0].device.as_str(), disks[0].known, disks[0].columns[10]), ("sda", 11, 11));
        assert_eq!(disks[0].numbers, (8, 0));
        assert_eq!(parse(b" 8 0 sda x\n", &exclude), None);
        assert_eq!(parse(b"", &exclude), Some(Vec::new()));
    }
}
