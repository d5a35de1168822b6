//! Memory that is taken, and a child that takes more than there is.

use std::fs;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use crate::{Answer, Outcome};

const PAGE: usize = 4096;

/// Allocates memory, writes to every page and keeps it.
pub(crate) fn hold(held: &mut Vec<Vec<u8>>, bytes: usize) -> Outcome {
    let before = resident()?;
    held.push(touched(bytes));
    Ok(Answer::default().number("bytes", bytes as u64).number("anonymous_bytes", resident()? - before))
}

/// What a child of [`oom`] does.
pub(crate) fn take(bytes: &str) -> Result<(), Box<dyn std::error::Error>> {
    // The kernel is to choose this process, not its parent.
    fs::write("/proc/self/oom_score_adj", "1000")?;
    black_box(touched(bytes.parse()?));
    Ok(())
}

/// Lets a child take memory; the answer tells the signal that ended it, 0 if none.
pub(crate) fn oom(bytes: &str) -> Outcome {
    let status = Command::new("/proc/self/exe").args(["take", bytes]).status()?;
    Ok(Answer::default().number("signal", u64::from(status.signal().unwrap_or(0).unsigned_abs())))
}

fn touched(bytes: usize) -> Vec<u8> {
    let mut memory = vec![0; bytes];
    for page in memory.chunks_mut(PAGE) {
        page[0] = black_box(1);
    }
    memory
}

/// The anonymous memory of this process that is in use, in bytes, by the kernel's account of
/// its page tables.
fn resident() -> Result<u64, Box<dyn std::error::Error>> {
    let status = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = status.lines().find_map(|line| line.strip_prefix("Anonymous:")).ok_or("no `Anonymous:`")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}
