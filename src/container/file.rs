//! Files of a cgroup that are read again and again.
//!
//! A held descriptor and one `pread` cost a fraction of opening, reading and closing, and a
//! removed cgroup answers `ENODEV`, which no reused process id can imitate. Descriptors are
//! bounded: beyond the budget a file is opened each time.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Descriptors kept free for connections of those who read, logs and files that are opened for
/// a moment.
const RESERVED_DESCRIPTORS: usize = 512;

/// And for connections of programs, but a quarter of all at most, as those are bounded.
const RESERVED_FOR_PROGRAMS: usize = 1_024;

/// Once a read returns fewer bytes, the file has ended: the kernel hands out about a page a
/// read and stops only where the next record does not fit.
const SHORT_READ: usize = 3072;

/// No file that is read here is longer; a longer one is cut rather than let grow without bound.
const LONGEST_FILE: usize = 1 << 20;

/// How many descriptors may be held on files.
#[derive(Clone, Debug)]
pub struct DescriptorBudget(Arc<AtomicUsize>);

impl DescriptorBudget {
    /// A budget of so many descriptors.
    pub fn new(descriptors: usize) -> Self {
        DescriptorBudget(Arc::new(AtomicUsize::new(descriptors)))
    }

    /// Raises the soft limit of open files to the hard one and takes what is not reserved.
    pub fn of_this_process() -> Self {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // Refused only where a policy forbids it; the soft limit then stays the budget.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        let usable = if raised.is_ok() { limit.maximum } else { limit.current };
        let usable = usable.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(1 << 20);
        let reserved = RESERVED_DESCRIPTORS + RESERVED_FOR_PROGRAMS.min(usable / 4);
        Self::new(usable.saturating_sub(reserved))
    }

    /// How many descriptors may still be held.
    pub fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes one for a descriptor that the caller holds.
    pub(super) fn take(&self) -> Option<Permit> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.ok().map(|_| Permit(self.0.clone()))
    }
}

/// One descriptor of the budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// One file of one cgroup.
#[derive(Debug)]
pub struct CgroupFile {
    folder: Arc<Path>,
    name: &'static str,
    held: Option<(OwnedFd, Permit)>,
}

impl CgroupFile {
    /// Opens a file that may not exist: `None` where the kernel or the controller does not have it.
    ///
    /// # Errors
    /// Any other error than absence.
    pub fn open(
        folder: &Arc<Path>,
        name: &'static str,
        budget: &DescriptorBudget,
    ) -> io::Result<Option<Self>> {
        let descriptor = match open_read(&folder.join(name)) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let held = budget.take().map(|permit| (descriptor, permit));
        Ok(Some(CgroupFile { folder: folder.clone(), name, held }))
    }

    /// Reads the whole file into `buffer`, which is emptied first.
    ///
    /// # Errors
    /// What the kernel answers; [`is_gone`] tells a removed cgroup from the rest.
    pub fn read<'b>(&self, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
        match &self.held {
            Some((descriptor, _)) => read_whole(descriptor, buffer)?,
            None => read_whole(&open_read(&self.folder.join(self.name))?, buffer)?,
        }
        Ok(buffer)
    }

    /// Reads the beginning of the file with one system call, as far as it fits.
    ///
    /// # Errors
    /// As [`CgroupFile::read`].
    pub fn read_beginning<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let read = match &self.held {
            Some((descriptor, _)) => rustix::io::pread(descriptor, &mut *buffer, 0)?,
            None => rustix::io::pread(open_read(&self.folder.join(self.name))?, &mut *buffer, 0)?,
        };
        Ok(&buffer[..read])
    }

    /// Closes the descriptor, if one is held: from now on the file is opened each time. Says
    /// whether that gave one back.
    pub fn let_go(&mut self) -> bool {
        self.held.take().is_some()
    }

    /// The cgroup's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The descriptor, if one is held.
    pub fn descriptor(&self) -> Option<&OwnedFd> {
        self.held.as_ref().map(|(descriptor, _)| descriptor)
    }
}

/// Whether an error means that the cgroup or the process is no more.
pub fn is_gone(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::NODEV | Errno::NOENT | Errno::SRCH))
}

/// Whether an error means that the kernel has the file but does not fill it.
pub fn is_unsupported(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(code, Some(Errno::OPNOTSUPP))
}

fn open_read(path: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Reads from the beginning to the end of a seekable file.
pub(super) fn read_whole(descriptor: &OwnedFd, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    buffer.reserve(4096);
    loop {
        let before = buffer.len();
        let read = match rustix::io::pread(descriptor, rustix::buffer::spare_capacity(buffer), before as u64)
        {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        if read < SHORT_READ || buffer.len() >= LONGEST_FILE {
            return Ok(());
        }
        buffer.reserve(4096);
    }
}

/// Reads a file that is opened for the moment: limits, and what lies under `/proc`.
///
/// # Errors
/// What the kernel answers.
pub(super) fn read_once<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> io::Result<&'b [u8]> {
    read_whole(&open_read(path)?, buffer)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_budget_a_file_is_opened_each_time_and_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "1").unwrap();
        let path: Arc<Path> = Arc::from(folder.path());
        let budget = DescriptorBudget::new(1);
        let held = CgroupFile::open(&path, "a", &budget).unwrap().unwrap();
        let reopened = CgroupFile::open(&path, "a", &budget).unwrap().unwrap();
        assert!(held.descriptor().is_some() && reopened.descriptor().is_none());
        std::fs::write(folder.path().join("a"), "22").unwrap();
        let mut buffer = Vec::new();
        assert_eq!(held.read(&mut buffer).unwrap(), b"22");
        assert_eq!(reopened.read(&mut buffer).unwrap(), b"22");
        drop(held);
        assert!(CgroupFile::open(&path, "a", &budget).unwrap().unwrap().descriptor().is_some());
    }

    #[test]
    fn a_file_longer_than_a_page_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(20_000);
        std::fs::write(folder.path().join("a"), &long).unwrap();
        let file =
            CgroupFile::open(&Arc::from(folder.path()), "a", &DescriptorBudget::new(1)).unwrap().unwrap();
        assert_eq!(file.read(&mut Vec::new()).unwrap(), long.as_bytes());
    }

    #[test]
    fn a_missing_file_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            CgroupFile::open(&Arc::from(folder.path()), "a", &DescriptorBudget::new(1)).unwrap().is_none()
        );
    }
}
