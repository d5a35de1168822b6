//! What reports of containers and services one by one have in common.

use super::period::Period;
use crate::history::{By, Line, Measure, Query, Wanted, Whom};
use crate::prometheus::QueryError;

/// What ended longer ago than this share of the time has no future.
const RECENT: f64 = 0.1;

/// A measure of each who is meant.
///
/// # Errors
/// The history does not answer.
pub(super) async fn each(
    query: &dyn Query,
    whom: &Whom,
    period: Period,
    measure: Measure,
    step_s: i64,
) -> Result<Vec<Line>, QueryError> {
    let wanted = Wanted {
        measure,
        whom: whom.clone(),
        by: By::Each,
        from: period.from.as_millisecond(),
        to: period.to.as_millisecond(),
        step_ms: step_s * 1000,
    };
    query.lines(&wanted).await
}

/// Whether what was there last at a time, in milliseconds since 1970, had ended by the end of a period.
pub(super) fn had_ended(last: i64, period: Period) -> bool {
    let (from, to) = (period.from.as_millisecond(), period.to.as_millisecond());
    (to - last) as f64 > RECENT * (to - from) as f64
}
