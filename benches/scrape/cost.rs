//! CPU time of repeated work of this thread, and medians.

use rustix::time::{ClockId, clock_gettime};

/// Runs `work` in a few rounds to warm up and then in `rounds` that count; the median of these
/// in microseconds of CPU time.
pub(crate) fn measure(rounds: usize, mut work: impl FnMut()) -> f64 {
    for _ in 0..3 {
        work();
    }
    let mut cpu_us = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let before = thread_cpu_us();
        work();
        cpu_us.push(thread_cpu_us() - before);
    }
    median(cpu_us)
}

/// The CPU time of this thread, in microseconds.
pub(crate) fn thread_cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
