//! Slow statements, and those that are called again and again.
//!
//! Without traces nobody sees that one request calls the same statement for each row it has got.
//! What is seen are many calls a request, of few rows each, each fast, and always as many: that is
//! a suspicion, and said to be one.

use super::super::finding::{Scope, Severity, Window};
use super::super::series::Series;
use super::super::statistics::order::{median, robust_deviation};
use super::super::words::{called, seconds, selector, short};
use super::excess::{Bound, Excess, excess};
use super::facts::{Facts, Service, Statement, is_of};
use super::relation::STEP_MS;
use super::{Candidate, Concerns, Kind, Tier, of_whom};

/// A call this long is slow (Sentry's detector of slow queries).
const SLOW: Bound = Bound::of(0.5, 2.0);

/// Of fewer calls a second, 100 a day (Sentry's), none is worth a look.
const LEAST_CALLS: f64 = 100.0 / 86_400.0;

/// So many calls a request are suspicious.
const CALLS_PER_REQUEST: f64 = 10.0;

/// And this many are felt: at 1 ms each, a tenth of a second.
const MANY_CALLS: f64 = 100.0;

/// Calls of more rows do not ask for one at a time.
const ROWS_PER_CALL: f64 = 2.0;

/// A longer call is slow for itself.
const FAST_SECONDS: f64 = 0.005;

/// Calls by requests are always as many if they deviate by no more than this share.
const STEADY: f64 = 0.25;

/// So many steps of five minutes must show it.
const LEAST_STEPS: usize = 6;

/// Characters of a statement that a sentence has room for.
const LONGEST_TEXT: usize = 80;

/// All statements that hold requests up, or may.
pub(super) fn candidates(facts: &Facts) -> Vec<Candidate> {
    let of = |statement| [slow(statement), repeated(facts, statement)];
    facts.statements.iter().flat_map(of).flatten().collect()
}

fn slow(statement: &Statement) -> Option<Candidate> {
    let found = excess(&statement.mean_seconds, SLOW)?;
    let calls = statement.calls_per_second.between(found.window.from, found.window.to).values();
    if median(&calls)? < LEAST_CALLS {
        return None;
    }
    let sentence = format!("`{}` has taken {} a call", shortened(&statement.text), seconds(found.value));
    Some(Candidate {
        kind: Kind::SlowStatement,
        tier: Tier::Saturation,
        scope: statement.scope.clone(),
        subject: Some(statement.id.clone()),
        metric: of_whom(
            "sum(rate(pg_stat_statements_seconds_total{@}[5m])) / sum(rate(pg_stat_statements_calls_total{@}[5m]))",
            &owner(statement),
            &[("queryid", &statement.id)],
        ),
        words: seconds,
        excess: found,
        saturation: statement.mean_seconds.clone(),
        concerns: Concerns::Tenant,
        sentence,
        next_step: "run `EXPLAIN (ANALYZE, BUFFERS)` on it, and give it the index that its plan lacks"
            .to_owned(),
    })
}

fn repeated(facts: &Facts, statement: &Statement) -> Option<Candidate> {
    let service = caller(facts, statement)?;
    let by_request = by_request(statement, service);
    let (calls, deviation) = (median(&by_request.values())?, robust_deviation(&by_request.values())?);
    let mean = median(&statement.mean_seconds.values())?;
    let is_suspicious = by_request.points().len() >= LEAST_STEPS
        && calls > CALLS_PER_REQUEST
        && deviation <= STEADY * calls
        && mean < FAST_SECONDS
        && statement.rows_per_call.is_some_and(|rows| rows <= ROWS_PER_CALL);
    let window = Window { from: by_request.points().first()?.0 - STEP_MS, to: by_request.points().last()?.0 };
    let severity = if calls > MANY_CALLS { Severity::Medium } else { Severity::Low };
    let sentence = format!(
        "{} has called `{}` {} times a request, for {} each: it may ask once a row, which only a trace would show,",
        called(&service.scope),
        shortened(&statement.text),
        short(calls),
        statement.rows_per_call.map_or_else(String::new, rows),
    );
    is_suspicious.then(|| Candidate {
        kind: Kind::RepeatedStatement,
        tier: Tier::Saturation,
        scope: statement.scope.clone(),
        subject: Some(statement.id.clone()),
        metric: format!(
            "sum(rate(pg_stat_statements_calls_total{{{}}}[5m])) / sum(rate(http_requests_total{{{}}}[5m]))",
            of_whom("@", &owner(statement), &[("queryid", &statement.id)]),
            selector(&service.scope),
        ),
        words: short,
        excess: Excess {
            severity,
            value: calls,
            threshold: CALLS_PER_REQUEST,
            window,
            samples: by_request.points().len(),
        },
        saturation: by_request,
        concerns: Concerns::Tenant,
        sentence,
        next_step: "look in the code for a query inside a loop; ask for all rows at once (`WHERE id = ANY(…)`, a join, or the mapper's eager loading)".to_owned(),
    })
}

/// Whose the series of a statement are, which know of no service.
fn owner(statement: &Statement) -> Scope {
    Scope { service: None, ..statement.scope.clone() }
}

fn rows(rows: f64) -> String {
    format!("{} row{}", short(rows), if rows == 1.0 { "" } else { "s" })
}

/// Who calls a statement: the service that it names, else the only one of its tenant.
fn caller<'f>(facts: &'f Facts, statement: &Statement) -> Option<&'f Service> {
    let mut own = facts.services.iter().filter(|service| is_of(&service.scope, &statement.scope));
    match &statement.scope.service {
        Some(name) => own.find(|service| service.scope.service.as_ref() == Some(name)),
        None => own.next().filter(|_| own.next().is_none()),
    }
}

/// Calls by requests, by steps of five minutes in which there are requests.
fn by_request(statement: &Statement, service: &Service) -> Series {
    let (calls, requests) =
        (statement.calls_per_second.medians(STEP_MS), service.requests_per_second.medians(STEP_MS));
    let requests = requests.points();
    let ratio = |(at, calls): &(i64, f64)| {
        let place = requests.binary_search_by_key(at, |point| point.0).ok()?;
        let requests = requests.get(place)?.1;
        (requests > 0.0).then(|| (*at, calls / requests))
    };
    Series::new(calls.points().iter().filter_map(ratio))
}

/// A statement as a sentence has room for it.
pub(super) fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
