//! What came of the last reading of the configuration, for those who watch.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Whether what lies on disk is in force, and since when.
#[derive(Debug)]
pub struct Reloads(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    /// Whether `dockmeter.yml` with all that it names was taken.
    configuration: bool,
    /// Whether the web configuration file was, when it changed by itself.
    entrance: bool,
    succeeded_at: Timestamp,
}

impl Reloads {
    /// The configuration was read at the start, or there would be no exporter.
    pub fn new(started_at: Timestamp) -> Self {
        Reloads(Mutex::new(State { configuration: true, entrance: true, succeeded_at: started_at }))
    }

    /// Everything was read again, or was refused.
    pub(super) fn reloaded(&self, taken: bool, now: Timestamp) {
        self.change(|state| match taken {
            true => *state = State { configuration: true, entrance: true, succeeded_at: now },
            false => state.configuration = false,
        });
    }

    /// The web configuration file has changed and was read again, or was refused.
    pub(super) fn entrance_changed(&self, taken: bool, now: Timestamp) {
        self.change(|state| {
            state.entrance = taken;
            if taken {
                state.succeeded_at = now;
            }
        });
    }

    /// Whether all that was read last is in force, and when something was taken last.
    pub(super) fn last(&self) -> (bool, Timestamp) {
        let state = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (state.configuration && state.entrance, state.succeeded_at)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_reload_makes_good_what_was_refused() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let reloads = Reloads::new(at(1));
        assert_eq!(reloads.last(), (true, at(1)));
        reloads.reloaded(false, at(2));
        assert_eq!(reloads.last(), (false, at(1)));
        reloads.entrance_changed(true, at(3));
        assert_eq!(reloads.last(), (false, at(3)), "the other file is still refused");
        reloads.entrance_changed(false, at(4));
        reloads.reloaded(true, at(5));
        assert_eq!(reloads.last(), (true, at(5)));
    }
}
