//! The highest values of the last while: a window that moves on slot by slot.
//!
//! A peak is seen for the window's length and at most one slot longer. What a window takes of
//! memory is fixed, however often something is put into it, and reading changes nothing, so
//! that every scraper sees the same.

use std::time::{Duration, Instant};

/// Slots that a window is divided into.
const SLOTS: usize = 20;

/// Which slot of the windows a moment falls into; the same for all windows of one length.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    origin: Instant,
    length: Duration,
}

impl Slots {
    /// Slots for a window, counted from a moment before all others.
    pub fn new(origin: Instant, window: Duration) -> Self {
        Slots { origin, length: (window / SLOTS as u32).max(Duration::from_millis(1)) }
    }

    /// The slot of a moment.
    pub fn at(&self, moment: Instant) -> u64 {
        let nanos = moment.saturating_duration_since(self.origin).as_nanos() / self.length.as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// What is kept of each slot; the default is nothing.
#[derive(Clone, Debug)]
pub struct Window<T> {
    /// One more than [`SLOTS`]: the one that is being filled.
    slots: Box<[(u64, T); SLOTS + 1]>,
}

impl<T: Copy + Default> Default for Window<T> {
    fn default() -> Self {
        Window { slots: Box::new([(0, T::default()); SLOTS + 1]) }
    }
}

impl<T: Copy + Default> Window<T> {
    /// What is kept of a slot, empty when it has just begun. Slots are filled in their order.
    pub fn slot(&mut self, slot: u64) -> &mut T {
        let (number, kept) = &mut self.slots[(slot % (SLOTS as u64 + 1)) as usize];
        if *number != slot {
            (*number, *kept) = (slot, T::default());
        }
        kept
    }

    /// What is kept of the window that a slot ends.
    pub fn recent(&self, slot: u64) -> impl Iterator<Item = &T> {
        let recent = move |(number, _): &&(u64, T)| number.saturating_add(SLOTS as u64) >= slot;
        self.slots.iter().filter(recent).map(|(_, kept)| kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is recent is what was put in within the window, or one slot more.
        #[test]
        fn a_window_is_as_long_as_it_says(steps in proptest::collection::vec(0..20_000_u64, 1..60)) {
            let (start, length) = (Instant::now(), Duration::from_secs(60));
            let (slots, mut window) = (Slots::new(start, length), Window::<Option<u64>>::default());
            let mut now_ms = 0;
            let mut moments = Vec::new();
            for step in steps {
                now_ms += step;
                let slot = slots.at(start + Duration::from_millis(now_ms));
                let kept = window.slot(slot);
                *kept = (*kept).max(Some(now_ms));
                moments.push(now_ms);
                let oldest = window.recent(slot).flatten().min().copied().unwrap();
                let within = |ms: u64| moments.iter().copied().filter(move |at| at + ms >= now_ms);
                prop_assert!(within(63_000).min().unwrap() <= oldest);
                prop_assert_eq!(window.recent(slot).flatten().max().copied(), within(60_000).max());
            }
        }
    }
}
