//! Right sizes as programs read them.

use serde::{Serialize, Serializer};

use super::Rightsized;
use crate::analysis::finding::{Scope, Severity};
use crate::analysis::recommendation::{
    Action, Change, Confidence, Effect, Effort, Kind, NotEnoughData, Recommendation, Verify,
};
use crate::analysis::rightsize::host::Overcommit;
use crate::report::followup::Followed;
use crate::report::told::{Told, time};

/// A recommendation as programs read it.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    kind: Kind,
    severity: Severity,
    scope: &'a Scope,
    sentence: &'a str,
    evidence: Vec<Told<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    action: &'a Action,
    effect: &'a Effect,
    effort: Effort,
    confidence: &'a Confidence,
    risk: &'a str,
    verify: &'a Verify,
    expires_at: Option<String>,
}

/// What one of several hosts has promised.
#[derive(Serialize)]
struct OfHost<'a> {
    instance: &'a str,
    #[serde(flatten)]
    found: &'a Overcommit,
}

#[derive(Serialize)]
struct Whole<'a> {
    source: &'static str,
    from: String,
    to: String,
    step_seconds: i64,
    containers: usize,
    host: Option<Overcommit>,
    hosts: Vec<OfHost<'a>>,
    recommendations: Vec<Entry<'a>>,
    not_enough_data: &'a [NotEnoughData],
    followed_up: &'a [Followed],
}

fn entry(found: &Recommendation) -> Entry<'_> {
    Entry {
        id: &found.id,
        kind: found.kind,
        severity: found.severity,
        scope: &found.scope,
        sentence: &found.sentence,
        evidence: found.evidence.iter().map(Told::of).collect(),
        change: found.change,
        action: &found.action,
        effect: &found.effect,
        effort: found.effort,
        confidence: &found.confidence,
        risk: &found.risk,
        verify: &found.verify,
        expires_at: time(found.expires_at_ms),
    }
}

impl Serialize for Rightsized {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let period = self.options.period;
        let whole = Whole {
            source: self.source,
            from: period.from.to_string(),
            to: period.to.to_string(),
            step_seconds: self.step_s,
            containers: self.containers,
            host: self.overcommit,
            hosts: self.hosts.iter().map(|(instance, found)| OfHost { instance, found }).collect(),
            recommendations: self.recommendations.iter().map(entry).collect(),
            not_enough_data: &self.not_enough_data,
            followed_up: &self.followed_up,
        };
        whole.serialize(serializer)
    }
}
