//! `node_arp_entries`: IPv4 neighbours by network device. Source: `/proc/1/net/arp`, a line of
//! heads and one for each neighbour, with the device as its last word.

use regex::Regex;

use super::scan::{lines, text, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::host::Host;

/// Where the name of the device stands.
const DEVICE: usize = 5;

/// How many neighbours each device has whose name does not fit `exclude`, by name.
pub(super) fn parse(arp: &[u8], exclude: &Regex) -> Option<Vec<(String, u64)>> {
    let mut devices: Vec<(String, u64)> = Vec::new();
    for line in lines(arp).skip(1) {
        let device = text(words(line).nth(DEVICE)?);
        match devices.iter_mut().find(|(name, _)| *name == device) {
            Some((_, entries)) => *entries += 1,
            None if exclude.is_match(&device) => {}
            None => devices.push((device, 1)),
        }
    }
    devices.sort();
    Some(devices)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    sink.family(&c::ARP_ENTRIES);
    for (device, entries) in host.arp.iter().flatten() {
        sink.sample(&LabelBlock::default(), &[("device", device)], Value::Int(*entries));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_counted_by_device() {
        let exclude = Regex::new("^br-").unwrap();
        let text = "IP address       HW type     Flags       HW address            Mask     Device\n\
                    192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n\
                    172.17.0.2       0x1         0x0         00:00:00:00:00:00     *        docker0\n\
                    172.18.0.2       0x1         0x2         02:fc:00:00:00:07     *        br-1\n\
                    192.0.2.9        0x1         0x2         02:fc:00:00:00:06     *        eth0\n";
        let expected = vec![("docker0".to_owned(), 1), ("eth0".to_owned(), 2)];
        assert_eq!(parse(text.as_bytes(), &exclude), Some(expected));
        assert_eq!(parse(b"", &exclude), Some(Vec::new()));
        assert_eq!(parse(b"heads\n192.0.2.1 0x1\n", &exclude), None);
    }
}
