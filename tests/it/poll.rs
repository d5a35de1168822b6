//! Waiting for the outside world: until something holds, with a deadline, never for a fixed time.

use std::time::{Duration, Instant};

/// How often a condition is tried.
const STEP: Duration = Duration::from_millis(50);

/// How long anything may take before a test fails; generous, for machines under load.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The first `Some` that `attempt` returns.
///
/// # Panics
/// `attempt` has returned none within [`PATIENCE`]; `what` says what was waited for.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        pause(STEP);
    }
}

/// Lets time pass, for tests about what does *not* happen and for loads that need a duration.
#[allow(clippy::disallowed_methods, reason = "a test of a real process can only wait for it")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
