//! The machine's size, under cAdvisor's names.
//!
//! Sources: `/sys/devices/system/cpu/online`, `/proc/meminfo`.

use crate::collect::{CollectError, Collector};
use crate::inventory::count_cpu_list;
use crate::metrics::{LabelBlock, Sink, Value, catalogue};
use crate::paths::Paths;
use crate::snapshot::{Machine, Snapshot};

/// Reads the machine's size; what cannot be read is `None`.
pub fn read(paths: &Paths) -> Machine {
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
    use super::*;

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
