//! What a container has set aside for itself, where it has set something aside: what it needs most
//! of the time. The bill counts the larger of used and reserved.

use super::super::finding::Severity;
use super::super::recommendation::{
    Action, Answer, Change, Effect, Effort, Kind, Recommendation, Verify, expiry, id,
};
use super::super::words::{called, cores, docker_cores, docker_size, selector, size};
use super::{Facts, MARGIN, Seen, action, cpu, is_change, memory, severity};

/// What is enough in so many of ten steps: the Vertical Pod Autoscaler's target.
const MOSTLY: f64 = 0.9;

/// Another reservation of cores, if there is one that is not what is needed. Nothing where there
/// is too little data, which the answer about the limit has said.
pub fn cpu(facts: &Facts) -> Option<Answer> {
    let reserved = facts.limits.cpu_reserved_cores.filter(|reserved| *reserved > 0.0)?;
    let seen = Seen::of(&facts.cpu_cores, facts.step_ms, cpu::METRIC).ok()?;
    let most = facts.limits.cpu_cores.unwrap_or(f64::INFINITY).min(facts.host.cores);
    let used = seen.quantile(MOSTLY);
    let proposed = cpu::stepped(used * MARGIN, most);
    // What a throttled container uses is less than what it needs.
    let is_throttled = facts.throttled_ratio.is_some_and(|ratio| ratio > cpu::THROTTLED);
    if !is_change(reserved, proposed) || (is_throttled && proposed < reserved) {
        return None;
    }
    let difference = reserved - proposed;
    let matters = severity(difference, cpu::SIZES)?;
    let number = docker_cores(proposed);
    let step = format!("set the label `dockmeter.cpu.reservation` to {number}");
    let lines = vec!["labels:".to_owned(), format!("  dockmeter.cpu.reservation: \"{number}\"")];
    let effect = Effect::new(
        freed(difference, cores),
        "freed_cores = reserved_cores - proposed_cores; proposed_cores = p90_cores * 1.15, rounded up, within the limit",
        [
            ("freed_cores", difference),
            ("reserved_cores", reserved),
            ("proposed_cores", proposed),
            ("p90_cores", used),
        ],
    );
    let sentence = sentence(facts, &cores(reserved), &cores(used), &cores(proposed));
    let change = Change::CpuReservation { from_cores: Some(reserved), to_cores: proposed };
    let promql = format!(
        "quantile_over_time(0.9, sum(rate({}{{{}}}[5m]))[1d:5m]) / {number}",
        cpu::METRIC,
        selector(&facts.scope)
    );
    let evidence = (format!("quantile(0.9, rate({}))", cpu::METRIC), used, reserved);
    let action = action(facts, step, lines, None);
    Some(made(
        facts,
        &seen,
        Kind::CpuReservation,
        matters,
        sentence,
        evidence,
        change,
        action,
        effect,
        promql,
    ))
}

/// Another reservation of memory; see [`cpu()`].
pub fn memory(facts: &Facts) -> Option<Answer> {
    let reserved = facts.limits.memory_reserved_bytes.filter(|reserved| *reserved > 0.0)?;
    let seen = Seen::of(&facts.memory_bytes, facts.step_ms, memory::METRIC).ok()?;
    let most = facts.limits.memory_bytes.unwrap_or(f64::INFINITY).min(facts.host.memory_bytes);
    let proposed = memory_needed(facts, most)?;
    let used = seen.quantile(MOSTLY);
    if !is_change(reserved, proposed) {
        return None;
    }
    let difference = reserved - proposed;
    let matters = severity(difference, memory::SIZES)?;
    let number = docker_size(proposed);
    let step = format!("set `mem_reservation` to {number}");
    let effect = Effect::new(
        freed(difference, size),
        "freed_bytes = reserved_bytes - proposed_bytes; proposed_bytes = p90_bytes * 1.15, rounded up, within the limit",
        [
            ("freed_bytes", difference),
            ("reserved_bytes", reserved),
            ("proposed_bytes", proposed),
            ("p90_bytes", used),
        ],
    );
    let sentence = sentence(facts, &size(reserved), &size(used), &size(proposed));
    let change = Change::MemoryReservation { from_bytes: Some(reserved), to_bytes: proposed };
    let promql = format!(
        "max(quantile_over_time(0.9, {}{{{}}}[1d])) / {proposed:.0}",
        memory::METRIC,
        selector(&facts.scope)
    );
    let evidence = (format!("quantile(0.9, {})", memory::METRIC), used, reserved);
    let lines = vec![format!("mem_reservation: {number}")];
    let action = action(facts, step, lines, Some(format!("--memory-reservation {number}")));
    Some(made(
        facts,
        &seen,
        Kind::MemoryReservation,
        matters,
        sentence,
        evidence,
        change,
        action,
        effect,
        promql,
    ))
}

/// The reservation of memory that would do, at most so much.
pub(super) fn memory_needed(facts: &Facts, most: f64) -> Option<f64> {
    let seen = Seen::of(&facts.memory_bytes, facts.step_ms, memory::METRIC).ok()?;
    Some(memory::stepped(seen.quantile(MOSTLY) * MARGIN, most))
}

fn freed(difference: f64, words: fn(f64) -> String) -> String {
    let verb = if difference > 0.0 { "frees" } else { "sets aside" };
    format!("{verb} {}", words(difference.abs()))
}

fn sentence(facts: &Facts, reserved: &str, used: &str, proposed: &str) -> String {
    let who = called(&facts.scope);
    format!("{who} has {reserved} set aside and mostly needs {used}: set aside {proposed}")
}

#[expect(clippy::too_many_arguments, reason = "each is another field of what is made")]
fn made(
    facts: &Facts,
    seen: &Seen,
    kind: Kind,
    severity: Severity,
    sentence: String,
    (metric, value, threshold): (String, f64, f64),
    change: Change,
    action: Action,
    effect: Effect,
    promql: String,
) -> Answer {
    let recommendation = Recommendation {
        id: id(kind, &facts.scope, None),
        kind,
        severity,
        scope: facts.scope.clone(),
        sentence,
        evidence: vec![seen.evidence(metric, value, Some(threshold))],
        change: Some(change),
        action,
        effect,
        effort: Effort::Low,
        confidence: seen.confidence.clone(),
        risk: "when the host runs short, what is beyond a reservation of memory is taken back first"
            .to_owned(),
        verify: Verify { promql, expect: format!("about {:.2}, and at most 1", 1.0 / MARGIN) },
        expires_at_ms: expiry(seen.window),
    };
    recommendation.into()
}
