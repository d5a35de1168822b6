//! Recommendations of which some are chosen: as a report finds them, or from a file that somebody
//! has looked through.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::analysis::finding::Scope;
use crate::analysis::recommendation::{Change, Recommendation};
use crate::report::rightsize::Rightsized;
use crate::tenant::Narrowing;

/// No machine has more cores, or more bytes.
const MOST: f64 = (1_u64 << 60) as f64;

/// What can be set of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// The most cores.
    CpuLimit,
    /// The cores that are set aside.
    CpuReservation,
    /// The most memory.
    MemoryLimit,
    /// The memory that is set aside.
    MemoryReservation,
}

impl Setting {
    /// All of them.
    pub const ALL: [Setting; 4] =
        [Setting::CpuLimit, Setting::CpuReservation, Setting::MemoryLimit, Setting::MemoryReservation];

    /// As flags and recommendations write it.
    pub fn name(self) -> &'static str {
        match self {
            Setting::CpuLimit => "cpu_limit",
            Setting::CpuReservation => "cpu_reservation",
            Setting::MemoryLimit => "memory_limit",
            Setting::MemoryReservation => "memory_reservation",
        }
    }

    fn of(name: &str) -> Option<Setting> {
        Setting::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

/// A setting, what it was when that was recommended, and what it should be: cores or bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which.
    pub setting: Setting,
    /// What it was; `None` is none.
    pub from: Option<f64>,
    /// What it should be.
    pub to: f64,
}

/// Something that is recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The recommendation's id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Whose container, and its name.
    pub scope: Scope,
    /// The setting, where it is one of a container.
    pub target: Option<Target>,
    /// What that brings.
    pub effect: String,
    /// What may go wrong.
    pub risk: String,
    /// When its evidence is stale.
    pub expires_at: Timestamp,
}

/// Why a file is none of recommendations.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// It is no such JSON.
    #[error(
        "this is not what `dockmeter report rightsize --format=json` or `/api/analytics/recommendations` writes: {0}"
    )]
    Malformed(String),
    /// A recommendation makes no sense.
    #[error("recommendations[{index}]: {reason}")]
    Senseless {
        /// Which, from 0 on.
        index: usize,
        /// Why.
        reason: String,
    },
}

#[derive(Deserialize)]
struct FileJson {
    recommendations: Vec<RecommendationJson>,
}

#[derive(Deserialize)]
struct RecommendationJson {
    id: String,
    kind: String,
    #[serde(default)]
    scope: ScopeJson,
    change: Option<ChangeJson>,
    effect: Option<EffectJson>,
    #[serde(default)]
    risk: String,
    #[serde(deserialize_with = "time")]
    expires_at: Timestamp,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeJson {
    user: Option<String>,
    project: Option<String>,
    team: Option<String>,
    service: Option<String>,
    container: Option<String>,
}

#[derive(Deserialize)]
struct ChangeJson {
    setting: String,
    from_cores: Option<f64>,
    to_cores: Option<f64>,
    from_bytes: Option<f64>,
    to_bytes: Option<f64>,
}

#[derive(Deserialize)]
struct EffectJson {
    #[serde(default)]
    sentence: String,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || format!("`{text}` is not a time such as `2026-10-01T08:00:00Z`");
    text.parse().map_err(|_| serde::de::Error::custom(wrong()))
}

/// Reads a file of recommendations.
///
/// # Errors
/// It is none, or one of them makes no sense.
pub fn read(text: &str) -> Result<Vec<Wish>, WishError> {
    let file: FileJson =
        serde_json::from_str(text).map_err(|error| WishError::Malformed(error.to_string()))?;
    let wish = |(index, json): (usize, RecommendationJson)| {
        let senseless = |reason| WishError::Senseless { index, reason };
        let target = json.change.as_ref().map(target).transpose().map_err(senseless)?.flatten();
        if let Some(target) = target.filter(|target| target.setting.name() != json.kind) {
            let (kind, setting) = (&json.kind, target.setting.name());
            return Err(senseless(format!("`kind` is `{kind}`, and `change.setting` is `{setting}`")));
        }
        let ScopeJson { user, project, team, service, container } = json.scope;
        if target.is_some() && container.as_deref().is_none_or(str::is_empty) {
            return Err(senseless("`scope.container` does not say which container is meant".to_owned()));
        }
        Ok(Wish {
            id: json.id,
            kind: json.kind,
            scope: Scope { user, project, team, service, container },
            target,
            effect: json.effect.map(|effect| effect.sentence).unwrap_or_default(),
            risk: json.risk,
            expires_at: json.expires_at,
        })
    };
    let wishes = file.recommendations.into_iter().enumerate().map(wish).collect::<Result<Vec<_>, _>>()?;
    let mut seen = BTreeMap::new();
    for (index, wish) in wishes.iter().enumerate() {
        let Some(target) = wish.target else { continue };
        if let Some(first) = seen.insert((&wish.scope, target.setting), index) {
            let reason = format!("recommendations[{first}] is about the same setting of the same container");
            return Err(WishError::Senseless { index, reason });
        }
    }
    Ok(wishes)
}

/// The setting of a change; `None` where it is not one of a container.
fn target(json: &ChangeJson) -> Result<Option<Target>, String> {
    let Some(setting) = Setting::of(&json.setting) else { return Ok(None) };
    let (unit, from, to) = match setting {
        Setting::CpuLimit | Setting::CpuReservation => ("cores", json.from_cores, json.to_cores),
        Setting::MemoryLimit | Setting::MemoryReservation => ("bytes", json.from_bytes, json.to_bytes),
    };
    let to = to.ok_or_else(|| format!("`change.to_{unit}` is missing"))?;
    for (name, value) in [("to", Some(to)), ("from", from)] {
        if value.is_some_and(|value| !(value > 0.0 && value <= MOST)) {
            return Err(format!(
                "`change.{name}_{unit}` has to be above 0, and no more than any machine has"
            ));
        }
    }
    Ok(Some(Target { setting, from, to }))
}

/// What a report recommends.
pub fn of_report(report: &Rightsized) -> Vec<Wish> {
    let wish = |found: &Recommendation| Wish {
        id: found.id.clone(),
        kind: found.kind.name().to_owned(),
        scope: found.scope.clone(),
        target: found.change.and_then(of_change),
        effect: found.effect.sentence.clone(),
        risk: found.risk.clone(),
        expires_at: Timestamp::from_millisecond(found.expires_at_ms).unwrap_or_default(),
    };
    report.recommendations.iter().map(wish).collect()
}

fn of_change(change: Change) -> Option<Target> {
    let setting = match change {
        Change::CpuLimit { .. } => Setting::CpuLimit,
        Change::CpuReservation { .. } => Setting::CpuReservation,
        Change::MemoryLimit { .. } => Setting::MemoryLimit,
        Change::MemoryReservation { .. } => Setting::MemoryReservation,
        Change::PoolSize { .. } => return None,
    };
    let (from, to) = change.values();
    Some(Target { setting, from, to })
}

/// What is chosen.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Of these tenants.
    pub tenants: Narrowing,
    /// Containers of these names; all if none is named.
    pub containers: BTreeSet<String>,
    /// These settings; all if none is named.
    pub settings: BTreeSet<Setting>,
}

impl Selection {
    /// Whether it chooses less than everything of everybody.
    pub fn is_said(&self) -> bool {
        !self.tenants.is_empty() || !self.containers.is_empty()
    }

    /// Whether something is chosen.
    pub fn chooses(&self, wish: &Wish) -> bool {
        let Scope { user, project, team, container, .. } = &wish.scope;
        let named = [user, project, team].map(Option::as_deref);
        let is_named = |containers: &BTreeSet<String>| {
            container.as_ref().is_some_and(|container| containers.contains(container))
        };
        self.tenants.admits_named(named)
            && (self.containers.is_empty() || is_named(&self.containers))
            && (self.settings.is_empty()
                || wish.target.is_some_and(|target| self.settings.contains(&target.setting)))
    }

    /// Names of containers of which nothing is recommended.
    pub fn unheard<'s>(&'s self, wishes: &'s [Wish]) -> impl Iterator<Item = &'s str> {
        let is_heard = |name: &str| wishes.iter().any(|wish| wish.scope.container.as_deref() == Some(name));
        self.containers.iter().map(String::as_str).filter(move |name| !is_heard(name))
    }
}

#[cfg(test)]
mod tests;
