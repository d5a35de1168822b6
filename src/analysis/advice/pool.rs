//! Pools of connections that are too small.

use super::super::finding::{Scope, Severity, Window};
use super::super::recommendation::{
    Action, Answer, Change, Confidence, Effect, Effort, Kind, NotEnoughData, Recommendation, Verify, expiry,
    id,
};
use super::super::series::Series;
use super::super::statistics::order::quantile;
use super::super::words::{called, counted, percent, quoted, selector};
use super::evidence;

/// A pool is nearly used up from this share of its connections on.
pub const FULL: f64 = 0.8;

/// For so long it has to be, so that a burst is none: two steps of five minutes.
const LASTING_STEPS: usize = 2;

/// Samples are joined to medians of so long.
const STEP_MS: i64 = 300_000;

/// So many medians are an hour.
const LEAST_STEPS: usize = 12;

/// What is busy nearly all the time.
const NEARLY_ALL: f64 = 0.99;

/// What is known of a pool.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose it is.
    pub scope: Scope,
    /// `db_client_connection_pool_name`.
    pub pool: String,
    /// `db_connections_active`.
    pub active: Series,
    /// `db_connections_pending`.
    pub waiting: Series,
    /// `db_connections_max`.
    pub most: f64,
    /// What the server has left beside this pool: `pg_settings_max_connections` less reserved ones
    /// less what others use. `None` if it is not known.
    pub left_on_server: Option<f64>,
    /// The time between two samples.
    pub step_ms: i64,
}

impl Facts {
    /// Its name in a sentence; under classic names the pools of a program are one, and have none.
    fn called(&self) -> String {
        let name = if self.pool.is_empty() { String::new() } else { format!(" `{}`", self.pool) };
        format!("the pool{name} of {}", called(&self.scope))
    }
}

/// A size for a pool that is used up or waited for.
pub fn recommend(facts: &Facts) -> Option<Answer> {
    let (active, waiting) = (facts.active.medians(STEP_MS), facts.waiting.medians(STEP_MS));
    let mut missing = Vec::new();
    if active.points().len() < LEAST_STEPS {
        let samples = active.points().len();
        missing.push(format!("{samples} of {LEAST_STEPS} steps of 5 min of `db_connections_active`"));
    }
    if !facts.most.is_finite() || facts.most < 1.0 {
        missing.push("the pool's size (`db_connections_max`)".to_owned());
    }
    if !missing.is_empty() {
        let answer = NotEnoughData::new(Kind::PoolSize, &facts.scope, Some(&facts.pool), missing);
        return Some(Answer::NotEnoughData(answer));
    }
    let used = lasting(&active) / facts.most;
    let waiters = lasting(&waiting);
    (used > FULL || waiters > 0.0).then(|| made(facts, used, waiters).into())
}

/// What it was at least for [`LASTING_STEPS`] in a row, at most.
fn lasting(medians: &Series) -> f64 {
    let runs = medians.points().windows(LASTING_STEPS).filter(|run| {
        let (first, last) = (run.first().map_or(0, |p| p.0), run.last().map_or(0, |p| p.0));
        last - first <= STEP_MS * (LASTING_STEPS as i64 - 1)
    });
    let lows = runs.filter_map(|run| run.iter().map(|(_, value)| *value).min_by(f64::total_cmp));
    lows.max_by(f64::total_cmp).unwrap_or(0.0)
}

fn made(facts: &Facts, used: f64, waiters: f64) -> Recommendation {
    let busy = quantile(&facts.active.values(), NEARLY_ALL).unwrap_or_default();
    let waiting = quantile(&facts.waiting.values(), NEARLY_ALL).unwrap_or_default();
    // At least one more: who waits or is nearly out of connections is not helped by the same.
    let wanted = ((busy + waiting) / FULL).ceil().max(facts.most + 1.0);
    let has_room = facts.left_on_server.is_none_or(|left| wanted - facts.most <= left);
    let points = facts.active.points();
    let window = Window {
        from: points.first().map_or(0, |first| first.0),
        to: points.last().map_or(0, |last| last.0),
    };
    let (from, to) = (facts.most, wanted);
    let state = match waiters {
        waiters if waiters > 0.0 => {
            format!("has {} waiting for a connection", counted(waiters.ceil() as usize, "caller"))
        }
        _ => format!("has used {} of its {from:.0} connections", percent(used)),
    };
    let what = match has_room {
        true => format!("raise its size from {from:.0} to {to:.0}"),
        false => format!("shorten what holds connections, since the server has none left for {to:.0}"),
    };
    let labels =
        format!("{},db_client_connection_pool_name=\"{}\"", selector(&facts.scope), quoted(&facts.pool));
    let labels = labels.trim_start_matches(',');
    let expected = (window.to - window.from) as f64 / facts.step_ms.max(1) as f64 + 1.0;
    Recommendation {
        id: id(Kind::PoolSize, &facts.scope, Some(&facts.pool)),
        kind: Kind::PoolSize,
        severity: if waiters > 0.0 { Severity::High } else { Severity::Medium },
        scope: facts.scope.clone(),
        sentence: format!("{} {state}: {what}", facts.called()),
        evidence: vec![
            evidence("db_connections_active / db_connections_max", used, Some(FULL), window, points.len()),
            evidence("db_connections_pending", waiters, Some(0.0), window, facts.waiting.points().len()),
        ],
        change: has_room.then_some(Change::PoolSize { from_connections: Some(from), to_connections: to }),
        action: action(facts, has_room, to),
        effect: Effect::new(
            format!("the pool is at most {} used by what was seen", percent((busy + waiting) / to)),
            "proposed_connections = max((p99_active + p99_waiting) / 0.8, size_connections + 1), rounded up",
            [
                ("proposed_connections", to),
                ("p99_active", busy),
                ("p99_waiting", waiting),
                ("size_connections", from),
            ],
        ),
        effort: Effort::Medium,
        confidence: Confidence::of(window.days(), points.len(), expected),
        risk: "each connection takes memory of the database server, and more at once may make each slower"
            .to_owned(),
        verify: Verify {
            promql: format!("sum(max_over_time(db_connections_pending{{{labels}}}[1d]))"),
            expect: "0 but for bursts; `db_connections_active` by `db_connections_max` under 0.8".to_owned(),
        },
        expires_at_ms: expiry(window),
    }
}

fn action(facts: &Facts, has_room: bool, to: f64) -> Action {
    let grow = format!("set the most connections of {} to {to:.0}", facts.called());
    let shorten =
        "give connections back before calling anything else, and look for transactions that stay open";
    let steps = match has_room {
        true => vec![grow, shorten.to_owned()],
        false => vec![
            shorten.to_owned(),
            "raise `max_connections` of the server, or put a pooler such as PgBouncer before it".to_owned(),
            grow,
        ],
    };
    let place = Some("where the program makes the pool".to_owned());
    Action { steps, place, ..Action::default() }
}
