//! A cgroup of its own for a program: the CPU time of everything it starts counts, however
//! short-lived, and nothing of it outlives the measurement.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::measured::failure;
use crate::measured::process::{Resident, command_that_dies_with_us};

/// The folder in the unified hierarchy; one measurement at a time.
const FOLDER: &str = "dockmeter-peers";

/// Puts itself into the cgroup `$0` and becomes the program.
const ENTER: &str = r#"echo 0 >"$0/cgroup.procs" && exec "$@""#;

/// How long killed processes may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running program in its cgroup; gone with all its children when dropped.
pub(crate) struct Cell {
    folder: PathBuf,
    child: Option<Child>,
    log: PathBuf,
}

impl Cell {
    /// Starts a program in a directory, where its output goes to `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], directory: &Path) -> io::Result<Cell> {
        let folder = unified()?.join(FOLDER);
        let log = directory.join("log");
        let mut cell = Cell { folder, child: None, log };
        cell.empty();
        fs::create_dir(&cell.folder)?;
        let mut command = command_that_dies_with_us("sh");
        command.args([OsString::from("-c"), ENTER.into(), cell.folder.clone().into()]);
        command.arg(program).args(arguments).current_dir(directory);
        command.env_clear().env("HOME", directory).env("DO_NOT_TRACK", "1");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let log = File::create(&cell.log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        cell.child = Some(command.spawn()?);
        Ok(cell)
    }

    /// The CPU time of all that has run in it, in nanoseconds.
    pub(crate) fn cpu_ns(&self) -> io::Result<u64> {
        let stat = fs::read_to_string(self.folder.join("cpu.stat"))?;
        let usage = stat.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse::<u64>().ok());
        Ok(usage.ok_or_else(|| failure("`cpu.stat` tells no `usage_usec`"))? * 1000)
    }

    /// Resident memory of all its processes, in bytes; pages that they share count for each.
    pub(crate) fn resident(&self) -> u64 {
        // One that has ended meanwhile has no memory any more.
        self.processes()
            .filter_map(|pid| Resident::of(pid.as_raw_nonzero().get().cast_unsigned()).ok())
            .map(|resident| resident.now)
            .sum()
    }

    /// Its exit, if it has ended, with what it said last.
    pub(crate) fn ended(&mut self) -> io::Result<Option<String>> {
        let Some(status) = self.child.as_mut().map(Child::try_wait).transpose()?.flatten() else {
            return Ok(None);
        };
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(3).collect();
        Ok(Some(format!("it ended with {status}: {}", last.join(" | "))))
    }

    fn processes(&self) -> impl Iterator<Item = Pid> {
        let text = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
        let pids: Vec<Pid> = text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect();
        pids.into_iter()
    }

    /// Ends what runs in the cgroup and removes it.
    fn empty(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.folder.is_dir() && fs::remove_dir(&self.folder).is_err() {
            for pid in self.processes() {
                // Fails only if it has ended meanwhile.
                let _ = kill_process(pid, Signal::KILL);
            }
            if Instant::now() > deadline {
                eprintln!("`{}` could not be removed", self.folder.display());
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Both fail only if it has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.empty();
    }
}

/// Where the unified hierarchy is mounted; its `cpu.stat` counts without any controller.
fn unified() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let point = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let point = fields.next()?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(point))
    });
    point.ok_or_else(|| {
        failure("cgroup v2 is mounted nowhere; it counts the CPU time of a program and its children")
    })
}
