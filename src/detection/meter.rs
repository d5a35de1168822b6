//! What a container did in the step that is not over: growth of counters by elapsed time, and the
//! mean of what it held. It is what the history makes of the same samples (`history/bin.rs`).

use super::{COUNT, STEP_MS};
use crate::snapshot::{Reading, Stall};

/// Counters that are followed, and their places.
const COUNTERS: usize = 6;
const CPU: usize = 0;
const PERIODS: usize = 1;
const THROTTLED: usize = 2;
const CPU_WAITING: usize = 3;
const MEMORY_STALLED: usize = 4;
const IO_STALLED: usize = 5;

/// A time that samples of a step have to cover at least, so that a few seconds of it do not count
/// as a whole: the first step after a start is begun in its middle.
const LEAST_MS: i64 = STEP_MS / 2;

/// Values by measure, in the order of [`super::NAMES`].
pub(super) type Values = [Option<f64>; COUNT];

/// A step that is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Closed {
    /// Its end, in milliseconds since 1970.
    pub(super) at: i64,
    /// What it had.
    pub(super) values: Values,
}

/// How far a step is that is not over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SoFar {
    /// The end of the step, in milliseconds since 1970.
    pub(super) end: i64,
    /// The time that its samples cover.
    pub(super) elapsed_ms: i64,
    /// What it has had on average until now.
    pub(super) values: Values,
    /// What it will have at least, whatever comes. None of shares of periods, of which nobody knows
    /// how many will come.
    pub(super) least: Values,
}

/// One container's counters.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter {
    /// The last sample, and what counters showed then.
    at: Option<i64>,
    before: [Option<u64>; COUNTERS],
    /// The step that is open, by its end.
    end: i64,
    elapsed_ms: i64,
    grown: [Option<u64>; COUNTERS],
    held: f64,
    samples: u32,
}

/// What counters show: times in nanoseconds.
fn counters(reading: &Reading) -> [Option<u64>; COUNTERS] {
    let Some(stats) = reading.stats.as_deref() else { return [None; COUNTERS] };
    let waiting = |stall: Option<Stall>| stall.map(|stall| stall.waiting_ns);
    let stalled = |stall: Option<Stall>| stall?.stalled_ns;
    let mut counters = [None; COUNTERS];
    counters[CPU] = stats.cpu.map(|cpu| cpu.usage_ns);
    counters[PERIODS] = stats.throttling.map(|of| of.periods);
    counters[THROTTLED] = stats.throttling.map(|of| of.throttled_periods);
    counters[CPU_WAITING] = waiting(stats.pressure.cpu);
    counters[MEMORY_STALLED] = stalled(stats.pressure.memory);
    counters[IO_STALLED] = stalled(stats.pressure.io);
    counters
}

impl Meter {
    /// Takes a reading; gives the step before, if this one begins another. What comes again or too
    /// late is left out, but after a clock that was set far back it begins anew.
    pub(super) fn add(&mut self, at: i64, reading: &Reading) -> Option<Closed> {
        if let Some(last) = self.at.filter(|last| at <= *last) {
            if last - at > STEP_MS {
                *self = Meter::default();
            }
            return None;
        }
        let end = (at - 1).div_euclid(STEP_MS) * STEP_MS + STEP_MS;
        let closed = (self.end != end).then(|| self.close(end)).flatten();
        self.take(at, reading);
        closed
    }

    /// Ends the open step and begins another.
    fn close(&mut self, end: i64) -> Option<Closed> {
        let is_enough = self.elapsed_ms >= LEAST_MS;
        let closed = is_enough.then(|| Closed { at: self.end, values: self.values(self.elapsed_ms as f64) });
        *self = Meter { at: self.at, before: self.before, end, ..Meter::default() };
        closed
    }

    fn take(&mut self, at: i64, reading: &Reading) {
        // Over a long gap growth would be of many steps, and the first of them would have it all.
        let gap = self.at.map(|last| at - last).filter(|gap| *gap <= STEP_MS);
        self.at = Some(at);
        let shown = counters(reading);
        for ((before, now), grown) in self.before.iter_mut().zip(shown).zip(&mut self.grown) {
            let before = std::mem::replace(before, now).filter(|_| gap.is_some());
            if let (Some(before), Some(now)) = (before, now) {
                // One that is below what it was has begun anew.
                let by = if now < before { now } else { now - before };
                *grown = Some(grown.unwrap_or(0).saturating_add(by));
            }
        }
        self.elapsed_ms += gap.unwrap_or(0);
        if let Some(memory) = reading.stats.as_deref().and_then(|stats| stats.memory) {
            self.held += memory.working_set as f64;
            self.samples += 1;
        }
    }

    /// How far the open step is; `None` before its second sample.
    pub(super) fn so_far(&self) -> Option<SoFar> {
        let at = self.at.filter(|_| self.elapsed_ms > 0)?;
        let left = self.end - at;
        let whole = (self.elapsed_ms + left).max(STEP_MS);
        let mut least = self.values(whole as f64);
        least[1] = None;
        // As many samples will come as have come in that time.
        let to_come = (left * i64::from(self.samples)).div_euclid(self.elapsed_ms) + 1;
        least[2] = (self.samples > 0).then(|| self.held / (i64::from(self.samples) + to_come) as f64);
        Some(SoFar {
            end: self.end,
            elapsed_ms: self.elapsed_ms,
            values: self.values(self.elapsed_ms as f64),
            least,
        })
    }

    /// Values over a time.
    fn values(&self, elapsed_ms: f64) -> Values {
        let share = |counter: usize| Some(self.grown[counter]? as f64 / (elapsed_ms * 1e6));
        let periods = self.grown[PERIODS].filter(|periods| *periods > 0);
        [
            share(CPU),
            periods.and_then(|periods| Some(self.grown[THROTTLED]? as f64 / periods as f64)),
            (self.samples > 0).then(|| self.held / f64::from(self.samples)),
            share(CPU_WAITING),
            share(MEMORY_STALLED),
            share(IO_STALLED),
        ]
    }
}
