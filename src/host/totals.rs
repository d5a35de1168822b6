//! What the machine as a whole has and uses of cores and memory: what the tenants' bill is
//! balanced with, whether or not the host is shown.
//!
//! Sources: the first line of `/proc/stat`, which goes on counting for cores that were taken
//! out, the `cpuN` lines of those that are there, and `MemTotal` and `MemAvailable`. Guests'
//! time stands in `user` and `nice` already; idle and I/O wait are what is left. `steal` counts
//! as used: it is time that nobody here could have had.

use super::file::{HostFile, ReadError, Shape};
use super::scan::{lines, number, words};
use crate::paths::Paths;

/// The modes of `/proc/stat` in which a core is not free: user, nice, system, irq, softirq, steal.
const BUSY: [bool; 8] = [true, true, true, false, false, true, true, true];

/// Cores and memory at one moment; `None` where the kernel does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Cores.
    pub cpu: Option<CpuTotals>,
    /// Memory.
    pub memory: Option<MemoryTotals>,
}

/// Cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTotals {
    /// How many are online.
    pub cores: u32,
    /// Time that all of them together have not been free since boot, in nanoseconds.
    pub busy_ns: u64,
}

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryTotals {
    /// All of it.
    pub total: u64,
    /// What could be had without swapping.
    pub available: u64,
}

/// The two files.
#[derive(Debug)]
pub struct TotalsReader {
    stat: HostFile,
    meminfo: HostFile,
    buffer: Vec<u8>,
    tick_ns: u64,
}

impl TotalsReader {
    /// Nothing is read yet.
    pub fn new(paths: &Paths) -> Self {
        TotalsReader {
            stat: HostFile::new(paths.proc("stat"), Shape::Whole),
            meminfo: HostFile::new(paths.proc("meminfo"), Shape::Whole),
            buffer: Vec::new(),
            tick_ns: 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1),
        }
    }

    /// Reads both; `failed` is called with each that could not be read.
    pub fn read(&mut self, failed: &mut dyn FnMut(&'static str, &dyn std::fmt::Display)) -> Totals {
        let TotalsReader { stat, meminfo, buffer, tick_ns } = self;
        let cpu = told(stat.read(buffer), |text| cpu(text, *tick_ns)).unwrap_or_else(|error| {
            failed("stat", &error);
            None
        });
        let memory = told(meminfo.read(buffer), memory).unwrap_or_else(|error| {
            failed("meminfo", &error);
            None
        });
        Totals { cpu, memory }
    }
}

/// What a file tells, if it is there; an old kernel may not tell it.
fn told<T>(
    text: Result<Option<&[u8]>, ReadError>,
    parse: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<Option<T>, ReadError> {
    Ok(text?.and_then(parse))
}

fn cpu(stat: &[u8], tick_ns: u64) -> Option<CpuTotals> {
    let mut lines = lines(stat);
    let all = lines.next()?.strip_prefix(b"cpu ")?;
    let mut busy_ticks = 0_u64;
    for (mode, word) in BUSY.iter().zip(words(all)) {
        let ticks = number(word)?;
        busy_ticks = busy_ticks.saturating_add(if *mode { ticks } else { 0 });
    }
    let cores = lines.take_while(|line| line.starts_with(b"cpu")).count();
    let cores = u32::try_from(cores).ok().filter(|cores| *cores > 0)?;
    Some(CpuTotals { cores, busy_ns: busy_ticks.saturating_mul(tick_ns) })
}

fn memory(meminfo: &[u8]) -> Option<MemoryTotals> {
    let bytes = |key: &[u8]| {
        let line = lines(meminfo).find_map(|line| line.strip_prefix(key))?;
        number(words(line).next()?)?.checked_mul(1024)
    };
    let (total, available) = (bytes(b"MemTotal:")?, bytes(b"MemAvailable:")?);
    Some(MemoryTotals { total, available: available.min(total) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn guests_are_in_user_time_already_and_idle_and_io_wait_are_no_use() {
        let text = b"cpu  1 2 4 1000 2000 8 16 32 64 128\ncpu0 1 2 4 8\ncpu3 1 2 4 8\nintr 5\n";
        assert_eq!(cpu(text, 10), Some(CpuTotals { cores: 2, busy_ns: 630 }));
        assert_eq!(cpu(b"cpu  1 2 3 4\ncpu0 1 2 3 4\n", 1), Some(CpuTotals { cores: 1, busy_ns: 6 }));
        for text in [&b""[..], b"cpu 1 x 3\ncpu0 1\n", b"cpu  1 2 3 4\nintr 5\n", b"intr 5\n"] {
            assert_eq!(cpu(text, 10), None);
        }
    }

    #[test]
    fn what_is_available_is_never_more_than_there_is() {
        let text = b"MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 6 kB\n";
        assert_eq!(memory(text), Some(MemoryTotals { total: 8192, available: 6144 }));
        let odd = b"MemTotal: 8 kB\nMemAvailable: 9 kB\n";
        assert_eq!(memory(odd), Some(MemoryTotals { total: 8192, available: 8192 }));
        assert_eq!(memory(b"MemTotal: 8 kB\nMemFree: 1 kB\n"), None, "Linux before 3.14");
    }

    #[test]
    fn this_machine_tells_what_the_standard_library_sees() {
        let mut failed = |file: &'static str, error: &dyn std::fmt::Display| panic!("{file}: {error}");
        let mut reader = TotalsReader::new(&Paths::default());
        let first = reader.read(&mut failed).cpu.unwrap();
        let later = reader.read(&mut failed).cpu.unwrap();
        assert!(first.cores > 0 && first.busy_ns > 0 && later.busy_ns >= first.busy_ns);
    }

    proptest! {
        #[test]
        fn any_bytes_are_totals_or_nothing(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            cpu(&text, 10_000_000);
            cpu(&[b"cpu ", &text[..]].concat(), 10_000_000);
            memory(&text);
            memory(&[b"MemTotal:", &text[..]].concat());
        }
    }
}
