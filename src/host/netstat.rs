//! `node_netstat_*`: counters of protocols, retransmits among them.
//!
//! Sources: `/proc/1/net/netstat` and `snmp`, where a line of names stands before a line of
//! values, and `snmp6`, where each line is a name and a value.

use super::scan::{Finder, lines, number, words};
use crate::metrics::catalogue::Field;
use crate::metrics::catalogue::host::netstat::FIELDS;
use crate::snapshot::host::Fields;

/// Counters collected from several files.
#[derive(Debug)]
pub(super) struct Counters(Box<[Option<u64>]>);

impl Counters {
    /// None yet.
    pub(super) fn new() -> Self {
        Counters(vec![None; FIELDS.len()].into())
    }

    /// Adds those of `netstat` or `snmp`.
    pub(super) fn add_pairs(&mut self, text: &[u8]) -> Option<()> {
        let mut lines = lines(text);
        while let Some(names) = lines.next() {
            let values = lines.next()?;
            let (mut names, mut values) = (words(names), words(values));
            let head = names.next()?;
            if values.next()? != head {
                return None;
            }
            let protocol = head.strip_suffix(b":")?;
            let Some((start, fields)) = of_protocol(protocol) else { continue };
            let mut finder = Finder::new(fields);
            for name in names {
                let value = values.next()?;
                if let Some(index) = finder.find(|field| is(field, protocol, name)) {
                    self.0[start + index] = Some(number(value)?);
                }
            }
        }
        Some(())
    }

    /// Adds those of `snmp6`.
    pub(super) fn add_lines(&mut self, text: &[u8]) -> Option<()> {
        let mut finder = Finder::new(FIELDS);
        for line in lines(text) {
            let mut words = words(line);
            let Some(name) = words.next() else { continue };
            let Some(protocol) = memchr::memchr(b'6', name).map(|six| six + 1) else { continue };
            let (protocol, name) = name.split_at(protocol);
            if let Some(index) = finder.find(|field| is(field, protocol, name)) {
                self.0[index] = Some(number(words.next()?)?);
            }
        }
        Some(())
    }

    /// The values of the table.
    pub(super) fn finish(self) -> Fields {
        Fields(self.0)
    }
}

/// The fields of a protocol, which stand together in the table, and where they begin.
fn of_protocol(protocol: &[u8]) -> Option<(usize, &'static [Field])> {
    let start = FIELDS.iter().position(|field| is_of(field, protocol))?;
    let length = FIELDS[start..].iter().take_while(|field| is_of(field, protocol)).count();
    Some((start, &FIELDS[start..start + length]))
}

/// Whether a field is the one of this name; the files have far more than are shown, and lengths
/// alone tell most of them apart.
fn is(field: &Field, protocol: &[u8], name: &[u8]) -> bool {
    let key = field.key.as_bytes();
    key.len() == protocol.len() + 1 + name.len() && key.ends_with(name) && is_of(field, protocol)
}

/// Whether a field is of this protocol: keys are protocol, `_` and name.
fn is_of(field: &Field, protocol: &[u8]) -> bool {
    field.key.as_bytes().strip_prefix(protocol).is_some_and(|rest| rest.starts_with(b"_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(counters: &Counters, key: &str) -> Option<u64> {
        FIELDS.iter().position(|field| field.key == key).and_then(|at| counters.0[at])
    }

    #[test]
    fn the_files_are_read_by_their_names() {
        let mut counters = Counters::new();
        counters
            .add_pairs(b"Ip: Forwarding DefaultTTL\nIp: 1 64\nTcp: MaxConn RetransSegs InErrs\nTcp: -1 7 8\nIcmpMsg: \nIcmpMsg: \n")
            .unwrap();
        counters.add_lines(b"Ip6InOctets    \t9\nUdpLite6InErrors 10\nnothing\nIp6InReceives 3\n").unwrap();
        assert_eq!(value(&counters, "Ip_Forwarding"), Some(1));
        assert_eq!(value(&counters, "Tcp_RetransSegs"), Some(7));
        assert_eq!(value(&counters, "Tcp_InErrs"), Some(8));
        assert_eq!(value(&counters, "Ip6_InOctets"), Some(9));
        assert_eq!(value(&counters, "UdpLite6_InErrors"), Some(10));
        assert_eq!(value(&counters, "TcpExt_ListenDrops"), None);
    }

    #[test]
    fn lines_that_do_not_belong_together_are_refused() {
        for wrong in [
            &b"Tcp: InErrs\nUdp: 1\n"[..],
            b"Tcp: InErrs\n",
            b"Tcp: InErrs\nTcp:\n",
            b"Tcp: InErrs\nTcp: x\n",
        ] {
            assert_eq!(Counters::new().add_pairs(wrong), None);
        }
    }

    fn protocol_of(field: &Field) -> &'static str {
        field.key.split_once('_').unwrap().0
    }

    #[test]
    fn a_field_is_known_by_protocol_and_name() {
        let field = FIELDS.iter().find(|field| field.key == "TcpExt_ListenDrops").unwrap();
        assert!(is(field, b"TcpExt", b"ListenDrops"));
        for (protocol, name) in
            [("Tcp", "xt_ListenDrops"), ("TcpExt", "ListenDropt"), ("UdpExt", "ListenDrops")]
        {
            assert!(!is(field, protocol.as_bytes(), name.as_bytes()), "{protocol} {name}");
        }
    }

    #[test]
    fn the_fields_of_a_protocol_stand_together() {
        for field in FIELDS {
            let (start, fields) = of_protocol(protocol_of(field).as_bytes()).unwrap();
            let all = FIELDS.iter().filter(|other| protocol_of(other) == protocol_of(field)).count();
            assert_eq!(fields.len(), all, "{} stands apart from {}", field.key, FIELDS[start].key);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_counters_or_nothing(text in "([A-Za-z6]{0,6}:? ?[0-9 -]{0,8}\n?){0,8}") {
            let mut counters = Counters::new();
            let _ = counters.add_pairs(text.as_bytes());
            let _ = counters.add_lines(text.as_bytes());
        }
    }
}
