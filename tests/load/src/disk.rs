//! Files: through the page cache, and past it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Instant;

use nix::fcntl::OFlag;

use crate::{Answer, Outcome};

/// One request to the disk.
const REQUEST: usize = 1 << 20;

/// What a disk without a page cache wants buffers, places and lengths to be multiples of.
const ALIGNMENT: usize = 4096;

/// Writes a file and waits until it is on the disk, so that no page of it is dirty.
pub(crate) fn write(file: &str, bytes: u64) -> Outcome {
    let mut open = File::create(file)?;
    let chunk = vec![0x5a; REQUEST];
    for _ in 0..bytes / REQUEST as u64 {
        open.write_all(&chunk)?;
    }
    open.sync_all()?;
    Ok(Answer::default().number("bytes", open.metadata()?.len()))
}

/// Writes a file past the page cache.
pub(crate) fn write_direct(file: &str, bytes: u64) -> Outcome {
    let mut open = direct(OpenOptions::new().create(true).write(true)).open(file)?;
    with_aligned(|chunk| {
        let began = Instant::now();
        let mut written = 0;
        for _ in 0..bytes / REQUEST as u64 {
            open.write_all(chunk)?;
            written += chunk.len() as u64;
        }
        Ok(Answer::default().number("bytes", written).wall(began))
    })
}

/// Reads a file past the page cache.
pub(crate) fn read_direct(file: &str, bytes: u64) -> Outcome {
    let mut open = direct(OpenOptions::new().read(true)).open(file)?;
    with_aligned(|chunk| {
        let began = Instant::now();
        let mut read = 0;
        for _ in 0..bytes / REQUEST as u64 {
            open.read_exact(chunk)?;
            read += chunk.len() as u64;
        }
        Ok(Answer::default().number("bytes", read).wall(began))
    })
}

fn direct(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(OFlag::O_DIRECT.bits())
}

/// Calls with a buffer that a disk takes directly.
fn with_aligned(work: impl FnOnce(&mut [u8]) -> Outcome) -> Outcome {
    let mut memory = vec![0x5a; REQUEST + ALIGNMENT];
    let start = memory.as_ptr().align_offset(ALIGNMENT);
    work(&mut memory[start..start + REQUEST])
}
