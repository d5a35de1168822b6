//! The limit of memory: above all that was ever held, since beyond it there is no slower, only an
//! end.

use super::super::finding::{Evidence, Severity};
use super::super::recommendation::{
    Answer, Change, Effect, Effort, Kind, Recommendation, Verify, expiry, id,
};
use super::super::words::{called, counted, docker_size, percent, selector, size};
use super::{Facts, MARGIN, Seen, action, is_change, none, reservation, severity, up_to};

const MIB: f64 = 1_048_576.0;

/// After a kill it gets so much of the limit that it died at (krr's `memory_oom_buffer`).
const AFTER_KILL: f64 = 1.25;

/// Docker takes no less than 6 MiB; a health check or an `exec` of ten more must fit beside it.
pub const LEAST_BYTES: f64 = 16.0 * MIB;

/// From this share of the limit on the next burst may be the end.
const NEAR: f64 = 0.8;

/// Differences in bytes from which one matters (krr, in its decimal megabytes).
pub(super) const SIZES: [f64; 3] = [100e6, 250e6, 500e6];

pub(super) const METRIC: &str = "container_memory_working_set_bytes";

/// A limit to set, to raise or to lower, if there is one.
pub fn limit(facts: &Facts) -> Option<Answer> {
    let seen = match Seen::of(&facts.memory_bytes, facts.step_ms, METRIC) {
        Ok(seen) => seen,
        Err(missing) => return Some(none(Kind::MemoryLimit, facts, missing)),
    };
    if !facts.host.memory_bytes.is_finite() || facts.host.memory_bytes < seen.peak().max(LEAST_BYTES) {
        let missing = "a size of the host (`machine_memory_bytes`) that holds what was seen";
        return Some(none(Kind::MemoryLimit, facts, vec![missing.to_owned()]));
    }
    let proposed = needed(facts, &seen);
    let answer = match facts.limits.memory_bytes.filter(|limit| *limit > 0.0) {
        None => Some(first(facts, &seen, proposed)),
        Some(limit) if !is_change(limit, proposed) => None,
        Some(limit) if proposed > limit => Some(raise(facts, &seen, limit, proposed)),
        Some(limit) => lower(facts, &seen, limit, proposed),
    };
    answer.map(Into::into)
}

/// The highest limit that it was killed at; of a kill whose limit is not known, that of now.
fn killed_at(facts: &Facts) -> Option<f64> {
    let limits = facts.out_of_memory.iter().filter_map(|kill| kill.limit_bytes.or(facts.limits.memory_bytes));
    limits.filter(|limit| limit.is_finite() && *limit > 0.0).max_by(f64::total_cmp)
}

fn needed(facts: &Facts, seen: &Seen) -> f64 {
    let after_kill = killed_at(facts).map_or(0.0, |limit| limit * AFTER_KILL);
    stepped((seen.peak() * MARGIN).max(after_kill), facts.host.memory_bytes)
}

/// In steps that a person would write, within what the host has.
pub(super) fn stepped(wanted: f64, most: f64) -> f64 {
    let step = match wanted {
        wanted if wanted < 256.0 * MIB => 4.0 * MIB,
        wanted if wanted < 1024.0 * MIB => 16.0 * MIB,
        _ => 64.0 * MIB,
    };
    up_to(wanted, step).max(LEAST_BYTES).min(most)
}

const FORMULA: &str =
    "proposed_bytes = max(peak_bytes * 1.15, 1.25 * limit_at_kill_bytes), rounded up, within the host";

fn numbers(facts: &Facts, seen: &Seen, proposed: f64) -> Vec<(&'static str, f64)> {
    let mut numbers = vec![("peak_bytes", seen.peak()), ("proposed_bytes", proposed)];
    numbers.extend(killed_at(facts).map(|limit| ("limit_at_kill_bytes", limit)));
    numbers.extend(facts.limits.memory_bytes.map(|limit| ("limit_bytes", limit)));
    numbers
}

fn first(facts: &Facts, seen: &Seen, proposed: f64) -> Recommendation {
    let sentence = format!(
        "{} may take all {} of the host's memory and has taken {} at most: set a limit of {} first",
        called(&facts.scope),
        size(facts.host.memory_bytes),
        size(seen.peak()),
        size(proposed),
    );
    let mut numbers = numbers(facts, seen, proposed);
    numbers.push(("host_bytes", facts.host.memory_bytes));
    let kept = facts.host.memory_bytes - proposed;
    numbers.push(("kept_bytes", kept));
    let effect = Effect::new(
        format!("a leak ends at {}, and its neighbours keep {}", size(proposed), size(kept)),
        format!("kept_bytes = host_bytes - proposed_bytes; {FORMULA}"),
        numbers,
    );
    made(facts, seen, None, proposed, Severity::Medium, sentence, effect)
}

fn raise(facts: &Facts, seen: &Seen, limit: f64, proposed: f64) -> Recommendation {
    let kills = facts.out_of_memory.len();
    let share = seen.peak() / limit;
    let why = match killed_at(facts) {
        Some(killed) => {
            format!("was killed {} for want of memory, at {}", counted(kills, "time"), size(killed))
        }
        None => format!("has taken {} of its {} of memory", percent(share), size(limit)),
    };
    let sentence = format!("{} {why}: raise the limit to {}", called(&facts.scope), size(proposed));
    let mut numbers = numbers(facts, seen, proposed);
    numbers.push(("room_bytes", proposed - seen.peak()));
    let effect = Effect::new(
        format!("leaves {} above the highest use seen", size(proposed - seen.peak())),
        format!("room_bytes = proposed_bytes - peak_bytes; {FORMULA}"),
        numbers,
    );
    let notable = match kills {
        0 if share >= NEAR => Severity::Medium,
        0 => Severity::Low,
        _ => Severity::Critical,
    };
    let severity = notable.max(severity(proposed - limit, SIZES).unwrap_or(Severity::Low));
    made(facts, seen, Some(limit), proposed, severity, sentence, effect)
}

fn lower(facts: &Facts, seen: &Seen, limit: f64, proposed: f64) -> Option<Recommendation> {
    let freed = limit - proposed;
    let severity = severity(freed, SIZES)?;
    let sentence = format!(
        "{} may take {} of memory and has taken {} at most: lower its limit to {}",
        called(&facts.scope),
        size(limit),
        size(seen.peak()),
        size(proposed),
    );
    let mut numbers = numbers(facts, seen, proposed);
    numbers.push(("freed_bytes", freed));
    let effect = Effect::new(
        format!("frees {}", size(freed)),
        format!("freed_bytes = limit_bytes - proposed_bytes; {FORMULA}"),
        numbers,
    );
    Some(made(facts, seen, Some(limit), proposed, severity, sentence, effect))
}

/// Compose lines and flags. Docker refuses a reservation above the limit, and a limit above that
/// of memory and swap together, which is twice the limit where nothing else is said, as here.
fn settings(facts: &Facts, to: f64) -> (Vec<String>, String) {
    let mut lines = vec![format!("mem_limit: {}", docker_size(to))];
    let mut flags = format!("--memory {} --memory-swap {}", docker_size(to), docker_size(to * 2.0));
    if facts.limits.memory_reserved_bytes.is_some_and(|reserved| reserved > to) {
        let reserved = docker_size(reservation::memory_needed(facts, to).unwrap_or(to));
        lines.push(format!("mem_reservation: {reserved}"));
        flags = format!("{flags} --memory-reservation {reserved}");
    }
    (lines, flags)
}

fn risk(facts: &Facts, is_raise: bool) -> String {
    let mut risk = match is_raise {
        true => "if it leaks, it only ends later; look whether it grows without an end".to_owned(),
        false => "a use that this time has not seen, as of a yearly report, would end in a kill".to_owned(),
    };
    if facts.restarts > 0 {
        let times = counted(usize::try_from(facts.restarts).unwrap_or(usize::MAX), "time");
        risk =
            format!("{risk}; it restarted {times}, so it may not have grown to its full size: see why first");
    }
    risk
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
    let (lines, flags) = settings(facts, to);
    let mut evidence = vec![seen.evidence(format!("max({METRIC})"), seen.peak(), from)];
    if !facts.out_of_memory.is_empty() {
        let kills = facts.out_of_memory.len();
        evidence.push(Evidence {
            metric: "increase(container_oom_events_total)".to_owned(),
            value: kills as f64,
            threshold: Some(0.0),
            window: seen.window,
            samples: kills,
        });
    }
    let expected = seen.peak() / to;
    Recommendation {
        id: id(Kind::MemoryLimit, &facts.scope, None),
        kind: Kind::MemoryLimit,
        severity,
        scope: facts.scope.clone(),
        sentence,
        evidence,
        change: Some(Change::MemoryLimit { from_bytes: from, to_bytes: to }),
        action: action(facts, format!("set `mem_limit` to {}", docker_size(to)), lines, Some(flags)),
        effect,
        effort: Effort::Low,
        confidence: seen.confidence.clone(),
        risk: risk(facts, from.is_some_and(|from| to > from)),
        verify: Verify {
            promql: format!(
                "max(max_over_time({METRIC}{{{labels}}}[1d])) / max(container_spec_memory_limit_bytes{{{labels}}} > 0)"
            ),
            expect: format!(
                "about {expected:.2}, and under 0.95; `container_oom_events_total` does not grow"
            ),
        },
        expires_at_ms: expiry(seen.window),
    }
}
