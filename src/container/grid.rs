//! When it is time to read: one grid of absolute deadlines for all tiers.
//!
//! Fast ticks, and those of the host, lie at whole multiples of their interval after the start,
//! full ticks at the first fast one that is a full interval after everything was read last.
//! Whoever scrapes as often as that takes the place of full ticks, so that nothing is read
//! twice. A tick that comes too late is left out and counted; it is never made up for, so that
//! two samples always lie apart.

use std::time::{Duration, Instant};

/// What there is to read at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// CPU and memory use.
    Fast,
    /// Those, and everything else.
    Full,
}

/// Deadlines at whole multiples of an interval after a start.
#[derive(Debug)]
struct Beat {
    start: Instant,
    interval_ns: u128,
    /// The tick that is waited for; the start is tick 0, and none.
    next: u128,
    /// Ticks left out so far.
    overruns: u64,
}

impl Beat {
    fn new(start: Instant, interval: Duration) -> Self {
        Beat { start, interval_ns: interval.as_nanos().max(1), next: 1, overruns: 0 }
    }

    /// When the next tick is due.
    fn deadline(&self) -> Instant {
        let nanos = u64::try_from(self.next * self.interval_ns).unwrap_or(u64::MAX);
        self.start + Duration::from_nanos(nanos)
    }

    /// The deadline of the tick that is to be made now, in nanoseconds since the start, if one
    /// is. A tick is too late once the next one is nearer.
    fn due(&mut self, now: Instant) -> Option<u128> {
        let since_start = now.saturating_duration_since(self.start).as_nanos();
        let passed = since_start / self.interval_ns;
        if passed < self.next {
            return None;
        }
        let in_time = (since_start - passed * self.interval_ns) * 2 < self.interval_ns;
        let left_out = passed - self.next + u128::from(!in_time);
        self.overruns = self.overruns.saturating_add(u64::try_from(left_out).unwrap_or(u64::MAX));
        self.next = passed + 1;
        in_time.then_some(passed * self.interval_ns)
    }
}

/// The deadlines since a start.
#[derive(Debug)]
pub struct Grid {
    fast: Beat,
    host: Option<Beat>,
    full_ns: u128,
    /// When everything was read last, in nanoseconds since the start.
    read_ns: u128,
    /// When rates were last made of that.
    rated_ns: u128,
}

impl Grid {
    /// A grid that begins at `start`; `fast` is not zero and not longer than `full`. Samples of
    /// the host are taken every `host`, if at all.
    pub fn new(start: Instant, fast: Duration, full: Duration, host: Option<Duration>) -> Self {
        let fast = Beat::new(start, fast);
        let full_ns = full.as_nanos().max(fast.interval_ns);
        let host = host.map(|interval| Beat::new(start, interval));
        Grid { fast, host, full_ns, read_ns: 0, rated_ns: 0 }
    }

    /// When the next tick of any tier is due.
    pub fn deadline(&self) -> Instant {
        let fast = self.fast.deadline();
        self.host.as_ref().map_or(fast, |host| host.deadline().min(fast))
    }

    /// Ticks left out so far, of all tiers.
    pub fn overruns(&self) -> u64 {
        self.fast.overruns.saturating_add(self.host.as_ref().map_or(0, |host| host.overruns))
    }

    /// Whether the host is to be sampled now.
    pub fn host_is_due(&mut self, now: Instant) -> bool {
        self.host.as_mut().is_some_and(|host| host.due(now).is_some())
    }

    /// The tick that is to be made now, if one is; a full one that was left out comes with the
    /// next tick.
    pub fn due(&mut self, now: Instant) -> Option<Tick> {
        let tick_ns = self.fast.due(now)?;
        Some(if self.is_full(tick_ns) { Tick::Full } else { Tick::Fast })
    }

    /// Everything was read between ticks, by a reading that began then. Whether this ends an
    /// interval, so that rates are made of it: intervals are between three and five quarters of
    /// a full one.
    pub fn read_between(&mut self, began: Instant) -> bool {
        // Under load a full tick may have been made since it began.
        self.read_ns = self.since_start(began).max(self.read_ns);
        let ends = (self.read_ns - self.rated_ns) * 4 >= self.full_ns * 3;
        if ends {
            self.rated_ns = self.read_ns;
        }
        ends
    }

    fn is_full(&mut self, tick_ns: u128) -> bool {
        let due = (self.read_ns + self.full_ns).min(self.rated_ns + self.full_ns * 5 / 4);
        if tick_ns < due {
            return false;
        }
        // Full intervals that are no multiple of fast ones keep their length on average.
        let at = if tick_ns - due < self.fast.interval_ns { due } else { tick_ns };
        (self.read_ns, self.rated_ns) = (at, at);
        true
    }

    fn since_start(&self, now: Instant) -> u128 {
        now.saturating_duration_since(self.fast.start).as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAST: Duration = Duration::from_millis(250);
    const FULL: Duration = Duration::from_secs(1);

    fn after(start: Instant, milliseconds: u64) -> Instant {
        start + Duration::from_millis(milliseconds)
    }

    #[test]
    fn every_fourth_tick_of_a_quarter_second_is_a_full_one() {
        let start = Instant::now();
        let mut grid = Grid::new(start, FAST, FULL, None);
        assert_eq!(grid.due(after(start, 249)), None);
        let ticks: Vec<_> = (1..=8).map(|tick| grid.due(after(start, tick * 250 + 3))).collect();
        let quarter = [Some(Tick::Fast), Some(Tick::Fast), Some(Tick::Fast), Some(Tick::Full)];
        assert_eq!(ticks, [quarter, quarter].concat());
        assert_eq!(grid.overruns(), 0);
    }

    #[test]
    fn a_late_tick_is_left_out_and_counted_and_the_grid_stays_where_it_is() {
        let start = Instant::now();
        let mut grid = Grid::new(start, FAST, FULL, None);
        assert_eq!(grid.due(after(start, 400)), None, "the next tick is nearer");
        assert_eq!((grid.overruns(), grid.deadline()), (1, after(start, 500)));
        assert_eq!(grid.due(after(start, 510)), Some(Tick::Fast));
        assert_eq!(grid.due(after(start, 5_010)), Some(Tick::Full), "one tick for all that were missed");
        assert_eq!((grid.overruns(), grid.deadline()), (18, after(start, 5_250)));
        assert_eq!(grid.due(after(start, 5_020)), None);
    }

    #[test]
    fn a_full_tick_that_was_left_out_comes_with_the_next_one() {
        let start = Instant::now();
        let mut grid = Grid::new(start, FAST, FULL, None);
        assert_eq!(grid.due(after(start, 1_200)), None);
        assert_eq!(grid.due(after(start, 1_250)), Some(Tick::Full));
        assert_eq!(grid.due(after(start, 1_500)), Some(Tick::Fast));
    }

    #[test]
    fn the_host_has_ticks_of_its_own_whatever_the_others_do() {
        let start = Instant::now();
        let mut grid = Grid::new(start, FULL * 5, FULL * 5, Some(FULL));
        assert_eq!(grid.deadline(), after(start, 1_000));
        assert!(!grid.host_is_due(after(start, 999)));
        assert!(grid.host_is_due(after(start, 1_001)) && !grid.host_is_due(after(start, 1_002)));
        assert_eq!(grid.due(after(start, 1_001)), None);
        assert!(!grid.host_is_due(after(start, 2_600)), "the next tick is nearer");
        assert_eq!(grid.overruns(), 1);
        assert!(grid.host_is_due(after(start, 5_000)));
        assert_eq!(grid.due(after(start, 5_000)), Some(Tick::Full));
        assert_eq!((grid.deadline(), grid.overruns()), (after(start, 6_000), 3));
        assert!(!Grid::new(start, FAST, FULL, None).host_is_due(after(start, 5_000)));
    }

    #[test]
    fn a_reading_that_began_before_the_last_full_tick_ends_no_interval() {
        let start = Instant::now();
        let mut grid = Grid::new(start, FAST, FULL, None);
        assert_eq!(grid.due(after(start, 1_000)), Some(Tick::Full));
        assert!(!grid.read_between(after(start, 990)));
        assert_eq!(grid.due(after(start, 1_750)), Some(Tick::Fast));
        assert_eq!(grid.due(after(start, 2_000)), Some(Tick::Full));
    }

    /// Scrapes just after a read share it, as they do in the thread.
    #[test]
    fn a_scraper_that_comes_as_often_takes_the_place_of_full_ticks() {
        for phase in (0..1_000).step_by(50) {
            let start = Instant::now();
            let mut grid = Grid::new(start, FAST, FULL, None);
            let (mut reads, mut rates, mut last_read) = (0, 0, 0);
            for now in (10..60_000).step_by(10) {
                if grid.due(after(start, now)) == Some(Tick::Full) {
                    (reads, rates, last_read) = (reads + 1, rates + 1, now);
                }
                if now % 1_000 == phase && now - last_read >= 250 {
                    rates += u64::from(grid.read_between(after(start, now)));
                    (reads, last_read) = (reads + 1, now);
                }
            }
            assert!(reads <= 62, "{reads} reads in a minute at a phase of {phase} ms");
            assert!((48..=62).contains(&rates), "{rates} intervals in a minute at a phase of {phase} ms");
        }
    }

    #[test]
    fn a_scraper_that_comes_all_the_time_does_not_keep_rates_from_being_made() {
        let start = Instant::now();
        let mut grid = Grid::new(start, FAST, FULL, None);
        let rates = (1..600).filter(|scrape| grid.read_between(after(start, scrape * 100))).count();
        assert_eq!(rates, 74, "every 800 ms");
    }

    proptest! {
        /// Whenever the thread gets its turn: ticks made and left out are together those of the
        /// grid, two lie at least half an interval apart, and every full interval has one full
        /// tick at most.
        #[test]
        fn no_tick_is_lost_or_made_up_for(
            fast_ms in 100..5_000_u64,
            full_ms in 5_000..60_000_u64,
            waits in proptest::collection::vec(0..20_000_u64, 1..60),
        ) {
            let start = Instant::now();
            let mut grid = Grid::new(start, Duration::from_millis(fast_ms), Duration::from_millis(full_ms), None);
            let (mut now, mut last, mut made, mut full) = (0, None, 0, 0);
            for wait in waits {
                now += wait;
                let Some(tick) = grid.due(after(start, now)) else { continue };
                if let Some(last) = last.replace(now) {
                    prop_assert!((now - last) * 2 >= fast_ms, "{} ms apart", now - last);
                }
                made += 1;
                full += u64::from(tick == Tick::Full);
            }
            prop_assert_eq!(made + grid.overruns(), now / fast_ms);
            prop_assert!(full <= now / full_ms);
            prop_assert!(grid.deadline() > after(start, now));
        }
    }
}
