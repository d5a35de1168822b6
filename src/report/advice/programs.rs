//! What programs and databases tell, of which a Prometheus alone knows: services that are slow or
//! fail, pools that are too small, statements that an index would help.

mod lines;
mod pools;
mod services;
mod statements;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Looked;
use crate::analysis::rightsize::Facts as ContainerFacts;
use crate::history::{Measure, Query, advice, insight};
use crate::prometheus::QueryError;
use crate::report::each::each;
use crate::report::rightsize::Options;
use lines::Lines;
pub(crate) use pools::POOL;

/// Measures that are asked for at once.
const AT_ONCE: usize = 4;

/// Steps of pools, of which a shortage of minutes is wanted, up to a week.
const FINE_STEP_S: i64 = 300;

/// Steps of what is added up, and of pools over longer times.
const COARSE_STEP_S: i64 = 3_600;

/// Steps of what hardly ever changes.
const RARE_STEP_S: i64 = 6 * 3_600;

const DAY_S: i64 = 86_400;

/// What is always asked for.
static ALWAYS: [&Measure; 7] = [
    &insight::REQUESTS,
    &insight::FAILURES,
    &insight::BUSY,
    &insight::POOL_WAITING,
    &advice::POOL_ACTIVE,
    &advice::POOL_MOST,
    &insight::CALL_SECONDS,
];

/// What is asked for where a service is slow or fails.
static OF_SERVICES: [&Measure; 5] = [
    &insight::ROUTE_SECONDS,
    &insight::ROUTE_REQUESTS,
    &insight::ROUTE_FAILURES,
    &advice::DATABASE_SECONDS,
    &insight::STARTED,
];

/// What is asked for where a database tells of statements.
static OF_STATEMENTS: [&Measure; 3] = [&insight::CALLS, &insight::ROWS, &insight::TEXTS];

/// Everything that was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    answers: BTreeMap<&'static str, Lines>,
}

impl Told {
    /// The lines of a measure.
    fn of(&self, measure: &Measure) -> &Lines {
        static NOTHING: Lines = Lines::nothing();
        self.answers.get(measure.name).unwrap_or(&NOTHING)
    }

    /// What the pure functions say of it, with what is known of containers.
    pub(crate) fn judged(&self, options: &Options, containers: &[ContainerFacts]) -> Looked {
        let mut looked = services::look(self, options, containers);
        looked.add(pools::look(self));
        looked.add(statements::look(self));
        looked
    }
}

/// Asks for what programs and databases tell, no more than there is something to say of.
///
/// # Errors
/// The history does not answer.
pub(crate) async fn told(query: &dyn Query, options: &Options) -> Result<Told, QueryError> {
    let mut told = Told::default();
    ask(query, options, &ALWAYS, &mut told).await?;
    if services::is_any_notable(&told) {
        ask(query, options, &OF_SERVICES, &mut told).await?;
    }
    if !told.of(&insight::CALL_SECONDS).is_empty() {
        ask(query, options, &OF_STATEMENTS, &mut told).await?;
    }
    Ok(told)
}

async fn ask(
    query: &dyn Query,
    options: &Options,
    measures: &'static [&'static Measure],
    told: &mut Told,
) -> Result<(), QueryError> {
    let measures: Vec<Measure> = measures.iter().map(|measure| **measure).collect();
    let mut asked = stream::iter(measures)
        .map(|measure| async move {
            let step_s = step(&measure, options.period.seconds());
            let lines = each(query, &options.whom, options.period, measure, step_s).await?;
            Ok::<_, QueryError>((measure.name, Lines::new(lines, step_s)))
        })
        .buffered(AT_ONCE);
    while let Some((name, lines)) = asked.try_next().await? {
        told.answers.insert(name, lines);
    }
    Ok(())
}

/// How fine a measure is wanted in a time of so many seconds.
fn step(measure: &Measure, seconds: i64) -> i64 {
    let is_of_pools = measure.name.starts_with("db_connections");
    let is_rare = [insight::TEXTS.name, insight::STARTED.name].contains(&measure.name);
    match seconds {
        ..=DAY_S => FINE_STEP_S,
        _ if is_rare => RARE_STEP_S,
        seconds if is_of_pools && seconds <= 7 * DAY_S => FINE_STEP_S,
        _ => COARSE_STEP_S,
    }
}

#[cfg(test)]
mod tests;
