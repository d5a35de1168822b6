//! The machine's size, under cAdvisor's names.
//!
//! Sources: `/sys/devices/system/cpu/online`, `/proc/meminfo`.

use std::time::{Duration, Instant};

use crate::collect::{CollectError, Collector};
use crate::inventory::count_cpu_list;
use crate::metrics::{LabelBlock, Sink, Value, catalogue};
use crate::paths::Paths;
use crate::snapshot::{Machine, Snapshot};

/// How long a size stands: processors and memory hardly ever come to a running machine or go.
const STANDS: Duration = Duration::from_secs(60);

/// Reads the machine's size, once a minute at most.
#[derive(Debug)]
pub struct Reader {
    paths: Paths,
    last: Option<(Instant, Machine)>,
}

impl Reader {
    /// Nothing is read yet.
    pub fn new(paths: Paths) -> Self {
        Reader { paths, last: None }
    }

    /// The size, at most a minute old; what cannot be read is `None`, and tried again each time.
    pub fn read(&mut self, now: Instant) -> Machine {
        if let Some((read_at, machine)) = self.last
            && now.saturating_duration_since(read_at) < STANDS
        {
            return machine;
        }
        let machine = read(&self.paths);
        let is_whole = machine.cpu_cores.is_some() && machine.memory_bytes.is_some();
        self.last = is_whole.then_some((now, machine));
        machine
    }
}

fn read(paths: &Paths) -> Machine {
    let online = std::fs::read_to_string(paths.sys("devices/system/cpu/online"));
    let meminfo = std::fs::read_to_string(paths.proc("meminfo"));
    Machine {
        cpu_cores: online.ok().and_then(|text| count_cpu_list(&text)),
        memory_bytes: meminfo.ok().and_then(|text| mem_total(&text)),
    }
}

/// `MemTotal:  1024 kB`, in bytes.
fn mem_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `machine_*`.
#[derive(Debug)]
pub struct MachineCollector;

impl Collector for MachineCollector {
    fn name(&self) -> &'static str {
        "machine"
    }

    fn collect(&self, snapshot: &Snapshot, sink: &mut dyn Sink) -> Result<(), CollectError> {
        let Machine { cpu_cores, memory_bytes } = snapshot.machine;
        let plain = LabelBlock::default();
        if let Some(cores) = cpu_cores {
            sink.family(&catalogue::MACHINE_CPU_CORES);
            sink.sample(&plain, &[], Value::Int(u64::from(cores)));
        }
        if let Some(bytes) = memory_bytes {
            sink.family(&catalogue::MACHINE_MEMORY);
            sink.sample(&plain, &[], Value::Int(bytes));
        }
        sink.family(&catalogue::MACHINE_SCRAPE_ERROR);
        sink.sample(&plain, &[], Value::Int(u64::from(cpu_cores.is_none() || memory_bytes.is_none())));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_size_stands_for_a_minute_and_half_a_size_does_not() {
        let root = tempfile::tempdir().unwrap();
        let [proc, sys] = ["proc", "sys"].map(|name| root.path().join(name));
        fs::create_dir_all(sys.join("devices/system/cpu")).unwrap();
        fs::create_dir_all(&proc).unwrap();
        let paths = Paths { procfs: proc.clone(), sysfs: sys.clone(), rootfs: root.path().into() };
        let online = |list: &str| fs::write(sys.join("devices/system/cpu/online"), list).unwrap();
        let size = |cpu_cores, memory_bytes| Machine { cpu_cores, memory_bytes };
        let start = Instant::now();
        let mut reader = Reader::new(paths);
        let mut after = |milliseconds| reader.read(start + Duration::from_millis(milliseconds));

        online("0-1");
        assert_eq!(after(0), size(Some(2), None));
        fs::write(proc.join("meminfo"), "MemTotal: 2048 kB\n").unwrap();
        assert_eq!(after(0), size(Some(2), Some(2_097_152)), "what was missing is looked for again");

        online("0-3");
        assert_eq!(after(59_999), size(Some(2), Some(2_097_152)));
        assert_eq!(after(60_000), size(Some(4), Some(2_097_152)));
        online("0-7");
        assert_eq!(after(119_999), size(Some(4), Some(2_097_152)), "the minute begins with each reading");
    }

    #[test]
    fn a_list_of_processors_is_counted() {
        assert_eq!(count_cpu_list("0-3,8"), Some(5));
        assert_eq!(count_cpu_list("0"), Some(1));
        for wrong in ["", "3-1", "a", "0-4294967295"] {
            assert_eq!(count_cpu_list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn memory_is_given_in_kibibytes() {
        assert_eq!(mem_total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2_097_152));
        assert_eq!(mem_total("MemFree: 1 kB\n"), None);
    }
}
