//! In which container a program runs, as far as that is sure: what it serves is held against what
//! that container uses, so a guess would be worse than nothing.

use std::time::{Duration, Instant};

use crate::inventory::ContainerId;

/// Who was seen in two places within this time, one of which may be nobody knows where, is in
/// neither. Rates that are made of what is shown look back as far.
const SETTLED: Duration = Duration::from_secs(300);

/// Where a sender was seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Home {
    /// Where it was last; nothing before it was seen at all.
    last: Option<Option<ContainerId>>,
    /// When it was last seen elsewhere.
    elsewhere: Option<Instant>,
}

impl Home {
    /// Notes where it is seen.
    pub(super) fn see(&mut self, container: Option<ContainerId>, now: Instant) {
        if self.last.is_some_and(|last| last != container) {
            self.elsewhere = Some(now);
        }
        self.last = Some(container);
    }

    /// Where it is.
    pub(super) fn container(&self, now: Instant) -> Option<ContainerId> {
        let is_settled = self.elsewhere.is_none_or(|moved| now.saturating_duration_since(moved) >= SETTLED);
        self.last.flatten().filter(|_| is_settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> ContainerId {
        digit.repeat(64).parse().unwrap()
    }

    #[test]
    fn a_program_is_in_the_container_that_it_always_comes_from() {
        let (mut home, now) = (Home::default(), Instant::now());
        assert_eq!(home.container(now), None, "it was never seen");
        home.see(Some(id("a")), now);
        home.see(Some(id("a")), now);
        assert_eq!(home.container(now), Some(id("a")));
    }

    #[test]
    fn who_comes_from_two_places_is_in_neither_until_it_has_settled() {
        let (mut home, now) = (Home::default(), Instant::now());
        home.see(Some(id("a")), now);
        home.see(Some(id("b")), now);
        assert_eq!(home.container(now), None);
        assert_eq!(home.container(now + SETTLED), Some(id("b")));
        home.see(None, now + SETTLED);
        home.see(Some(id("b")), now + SETTLED);
        assert_eq!(home.container(now + SETTLED), None, "one of them is nowhere that is known");
    }
}
