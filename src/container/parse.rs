//! Pure parsers of the kernel's files about a cgroup: bytes to numbers.
//!
//! Sources: the kernel's `admin-guide/cgroup-v2.rst`, `admin-guide/cgroup-v1/*.rst` and
//! `accounting/psi.rst`. Any bytes give a value or `None`, never a panic; unknown keys are
//! passed over, because kernels add some with every release.

use crate::snapshot::{MemoryEvents, Stall};

/// Finds the one number that a file is read for.
pub type Number = fn(&[u8]) -> Option<u64>;

/// A single number, as in `memory.current`.
pub fn number(text: &[u8]) -> Option<u64> {
    digits(text.trim_ascii())
}

/// A single number or `max`, as in `pids.max`; `max` is `Some(None)`.
pub fn number_or_max(text: &[u8]) -> Option<Option<u64>> {
    match text.trim_ascii() {
        b"max" => Some(None),
        text => digits(text).map(Some),
    }
}

/// The number of one key of a flat keyed file; what lies behind it is not looked at.
fn value_of(text: &[u8], key: &[u8]) -> Option<u64> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(key)?.strip_prefix(b" "));
    digits(line?.trim_ascii())
}

/// `usage_usec` of `cpu.stat`, in microseconds.
pub fn usage_usec(text: &[u8]) -> Option<u64> {
    value_of(text, b"usage_usec")
}

/// `oom_kill` of `memory.events` and of v1's `memory.oom_control`; Linux before 4.13 does not count.
pub fn oom_kills(text: &[u8]) -> Option<u64> {
    value_of(text, b"oom_kill")
}

/// How many lines a file has, as in `cgroup.procs`.
pub fn lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Calls `found` with every key and number of a flat keyed file, as in `memory.stat`.
pub fn keyed<'a>(text: &'a [u8], mut found: impl FnMut(&'a [u8], u64)) {
    for line in text.split(|byte| *byte == b'\n') {
        let Some(space) = memchr::memchr(b' ', line) else { continue };
        if let Some(value) = digits(line[space + 1..].trim_ascii()) {
            found(&line[..space], value);
        }
    }
}

/// The total of one line of a pressure file, in nanoseconds: `some avg10=… total=123` has microseconds.
pub fn pressure(text: &[u8]) -> Option<Stall> {
    let (mut waiting, mut stalled) = (None, None);
    for line in text.split(|byte| *byte == b'\n') {
        let total = || {
            let at = memchr::memmem::find(line, b"total=")?;
            digits(line[at + b"total=".len()..].trim_ascii()).map(micros_to_nanos)
        };
        if line.starts_with(b"some ") {
            waiting = total();
        } else if line.starts_with(b"full ") {
            stalled = total();
        }
    }
    waiting.map(|waiting_ns| Stall { waiting_ns, stalled_ns: stalled })
}

/// `memory.events`; a text without any of its keys is none.
pub fn memory_events(text: &[u8]) -> Option<MemoryEvents> {
    let mut events = MemoryEvents::default();
    keyed(text, |key, value| {
        let field = match key {
            b"low" => &mut events.low,
            b"high" => &mut events.high,
            b"max" => &mut events.max,
            b"oom" => &mut events.oom,
            b"oom_kill" => &mut events.oom_kill,
            b"oom_group_kill" => &mut events.oom_group_kill,
            _ => return,
        };
        *field = Some(value);
    });
    (events != MemoryEvents::default()).then_some(events)
}

/// `cpu.max`: quota and period in microseconds; no quota is `max`.
pub fn cpu_max(text: &[u8]) -> Option<(Option<u64>, u64)> {
    let text = text.trim_ascii();
    let space = memchr::memchr(b' ', text)?;
    let quota = number_or_max(&text[..space])?;
    Some((quota, digits(&text[space + 1..])?))
}

/// A block device by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// `8:0`.
fn device_number(text: &[u8]) -> Option<DeviceNumber> {
    let colon = memchr::memchr(b':', text)?;
    let part = |text| digits(text).and_then(|value| u32::try_from(value).ok());
    Some(DeviceNumber { major: part(&text[..colon])?, minor: part(&text[colon + 1..])? })
}

/// Counters of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceCounters {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
}

/// `io.stat` of cgroup v2: one line a device, `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`.
/// A device that only has a number has done nothing yet and is left out. Linux 5.14 to 6.4 end
/// no line after such a number, so the counters belong to the last one before them.
pub fn io_stat(text: &[u8], mut found: impl FnMut(DeviceNumber, DeviceCounters)) {
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let Some(mut device) = words.next().and_then(device_number) else { continue };
        let mut counters = DeviceCounters::default();
        let mut any = false;
        for word in words {
            let Some(equals) = memchr::memchr(b'=', word) else {
                device = device_number(word).unwrap_or(device);
                continue;
            };
            let field = match &word[..equals] {
                b"rbytes" => &mut counters.read_bytes,
                b"wbytes" => &mut counters.write_bytes,
                b"rios" => &mut counters.reads,
                b"wios" => &mut counters.writes,
                _ => continue,
            };
            if let Some(value) = digits(&word[equals + 1..]) {
                *field = value;
                any = true;
            }
        }
        if any {
            found(device, counters);
        }
    }
}

/// Direction of a line in a `blkio.throttle.*` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `Read`.
    Read,
    /// `Write`.
    Write,
}

/// `blkio.throttle.io_*` of cgroup v1: `8:0 Read 4096`; totals and other kinds are passed over.
pub fn blkio(text: &[u8], mut found: impl FnMut(DeviceNumber, Direction, u64)) {
    for line in text.split(|byte| *byte == b'\n') {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (Some(device), Some(kind), Some(value)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let direction = match kind {
            b"Read" => Direction::Read,
            b"Write" => Direction::Write,
            _ => continue,
        };
        if let (Some(device), Some(value)) = (device_number(device), digits(value)) {
            found(device, direction, value);
        }
    }
}

/// Microseconds as nanoseconds.
pub fn micros_to_nanos(micros: u64) -> u64 {
    micros.saturating_mul(1000)
}

/// Decimal digits and nothing else; `None` when empty, signed or too large.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(number(b"4096\n"), Some(4096));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for wrong in [&b""[..], b"-1", b"18446744073709551616", b"4 096", b"max"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
        assert_eq!(number_or_max(b"max\n"), Some(None));
    }

    #[test]
    fn a_value_belongs_to_its_whole_key() {
        let text = b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(value_of(text, b"oom_kill"), Some(3));
        assert_eq!((value_of(text, b"oom"), value_of(b"", b"oom")), (None, None));
    }

    #[test]
    fn pressure_totals_are_nanoseconds_and_full_may_be_missing() {
        let text = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 total=3\n";
        assert_eq!(pressure(text), Some(Stall { waiting_ns: 12_000, stalled_ns: Some(3_000) }));
        assert_eq!(pressure(b"some total=5\n"), Some(Stall { waiting_ns: 5_000, stalled_ns: None }));
        assert_eq!(pressure(b""), None);
    }

    #[test]
    fn io_stat_knows_devices_that_have_done_nothing() {
        let mut seen = Vec::new();
        io_stat(b"8:0 \n253:1 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n", |d, c| seen.push((d, c)));
        let counters = DeviceCounters { read_bytes: 1, write_bytes: 2, reads: 3, writes: 4 };
        assert_eq!(seen, [(DeviceNumber { major: 253, minor: 1 }, counters)]);
    }

    #[test]
    fn io_stat_counters_belong_to_the_last_device_of_their_line() {
        let mut seen = Vec::new();
        io_stat(b"7:0 7:1 8:0 rbytes=1 wbytes=0 rios=1 wios=0\n", |device, _| seen.push(device));
        assert_eq!(seen, [DeviceNumber { major: 8, minor: 0 }]);
    }

    #[test]
    fn blkio_lines_without_a_device_are_totals() {
        let mut seen = Vec::new();
        blkio(b"8:0 Read 4096\n8:0 Write 0\n8:0 Sync 9\nTotal 4096\n", |_, d, v| seen.push((d, v)));
        assert_eq!(seen, [(Direction::Read, 4096), (Direction::Write, 0)]);
    }

    #[test]
    fn cpu_max_without_a_quota_has_a_period() {
        assert_eq!(cpu_max(b"max 100000\n"), Some((None, 100_000)));
        assert_eq!(cpu_max(b"50000 100000\n"), Some((Some(50_000), 100_000)));
        assert_eq!(cpu_max(b"50000"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_value_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            number(&text);
            number_or_max(&text);
            pressure(&text);
            memory_events(&text);
            cpu_max(&text);
            io_stat(&text, |_, _| {});
            blkio(&text, |_, _, _| {});
        }

        #[test]
        fn keyed_finds_what_was_written(pairs in proptest::collection::vec(("[a-z_]{1,12}", any::<u64>()), 0..20)) {
            let text: String = pairs.iter().map(|(key, value)| format!("{key} {value}\n")).collect();
            let mut back = Vec::new();
            keyed(text.as_bytes(), |key, value| back.push((String::from_utf8(key.to_vec()).unwrap(), value)));
            prop_assert_eq!(back, pairs);
        }
    }
}
