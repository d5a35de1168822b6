//! What a single snapshot does not tell: differences of counters over the last minutes.
//!
//! Times are those of the snapshots. Memory is bounded: a few numbers a container, and a sample
//! every [`EVERY`] of the host.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::inventory::ContainerId;
use crate::snapshot::{Snapshot, Throttling};

/// How often a sample is taken.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// Over how many samples shares are: a minute.
const SHARES: usize = 6;

/// Over how many samples events of dockmeter's own are counted: five minutes.
const SAMPLES: usize = 30;

/// How far restarts are counted back.
pub(super) const RESTART_WINDOW: Duration = Duration::from_secs(15 * 60);

/// The most restarts that are remembered of a container.
const RESTARTS: usize = 16;

/// In fewer periods than this of the 600 of a minute a container hardly ran: what its health check
/// does in a burst is throttled easily and slows nobody.
const FEW_PERIODS: u64 = 60;

/// Counters of one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    at: Timestamp,
    /// Busy and all time of all cores, in nanoseconds.
    cpu: Option<[u64; 2]>,
    memory_stalled_ns: Option<u64>,
    io_stalled_ns: Option<u64>,
    overruns: u64,
    dropped_series: u64,
}

/// What is remembered of one container.
#[derive(Clone, Debug, Default)]
struct Remembered {
    /// CPU time by moment, at most [`SHARES`] + 1; of one run.
    cpu_ns: VecDeque<(Timestamp, u64)>,
    /// Enforcement of its CPU limit likewise, while it has one.
    throttling: VecDeque<Throttling>,
    run: u64,
    oom_kills: u64,
    oom_at: Option<Timestamp>,
    restarts: u64,
    restarted_at: VecDeque<Timestamp>,
}

/// The last minutes.
#[derive(Debug, Default)]
pub(super) struct Trend {
    samples: VecDeque<Sample>,
    containers: BTreeMap<ContainerId, Remembered>,
}

impl Trend {
    /// Takes a sample, unless it is no newer than the last one.
    pub(super) fn add(&mut self, snapshot: &Snapshot, dropped_series: u64) {
        let at = snapshot.taken_at;
        if self.samples.back().is_some_and(|last| last.at >= at) {
            return;
        }
        let host = snapshot.host.as_deref();
        let cpu = host.and_then(|host| host.cpu.as_ref()).map(|cores| {
            cores.iter().fold([0, 0], |[busy, all], core| {
                // Guests' time is in user and nice already; idle and iowait are not work.
                let [user, nice, system, idle, iowait, irq, softirq, steal, ..] = core.modes_ns;
                let work = user + nice + system + irq + softirq + steal;
                [busy + work, all + work + idle + iowait]
            })
        });
        let pressure = host.and_then(|host| host.pressure.as_ref());
        self.samples.push_back(Sample {
            at,
            cpu,
            memory_stalled_ns: pressure.and_then(|pressure| pressure.memory_stalled_ns),
            io_stalled_ns: pressure.and_then(|pressure| pressure.io_stalled_ns),
            overruns: snapshot.overruns,
            dropped_series,
        });
        while self.samples.len() > SAMPLES + 1 {
            self.samples.pop_front();
        }
        self.remember(snapshot);
    }

    fn remember(&mut self, snapshot: &Snapshot) {
        let at = snapshot.taken_at;
        let mut before = std::mem::take(&mut self.containers);
        for reading in &snapshot.containers {
            let container = &reading.container;
            let new = Remembered {
                // What happened before it was known is not news.
                oom_kills: reading.oom_kills,
                restarts: container.state.restarts,
                run: container.state.run,
                ..Remembered::default()
            };
            let mut kept = before.remove(&container.id).unwrap_or(new);
            if reading.oom_kills > kept.oom_kills {
                (kept.oom_kills, kept.oom_at) = (reading.oom_kills, Some(at));
            }
            let restarts = container.state.restarts.saturating_sub(kept.restarts).min(RESTARTS as u64);
            kept.restarts = container.state.restarts;
            kept.restarted_at.extend((0..restarts).map(|_| at));
            while kept.restarted_at.len() > RESTARTS {
                kept.restarted_at.pop_front();
            }
            if kept.run != container.state.run {
                kept.run = container.state.run;
                kept.cpu_ns.clear();
                kept.throttling.clear();
            }
            if let Some(cpu) = reading.stats.as_ref().and_then(|stats| stats.cpu) {
                kept.cpu_ns.push_back((at, cpu.usage_ns));
            }
            while kept.cpu_ns.len() > SHARES + 1 {
                kept.cpu_ns.pop_front();
            }
            match reading.stats.as_ref().and_then(|stats| stats.throttling) {
                Some(throttling) => kept.throttling.push_back(throttling),
                None => kept.throttling.clear(),
            }
            while kept.throttling.len() > SHARES + 1 {
                kept.throttling.pop_front();
            }
            self.containers.insert(container.id, kept);
        }
    }

    /// The last sample and the one of a minute ago; `None` before there are two.
    fn minute(&self) -> Option<(&Sample, &Sample)> {
        let newest = self.samples.back()?;
        let oldest = self.samples.get(self.samples.len().saturating_sub(SHARES + 1))?;
        (newest.at > oldest.at).then_some((oldest, newest))
    }

    /// Share of all cores that was in use.
    pub(super) fn cpu_share(&self) -> Option<f64> {
        let (oldest, newest) = self.minute()?;
        let ([busy, all], [busy_now, all_now]) = (oldest.cpu?, newest.cpu?);
        let passed = all_now.checked_sub(all).filter(|passed| *passed > 0)?;
        Some(busy_now.saturating_sub(busy) as f64 / passed as f64)
    }

    /// Share of time in which every task waited for memory, and for devices.
    pub(super) fn stalled(&self) -> [Option<f64>; 2] {
        let share = |counter: fn(&Sample) -> Option<u64>| {
            let (oldest, newest) = self.minute()?;
            let stalled = counter(newest)?.checked_sub(counter(oldest)?)?;
            Some(stalled as f64 / nanoseconds(oldest.at, newest.at)?)
        };
        [share(|sample| sample.memory_stalled_ns), share(|sample| sample.io_stalled_ns)]
    }

    /// Late ticks and refused series of the last minutes.
    pub(super) fn own(&self) -> [u64; 2] {
        let (Some(oldest), Some(newest)) = (self.samples.front(), self.samples.back()) else { return [0, 0] };
        [
            newest.overruns.saturating_sub(oldest.overruns),
            newest.dropped_series.saturating_sub(oldest.dropped_series),
        ]
    }

    /// Cores that a container used over a minute.
    pub(super) fn cores(&self, id: &ContainerId) -> Option<f64> {
        let kept = self.containers.get(id)?;
        let ((from, first), (to, last)) = (kept.cpu_ns.front()?, kept.cpu_ns.back()?);
        Some(last.checked_sub(*first)? as f64 / nanoseconds(*from, *to)?)
    }

    /// Share of CPU periods in which a container's limit held it back over a minute; `None` before
    /// there is one, and of a container that hardly ran.
    pub(super) fn throttled(&self, id: &ContainerId) -> Option<f64> {
        let kept = &self.containers.get(id)?.throttling;
        let (first, last) = (kept.front().filter(|_| kept.len() > SHARES)?, kept.back()?);
        let periods = last.periods.checked_sub(first.periods).filter(|periods| *periods >= FEW_PERIODS)?;
        Some(last.throttled_periods.checked_sub(first.throttled_periods)? as f64 / periods as f64)
    }

    /// How often a container was restarted lately.
    pub(super) fn restarts(&self, id: &ContainerId, now: Timestamp) -> usize {
        let recent = |at: &&Timestamp| since(**at, now).is_some_and(|ago| ago <= RESTART_WINDOW);
        self.containers.get(id).map_or(0, |kept| kept.restarted_at.iter().filter(recent).count())
    }

    /// When a process of a container was killed last for want of memory.
    pub(super) fn oom_at(&self, id: &ContainerId) -> Option<Timestamp> {
        self.containers.get(id)?.oom_at
    }
}

/// The time from one moment to a later one.
pub(super) fn since(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}

fn nanoseconds(from: Timestamp, to: Timestamp) -> Option<f64> {
    since(from, to).map(|time| time.as_nanos() as f64).filter(|time| *time > 0.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::inventory::{Container, Status};
    use crate::metrics::LabelBlock;
    use crate::snapshot::host::{CpuTime, Host, HostPressure};
    use crate::snapshot::{Cpu, Reading, Stats};

    fn reading(cpu_seconds: u64, restarts: u64, oom_kills: u64) -> Reading {
        let mut container = Container::new("ab".repeat(32).parse().unwrap(), Status::Running);
        container.state.restarts = restarts;
        container.state.run = restarts;
        let cpu = Cpu { usage_ns: cpu_seconds * 1_000_000_000, ..Cpu::default() };
        Reading {
            labels: Arc::new(LabelBlock::default()),
            cgroup: "/".into(),
            container: Arc::new(container),
            stats: Some(Arc::new(Stats { cpu: Some(cpu), ..Stats::default() })),
            disk: None,
            usage_cores: None,
            rates: None,
            fast: None,
            oom_kills,
            ended: false,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn snapshot(second: i64, busy: u64, idle: u64, overruns: u64, reading: Reading) -> Snapshot {
        let [busy, idle] = [busy, idle].map(|seconds| seconds * 1_000_000_000);
        let cpu = Some(vec![CpuTime { cpu: 0, modes_ns: [busy, 0, 0, idle, 0, 0, 0, 0, 0, 0] }]);
        let pressure = Some(HostPressure { io_stalled_ns: Some(busy / 2), ..HostPressure::default() });
        Snapshot {
            taken_at: at(second),
            overruns,
            containers: vec![Arc::new(reading)],
            ..Snapshot::of_host(Host { cpu, pressure, ..Host::default() })
        }
    }

    #[test]
    fn shares_are_of_the_last_minute_and_counts_of_five() {
        let mut trend = Trend::default();
        assert_eq!((trend.cpu_share(), trend.own()), (None, [0, 0]));
        // Idle for ten minutes, then busy.
        for step in 0..60 {
            trend.add(
                &snapshot(step * 10, 0, step as u64 * 10, step as u64, reading(0, 0, 0)),
                2 * step as u64,
            );
        }
        assert_eq!(trend.cpu_share(), Some(0.0));
        assert_eq!(trend.own(), [30, 60]);
        for step in 60..63 {
            let busy = (step - 59) as u64 * 10;
            trend.add(&snapshot(step * 10, busy, 590, 59, reading(busy, 0, 0)), 118);
        }
        assert_eq!(trend.cpu_share(), Some(0.5));
        assert_eq!(trend.stalled(), [None, Some(0.25)]);
        let id = "ab".repeat(32).parse().unwrap();
        assert_eq!(trend.cores(&id), Some(0.5));
        // The same reading again is not another one.
        trend.add(&snapshot(620, 0, 0, 0, reading(0, 0, 0)), 0);
        assert_eq!(trend.cpu_share(), Some(0.5));
    }

    #[test]
    fn a_container_is_throttled_by_a_whole_minute_of_one_run() {
        let (mut trend, id) = (Trend::default(), "ab".repeat(32).parse().unwrap());
        let mut add = |step: u64, run: u64, [periods, throttled_periods]: [u64; 2]| {
            let mut reading = reading(0, run, 0);
            let throttling = Some(Throttling { periods, throttled_periods, throttled_ns: 0 });
            reading.stats = Some(Arc::new(Stats { throttling, ..Stats::default() }));
            trend.add(&snapshot(step as i64 * 10, 0, 0, 0, reading), 0);
            trend.throttled(&id)
        };
        for step in 0..6 {
            assert_eq!(add(step, 0, [step * 100, step * 40]), None, "not a minute yet");
        }
        assert_eq!(add(6, 0, [600, 240]), Some(0.4));
        assert_eq!(add(7, 1, [100, 100]), None, "another run has another counter");
        for step in 8..13 {
            add(step, 1, [100, 100]);
        }
        assert_eq!(add(13, 1, [159, 159]), None, "it hardly ran");
        assert_eq!(add(14, 1, [160, 130]), Some(0.5));
        trend.add(&snapshot(150, 0, 0, 0, reading(0, 1, 0)), 0);
        assert_eq!(trend.throttled(&id), None, "it has no limit any more");
    }

    #[test]
    fn only_what_happens_while_it_is_watched_is_news() {
        let (mut trend, id) = (Trend::default(), "ab".repeat(32).parse().unwrap());
        trend.add(&snapshot(0, 0, 0, 0, reading(9, 5, 3)), 0);
        assert_eq!((trend.restarts(&id, at(0)), trend.oom_at(&id)), (0, None));
        trend.add(&snapshot(10, 0, 0, 0, reading(1, 7, 4)), 0);
        assert_eq!(trend.restarts(&id, at(10)), 2);
        assert_eq!(trend.oom_at(&id), Some(at(10)));
        assert_eq!(trend.cores(&id), None, "another run has another counter");
        assert_eq!(trend.restarts(&id, at(10 + 15 * 60)), 2);
        assert_eq!(trend.restarts(&id, at(11 + 15 * 60)), 0);
        trend.add(&Snapshot { taken_at: at(20), ..Snapshot::default() }, 0);
        assert_eq!(trend.restarts(&id, at(20)), 0, "what is gone is forgotten");
    }
}
