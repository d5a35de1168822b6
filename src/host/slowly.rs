//! What hardly ever changes, and is read again only once a minute.

use std::time::{Duration, Instant};

/// How long what was read stands.
const STANDS: Duration = Duration::from_secs(60);

/// A value and when it was read.
#[derive(Debug)]
pub(super) struct Slowly<T>(Option<(Instant, T)>);

impl<T> Slowly<T> {
    /// Not read yet.
    pub(super) fn new() -> Self {
        Slowly(None)
    }

    /// The value, at most a minute old.
    pub(super) fn get(&mut self, now: Instant, read: impl FnOnce() -> T) -> &T {
        let stands = |at: Instant| now.saturating_duration_since(at) < STANDS;
        let kept = self.0.take().filter(|(at, _)| stands(*at));
        &self.0.insert(kept.unwrap_or_else(|| (now, read()))).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_again_after_a_minute() {
        let (mut slowly, mut reads) = (Slowly::new(), 0);
        let start = Instant::now();
        let mut get = |seconds: u64| {
            let read = || {
                reads += 1;
                reads
            };
            *slowly.get(start + Duration::from_secs(seconds), read)
        };
        assert_eq!([get(0), get(59), get(60), get(61), get(121)], [1, 1, 2, 2, 3]);
    }
}
