//! Traffic of a container's network namespace.
//!
//! Sources: `/proc/PID/net/dev` and `/proc/PID/net/snmp` (`proc(5)`). The files are opened at
//! every read: a held one would keep the namespace alive after the container. Only the exact
//! name `lo` is left out.

use std::collections::HashSet;
use std::sync::Arc;

use super::parse::digits;
use crate::snapshot::{Interface, Traffic};

/// Namespaces name their interfaces alike; beyond this many names the memory is started anew.
const MOST_NAMES: usize = 1024;

/// Interface names, each kept once.
#[derive(Debug, Default)]
pub struct InterfaceNames(HashSet<Arc<str>>);

impl InterfaceNames {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        if self.0.len() >= MOST_NAMES {
            self.0.clear();
        }
        let name: Arc<str> = Arc::from(name);
        self.0.insert(name.clone());
        name
    }
}

/// What `/proc/PID/net/dev` says.
#[derive(Debug, Default)]
pub struct NetDev {
    /// Every interface but `lo`.
    pub interfaces: Vec<Interface>,
    /// Packets of all interfaces, `lo` included, in both directions: while this stands still,
    /// nothing has happened in the namespace.
    pub packets: u64,
}

/// `/proc/PID/net/dev`: a line an interface, eight numbers a direction. A line without sense
/// costs that interface.
pub fn net_dev(text: &[u8], names: &mut InterfaceNames) -> NetDev {
    let mut packets: u64 = 0;
    let interface = |line: &[u8]| {
        let colon = memchr::memrchr(b':', line)?;
        let name = std::str::from_utf8(line[..colon].trim_ascii()).ok()?;
        let mut numbers = [0; 16];
        let mut words = line[colon + 1..].split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        for number in &mut numbers {
            *number = digits(words.next()?)?;
        }
        let traffic = |n: &[u64]| Traffic { bytes: n[0], packets: n[1], errors: n[2], dropped: n[3] };
        let (receive, transmit) = (traffic(&numbers[..8]), traffic(&numbers[8..]));
        packets = packets.wrapping_add(receive.packets).wrapping_add(transmit.packets);
        if name == "lo" || name.is_empty() {
            return None;
        }
        Some(Interface { name: names.get(name), receive, transmit })
    };
    let interfaces = text.split(|byte| *byte == b'\n').filter_map(interface).collect();
    NetDev { interfaces, packets }
}

/// `Tcp: CurrEstab` of `/proc/PID/net/snmp`: connections established now. The names stand in
/// one line and the numbers in the next.
pub fn tcp_established(text: &[u8]) -> Option<u64> {
    let mut lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"Tcp: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let column = names.split(|byte| *byte == b' ').position(|name| name == b"CurrEstab")?;
    digits(values.split(|byte| *byte == b' ').nth(column)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NET_DEV: &[u8] = b"Inter-|   Receive                            |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:     900   9    0    0    0     0          0         0      900   9    0    0    0     0       0          0
  eth0:    1536  12    1    2    0     0          0         0      768   6    3    4    0     0       0          0
 wrong: 1 2
";

    #[test]
    fn every_interface_but_lo_counts_and_a_broken_line_costs_itself() {
        let NetDev { interfaces: found, packets } = net_dev(NET_DEV, &mut InterfaceNames::default());
        assert_eq!(packets, 9 + 9 + 12 + 6, "of `lo`, too");
        assert_eq!(found.len(), 1);
        assert_eq!(&*found[0].name, "eth0");
        assert_eq!(found[0].receive, Traffic { bytes: 1536, packets: 12, errors: 1, dropped: 2 });
        assert_eq!(found[0].transmit, Traffic { bytes: 768, packets: 6, errors: 3, dropped: 4 });
    }

    #[test]
    fn established_connections_are_found_by_name() {
        let text = b"Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm MaxConn CurrEstab InSegs\nTcp: 1 -1 5 30\n";
        assert_eq!(tcp_established(text), Some(5));
        assert_eq!(tcp_established(b"Tcp: MaxConn\nTcp: -1\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_traffic_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            net_dev(&text, &mut InterfaceNames::default());
            tcp_established(&text);
        }
    }
}
