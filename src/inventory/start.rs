//! How a run came to be: when its start began, when it ran, when it was well.

use std::time::Duration;

use jiff::Timestamp;

/// How the current or last run came to be, by the engine's clock; what was not seen is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Of a container's first run when the engine began to make the container, of a later one
    /// when it began to start it.
    pub begun_at: Option<Timestamp>,
    /// When the engine said that it runs.
    pub running_at: Option<Timestamp>,
    /// When its health check passed first.
    pub healthy_at: Option<Timestamp>,
}

impl Start {
    /// From its beginning until it ran.
    pub fn until_running(&self) -> Option<Duration> {
        self.until(self.running_at)
    }

    /// From its beginning until its health check passed; never less than until it ran.
    pub fn until_healthy(&self) -> Option<Duration> {
        self.until(self.healthy_at.filter(|at| Some(*at) >= self.running_at))
    }

    fn until(&self, end: Option<Timestamp>) -> Option<Duration> {
        Duration::try_from(end?.duration_since(self.begun_at?)).ok()
    }
}
