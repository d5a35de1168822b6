//! How much a tree of files occupies: a walk in small steps, so that whoever walks decides
//! when to rest.
//!
//! - Allocated bytes count (`st_blocks`), as `du` counts them: a sparse file counts what it
//!   takes, a folder its own blocks, a file with several names once.
//! - Every folder is opened below one that is held open already, without following links and
//!   without entering another file system. Whatever is renamed meanwhile, the walk stays in
//!   its tree; what vanishes is left out.
//! - Memory is bounded: a folder is read a block at a time, and both the depth and the number
//!   of remembered inodes have a limit.
//!
//! Source: `getdents64(2)`, `fstatat(2)`, `openat2(2)`.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat};
use rustix::io::Errno;

/// Folders within folders. Each level holds a descriptor; trees that people make have tens.
const DEEPEST: usize = 200;

/// How many inodes with several names are remembered, about 3 MiB of them.
const MOST_LINKED: usize = 1 << 18;

/// One read of a folder: about a hundred names, which are looked at in one step.
const BLOCK_BYTES: usize = 4096;

/// The unit of `st_blocks`, whatever the file system's own block is (`stat(2)`).
const STAT_BLOCK: u64 = 512;

/// Why a tree cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It is nested deeper than can be followed.
    #[error("folders are nested deeper than {DEEPEST} levels")]
    TooDeep,
    /// The system refused something.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<Errno> for WalkError {
    fn from(errno: Errno) -> Self {
        WalkError::Io(errno.into())
    }
}

/// Whether there is more to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is.
    More,
    /// The tree occupies this many bytes.
    Done(u64),
}

/// A folder that is being walked.
#[derive(Debug)]
struct Level {
    folder: OwnedFd,
    /// Folders of the last block that are still to be entered.
    inner: Vec<CString>,
    /// Whether the folder has been read to its end.
    read: bool,
}

/// A walk that is under way.
#[derive(Debug)]
pub struct Walk {
    device: u64,
    levels: Vec<Level>,
    linked: Linked,
    bytes: u64,
}

impl Walk {
    /// Begins at a folder that is open for reading.
    ///
    /// # Errors
    /// The folder cannot be looked at.
    pub fn new(folder: OwnedFd) -> Result<Walk, WalkError> {
        let status = rustix::fs::fstat(&folder)?;
        let levels = vec![Level { folder, inner: Vec::new(), read: false }];
        Ok(Walk {
            device: status.st_dev,
            levels,
            linked: Linked { inodes: HashSet::new(), most: MOST_LINKED },
            bytes: allocated(&status),
        })
    }

    /// Enters one folder, or looks at about a hundred names of one.
    ///
    /// # Errors
    /// Something in the tree cannot be read; what vanishes is no error.
    pub fn step(&mut self) -> Result<Step, WalkError> {
        let Some(level) = self.levels.last_mut() else { return Ok(Step::Done(self.bytes)) };
        if let Some(name) = level.inner.pop() {
            self.enter(&name)?;
        } else if level.read {
            self.levels.pop();
        } else {
            self.read_block()?;
        }
        Ok(if self.levels.is_empty() { Step::Done(self.bytes) } else { Step::More })
    }

    fn enter(&mut self, name: &CString) -> Result<(), WalkError> {
        let Some(level) = self.levels.last() else { return Ok(()) };
        let folder = match open_folder(&level.folder, name) {
            Ok(folder) => folder,
            // Removed, replaced by something that is no folder, or mounted over.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let status = rustix::fs::fstat(&folder)?;
        if status.st_dev != self.device {
            return Ok(());
        }
        if self.levels.len() >= DEEPEST {
            return Err(WalkError::TooDeep);
        }
        self.bytes = self.bytes.saturating_add(allocated(&status));
        self.levels.push(Level { folder, inner: Vec::new(), read: false });
        Ok(())
    }

    fn read_block(&mut self) -> Result<(), WalkError> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let mut block = [MaybeUninit::uninit(); BLOCK_BYTES];
        let mut names = RawDir::new(&level.folder, &mut block);
        level.read = true;
        while let Some(entry) = names.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // The folder itself has been removed.
                Err(Errno::NOENT) => break,
                Err(error) => return Err(error.into()),
            };
            let name = entry.file_name();
            match rustix::fs::statat(&level.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) if matches!(name.to_bytes(), b"." | b"..") => {}
                // Something else is mounted there.
                Ok(status) if status.st_dev != self.device => {}
                Ok(status) if FileType::from_raw_mode(status.st_mode) == FileType::Directory => {
                    level.inner.push(name.to_owned());
                }
                Ok(status) => self.bytes = self.bytes.saturating_add(self.linked.share(&status)),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            // The next call would read the next block.
            if names.is_buffer_empty() {
                level.read = false;
                break;
            }
        }
        Ok(())
    }
}

/// Inodes that have several names and have been counted.
#[derive(Debug)]
struct Linked {
    inodes: HashSet<u64>,
    most: usize,
}

impl Linked {
    /// What a file counts by this name: all of it by the first, nothing by another. Beyond
    /// what can be remembered each of its names counts an equal part.
    fn share(&mut self, status: &Stat) -> u64 {
        let bytes = allocated(status);
        #[allow(clippy::useless_conversion, reason = "narrower on other machines than this")]
        let names = u64::from(status.st_nlink);
        if names < 2 || self.inodes.contains(&status.st_ino) {
            return if names < 2 { bytes } else { 0 };
        }
        if self.inodes.len() >= self.most {
            return bytes / names;
        }
        self.inodes.insert(status.st_ino);
        bytes
    }
}

/// The bytes that a file takes on its disk.
pub(super) fn allocated(status: &Stat) -> u64 {
    u64::try_from(status.st_blocks).unwrap_or(0).saturating_mul(STAT_BLOCK)
}

/// Opens a folder that lies in another one, on the same mount, and is no link.
///
/// # Errors
/// As `openat2(2)`; `EXDEV` if something is mounted there.
pub fn open_folder(parent: impl AsFd, name: impl rustix::path::Arg + Copy) -> Result<OwnedFd, Errno> {
    let parent = parent.as_fd();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = |flags| {
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(parent, name, flags, Mode::empty(), within) {
            // Kernels before 5.6, and sandboxes that do not know the call: the device is
            // compared by whoever opens.
            Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(parent, name, flags, Mode::empty()),
            other => other,
        }
    };
    // Looking must not write; only the owner and root may ask for that.
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        other => other,
    }
}

#[cfg(test)]
mod tests;
