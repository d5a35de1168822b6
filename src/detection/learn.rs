//! The week before, asked of the history that is kept here or of a Prometheus: service by service,
//! with rests, so that neither a start nor whoever is asked is held up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::watch::{Learned, Service};
use super::{COUNT, LEARNED_MS, STEP_MS, measures};
use crate::history::{By, Line, Measure, Query, Wanted, Whom};
use crate::prometheus::QueryError;
use crate::tenant::Narrowing;

/// Between two services: nothing of it is in a hurry, and a thousand services are learned in four
/// minutes.
const REST: Duration = Duration::from_millis(200);

/// How many times as long as a question nobody asks again: a twentieth of the time is enough.
const REST_TIMES: u32 = 19;

/// How often who does not answer is asked again, and how long after: a Prometheus that is started
/// together with this is there within minutes.
const TRIES: usize = 10;
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// A name that no container has: the engine forbids it.
const NOBODY: &str = "?";

/// Whom one learns from, as the configuration has it now; of several who answer the one who knows
/// most is believed.
pub type Sources = Arc<dyn Fn() -> Vec<Arc<dyn Query>> + Send + Sync>;

/// How long to rest after a question that took so long.
pub(super) fn rest(taken: Duration) -> Duration {
    REST.max(taken * REST_TIMES)
}

/// What is known of a service up to a time; where nobody answers it is nothing.
pub(super) async fn ask(sources: &[Arc<dyn Query>], service: &Service, now: i64) -> (Learned, Duration) {
    let began = Instant::now();
    let mut learned: Learned = Default::default();
    for (learned, measure) in learned.iter_mut().zip(measures()) {
        for source in sources {
            let Some(measure) = measure else { continue };
            let found = points(&**source, measure, service, now).await;
            let found = found.inspect_err(|error| {
                tracing::debug!(%error, source = source.name(), "could not learn what is usual");
            });
            let found = found.unwrap_or_default();
            if found.len() > learned.len() {
                *learned = found;
            }
        }
    }
    (learned, began.elapsed())
}

/// Waits until all of them answer, but not for ever.
pub(super) async fn ready(sources: &[Arc<dyn Query>], now: impl Fn() -> i64) {
    for source in sources {
        for attempt in 1..=TRIES {
            let Some(measure) = measures()[0] else { return };
            let whom = Whom { container: Some(NOBODY.to_owned()), ..Whom::default() };
            let wanted = wanted(measure, whom, now(), STEP_MS);
            let Err(error) = source.lines(&wanted).await else { break };
            if attempt == TRIES {
                tracing::warn!(%error, source = source.name(), "what is usual is learned without it; it does not answer");
            } else {
                tokio::time::sleep(TRY_AGAIN).await;
            }
        }
    }
}

fn wanted(measure: &Measure, whom: Whom, now: i64, back: i64) -> Wanted {
    // Only steps that are over.
    let to = now.div_euclid(STEP_MS) * STEP_MS;
    Wanted { measure: *measure, whom, by: By::Each, from: to - back, to, step_ms: STEP_MS }
}

async fn points(
    source: &dyn Query,
    measure: &Measure,
    service: &Service,
    now: i64,
) -> Result<Vec<(i64, f64)>, QueryError> {
    let Service { tenant, name } = service;
    let tenants = Narrowing::of_tenant(tenant);
    let whom = Whom { tenants, container: Some(name.as_str().to_owned()), ..Whom::default() };
    let back = source
        .kept_since(STEP_MS)
        .map_or(LEARNED_MS, |since| (now - since - STEP_MS).clamp(STEP_MS, LEARNED_MS));
    let wanted = wanted(measure, whom, now, back);
    let lines = source.lines(&wanted).await?;
    let is_in = |(at, _): &(i64, f64)| *at > wanted.from && *at <= wanted.to;
    let points = |line: Line| line.points.into_iter().filter(is_in).collect();
    Ok(lines.into_iter().next().map(points).unwrap_or_default())
}

const _: () = assert!(COUNT == super::NAMES.len());
