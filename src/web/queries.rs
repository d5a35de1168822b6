//! The slowest statements: `GET /api/queries/slow`.
//!
//! They have no values, but say what a program does, so the route needs a login, also on
//! loopback.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::Serialize;

use super::Context;
use super::current::Time;
use super::problem::{Kind, Problem};
use super::view::View;
use crate::sql::slow::{SlowQuery, Source};
use crate::tenant::LabelValue;

/// Statements that are shown if nothing is said.
const LIMIT: usize = 100;

/// The most that are shown.
const MOST: usize = 1000;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct Slow {
    timestamp: Time,
    bound_seconds: f64,
    total: usize,
    queries: Vec<Row>,
}

/// One statement.
#[derive(Debug, Serialize)]
struct Row {
    fingerprint: String,
    query: String,
    summary: String,
    query_type: &'static str,
    tables: Vec<String>,
    system: LabelValue,
    user: LabelValue,
    project: LabelValue,
    team: LabelValue,
    #[serde(flatten)]
    source: Seen,
    count: u64,
    total_seconds: f64,
    mean_seconds: f64,
    max_seconds: f64,
    last_seconds: f64,
    first_seen: Time,
    last_seen: Time,
}

/// Where it was seen.
#[derive(Debug, Serialize)]
#[serde(tag = "source", rename_all = "lowercase")]
enum Seen {
    Program { service: LabelValue },
    Server { server: LabelValue, database: LabelValue },
}

impl From<Source> for Seen {
    fn from(source: Source) -> Self {
        match source {
            Source::Program { service } => Seen::Program { service },
            Source::Server { server, database } => Seen::Server { server, database },
        }
    }
}

impl From<SlowQuery> for Row {
    fn from(query: SlowQuery) -> Self {
        Row {
            fingerprint: format!("{:016x}", query.fingerprint),
            query: query.text,
            summary: query.summary,
            query_type: query.kind.as_str(),
            tables: query.tables,
            system: query.system,
            user: query.tenant.user,
            project: query.tenant.project,
            team: query.tenant.team,
            source: query.source.into(),
            count: query.calls.count,
            total_seconds: query.calls.total,
            mean_seconds: query.calls.total / query.calls.count as f64,
            max_seconds: query.calls.max,
            last_seconds: query.calls.last,
            first_seen: Time(query.first_seen),
            last_seen: Time(query.last_seen),
        }
    }
}

/// Which statement comes first.
type Order = fn(&SlowQuery, &SlowQuery) -> Ordering;

/// What can be sorted by; the first if nothing is said.
const ORDERS: [(&str, Order); 4] = [
    ("total", |a, b| b.calls.total.total_cmp(&a.calls.total)),
    ("max", |a, b| b.calls.max.total_cmp(&a.calls.max)),
    ("count", |a, b| b.calls.count.cmp(&a.calls.count)),
    ("last_seen", |a, b| b.last_seen.cmp(&a.last_seen)),
];

/// `GET /api/queries/slow?sort=total,max,count,last_seen&limit=100&user=&project=&team=`
pub(super) async fn slow(
    State(context): State<Arc<Context>>,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Slow>, Problem> {
    let (order, limit) = asked(&query)?;
    let (receiver, _) = context.programs()?;
    let (list, now) = (receiver.slow_queries(), Timestamp::now());
    let mut queries = list.list(|tenant| view.narrowing().admits(tenant), now);
    // The rest of the order is fixed, so that equal ones do not change places.
    queries.sort_by(|a, b| order(a, b).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    Ok(Json(Slow {
        timestamp: Time(now),
        bound_seconds: list.bound().as_secs_f64(),
        total: queries.len(),
        queries: queries.into_iter().take(limit).map(Row::from).collect(),
    }))
}

/// What the parameters ask for; of one that is given twice the first counts.
fn asked(query: &[(String, String)]) -> Result<(Order, usize), Problem> {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let refuse = |detail: String| Problem::new(Kind::BadRequest, detail);
    let word = value("sort").unwrap_or(ORDERS[0].0);
    let Some((_, order)) = ORDERS.into_iter().find(|(name, _)| *name == word) else {
        let words = ORDERS.map(|(word, _)| format!("`{word}`")).join(", ");
        return Err(refuse(format!("cannot sort by `{word}`; `sort` is one of {words}")));
    };
    let limit = value("limit").map_or(Ok(LIMIT), |text| {
        let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        limit.ok_or_else(|| refuse(format!("`limit` is a whole number from 1 to {MOST}")))
    })?;
    Ok((order, limit))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sql::slow::{Caller, Calls, SlowQueries};
    use crate::sql::{Dialect, sanitise};
    use crate::tenant::Tenant;
    use crate::web::fixture::{self, request, send};

    /// Asks from loopback with a token of the fixture, which has two statements of ann's and one
    /// of bob's.
    async fn ask(token: &str, parameters: &str) -> fixture::Answer {
        let login = [("authorization", &*format!("Bearer {token}"))];
        send(&fixture::context(), "127.0.0.1", request(&format!("/api/queries/slow{parameters}"), &login))
            .await
    }

    fn texts(answer: &Value) -> Vec<&str> {
        answer["queries"].as_array().unwrap().iter().map(|query| query["query"].as_str().unwrap()).collect()
    }

    const ORDERS: &str = "SELECT * FROM orders WHERE id = ?";
    const CARTS: &str = "UPDATE carts SET note = ?";
    const PAGES: &str = "SELECT * FROM pages";

    #[tokio::test]
    async fn the_slowest_come_first_without_their_values() {
        let answer = ask("secret", "").await.json();
        assert_eq!(texts(&answer), [PAGES, ORDERS, CARTS]);
        assert_eq!((&answer["total"], &answer["bound_seconds"]), (&json!(3), &json!(1.0)));
        let mut orders = answer["queries"][1].clone();
        let fields = orders.as_object_mut().unwrap();
        for time in ["first_seen", "last_seen"] {
            assert!(fields.remove(time).unwrap().as_str().unwrap().ends_with('Z'));
        }
        assert_eq!(fields.remove("fingerprint").unwrap().as_str().unwrap().len(), 16);
        let expected = json!({
            "query": ORDERS, "summary": "SELECT orders", "query_type": "select", "tables": ["orders"],
            "system": "postgresql", "user": "ann", "project": "shop", "team": "unknown", "source": "program", "service": "api",
            "count": 2, "total_seconds": 4.0, "mean_seconds": 2.0, "max_seconds": 2.5, "last_seconds": 1.5,
        });
        assert_eq!(orders, expected);
    }

    #[test]
    fn of_what_a_server_has_told_the_server_is_shown() {
        let list = SlowQueries::default();
        let tenant = Tenant::claimed(None, Some("shop"), None);
        let [server, database] = ["db:5432", "app"].map(LabelValue::clean);
        let source = Source::Server { server, database };
        let caller = Caller { sender: &tenant, tenant: &tenant, source: &source, system: "postgresql" };
        let statement = sanitise("SELECT 1", Dialect::PostgreSql);
        list.note(caller, &statement, Calls::one(2.0), Timestamp::UNIX_EPOCH);
        let row = list.list(|_| true, Timestamp::UNIX_EPOCH).remove(0);
        let row = serde_json::to_value(Row::from(row)).unwrap();
        let of = ["source", "server", "database", "project"].map(|key| row[key].as_str().unwrap());
        assert_eq!(of, ["server", "db:5432", "app", "shop"]);
        assert_eq!(row.get("service"), None);
    }

    #[tokio::test]
    async fn a_list_needs_a_login_also_on_loopback() {
        let without = fixture::get(&fixture::context(), "/api/queries/slow", &[]).await;
        assert!(without.problem(401).contains("loopback included"));
    }

    #[tokio::test]
    async fn a_tenant_sees_its_own() {
        assert_eq!(texts(&ask("bound", "").await.json()), [ORDERS, CARTS]);
        assert_eq!(ask("bound", "?user=bob").await.json()["total"], 0);
        assert_eq!(texts(&ask("secret", "?user=bob").await.json()), [PAGES]);
    }

    #[tokio::test]
    async fn the_order_and_the_length_can_be_asked_for() {
        assert_eq!(texts(&ask("secret", "?sort=count&limit=1").await.json()), [ORDERS]);
        assert_eq!(texts(&ask("secret", "?sort=max").await.json()), [PAGES, CARTS, ORDERS]);
        assert_eq!(ask("secret", "?limit=1").await.json()["total"], 3);
        let sort = ask("secret", "?sort=size").await.problem(400);
        assert_eq!(sort, "cannot sort by `size`; `sort` is one of `total`, `max`, `count`, `last_seen`");
        for limit in ["0", "1001", "-1", "many", ""] {
            assert!(ask("secret", &format!("?limit={limit}")).await.problem(400).contains("from 1 to 1000"));
        }
    }
}
