//! `node_memory_*`. Source: `/proc/meminfo`.

use super::scan::{Finder, lines, number, words};
use crate::metrics::catalogue::host::meminfo::FIELDS;
use crate::snapshot::host::Fields;

/// The fields of the table; what is given in kB comes out in bytes.
pub(super) fn parse(meminfo: &[u8]) -> Option<Fields> {
    let mut values = vec![None; FIELDS.len()];
    let mut finder = Finder::new(FIELDS);
    for line in lines(meminfo) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let Some(index) = finder.find(|field| field.key.as_bytes() == &line[..colon]) else { continue };
        let mut words = words(&line[colon + 1..]);
        let value = words.next().and_then(number)?;
        values[index] = match words.next() {
            Some(b"kB") => Some(value.checked_mul(1024)?),
            _ => Some(value),
        };
    }
    values.iter().any(Option::is_some).then(|| Fields(values.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(fields: &Fields, name: &str) -> Option<u64> {
        FIELDS.iter().zip(&fields.0).find(|(field, _)| field.metric.name == name)?.1.to_owned()
    }

    #[test]
    fn kilobytes_become_bytes_and_counts_stay() {
        let text = b"MemTotal:  2048 kB\nActive(anon):  1 kB\nHugePages_Total:  7\nBalloon: 3 kB\n";
        let fields = parse(text).unwrap();
        assert_eq!(value(&fields, "node_memory_MemTotal_bytes"), Some(2_097_152));
        assert_eq!(value(&fields, "node_memory_Active_anon_bytes"), Some(1024));
        assert_eq!(value(&fields, "node_memory_HugePages_Total"), Some(7));
        assert_eq!(value(&fields, "node_memory_MemFree_bytes"), None);
        assert_eq!(parse(b"MemTotal: x kB\n"), None);
        assert_eq!(parse(b""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_fields_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&text);
            parse(&[b"MemTotal:", &text[..]].concat());
        }
    }
}
