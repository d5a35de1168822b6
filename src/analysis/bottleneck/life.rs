//! Memory that leaks, kills for want of it, and containers that do not stay up.

use super::super::finding::{Severity, Window};
use super::super::series::Series;
use super::super::trend::{Reach, Rule, leak};
use super::super::words::{called, counted, percent, seconds, size};
use super::excess::Excess;
use super::facts::{Container, Event, EventKind, Facts};
use super::{Candidate, Concerns, Kind, NEAR_MS, Tier, of_whom};

const MINUTE_MS: i64 = 60_000;
const DAY_S: f64 = 86_400.0;
const HOUR_MS: f64 = 3_600_000.0;

/// A program is at its full size within so long, mostly; what grows later is told sooner or later.
const WARMING_MS: i64 = 120_000;

/// A leak has added so much of the limit, or of what it was without one.
const LEAST_GROWTH: f64 = 0.1;

/// And so many bytes.
const LEAST_BYTES: f64 = 8.0 * 1_048_576.0;

/// In its later half it grows at least so fast, by the earlier one: what has warmed up does not.
const GOES_ON: f64 = 0.5;

/// How sure it must be: of each of many containers it is asked again and again.
const SIGNIFICANT: f64 = 0.01;

/// What reaches its limit within so long has to be looked at, and now.
const SOON_DAYS: f64 = 1.0;
const VERY_SOON_DAYS: f64 = 1.0 / 24.0;

/// What has begun to grow just now is looked at for so long.
const RECENT_MS: i64 = 10 * MINUTE_MS;

/// So many starts, none longer after the one before it, are a loop.
const LOOP_STARTS: usize = 3;
const APART_MS: i64 = 15 * MINUTE_MS;

/// All of them.
pub(super) fn candidates(facts: &Facts) -> Vec<Candidate> {
    let of = |container| [leaking(facts, container), killed(facts, container), looping(facts, container)];
    facts.containers.iter().flat_map(of).flatten().collect()
}

fn candidate(container: &Container, kind: Kind, excess: Excess, saturation: &Series) -> Candidate {
    Candidate {
        kind,
        tier: Tier::Saturation,
        scope: container.scope.clone(),
        subject: None,
        metric: String::new(),
        words: size,
        excess,
        saturation: saturation.clone(),
        concerns: Concerns::Tenant,
        sentence: String::new(),
        next_step: String::new(),
    }
}

/// What happened to a container, by time.
fn events<'f>(
    facts: &'f Facts,
    container: &'f Container,
    counts: fn(EventKind) -> bool,
) -> impl DoubleEndedIterator<Item = &'f Event> + Clone {
    facts.events.iter().filter(move |event| event.scope == container.scope && counts(event.kind))
}

fn is_start(kind: EventKind) -> bool {
    matches!(kind, EventKind::Start | EventKind::Deploy | EventKind::Restart)
}

/// Memory that no cache holds and that grows without an end, towards a limit within days. What has
/// begun to grow just now is lost in hours that were level; it is told where it ends within the hour.
fn leaking(facts: &Facts, container: &Container) -> Option<Candidate> {
    let started = events(facts, container, is_start).map(|event| event.at + WARMING_MS).max();
    let lowest = container.rss_bytes.between(started.unwrap_or(i64::MIN), i64::MAX).minima(MINUTE_MS);
    let (last, _) = *lowest.points().last()?;
    growing(facts, container, &lowest).or_else(|| {
        let recent = growing(facts, container, &lowest.between(last - RECENT_MS, last));
        recent.filter(|found| found.excess.severity >= Severity::High)
    })
}

/// The same of the lowest values of some minutes.
fn growing(facts: &Facts, container: &Container, lowest: &Series) -> Option<Candidate> {
    let memory = &container.rss_bytes;
    let rule = Rule { significance: SIGNIFICANT, ..Rule::default() };
    let whole = leak(lowest, &[], MINUTE_MS, rule)?;
    let ((first, from), (last, to)) = (*lowest.points().first()?, *lowest.points().last()?);
    let limit = container.memory_limit_bytes;
    let least = (LEAST_GROWTH * limit.unwrap_or(from)).max(LEAST_BYTES);
    let hours = (last - first) as f64 / HOUR_MS;
    if to - from < least || !goes_on(lowest) || facts.now - last > NEAR_MS {
        return None;
    }
    let reach = limit.and_then(|limit| whole.reaches(limit));
    let severity = severity(reach)?;
    let per_hour = whole.per_day.map_or(0.0, |slope| slope.slope / 24.0);
    let excess = Excess {
        severity,
        value: per_hour,
        threshold: least / hours,
        window: Window { from: first - MINUTE_MS, to: last },
        samples: memory.between(first - MINUTE_MS, last).points().len(),
    };
    let end = match reach {
        Some(Reach::Now) => ", has reached its limit,".to_owned(),
        Some(Reach::Days { days, .. }) => {
            format!(", reaches its limit in {} if it goes on so,", seconds(days * DAY_S))
        }
        _ => String::new(),
    };
    let who = called(&container.scope);
    let sentence = format!(
        "memory of {who} may leak: it holds {} instead of {}, and grows by {} an hour{end}",
        size(to),
        size(from),
        size(per_hour)
    );
    Some(Candidate {
        metric: of_whom("deriv(container_memory_rss{@}[30m]) * 3600", &container.scope, &[]),
        sentence,
        next_step: "take a profile of its heap now and in ten minutes, and look at what has grown; until it is mended, a restart gives back what it holds".to_owned(),
        ..candidate(container, Kind::MemoryLeak, excess, memory)
    })
}

/// Whether the later half grows as the earlier one does.
fn goes_on(lowest: &Series) -> bool {
    let points = lowest.points();
    let (earlier, later) = points.split_at(points.len() / 2);
    let rate = |half: &[(i64, f64)]| {
        let ((first, from), (last, to)) = (*half.first()?, *half.last()?);
        Some((to - from) / (last - first).max(1) as f64)
    };
    rate(earlier).zip(rate(later)).is_some_and(|(earlier, later)| later > 0.0 && later >= GOES_ON * earlier)
}

fn severity(reach: Option<Reach>) -> Option<Severity> {
    match reach {
        Some(Reach::Now) => Some(Severity::High),
        Some(Reach::Days { days, .. }) if days <= VERY_SOON_DAYS => Some(Severity::High),
        Some(Reach::Days { days, .. }) if days <= SOON_DAYS => Some(Severity::Medium),
        // Of what has no limit, or is far from it, there is time enough to see where it goes.
        _ => Some(Severity::Low),
    }
}

/// Processes that were killed for want of memory.
fn killed(facts: &Facts, container: &Container) -> Option<Candidate> {
    let kills = events(facts, container, |kind| kind == EventKind::OutOfMemory);
    let (count, last) = (kills.clone().count(), kills.clone().next_back()?.at);
    let first = kills.clone().next()?.at;
    let excess = Excess {
        severity: if count > 1 { Severity::Critical } else { Severity::High },
        value: count as f64,
        threshold: 0.0,
        window: Window { from: first, to: last },
        samples: count,
    };
    let who = called(&container.scope);
    let at = container
        .memory_limit_bytes
        .map_or_else(String::new, |limit| format!(" at its limit of {}", size(limit)));
    let times = if count == 1 { "once".to_owned() } else { counted(count, "time") };
    Some(Candidate {
        metric: of_whom("increase(container_oom_events_total{@}[1d])", &container.scope, &[]),
        words: percent,
        sentence: format!("processes of {who} were killed {times} for want of memory{at}"),
        next_step:
            "raise `mem_limit`, or have it hold less at once; `dockmeter report rightsize` says how much"
                .to_owned(),
        ..candidate(container, Kind::MemoryPressure, excess, &container.memory_ratio)
    })
}

/// A container that is started again and again.
fn looping(facts: &Facts, container: &Container) -> Option<Candidate> {
    let starts: Vec<i64> =
        events(facts, container, |kind| kind == EventKind::Restart).map(|event| event.at).collect();
    let close = starts.chunk_by(|a, b| b - a <= APART_MS).rfind(|some| some.len() >= LOOP_STARTS)?;
    let (first, last, count) = (*close.first()?, *close.last()?, close.len());
    let excess = Excess {
        severity: Severity::High,
        value: count as f64,
        threshold: (LOOP_STARTS - 1) as f64,
        window: Window { from: first, to: last },
        samples: count,
    };
    let who = called(&container.scope);
    Some(Candidate {
        metric: of_whom("changes(container_start_time_seconds{@}[30m])", &container.scope, &[]),
        sentence: format!("{who} does not stay up: it was started again {}", counted(count, "time")),
        next_step: "read the last lines of its log before each end (`/api/containers/{id}/logs?tail=50`) and its exit code (`container_exit_code`)".to_owned(),
        ..candidate(container, Kind::CrashLoop, excess, &Series::default())
    })
}
