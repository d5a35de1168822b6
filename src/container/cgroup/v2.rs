//! Files of cgroup v2, as `admin-guide/cgroup-v2.rst` of the kernel describes them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Reader;
use crate::container::file::{CgroupFile, DescriptorBudget};
use crate::container::parse::{self, micros_to_nanos};
use crate::snapshot::{self, CpuLimits, DeviceIo, Stats, Throttling};

/// From here on a limit of memory is none: no machine has so much.
const UNLIMITED: u64 = 1 << 62;

/// `cpu.stat`, which is there even where the cpu controller is off.
#[derive(Debug)]
pub(super) struct Cpu {
    stat: CgroupFile,
    folder: Arc<Path>,
    /// Whether quota and throttling are v2's, too.
    controls: bool,
}

impl Cpu {
    pub(super) fn open(
        folder: &Arc<Path>,
        controls: bool,
        budget: &DescriptorBudget,
    ) -> io::Result<Option<Cpu>> {
        let stat = CgroupFile::open(folder, "cpu.stat", budget)?;
        Ok(stat.map(|stat| Cpu { stat, folder: folder.clone(), controls }))
    }

    /// The file of all times.
    pub(super) fn stat(&mut self) -> &mut CgroupFile {
        &mut self.stat
    }

    /// The same to read from, with what finds the use in it, in nanoseconds.
    pub(super) fn usage(&self) -> (&CgroupFile, parse::Number) {
        (&self.stat, |text| parse::usage_usec(text).map(micros_to_nanos))
    }

    pub(super) fn read(&self, reader: &mut Reader<'_, '_>, stats: &mut Stats) {
        let Some((cpu, throttling)) = reader.parsed(&self.stat, cpu_stat) else { return };
        stats.cpu = Some(cpu);
        if self.controls {
            stats.throttling = throttling;
        }
    }

    pub(super) fn limits(&self, reader: &mut Reader<'_, '_>) -> Option<CpuLimits> {
        if !self.controls {
            return None;
        }
        let (quota_us, period_us) = reader.once(&self.folder, "cpu.max", parse::cpu_max)?;
        let weight = reader.once(&self.folder, "cpu.weight", parse::number);
        Some(CpuLimits { quota_us, period_us: Some(period_us), shares: weight.map(shares_of_weight) })
    }
}

fn cpu_stat(text: &[u8]) -> Option<(snapshot::Cpu, Option<Throttling>)> {
    let mut usage = None;
    let mut cpu = snapshot::Cpu::default();
    let mut periods = None;
    let mut throttling = Throttling::default();
    parse::keyed(text, |key, value| match key {
        b"usage_usec" => usage = Some(micros_to_nanos(value)),
        b"user_usec" => cpu.user_ns = Some(micros_to_nanos(value)),
        b"system_usec" => cpu.system_ns = Some(micros_to_nanos(value)),
        b"nr_periods" => periods = Some(value),
        b"nr_throttled" => throttling.throttled_periods = value,
        b"throttled_usec" => throttling.throttled_ns = micros_to_nanos(value),
        _ => {}
    });
    let throttling = periods.map(|periods| Throttling { periods, ..throttling });
    Some((snapshot::Cpu { usage_ns: usage?, ..cpu }, throttling))
}

/// The linear map with which runtimes turn shares (2 to 262144) into a weight (1 to 10000),
/// backwards: what cAdvisor shows as shares.
fn shares_of_weight(weight: u64) -> u64 {
    2 + weight.saturating_sub(1).saturating_mul(262_142) / 9_999
}

/// The `memory.*` files.
#[derive(Debug)]
pub(super) struct Memory {
    current: CgroupFile,
    stat: Option<CgroupFile>,
    swap: Option<CgroupFile>,
    peak: Option<CgroupFile>,
    events: Option<CgroupFile>,
    folder: Arc<Path>,
}

impl Memory {
    pub(super) fn open(folder: &Arc<Path>, budget: &DescriptorBudget) -> io::Result<Option<Memory>> {
        let Some(current) = CgroupFile::open(folder, "memory.current", budget)? else { return Ok(None) };
        let open = |name| CgroupFile::open(folder, name, budget);
        Ok(Some(Memory {
            current,
            events: open("memory.events")?,
            stat: open("memory.stat")?,
            swap: open("memory.swap.current")?,
            peak: open("memory.peak")?,
            folder: folder.clone(),
        }))
    }

    /// The file of the present use.
    pub(super) fn current(&self) -> &CgroupFile {
        &self.current
    }

    /// The file that counts OOM kills, and tells of each.
    pub(super) fn events(&self) -> Option<&CgroupFile> {
        self.events.as_ref()
    }

    /// What only full reads need.
    pub(super) fn slow_files(&mut self) -> impl Iterator<Item = &mut CgroupFile> {
        [&mut self.stat, &mut self.swap, &mut self.peak].into_iter().flatten()
    }

    pub(super) fn read(&self, reader: &mut Reader<'_, '_>) -> Option<snapshot::Memory> {
        let usage = reader.parsed(&self.current, parse::number)?;
        let mut memory = snapshot::Memory { usage, working_set: usage, ..snapshot::Memory::default() };
        if let Some(stat) = &self.stat {
            // Without it the working set would be wrong, not only unknown.
            reader.parsed(stat, |text| memory_stat(text, &mut memory))?;
        }
        memory.swap = reader.parsed_if_open(&self.swap, parse::number);
        memory.peak = reader.parsed_if_open(&self.peak, parse::number);
        let events = reader.parsed_if_open(&self.events, parse::memory_events);
        memory.events = events.unwrap_or_default();
        memory.failcnt = memory.events.max;
        Some(memory)
    }

    pub(super) fn limit(&self, reader: &mut Reader<'_, '_>) -> Option<Option<u64>> {
        let limit = reader.once(&self.folder, "memory.max", parse::number_or_max)?;
        // More than any machine has takes the place of none, which an engine cannot restore.
        Some(limit.filter(|limit| *limit < UNLIMITED))
    }
}

/// `memory.stat`, which counts a cgroup and everything below it.
fn memory_stat(text: &[u8], memory: &mut snapshot::Memory) -> Option<()> {
    let mut inactive_file = None;
    let (mut kernel, mut kernel_parts) = (None, 0_u64);
    parse::keyed(text, |key, value| match key {
        b"anon" => memory.rss = Some(value),
        b"file" => memory.cache = Some(value),
        b"file_mapped" => memory.mapped_file = Some(value),
        b"kernel" => kernel = Some(value),
        b"kernel_stack" | b"pagetables" | b"percpu" | b"slab" => {
            kernel_parts = kernel_parts.saturating_add(value);
        }
        b"inactive_file" => inactive_file = Some(value),
        b"active_file" | b"slab_reclaimable" => memory.reclaimable = memory.reclaimable.saturating_add(value),
        b"pgfault" => memory.pgfault = Some((value, value)),
        b"pgmajfault" => memory.pgmajfault = Some((value, value)),
        _ => {}
    });
    // `kernel` came with Linux 5.18; before, its parts have to be added.
    memory.kernel = kernel.or(Some(kernel_parts));
    memory.working_set = memory.usage.saturating_sub(inactive_file?);
    Some(())
}

/// `io.stat`.
#[derive(Debug)]
pub(super) struct Io {
    stat: CgroupFile,
}

impl Io {
    pub(super) fn open(folder: &Arc<Path>, budget: &DescriptorBudget) -> io::Result<Option<Io>> {
        Ok(CgroupFile::open(folder, "io.stat", budget)?.map(|stat| Io { stat }))
    }

    pub(super) fn file(&mut self) -> &mut CgroupFile {
        &mut self.stat
    }

    pub(super) fn read(&self, reader: &mut Reader<'_, '_>) -> Option<Vec<DeviceIo>> {
        let mut devices = Vec::new();
        reader.parsed(&self.stat, |text| {
            parse::io_stat(text, |number, counters| devices.push((number, counters)));
            Some(())
        })?;
        Some(reader.context.devices.named(devices))
    }
}
