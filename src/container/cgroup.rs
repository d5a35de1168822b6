//! One container's cgroup, read controller by controller from v1 or v2.
//!
//! A controller that cgroup v1 has is read there; the rest is read from the unified
//! hierarchy, so a hybrid host gives pressure and microsecond CPU times beside v1's memory.
//! What a host does not have stays `None`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::device::Devices;
use super::file::{CgroupFile, DescriptorBudget, is_gone, is_unsupported};
use super::locate::Location;
use super::parse;
use crate::snapshot::{Pressure, Processes, Stats};

mod fast;
mod v1;
mod v2;

pub use fast::{FastReader, OomNotice};

/// How often limits are read again, in full reads: they change by `docker update`, which is
/// an event, or behind the engine's back, which may be seen a little later.
const LIMITS_EVERY: u32 = 12;

/// Which groups of files are read at all (`--collector.NAME`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// CPU time, throttling and limits.
    pub cpu: bool,
    /// Memory.
    pub memory: bool,
    /// Block devices.
    pub io: bool,
    /// Network namespace.
    pub network: bool,
    /// Pressure.
    pub pressure: bool,
    /// Processes and threads.
    pub processes: bool,
    /// Samples below the second, of CPU and memory as far as those are read.
    pub fast: bool,
}

impl Groups {
    /// Everything.
    pub const ALL: Groups = Groups {
        cpu: true,
        memory: true,
        io: true,
        network: true,
        pressure: true,
        processes: true,
        fast: true,
    };
}

/// What a read needs besides the container's own files.
pub struct ReadContext<'a> {
    /// Names of block devices.
    pub devices: &'a mut Devices,
    /// Memory for one file's text, used again for every file.
    pub buffer: &'a mut Vec<u8>,
    /// Called with the name of a file that could not be read although its cgroup is there.
    pub failed: &'a mut dyn FnMut(&'static str, &io::Error),
}

/// The cgroup is no more; what was read last stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The held files of one container's cgroup.
#[derive(Debug)]
pub struct Cgroup {
    cpu: Option<Cpu>,
    memory: Option<Memory>,
    io: Option<Io>,
    pressure: [Option<CgroupFile>; 3],
    pids: Option<(CgroupFile, Arc<Path>)>,
    procs: Option<CgroupFile>,
    events: Option<CgroupFile>,
    /// Whether it is sampled below the second.
    fast: bool,
    limits: Limits,
    reads_until_limits: u32,
}

/// CPU: on a hybrid host the times come from v2 and the quota from v1.
#[derive(Debug, Default)]
struct Cpu {
    v1: Option<v1::Cpu>,
    v2: Option<v2::Cpu>,
}

#[derive(Debug)]
enum Memory {
    V1(v1::Memory),
    V2(v2::Memory),
}

#[derive(Debug)]
enum Io {
    V1(v1::Io),
    V2(v2::Io),
}

/// What is read only now and then.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    cpu: Option<crate::snapshot::CpuLimits>,
    /// Outer `None`: not known.
    memory: Option<Option<u64>>,
    threads: Option<u64>,
}

impl Cgroup {
    /// Opens the files of the wanted groups.
    ///
    /// # Errors
    /// A file that exists cannot be opened.
    pub fn open(location: &Location, groups: Groups, budget: &DescriptorBudget) -> io::Result<Cgroup> {
        let unified = location.unified.as_ref();
        let held = |folder: Option<&Arc<Path>>, name| match folder {
            Some(folder) => CgroupFile::open(folder, name, budget),
            None => Ok(None),
        };
        let pressure = |name| if groups.pressure { held(unified, name) } else { Ok(None) };
        let pids_folder = location.v1("pids").or(unified);
        let procs_folder = unified.or(pids_folder).or(location.v1("memory")).or(location.v1("cpu"));
        Ok(Cgroup {
            // In the order in which a scarce descriptor is worth most.
            events: held(unified, "cgroup.events")?,
            cpu: if groups.cpu { Some(Cpu::open(location, groups.fast, budget)?) } else { None },
            memory: if groups.memory { Memory::open(location, budget)? } else { None },
            io: if groups.io { Io::open(location, budget)? } else { None },
            pressure: [pressure("cpu.pressure")?, pressure("memory.pressure")?, pressure("io.pressure")?],
            pids: match pids_folder.filter(|_| groups.processes) {
                Some(folder) => {
                    CgroupFile::open(folder, "pids.current", budget)?.map(|file| (file, folder.clone()))
                }
                None => None,
            },
            procs: held(procs_folder.filter(|_| groups.processes), "cgroup.procs")?,
            fast: groups.fast,
            limits: Limits::default(),
            reads_until_limits: 0,
        })
    }

    /// The file whose change tells that the last process has gone; cgroup v2 and hybrid only.
    pub fn events(&self) -> Option<&CgroupFile> {
        self.events.as_ref()
    }

    /// Closes the descriptors that only full reads need and says how many those were. These
    /// files are opened each time from now on.
    pub fn let_go_of_slow_files(&mut self) -> usize {
        let mut freed = 0;
        let mut let_go = |file: &mut CgroupFile| freed += usize::from(file.let_go());
        if let Some(Cpu { v1, v2 }) = &mut self.cpu {
            let sampled = v1.as_ref().is_some_and(|v1| v1.usage().is_some());
            v1.iter_mut().flat_map(v1::Cpu::slow_files).for_each(&mut let_go);
            v2.iter_mut().filter(|_| sampled).map(v2::Cpu::stat).for_each(&mut let_go);
        }
        match &mut self.memory {
            Some(Memory::V1(memory)) => memory.slow_files().for_each(&mut let_go),
            Some(Memory::V2(memory)) => memory.slow_files().for_each(&mut let_go),
            None => {}
        }
        match &mut self.io {
            Some(Io::V1(io)) => io.files().for_each(&mut let_go),
            Some(Io::V2(io)) => let_go(io.file()),
            None => {}
        }
        self.pressure.iter_mut().flatten().for_each(&mut let_go);
        self.pids.iter_mut().map(|(file, _)| file).for_each(&mut let_go);
        self.procs.iter_mut().for_each(&mut let_go);
        freed
    }

    /// Reads limits again at the next read, after `docker update`.
    pub fn expect_new_limits(&mut self) {
        self.reads_until_limits = 0;
    }

    /// Reads everything.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed. Another error of a single file costs only
    /// what that file tells and is reported through the context.
    pub fn read(&mut self, context: &mut ReadContext<'_>) -> Result<Stats, Gone> {
        let mut reader = Reader { context, gone: false };
        self.read_limits(&mut reader);
        let mut stats = Stats { cpu_limits: self.limits.cpu, ..Stats::default() };
        if let Some(cpu) = &self.cpu {
            cpu.read(&mut reader, &mut stats);
        }
        stats.memory = self.memory.as_ref().and_then(|memory| memory.read(&mut reader));
        if let (Some(memory), Some(limit)) = (&mut stats.memory, self.limits.memory) {
            (memory.limit, memory.limit_known) = (limit, true);
        }
        stats.io = self.io.as_ref().and_then(|io| io.read(&mut reader));
        let [cpu, memory, io] = &self.pressure;
        let mut stall = |file| reader.parsed_if_open(file, parse::pressure);
        stats.pressure = Pressure { cpu: stall(cpu), memory: stall(memory), io: stall(io) };
        stats.processes = Processes {
            processes: self.procs.as_ref().and_then(|own| reader.processes(own)),
            threads: self.pids.as_ref().and_then(|(file, _)| reader.parsed(file, parse::number)),
            threads_max: self.limits.threads,
        };
        if reader.gone { Err(Gone) } else { Ok(stats) }
    }

    fn read_limits(&mut self, reader: &mut Reader<'_, '_>) {
        if self.reads_until_limits > 0 {
            self.reads_until_limits -= 1;
            return;
        }
        self.reads_until_limits = LIMITS_EVERY - 1;
        self.limits = Limits {
            cpu: self.cpu.as_ref().and_then(|cpu| cpu.limits(reader)),
            memory: self.memory.as_ref().and_then(|memory| memory.limit(reader)),
            threads: self
                .pids
                .as_ref()
                .and_then(|(_, folder)| reader.once(folder, "pids.max", parse::number_or_max))
                .flatten(),
        };
    }
}

impl Cpu {
    fn open(location: &Location, fast: bool, budget: &DescriptorBudget) -> io::Result<Cpu> {
        let v2 = match &location.unified {
            Some(folder) => v2::Cpu::open(folder, location.v1("cpu").is_none(), budget)?,
            None => None,
        };
        Ok(Cpu { v1: v1::Cpu::open(location, v2.is_none(), fast, budget)?, v2 })
    }

    fn read(&self, reader: &mut Reader<'_, '_>, stats: &mut Stats) {
        if let Some(v2) = &self.v2 {
            v2.read(reader, stats);
        }
        if let Some(v1) = &self.v1 {
            v1.read(reader, stats);
        }
        let limited = stats.cpu_limits.is_some_and(|limits| limits.quota_us.is_some());
        stats.throttling = stats.throttling.filter(|throttling| limited || throttling.periods > 0);
    }

    fn limits(&self, reader: &mut Reader<'_, '_>) -> Option<crate::snapshot::CpuLimits> {
        match (&self.v1, &self.v2) {
            (Some(v1), _) if v1.has_quota() => v1.limits(reader),
            (_, Some(v2)) => v2.limits(reader),
            _ => None,
        }
    }
}

impl Memory {
    fn open(location: &Location, budget: &DescriptorBudget) -> io::Result<Option<Memory>> {
        if let Some(folder) = location.v1("memory") {
            return Ok(v1::Memory::open(folder, budget)?.map(Memory::V1));
        }
        match &location.unified {
            Some(folder) => Ok(v2::Memory::open(folder, budget)?.map(Memory::V2)),
            None => Ok(None),
        }
    }

    fn read(&self, reader: &mut Reader<'_, '_>) -> Option<crate::snapshot::Memory> {
        match self {
            Memory::V1(memory) => memory.read(reader),
            Memory::V2(memory) => memory.read(reader),
        }
    }

    fn limit(&self, reader: &mut Reader<'_, '_>) -> Option<Option<u64>> {
        match self {
            Memory::V1(memory) => memory.limit(reader),
            Memory::V2(memory) => memory.limit(reader),
        }
    }
}

impl Io {
    fn open(location: &Location, budget: &DescriptorBudget) -> io::Result<Option<Io>> {
        if let Some(folder) = location.v1("blkio") {
            return Ok(v1::Io::open(folder, budget)?.map(Io::V1));
        }
        match &location.unified {
            Some(folder) => Ok(v2::Io::open(folder, budget)?.map(Io::V2)),
            None => Ok(None),
        }
    }

    fn read(&self, reader: &mut Reader<'_, '_>) -> Option<Vec<crate::snapshot::DeviceIo>> {
        match self {
            Io::V1(io) => io.read(reader),
            Io::V2(io) => io.read(reader),
        }
    }
}

/// Reads files one after the other and remembers whether the cgroup was still there.
struct Reader<'r, 'c> {
    context: &'r mut ReadContext<'c>,
    gone: bool,
}

impl Reader<'_, '_> {
    /// Reads a held file and parses it; an error or a text without sense is `None`.
    fn parsed<T>(&mut self, file: &CgroupFile, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let result = file.read(self.context.buffer).map(parse);
        self.judged(file.name(), result)
    }

    /// The same for a file that not every kernel has.
    fn parsed_if_open<T>(
        &mut self,
        file: &Option<CgroupFile>,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        self.parsed(file.as_ref()?, parse)
    }

    /// Processes of a cgroup and of all that the container has made below it.
    fn processes(&mut self, own: &CgroupFile) -> Option<u64> {
        let mut count = self.parsed(own, |text| Some(parse::lines(text)))?;
        let inner = super::inner::groups(own.folder()).map(Some);
        for folder in self.judged(own.name(), inner)?? {
            count += self.once(&folder, own.name(), |text| Some(parse::lines(text))).unwrap_or(0);
        }
        Some(count)
    }

    /// The same for a file that is opened for the moment.
    fn once<T>(
        &mut self,
        folder: &Path,
        name: &'static str,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let result = super::file::read_once(&folder.join(name), self.context.buffer).map(parse);
        match result {
            Err(error) if is_gone(&error) => None,
            result => self.judged(name, result),
        }
    }

    fn judged<T>(&mut self, name: &'static str, result: io::Result<Option<T>>) -> Option<T> {
        match result {
            Ok(Some(value)) => return Some(value),
            Ok(None) => (self.context.failed)(name, &io::Error::from(io::ErrorKind::InvalidData)),
            Err(error) if is_gone(&error) => self.gone = true,
            Err(error) if is_unsupported(&error) => {}
            Err(error) => (self.context.failed)(name, &error),
        }
        None
    }
}
