//! The limit of cores: high enough for nearly all of the time, and never what has been in the way.

use super::super::finding::Severity;
use super::super::recommendation::{
    Answer, Change, Effect, Effort, Kind, Recommendation, Verify, expiry, id,
};
use super::super::words::{called, cores, docker_cores, percent, selector};
use super::{Facts, MARGIN, Seen, action, is_change, none, severity, up_to};

/// Of what a step uses; krr and the Vertical Pod Autoscaler take the same.
const TYPICAL: f64 = 0.95;

/// The limit is not below this either, so that at most one step of a hundred is held back, far
/// less than what counts as throttled: else the next look would take back what this one says.
const NEARLY_ALL: f64 = 0.99;

/// From this share of throttled periods on, use says nothing of demand.
pub const THROTTLED: f64 = 0.05;

/// From this share on its users notice: the alert `ContainerCpuThrottledAtTimes`.
const THROTTLED_MUCH: f64 = 0.25;

/// A throttled container gets at least so much more.
const LEAST_RAISE: f64 = 1.25;

/// What the Vertical Pod Autoscaler proposes at least, 25 m, as a step of ours; Docker takes 0.01.
const LEAST_CORES: f64 = 0.05;

/// Differences in cores from which one matters (krr).
pub(super) const SIZES: [f64; 3] = [0.1, 0.25, 0.5];

pub(super) const METRIC: &str = "container_cpu_usage_seconds_total";
const THROTTLED_METRIC: &str =
    "increase(container_cpu_cfs_throttled_periods_total) / increase(container_cpu_cfs_periods_total)";

/// A limit to set, to raise or to lower, if there is one.
pub fn limit(facts: &Facts) -> Option<Answer> {
    let seen = match Seen::of(&facts.cpu_cores, facts.step_ms, METRIC) {
        Ok(seen) => seen,
        Err(missing) => return Some(none(Kind::CpuLimit, facts, missing)),
    };
    if !facts.host.cores.is_finite() || facts.host.cores < LEAST_CORES {
        return Some(none(Kind::CpuLimit, facts, vec!["the host's cores (`machine_cpu_cores`)".to_owned()]));
    }
    match facts.limits.cpu_cores.filter(|limit| *limit > 0.0) {
        None => Some(first(facts, &seen).into()),
        Some(limit) => match facts.throttled_ratio {
            Some(throttled) if throttled > THROTTLED => raise(facts, &seen, limit, throttled).map(Into::into),
            Some(_) => fit(facts, &seen, limit).map(Into::into),
            None if is_change(limit, needed(facts, &seen)) => {
                let missing = "the share of throttled periods (`container_cpu_cfs_periods_total`), without which use is not demand";
                Some(none(Kind::CpuLimit, facts, vec![missing.to_owned()]))
            }
            None => None,
        },
    }
}

/// What it needs where nothing was in its way.
pub(super) fn needed(facts: &Facts, seen: &Seen) -> f64 {
    let wanted = (seen.quantile(TYPICAL) * MARGIN).max(seen.quantile(NEARLY_ALL));
    stepped(wanted, facts.host.cores)
}

/// In steps that a person would write, within what the host has.
pub(super) fn stepped(wanted: f64, most: f64) -> f64 {
    let step = match wanted {
        wanted if wanted < 1.0 => 0.05,
        wanted if wanted < 4.0 => 0.1,
        _ => 0.5,
    };
    let hundredths = up_to(wanted, step).max(LEAST_CORES) * 100.0;
    (hundredths.round() / 100.0).min(most)
}

/// Where there is no limit.
fn first(facts: &Facts, seen: &Seen) -> Recommendation {
    let proposed = needed(facts, seen);
    let sentence = format!(
        "{} may use all {} of the host and needs {} nearly always: set a limit of {} first",
        called(&facts.scope),
        cores(facts.host.cores),
        cores(seen.quantile(TYPICAL)),
        cores(proposed),
    );
    let effect = Effect::new(
        format!("its neighbours keep {} whatever it does", cores(facts.host.cores - proposed)),
        "kept_cores = host_cores - limit_cores; limit_cores = max(p95_cores * 1.15, p99_cores), rounded up",
        [
            ("kept_cores", facts.host.cores - proposed),
            ("host_cores", facts.host.cores),
            ("limit_cores", proposed),
            ("p95_cores", seen.quantile(TYPICAL)),
            ("p99_cores", seen.quantile(NEARLY_ALL)),
        ],
    );
    made(facts, seen, None, proposed, Severity::Low, sentence, effect)
}

/// Where its limit holds it back.
fn raise(facts: &Facts, seen: &Seen, limit: f64, throttled: f64) -> Option<Recommendation> {
    let throttled = throttled.min(1.0);
    let demand = seen.quantile(NEARLY_ALL) * (1.0 + throttled);
    let proposed = stepped(demand.max(limit * LEAST_RAISE), facts.host.cores);
    if proposed <= limit || !is_change(limit, proposed) {
        return None;
    }
    let sentence = format!(
        "{} is held back by its limit of {} in {} of the time it may run in: raise it to {}",
        called(&facts.scope),
        cores(limit),
        percent(throttled),
        cores(proposed),
    );
    let effect = Effect::new(
        format!("throttled periods fall from {} to under {}", percent(throttled), percent(THROTTLED)),
        "proposed_cores = max(p99_cores * (1 + throttled_ratio), 1.25 * limit_cores), rounded up, within the host",
        [
            ("proposed_cores", proposed),
            ("p99_cores", seen.quantile(NEARLY_ALL)),
            ("throttled_ratio", throttled),
            ("limit_cores", limit),
        ],
    );
    let notable = if throttled > THROTTLED_MUCH { Severity::High } else { Severity::Medium };
    let severity = notable.max(severity(proposed - limit, SIZES).unwrap_or(Severity::Low));
    let mut made = made(facts, seen, Some(limit), proposed, severity, sentence, effect);
    made.evidence.insert(0, seen.evidence(THROTTLED_METRIC, throttled, Some(THROTTLED)));
    Some(made)
}

/// Where nothing holds it back, the limit may be too large, or so near that it soon will be.
fn fit(facts: &Facts, seen: &Seen, limit: f64) -> Option<Recommendation> {
    let proposed = needed(facts, seen);
    let difference = limit - proposed;
    if !is_change(limit, proposed) {
        return None;
    }
    let (severity, verb) = if difference > 0.0 {
        (severity(difference, SIZES)?, "lower")
    } else {
        (severity(difference, SIZES).unwrap_or(Severity::Low), "raise")
    };
    let sentence = format!(
        "{} may use {} and needs {} nearly always: {verb} its limit to {}",
        called(&facts.scope),
        cores(limit),
        cores(seen.quantile(TYPICAL)),
        cores(proposed),
    );
    let what = if difference > 0.0 { "frees" } else { "gives it" };
    let effect = Effect::new(
        format!("{what} {}", cores(difference.abs())),
        "freed_cores = limit_cores - proposed_cores; proposed_cores = max(p95_cores * 1.15, p99_cores), rounded up",
        [
            ("freed_cores", difference),
            ("limit_cores", limit),
            ("proposed_cores", proposed),
            ("p95_cores", seen.quantile(TYPICAL)),
            ("p99_cores", seen.quantile(NEARLY_ALL)),
        ],
    );
    Some(made(facts, seen, Some(limit), proposed, severity, sentence, effect))
}

fn made(
    facts: &Facts,
    seen: &Seen,
    from: Option<f64>,
    to: f64,
    severity: Severity,
    sentence: String,
    effect: Effect,
) -> Recommendation {
    let labels = selector(&facts.scope);
    let number = docker_cores(to);
    Recommendation {
        id: id(Kind::CpuLimit, &facts.scope, None),
        kind: Kind::CpuLimit,
        severity,
        scope: facts.scope.clone(),
        sentence,
        evidence: vec![
            seen.evidence(format!("quantile(0.95, rate({METRIC}))"), seen.quantile(TYPICAL), from),
            seen.evidence(format!("quantile(0.99, rate({METRIC}))"), seen.quantile(NEARLY_ALL), from),
        ],
        change: Some(Change::CpuLimit { from_cores: from, to_cores: to }),
        action: action(
            facts,
            format!("set `cpus` to {number}"),
            vec![format!("cpus: {number}")],
            Some(format!("--cpus {number}")),
        ),
        effect,
        effort: Effort::Low,
        confidence: seen.confidence.clone(),
        risk: if from.is_none_or(|from| to < from) {
            "work that needs more for longer than in this time would be held back; the query below shows it"
                .to_owned()
        } else {
            "its neighbours have less left when it is busy".to_owned()
        },
        verify: Verify {
            promql: format!(
                "sum(increase(container_cpu_cfs_throttled_periods_total{{{labels}}}[1d])) / sum(increase(container_cpu_cfs_periods_total{{{labels}}}[1d]))"
            ),
            expect: format!("under {THROTTLED}"),
        },
        expires_at_ms: expiry(seen.window),
    }
}
