//! The processes of one container: `GET /api/containers/{id}/processes`.
//!
//! Command lines may hold secrets, so the route needs a login, also on loopback.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::api::named;
use super::current::Time;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::inventory::{Container, ContainerId};
use crate::snapshot::{Process, ProcessError, ProcessList, ProcessOrder, ProcessQuery};
use crate::tenant::LabelValue;

/// Processes that are shown if nothing is said.
const LIMIT: usize = 100;

/// The most that are shown.
const MOST: usize = 1000;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Processes {
    container_id: ContainerId,
    name: LabelValue,
    user: LabelValue,
    project: LabelValue,
    team: LabelValue,
    timestamp: Time,
    total: usize,
    processes: Vec<Row>,
}

/// One process.
#[derive(Debug, Serialize)]
struct Row {
    pid: u32,
    container_pid: Option<u32>,
    parent_pid: Option<u32>,
    name: Option<String>,
    command: Option<String>,
    command_cut: bool,
    uid: Option<u32>,
    state: String,
    threads: u64,
    cpu_seconds_total: f64,
    rss_bytes: u64,
    started_at: Option<Time>,
}

impl From<Process> for Row {
    fn from(process: Process) -> Self {
        Row {
            pid: process.pid,
            container_pid: process.container_pid,
            parent_pid: process.parent_pid,
            name: process.name,
            command: process.command,
            command_cut: process.command_cut,
            uid: process.uid,
            state: process.state,
            threads: process.threads,
            cpu_seconds_total: process.cpu_ns as f64 / 1e9,
            rss_bytes: process.rss,
            started_at: process.started_at.map(Time),
        }
    }
}

impl Processes {
    fn new(container: &Container, list: ProcessList, now: Timestamp) -> Self {
        let tenant = container.tenant.clone();
        Processes {
            container_id: container.id,
            name: container.name.clone(),
            user: tenant.user,
            project: tenant.project,
            team: tenant.team,
            timestamp: Time(now),
            total: list.total,
            processes: list.shown.into_iter().map(Row::from).collect(),
        }
    }
}

impl From<ProcessError> for Problem {
    fn from(error: ProcessError) -> Self {
        let kind = match error {
            ProcessError::OutOfReach(_) => Kind::OutOfReach,
            ProcessError::Busy => Kind::Unavailable,
        };
        Problem::new(kind, error.to_string())
    }
}

/// `GET /api/containers/{id}/processes?sort=cpu,memory,threads,started,pid&limit=100`
pub(super) async fn list(
    State(context): State<Arc<Context>>,
    view: View,
    key: Result<Path<String>, PathRejection>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Processes>, Problem> {
    let query = asked(&query)?;
    let container = named(&context, &view, key)?;
    let source = context.processes.as_ref();
    let nobody = || ProcessError::OutOfReach("nobody reads processes here".to_owned());
    let list = source.ok_or_else(nobody)?.list(&container, query).await?;
    Ok(Json(Processes::new(&container, list, Timestamp::now())))
}

/// What the parameters ask for; of one that is given twice the first counts.
fn asked(query: &[(String, String)]) -> Result<ProcessQuery, Problem> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
    let order = value("sort").map_or(Ok(ProcessOrder::default()), |word| {
        let words = ProcessOrder::WORDS.map(|(word, _)| format!("`{word}`")).join(", ");
        word.parse().map_err(|()| refuse(format!("cannot sort by `{word}`; `sort` is one of {words}")))
    })?;
    let limit = value("limit").map_or(Ok(LIMIT), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        limit.ok_or_else(|| refuse(format!("`limit` is a whole number from 1 to {MOST}")))
    })?;
    Ok(ProcessQuery { order, limit })
}

#[cfg(test)]
mod tests {
    use crate::web::fixture::{self, request, send};

    /// Asks from loopback with the token of the fixture.
    async fn ask(path: &str) -> fixture::Answer {
        let login = [("authorization", "Bearer secret")];
        send(&fixture::context(), "127.0.0.1", request(path, &login)).await
    }

    #[tokio::test]
    async fn a_list_needs_a_login_also_on_loopback() {
        let path = "/api/containers/shop-api-1/processes";
        let without = fixture::get(&fixture::context(), path, &[]).await;
        assert!(without.problem(401).contains("loopback included"));
        let processes = ask(path).await.json();
        assert_eq!((&processes["name"], &processes["total"]), (&"shop-api-1".into(), &2.into()));
        assert_eq!(processes["processes"][0]["command"], "/bin/api --password=x");
        assert_eq!(processes["processes"][0]["cpu_seconds_total"], 1.5);
    }

    #[tokio::test]
    async fn a_wrong_parameter_says_what_is_right() {
        let path = "/api/containers/shop-api-1/processes";
        assert_eq!(ask(&format!("{path}?sort=memory&limit=1")).await.json()["processes"][0]["pid"], 12);
        let sort = ask(&format!("{path}?sort=size")).await.problem(400);
        assert_eq!(
            sort,
            "cannot sort by `size`; `sort` is one of `cpu`, `memory`, `threads`, `started`, `pid`"
        );
        for limit in ["0", "1001", "-1", "many", ""] {
            assert!(ask(&format!("{path}?limit={limit}")).await.problem(400).contains("from 1 to 1000"));
        }
    }

    #[tokio::test]
    async fn processes_out_of_reach_are_a_problem_that_says_why() {
        let answer = ask("/api/containers/shop-db-1/processes").await;
        assert_eq!(answer.problem(501), "too far away");
    }
}
