//! CPU time and wall time of repeated work.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// The median of several rounds, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) cpu_us: f64,
    pub(crate) wall_us: f64,
}

/// Runs `work` in a few rounds to warm up and then in `rounds` that count.
pub(crate) fn measure(rounds: usize, mut work: impl FnMut()) -> Cost {
    for _ in 0..3 {
        work();
    }
    let mut cpu = Vec::with_capacity(rounds);
    let mut wall = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let (started, cpu_before) = (Instant::now(), thread_cpu_us());
        work();
        cpu.push(thread_cpu_us() - cpu_before);
        wall.push(started.elapsed().as_secs_f64() * 1e6);
    }
    Cost { cpu_us: median(cpu), wall_us: median(wall) }
}

fn thread_cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
