//! `node_udp_queues`: bytes that wait in UDP sockets. Sources: `/proc/1/net/udp`, `udp6`, a
//! line for each socket with both queues as hexadecimal `tx:rx`.

use super::scan::{hexadecimal, lines, words};
use crate::metrics::catalogue::host as c;
use crate::metrics::{LabelBlock, Sink, Value};
use crate::snapshot::host::Host;

/// Where the queues stand.
const QUEUES: usize = 4;

/// What waits to be sent, and what was received and waits, in all sockets of a file.
pub(super) fn parse(udp: &[u8]) -> Option<(u64, u64)> {
    let mut sums = (0_u64, 0_u64);
    for line in lines(udp).skip(1) {
        let queues = words(line).nth(QUEUES)?;
        let colon = memchr::memchr(b':', queues)?;
        sums.0 = sums.0.saturating_add(hexadecimal(&queues[..colon])?);
        sums.1 = sums.1.saturating_add(hexadecimal(&queues[colon + 1..])?);
    }
    Some(sums)
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(queues) = host.udp_queues else { return };
    sink.family(&c::UDP_QUEUES);
    for (ip, sums) in [("v4", queues.v4), ("v6", queues.v6)] {
        let Some((transmit, receive)) = sums else { continue };
        for (queue, bytes) in [("tx", transmit), ("rx", receive)] {
            sink.sample(&LabelBlock::default(), &[("queue", queue), ("ip", ip)], Value::Int(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn queues_of_all_sockets_are_added_up() {
        let text = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n  11: 0100007F:0035 00000000:0000 07 00000010:0000A000 00:00000000 00000000\n  12: 00000000:0044 00000000:0000 07 00000001:00000002 00:00000000 00000000\n";
        assert_eq!(parse(text), Some((17, 40_962)));
        assert_eq!(parse(b"heads\n"), Some((0, 0)));
        assert_eq!(parse(b"heads\n 1: a b 07 0001\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_sums_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&[b"heads\n", &text[..]].concat());
        }
    }
}
