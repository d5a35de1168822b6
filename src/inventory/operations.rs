//! What the engine did to containers, and how long it took, until somebody counts it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::tenant::Tenant;

/// Operations that wait to be counted, at most: far more than an engine does between two ticks
/// of the sampler. Beyond that the newest are left out.
const MOST_WAITING: usize = 1 << 16;

/// Something the engine does to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Making it.
    Create,
    /// Starting it: by a user, or by its restart policy.
    Start,
    /// Ending it by its stop signal, by force where that is not enough.
    Stop,
    /// Stopping and starting it in one; both are counted as such, too.
    Restart,
    /// Deleting it.
    Remove,
}

impl Operation {
    /// The word of the label `operation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Start => "start",
            Operation::Stop => "stop",
            Operation::Restart => "restart",
            Operation::Remove => "remove",
        }
    }
}

/// An operation that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Performed {
    /// Whose container it was.
    pub tenant: Tenant,
    /// What was done.
    pub operation: Operation,
    /// How long it took, by the engine's clock.
    pub took: Duration,
}

/// Operations that are over and have not been counted yet.
#[derive(Debug, Default)]
pub struct Operations(Mutex<Vec<Performed>>);

impl Operations {
    /// Adds one.
    pub fn add(&self, performed: Performed) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push(performed);
        }
    }

    /// Hands out all; each is handed out once.
    pub fn take(&self) -> Vec<Performed> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
