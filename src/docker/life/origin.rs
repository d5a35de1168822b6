//! How a container's runs came to be: when their start began, and when they were healthy first.

use jiff::Timestamp;

use super::super::types::{Event, Happening};
use super::{Life, Verdict};
use crate::inventory::{Container, Health, Start, Status};

/// What is known of it besides the moments.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Origin {
    /// Whether the current or last run is the container's first.
    first_run: bool,
    /// Whether everything that happened since the container was made, or since the last inspect
    /// that was believed, is known.
    pub(super) seen_whole: bool,
    /// Whether the `start` of the current run was seen, and everything since.
    run_seen: bool,
}

impl Life {
    /// Takes from an event what it says of the engine's work and nothing else.
    pub(in crate::docker) fn work_on(&mut self, event: &Event) {
        let Some(at) = event.at else { return };
        let runs = matches!(self.container.state.status, Status::Running | Status::Paused);
        if !self.work.happened(&event.happening, at, runs) {
            return;
        }
        match &event.happening {
            Happening::Stop => {
                self.stopped_by_hand = true;
                // The signal may have been missed; the run is over, unless the next has begun.
                self.container.state.stopped_by_hand |= !self.container.state.is_live();
            }
            Happening::Kill { signal } => self.ended_by_hand |= runs && self.work.ends(*signal),
            _ => {}
        }
    }

    /// Events may have been missed.
    pub(in crate::docker) fn forget_beginnings(&mut self) {
        self.work.forget_beginnings();
        self.stopped_by_hand = false;
        self.ended_by_hand = false;
        self.origin.seen_whole = false;
        self.origin.run_seen = false;
    }

    /// The event does not say for how long the checks had failed before the engine gave up hope.
    pub(super) fn felt(&mut self, health: Health, at: Timestamp) -> Verdict {
        let state = &mut self.container.state;
        let is_first = self.origin.run_seen || state.health == Some(Health::Starting);
        if health == Health::Healthy && is_first && state.start.running_at.is_some_and(|start| start <= at) {
            state.start.healthy_at.get_or_insert(at);
        }
        let before = state.health.replace(health);
        if health != Health::Unhealthy {
            state.failing_since = None;
            return Verdict::Known;
        }
        state.failing_since = state.failing_since.or(Some(at));
        if before == Some(health) { Verdict::Known } else { Verdict::Inspect }
    }

    /// Notes how this run came to be, unless it is known or was another before it.
    pub(super) fn run_began(&mut self, at: Timestamp) {
        let Container { state, .. } = &mut self.container;
        if state.start.running_at.is_some_and(|known| known >= at) {
            return;
        }
        self.ended_by_hand = false;
        if std::mem::take(&mut self.stopped_by_hand) {
            self.engine_restarts = Some(0);
        }
        self.origin.first_run = self.origin.seen_whole && state.finished_at.is_none();
        self.origin.run_seen = true;
        let healthy_at = state.start.healthy_at.filter(|healthy| *healthy >= at);
        let begun_at = if self.origin.first_run { self.work.born() } else { self.work.begun(at) };
        state.start = Start { begun_at, running_at: Some(at), healthy_at };
        state.health = state.health.map(|_| Health::Starting);
        state.failing_since = None;
    }

    /// Takes from an inspect that the current or last run was started then.
    pub(super) fn adopt_start(&mut self, started: Timestamp, finished: Option<Timestamp>) {
        let start = &mut self.container.state.start;
        // A run whose `start` event has not been seen.
        if start.running_at.is_none_or(|known| known < started) {
            *start = Start { running_at: Some(started), ..Start::default() };
            (self.origin.first_run, self.origin.run_seen) = (false, false);
        }
        self.origin.first_run |= finished.is_none();
    }

    /// Dates the beginning of the start, of which an inspect may have told.
    pub(super) fn date_start(&mut self, overtaken: bool) {
        self.origin.seen_whole |= !overtaken;
        let start = &mut self.container.state.start;
        let begun_at = match self.origin.first_run {
            true => self.work.born(),
            false => start.running_at.and_then(|at| self.work.begun(at)),
        };
        start.begun_at = start.begun_at.or(begun_at);
    }
}
