//! CPU time, memory and descriptors of a process, from `/proc/PID`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::process::Command;

/// A command that the kernel ends when the benchmark ends, however it does. It has to be
/// started by the main thread: the kernel goes by the thread, not by the process.
pub(crate) fn command_that_dies_with_us(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// The CPU time of all threads of a process, in nanoseconds (`/proc/PID/task/*/schedstat`).
///
/// A thread that ends takes its record along; what it was last seen with still counts.
#[derive(Debug)]
pub(crate) struct CpuClock {
    pid: u32,
    threads: BTreeMap<String, u64>,
}

impl CpuClock {
    pub(crate) fn of(pid: u32) -> Self {
        CpuClock { pid, threads: BTreeMap::new() }
    }

    /// The time so far. Of a process that has ended it is what was seen last.
    pub(crate) fn now_ns(&mut self) -> u64 {
        for entry in fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten() {
            let text = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
            let on_core = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
            if let Some(nanos) = on_core {
                self.threads.insert(entry.file_name().to_string_lossy().into_owned(), nanos);
            }
        }
        self.threads.values().sum()
    }
}

/// Resident memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Resident {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Resident {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let bytes = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
        };
        Ok(Resident { now: bytes("VmRSS:").unwrap_or(0), peak: bytes("VmHWM:").unwrap_or(0) })
    }
}

/// How many descriptors a process holds.
pub(crate) fn descriptors(pid: u32) -> io::Result<usize> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}
