//! What a container has used between two reads: the differences of its counters, and its
//! memory multiplied by the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::snapshot::{Interface, Stats};

/// What was used between two reads of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// The time it was used in.
    pub lasted: Duration,
    /// Time on cores, in nanoseconds.
    pub cpu_ns: u64,
    /// Working set multiplied by time.
    pub memory_byte_ns: u128,
    /// Of that, what could not be had without swapping: `MemAvailable` does not count it.
    pub memory_in_use_byte_ns: u128,
    /// Bytes received.
    pub receive_bytes: u64,
    /// Bytes sent.
    pub transmit_bytes: u64,
}

/// Reads the difference between two states of a container's counters.
#[derive(Debug)]
pub struct Meter {
    /// Counters at the last read; `None` before the first.
    before: Option<Counters>,
    /// How long the run had lasted when observation began, if dockmeter saw it start: then the
    /// first read counts from zero. A run that was there before dockmeter is counted from the
    /// first read on, so that a restart of dockmeter bills nothing twice.
    since_start: Option<Duration>,
}

#[derive(Debug)]
struct Counters {
    at: Instant,
    /// `None` where it could not be read.
    cpu_ns: Option<u64>,
    working_set: u64,
    /// What of it the kernel would give away before it swaps.
    reclaimable: u64,
    /// By interface; `None` where the network could not be read.
    traffic: Option<Vec<(Arc<str>, u64, u64)>>,
}

impl Counters {
    fn of(stats: &Stats, at: Instant) -> Self {
        let bytes = |i: &Interface| (i.name.clone(), i.receive.bytes, i.transmit.bytes);
        let traffic = stats.network.as_ref().map(|network| network.interfaces.iter().map(bytes).collect());
        Counters {
            at,
            cpu_ns: stats.cpu.map(|cpu| cpu.usage_ns),
            working_set: stats.memory.map_or(0, |memory| memory.working_set),
            reclaimable: stats.memory.map_or(0, |memory| memory.reclaimable),
            traffic,
        }
    }

    /// Memory multiplied by a time, and what of it is in use.
    fn memory_for(&self, time: Duration) -> (u128, u128) {
        let in_use = self.working_set.saturating_sub(self.reclaimable);
        let bytes = |bytes| u128::from(bytes) * time.as_nanos();
        (bytes(self.working_set), bytes(in_use))
    }
}

impl Meter {
    /// A meter for a run that has lasted `since_start`, or that was there before dockmeter.
    pub fn new(since_start: Option<Duration>) -> Self {
        Meter { before: None, since_start }
    }

    /// What has been used since the last read.
    pub fn measure(&mut self, stats: &Stats, now: Instant) -> Use {
        let mut after = Counters::of(stats, now);
        let used = match (&self.before, self.since_start) {
            (Some(before), _) => between(before, &after),
            (None, Some(lasted)) => from_start(&after, lasted),
            (None, None) => Use::default(),
        };
        // What could not be read now is counted from where it was known last.
        let known = self.before.as_ref().map_or(self.since_start.map(|_| 0), |before| before.cpu_ns);
        after.cpu_ns = after.cpu_ns.or(known);
        self.before = Some(after);
        used
    }
}

fn between(before: &Counters, after: &Counters) -> Use {
    let lasted = after.at.saturating_duration_since(before.at);
    // The memory of the step is the one it began with: at the end of a run the kernel has
    // already taken it back.
    let (memory_byte_ns, memory_in_use_byte_ns) = before.memory_for(lasted);
    let mut used = Use {
        lasted,
        cpu_ns: after.cpu_ns.zip(before.cpu_ns).map_or(0, |(after, before)| after.saturating_sub(before)),
        memory_byte_ns,
        memory_in_use_byte_ns,
        ..Use::default()
    };
    // A network that is seen for the first time is counted from now on.
    let (Some(before), Some(after)) = (&before.traffic, &after.traffic) else { return used };
    for (name, receive, transmit) in after {
        let known = before.iter().find(|(known, ..)| known == name);
        let (receive_before, transmit_before) =
            known.map_or((0, 0), |(_, receive, transmit)| (*receive, *transmit));
        used.receive_bytes += receive.saturating_sub(receive_before);
        used.transmit_bytes += transmit.saturating_sub(transmit_before);
    }
    used
}

fn from_start(after: &Counters, lasted: Duration) -> Use {
    let traffic = || after.traffic.iter().flatten();
    let (memory_byte_ns, memory_in_use_byte_ns) = after.memory_for(lasted);
    Use {
        lasted,
        cpu_ns: after.cpu_ns.unwrap_or(0),
        memory_byte_ns,
        memory_in_use_byte_ns,
        receive_bytes: traffic().map(|(_, receive, _)| receive).sum(),
        transmit_bytes: traffic().map(|(_, _, transmit)| transmit).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Cpu, Interface, Memory, Network, Traffic};

    fn stats(cpu_ns: u64, working_set: u64, receive: u64) -> Stats {
        let receive = Traffic { bytes: receive, ..Traffic::default() };
        let interface = Interface { name: "eth0".into(), receive, transmit: Traffic::default() };
        Stats {
            cpu: Some(Cpu { usage_ns: cpu_ns, ..Cpu::default() }),
            memory: Some(Memory { working_set, reclaimable: 400, ..Memory::default() }),
            network: Some(Network { interfaces: vec![interface], tcp_established: None }),
            ..Stats::default()
        }
    }

    #[test]
    fn a_run_that_began_under_our_eyes_is_billed_from_its_start() {
        let now = Instant::now();
        let lasted = Duration::from_millis(50);
        let used = Meter::new(Some(lasted)).measure(&stats(30_000_000, 1000, 7), now);
        let expected = Use {
            lasted,
            cpu_ns: 30_000_000,
            memory_byte_ns: 1000 * 50_000_000,
            memory_in_use_byte_ns: 600 * 50_000_000,
            receive_bytes: 7,
            transmit_bytes: 0,
        };
        assert_eq!(used, expected);
    }

    #[test]
    fn a_run_that_was_there_before_is_billed_from_the_first_read() {
        let now = Instant::now();
        let mut meter = Meter::new(None);
        assert_eq!(meter.measure(&stats(5_000, 1000, 7), now), Use::default());
        let used = meter.measure(&stats(6_000, 0, 9), now + Duration::from_secs(2));
        let expected = Use {
            lasted: Duration::from_secs(2),
            cpu_ns: 1_000,
            memory_byte_ns: 2_000_000_000_000,
            memory_in_use_byte_ns: 1_200_000_000_000,
            receive_bytes: 2,
            transmit_bytes: 0,
        };
        assert_eq!(used, expected);
    }

    #[test]
    fn cpu_time_that_could_not_be_read_for_once_is_billed_once() {
        let now = Instant::now();
        let unreadable = Stats { cpu: None, ..stats(0, 0, 7) };
        for (since_start, expected) in [(None, 1_000), (Some(Duration::ZERO), 6_000)] {
            let mut meter = Meter::new(since_start);
            let reads = [stats(5_000, 0, 7), unreadable.clone(), stats(6_000, 0, 7)];
            let billed: u64 = reads.iter().map(|stats| meter.measure(stats, now).cpu_ns).sum();
            assert_eq!(billed, expected);
        }
        let mut meter = Meter::new(Some(Duration::ZERO));
        let billed: u64 =
            [unreadable, stats(6_000, 0, 7)].iter().map(|stats| meter.measure(stats, now).cpu_ns).sum();
        assert_eq!(billed, 6_000, "also where the first read failed");
    }
}
