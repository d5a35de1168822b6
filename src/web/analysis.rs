//! What analyses have in common: who and which time a request means, whom it asks, and how many are
//! made at once, since each reads days of many series and a few would keep a Prometheus busy.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::Context;
use super::history::asked_of;
use super::parameter::one;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::history::{Query, Whom};
use crate::prometheus::QueryError;
use crate::report::period::{Period, Said};

/// Analyses that are made at once.
pub(super) const AT_ONCE: usize = 2;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is meant by a request, and which time: `container` and `service`, `from` and `to`, or `last`
/// in place of `from`.
///
/// # Errors
/// A parameter is given twice, or says no time; the message says what would do.
pub(super) fn asked(
    view: &View,
    query: &[(String, String)],
    now: Timestamp,
    last: &str,
) -> Result<(Whom, Period), Problem> {
    let text = |name: &str| one(query, name).map(|value| value.map(str::to_owned));
    let from = text("from")?;
    let last = text("last")?.or_else(|| from.is_none().then(|| last.to_owned()));
    let said = Said { from, to: text("to")?, last, ..Said::default() };
    let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
    let mut period =
        Period::of(&said, now, &TimeZone::UTC).map_err(|detail| Problem::new(Kind::BadRequest, detail))?;
    // What is still to come is told by nobody.
    period.to = period.to.min(now);
    let whom = Whom {
        tenants: view.narrowing().clone(),
        container: text("container")?,
        service: text("service")?,
        host: None,
    };
    Ok((whom, period))
}

/// Who was asked has not answered.
pub(super) fn unavailable(error: QueryError) -> Problem {
    Problem::new(Kind::Unavailable, error.to_string())
}

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
