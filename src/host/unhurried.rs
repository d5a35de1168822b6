//! Reading that may take long on a large machine: done in the [`super::background`], and seldom
//! enough to take no more than a small share of all time. What was read last stands meanwhile.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::background::{Background, Standing};

/// After a reading comes a rest of this many times as long, so that it takes 2 % of one core.
const REST: u32 = 49;

/// One reading and its pace.
pub(super) struct Unhurried<T> {
    background: Background<(), (Duration, T)>,
    /// The least time between the beginnings of two readings.
    least: Duration,
    /// When a reading was last asked for, and whether it is not known to be over.
    asked: Option<(Instant, bool)>,
    next: Option<Instant>,
}

impl<T: Clone + Send + 'static> Unhurried<T> {
    /// Nothing is read before the first [`begin`](Self::begin). `name` is the thread's.
    pub(super) fn new(name: &'static str, least: Duration, read: impl FnMut() -> T + Send + 'static) -> Self {
        let read = Mutex::new(read);
        let work = move |(): &()| {
            let began = Instant::now();
            let value = read.lock().unwrap_or_else(PoisonError::into_inner)();
            (began.elapsed(), value)
        };
        Unhurried { background: Background::new(name, Box::new(work)), least, asked: None, next: None }
    }

    /// Asks for a reading, if it is time for one.
    pub(super) fn begin(&mut self, now: Instant) {
        let pending = self.asked.is_some_and(|(_, pending)| pending);
        if pending || self.next.is_none_or(|next| now >= next) {
            self.background.ask([()], now);
            if !pending {
                self.asked = Some((now, true));
            }
        }
    }

    /// What was read last; waits for a reading that has just been asked for, but no longer than
    /// the background does.
    pub(super) fn finish(&mut self, now: Instant) -> Standing<T> {
        let standing = self.background.standings(now).remove(&());
        match standing.unwrap_or(Standing::Late) {
            Standing::Answered((took, value)) => {
                if let Some((asked, pending @ true)) = &mut self.asked
                    && self.background.is_quiet()
                {
                    *pending = false;
                    self.next = Some(*asked + self.least.max(took * (REST + 1)));
                }
                Standing::Answered(value)
            }
            Standing::Late => Standing::Late,
            Standing::Stuck => Standing::Stuck,
        }
    }
}

impl<T> fmt::Debug for Unhurried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unhurried").field("background", &self.background).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn readings_keep_their_distance_and_the_last_one_stands() {
        let reads = Arc::new(AtomicU64::new(0));
        let counted = reads.clone();
        let mut unhurried = Unhurried::new("test", Duration::from_secs(3600), move || {
            counted.fetch_add(1, Ordering::Relaxed) + 1
        });
        let start = Instant::now();
        let mut read = |now: Instant| {
            loop {
                unhurried.begin(now);
                // The thread may be late on a busy machine.
                if let Standing::Answered(value) = unhurried.finish(now)
                    && unhurried.asked.is_some_and(|(_, pending)| !pending)
                {
                    return value;
                }
            }
        };
        assert_eq!(read(start), 1);
        assert_eq!(read(start + Duration::from_secs(3599)), 1);
        // A reading that took long has a longer rest; this one took next to nothing.
        assert_eq!(read(start + Duration::from_secs(3600)), 2);
        assert_eq!(reads.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_long_reading_is_followed_by_a_long_rest() {
        let mut unhurried = Unhurried::new("test", Duration::ZERO, || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(2) {
                std::thread::yield_now();
            }
        });
        let start = Instant::now();
        while unhurried.next.is_none() {
            unhurried.begin(start);
            unhurried.finish(start);
        }
        assert!(unhurried.next.unwrap() >= start + 50 * Duration::from_millis(2));
    }
}
