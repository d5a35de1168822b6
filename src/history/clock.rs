//! Whether the clock on the wall is believed: it may be set while samples are taken, and a machine
//! without one of its own starts in another year.
//!
//! - A step back of a minute at most, as time servers make them: samples are left out until the
//!   time that was there has come again. Counters lose nothing by it.
//! - A larger step back: nothing is kept for some minutes, in case it is set right again. Then
//!   the clock is believed: what lies after now was never, and is forgotten.
//! - A step forward is believed at once, but nothing is thrown away for its age for some minutes.

/// A step back up to this is waited out, in milliseconds.
const SMALL_MS: i64 = 60_000;

/// A step forward beyond this keeps old data for a while, in milliseconds.
const LEAP_MS: i64 = 3_600_000;

/// How many samples a clock has to be steady for: five minutes of them.
const STEADY: u32 = 60;

/// What to do with a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Keep it.
    Take,
    /// Leave it out.
    Skip,
    /// Forget everything after its time, and keep it.
    Rewind,
}

/// What was seen of the clock.
#[derive(Debug)]
pub(super) struct Clock {
    /// The time of the last sample that was kept, here or before a start.
    newest: Option<i64>,
    /// Samples since it stepped far back.
    behind: u32,
    /// Samples until old data may go.
    patience: u32,
}

impl Clock {
    /// One that comes after data of a time.
    pub(super) fn after(newest: Option<i64>) -> Self {
        Clock { newest, behind: 0, patience: 0 }
    }

    /// What to do with a sample of a time.
    pub(super) fn judge(&mut self, at: i64) -> Verdict {
        let Some(newest) = self.newest else { return self.take(at) };
        if at > newest {
            if at - newest > LEAP_MS {
                self.patience = STEADY;
            }
            return self.take(at);
        }
        if newest - at <= SMALL_MS {
            self.behind = 0;
            return Verdict::Skip;
        }
        self.behind += 1;
        if self.behind < STEADY {
            return Verdict::Skip;
        }
        self.take(at);
        Verdict::Rewind
    }

    fn take(&mut self, at: i64) -> Verdict {
        (self.newest, self.behind) = (Some(at), 0);
        self.patience = self.patience.saturating_sub(1);
        Verdict::Take
    }

    /// Whether what is old may be thrown away.
    pub(super) fn is_steady(&self) -> bool {
        self.patience == 0 && self.behind == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000_000;

    fn judge(clock: &mut Clock, times: impl IntoIterator<Item = i64>) -> Vec<Verdict> {
        times.into_iter().map(|at| clock.judge(at)).collect()
    }

    #[test]
    fn a_time_server_s_small_step_back_is_waited_out() {
        let mut clock = Clock::after(Some(NOON));
        let verdicts = judge(&mut clock, [NOON + 5_000, NOON - 2_000, NOON + 3_000, NOON + 8_000]);
        assert_eq!(verdicts, [Verdict::Take, Verdict::Skip, Verdict::Skip, Verdict::Take]);
    }

    #[test]
    fn a_clock_that_is_set_right_again_costs_nothing() {
        let mut clock = Clock::after(Some(NOON));
        assert!(judge(&mut clock, (0..50).map(|n| n * 5_000)).iter().all(|one| *one == Verdict::Skip));
        assert!(!clock.is_steady());
        assert_eq!(clock.judge(NOON + 300_000), Verdict::Take);
        assert!(clock.is_steady());
    }

    #[test]
    fn one_that_stays_behind_is_believed_in_the_end() {
        let mut clock = Clock::after(Some(NOON));
        let verdicts = judge(&mut clock, (0..70).map(|n| NOON - LEAP_MS + n * 5_000));
        assert!(verdicts[..59].iter().all(|one| *one == Verdict::Skip));
        assert_eq!(verdicts[59], Verdict::Rewind);
        assert!(verdicts[60..].iter().all(|one| *one == Verdict::Take));
    }

    #[test]
    fn after_a_leap_forward_nothing_old_goes_for_some_minutes() {
        let mut clock = Clock::after(Some(NOON));
        clock.judge(NOON + 10 * LEAP_MS);
        assert!(!clock.is_steady());
        judge(&mut clock, (1..=60).map(|n| NOON + 10 * LEAP_MS + n * 5_000));
        assert!(clock.is_steady());
        // A suspended laptop's hour, and the first start.
        let mut clock = Clock::after(None);
        clock.judge(NOON);
        clock.judge(NOON + LEAP_MS);
        assert!(clock.is_steady());
    }
}
