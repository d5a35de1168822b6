//! Waiting for the outside world: until something holds, with a deadline, never for a fixed time.

use std::time::{Duration, Instant};

/// How often a condition is tried.
const STEP: Duration = Duration::from_millis(50);

/// How long anything may take before a test fails: several times what dockmeter itself lets pass
/// between two looks at the engine, and enough for an engine that stalls under load.
const PATIENCE: Duration = Duration::from_secs(120);

/// [`PATIENCE`], times `DOCKMETER_TEST_PATIENCE`, which an emulated machine sets.
pub(crate) fn patience() -> Duration {
    let times = std::env::var("DOCKMETER_TEST_PATIENCE").map_or(Ok(1), |times| times.parse());
    PATIENCE * times.expect("a whole number in `DOCKMETER_TEST_PATIENCE`")
}

/// The first `Some` that `attempt` returns.
///
/// # Panics
/// `attempt` has returned none within [`patience`]; `what` says what was waited for.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let (started, patience) = (Instant::now(), patience());
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(started.elapsed() < patience, "waited {patience:?} in vain: {what}");
        pause(STEP);
    }
}

/// Lets time pass, for tests about what does *not* happen and for loads that need a duration.
#[allow(clippy::disallowed_methods, reason = "a test of a real process can only wait for it")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
