//! Work at the deadlines of the sampler's grid, and its CPU time.

use std::io;
use std::time::{Duration, Instant};

use crate::cost::thread_cpu_us;
use crate::measured::interrupt;
use dockmeter::container::grid::{Grid, Tick};

/// The rhythms that the figures are about; the defaults.
pub(crate) const FAST: Duration = Duration::from_millis(250);
pub(crate) const FULL: Duration = Duration::from_secs(5);

/// What works at the deadlines.
pub(crate) trait Work {
    /// The work of a fast tick.
    fn fast(&mut self) -> io::Result<()>;

    /// What a full tick has on top.
    fn full(&mut self) -> io::Result<()>;
}

/// The CPU time of one phase, in microseconds.
#[derive(Default)]
pub(crate) struct Spent {
    /// Of each fast tick, or of the fast part of a full one.
    pub(crate) fast: Vec<f64>,
    /// Of the rest of each full tick.
    pub(crate) full: Vec<f64>,
    /// Of everything, waiting included.
    pub(crate) all: f64,
    /// Ticks that came too late.
    pub(crate) left_out: u64,
}

/// Works for so many full intervals.
pub(crate) fn work(intervals: u32, work: &mut dyn Work) -> io::Result<Spent> {
    let start = Instant::now();
    let mut grid = Grid::new(start, FAST, FULL, None);
    let (mut spent, before) = (Spent::default(), thread_cpu_us());
    while start.elapsed() < FULL * intervals + FAST / 2 {
        interrupt::check()?;
        sleep_until(grid.deadline());
        let Some(tick) = grid.due(Instant::now()) else { continue };
        spent.fast.push(timed(|| work.fast())?);
        if tick == Tick::Full {
            spent.full.push(timed(|| work.full())?);
        }
    }
    spent.all = thread_cpu_us() - before;
    spent.left_out = grid.overruns();
    Ok(spent)
}

fn timed(work: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let before = thread_cpu_us();
    work()?;
    Ok(thread_cpu_us() - before)
}

#[allow(clippy::disallowed_methods, reason = "what is measured comes at real deadlines")]
fn sleep_until(deadline: Instant) {
    std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
}
