//! How fast the walker may go: after each slice of work it rests for as long as the budget
//! asks for.
//!
//! What counts is the time on the clock, so that waiting for a disk and for a core count like
//! work: an idle priority of I/O does nothing under some schedulers, and on a machine that is
//! busy the walker slows down by itself.

use std::time::Duration;

/// How much is done at a stretch. Short enough for nobody to notice, long enough for waking
/// up to cost little beside it.
const SLICE: Duration = Duration::from_millis(2);

/// The longest rest: after a disk has hung for minutes, the walker has to go on some day.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// The budget and what has been spent since the last rest.
#[derive(Debug)]
pub struct Pace {
    share: f64,
    spent: Duration,
    total: Duration,
}

impl Pace {
    /// `share` of all time may be spent working, above 0 and at most 1.
    pub fn new(share: f64) -> Pace {
        Pace { share, spent: Duration::ZERO, total: Duration::ZERO }
    }

    /// Notes work that was done; says for how long to rest now, if at all.
    pub fn worked(&mut self, time: Duration) -> Option<Duration> {
        self.total += time;
        self.spent += time;
        if self.spent < SLICE {
            return None;
        }
        let rest = std::mem::take(&mut self.spent).mul_f64((1.0 / self.share - 1.0).max(0.0));
        Some(rest.min(LONGEST_REST))
    }

    /// All work so far.
    pub fn total(&self) -> Duration {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn work_keeps_to_its_share_of_all_time(
            percent in 1..=50_u32,
            steps in proptest::collection::vec(1..50_000_u64, 1..200),
        ) {
            let share = f64::from(percent) / 100.0;
            let mut pace = Pace::new(share);
            let mut rested = Duration::ZERO;
            let mut worked = Duration::ZERO;
            for step in steps {
                let step = Duration::from_micros(step);
                let rest = pace.worked(step);
                worked += step;
                rested += rest.unwrap_or_default();
                // At every moment after a rest, unless a single step took more than a second.
                if rest.is_some() {
                    prop_assert!(worked.as_secs_f64() <= (worked + rested).as_secs_f64() * share * 1.001);
                }
            }
            prop_assert_eq!(pace.total(), worked);
        }
    }

    #[test]
    fn a_disk_that_hung_does_not_end_the_walk_for_hours() {
        assert_eq!(Pace::new(0.02).worked(Duration::from_secs(600)), Some(LONGEST_REST));
    }
}
