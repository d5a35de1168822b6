//! The floor: the same files read with the same system calls into one buffer, and nothing done
//! with what they say.
//!
//! Which files those are is taken from the descriptors that the sampler holds at the moment.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, openat};

/// The cgroup files that this process holds open to read them again and again.
pub(crate) fn held_files() -> io::Result<Vec<PathBuf>> {
    let mut held = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        // `cgroup.events` is waited for, not read.
        if target.starts_with("/sys/fs/cgroup") && target.is_file() && !target.ends_with("cgroup.events") {
            held.push(target);
        }
    }
    Ok(held)
}

/// Files held open, and processes whose `net/dev` has to be opened each time.
pub(crate) struct Floor {
    held: Vec<File>,
    processes: Vec<OwnedFd>,
    buffer: Vec<u8>,
}

impl Floor {
    /// Opens the files, and the folders of the processes.
    pub(crate) fn open(held: &[PathBuf], pids: impl Iterator<Item = u32>) -> io::Result<Floor> {
        let folder = |pid| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            open(Path::new("/proc").join(format!("{pid}")), flags, Mode::empty())
        };
        Ok(Floor {
            held: held.iter().map(File::open).collect::<io::Result<_>>()?,
            processes: pids.map(folder).collect::<Result<_, _>>()?,
            buffer: vec![0; 16384],
        })
    }

    /// How many files a round reads.
    pub(crate) fn files(&self) -> usize {
        self.held.len() + self.processes.len()
    }

    /// One round.
    pub(crate) fn read(&mut self) -> io::Result<()> {
        for file in &self.held {
            file.read_at(&mut self.buffer, 0)?;
        }
        for process in &self.processes {
            let file = openat(process, "net/dev", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            rustix::io::pread(&file, &mut self.buffer[..], 0)?;
        }
        Ok(())
    }
}
