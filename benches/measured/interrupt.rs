//! Ctrl-C and `kill` end a benchmark as an error does: whatever it has made is dropped, and
//! with it cgroups, containers and processes go away.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// How soon a waiting benchmark notices that it is to end.
const STEP: Duration = Duration::from_millis(50);

/// From now on SIGINT and SIGTERM are noticed by [`check`] and [`pause`].
pub(crate) fn listen() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// An error once the benchmark is to end.
pub(crate) fn check() -> io::Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return Err(io::Error::new(io::ErrorKind::Interrupted, "stopped by a signal; everything is removed"));
    }
    Ok(())
}

/// Lets time pass.
pub(crate) fn pause(time: Duration) -> io::Result<()> {
    pause_until(Instant::now() + time)
}

/// Lets time pass until then.
#[allow(clippy::disallowed_methods, reason = "another process is measured over real time")]
pub(crate) fn pause_until(end: Instant) -> io::Result<()> {
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(STEP));
    }
}
