//! What fast samples of a container leave behind: a histogram of its CPU use, and the highest
//! values of the last while.
//!
//! Only ticks of the sampler make samples. A scrape reads and changes nothing here, so every
//! scraper sees the same, whatever its rhythm and however many there are.

use std::time::{Duration, Instant};

use crate::metrics::Histogram;
use crate::metrics::window::Window;
use crate::snapshot::Fast;

/// Bounds of `container_cpu_usage_cores`.
pub const CORES: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// A fast read of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When the CPU time was read, by the monotonic clock.
    pub at: Instant,
    /// Time on cores so far, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// Memory use in bytes.
    pub memory: Option<u64>,
}

/// The samples of one container, over all its runs.
#[derive(Debug)]
pub struct Samples {
    /// The shortest time between two samples that says something: beginning with the first of
    /// a run, which comes when the run is opened.
    shortest: Duration,
    /// When and with which counter the present step began.
    before: Option<(Instant, u64)>,
    /// What the last sample said: cores of the step that ended last, and memory.
    last: (Option<f64>, Option<u64>),
    cpu_usage: Histogram,
    peaks: Window<Peak>,
}

/// The highest values of one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Peak {
    cores: Option<f64>,
    memory: Option<u64>,
}

impl Samples {
    /// No samples yet; `interval` is the time between two ticks.
    pub fn new(interval: Duration) -> Self {
        Samples {
            shortest: interval / 2,
            before: None,
            last: (None, None),
            cpu_usage: Histogram::new(CORES),
            peaks: Window::default(),
        }
    }

    /// Takes a sample in.
    pub fn add(&mut self, sample: &Sample, slot: u64) {
        let cores = self.cores_since_last(sample);
        if let Some(cores) = cores {
            self.cpu_usage.observe(cores);
        }
        self.last = (cores.or(self.last.0), sample.memory);
        let peak = self.peaks.slot(slot);
        // Whatever there is lies above `None`.
        if cores.is_some_and(|cores| peak.cores.is_none_or(|highest| cores > highest)) {
            peak.cores = cores;
        }
        peak.memory = peak.memory.max(sample.memory);
    }

    /// The run has ended: the next sample begins a step and ends none.
    pub fn end_run(&mut self) {
        self.before = None;
        self.last = (None, None);
    }

    /// Cores used in the last step, and memory use in bytes; of a run that is over nothing.
    pub fn last(&self) -> (Option<f64>, Option<u64>) {
        self.last
    }

    /// Cores used in the step that a sample ends.
    fn cores_since_last(&mut self, sample: &Sample) -> Option<f64> {
        let after = (sample.at, sample.cpu_ns?);
        let Some(before) = self.before else {
            self.before = Some(after);
            return None;
        };
        let time = after.0.saturating_duration_since(before.0);
        if time < self.shortest {
            return None;
        }
        self.before = Some(after);
        Some(after.1.saturating_sub(before.1) as f64 / time.as_nanos() as f64)
    }

    /// What is to be seen in a slot; `None` without any sample.
    pub fn at(&self, slot: u64) -> Option<Fast> {
        let recent = || self.peaks.recent(slot);
        let cpu_peak_cores = recent().filter_map(|peak| peak.cores).reduce(f64::max);
        let memory_peak = recent().filter_map(|peak| peak.memory).max();
        let any = self.cpu_usage.count() > 0 || memory_peak.is_some();
        any.then(|| Fast { cpu_usage: self.cpu_usage.clone(), cpu_peak_cores, memory_peak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::window::Slots;
    use proptest::prelude::*;

    const TICK: Duration = Duration::from_millis(250);
    const WINDOW: Duration = Duration::from_secs(60);

    /// Samples at every tick of a counter that is a function of time.
    fn sampled(ticks: u32, cpu_ns: impl Fn(Duration) -> u64) -> (Samples, Slots, Instant) {
        let start = Instant::now();
        let (mut samples, slots) = (Samples::new(TICK), Slots::new(start, WINDOW));
        for tick in 0..=ticks {
            let at = start + TICK * tick;
            samples.add(
                &Sample { at, cpu_ns: Some(cpu_ns(TICK * tick)), memory: Some(u64::from(tick)) },
                slots.at(at),
            );
        }
        (samples, slots, start)
    }

    /// A core that is busy for a while.
    fn burst(from: Duration, length: Duration) -> impl Fn(Duration) -> u64 {
        move |now| now.saturating_sub(from).min(length).as_nanos() as u64
    }

    #[test]
    fn one_observation_a_tick() {
        let (samples, slots, start) = sampled(8, |now| now.as_nanos() as u64 / 2);
        let seen = samples.at(slots.at(start + TICK * 8)).unwrap();
        assert_eq!((seen.cpu_usage.count(), seen.cpu_usage.sum()), (8, 4.0));
        assert_eq!((seen.cpu_peak_cores, seen.memory_peak), (Some(0.5), Some(8)));
    }

    #[test]
    fn a_peak_is_forgotten_after_the_window_and_the_histogram_is_not() {
        let (samples, slots, start) = sampled(8, burst(Duration::ZERO, TICK));
        let peak = |seconds| samples.at(slots.at(start + Duration::from_secs(seconds))).unwrap();
        assert_eq!(peak(60).cpu_peak_cores, Some(1.0));
        assert_eq!((peak(70).cpu_peak_cores, peak(70).memory_peak), (None, None));
        assert_eq!(peak(70).cpu_usage.count(), 8);
    }

    #[test]
    fn a_new_run_begins_with_a_counter_of_its_own_and_adds_to_the_same_histogram() {
        let (mut samples, slots, start) = sampled(4, |now| 2 * now.as_nanos() as u64);
        samples.end_run();
        for tick in 5..=6 {
            let at = start + TICK * tick;
            samples.add(&Sample { at, cpu_ns: Some(u64::from(tick)), memory: None }, slots.at(at));
        }
        let seen = samples.at(slots.at(start + TICK * 6)).unwrap();
        assert_eq!((seen.cpu_usage.count(), seen.cpu_peak_cores), (5, Some(2.0)));
    }

    #[test]
    fn a_run_that_is_opened_shortly_before_a_tick_is_observed_from_the_next_one_on() {
        let start = Instant::now();
        let mut samples = Samples::new(TICK);
        for (milliseconds, cpu_ns) in [(240, 0), (250, 10_000_000), (500, 130_000_000)] {
            let at = start + Duration::from_millis(milliseconds);
            samples.add(&Sample { at, cpu_ns: Some(cpu_ns), memory: None }, 0);
        }
        let seen = samples.at(0).unwrap();
        assert_eq!((seen.cpu_usage.count(), seen.cpu_peak_cores), (1, Some(0.5)));
    }

    proptest! {
        /// However a burst of 300 ms lies between the ticks.
        #[test]
        fn most_of_a_short_burst_is_in_the_peak(from_us in 0..2_000_000_u64, seconds in 5..60_u64) {
            let from = Duration::from_micros(from_us);
            let (samples, slots, start) = sampled(20, burst(from, Duration::from_millis(300)));
            let seen = samples.at(slots.at(start + Duration::from_secs(seconds))).unwrap();
            let peak = seen.cpu_peak_cores.unwrap();
            prop_assert!((0.6 - 1e-6..=1.0 + 1e-6).contains(&peak), "{}", peak);
        }

        /// What is shown is the highest sample of the window, or of one slot more.
        #[test]
        fn peaks_are_those_of_a_naive_search(values in proptest::collection::vec(0..1000_u64, 1..1200)) {
            let start = Instant::now();
            let (mut samples, slots) = (Samples::new(TICK), Slots::new(start, WINDOW));
            for (tick, value) in values.iter().enumerate() {
                let at = start + TICK * tick as u32;
                samples.add(&Sample { at, cpu_ns: None, memory: Some(*value) }, slots.at(at));
            }
            let last = values.len() - 1;
            let highest = |ticks: usize| values[last.saturating_sub(ticks)..].iter().max().copied();
            let seen = samples.at(slots.at(start + TICK * last as u32)).unwrap().memory_peak;
            prop_assert!(highest(240) <= seen && seen <= highest(252), "{:?}", seen);
        }
    }
}
