//! `node_nf_conntrack_*`: tracking of connections.
//!
//! Sources: `/proc/1/net/stat/nf_conntrack`, whose columns are named in its first line, with a
//! line for each core; `/proc/sys/net/netfilter/nf_conntrack_max`. The number of entries is
//! read there too, since the file of its own shows the reader's network, not the host's.

use super::scan::{hexadecimal, lines, number, words};
use super::show;
use crate::metrics::catalogue::host as c;
use crate::metrics::{Metric, Sink, Value};
use crate::snapshot::host::{Conntrack, Host};

/// The counts that are shown, by the names of their columns.
static COUNTS: [(&[u8], &Metric); 8] = [
    (b"found", &c::CONNTRACK_FOUND),
    (b"invalid", &c::CONNTRACK_INVALID),
    (b"ignore", &c::CONNTRACK_IGNORE),
    (b"insert", &c::CONNTRACK_INSERT),
    (b"insert_failed", &c::CONNTRACK_INSERT_FAILED),
    (b"drop", &c::CONNTRACK_DROP),
    (b"early_drop", &c::CONNTRACK_EARLY_DROP),
    (b"search_restart", &c::CONNTRACK_SEARCH_RESTART),
];

/// Entries, and counts of all cores together.
pub(super) fn parse(stat: &[u8]) -> Option<Conntrack> {
    let mut lines = lines(stat);
    let names: Vec<&[u8]> = words(lines.next()?).collect();
    let place = |name: &[u8]| names.iter().position(|one| *one == name);
    let entries = place(b"entries")?;
    let places = COUNTS.map(|(name, _)| place(name));
    let mut seen = None::<Conntrack>;
    for line in lines {
        let values = words(line).map(hexadecimal).collect::<Option<Vec<u64>>>()?;
        let all = seen.get_or_insert_with(Conntrack::default);
        // The same in every line.
        all.entries = *values.get(entries)?;
        for (count, place) in all.counts.iter_mut().zip(places) {
            if let Some(place) = place {
                *count = count.wrapping_add(*values.get(place)?);
            }
        }
    }
    seen
}

/// The limit.
pub(super) fn parse_limit(max: &[u8]) -> Option<u64> {
    number(max.trim_ascii_end())
}

pub(super) fn collect(host: &Host, sink: &mut dyn Sink) {
    let Some(conntrack) = &host.conntrack else { return };
    show(sink, &c::CONNTRACK_ENTRIES, Some(Value::Int(conntrack.entries)));
    show(sink, &c::CONNTRACK_LIMIT, conntrack.limit.map(Value::Int));
    for ((_, metric), count) in COUNTS.iter().zip(conntrack.counts) {
        show(sink, metric, Some(Value::Int(count)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_cores_are_added_and_entries_are_not() {
        let text = b"entries  found new invalid drop\n0000000a  00000001 00000000 00000002 00000010\n0000000a  00000001 00000000 00000003 00000001\n";
        let conntrack = parse(text).unwrap();
        assert_eq!(conntrack.entries, 10);
        assert_eq!(conntrack.counts, [2, 5, 0, 0, 0, 17, 0, 0]);
        for wrong in [&b""[..], b"found\n1\n", b"entries found\n1\n", b"entries\nx\n", b"entries\n"] {
            assert_eq!(parse(wrong), None);
        }
    }
}
