//! What somebody should change: why, exactly how, what it brings, and how to see later that it did.
//!
//! No number stands here without the data behind it. Where there is too little, that is an answer
//! of its own, which says what is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::finding::{Evidence, Scope, Severity, Window};

/// Of so many days of history a recommendation is fully sure: then each day of the week is in it.
pub const FULL_HISTORY_DAYS: f64 = 7.0;

/// So long a recommendation holds; after a week its evidence is of another week.
pub const VALID_MS: i64 = 7 * 86_400_000;

/// What is recommended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Another limit of cores, or a first one.
    CpuLimit,
    /// Another reservation of cores.
    CpuReservation,
    /// Another limit of memory, or a first one.
    MemoryLimit,
    /// Another reservation of memory.
    MemoryReservation,
    /// Less promised than a host has.
    HostOvercommit,
    /// What no container needs any more.
    Reclaim,
    /// An index that a statement lacks.
    QueryIndex,
    /// Another size of a pool of connections.
    PoolSize,
    /// A health check where there is none.
    HealthCheck,
    /// A restart policy where there is none.
    RestartPolicy,
    /// What to do about slow answers.
    ResponseTime,
    /// What to do about failing requests.
    ErrorRate,
}

impl Kind {
    /// As it is written in JSON, ids and labels.
    pub fn name(self) -> &'static str {
        match self {
            Kind::CpuLimit => "cpu_limit",
            Kind::CpuReservation => "cpu_reservation",
            Kind::MemoryLimit => "memory_limit",
            Kind::MemoryReservation => "memory_reservation",
            Kind::HostOvercommit => "host_overcommit",
            Kind::Reclaim => "reclaim",
            Kind::QueryIndex => "query_index",
            Kind::PoolSize => "pool_size",
            Kind::HealthCheck => "health_check",
            Kind::RestartPolicy => "restart_policy",
            Kind::ResponseTime => "response_time",
            Kind::ErrorRate => "error_rate",
        }
    }
}

/// What came of looking for something to recommend.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// This should be changed.
    Recommendation(Box<Recommendation>),
    /// Too little is known to say.
    NotEnoughData(NotEnoughData),
}

impl Answer {
    /// What is recommended, if anything is.
    pub fn recommendation(&self) -> Option<&Recommendation> {
        match self {
            Answer::Recommendation(recommendation) => Some(recommendation),
            Answer::NotEnoughData(_) => None,
        }
    }
}

impl From<Recommendation> for Answer {
    fn from(recommendation: Recommendation) -> Self {
        Answer::Recommendation(Box::new(recommendation))
    }
}

/// Something that should be changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recommendation {
    /// The same each time for the same kind, scope and subject ([`id`]).
    pub id: String,
    /// What is recommended.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is.
    pub scope: Scope,
    /// What is wrong and what to do, in plain words.
    pub sentence: String,
    /// What that is told from.
    pub evidence: Vec<Evidence>,
    /// The setting that changes, where it is a single number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// What to do.
    pub action: Action,
    /// What that brings.
    pub effect: Effect,
    /// How much work it is.
    pub effort: Effort,
    /// How sure it is.
    pub confidence: Confidence,
    /// What may go wrong.
    pub risk: String,
    /// How to see later whether it helped.
    pub verify: Verify,
    /// When its evidence is stale, in milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// A setting, what it is now (`from`, absent where there is none) and what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "setting", rename_all = "snake_case")]
pub enum Change {
    /// The most cores.
    CpuLimit {
        /// Now.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_cores: Option<f64>,
        /// Then.
        to_cores: f64,
    },
    /// The cores that are set aside.
    CpuReservation {
        /// Now.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_cores: Option<f64>,
        /// Then.
        to_cores: f64,
    },
    /// The most memory.
    MemoryLimit {
        /// Now.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_bytes: Option<f64>,
        /// Then.
        to_bytes: f64,
    },
    /// The memory that is set aside.
    MemoryReservation {
        /// Now.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_bytes: Option<f64>,
        /// Then.
        to_bytes: f64,
    },
    /// The most connections of a pool.
    PoolSize {
        /// Now.
        #[serde(skip_serializing_if = "Option::is_none")]
        from_connections: Option<f64>,
        /// Then.
        to_connections: f64,
    },
}

impl Change {
    /// What it is now, where it is set at all, and what it should be, in the setting's unit.
    pub fn values(self) -> (Option<f64>, f64) {
        match self {
            Change::CpuLimit { from_cores: from, to_cores: to }
            | Change::CpuReservation { from_cores: from, to_cores: to }
            | Change::MemoryLimit { from_bytes: from, to_bytes: to }
            | Change::MemoryReservation { from_bytes: from, to_bytes: to }
            | Change::PoolSize { from_connections: from, to_connections: to } => (from, to),
        }
    }
}

/// What to do, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Action {
    /// In the imperative, the best first.
    pub steps: Vec<String>,
    /// Where the lines go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The exact lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// The exact command or statement that does it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// What it brings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// In plain words.
    pub sentence: String,
    /// How it was computed, by the names in `numbers`.
    pub formula: String,
    /// The numbers in it, with their units in their names.
    pub numbers: BTreeMap<&'static str, f64>,
}

impl Effect {
    /// An effect; numbers that are not finite are left out.
    pub fn new(
        sentence: impl Into<String>,
        formula: impl Into<String>,
        numbers: impl IntoIterator<Item = (&'static str, f64)>,
    ) -> Self {
        let numbers = numbers.into_iter().filter(|(_, value)| value.is_finite()).collect();
        Effect { sentence: sentence.into(), formula: formula.into(), numbers }
    }
}

/// How much work it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// A line of configuration.
    Low,
    /// A query, an index or a pool.
    Medium,
    /// Code.
    High,
}

/// How sure it is, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confidence {
    /// Between 0 and 1.
    pub ratio: f64,
    /// The days that were looked at.
    pub history_days: f64,
    /// The share of their samples that are there.
    pub coverage_ratio: f64,
    /// How `ratio` comes from both.
    pub rule: &'static str,
}

impl Confidence {
    /// By the days that were looked at, and how many of the samples that belong there are there.
    pub fn of(days: f64, samples: usize, expected: f64) -> Self {
        let history_days = if days.is_finite() { days.max(0.0) } else { 0.0 };
        let coverage_ratio = if expected > 0.0 { (samples as f64 / expected).min(1.0) } else { 0.0 };
        Confidence {
            ratio: (history_days / FULL_HISTORY_DAYS).min(1.0) * coverage_ratio,
            history_days,
            coverage_ratio,
            rule: "days of history by 7, at most 1, times the share of samples that are there",
        }
    }

    /// Of what is not told from history, but is so or not.
    pub fn certain() -> Self {
        Confidence {
            ratio: 1.0,
            history_days: 0.0,
            coverage_ratio: 1.0,
            rule: "a setting that was read; no history is needed",
        }
    }
}

/// How to see later whether it helped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// What to ask Prometheus a day after the change.
    pub promql: String,
    /// What it should show.
    pub expect: String,
}

/// Too little is known to say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotEnoughData {
    /// That of the recommendation which it would be.
    pub id: String,
    /// What would be recommended.
    pub kind: Kind,
    /// Whose it is.
    pub scope: Scope,
    /// That it is so, in plain words.
    pub sentence: String,
    /// What is missing, one thing each.
    pub missing: Vec<String>,
}

impl NotEnoughData {
    /// Of a kind and scope, with what is missing.
    pub fn new(kind: Kind, scope: &Scope, subject: Option<&str>, missing: Vec<String>) -> Self {
        let sentence = format!("not enough data: {}", missing.join("; "));
        NotEnoughData { id: id(kind, scope, subject), kind, scope: scope.clone(), sentence, missing }
    }
}

/// The name of a recommendation: kind, user, project, team, service, container and, of several in
/// one scope, the subject: `memory_limit/ann/shop/core//shop-api-1`.
pub fn id(kind: Kind, scope: &Scope, subject: Option<&str>) -> String {
    let parts = [&scope.user, &scope.project, &scope.team, &scope.service, &scope.container];
    let mut id = kind.name().to_owned();
    for part in parts.into_iter().map(Option::as_deref).chain(subject.is_some().then_some(subject)) {
        id.push('/');
        // What parts are told apart by does not stand in one.
        id.push_str(&part.unwrap_or_default().replace('%', "%25").replace('/', "%2F"));
    }
    id
}

/// What an id tells of several in one scope, as [`id`] was given it.
pub fn subject(id: &str) -> Option<String> {
    // A kind and five parts of the scope stand before it.
    let part = id.splitn(7, '/').nth(6)?;
    Some(part.replace("%2F", "/").replace("%25", "%"))
}

/// When a recommendation from a time is stale.
pub fn expiry(window: Window) -> i64 {
    window.to.saturating_add(VALID_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(user: &str, container: &str) -> Scope {
        Scope { user: Some(user.into()), container: Some(container.into()), ..Scope::default() }
    }

    #[test]
    fn an_id_is_the_kind_and_the_scope() {
        let full = Scope {
            user: Some("ann".into()),
            project: Some("shop".into()),
            team: Some("core".into()),
            service: None,
            container: Some("shop-api-1".into()),
        };
        assert_eq!(id(Kind::MemoryLimit, &full, None), "memory_limit/ann/shop/core//shop-api-1");
        assert_eq!(id(Kind::PoolSize, &full, Some("main")), "pool_size/ann/shop/core//shop-api-1/main");
        assert_eq!(subject(&id(Kind::PoolSize, &full, None)), None);
    }

    #[test]
    fn seven_full_days_are_full_confidence_and_half_of_the_samples_is_half_of_it() {
        assert_eq!(Confidence::of(7.0, 1000, 1000.0).ratio, 1.0);
        assert_eq!(Confidence::of(30.0, 1000, 1000.0).ratio, 1.0);
        assert_eq!(Confidence::of(3.5, 1000, 1000.0).ratio, 0.5);
        assert_eq!(Confidence::of(7.0, 500, 1000.0).ratio, 0.5);
        assert_eq!(Confidence::of(f64::NAN, 5, 0.0).ratio, 0.0);
    }

    #[test]
    fn too_little_data_says_what_is_missing() {
        let answer = Answer::NotEnoughData(NotEnoughData::new(
            Kind::CpuLimit,
            &scope("ann", "api"),
            None,
            vec!["43 of 100 samples".into(), "1.2 of 3 h".into()],
        ));
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(json["answer"], "not_enough_data");
        assert_eq!(json["sentence"], "not enough data: 43 of 100 samples; 1.2 of 3 h");
        assert_eq!(json["id"], "cpu_limit/ann////api");
    }

    #[test]
    fn kinds_are_written_as_they_are_named() {
        for kind in [Kind::CpuLimit, Kind::HostOvercommit, Kind::QueryIndex, Kind::ErrorRate] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    proptest! {
        #[test]
        fn different_scopes_have_different_ids(a in "[a/%]{0,4}", b in "[a/%]{0,4}", c in "[a/%]{0,4}", d in "[a/%]{0,4}") {
            let ids = (id(Kind::CpuLimit, &scope(&a, &b), None), id(Kind::CpuLimit, &scope(&c, &d), None));
            prop_assert_eq!(subject(&id(Kind::PoolSize, &scope(&a, &b), Some(&c))), Some(c.clone()));
            prop_assert_eq!(ids.0 == ids.1, (a, b) == (c, d));
        }
    }
}
