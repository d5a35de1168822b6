//! The system calls of a process, one by one, with their times, by `strace`.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::measured::failure;
use crate::measured::interrupt::pause;

/// How long it may take to attach.
const PATIENCE: Duration = Duration::from_secs(20);

/// A trace that goes on.
pub(crate) struct Trace {
    child: Child,
    folder: TempDir,
}

/// The time as a trace has it: seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl Trace {
    /// Begins to trace every thread of a process, and those that it starts.
    pub(crate) fn start(strace: &Path, pid: u32) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let child = Command::new(strace)
            .args(["-f", "-qq", "-ttt", "-e", "signal=none", "-o"])
            .arg(folder.path().join("trace"))
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let mut trace = Trace { child, folder };
        let deadline = Instant::now() + PATIENCE;
        while !is_traced(pid)? {
            if trace.child.try_wait()?.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(trace.folder.path().join("log")).unwrap_or_default();
                return Err(failure(format!("`strace` cannot trace: {log}")));
            }
            pause(Duration::from_millis(20))?;
        }
        Ok(trace)
    }

    /// Ends the trace; when each call began.
    pub(crate) fn finish(mut self) -> io::Result<Vec<f64>> {
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        self.child.wait()?;
        let trace = fs::read(self.folder.path().join("trace"))?;
        Ok(String::from_utf8_lossy(&trace).lines().filter_map(call).collect())
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // Fails only if it has ended; what it traces goes on.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

/// Whether every thread of a process is traced.
fn is_traced(pid: u32) -> io::Result<bool> {
    for thread in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line == "TracerPid:\t0") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// When the call of a line like `123 1700000000.123456 read(…` began; `None` for one that goes
/// on, and for what is no call.
fn call(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once(' ')?;
    let (at, call) = rest.trim_start().split_once(' ')?;
    call.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_').then(|| at.parse().ok())?
}
