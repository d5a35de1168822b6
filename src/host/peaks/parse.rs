//! Just what samples need of the kernel's files.

use crate::host::scan::{lines, number, words};

/// A line of a file about devices.
pub(super) enum Line<'t, const N: usize> {
    /// It is about none.
    None,
    /// A device; its counters are `None` if they make no sense, and read only where asked for.
    Device { name: &'t [u8], counters: Counters<'t, N> },
}

/// The counters of a device, not looked at yet.
pub(super) struct Counters<'t, const N: usize> {
    text: &'t [u8],
    read: fn(&[u8]) -> Option<[u64; N]>,
}

impl<const N: usize> Counters<'_, N> {
    pub(super) fn read(&self) -> Option<[u64; N]> {
        (self.read)(self.text)
    }
}

/// The columns of `/proc/stat` in which a core works: user, nice, system, irq, softirq.
const BUSY: [usize; 5] = [0, 1, 2, 5, 6];

/// The time that all cores together have worked, in ticks, from the line of all of them.
pub(super) fn busy_ticks(stat: &[u8]) -> Option<u64> {
    let columns = words(lines(stat).next()?.strip_prefix(b"cpu ")?);
    let mut ticks = 0_u64;
    for (column, word) in columns.enumerate().take(BUSY[4] + 1) {
        if BUSY.contains(&column) {
            ticks = ticks.saturating_add(number(word)?);
        }
    }
    Some(ticks)
}

/// `MemTotal` less `MemAvailable`, in bytes.
pub(super) fn memory_used(meminfo: &[u8]) -> Option<u64> {
    let (mut total, mut available) = (None, None);
    for line in lines(meminfo) {
        let mut words = words(line);
        let field = match words.next()? {
            b"MemTotal:" => &mut total,
            b"MemAvailable:" => &mut available,
            _ => continue,
        };
        *field = number(words.next()?);
        if total.is_some() && available.is_some() {
            break;
        }
    }
    Some(total?.saturating_sub(available?).saturating_mul(1024))
}

/// A line `8 0 sda …` of `diskstats`: milliseconds busy, sectors read and written, operations
/// (reads, writes and, from Linux 4.18 on, discards).
pub(super) fn disk(line: &[u8]) -> Line<'_, 4> {
    let Some(name) = words(line).nth(2) else { return Line::None };
    let read = |line: &[u8]| {
        let mut columns = [0; 12];
        for (column, word) in columns.iter_mut().zip(words(line).skip(3)) {
            *column = number(word)?;
        }
        let [reads, _, read, _, writes, _, written, _, _, busy, _, discards] = columns;
        Some([busy, read, written, reads.saturating_add(writes).saturating_add(discards)])
    };
    Line::Device { name, counters: Counters { text: line, read } }
}

/// A line `eth0: …` of `net/dev`: bytes received and sent.
pub(super) fn network(line: &[u8]) -> Line<'_, 2> {
    // The two lines of headings have none.
    let Some(colon) = memchr::memchr(b':', line) else { return Line::None };
    let read = |columns: &[u8]| {
        let mut columns = words(columns);
        let received = number(columns.next()?)?;
        Some([received, number(columns.nth(7)?)?])
    };
    let counters = Counters { text: &line[colon + 1..], read };
    Line::Device { name: line[..colon].trim_ascii(), counters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counters<const N: usize>(line: Line<'_, N>) -> Option<(String, Option<[u64; N]>)> {
        match line {
            Line::None => None,
            Line::Device { name, counters } => {
                Some((String::from_utf8_lossy(name).into_owned(), counters.read()))
            }
        }
    }

    #[test]
    fn a_core_that_is_idle_waits_or_is_not_given_does_not_work() {
        assert_eq!(busy_ticks(b"cpu  1 2 4 1000 1000 8 16 1000 1 2\ncpu0 9 9 9 9\n"), Some(31));
        assert_eq!(busy_ticks(b"cpu  1 2 4 1000\n"), Some(7), "an old kernel");
        assert_eq!(busy_ticks(b"cpu0 1 2 3 4\n"), None);
        assert_eq!(busy_ticks(b"cpu  1 x\n"), None);
    }

    #[test]
    fn memory_in_use_is_what_is_not_available() {
        let text = b"MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 30 kB\nBuffers: x\n";
        assert_eq!(memory_used(text), Some(70 << 10));
        assert_eq!(memory_used(b"MemTotal: 100 kB\n"), None);
    }

    #[test]
    fn devices_have_the_counters_of_their_lines() {
        let line = b" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15";
        assert_eq!(counters(disk(line)), Some(("sda".into(), Some([10, 3, 7, 1 + 5 + 12]))));
        assert_eq!(counters(disk(b" 8 0 sdb 1 2 3 4 5 6 7 8 9 10 11")).unwrap().1, Some([10, 3, 7, 6]));
        assert_eq!(counters(disk(b" 8 0 sdb x")), Some(("sdb".into(), None)));
        let line = b"  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        assert_eq!(counters(network(line)), Some(("eth0".into(), Some([1, 9]))));
        assert_eq!(counters(network(b"eth0:7 2")), Some(("eth0".into(), None)));
        assert_eq!(counters(network(b" face |bytes")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_numbers_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            busy_ticks(&[b"cpu ", &text[..]].concat());
            memory_used(&text);
            counters(disk(&text));
            counters(network(&text));
        }
    }
}
