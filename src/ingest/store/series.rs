//! One series: its labels, what is kept, and which points are new.

use std::sync::Arc;
use std::time::Instant;

use super::exemplars::{Exemplars, Room};
use super::total::TotalId;
use super::value::{Stored, Unusable, Update, apply};
use crate::metrics::{Exemplar, LabelBlock};

/// So many points in a row with earlier times than known are no stragglers: the sender's clock
/// was set back.
const STRAGGLERS: u8 = 3;

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    /// Its labels, if it is shown under labels of its own.
    pub(super) labels: LabelBlock,
    /// The total under the name of its metric that it is a part of instead.
    pub(super) shown_in: Option<TotalId>,
    /// The total under classic names that it is a part of, too.
    pub(super) classic: Option<TotalId>,
    /// Whether it is only remembered, for a total beyond a bound.
    pub(super) tracked: bool,
    /// Held only: a route of a program is known as long as a series has it.
    pub(super) _route: Option<Arc<str>>,
    pub(super) value: Option<Stored>,
    /// Since when the sender counts, and when the last point was taken, as it says.
    start_ns: u64,
    time_ns: u64,
    /// How many points in a row were too old.
    behind: u8,
    pub(super) seen: Instant,
    /// Nothing where none have come.
    exemplars: Option<Box<Exemplars>>,
}

/// What became of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It counts.
    Yes,
    /// It counts, and its sender has begun anew.
    Restarted,
    /// It was there before, or has come too late to say anything.
    Known,
}

impl Series {
    pub(super) fn new(labels: LabelBlock, now: Instant) -> Self {
        Series {
            labels,
            shown_in: None,
            classic: None,
            tracked: false,
            _route: None,
            value: None,
            start_ns: 0,
            time_ns: 0,
            behind: 0,
            seen: now,
            exemplars: None,
        }
    }

    /// When the last point was taken, as the sender says.
    pub(super) fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// Takes a point of the given times, in nanoseconds of the sender's clock; 0 is not known.
    ///
    /// # Errors
    /// The point makes no sense.
    pub(super) fn take(
        &mut self,
        update: Update<'_>,
        (start_ns, time_ns): (u64, u64),
        now: Instant,
    ) -> Result<Taken, Unusable> {
        if update.is_cumulative() && self.is_of_another(start_ns, time_ns) {
            return Err(Unusable::Twin);
        }
        self.seen = now;
        if !self.is_new(start_ns, time_ns) {
            return Ok(Taken::Known);
        }
        let restarted = update.is_cumulative() && self.time_ns != 0 && start_ns > self.time_ns;
        match apply(self.value.take(), update) {
            Ok(value) => self.value = Some(value),
            Err((kept, why)) => {
                self.value = kept;
                return Err(why);
            }
        }
        (self.start_ns, self.time_ns, self.behind) = (start_ns, time_ns, 0);
        Ok(if restarted { Taken::Restarted } else { Taken::Yes })
    }

    /// Whether a point is of another process that began earlier and still sends. The newer one
    /// is believed: two that take turns would look like one that restarts all the time.
    fn is_of_another(&self, start_ns: u64, time_ns: u64) -> bool {
        start_ns != 0 && start_ns < self.start_ns && time_ns > self.time_ns
    }

    /// Takes exemplars of its last point.
    pub(super) fn take_exemplars(&mut self, exemplars: &[Exemplar], room: &Arc<Room>) {
        if let Some(value) = &self.value {
            let kept = self.exemplars.get_or_insert_with(|| Box::new(Exemplars::within(room)));
            kept.take(exemplars, value);
        }
    }

    /// Its exemplars, ascending by value.
    pub(super) fn exemplars(&self) -> &[Exemplar] {
        self.exemplars.as_ref().map_or(&[], |exemplars| exemplars.kept())
    }

    /// A request that is sent again after a lost answer has the same times, and one that
    /// overtook another later ones.
    fn is_new(&mut self, start_ns: u64, time_ns: u64) -> bool {
        if time_ns == 0 || time_ns > self.time_ns {
            return true;
        }
        if time_ns == self.time_ns && start_ns == self.start_ns {
            return false;
        }
        self.behind = self.behind.saturating_add(1);
        self.behind >= STRAGGLERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::otlp::model::Temporality;

    fn series() -> (Series, Instant) {
        let now = Instant::now();
        (Series::new(LabelBlock::default(), now), now)
    }

    fn more(series: &mut Series, times: (u64, u64), now: Instant) -> f64 {
        series.take(Update::Sum(1.0, Temporality::Delta), times, now).unwrap();
        match series.value {
            Some(Stored::Number(value)) => value,
            _ => panic!("{series:?}"),
        }
    }

    #[test]
    fn a_point_that_is_sent_again_counts_once() {
        let (mut series, now) = series();
        assert_eq!(more(&mut series, (10, 20), now), 1.0);
        assert_eq!(more(&mut series, (10, 20), now), 1.0);
        assert_eq!(more(&mut series, (20, 30), now), 2.0);
        assert_eq!(more(&mut series, (10, 20), now), 2.0, "late");
        assert_eq!(more(&mut series, (0, 0), now), 3.0, "who does not know the time is believed");
    }

    #[test]
    fn of_two_processes_with_one_name_the_newer_is_believed() {
        let (mut series, now) = series();
        let mut sum = |value, times| {
            let taken = series.take(Update::Sum(value, Temporality::Cumulative), times, now);
            (taken, series.value.clone())
        };
        assert_eq!(sum(100.0, (10, 20)).0, Ok(Taken::Yes));
        assert_eq!(sum(3.0, (30, 40)).0, Ok(Taken::Restarted));
        assert_eq!(sum(101.0, (10, 50)), (Err(Unusable::Twin), Some(Stored::Number(3.0))));
        assert_eq!(sum(4.0, (30, 60)), (Ok(Taken::Yes), Some(Stored::Number(4.0))));
    }

    #[test]
    fn a_clock_that_was_set_back_is_followed_after_a_while() {
        let (mut series, now) = series();
        assert_eq!(more(&mut series, (900, 1000), now), 1.0);
        let counts = [(0, 10), (10, 20), (20, 30), (30, 40)].map(|times| more(&mut series, times, now));
        assert_eq!(counts, [1.0, 1.0, 2.0, 3.0]);
    }
}
