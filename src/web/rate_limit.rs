//! `rate_limit` of the web configuration file: a bucket that earns one request an interval.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::RateLimit;

/// A bucket of requests, full at the start.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: RateLimit,
    /// When the bucket is full again; requests move it on by an interval each.
    full_at: Mutex<Option<Instant>>,
}

impl Bucket {
    pub(super) fn new(limit: RateLimit) -> Self {
        Bucket { limit, full_at: Mutex::new(None) }
    }

    /// Takes one request out, or says how long there is none.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let RateLimit { interval, burst } = self.limit;
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full_at.map_or(now, |at| at.max(now)).checked_add(interval);
        let room = interval.saturating_mul(u32::try_from(burst).unwrap_or(u32::MAX));
        match next {
            Some(next) if next.duration_since(now) <= room => {
                *full_at = Some(next);
                Ok(())
            }
            Some(next) => Err(next.duration_since(now) - room),
            None => Err(interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_an_interval() {
        let bucket = Bucket::new(RateLimit { interval: Duration::from_secs(10), burst: 3 });
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for _ in 0..3 {
            assert_eq!(bucket.take(at(0)), Ok(()));
        }
        assert_eq!(bucket.take(at(0)), Err(Duration::from_secs(10)));
        assert_eq!(bucket.take(at(4)), Err(Duration::from_secs(6)));
        assert_eq!(bucket.take(at(10)), Ok(()));
        assert!(bucket.take(at(11)).is_err());
        for _ in 0..3 {
            assert_eq!(bucket.take(at(1000)), Ok(()), "it never holds more than the burst");
        }
        assert!(bucket.take(at(1000)).is_err());
    }
}
