//! `GET /api/system/health`: how everything is and since when, with reasons in plain words and
//! next steps.
//!
//! Who is bound to a tenant is told of that tenant's containers only. The status of the answer
//! is 200 however everything is: that is the answer, and `/-/healthy` is for probes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::current::Time;
use super::problem::{Kind, Problem};
use super::view::View;
use super::{Context, FRESH_DEADLINE};
use crate::health::{Reason, Report, Verdict};
use crate::inventory::ContainerId;
use crate::snapshot::Snapshot;
use crate::tenant::LabelValue;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    timestamp: Time,
    status: &'static str,
    warning_count: usize,
    domains: BTreeMap<&'static str, Domain>,
}

/// How one domain is.
#[derive(Debug, Serialize)]
struct Domain {
    status: &'static str,
    summary: String,
    reasons: Vec<Why>,
}

/// Why it is so.
#[derive(Debug, Serialize)]
struct Why {
    kind: &'static str,
    status: &'static str,
    since: Time,
    detail: String,
    next_step: String,
    container: Option<Whose>,
}

/// The container that a reason is about.
#[derive(Debug, Serialize)]
struct Whose {
    id: ContainerId,
    name: LabelValue,
    user: LabelValue,
    project: LabelValue,
    team: LabelValue,
}

impl Why {
    /// Of a report that is about this moment.
    fn new(reason: Reason, at: Time) -> Self {
        let container = reason.about.map(|about| Whose {
            id: about.id,
            name: about.name,
            user: about.tenant.user,
            project: about.tenant.project,
            team: about.tenant.team,
        });
        let Reason { kind, status, since, detail, next_step, .. } = reason;
        let (kind, status, since) = (kind.as_str(), status.as_str(), since.map_or(at, Time));
        Why { kind, status, since, detail, next_step, container }
    }
}

impl Health {
    fn new(report: Report, snapshot: &Snapshot) -> Self {
        let at = Time(snapshot.taken_at);
        let (status, warning_count) = (report.status().as_str(), report.warning_count());
        let domain = |verdict: Verdict| {
            let status = verdict.status().as_str();
            let reasons = verdict.reasons.into_iter().map(|reason| Why::new(reason, at)).collect();
            (verdict.domain.as_str(), Domain { status, summary: verdict.summary, reasons })
        };
        let domains = report.verdicts.into_iter().map(domain).collect();
        Health { timestamp: at, status, warning_count, domains }
    }
}

/// `GET /api/system/health?user=&project=&team=`
pub(super) async fn health(State(context): State<Arc<Context>>, view: View) -> Result<Json<Health>, Problem> {
    let nobody = || Problem::new(Kind::Internal, "nobody here says how everything is");
    let monitor = context.monitor.clone().ok_or_else(nobody)?;
    let snapshot = context.snapshot(FRESH_DEADLINE).await?;
    let report = monitor.report(&snapshot, &|tenant| view.narrowing().admits(tenant), !view.is_bound());
    Ok(Json(Health::new(report, &snapshot)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::health::Kind;
    use crate::web::fixture::{self, get};

    #[tokio::test]
    async fn every_reason_says_what_to_do_and_whose_it_is() {
        let answer = get(&fixture::context(), "/api/system/health", &[]).await.json();
        assert_eq!(answer["timestamp"], "2026-01-01T01:00:00Z");
        // The fixture's engine has never answered, and `idle-1` ended with 137, nobody knows when.
        assert_eq!((&answer["status"], &answer["warning_count"]), (&json!("unhealthy"), &json!(1)));
        let engine = &answer["domains"]["engine"];
        assert_eq!(engine["status"], "unhealthy");
        let away = &engine["reasons"][0];
        assert!(away["next_step"].as_str().unwrap().contains("--docker.host"));
        assert_eq!((&away["kind"], &away["since"]), (&json!("engine-away"), &answer["timestamp"]));
        assert_eq!(answer["domains"]["containers"]["summary"], "3 containers, 2 running");
        assert_eq!(answer["domains"].get("host"), None, "of what nothing is known nothing is said");
    }

    #[test]
    fn every_kind_is_described() {
        let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        let described = &document["components"]["schemas"]["Reason"]["properties"]["kind"]["enum"];
        let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(described, &json!(words));
    }

    #[tokio::test]
    async fn a_bound_token_is_told_of_its_containers_only() {
        let bound = [("authorization", "Bearer bound")];
        let answer = get(&fixture::context(), "/api/system/health", &bound).await.json();
        assert_eq!((&answer["status"], &answer["warning_count"]), (&json!("healthy"), &json!(0)));
        let domains: Vec<_> = answer["domains"].as_object().unwrap().keys().collect();
        assert_eq!(domains, ["containers"]);
        assert_eq!(answer["domains"]["containers"]["summary"], "1 container, 1 running");
    }
}
