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
#[track_caller]
pub(crate) fn eventually<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    eventually_or(|| what.to_owned(), attempt)
}

/// [`eventually`] with a text that is made when it has failed, as it then is.
#[track_caller]
pub(crate) fn eventually_or<T>(what: impl FnOnce() -> String, mut attempt: impl FnMut() -> Option<T>) -> T {
    let (started, patience) = (Instant::now(), patience());
    while started.elapsed() < patience {
        if let Some(value) = attempt() {
            return value;
        }
        pause(STEP);
    }
    panic!("waited {patience:?} in vain: {}", what());
}

/// Lets time pass, for tests about what does *not* happen and for loads that need a duration.
#[allow(clippy::disallowed_methods, reason = "a test of a real process can only wait for it")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
