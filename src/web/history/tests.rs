//! What was, as those see it who may.

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::*;
use crate::history::{Bin, Counter, Gauge, Line, Query, Wanted};
use crate::web::Surroundings;
use crate::web::fixture::{self, get};

const BOUND: [(&str, &str); 1] = [("authorization", "Bearer bound")];

async fn history(query: &str) -> Value {
    get(&fixture::context(), &format!("/api/containers/{query}"), &[]).await.json()
}

#[tokio::test]
async fn points_and_their_summary_have_the_figures_of_the_samples() {
    let answer = history("shop-api-1/metrics/history").await;
    assert_eq!((&answer["interval"], &answer["interval_seconds"]), (&json!("5s"), &json!(5)));
    assert_eq!((&answer["source"], &answer["user"]), (&json!("embedded"), &json!("ann")));
    let points = answer["points"].as_array().unwrap();
    assert_eq!(points.len(), 120);
    assert_eq!(points[0]["cpu_usage_cores"], json!(null), "nothing to compare with");
    assert_eq!(points[1]["cpu_usage_cores"], json!(0.5));
    assert_eq!(points[1]["memory_working_set_bytes"], json!(500_000_000.0));
    assert_eq!(points[1]["cpu_limit_cores"], json!(0.5));
    let cpu = &answer["summary"]["cpu_usage_cores"];
    assert_eq!((&cpu["count"], &cpu["p99"], &cpu["stddev"]), (&json!(119), &json!(0.5), &json!(0.0)));
    assert_eq!(answer["totals"]["network_receive_bytes"], json!(0));
    let minutes = history("shop-api-1/metrics/history?interval=1m").await;
    let count = minutes["points"].as_array().unwrap().len();
    assert!((10..=11).contains(&count), "{count}");
    assert_eq!(minutes["summary"]["memory_usage_bytes"]["count"], json!(120), "of all samples");
}

#[tokio::test]
async fn csv_has_a_header_and_a_line_for_each_point() {
    let answer = get(&fixture::context(), "/api/containers/shop-api-1/metrics/history?format=csv", &[]).await;
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    let lines: Vec<&str> = answer.text().split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 121);
    assert!(lines[0].starts_with("timestamp,container_id,name,cpu_usage_cores,cpu_limit_cores,"));
    let cells: Vec<&str> = lines[2].split(',').collect();
    assert_eq!((cells.len(), cells[2], cells[3], cells[5]), (23, "shop-api-1", "0.5", ""));
}

#[tokio::test]
async fn a_container_that_is_gone_is_still_whose_it_was() {
    let context = fixture::context();
    let path = |name: &str| format!("/api/containers/{name}/metrics/history");
    for key in ["gone-1", &"9a".repeat(32), "9a9a"] {
        let answer = get(&context, &path(key), &BOUND).await.json();
        assert_eq!(
            (&answer["name"], &answer["points"][59]["cpu_usage_cores"]),
            (&json!("gone-1"), &json!(0.5))
        );
    }
    for key in ["gone-2", "9b", "shop-db-1", "nobody"] {
        let detail = get(&context, &path(key), &BOUND).await.problem(404);
        assert_eq!(detail, format!("no container `{key}`"));
        let detail =
            get(&context, &format!("/api/system/health/containers/{key}"), &BOUND).await.problem(404);
        assert_eq!(detail, format!("no container `{key}`"));
    }
    get(&context, &path("9"), &[]).await.problem(409);
}

#[tokio::test]
async fn how_everything_was_is_the_worst_of_each_step_and_nothing_for_a_tenant() {
    let context = fixture::context();
    let answer = get(&context, "/api/system/health/metrics?hours=1&interval=15min", &[]).await.json();
    let points = answer["points"].as_array().unwrap();
    assert!((1..=2).contains(&points.len()), "{points:?}");
    assert_eq!((&points[0]["status"], &points[0]["warning_count"]), (&json!("warning"), &json!(2)));
    assert_eq!(
        points[0]["domains"],
        json!({"containers": {"status": "warning", "warning_count": 2}, "host": {"status": "healthy", "warning_count": 0}})
    );
    assert_eq!((&points[0]["cpu_ratio"], &points[0]["disk_ratio"]), (&json!(0.25), &json!(null)));
    let last = points.last().unwrap();
    assert_eq!((&last["load1"], &last["memory_total_bytes"]), (&json!(0.5), &json!(null)));
    assert_eq!(last["network_receive_bytes_per_second"], json!(1_000.0));
    for interval in ["1min", "5min", "15min", "1hour"] {
        let path = format!("/api/system/health/metrics?hours=168&interval={interval}");
        assert_eq!(get(&context, &path, &[]).await.json()["interval"], interval);
    }
    get(&context, "/api/system/health/metrics", &BOUND).await.problem(404);
    get(&context, "/api/system/health/metrics?hours=169", &[]).await.problem(400);
}

#[tokio::test]
async fn how_a_container_was_is_told_by_periods() {
    let context = fixture::context();
    let answer = get(&context, "/api/system/health/containers/shop-api-1", &BOUND).await.json();
    let periods = answer["periods"].as_array().unwrap();
    assert_eq!(periods.len(), 1, "{periods:?}");
    assert_eq!((&periods[0]["status"], &periods[0]["health"]), (&json!("running"), &json!("healthy")));
    assert_eq!((&answer["restarts"], &answer["incidents"]), (&json!(0), &json!([])));
    assert_eq!((&answer["interval"], &answer["interval_seconds"]), (&json!("1m"), &json!(60)));
    let month = get(&context, "/api/system/health/containers/shop-api-1?hours=720", &BOUND).await.json();
    assert_eq!((&month["interval"], month["periods"].as_array().unwrap().len()), (&json!("1h"), 1));
    get(&context, "/api/system/health/containers/shop-api-1?hours=721", &[]).await.problem(400);
    let gone = get(&context, "/api/system/health/containers/gone-1", &[]).await.json();
    assert_eq!(gone["periods"].as_array().unwrap().len(), 1);
}

/// A context that keeps no history, and asks somebody if there is one.
fn without_history(elsewhere: Option<Arc<dyn Query>>) -> Arc<Context> {
    let context = Arc::into_inner(fixture::context()).unwrap().with_history(None);
    context.set_surroundings(Surroundings { history: elsewhere, ..Surroundings::default() });
    Arc::new(context)
}

/// Knows one container's memory, or is away.
#[derive(Debug)]
struct Elsewhere(bool);

impl Query for Elsewhere {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, ask: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        let Elsewhere(answers) = self;
        let (none, nothing) =
            (vec![None; Counter::Restarts as usize + 1], vec![None; Gauge::Health as usize + 1]);
        let bin = Bin { at: ask.to, elapsed_ms: 5_000, counters: none, gauges: nothing };
        let away = QueryError::Late { url: "http://prometheus:9090".into() };
        Box::pin(async move { if *answers { Ok(vec![bin]) } else { Err(away) } })
    }

    fn lines<'a>(&'a self, _: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[tokio::test]
async fn where_no_history_is_kept_prometheus_answers_or_it_is_said_what_switches_it_on() {
    let path = "/api/containers/shop-api-1/metrics/history";
    let nobody = without_history(None);
    for path in [path, "/api/system/health/metrics", "/api/system/health/containers/shop-api-1"] {
        let detail = get(&nobody, path, &[]).await.problem(404);
        assert!(detail.contains("--no-history") && detail.contains("history.enabled: true"), "{detail}");
    }
    let detail = get(&nobody, "/api/containers/gone-1/metrics/history", &[]).await.problem(404);
    assert_eq!(detail, "no container `gone-1`");
    let answer = get(&without_history(Some(Arc::new(Elsewhere(true)))), path, &[]).await.json();
    assert_eq!((&answer["source"], answer["points"].as_array().unwrap().len()), (&json!("prometheus"), 1));
    let health = "/api/system/health/containers/shop-api-1";
    let answer = get(&without_history(Some(Arc::new(Elsewhere(true)))), health, &[]).await.json();
    assert_eq!((&answer["interval"], &answer["periods"]), (&json!("1m"), &json!([])));
    for path in [path, health] {
        get(&without_history(Some(Arc::new(Elsewhere(false)))), path, &[]).await.problem(503);
    }
}
