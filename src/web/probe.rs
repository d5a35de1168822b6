//! `/-/healthy` and `/-/ready`: cheap, collect nothing, need no login.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;

use super::Context;
use super::problem::{Kind, Problem};

/// How long the first list of containers may keep the exporter from being ready. After that
/// it serves what it has: an engine that is away is a finding, not a reason to be taken out.
const READY_AT_LATEST: Duration = Duration::from_secs(10);

/// Whether the process answers.
pub(super) async fn healthy() -> &'static str {
    "healthy\n"
}

/// Whether there is something to scrape.
pub(super) async fn ready(State(context): State<Arc<Context>>) -> Result<&'static str, Problem> {
    let engine = context.inventory.snapshot().engine.clone();
    if is_ready(engine.ever_connected, context.started_at.elapsed()) {
        return Ok("ready\n");
    }
    let detail = "the engine has not been asked for its containers yet; try again in a moment";
    Err(Problem::new(Kind::Unavailable, detail))
}

fn is_ready(listed_once: bool, uptime: Duration) -> bool {
    listed_once || uptime >= READY_AT_LATEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_away_delays_readiness_for_ten_seconds_at_most() {
        let seconds = Duration::from_secs;
        assert!(!is_ready(false, seconds(0)));
        assert!(!is_ready(false, seconds(9)));
        assert!(is_ready(false, seconds(10)));
        assert!(is_ready(true, seconds(0)));
    }
}
