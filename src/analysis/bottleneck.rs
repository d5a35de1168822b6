//! What holds a tenant's requests up, found without being asked.
//!
//! Errors and saturation are looked for first, utilisation last. What is beyond its bound is ranked
//! by how much it matters and by how far it rises before or with the response times of whom it
//! concerns. What changed or happened at its beginning is named as a possible cause, and only as
//! that: two things at one time are no proof.
//!
//! - [`facts`]: what is looked at, and which metric it comes from;
//! - [`excess`]: when a series has been beyond a bound for long enough;
//! - [`relation`]: how much one series rises before or with another;
//! - [`bounds`]: the bounds of containers, services, pools, databases and the host;
//! - [`life`]: memory that leaks, kills for want of it, and containers that do not stay up;
//! - [`statement`]: slow statements, and those that are called again and again;
//! - [`neighbour`]: containers that take what others wait for.
//!
//! A finding names nobody but its own tenant: what is said of a neighbour are numbers. Those about
//! the host, which have no tenant, are for who runs it.

pub mod bounds;
pub mod excess;
pub mod facts;
pub mod life;
pub mod neighbour;
pub mod relation;
pub mod statement;
#[cfg(test)]
mod tests;

use serde::Serialize;

use self::excess::Excess;
use self::facts::{Change, Changed, Event, EventKind, Facts, is_of};
use self::relation::{STEP_MS, around, related};
use super::finding::{Evidence, Scope, Severity, Window};
use super::recommendation::Verify;
use super::series::Series;
use super::statistics::order::median;
use super::words::{seconds, selector, short};

/// What began or happened so near the beginning may be its cause: two steps of five minutes.
pub const NEAR_MS: i64 = 600_000;

/// Relations with a smaller chance of none are told of.
const SIGNIFICANT: f64 = 0.05;

/// By so much less a symptom is ranked than what explains it.
const BEHIND: f64 = 0.01;

const MINUTE_MS: i64 = 60_000;

/// Response times that go with it so closely and have risen so much may come back.
const CLOSE: f64 = 0.5;
const SLOWER: f64 = 1.2;

/// So many minutes tell how it was before.
const LEAST_BEFORE: usize = 3;

/// Possible causes that are named.
const MOST_CAUSES: usize = 3;

/// What holds requests up. Of equal ones those that explain others come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A container is started again and again.
    CrashLoop,
    /// A container reaches its limit of memory, is killed for want of it, or waits for it.
    MemoryPressure,
    /// What a container holds grows without an end.
    MemoryLeak,
    /// A container is held back by its limit of cores.
    Throttling,
    /// A container takes what others wait for.
    NoisyNeighbour,
    /// A device has more to do than it can, or somebody waits for it.
    DiskQueue,
    /// A pool of connections is used up.
    PoolLimit,
    /// Transactions wait for each other.
    LockWait,
    /// A statement takes long.
    SlowStatement,
    /// A statement may be called once a row instead of once.
    RepeatedStatement,
    /// Requests of a route fail.
    ErrorCluster,
    /// A route answers slowly.
    SlowEndpoint,
    /// A container waits for a core, and not for its own limit.
    CoreWait,
    /// The host has no room left.
    HostSaturation,
}

impl Kind {
    /// As it is written in JSON and labels.
    pub fn name(self) -> &'static str {
        match self {
            Kind::CrashLoop => "crash_loop",
            Kind::MemoryPressure => "memory_pressure",
            Kind::MemoryLeak => "memory_leak",
            Kind::Throttling => "throttling",
            Kind::NoisyNeighbour => "noisy_neighbour",
            Kind::DiskQueue => "disk_queue",
            Kind::PoolLimit => "pool_limit",
            Kind::LockWait => "lock_wait",
            Kind::SlowStatement => "slow_statement",
            Kind::RepeatedStatement => "repeated_statement",
            Kind::ErrorCluster => "error_cluster",
            Kind::SlowEndpoint => "slow_endpoint",
            Kind::CoreWait => "core_wait",
            Kind::HostSaturation => "host_saturation",
        }
    }
}

/// Where a kind of evidence stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    /// Something waits for what there is too little of.
    Saturation,
    /// What users notice of it.
    Symptom,
    /// Something is in use, which alone is no harm.
    Utilisation,
}

/// Something that holds requests up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bottleneck {
    /// What it is.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is; of the host nobody's.
    pub scope: Scope,
    /// Which of several in its scope: a route, pool, device, database or statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What is so, since when, and what may be behind it, in plain words.
    pub sentence: String,
    /// What to do next.
    pub next_step: String,
    /// What that may bring, where it is known how it was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain: Option<String>,
    /// What shows later whether it helped.
    pub verify: Verify,
    /// When it began, in milliseconds since 1970.
    pub since_ms: i64,
    /// When it was last so.
    pub until_ms: i64,
    /// What that is told from.
    pub evidence: Vec<Evidence>,
    /// How it goes with response times, where enough is known of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relation: Option<Relation>,
    /// What happened at its beginning: possible causes, no more.
    pub possible_causes: Vec<Cause>,
    /// By which findings are ranked: 1 to 4 by severity, twice the correlation with response times
    /// where that is above zero, half a point less for mere use, and one less for what is over.
    pub score: f64,
}

/// How a bottleneck goes with the response times of those whom it concerns.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relation {
    /// The service whose response time it is, if it is of the same tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The rank correlation of medians of five minutes, between -1 and 1.
    pub rho: f64,
    /// The chance that series without any relation show one like it, corrected for how much they
    /// repeat themselves and for the delays that were tried.
    pub p: f64,
    /// By how much the response times follow, in seconds.
    pub delay_seconds: f64,
    /// Pairs of medians.
    pub pairs: usize,
}

impl Relation {
    /// Whether there is more to it than chance.
    fn is_told(&self) -> bool {
        self.rho > 0.0 && self.p < SIGNIFICANT
    }
}

/// Something that happened about when it began.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// What, in plain words.
    pub what: String,
}

/// Whose response times it may be behind.
#[derive(Clone, Debug, PartialEq)]
enum Concerns {
    /// Those of its own tenant.
    Tenant,
    /// Those of everybody on the host.
    All,
    /// Those of others.
    These(Vec<Scope>),
    /// It is the response time.
    Nobody,
}

impl Concerns {
    /// Whether what has a scope of its own reaches another one.
    fn reach(&self, own: &Scope, other: &Scope) -> bool {
        match self {
            Concerns::Tenant => is_of(other, own),
            Concerns::All => true,
            Concerns::These(scopes) => scopes.iter().any(|one| is_of(other, one)),
            Concerns::Nobody => false,
        }
    }
}

/// Something beyond its bound, before it is held against the rest.
#[derive(Clone, Debug)]
struct Candidate {
    kind: Kind,
    tier: Tier,
    scope: Scope,
    subject: Option<String>,
    /// As a Prometheus is asked.
    metric: String,
    /// Its values as people read them.
    words: fn(f64) -> String,
    excess: Excess,
    saturation: Series,
    concerns: Concerns,
    sentence: String,
    next_step: String,
}

/// All that holds requests up, the worst first.
pub fn find(facts: &Facts) -> Vec<Bottleneck> {
    let mut candidates = bounds::candidates(facts);
    candidates.extend(life::candidates(facts));
    candidates.extend(statement::candidates(facts));
    let noisy = neighbour::candidates(facts);
    // Who takes what others wait for waits for itself, too.
    let is_noisy = |scope: &Scope| noisy.iter().any(|noisy| noisy.scope == *scope);
    candidates.retain(|candidate| candidate.kind != Kind::CoreWait || !is_noisy(&candidate.scope));
    candidates.extend(noisy);
    let mut weighed: Vec<Weighed> =
        joined(candidates).into_iter().filter_map(|group| weigh(facts, &group)).collect();
    explain(&mut weighed);
    let mut found: Vec<Bottleneck> = weighed.into_iter().map(|weighed| weighed.found).collect();
    found.sort_by(|a, b| {
        let by_name = || (a.kind, &a.scope, &a.subject).cmp(&(b.kind, &b.scope, &b.subject));
        b.score.total_cmp(&a.score).then_with(by_name)
    });
    found
}

/// A finding before it is held against the others.
struct Weighed {
    tier: Tier,
    concerns: Concerns,
    found: Bottleneck,
}

/// Candidates that say the same of the same, the worst of each first.
fn joined(mut candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    candidates.sort_by(|a, b| {
        let same = (a.kind, &a.scope, &a.subject).cmp(&(b.kind, &b.scope, &b.subject));
        same.then_with(|| b.excess.severity.cmp(&a.excess.severity))
    });
    candidates
        .chunk_by(|a, b| a.kind == b.kind && a.scope == b.scope && a.subject == b.subject)
        .map(<[Candidate]>::to_vec)
        .collect()
}

/// A finding of what says the same, with its relation, its possible causes and its rank.
fn weigh(facts: &Facts, group: &[Candidate]) -> Option<Weighed> {
    let worst = group.first()?;
    let since = group.iter().map(|candidate| candidate.excess.window.from).min()?;
    let until = group.iter().map(|candidate| candidate.excess.window.to).max()?;
    let is_over = facts.now.saturating_sub(until) > NEAR_MS;
    let relation = relation_of(facts, worst);
    let possible_causes = causes(facts, worst, since);
    let severity = worst.excess.severity;
    let rises = relation.as_ref().map_or(0.0, |relation| relation.rho.max(0.0));
    let mere_use = if worst.tier == Tier::Utilisation { 0.5 } else { 0.0 };
    let over = if is_over { 1.0 } else { 0.0 };
    let sentence = [
        Some(format!("{} for {}", worst.sentence, length(since, until))),
        is_over.then(|| format!("it ended {} ago", length(until, facts.now))),
        relation.as_ref().and_then(relation_in_words),
        causes_in_words(&possible_causes, since),
    ];
    let found = Bottleneck {
        kind: worst.kind,
        severity,
        scope: worst.scope.clone(),
        subject: worst.subject.clone(),
        sentence: sentence.into_iter().flatten().collect::<Vec<_>>().join("; "),
        next_step: worst.next_step.clone(),
        gain: gain(facts, worst, relation.as_ref()),
        verify: Verify { promql: worst.metric.clone(), expect: expected(worst.excess.threshold) },
        since_ms: since,
        until_ms: until,
        evidence: group.iter().map(evidence).collect(),
        relation,
        possible_causes,
        score: f64::from(severity as u8) + 1.0 + 2.0 * rises - mere_use - over,
    };
    Some(Weighed { tier: worst.tier, concerns: worst.concerns.clone(), found })
}

fn evidence(candidate: &Candidate) -> Evidence {
    Evidence {
        metric: candidate.metric.clone(),
        value: candidate.excess.value,
        threshold: Some(candidate.excess.threshold),
        window: candidate.excess.window,
        samples: candidate.excess.samples,
    }
}

/// What a value should be that is no more beyond a threshold.
fn expected(threshold: f64) -> String {
    if threshold > 0.0 { format!("at most {threshold}") } else { "0".to_owned() }
}

/// What may come of mending it: what goes with it, else itself, as it was before.
fn gain(facts: &Facts, candidate: &Candidate, relation: Option<&Relation>) -> Option<String> {
    let window = candidate.excess.window;
    let close = relation.filter(|relation| relation.rho >= CLOSE);
    let service = close.and_then(|relation| {
        let name = relation.service.as_ref()?;
        let is_it = |service: &&facts::Service| {
            service.scope.service.as_ref() == Some(name) && is_of(&service.scope, &candidate.scope)
        };
        facts.services.iter().find(is_it)
    });
    let latency = service.and_then(|service| {
        let delay = close.map_or(0, |relation| (relation.delay_seconds * 1000.0) as i64);
        let (before, since) = halves(&service.latency_seconds, window, delay)?;
        let name = service.scope.service.as_deref().unwrap_or_default();
        (since >= SLOWER * before).then(|| {
            format!(
                "response times of service `{name}` were {} before, and are {} since; they may come back",
                seconds(before),
                seconds(since)
            )
        })
    });
    latency.or_else(|| {
        let (before, since) = halves(&candidate.saturation, window, 0)?;
        (since > before).then(|| {
            format!("it was {} before, and is {} since", (candidate.words)(before), (candidate.words)(since))
        })
    })
}

/// The medians of a series before it was beyond a bound, and since. Of what has always been so
/// nobody knows how it was before.
fn halves(series: &Series, beyond: Window, delay_ms: i64) -> Option<(f64, f64)> {
    let before = series.between(i64::MIN, beyond.from).medians(MINUTE_MS);
    let since = series.between(beyond.from + delay_ms, beyond.to + delay_ms);
    if before.points().len() < LEAST_BEFORE {
        return None;
    }
    Some((median(&before.values())?, median(&since.values())?))
}

/// A metric with whom it is about where `@` stands.
fn of_whom(metric: &str, scope: &Scope, labels: &[(&str, &str)]) -> String {
    let more = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", super::words::quoted(value)));
    let all = Some(selector(scope)).filter(|own| !own.is_empty()).into_iter().chain(more);
    metric.replace('@', &all.collect::<Vec<_>>().join(","))
}

/// A length of time, in whole minutes.
fn length(from: i64, to: i64) -> String {
    seconds((to.saturating_sub(from).max(0) / 60_000 * 60) as f64)
}

/// The closest relation with the response times of those whom it concerns.
fn relation_of(facts: &Facts, candidate: &Candidate) -> Option<Relation> {
    let saturation = around(&candidate.saturation, candidate.excess.window, STEP_MS);
    let services =
        facts.services.iter().filter(|service| candidate.concerns.reach(&candidate.scope, &service.scope));
    let relations = services.filter_map(|service| {
        let found = related(&saturation, &service.latency_seconds, STEP_MS)?;
        let is_own = is_of(&service.scope, &candidate.scope);
        Some(Relation {
            service: service.scope.service.clone().filter(|_| is_own),
            rho: found.rho,
            p: found.p,
            delay_seconds: found.delay_ms as f64 / 1000.0,
            pairs: found.pairs,
        })
    });
    relations.max_by(|a, b| a.rho.total_cmp(&b.rho))
}

fn relation_in_words(relation: &Relation) -> Option<String> {
    if !relation.is_told() {
        return None;
    }
    let whose = relation.service.as_ref().map_or_else(
        || "response times of those who wait".to_owned(),
        |service| format!("response times of service `{service}`"),
    );
    let when = match relation.delay_seconds {
        0.0 => "at the same time".to_owned(),
        delay => format!("{} later", seconds(delay)),
    };
    Some(format!("{whose} rise with it, {when} (rank correlation {:.2})", relation.rho))
}

/// What changed or happened about when it began, the nearest first.
fn causes(facts: &Facts, candidate: &Candidate, since: i64) -> Vec<Cause> {
    let scope = &candidate.scope;
    // What the finding itself is made of explains nothing.
    let is_itself = |event: &Event| match candidate.kind {
        Kind::CrashLoop => event.kind == EventKind::Restart,
        Kind::MemoryPressure => event.kind == EventKind::OutOfMemory,
        _ => false,
    };
    let is_near = |at: i64| at.abs_diff(since) <= NEAR_MS.unsigned_abs();
    // Of a container only what happened to it, or to no container in particular.
    let is_same = |other: &Scope| {
        is_of(other, scope)
            && (scope.container.is_none() || other.container.is_none() || other.container == scope.container)
    };
    let events = facts.events.iter().filter(|event| !is_itself(event));
    let events = events.map(|event| (event.at, &event.scope, event.in_words()));
    let changes = facts.changes.iter().filter(|change| may_cause(change, candidate));
    let changes = changes.map(|change| (change.at, &change.scope, change.in_words()));
    let mut causes: Vec<Cause> = events
        .chain(changes)
        .filter(|(at, other, _)| is_near(*at) && is_same(other))
        .map(|(at_ms, _, what)| Cause { at_ms, what })
        .collect();
    causes.sort_by_key(|cause| cause.at_ms.abs_diff(since));
    causes.truncate(MOST_CAUSES);
    causes
}

/// Whether a change of level may be behind something: more than before, and neither what the finding
/// itself is made of nor what comes of it.
fn may_cause(change: &Change, candidate: &Candidate) -> bool {
    let is_itself = match &change.what {
        Changed::Requests => false,
        Changed::Cores => {
            matches!(
                candidate.kind,
                Kind::Throttling | Kind::NoisyNeighbour | Kind::CoreWait | Kind::CrashLoop
            )
        }
        Changed::Memory => {
            matches!(candidate.kind, Kind::MemoryPressure | Kind::MemoryLeak | Kind::CrashLoop)
        }
        // A statement that waits for a lock takes longer.
        Changed::Statement { id, .. } => {
            candidate.kind == Kind::LockWait || candidate.subject.as_ref() == Some(id)
        }
    };
    !is_itself && change.ratio.is_none_or(|ratio| ratio > 1.0)
}

fn causes_in_words(causes: &[Cause], since: i64) -> Option<String> {
    let named: Vec<String> =
        causes.iter().map(|cause| format!("{} ({})", cause.what, offset(cause.at_ms, since))).collect();
    (!named.is_empty()).then(|| format!("possible causes, and no more than possible: {}", named.join(", ")))
}

fn offset(at: i64, since: i64) -> String {
    match (since - at) / 60_000 {
        0 => "as it began".to_owned(),
        minutes if minutes > 0 => format!("{} min before it began", short(minutes as f64)),
        minutes => format!("{} min after it began", short(-minutes as f64)),
    }
}

/// Puts what users notice behind what explains it: what reaches the same tenant, is beyond its
/// bound, and began with it or rises with response times.
fn explain(all: &mut [Weighed]) {
    let explanations: Vec<(Concerns, Bottleneck)> = all
        .iter()
        .filter(|one| one.tier == Tier::Saturation)
        .map(|one| (one.concerns.clone(), one.found.clone()))
        .collect();
    for symptom in all.iter_mut().filter(|one| one.tier == Tier::Symptom).map(|one| &mut one.found) {
        let behind = explanations.iter().filter(|(concerns, one)| {
            let goes_with = one.relation.as_ref().is_some_and(Relation::is_told);
            let begins_with = one.since_ms.abs_diff(symptom.since_ms) <= NEAR_MS.unsigned_abs();
            concerns.reach(&one.scope, &symptom.scope) && (goes_with || begins_with)
        });
        if let Some(score) = behind.map(|(_, one)| one.score).max_by(f64::total_cmp) {
            symptom.score = symptom.score.min(score - BEHIND);
        }
    }
}
