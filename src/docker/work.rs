//! How long the engine worked on one container: operations told from its events, from its
//! inspects, and from what it writes into the container's folder.
//!
//! | operation | begins with | ends with |
//! |---|---|---|
//! | create | `Created` | `create` |
//! | start | the first file written for it; before Docker 28 else `network connect` | `start` |
//! | stop | `kill`, the stop signal | `stop` |
//! | restart | its stop's beginning; of a stopped container its start's | `restart` |
//! | remove | `kill` of `rm -f`, `die` of `--rm`; else the last rewriting of `config.v2.json` | `destroy` |
//!
//! Times are the engine's own, but for those of files, which are read off the clock of its
//! host. An operation whose beginning is not known for certain is not measured. No event
//! counts twice, since for one container only ever later ones are taken.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::types::{Details, Happening, SIGTERM};
use crate::inventory::{Operation, Status};

const SIGKILL: i32 = 9;

/// A start that begins within this time after a stop belongs to one `restart`: the engine
/// needs milliseconds between the two, and longer only when it is very busy.
const ONE_RESTART: SignedDuration = SignedDuration::from_secs(1);

/// A start that begins this long after a stop does not; in between nobody can tell.
const TWO_OPERATIONS: SignedDuration = SignedDuration::from_secs(10);

/// What the engine wrote into the folder of a container that did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A file that a start prepares; a `late` one is the last of them before the runtime is
    /// asked, and shows that the earlier ones belong to this start.
    Prepared { late: bool },
    /// The container's own description: it fails to start, is marked for removal, or otherwise
    /// changed.
    Described,
}

/// A signal that may have begun a stop.
#[derive(Clone, Copy, Debug)]
struct Signalled {
    at: Timestamp,
    /// Whether it is the signal that the container is stopped with.
    own: bool,
}

/// SIGKILL, which may be how a removal by force begins.
#[derive(Clone, Copy, Debug)]
struct Killed {
    at: Timestamp,
    /// Whether the engine says that it is.
    removing: bool,
}

#[derive(Clone, Copy, Debug)]
struct Prepared {
    first: Timestamp,
    /// Whether the first file that was seen is the first that was written.
    certain: bool,
}

/// A start that is over.
#[derive(Clone, Copy, Debug)]
struct Started {
    at: Timestamp,
    begun: Option<Timestamp>,
    /// Its `network connect`, as long as it is not clear whether the engine is one that
    /// connects networks before it asks the runtime.
    connected: Option<Timestamp>,
    /// Whether what happened before may have been missed.
    unsure: bool,
    /// The end of a restart that took no longer than this start.
    restarted: Option<Timestamp>,
}

/// What is known of the operations on one container.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// The latest event that was taken.
    latest: Option<Timestamp>,
    /// What a stop sends first; `None` for a word that is not known.
    stop_signal: Option<i32>,
    auto_remove: bool,
    /// Beginning of its making, to the engine's full precision.
    born: Option<Timestamp>,
    /// End of its making, until the beginning is known.
    made: Option<Timestamp>,
    prepared: Option<Prepared>,
    connected: Option<Timestamp>,
    started: Option<Started>,
    signalled: Option<Signalled>,
    killed: Option<Killed>,
    died: Option<Timestamp>,
    /// End of the last stop, and its beginning.
    stopped: Option<(Timestamp, Option<Timestamp>)>,
    described: Option<Timestamp>,
    /// Whether events may have been missed since the last start.
    unsure: bool,
    done: Vec<(Operation, Duration)>,
}

impl Default for Work {
    fn default() -> Self {
        Work {
            latest: None,
            stop_signal: Some(SIGTERM),
            auto_remove: false,
            born: None,
            made: None,
            prepared: None,
            connected: None,
            started: None,
            signalled: None,
            killed: None,
            died: None,
            stopped: None,
            described: None,
            unsure: true,
            done: Vec::new(),
        }
    }
}

impl Work {
    /// Takes an event. `runs` says whether the container ran when it came. False if it was
    /// taken before.
    pub(super) fn happened(&mut self, happening: &Happening, at: Timestamp, runs: bool) -> bool {
        if self.latest.is_some_and(|latest| at <= latest) {
            return false;
        }
        self.latest = Some(at);
        match happening {
            Happening::Create => {
                self.made = Some(at);
                self.unsure = false;
            }
            Happening::Connect if !runs => drop(self.connected.get_or_insert(at)),
            // A start has failed.
            Happening::Disconnect if !runs => self.forget_preparations(),
            Happening::Start => self.start(at),
            Happening::Kill { signal } => self.kill(*signal, at),
            Happening::Die { .. } => {
                self.forget_preparations();
                self.described = None;
                self.died = Some(at);
            }
            Happening::Stop => {
                let begun = self.signalled.take().map(|signalled| signalled.at);
                self.took(Operation::Stop, begun, at);
                self.stopped = Some((at, begun));
                self.killed = None;
            }
            Happening::Restart => self.restart(at),
            Happening::Destroy => {
                let begun = match self.killed {
                    _ if self.auto_remove => self.died.or(self.described),
                    Some(killed) => Some(killed.at).filter(|_| killed.removing),
                    None => self.described,
                };
                self.took(Operation::Remove, begun, at);
            }
            _ => {}
        }
        true
    }

    /// Takes note of a file.
    pub(super) fn wrote(&mut self, written: Written, at: Timestamp) {
        match written {
            Written::Prepared { late } => {
                // A description that was written after the first file: that start had failed.
                if self.prepared.is_some_and(|prepared| self.described >= Some(prepared.first)) {
                    self.prepared = None;
                }
                let prepared = self.prepared.get_or_insert(Prepared { first: at, certain: false });
                prepared.certain |= late;
            }
            Written::Described => self.described = Some(at),
        }
    }

    /// Takes what an inspect says; one that an event has `overtaken` says nothing of the state.
    pub(super) fn inspected(&mut self, details: &Details, overtaken: bool) {
        self.stop_signal = details.stop_signal;
        self.auto_remove = details.auto_remove.unwrap_or(self.auto_remove);
        if let Some(born) = details.created_at {
            self.born = Some(born);
            if let Some(made) = self.made.take() {
                self.took(Operation::Create, Some(born), made);
            }
        }
        match (&details.status, &mut self.killed) {
            (Some(Status::Removing | Status::Dead), Some(killed)) => killed.removing = true,
            // It was killed, and nobody is removing it.
            (Some(Status::Exited), killed) if !overtaken => *killed = None,
            _ => {}
        }
        self.judge_connection(details.started_at);
    }

    /// Before Docker 28 a container's networks are connected before the runtime makes its
    /// process, since then after it. Only in the first case `StartedAt` is later.
    fn judge_connection(&mut self, started_at: Option<Timestamp>) {
        let (Some(started), Some(started_at)) = (&mut self.started, started_at) else { return };
        let Some(connected) = started.connected.take() else { return };
        if (connected..=started.at).contains(&started_at) {
            started.begun = Some(connected);
            let (at, restarted) = (started.at, started.restarted);
            self.took(Operation::Start, Some(connected), at);
            if let Some(restarted) = restarted {
                self.took(Operation::Restart, Some(connected), restarted);
            }
        }
    }

    /// Events may have been missed: what has begun is not measured.
    pub(super) fn forget_beginnings(&mut self) {
        self.forget_preparations();
        if let Some(started) = &mut self.started {
            started.connected = None;
        }
        self.signalled = None;
        self.killed = None;
        self.died = None;
        self.stopped = None;
        self.described = None;
        self.unsure = true;
    }

    /// Whether its end may be part of its removal, so that an inspect has to say.
    pub(super) fn may_be_removed(&self) -> bool {
        self.killed.is_some()
    }

    /// When the engine began to make the container.
    pub(super) fn born(&self) -> Option<Timestamp> {
        self.born
    }

    /// When the start that led to this `start` event began.
    pub(super) fn begun(&self, start: Timestamp) -> Option<Timestamp> {
        self.started.filter(|started| started.at == start)?.begun
    }

    /// What was measured since this was asked last.
    pub(super) fn take_done(&mut self) -> Vec<(Operation, Duration)> {
        std::mem::take(&mut self.done)
    }

    fn start(&mut self, at: Timestamp) {
        let prepared = self.prepared.filter(|prepared| prepared.certain && prepared.first <= at);
        let begun = prepared.map(|prepared| prepared.first);
        let connected = self.connected.filter(|_| begun.is_none());
        self.took(Operation::Start, begun, at);
        self.started = Some(Started { at, begun, connected, unsure: self.unsure, restarted: None });
        self.forget_preparations();
        self.signalled = None;
        self.killed = None;
        self.died = None;
        self.described = None;
        self.unsure = false;
    }

    /// Whether a signal ends the container for good: the engine does not start it again then.
    pub(super) fn ends(&self, signal: Option<i32>) -> bool {
        signal.is_some() && (signal == self.stop_signal || signal == Some(SIGKILL))
    }

    fn kill(&mut self, signal: Option<i32>, at: Timestamp) {
        let own = signal.is_some() && signal == self.stop_signal;
        let forced = signal == Some(SIGKILL);
        if forced {
            self.killed = Some(Killed { at, removing: false });
        }
        self.signalled = match self.signalled {
            // The container did not listen to the stop signal.
            Some(before) if forced && before.own => Some(before),
            // Perhaps a stop by another signal, perhaps one that had nothing to do with it.
            Some(_) if forced && !own => None,
            // The stop signal may have been missed.
            None if forced && !own && self.unsure => None,
            _ => Some(Signalled { at, own }),
        };
    }

    fn restart(&mut self, at: Timestamp) {
        let stopped = self.stopped.take();
        let Some(started) = &mut self.started else { return };
        let start_began = started.begun.or(started.connected).unwrap_or(started.at);
        let after_stop = stopped.map(|(end, _)| start_began.duration_since(end));
        match (stopped, after_stop) {
            (Some((_, begun)), Some(gap)) if gap <= ONE_RESTART => self.took(Operation::Restart, begun, at),
            (Some(_), Some(gap)) if gap < TWO_OPERATIONS => {}
            _ if started.unsure => {}
            _ if started.connected.is_some() => started.restarted = Some(at),
            _ => {
                let begun = started.begun;
                self.took(Operation::Restart, begun, at);
            }
        }
    }

    fn forget_preparations(&mut self) {
        self.prepared = None;
        self.connected = None;
    }

    fn took(&mut self, operation: Operation, begun: Option<Timestamp>, ended: Timestamp) {
        let took = begun.map(|begun| Duration::try_from(ended.duration_since(begun)));
        if let Some(Ok(took)) = took {
            self.done.push((operation, took));
        }
    }
}

#[cfg(test)]
mod tests;
