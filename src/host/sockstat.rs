//! `node_sockstat_*`. Sources: `/proc/1/net/sockstat`, `sockstat6`.

use super::scan::{Finder, lines, number, words};
use crate::metrics::catalogue::Field;
use crate::metrics::catalogue::host::sockstat::FIELDS;
use crate::snapshot::host::Fields;

/// The word whose number counts pages.
const PAGES: &[u8] = b"mem";

/// Numbers collected from both files.
#[derive(Debug)]
pub(super) struct Numbers(Box<[Option<u64>]>);

impl Numbers {
    /// None yet.
    pub(super) fn new() -> Self {
        Numbers(vec![None; FIELDS.len()].into())
    }

    /// Adds those of a file: lines like `TCP: inuse 5 orphan 0`.
    pub(super) fn add(&mut self, text: &[u8], page_size: u64) -> Option<()> {
        let mut finder = Finder::new(FIELDS);
        for line in lines(text) {
            let mut words = words(line);
            let protocol = words.next()?.strip_suffix(b":")?;
            while let Some(word) = words.next() {
                let value = number(words.next()?)?;
                self.set(&mut finder, protocol, word, value);
                if word == PAGES {
                    self.set(&mut finder, protocol, b"mem_bytes", value.checked_mul(page_size)?);
                }
            }
        }
        Some(())
    }

    fn set(&mut self, finder: &mut Finder<'_, Field>, protocol: &[u8], word: &[u8], value: u64) {
        let fits = |field: &Field| {
            field.key.split_once('_').is_some_and(|(p, w)| p.as_bytes() == protocol && w.as_bytes() == word)
        };
        if let Some(index) = finder.find(fits) {
            self.0[index] = Some(value);
        }
    }

    /// The values of the table.
    pub(super) fn finish(self) -> Fields {
        Fields(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pages_are_given_in_bytes_too() {
        let mut numbers = Numbers::new();
        numbers.add(b"sockets: used 85\nTCP: inuse 5 mem 34\nSMC: inuse 1\n", 4096).unwrap();
        numbers.add(b"FRAG6: inuse 1 memory 2\n", 4096).unwrap();
        let value = |key: &str| FIELDS.iter().position(|field| field.key == key).and_then(|at| numbers.0[at]);
        assert_eq!(value("sockets_used"), Some(85));
        assert_eq!(value("TCP_mem"), Some(34));
        assert_eq!(value("TCP_mem_bytes"), Some(139_264));
        assert_eq!(value("FRAG6_memory"), Some(2));
        assert_eq!(value("UDP_inuse"), None);
        assert_eq!(Numbers::new().add(b"TCP: inuse\n", 4096), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_numbers_or_nothing(text in "([A-Z]{0,4}:? ?[a-z]{0,5} ?[0-9]{0,4}\n?){0,8}") {
            let _ = Numbers::new().add(text.as_bytes(), 4096);
        }
    }
}
