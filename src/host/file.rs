//! A kernel file that is read again and again by a held descriptor: one `pread` where opening,
//! reading and closing would take three calls and more time than the reading.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// What a read makes room for at once: most files fit.
const CHUNK: usize = 16 << 10;

/// A file made of records comes about a page a read; a shorter piece is the last one, since
/// no record of those that are read here is as long as what it leaves of the page.
const SHORT_PIECE: usize = 3072;

/// Longer than any line of a few numbers.
const LONGEST_LINE: usize = 256;

/// No file that is read here is longer; a longer one is refused rather than let grow.
const LONGEST_FILE: usize = 8 << 20;

/// How the kernel hands out a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As one piece.
    Whole,
    /// As one piece of a line. Of a sysctl: for each read of it the kernel makes room, and
    /// empties it, for all that is asked for.
    Line,
    /// Record by record, about a page at once.
    Records,
    /// Record by record, and a record may be longer than a page.
    LongRecords,
}

/// Why a part of the host could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The kernel said no.
    #[error("could not read `{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What came back.
        source: io::Error,
    },
    /// The file is not what it is known to be.
    #[error("could not understand `{}`", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Something that is read in the background.
    #[error("{problem}")]
    Background {
        /// What was tried, and what came back.
        problem: String,
    },
    /// A system call that is about no file.
    #[error("{call}: {source}")]
    Call {
        /// The call.
        call: &'static str,
        /// What came back.
        source: io::Error,
    },
}

/// One file.
#[derive(Debug)]
pub(super) struct HostFile {
    path: PathBuf,
    shape: Shape,
    held: Option<OwnedFd>,
}

impl HostFile {
    /// A file that need not exist.
    pub(super) fn new(path: PathBuf, shape: Shape) -> Self {
        HostFile { path, shape, held: None }
    }

    /// Reads the file; `None` where the kernel does not have it, or has it switched off.
    pub(super) fn read<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<Option<&'b [u8]>, ReadError> {
        match self.read_raw(buffer) {
            Ok(()) => Ok(Some(buffer)),
            // Pressure is compiled in and switched off.
            Err(Errno::NOENT | Errno::OPNOTSUPP) => Ok(None),
            Err(error) => Err(ReadError::Io { path: self.path.clone(), source: error.into() }),
        }
    }

    /// Reads the file and makes something of it.
    pub(super) fn parse<T>(
        &mut self,
        buffer: &mut Vec<u8>,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, ReadError> {
        let Some(text) = self.read(buffer)? else { return Ok(None) };
        parse(text).map(Some).ok_or_else(|| self.malformed())
    }

    /// The error that says that this file makes no sense.
    pub(super) fn malformed(&self) -> ReadError {
        ReadError::Malformed { path: self.path.clone() }
    }

    /// The held descriptor, if the file has been read.
    pub(super) fn descriptor(&self) -> Option<&OwnedFd> {
        self.held.as_ref()
    }

    fn read_raw(&mut self, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        if let Some(held) = &self.held
            && read_whole(held, self.shape, buffer).is_ok()
        {
            return Ok(());
        }
        // Not opened yet, or what it was opened on is no more.
        self.held = None;
        let descriptor = rustix::fs::open(&self.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        read_whole(&descriptor, self.shape, buffer)?;
        self.held = Some(descriptor);
        Ok(())
    }
}

fn read_whole(descriptor: &OwnedFd, shape: Shape, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    buffer.clear();
    if shape == Shape::Line {
        let mut line = [0; LONGEST_LINE];
        let read = rustix::io::retry_on_intr(|| rustix::io::pread(descriptor, &mut line, 0))?;
        buffer.extend_from_slice(&line[..read]);
        return Ok(());
    }
    loop {
        if buffer.len() >= LONGEST_FILE {
            return Err(Errno::FBIG);
        }
        buffer.reserve(CHUNK);
        let before = buffer.len();
        let room = buffer.capacity() - before;
        let read = match rustix::io::pread(descriptor, rustix::buffer::spare_capacity(buffer), before as u64)
        {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let last = match shape {
            Shape::Whole | Shape::Line => read < room,
            Shape::Records => read < SHORT_PIECE,
            Shape::LongRecords => read == 0,
        };
        if last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_shape_is_read_whole_and_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for shape in [Shape::Whole, Shape::Records, Shape::LongRecords] {
            let mut file = HostFile::new(path.clone(), shape);
            let mut buffer = Vec::new();
            for length in [0, 1, 5_000, 40_000, 3] {
                std::fs::write(&path, "x".repeat(length)).unwrap();
                assert_eq!(file.read(&mut buffer).unwrap().unwrap().len(), length, "{shape:?}");
            }
        }
    }

    #[test]
    fn a_real_file_of_the_kernel_is_read_as_the_standard_library_reads_it() {
        let paths = crate::paths::Paths::default();
        for (name, shape) in [("version", Shape::Whole), ("filesystems", Shape::Records)] {
            let mut file = HostFile::new(paths.proc(name), shape);
            let mut buffer = Vec::new();
            for _ in 0..2 {
                let expected = std::fs::read(paths.proc(name)).unwrap();
                assert_eq!(file.read(&mut buffer).unwrap().unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_number_of_the_kernel_is_read_as_the_standard_library_reads_it() {
        let path = crate::paths::Paths::default().sysctl("kernel/pid_max");
        let mut file = HostFile::new(path.clone(), Shape::Line);
        let mut buffer = Vec::new();
        for _ in 0..2 {
            assert_eq!(file.read(&mut buffer).unwrap().unwrap(), std::fs::read(&path).unwrap());
        }
    }

    #[test]
    fn a_missing_file_is_no_error_and_is_found_when_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut file = HostFile::new(path.clone(), Shape::Whole);
        let mut buffer = Vec::new();
        assert!(file.read(&mut buffer).unwrap().is_none());
        std::fs::write(&path, "1").unwrap();
        assert_eq!(file.read(&mut buffer).unwrap().unwrap(), b"1");
        let error = HostFile::new(folder.path().into(), Shape::Whole).read(&mut buffer).unwrap_err();
        assert!(error.to_string().contains("could not read `/"), "{error}");
    }
}
