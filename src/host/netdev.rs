//! `node_network_*_total`: traffic of network devices. Source: `/proc/1/net/dev`, which shows
//! the host's network also to a container with a network of its own, and one counter that it
//! does not have, `/sys/class/net/DEVICE/statistics/rx_nohandler`.

use std::collections::BTreeMap;

use regex::Regex;

use super::file::{HostFile, Shape};
use super::scan::{lines, number, text, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Metric, Sink, Value};
use crate::paths::Paths;
use crate::snapshot::host::{Host, NetDevice};

/// The families of the columns, in their order.
static COLUMNS: [&Metric; 16] = [
    &c::NETDEV_RECEIVE_BYTES,
    &c::NETDEV_RECEIVE_PACKETS,
    &c::NETDEV_RECEIVE_ERRS,
    &c::NETDEV_RECEIVE_DROP,
    &c::NETDEV_RECEIVE_FIFO,
    &c::NETDEV_RECEIVE_FRAME,
    &c::NETDEV_RECEIVE_COMPRESSED,
    &c::NETDEV_RECEIVE_MULTICAST,
    &c::NETDEV_TRANSMIT_BYTES,
    &c::NETDEV_TRANSMIT_PACKETS,
    &c::NETDEV_TRANSMIT_ERRS,
    &c::NETDEV_TRANSMIT_DROP,
    &c::NETDEV_TRANSMIT_FIFO,
    &c::NETDEV_TRANSMIT_COLLS,
    &c::NETDEV_TRANSMIT_CARRIER,
    &c::NETDEV_TRANSMIT_COMPRESSED,
];

/// Lines before the first device.
const HEADERS: usize = 2;

/// The devices whose names do not fit `exclude`.
pub(super) fn parse(dev: &[u8], exclude: &Regex) -> Option<Vec<NetDevice>> {
    let mut devices = Vec::new();
    for line in lines(dev).skip(HEADERS) {
        let colon = memchr::memchr(b':', line)?;
        let device = text(line[..colon].trim_ascii());
        if exclude.is_match(&device) {
            continue;
        }
        let mut words = words(&line[colon + 1..]);
        let mut columns = [0; 16];
        for column in &mut columns {
            *column = number(words.next()?)?;
        }
        devices.push(NetDevice { device, columns, nohandler: None });
    }
    Some(devices)
}

/// The files of the counter that `/proc/1/net/dev` does not have, by device.
#[derive(Debug)]
pub(super) struct Nohandler {
    paths: Paths,
    files: BTreeMap<String, HostFile>,
}

impl Nohandler {
    pub(super) fn new(paths: Paths) -> Self {
        Nohandler { paths, files: BTreeMap::new() }
    }

    /// Fills it in; a device that is gone, or a kernel before 4.6, does not have it.
    pub(super) fn read(&mut self, devices: &mut [NetDevice], buffer: &mut Vec<u8>) {
        let mut before = std::mem::take(&mut self.files);
        for device in devices {
            let path = || self.paths.sys("class/net").join(&device.device).join("statistics/rx_nohandler");
            let file = before.remove(&device.device);
            let mut file = file.unwrap_or_else(|| HostFile::new(path(), Shape::Whole));
            let counted = file.parse(buffer, |text| number(text.trim_ascii_end()));
            device.nohandler = counted.ok().flatten();
            self.files.insert(device.device.clone(), file);
        }
    }
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(devices) = &host.netdev else { return };
    let plain = LabelBlock::default();
    for (column, metric) in COLUMNS.iter().enumerate() {
        sink.family(metric);
        for device in devices {
            sink.sample(&plain, &[("device", &device.device)], Value::Int(device.columns[column]));
        }
    }
    sink.family(&c::NETDEV_RECEIVE_NOHANDLER);
    for device in devices {
        if let Some(packets) = device.nohandler {
            sink.sample(&plain, &[("device", &device.device)], Value::Int(packets));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lived_devices_of_containers_are_left_out() {
        let exclude = Regex::new("^veth").unwrap();
        let text = "Inter-|\n face |\n  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nveth1: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        let devices = parse(text.as_bytes(), &exclude).unwrap();
        assert_eq!(devices.len(), 1);
        assert_eq!(devices[0].device, "eth0");
        assert_eq!(devices[0].columns, std::array::from_fn(|index| index as u64 + 1));
        assert_eq!(parse(b"a\nb\neth0: 1 2\n", &exclude), None);
        assert_eq!(parse(b"a\nb\nnothing\n", &exclude), None);
    }
}
