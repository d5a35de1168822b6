//! Slow answers and failing requests, with four things to do each: those first that facts point
//! at.

use super::super::finding::{Scope, Severity, Window};
use super::super::recommendation::{
    Action, Answer, Confidence, Effect, Effort, Kind, NotEnoughData, Recommendation, Verify, expiry, id,
};
use super::super::words::{called, percent, seconds, selector};
use super::evidence;

/// Answers are slow from this average on (the first users' rule, and the alert `HttpLatencyHigh`).
pub const SLOW_SECONDS: f64 = 2.0;

/// Failures are many from this share on (the first users' rule, and the alert `HttpErrorsHigh`).
pub const FAILING: f64 = 0.05;

/// Of fewer requests no share and no average is told.
pub const LEAST_REQUESTS: f64 = 100.0;

/// So many times the threshold users leave.
const FAR: f64 = 2.5;

/// So many things to do are told.
const STEPS: usize = 4;

/// From this share of throttled periods on it is pointed at; see [`rightsize`](super::super::rightsize::cpu::THROTTLED).
const THROTTLED: f64 = super::super::rightsize::cpu::THROTTLED;

/// From this share of a limit or a pool on it is pointed at.
const FULL: f64 = 0.8;

/// What is known of a service.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Whose it is; `service` is its name.
    pub scope: Scope,
    /// How much `http_request_duration_seconds_count` grew.
    pub requests: f64,
    /// How much `http_request_duration_seconds_sum` grew.
    pub total_seconds: f64,
    /// How much `http_requests_total{status_code=~"5.."}` grew.
    pub failed: f64,
    /// The route that took most time in all.
    pub slowest: Option<Route>,
    /// The route that failed most.
    pub failing: Option<Route>,
    /// Throttled periods of its containers by all: `container_cpu_cfs_throttled_periods_total`.
    pub throttled_ratio: Option<f64>,
    /// `container:memory_share:ratio`, the highest of its containers.
    pub memory_ratio: Option<f64>,
    /// `db_connections_active` by `db_connections_max`, the highest of its pools.
    pub pool_ratio: Option<f64>,
    /// The time of its calls of databases by that of its requests:
    /// `db_query_duration_seconds_sum` by `http_request_duration_seconds_sum`.
    pub database_ratio: Option<f64>,
    /// How much `container_restarts_total` and `container_oom_events_total` of its containers grew.
    pub restarts: u64,
    /// The last deploy in this time or shortly before it.
    pub deployed_at: Option<i64>,
    /// The time that was looked at.
    pub window: Option<Window>,
}

/// A route and what it did.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// `method` and `route`.
    pub name: String,
    /// Its part of all time, or of all failures.
    pub share: f64,
    /// Its own average time, or the share of its requests that fail.
    pub value: f64,
}

/// What to do about slow answers, and about failures.
pub fn recommend(facts: &Facts) -> Vec<Answer> {
    let Some(window) = facts.window else { return Vec::new() };
    let (mean, failing) = (facts.total_seconds / facts.requests, facts.failed / facts.requests);
    let found = [(Kind::ResponseTime, mean > SLOW_SECONDS), (Kind::ErrorRate, failing > FAILING)];
    found
        .into_iter()
        .filter(|(_, is_found)| *is_found)
        .map(|(kind, _)| match kind {
            _ if facts.requests < LEAST_REQUESTS => {
                let missing = format!("{:.0} of {LEAST_REQUESTS:.0} requests", facts.requests);
                Answer::NotEnoughData(NotEnoughData::new(kind, &facts.scope, None, vec![missing]))
            }
            Kind::ResponseTime => slow(facts, mean, window).into(),
            _ => errors(facts, failing, window).into(),
        })
        .collect()
}

fn slow(facts: &Facts, mean: f64, window: Window) -> Recommendation {
    let labels = selector(&facts.scope);
    let of_route = facts.slowest.as_ref().filter(|route| route.share >= 0.5);
    let most = of_route
        .map_or_else(String::new, |route| format!(", {} of it in `{}`", percent(route.share), route.name));
    let saved = facts.requests * (mean - SLOW_SECONDS);
    Recommendation {
        id: id(Kind::ResponseTime, &facts.scope, None),
        kind: Kind::ResponseTime,
        severity: if mean >= SLOW_SECONDS * FAR { Severity::Critical } else { Severity::High },
        scope: facts.scope.clone(),
        sentence: format!(
            "{} takes {} to answer on average{most}: {}",
            called(&facts.scope),
            seconds(mean),
            "do the first of these that applies"
        ),
        evidence: vec![evidence(
            "increase(http_request_duration_seconds_sum) / increase(http_request_duration_seconds_count)",
            mean,
            Some(SLOW_SECONDS),
            window,
            facts.requests as usize,
        )],
        change: None,
        action: Action { steps: steps(slow_steps(facts)), ..Action::default() },
        effect: Effect::new(
            format!("users wait {} less in all at an average of {}", seconds(saved), seconds(SLOW_SECONDS)),
            "saved_seconds = requests * (mean_seconds - target_seconds)",
            [
                ("saved_seconds", saved),
                ("requests", facts.requests),
                ("mean_seconds", mean),
                ("target_seconds", SLOW_SECONDS),
            ],
        ),
        effort: if is_held_back(facts) { Effort::Low } else { Effort::High },
        confidence: Confidence::of(window.days(), 1, 1.0),
        risk: "each of these changes something else, too; do one at a time and compare".to_owned(),
        verify: Verify {
            promql: format!(
                "sum(increase(http_request_duration_seconds_sum{{{labels}}}[1d])) / sum(increase(http_request_duration_seconds_count{{{labels}}}[1d]))"
            ),
            expect: format!("under {SLOW_SECONDS:.0}"),
        },
        expires_at_ms: expiry(window),
    }
}

fn errors(facts: &Facts, failing: f64, window: Window) -> Recommendation {
    let labels = selector(&facts.scope);
    let of_route = facts.failing.as_ref().filter(|route| route.share >= 0.5);
    let most = of_route
        .map_or_else(String::new, |route| format!(", {} of them in `{}`", percent(route.share), route.name));
    let fewer = facts.requests * (failing - FAILING);
    let comma = if labels.is_empty() { "" } else { "," };
    Recommendation {
        id: id(Kind::ErrorRate, &facts.scope, None),
        kind: Kind::ErrorRate,
        severity: if failing >= FAILING * FAR { Severity::Critical } else { Severity::High },
        scope: facts.scope.clone(),
        sentence: format!(
            "{} fails {} of its requests{most}: {}",
            called(&facts.scope),
            percent(failing),
            "do the first of these that applies"
        ),
        evidence: vec![evidence(
            "increase(http_requests_total{status_code=~\"5..\"}) / increase(http_requests_total)",
            failing,
            Some(FAILING),
            window,
            facts.requests as usize,
        )],
        change: None,
        action: Action { steps: steps(error_steps(facts)), ..Action::default() },
        effect: Effect::new(
            format!("{fewer:.0} requests fewer fail at {}", percent(FAILING)),
            "fewer_requests = requests * (failed_ratio - target_ratio)",
            [
                ("fewer_requests", fewer),
                ("requests", facts.requests),
                ("failed_ratio", failing),
                ("target_ratio", FAILING),
            ],
        ),
        effort: if facts.deployed_at.is_some() { Effort::Low } else { Effort::High },
        confidence: Confidence::of(window.days(), 1, 1.0),
        risk: "going back takes back what the last version brought, too".to_owned(),
        verify: Verify {
            promql: format!(
                "sum(increase(http_requests_total{{{labels}{comma}status_code=~\"5..\"}}[1d])) / sum(increase(http_requests_total{{{labels}}}[1d]))"
            ),
            expect: format!("under {FAILING}"),
        },
        expires_at_ms: expiry(window),
    }
}

fn is_held_back(facts: &Facts) -> bool {
    facts.throttled_ratio.is_some_and(|ratio| ratio > THROTTLED)
        || facts.memory_ratio.is_some_and(|ratio| ratio > FULL)
}

/// What may be done, with whether facts point at it.
type Step = (bool, String);

/// The first four, what facts point at before what is worth a look anyhow.
fn steps(all: Vec<Step>) -> Vec<String> {
    let (pointed, others): (Vec<Step>, Vec<Step>) =
        all.into_iter().partition(|(is_pointed_at, _)| *is_pointed_at);
    pointed.into_iter().chain(others).take(STEPS).map(|(_, step)| step).collect()
}

fn slow_steps(facts: &Facts) -> Vec<Step> {
    let route = facts.slowest.as_ref();
    vec![
        beyond(facts.throttled_ratio, THROTTLED, |ratio| match ratio {
            Some(ratio) => format!("raise `cpus` of its containers: they are throttled in {} of their periods", percent(ratio)),
            None => "see whether its containers are throttled, and raise `cpus` if they are".to_owned(),
        }),
        beyond(facts.pool_ratio, FULL, |ratio| match ratio {
            Some(ratio) => format!("raise the size of its connection pool: {} of it are in use", percent(ratio)),
            None => "see whether it waits for connections of its pool, and raise its size if it does".to_owned(),
        }),
        beyond(facts.database_ratio, 0.5, |ratio| match ratio {
            Some(ratio) => format!("look at `/api/queries/slow`: calls of databases take {} of the time of its requests", percent(ratio)),
            None => "look at `/api/queries/slow` for statements of it, and give the slowest an index".to_owned(),
        }),
        (
            route.is_some_and(|route| route.share >= 0.5),
            route.map_or_else(
                || "see which route is slowest, and profile it first".to_owned(),
                |route| format!("profile `{}` first: it takes {} on average and {} of all time", route.name, seconds(route.value), percent(route.share)),
            ),
        ),
        beyond(facts.memory_ratio, FULL, |ratio| match ratio {
            Some(ratio) => format!("raise `mem_limit` of its containers: {} of it are in use", percent(ratio)),
            None => "see whether its containers are near their limit of memory".to_owned(),
        }),
        (
            facts.deployed_at.is_some(),
            "compare before and after the last deploy with `dockmeter report compare`, and go back if it became slower".to_owned(),
        ),
    ]
}

fn error_steps(facts: &Facts) -> Vec<Step> {
    let route = facts.failing.as_ref();
    vec![
        (
            facts.deployed_at.is_some(),
            "compare before and after the last deploy with `dockmeter report compare`, and go back if failures began with it".to_owned(),
        ),
        (
            facts.restarts > 0,
            match facts.restarts {
                0 => "see whether its containers restart, and why".to_owned(),
                restarts => format!("see why its containers ended {restarts} times in this time, for want of memory first"),
            },
        ),
        beyond(facts.pool_ratio, FULL, |ratio| match ratio {
            Some(ratio) => format!("raise the size of its connection pool: {} of it are in use", percent(ratio)),
            None => "see whether its databases and what else it calls answer".to_owned(),
        }),
        (
            route.is_some(),
            route.map_or_else(
                || "see which route fails, and mend that first".to_owned(),
                |route| format!("mend `{}` first: it fails {} of its requests and has {} of all failures", route.name, percent(route.value), percent(route.share)),
            ),
        ),
        (false, "read the service's log at the time of the failures (`/api/containers/{id}/logs?grep=error`)".to_owned()),
    ]
}

/// A step that is pointed at where a ratio is known and beyond a bound; one that is known and is
/// not comes without its number.
fn beyond(ratio: Option<f64>, bound: f64, words: impl Fn(Option<f64>) -> String) -> Step {
    let above = ratio.filter(|ratio| *ratio > bound);
    (above.is_some(), words(above))
}
