//! How many processes of a container were killed for want of memory, over all its runs.
//!
//! While a run is observed the kernel's counter is exact, and so it is if it was read after the
//! last process had ended. It goes with the cgroup, and may have been read a moment too early;
//! the engine has events and a flag, which it may send late or lose, and on cgroup v1 more than
//! one event for a kill. So a run that is over has had the most that anyone said of it, unless
//! the kernel's last word is known, and runs are added up.

use crate::inventory::State;

/// The kills of one container.
#[derive(Clone, Debug)]
pub(super) struct OomKills {
    /// Of all runs before the previous one.
    settled: u64,
    /// The run before, of which the engine may still be speaking.
    previous: Run,
    current: Run,
    /// Whether the current run is observed.
    observed: bool,
    /// The number of the current run, as the inventory counts.
    number: u64,
    /// What the engine had said of earlier runs when it was heard last.
    earlier: u64,
    /// The total that was shown last: a counter never falls.
    shown: u64,
}

/// What was said of one run.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    kernel: Option<u64>,
    /// Whether that was read after the last process had ended.
    complete: bool,
    engine: u64,
}

impl Run {
    fn kills(self) -> u64 {
        match self.kernel {
            Some(kills) if self.complete => kills,
            kernel => self.engine.max(kernel.unwrap_or(0)),
        }
    }
}

impl OomKills {
    /// Of a container that has just been seen first; what the engine knows of earlier runs counts.
    pub(super) fn new(state: &State) -> Self {
        OomKills {
            settled: state.earlier_oom_kills,
            previous: Run::default(),
            current: Run { engine: state.oom_kills(), ..Run::default() },
            observed: false,
            number: state.run,
            earlier: state.earlier_oom_kills,
            shown: 0,
        }
    }

    /// The engine has said something. The last count of a run has to be told before the first
    /// state of the next one.
    pub(super) fn heard(&mut self, state: &State) {
        let more = state.earlier_oom_kills.saturating_sub(self.earlier);
        self.earlier = self.earlier.max(state.earlier_oom_kills);
        if state.run == self.number {
            self.previous.engine += more;
        } else {
            self.settled += self.previous.kills();
            self.previous = std::mem::take(&mut self.current);
            // Of the run that is over now, and of any that came and went unseen.
            self.previous.engine = self.previous.engine.max(more);
            self.observed = false;
            self.number = state.run;
        }
        self.current.engine = self.current.engine.max(state.oom_kills());
    }

    /// The current run is observed from now on.
    pub(super) fn begin(&mut self) {
        self.observed = true;
    }

    /// The kernel's counter of the current run was read; `complete` if nothing was left to kill.
    pub(super) fn counted(&mut self, kills: u64, complete: bool) {
        self.current.kernel = self.current.kernel.max(Some(kills));
        self.current.complete |= complete;
    }

    /// The current run is over, or no longer observed.
    pub(super) fn end(&mut self) {
        self.observed = false;
    }

    /// The total of all runs.
    pub(super) fn total(&mut self) -> u64 {
        let current = match self.current.kernel {
            Some(kills) if self.observed => kills,
            _ => self.current.kills(),
        };
        self.shown = self.shown.max(self.settled + self.previous.kills() + current);
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Status;
    use proptest::prelude::*;

    fn state(run: u64, oom_events: u64, oom_killed: bool, earlier_oom_kills: u64) -> State {
        State {
            oom_killed,
            oom_events,
            earlier_oom_kills,
            run,
            start: crate::inventory::Start::default(),
            ..State::new(Status::Running)
        }
    }

    #[test]
    fn the_kernel_is_believed_while_a_run_is_observed() {
        let mut kills = OomKills::new(&state(1, 0, false, 0));
        kills.begin();
        kills.counted(2, false);
        kills.heard(&state(1, 3, true, 0));
        assert_eq!(kills.total(), 2);
        kills.end();
        assert_eq!(kills.total(), 3, "its counter may have been read too early");
    }

    #[test]
    fn a_container_that_is_killed_and_restarted_again_and_again_counts_every_kill() {
        let mut kills = OomKills::new(&state(1, 0, false, 0));
        for run in 1..=5 {
            kills.heard(&state(run, 0, false, run - 1));
            kills.begin();
            kills.counted(0, false);
            kills.counted(1, false);
            kills.end();
            assert_eq!(kills.total(), run, "the engine has not said anything yet");
            kills.heard(&state(run, 1, true, run - 1));
            assert_eq!(kills.total(), run, "and says nothing new");
        }
    }

    #[test]
    fn what_the_engine_says_of_the_previous_run_counts_there() {
        let mut kills = OomKills::new(&state(1, 0, false, 0));
        kills.begin();
        kills.counted(1, false);
        kills.heard(&state(2, 0, false, 0));
        kills.begin();
        kills.counted(0, false);
        kills.heard(&state(2, 0, false, 1));
        assert_eq!(kills.total(), 1);
        kills.heard(&state(2, 0, false, 3));
        assert_eq!(kills.total(), 3, "the engine has seen more than the last read");
    }

    #[test]
    fn the_kernel_is_believed_of_a_run_that_it_was_asked_about_at_its_end() {
        let mut kills = OomKills::new(&state(1, 0, false, 0));
        kills.begin();
        kills.counted(3, true);
        kills.end();
        kills.heard(&state(1, 10, true, 0));
        assert_eq!(kills.total(), 3);
        kills.heard(&state(2, 0, false, 10));
        assert_eq!(kills.total(), 3);
    }

    #[test]
    fn a_run_that_nobody_could_read_counts_by_the_engine_s_word() {
        let mut kills = OomKills::new(&state(1, 0, true, 0));
        assert_eq!(kills.total(), 1);
        kills.heard(&state(2, 2, true, 1));
        assert_eq!(kills.total(), 3);
    }

    /// One run: kills, whether our last reading of the counter was in time, whether the engine
    /// says anything of it before the next run, later, or never.
    #[derive(Clone, Debug)]
    struct Past {
        kills: u64,
        read_at: u64,
        read: bool,
        engine: u64,
        late: bool,
    }

    fn past() -> impl Strategy<Value = Past> {
        (0..4_u64, 0..4_u64, any::<bool>(), 0..4_u64, any::<bool>()).prop_map(
            |(kills, read_at, read, engine, late)| Past {
                kills,
                read_at: read_at.min(kills),
                read,
                engine: engine.min(kills),
                late,
            },
        )
    }

    proptest! {
        /// Whatever is read or heard in time, late or never: the total never falls, each run
        /// counts the most that was said of it, and so exactly if either was complete.
        #[test]
        fn every_kill_counts_once(runs in proptest::collection::vec(past(), 1..12)) {
            let mut kills = OomKills::new(&state(0, 0, false, 0));
            let (mut earlier, mut expected, mut last, mut owed) = (0, 0, 0, 0);
            for (number, run) in runs.iter().enumerate() {
                let number = number as u64 + 1;
                let mut seen = |kills: &mut OomKills| {
                    let total = kills.total();
                    assert!(total >= last, "from {last} to {total}");
                    last = total;
                };
                kills.heard(&state(number, 0, false, earlier));
                seen(&mut kills);
                // What was owed of the run before arrives in this one.
                earlier += std::mem::take(&mut owed);
                kills.heard(&state(number, 0, false, earlier));
                if run.read {
                    kills.begin();
                    for count in 0..=run.read_at {
                        kills.counted(count, false);
                        seen(&mut kills);
                    }
                    kills.end();
                }
                let said = if run.late { 0 } else { run.engine };
                for events in 0..=said {
                    kills.heard(&state(number, events, events > 0, earlier));
                    seen(&mut kills);
                }
                earlier += said;
                owed = run.engine - said;
                expected += if run.read { run.read_at.max(run.engine) } else { run.engine };
            }
            earlier += owed;
            kills.heard(&state(runs.len() as u64 + 1, 0, false, earlier));
            prop_assert_eq!(kills.total(), expected);
            if runs.iter().all(|run| run.engine == run.kills || (run.read && run.read_at == run.kills)) {
                prop_assert_eq!(kills.total(), runs.iter().map(|run| run.kills).sum::<u64>());
            }
        }
    }
}
