//! The part of a cgroup that is read several times a second: use of CPU and memory, and on
//! cgroup v1 the count of OOM kills where the kernel cannot be asked to tell of them.
//!
//! A read is one `pread` a file into a buffer that is always the same, and allocates nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use super::{Cgroup, Cpu, Gone, Memory};
use crate::container::file::{CgroupFile, is_gone, is_unsupported};
use crate::container::parse::{self, Number};
use crate::container::samples::Sample;

/// Holds the first line of `cpu.stat`, and the whole of every other file that is read here.
const BUFFER: usize = 512;

/// Reads what is read several times a second.
#[derive(Debug)]
pub struct FastReader {
    buffer: [u8; BUFFER],
}

impl Default for FastReader {
    fn default() -> Self {
        FastReader { buffer: [0; BUFFER] }
    }
}

/// Called with the name of a file that could not be read although its cgroup is there.
type Failed<'a> = dyn FnMut(&'static str, &io::Error) + 'a;

/// What becomes ready when the kernel has killed for want of memory, or is about to.
#[derive(Debug)]
pub enum OomNotice<'a> {
    /// `memory.events` of v2, which has changed (`POLLPRI`).
    Changed(&'a CgroupFile),
    /// An eventfd of v1 (`POLLIN`), a moment before the kill.
    Imminent(&'a OwnedFd),
}

impl FastReader {
    fn number(
        &mut self,
        file: &CgroupFile,
        parse: Number,
        failed: &mut Failed<'_>,
    ) -> Result<Option<u64>, Gone> {
        let value = file.read_beginning(&mut self.buffer).map(parse);
        match value {
            Ok(Some(value)) => return Ok(Some(value)),
            Ok(None) => failed(file.name(), &io::ErrorKind::InvalidData.into()),
            Err(error) if is_gone(&error) => return Err(Gone),
            Err(error) if is_unsupported(&error) => {}
            Err(error) => failed(file.name(), &error),
        }
        Ok(None)
    }
}

impl Cgroup {
    /// Reads use of CPU and memory, and the OOM kills where only reading tells of them.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed.
    pub fn sample(
        &self,
        reader: &mut FastReader,
        clock: &dyn Fn() -> Instant,
        failed: &mut Failed<'_>,
    ) -> Result<(Sample, Option<u64>), Gone> {
        let mut number = |file: Option<(&CgroupFile, Number)>| match file {
            Some((file, parse)) => reader.number(file, parse, failed),
            None => Ok(None),
        };
        let cpu_ns = number(self.fast_cpu())?;
        let at = clock();
        let memory = number(self.fast_memory())?;
        let oom_kills = number(self.polled_oom())?;
        Ok((Sample { at, cpu_ns, memory }, oom_kills))
    }

    /// Reads the count of OOM kills; `None` where the kernel does not count.
    ///
    /// # Errors
    /// [`Gone`] once the cgroup has been removed.
    pub fn read_oom_kills(
        &self,
        reader: &mut FastReader,
        failed: &mut Failed<'_>,
    ) -> Result<Option<u64>, Gone> {
        match &self.memory {
            Some(Memory::V1(memory)) => memory.oom_control(),
            Some(Memory::V2(memory)) => memory.events(),
            None => None,
        }
        .map_or(Ok(None), |file| reader.number(file, parse::oom_kills, failed))
    }

    /// What tells of OOM kills.
    pub fn oom_notice(&self) -> Option<OomNotice<'_>> {
        match self.memory.as_ref()? {
            Memory::V1(memory) => memory.oom_notice().map(OomNotice::Imminent),
            Memory::V2(memory) => memory.events().map(OomNotice::Changed),
        }
    }

    /// Where both hierarchies have it, `cpuacct.usage` is the cheaper one, and as exact.
    fn fast_cpu(&self) -> Option<(&CgroupFile, Number)> {
        let Cpu { v1, v2 } = self.cpu.as_ref().filter(|_| self.fast)?;
        let usage = v1.as_ref().and_then(|v1| Some((v1.usage()?, parse::number as Number)));
        usage.or_else(|| v2.as_ref().map(|v2| v2.usage()))
    }

    fn fast_memory(&self) -> Option<(&CgroupFile, Number)> {
        Some(match self.memory.as_ref().filter(|_| self.fast)? {
            Memory::V1(memory) => (memory.usage(), parse::number),
            Memory::V2(memory) => (memory.current(), parse::number),
        })
    }

    /// Where there is a notice, nothing needs to be asked again and again.
    fn polled_oom(&self) -> Option<(&CgroupFile, Number)> {
        match self.memory.as_ref().filter(|_| self.fast)? {
            Memory::V1(memory) if memory.oom_notice().is_none() => {
                memory.oom_control().map(|file| (file, parse::oom_kills as Number))
            }
            _ => None,
        }
    }
}
