//! `GET /api/alerts`: what fires now, from Alertmanager.
//!
//! Whose an alert is, its labels say: one that is bound to a tenant sees only alerts that name
//! that tenant. Annotations are read by the names that our rules give them; alerts of other
//! rules have what they have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::current::Time;
use super::problem::{Kind, Problem};
use super::silences::{Held, Known};
use super::view::View;
use crate::prometheus::{Alert, AlertState, Alertmanager, AlertmanagerError};

/// Somebody waits for the answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Severities, the gravest first; others stand behind them.
const SEVERITIES: [&str; 3] = ["critical", "warning", "info"];

/// The end of an annotation's name that holds an address, and the name of the one to Prometheus.
const LINK: &str = "_url";
const SOURCE: &str = "source";

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Alerts {
    timestamp: Time,
    total: usize,
    alerts: Vec<Row>,
}

/// One alert. What it does not say is `null` or empty.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    severity: Option<String>,
    state: AlertState,
    /// What holds it back, of `silence`, `alert` and `time`.
    suppressed_by: Vec<&'static str>,
    silences: Vec<Held>,
    since: Time,
    user: Option<String>,
    project: Option<String>,
    team: Option<String>,
    value: Option<String>,
    threshold: Option<String>,
    limit: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    actions: Vec<String>,
    links: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    receivers: Vec<String>,
    fingerprint: String,
}

impl Row {
    fn new(alert: Alert, silences: Vec<Held>) -> Self {
        let label = |name: &str| alert.labels.get(name).cloned();
        let said = |name: &str| alert.annotations.get(name).cloned().filter(|text| !text.is_empty());
        let links = alert.annotations.iter().filter(|(_, address)| !address.is_empty());
        let mut links: BTreeMap<String, String> = links
            .filter_map(|(name, address)| Some((name.strip_suffix(LINK)?.to_owned(), address.clone())))
            .collect();
        if !alert.generator_url.is_empty() {
            links.insert(SOURCE.to_owned(), alert.generator_url.clone());
        }
        let status = &alert.status;
        let held =
            [("silence", &status.silenced_by), ("alert", &status.inhibited_by), ("time", &status.muted_by)];
        Row {
            name: label("alertname").unwrap_or_default(),
            severity: label("severity"),
            state: status.state,
            suppressed_by: held.into_iter().filter(|(_, by)| !by.is_empty()).map(|(word, _)| word).collect(),
            silences,
            since: Time(alert.starts_at),
            user: label("user"),
            project: label("project"),
            team: label("team"),
            value: said("value"),
            threshold: said("threshold"),
            limit: said("limit"),
            summary: said("summary"),
            description: said("description"),
            actions: said("action").as_deref().map(lines).unwrap_or_default(),
            links,
            receivers: alert.receivers.iter().map(|receiver| receiver.name.clone()).collect(),
            fingerprint: alert.fingerprint.clone(),
            labels: alert.labels,
        }
    }
}

/// The lines of a list, without the number or the dash that marks each.
fn lines(text: &str) -> Vec<String> {
    let unmarked = |line: &str| {
        let line = line.trim();
        let after = line.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(". ");
        after.or_else(|| line.strip_prefix("- ")).unwrap_or(line).trim().to_owned()
    };
    text.lines().map(unmarked).filter(|line| !line.is_empty()).collect()
}

/// Which alerts are wanted.
#[derive(Debug, Default, PartialEq)]
struct Filter {
    severities: BTreeSet<String>,
    states: BTreeSet<AlertState>,
}

impl Filter {
    fn parse(query: &[(String, String)]) -> Result<Self, Problem> {
        let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
        let values =
            |name: &'static str| query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value);
        let state = |word: &String| {
            let known = AlertState::ALL.into_iter().find(|state| state.as_str() == word);
            known.ok_or_else(|| {
                let words = AlertState::ALL.map(|state| format!("`{}`", state.as_str())).join(", ");
                refuse(format!("no alert is `{word}`; `state` is one of {words}"))
            })
        };
        let severities: BTreeSet<String> = values("severity").cloned().collect();
        if severities.contains("") {
            return Err(refuse("`severity` is empty; name one, or leave the parameter out".to_owned()));
        }
        Ok(Filter { severities, states: values("state").map(state).collect::<Result<_, _>>()? })
    }

    fn wants(&self, alert: &Alert) -> bool {
        let severity = alert.labels.get("severity");
        (self.severities.is_empty() || severity.is_some_and(|word| self.severities.contains(word)))
            && (self.states.is_empty() || self.states.contains(&alert.status.state))
    }
}

/// Whether an alert exists for a request.
fn is_seen(view: &View, alert: &Alert) -> bool {
    let values = ["user", "project", "team"].map(|name| alert.labels.get(name).map(String::as_str));
    view.narrowing().admits_named(values)
}

/// The gravest first, then by name and tenant.
fn order(row: &Row) -> impl Ord + use<> {
    let known = |word: &String| SEVERITIES.iter().position(|severity| severity == word);
    let rank = row.severity.as_ref().and_then(known).unwrap_or(SEVERITIES.len());
    (rank, row.name.clone(), row.labels.clone())
}

/// `GET /api/alerts?user=&project=&team=&severity=&state=`
pub(super) async fn alerts(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Alerts>, Problem> {
    let filter = Filter::parse(&query)?;
    let client = client(&context)?;
    let answered = client.alerts(&[]).await;
    let mut alerts = answered.map_err(|error| silent(&view, &error))?;
    alerts.retain(|alert| is_seen(&view, alert) && filter.wants(alert));
    let silences = Known::of(&client, &alerts).await;
    let row = |alert: Alert| {
        let held = silences.beside(&view, &alert);
        Row::new(alert, held)
    };
    let mut alerts: Vec<Row> = alerts.into_iter().map(row).collect();
    alerts.sort_by_cached_key(order);
    Ok(Json(Alerts { timestamp: Time(Timestamp::now()), total: alerts.len(), alerts }))
}

/// Whom alerts are asked of, by somebody who waits for the answer.
pub(super) fn client(context: &Context) -> Result<Alertmanager, Problem> {
    let unnamed = || Problem::new(Kind::NotConfigured, AlertmanagerError::Unnamed.to_string());
    let client = context.surroundings().alertmanager.clone().ok_or_else(unnamed)?;
    Ok(client.within(DEADLINE))
}

/// Who is bound to a tenant is not told where the stack's servers are.
pub(super) fn silent(view: &View, error: &AlertmanagerError) -> Problem {
    tracing::debug!(%error, "Alertmanager does not tell what fires");
    Problem::new(
        Kind::Unavailable,
        match view.is_bound() {
            true => "Alertmanager does not tell what fires at the moment; who runs this host finds out why"
                .to_owned(),
            false => error.to_string(),
        },
    )
}

#[cfg(test)]
mod tests;
