//! Whom an analysis asks, and how many are made at once: each reads days of many series, so that a
//! few would keep a Prometheus busy.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::Context;
use super::history::asked_of;
use super::problem::{Kind, Problem};
use crate::history::Query;

/// Analyses that are made at once.
pub(super) const AT_ONCE: usize = 2;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// The turn of a request, until it is dropped.
pub(super) struct Turn<'c> {
    /// Who is asked.
    pub(super) source: Arc<dyn Query>,
    _place: SemaphorePermit<'c>,
}

/// Waits for the turn of a request.
///
/// # Errors
/// Nobody can be asked, or the others take too long.
pub(super) async fn turn(context: &Context) -> Result<Turn<'_>, Problem> {
    let source = asked_of(context)?;
    match timeout(PATIENCE, context.analyses.acquire()).await {
        Ok(Ok(place)) => Ok(Turn { source, _place: place }),
        _ => {
            let detail = format!("{AT_ONCE} analyses are being made already; ask again in a moment");
            Err(Problem::new(Kind::Unavailable, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Surroundings;
    use crate::web::fixture;

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_while_the_most_are_made_waits_and_is_told() {
        let context = fixture::context();
        let busy = [turn(&context).await.ok().unwrap(), turn(&context).await.ok().unwrap()];
        assert!(turn(&context).await.is_err());
        drop(busy);
        assert_eq!(turn(&context).await.ok().unwrap().source.name(), "embedded");
    }

    #[tokio::test]
    async fn where_there_is_nobody_to_ask_nobody_waits() {
        let context = Arc::into_inner(fixture::context()).unwrap().with_history(None);
        context.set_surroundings(Surroundings::default());
        assert!(turn(&context).await.is_err());
    }
}
