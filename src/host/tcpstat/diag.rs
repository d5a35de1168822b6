//! A dump of TCP sockets as `NETLINK_SOCK_DIAG` gives it: what is asked for, and what the
//! answer says. Layouts: the kernel's `netlink.h`, `inet_diag.h` and `tcp.h`; numbers are in the
//! machine's byte order, addresses in the network's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::io::Errno;

use crate::snapshot::host::TcpSockets;

/// More sockets than these are not read to the end: at about half a microsecond and half a
/// kilobyte each they would be a load of their own.
pub(super) const MOST_SOCKETS: usize = 100_000;

/// The length of a message's head, `struct nlmsghdr`.
const HEAD: usize = 16;

/// The length of what is asked, `struct inet_diag_req_v2`.
const REQUEST: usize = 56;

/// The length of a socket before its attributes, `struct inet_diag_msg`.
const SOCKET: usize = 72;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const IPPROTO_TCP: u8 = 6;

/// The attribute that holds a `struct tcp_info`.
const INET_DIAG_INFO: u16 = 2;

/// Every state that has a name, as a mask of their numbers.
const ALL_STATES: u32 = 0xfff;

/// Numbers of states.
const ESTABLISHED: u8 = 1;
const LISTEN: u8 = 10;

/// Where `struct tcp_info` has the milliseconds since the last acknowledgement came in.
const LAST_ACK_RECEIVED: usize = 56;

/// Where it has the smoothed round-trip time, in microseconds.
const RTT: usize = 68;

/// A version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Family {
    V4 = 2,
    V6 = 10,
}

/// Why a dump is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum DumpError {
    #[error("the kernel does not tell of TCP sockets ({0}); is its module `tcp_diag` there?")]
    Refused(Errno),
    #[error("the kernel's answer about TCP sockets makes no sense")]
    Malformed,
    #[error(
        "there are more than {MOST_SOCKETS} TCP sockets, which are not read; `node_sockstat_TCP_*` has their number"
    )]
    TooMany,
}

/// Asks for every TCP socket of a family, with what the kernel knows of its connection.
pub(super) fn request(family: Family) -> [u8; HEAD + REQUEST] {
    let mut request = [0; HEAD + REQUEST];
    let mut put = |at: usize, bytes: &[u8]| request[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &((HEAD + REQUEST) as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    put(HEAD, &[family as u8, IPPROTO_TCP, 1 << (INET_DIAG_INFO - 1)]);
    put(HEAD + 4, &ALL_STATES.to_ne_bytes());
    request
}

/// Adds sockets up.
#[derive(Debug)]
pub(super) struct Tally {
    sockets: TcpSockets,
    read: usize,
    /// Connections that were acknowledged something within this time are observed.
    active_within: Duration,
}

/// Whether a dump goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done,
}

impl Tally {
    /// With the round-trip times that were observed before.
    pub(super) fn new(before: &TcpSockets, active_within: Duration) -> Self {
        let rtt = before.rtt.clone();
        Tally { sockets: TcpSockets { rtt, ..TcpSockets::default() }, read: 0, active_within }
    }

    /// Adds what a datagram holds.
    pub(super) fn add(&mut self, datagram: &[u8]) -> Result<Progress, DumpError> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let length = u32_at(rest, 0).ok_or(DumpError::Malformed)? as usize;
            let kind = u16_at(rest, 4).ok_or(DumpError::Malformed)?;
            let content = rest.get(HEAD..length).ok_or(DumpError::Malformed)?;
            match kind {
                SOCK_DIAG_BY_FAMILY => self.socket(content).ok_or(DumpError::Malformed)?,
                // Both may carry a negative error; an error of 0 is an acknowledgement.
                NLMSG_DONE | NLMSG_ERROR => {
                    let error = u32_at(content, 0).map_or(0, |bits| bits.cast_signed());
                    if error < 0 {
                        return Err(DumpError::Refused(Errno::from_raw_os_error(error.saturating_neg())));
                    }
                    if kind == NLMSG_DONE {
                        return Ok(Progress::Done);
                    }
                }
                NLMSG_OVERRUN => return Err(DumpError::Malformed),
                _ => {}
            }
            if self.read > MOST_SOCKETS {
                return Err(DumpError::TooMany);
            }
            rest = rest.get(aligned(length)..).unwrap_or_default();
        }
        Ok(Progress::More)
    }

    /// The sums.
    pub(super) fn finish(self) -> TcpSockets {
        self.sockets
    }

    /// Adds a `struct inet_diag_msg` and its attributes.
    fn socket(&mut self, message: &[u8]) -> Option<()> {
        let fixed: &[u8; SOCKET] = message.first_chunk()?;
        let state = fixed[1];
        *self.sockets.states.get_mut(usize::from(state))? += 1;
        self.read += 1;
        // Of a socket that listens these are connections that wait, and how many may.
        if state != LISTEN {
            let (receive, send) = (u32_at(fixed, 56)?, u32_at(fixed, 60)?);
            self.sockets.rx_queued_bytes = self.sockets.rx_queued_bytes.saturating_add(receive.into());
            self.sockets.tx_queued_bytes = self.sockets.tx_queued_bytes.saturating_add(send.into());
        }
        if state == ESTABLISHED
            && let Some(info) = attribute(&message[SOCKET..], INET_DIAG_INFO)
        {
            self.observe(is_within_machine(fixed), info);
        }
        Some(())
    }

    /// Observes the round-trip time of a connection, if it is new since the last reading.
    fn observe(&mut self, within_machine: bool, tcp_info: &[u8]) {
        let (Some(quiet_ms), Some(rtt_us)) = (u32_at(tcp_info, LAST_ACK_RECEIVED), u32_at(tcp_info, RTT))
        else {
            return;
        };
        // None has been measured yet.
        if rtt_us == 0 || Duration::from_millis(quiet_ms.into()) > self.active_within {
            return;
        }
        let [local, remote] = &mut self.sockets.rtt;
        let histogram = if within_machine { local } else { remote };
        histogram.observe(f64::from(rtt_us) / 1e6);
    }
}

/// Whether both ends of a connection are on this machine.
fn is_within_machine(socket: &[u8; SOCKET]) -> bool {
    let address = |at: usize| match socket[0] {
        family if family == Family::V4 as u8 => {
            socket[at..].first_chunk::<4>().map(|bytes| IpAddr::from(Ipv4Addr::from(*bytes)))
        }
        _ => socket[at..].first_chunk::<16>().map(|bytes| Ipv6Addr::from(*bytes).to_canonical()),
    };
    let (own, peer) = (address(8), address(24));
    own == peer || peer.is_some_and(|peer| peer.is_loopback())
}

/// The first attribute of a kind.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let content = attributes.get(4..length)?;
        if u16_at(attributes, 2)? == wanted {
            return Some(content);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

/// Messages and attributes begin at multiples of four.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message with a head.
    fn message(kind: u16, content: &[u8]) -> Vec<u8> {
        let mut message = ((HEAD + content.len()) as u32).to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.resize(HEAD, 0);
        message.extend(content);
        message.resize(aligned(message.len()), 0);
        message
    }

    /// A socket between two addresses, with queues, and the time since an acknowledgement came
    /// in milliseconds and the round-trip time in microseconds if it is connected.
    fn socket(state: u8, ends: [IpAddr; 2], queues: [u32; 2], info: Option<[u32; 2]>) -> Vec<u8> {
        let mut content = vec![0; SOCKET];
        content[0] = if ends[0].is_ipv4() { Family::V4 as u8 } else { Family::V6 as u8 };
        content[1] = state;
        for (at, end) in [8, 24].into_iter().zip(ends) {
            match end {
                IpAddr::V4(address) => content[at..at + 4].copy_from_slice(&address.octets()),
                IpAddr::V6(address) => content[at..at + 16].copy_from_slice(&address.octets()),
            }
        }
        content[56..60].copy_from_slice(&queues[0].to_ne_bytes());
        content[60..64].copy_from_slice(&queues[1].to_ne_bytes());
        // Another attribute first, of an odd length.
        content.extend([5, 0, 8, 0, 1, 0, 0, 0]);
        if let Some([quiet_ms, rtt_us]) = info {
            let mut info = vec![0; 104];
            info[LAST_ACK_RECEIVED..LAST_ACK_RECEIVED + 4].copy_from_slice(&quiet_ms.to_ne_bytes());
            info[RTT..RTT + 4].copy_from_slice(&rtt_us.to_ne_bytes());
            content.extend(((info.len() + 4) as u16).to_ne_bytes());
            content.extend(INET_DIAG_INFO.to_ne_bytes());
            content.extend(info);
        }
        message(SOCK_DIAG_BY_FAMILY, &content)
    }

    fn ends(own: &str, peer: &str) -> [IpAddr; 2] {
        [own, peer].map(|address| address.parse().unwrap())
    }

    fn dump() -> Vec<u8> {
        [
            socket(LISTEN, ends("0.0.0.0", "0.0.0.0"), [3, 4096], None),
            socket(ESTABLISHED, ends("192.0.2.1", "198.51.100.7"), [10, 200], Some([5, 30_000])),
            socket(ESTABLISHED, ends("127.0.0.1", "127.0.0.1"), [0, 0], Some([999, 40])),
            // Quiet since before the last reading.
            socket(ESTABLISHED, ends("192.0.2.1", "198.51.100.8"), [0, 0], Some([1001, 30_000])),
            // Not measured yet.
            socket(ESTABLISHED, ends("192.0.2.1", "198.51.100.9"), [1, 0], Some([0, 0])),
            socket(ESTABLISHED, ends("2001:db8::1", "2001:db8::1"), [0, 0], Some([0, 60])),
            socket(ESTABLISHED, ends("::ffff:192.0.2.1", "::ffff:127.0.0.1"), [0, 0], Some([0, 80])),
            socket(6, ends("192.0.2.1", "198.51.100.7"), [0, 0], None),
        ]
        .concat()
    }

    /// What the hand-made dump says.
    pub(crate) fn example() -> TcpSockets {
        let mut tally = Tally::new(&TcpSockets::default(), Duration::from_secs(1));
        assert_eq!(tally.add(&dump()), Ok(Progress::More));
        assert_eq!(tally.add(&message(NLMSG_DONE, &[0; 4])), Ok(Progress::Done));
        tally.finish()
    }

    #[test]
    fn sockets_are_counted_by_state_and_active_connections_observed() {
        let sockets = example();
        let mut states = [0; TcpSockets::STATES.len()];
        (states[1], states[6], states[10]) = (6, 1, 1);
        assert_eq!(sockets.states, states);
        assert_eq!((sockets.rx_queued_bytes, sockets.tx_queued_bytes), (11, 200));
        let [local, remote] = &sockets.rtt;
        assert_eq!((local.count(), remote.count()), (3, 1));
        assert!((local.sum() - 0.000_18).abs() < 1e-12);
        assert!((remote.sum() - 0.03).abs() < 1e-12);
    }

    #[test]
    fn observations_add_up_over_readings_and_states_do_not() {
        let mut tally = Tally::new(&example(), Duration::from_secs(1));
        tally.add(&dump()).unwrap();
        let sockets = tally.finish();
        assert_eq!((sockets.states[1], sockets.rtt[0].count()), (6, 6));
    }

    #[test]
    fn what_the_kernel_refuses_is_said() {
        let mut tally = Tally::new(&TcpSockets::default(), Duration::ZERO);
        let refusal = message(NLMSG_ERROR, &(-2_i32).to_ne_bytes());
        assert_eq!(tally.add(&refusal), Err(DumpError::Refused(Errno::NOENT)));
        let broken_off = message(NLMSG_DONE, &(-4_i32).to_ne_bytes());
        assert_eq!(tally.add(&broken_off), Err(DumpError::Refused(Errno::INTR)));
        for wrong in [&dump()[..40], &[1, 0, 0], &socket(99, ends("::1", "::1"), [0; 2], None)] {
            assert_eq!(tally.add(wrong), Err(DumpError::Malformed));
        }
    }

    #[test]
    fn a_dump_without_end_is_given_up() {
        let mut tally = Tally::new(&TcpSockets::default(), Duration::ZERO);
        let one = socket(6, ends("::1", "::1"), [0; 2], None);
        let added = (0..=MOST_SOCKETS).try_for_each(|_| tally.add(&one).map(drop));
        assert_eq!(added, Err(DumpError::TooMany));
    }

    proptest! {
        #[test]
        fn any_bytes_are_sockets_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut tally = Tally::new(&TcpSockets::default(), Duration::from_secs(1));
            let _ = tally.add(&bytes);
            let _ = tally.add(&message(SOCK_DIAG_BY_FAMILY, &bytes));
        }

        #[test]
        fn a_dump_with_changed_bytes_is_sockets_or_an_error(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
            let mut bytes = dump();
            for (place, byte) in changes {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            let _ = Tally::new(&TcpSockets::default(), Duration::from_secs(1)).add(&bytes);
        }
    }
}
