//! When a process was started, by a clock that nobody can set.
//!
//! Sources: `/proc/PID/stat` field 22 `starttime` and `/proc/uptime`, both counted since boot,
//! sleep included (`proc(5)`). The engine's `StartedAt` is of the clock on the wall: once that is
//! stepped, the difference to it is no duration any more.

use std::time::Duration;

use crate::paths::Paths;

/// Fields between the program's name and `starttime`.
const FIELDS_BEFORE: usize = 19;

/// Time since boot; `None` where the file is out of reach.
pub(super) fn uptime(paths: &Paths, buffer: &mut Vec<u8>) -> Option<Duration> {
    let text = super::file::read_once(&paths.proc("uptime"), buffer).ok()?;
    let seconds = std::str::from_utf8(text).ok()?.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// When the process of a `/proc/PID/stat` was started, since boot.
pub(super) fn started(stat: &[u8]) -> Option<Duration> {
    // The program's name may hold anything, parentheses and spaces too.
    let after_name = stat.get(memchr::memrchr(b')', stat)? + 2..)?;
    let ticks: u64 = std::str::from_utf8(after_name).ok()?.split(' ').nth(FIELDS_BEFORE)?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(
        Duration::from_secs(ticks / per_second)
            + Duration::from_secs(1).mul_f64((ticks % per_second) as f64 / per_second as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_past_a_name_that_looks_like_fields() {
        let stat = b"7 (a) S 1 (b) c) S 1 7 7 0 -1 4194304 95 0 0 0 0 0 0 0 20 0 1 0 12345 2400256 200 1\n";
        assert_eq!(started(stat), Some(Duration::from_millis(123_450)));
        for broken in
            ["", "7 (a)", "7 (a) ", "7 (a) S 1 2 3", "7 (a) S 1 7 7 0 -1 4194304 95 0 0 0 0 0 0 0 20 0 1 0 x"]
        {
            assert_eq!(started(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn this_process_was_started_before_now() {
        let mut buffer = Vec::new();
        let paths = Paths::default();
        let stat = std::fs::read(paths.proc("self/stat")).unwrap();
        assert!(started(&stat).unwrap() <= uptime(&paths, &mut buffer).unwrap());
    }
}
