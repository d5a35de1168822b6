//! Files of cgroup v1, as `admin-guide/cgroup-v1/` of the kernel describes them.
//!
//! `cpuacct.usage_user` is never read: it was seen off by a quarter. `total_*` keys of
//! `memory.stat` count a cgroup and everything below it, the plain ones the cgroup alone.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

use super::Reader;
use crate::container::file::{CgroupFile, DescriptorBudget, Permit};
use crate::container::locate::Location;
use crate::container::parse::{self, DeviceCounters, DeviceNumber, Direction};
use crate::snapshot::{self, CpuLimits, DeviceIo, MemoryEvents, Stats, Throttling};

/// Nanoseconds of one clock tick: `USER_HZ` is 100 on every architecture that runs containers.
const TICK_NS: u64 = 10_000_000;

/// Above this a v1 limit means no limit: the kernel writes the largest signed number, rounded
/// down to a page.
const UNLIMITED: u64 = 1 << 62;

/// `cpu.stat`, and `cpuacct.*`: where there is a unified hierarchy for fast samples only.
#[derive(Debug)]
pub(super) struct Cpu {
    throttling: Option<(CgroupFile, Arc<Path>)>,
    usage: Option<CgroupFile>,
    modes: Option<CgroupFile>,
    /// Whether full reads take the times from here.
    has_times: bool,
}

impl Cpu {
    pub(super) fn open(
        location: &Location,
        has_times: bool,
        fast: bool,
        budget: &DescriptorBudget,
    ) -> io::Result<Option<Cpu>> {
        let of_cpuacct = |name, wanted| match location.v1("cpuacct") {
            Some(folder) if wanted => CgroupFile::open(folder, name, budget),
            _ => Ok(None),
        };
        let usage = of_cpuacct("cpuacct.usage", has_times || fast)?;
        let modes = of_cpuacct("cpuacct.stat", has_times)?;
        let throttling = match location.v1("cpu") {
            Some(folder) => CgroupFile::open(folder, "cpu.stat", budget)?.map(|file| (file, folder.clone())),
            None => None,
        };
        let any = throttling.is_some() || usage.is_some();
        Ok(any.then_some(Cpu { throttling, usage, modes, has_times }))
    }

    /// `cpuacct.usage`: nanoseconds, and cheaper than v2's `cpu.stat`.
    pub(super) fn usage(&self) -> Option<&CgroupFile> {
        self.usage.as_ref()
    }

    /// What only full reads need.
    pub(super) fn slow_files(&mut self) -> impl Iterator<Item = &mut CgroupFile> {
        self.throttling.as_mut().map(|(file, _)| file).into_iter().chain(&mut self.modes)
    }

    /// Whether quotas are set here.
    pub(super) fn has_quota(&self) -> bool {
        self.throttling.is_some()
    }

    pub(super) fn read(&self, reader: &mut Reader<'_, '_>, stats: &mut Stats) {
        if let Some((file, _)) = &self.throttling {
            stats.throttling = reader.parsed(file, cpu_stat);
        }
        let usage = self.usage.as_ref().filter(|_| self.has_times);
        if let Some(usage_ns) = usage.and_then(|usage| reader.parsed(usage, parse::number)) {
            let (user_ns, system_ns) = reader.parsed_if_open(&self.modes, cpuacct_stat).unzip();
            stats.cpu = Some(snapshot::Cpu { usage_ns, user_ns, system_ns });
        }
    }

    pub(super) fn limits(&self, reader: &mut Reader<'_, '_>) -> Option<CpuLimits> {
        let (_, folder) = self.throttling.as_ref()?;
        Some(CpuLimits {
            quota_us: reader.once(folder, "cpu.cfs_quota_us", quota).flatten(),
            period_us: reader.once(folder, "cpu.cfs_period_us", parse::number),
            shares: reader.once(folder, "cpu.shares", parse::number),
        })
    }
}

/// No quota is -1.
fn quota(text: &[u8]) -> Option<Option<u64>> {
    if text.trim_ascii() == b"-1" { Some(None) } else { parse::number(text).map(Some) }
}

fn cpu_stat(text: &[u8]) -> Option<Throttling> {
    let mut periods = None;
    let mut throttling = Throttling::default();
    parse::keyed(text, |key, value| match key {
        b"nr_periods" => periods = Some(value),
        b"nr_throttled" => throttling.throttled_periods = value,
        b"throttled_time" => throttling.throttled_ns = value,
        _ => {}
    });
    periods.map(|periods| Throttling { periods, ..throttling })
}

/// User and system time, in nanoseconds.
fn cpuacct_stat(text: &[u8]) -> Option<(u64, u64)> {
    let (mut user, mut system) = (None, None);
    parse::keyed(text, |key, value| match key {
        b"user" => user = Some(value.saturating_mul(TICK_NS)),
        b"system" => system = Some(value.saturating_mul(TICK_NS)),
        _ => {}
    });
    user.zip(system)
}

/// The `memory.*` files.
#[derive(Debug)]
pub(super) struct Memory {
    usage: CgroupFile,
    stat: Option<CgroupFile>,
    peak: Option<CgroupFile>,
    failcnt: Option<CgroupFile>,
    oom_control: Option<CgroupFile>,
    oom_notice: Option<(OwnedFd, Permit)>,
    kernel: Option<CgroupFile>,
    folder: Arc<Path>,
}

impl Memory {
    pub(super) fn open(folder: &Arc<Path>, budget: &DescriptorBudget) -> io::Result<Option<Memory>> {
        let Some(usage) = CgroupFile::open(folder, "memory.usage_in_bytes", budget)? else { return Ok(None) };
        let open = |name| CgroupFile::open(folder, name, budget);
        let oom_control = open("memory.oom_control")?;
        let oom_notice = oom_control.as_ref().and_then(|file| notice_of_oom(file, budget));
        Ok(Some(Memory {
            usage,
            oom_control,
            oom_notice,
            stat: open("memory.stat")?,
            peak: open("memory.max_usage_in_bytes")?,
            failcnt: open("memory.failcnt")?,
            kernel: open("memory.kmem.usage_in_bytes")?,
            folder: folder.clone(),
        }))
    }

    /// The file of the present use.
    pub(super) fn usage(&self) -> &CgroupFile {
        &self.usage
    }

    /// The file that counts OOM kills.
    pub(super) fn oom_control(&self) -> Option<&CgroupFile> {
        self.oom_control.as_ref()
    }

    /// Becomes readable shortly before the kernel kills; `None` where the kernel cannot be
    /// asked to tell.
    pub(super) fn oom_notice(&self) -> Option<&OwnedFd> {
        self.oom_notice.as_ref().map(|(notice, _)| notice)
    }

    /// What only full reads need.
    pub(super) fn slow_files(&mut self) -> impl Iterator<Item = &mut CgroupFile> {
        [&mut self.stat, &mut self.peak, &mut self.failcnt, &mut self.kernel].into_iter().flatten()
    }

    pub(super) fn read(&self, reader: &mut Reader<'_, '_>) -> Option<snapshot::Memory> {
        let usage = reader.parsed(&self.usage, parse::number)?;
        let mut memory = snapshot::Memory { usage, working_set: usage, ..snapshot::Memory::default() };
        if let Some(stat) = &self.stat {
            // Without it the working set would be wrong, not only unknown.
            reader.parsed(stat, |text| memory_stat(text, &mut memory))?;
        }
        memory.peak = reader.parsed_if_open(&self.peak, parse::number);
        memory.failcnt = reader.parsed_if_open(&self.failcnt, parse::number);
        memory.kernel = reader.parsed_if_open(&self.kernel, parse::number);
        let oom_kill =
            reader.parsed_if_open(&self.oom_control, |text| Some(parse::oom_kills(text))).flatten();
        memory.events = MemoryEvents { oom_kill, ..MemoryEvents::default() };
        Some(memory)
    }

    pub(super) fn limit(&self, reader: &mut Reader<'_, '_>) -> Option<Option<u64>> {
        let limit = reader.once(&self.folder, "memory.limit_in_bytes", parse::number)?;
        Some((limit < UNLIMITED).then_some(limit))
    }
}

fn memory_stat(text: &[u8], memory: &mut snapshot::Memory) -> Option<()> {
    let mut inactive_file = None;
    let (mut faults, mut total_faults, mut major, mut total_major) = (None, None, None, None);
    parse::keyed(text, |key, value| match key {
        b"pgfault" => faults = Some(value),
        b"pgmajfault" => major = Some(value),
        b"total_pgfault" => total_faults = Some(value),
        b"total_pgmajfault" => total_major = Some(value),
        b"total_rss" => memory.rss = Some(value),
        b"total_cache" => memory.cache = Some(value),
        b"total_mapped_file" => memory.mapped_file = Some(value),
        b"total_swap" => memory.swap = Some(value),
        b"total_inactive_file" => inactive_file = Some(value),
        b"total_active_file" => memory.reclaimable = value,
        _ => {}
    });
    memory.pgfault = faults.zip(total_faults);
    memory.pgmajfault = major.zip(total_major);
    memory.working_set = memory.usage.saturating_sub(inactive_file?);
    Some(())
}

/// Asks the kernel to tell of OOM (`memory.txt` of cgroup v1, section 10): a line in
/// `cgroup.event_control` names an eventfd and the file it is about. Needs root and a mount
/// that may be written to. The kernel lets go of it when the cgroup is removed.
fn notice_of_oom(oom_control: &CgroupFile, budget: &DescriptorBudget) -> Option<(OwnedFd, Permit)> {
    let file = oom_control.descriptor()?;
    let permit = budget.take()?;
    let mut control =
        OpenOptions::new().write(true).open(oom_control.folder().join("cgroup.event_control")).ok()?;
    let notice = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).ok()?;
    let line = format!("{} {}", notice.as_raw_fd(), file.as_raw_fd());
    control.write_all(line.as_bytes()).ok()?;
    Some((notice, permit))
}

/// `blkio.throttle.*`, with the counts of everything below where the kernel has them.
#[derive(Debug)]
pub(super) struct Io {
    bytes: CgroupFile,
    operations: Option<CgroupFile>,
}

impl Io {
    pub(super) fn open(folder: &Arc<Path>, budget: &DescriptorBudget) -> io::Result<Option<Io>> {
        let open = |recursive, plain| match CgroupFile::open(folder, recursive, budget)? {
            Some(file) => Ok(Some(file)),
            None => CgroupFile::open(folder, plain, budget),
        };
        let bytes: io::Result<_> =
            open("blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes");
        let operations = open("blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced")?;
        Ok(bytes?.map(|bytes| Io { bytes, operations }))
    }

    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut CgroupFile> {
        [&mut self.bytes].into_iter().chain(&mut self.operations)
    }

    pub(super) fn read(&self, reader: &mut Reader<'_, '_>) -> Option<Vec<DeviceIo>> {
        let mut devices = Vec::new();
        reader.parsed(&self.bytes, |text| {
            parse::blkio(text, |device, direction, value| {
                let counters = counters_of(&mut devices, device);
                match direction {
                    Direction::Read => counters.read_bytes = value,
                    Direction::Write => counters.write_bytes = value,
                }
            });
            Some(())
        })?;
        if let Some(operations) = &self.operations {
            // Without it the counts would be wrong, not only unknown.
            reader.parsed(operations, |text| {
                parse::blkio(text, |device, direction, value| {
                    let counters = counters_of(&mut devices, device);
                    match direction {
                        Direction::Read => counters.reads = value,
                        Direction::Write => counters.writes = value,
                    }
                });
                Some(())
            })?;
        }
        Some(reader.context.devices.named(devices))
    }
}

/// The counters of a device among the few that a container uses.
fn counters_of(
    devices: &mut Vec<(DeviceNumber, DeviceCounters)>,
    number: DeviceNumber,
) -> &mut DeviceCounters {
    let index = devices.iter().position(|(known, _)| *known == number).unwrap_or_else(|| {
        devices.push((number, DeviceCounters::default()));
        devices.len() - 1
    });
    &mut devices[index].1
}
