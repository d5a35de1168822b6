//! Rates over the last full sampling interval: the difference of two ticks of the sampler's
//! own clock, so that neither the number nor the rhythm of scrapers changes them.

use std::time::Instant;

use crate::snapshot::{Rates, Stats};

/// The counters that rates are made of, at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Tick {
    at: Instant,
    cpu_ns: Option<u64>,
    receive: Option<u64>,
    transmit: Option<u64>,
    read: Option<u64>,
    write: Option<u64>,
    periods: Option<u64>,
    throttled_periods: Option<u64>,
    cpu_waiting: Option<u64>,
    memory_stalled: Option<u64>,
    io_stalled: Option<u64>,
}

impl Tick {
    /// The counters of a full read.
    pub fn of(stats: &Stats, at: Instant) -> Self {
        let network = stats.network.as_ref().map(|network| &network.interfaces);
        let pressure = &stats.pressure;
        Tick {
            at,
            cpu_ns: stats.cpu.map(|cpu| cpu.usage_ns),
            receive: network.map(|all| all.iter().map(|one| one.receive.bytes).sum()),
            transmit: network.map(|all| all.iter().map(|one| one.transmit.bytes).sum()),
            read: stats.io.as_ref().map(|all| all.iter().map(|one| one.read_bytes).sum()),
            write: stats.io.as_ref().map(|all| all.iter().map(|one| one.write_bytes).sum()),
            periods: stats.throttling.map(|throttling| throttling.periods),
            throttled_periods: stats.throttling.map(|throttling| throttling.throttled_periods),
            cpu_waiting: pressure.cpu.map(|stall| stall.waiting_ns),
            memory_stalled: pressure.memory.and_then(|stall| stall.stalled_ns),
            io_stalled: pressure.io.and_then(|stall| stall.stalled_ns),
        }
    }

    /// Whether it was made of a read at that time.
    pub fn is_at(&self, at: Instant) -> bool {
        self.at == at
    }

    /// CPU use in cores, and the other rates, since an earlier tick.
    pub fn since(&self, before: &Tick) -> (Option<f64>, Rates) {
        let seconds = (self.at - before.at).as_secs_f64();
        if seconds <= 0.0 {
            return (None, Rates::default());
        }
        let difference = |now: Option<u64>, then: Option<u64>| Some(now?.saturating_sub(then?) as f64);
        let per_second = |now, then| difference(now, then).map(|amount| amount / seconds);
        let share = |now, then| per_second(now, then).map(|nanos: f64| (nanos / 1e9).min(1.0));
        let periods = difference(self.periods, before.periods);
        let throttled = difference(self.throttled_periods, before.throttled_periods);
        let rates = Rates {
            receive_bytes: per_second(self.receive, before.receive),
            transmit_bytes: per_second(self.transmit, before.transmit),
            read_bytes: per_second(self.read, before.read),
            write_bytes: per_second(self.write, before.write),
            throttled_periods_ratio: periods
                .zip(throttled)
                .map(|(all, held)| if all > 0.0 { held / all } else { 0.0 }),
            cpu_waiting_ratio: share(self.cpu_waiting, before.cpu_waiting),
            memory_stalled_ratio: share(self.memory_stalled, before.memory_stalled),
            io_stalled_ratio: share(self.io_stalled, before.io_stalled),
        };
        (per_second(self.cpu_ns, before.cpu_ns).map(|nanos| nanos / 1e9), rates)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::snapshot::{Cpu, Throttling};

    #[test]
    fn half_a_core_for_two_seconds() {
        let stats = |usage_ns, periods, throttled_periods| Stats {
            cpu: Some(Cpu { usage_ns, ..Cpu::default() }),
            throttling: Some(Throttling { periods, throttled_periods, throttled_ns: 0 }),
            ..Stats::default()
        };
        let now = Instant::now();
        let first = Tick::of(&stats(1_000_000_000, 10, 0), now);
        let second = Tick::of(&stats(2_000_000_000, 30, 5), now + Duration::from_secs(2));
        let (cores, rates) = second.since(&first);
        assert_eq!(cores, Some(0.5));
        assert_eq!(rates.throttled_periods_ratio, Some(0.25));
        assert_eq!(rates.receive_bytes, None);
    }
}
