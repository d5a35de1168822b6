//! Logins that are refused, in the log: a line a minute at most, however many there are, so
//! that nobody who tries tokens fills the log, and a scraper with an old one is noticed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::access::Peer;

/// How long the log is silent after a line.
const SILENCE: Duration = Duration::from_secs(60);

/// What was refused since the last line.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said_at: Option<Instant>,
    unsaid: u64,
}

impl Refusals {
    /// Notes that a login from there was refused; the reason holds nothing of what was shown.
    pub(super) fn note(&self, peer: Peer, reason: &str) {
        if let Some(unsaid) = self.count(Instant::now()) {
            tracing::warn!(%peer, reason, before = unsaid, "a login was refused");
        }
    }

    /// Whether it is time for a line, and how many refusals it did not tell of before.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said_at.is_some_and(|said_at| now.duration_since(said_at) < SILENCE) {
            state.unsaid += 1;
            return None;
        }
        state.said_at = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_tells_how_many_it_left_out() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.count(start), Some(0));
        for second in [1, 30, 59] {
            assert_eq!(refusals.count(start + Duration::from_secs(second)), None);
        }
        assert_eq!(refusals.count(start + Duration::from_secs(60)), Some(3));
        assert_eq!(refusals.count(start + Duration::from_secs(61)), None);
    }
}
