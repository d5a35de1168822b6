//! Recommendations over HTTP, and who is told which.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::history::{Ask, Bin, Line, Query, Wanted};
use crate::inventory::{EngineStorage, EngineUsage, Occupied};
use crate::prometheus::QueryError;
use crate::report::followup::ledger::Ledger;
use crate::tenant::{Binding, LabelValue};
use crate::web::Surroundings;
use crate::web::fixture::{self, get};

/// A container that uses a tenth of a core of two and 50 MiB of 2 GiB; and of whom was asked.
#[derive(Debug, Default)]
struct Oversized(Mutex<Vec<Whom>>);

const PATH: &str = "/api/analytics/recommendations";

impl Query for Oversized {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        self.0.lock().unwrap().push(wanted.whom.clone());
        let level = match wanted.measure.name {
            "cpu_usage_cores" => 0.1,
            "cpu_limit_cores" => 2.0,
            "cpu_periods" => 100.0,
            "memory_working_set_peak_bytes" => 50.0 * 1_048_576.0,
            "memory_limit_bytes" => 2048.0 * 1_048_576.0,
            "cpu_throttled_periods" | "oom_kills" | "restarts" => 0.0,
            // No program tells of anything.
            _ => return Box::pin(async { Ok(Vec::new()) }),
        };
        let steps = (wanted.to - wanted.from) / wanted.step_ms;
        let points = (1..=steps).map(|step| (wanted.from + step * wanted.step_ms, level)).collect();
        let is_known = wanted.whom.container.as_deref().is_none_or(|name| name == "shop-api-1");
        let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), ("name", "shop-api-1")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Box::pin(async move { Ok(if is_known { vec![Line { labels, points }] } else { Vec::new() }) })
    }
}

fn context(history: Arc<dyn Query>) -> Arc<Context> {
    let context = Arc::into_inner(fixture::context()).unwrap();
    context.set_surroundings(Surroundings { history: Some(history), ..Surroundings::default() });
    Arc::new(context)
}

#[tokio::test]
async fn what_is_too_large_is_told_with_the_lines_that_make_it_smaller() {
    let context = context(Arc::new(Oversized::default()));
    let answer = get(&context, &format!("{PATH}?last=7d"), &[]).await.json();
    assert_eq!((&answer["source"], &answer["containers"]), (&json!("prometheus"), &json!(1)));
    let found = answer["recommendations"].as_array().unwrap();
    let memory = found.iter().find(|found| found["kind"] == "memory_limit").unwrap();
    assert_eq!(memory["change"]["from_bytes"], 2048.0 * 1_048_576.0);
    assert_eq!(memory["action"]["lines"][0], "mem_limit: 60m");
    let cpu = found.iter().find(|found| found["kind"] == "cpu_limit").unwrap();
    assert_eq!(cpu["change"], json!({"setting": "cpu_limit", "from_cores": 2.0, "to_cores": 0.15}));
    // The size of the host is that of this one.
    assert_eq!((&answer["host"]["cpu_ratio"], &answer["host"]["containers"]), (&json!(0.5), &json!(1)));
    assert!(cpu["expires_at"].as_str().unwrap().ends_with('Z'), "{cpu}");
    assert!(cpu["evidence"][0]["from"].as_str().unwrap().ends_with('Z'), "{cpu}");
}

#[tokio::test]
async fn who_is_bound_is_told_nothing_of_the_host_and_of_others() {
    let oversized = Arc::new(Oversized::default());
    let context = context(oversized.clone());
    let bound = [("authorization", "Bearer bound")];
    let answer = get(&context, &format!("{PATH}?project=other"), &bound).await.json();
    assert_eq!(answer["host"], json!(null));
    let of_host = |found: &serde_json::Value| found["kind"] == "host_overcommit";
    assert!(!answer["recommendations"].as_array().unwrap().iter().any(of_host), "{answer}");
    assert!(!answer["not_enough_data"].as_array().unwrap().iter().any(of_host), "{answer}");
    let asked = oversized.0.lock().unwrap();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|whom| !whom.tenants.is_empty()), "{asked:?}");
}

#[tokio::test]
async fn of_a_part_nothing_is_told_of_the_host() {
    let context = context(Arc::new(Oversized::default()));
    for query in ["?project=shop", "?container=shop-api-1"] {
        let answer = get(&context, &format!("{PATH}{query}"), &[]).await.json();
        assert_eq!((&answer["host"], &answer["containers"]), (&json!(null), &json!(1)), "{query}");
    }
}

#[tokio::test]
async fn every_mistake_is_said_with_what_to_do() {
    let context = context(Arc::new(Oversized::default()));
    for (query, words) in [
        ("from=noon", "neither a date"),
        ("last=soon", "such as `30d`"),
        ("last=104w", "more than 400 days"),
        ("last=10s", "is not a minute"),
        ("last=1d&last=2d", "more than once"),
    ] {
        let detail = get(&context, &format!("{PATH}?{query}"), &[]).await.problem(400);
        assert!(detail.contains(words), "{query}: {detail}");
    }
    let detail = get(&context, &format!("{PATH}?container=nobody"), &[]).await.problem(404);
    assert!(detail.contains("nothing is known of a container `nobody`"), "{detail}");
}

#[test]
fn what_the_engine_says_of_a_container_is_known_besides() {
    let mut container = fixture::container("3f", "shop-api-1", crate::tenant::Tenant::unknown());
    container.labels.insert(COMPOSE_SERVICE.to_owned(), "api".to_owned());
    container.labels.insert("dockmeter.cpu.reservation".to_owned(), "0.5".to_owned());
    container.engine_resources.reservations.memory_bytes = Some(64 << 20);
    let (labels, known) = known(&container);
    assert_eq!(labels["name"], "shop-api-1");
    assert_eq!(known.compose_service.as_deref(), Some("api"));
    assert_eq!(known.cpu_reserved_cores, Some(0.5));
    assert_eq!(known.memory_reserved_bytes, Some(67_108_864.0));
}

fn found<'a>(answer: &'a serde_json::Value, kind: &str) -> Vec<&'a serde_json::Value> {
    let all = answer["recommendations"].as_array().unwrap().iter();
    all.filter(|found| found["kind"] == kind).collect()
}

#[tokio::test]
async fn settings_that_running_containers_lack_are_told_to_those_who_see_them() {
    let context = context(Arc::new(Oversized::default()));
    let names = |answer: &serde_json::Value| -> Vec<String> {
        let policies = found(answer, "restart_policy").into_iter();
        policies.map(|one| one["scope"]["container"].as_str().unwrap().to_owned()).collect()
    };
    let all = get(&context, PATH, &[]).await.json();
    assert_eq!(names(&all), ["shop-api-1", "shop-db-1"]);
    let own = get(&context, PATH, &[("authorization", "Bearer bound")]).await.json();
    assert_eq!(names(&own), ["shop-api-1"]);
    let lines = &found(&own, "restart_policy")[0]["action"]["lines"];
    assert_eq!(lines, &json!(["restart: unless-stopped"]));
    let one = get(&context, &format!("{PATH}?container=shop-db-1"), &[]).await.json();
    assert_eq!(names(&one), ["shop-db-1"]);
    // It has a health check; the other one says no port.
    assert!(found(&all, "health_check").is_empty());
    let none = all["not_enough_data"].as_array().unwrap().iter();
    let none: Vec<_> = none.filter(|none| none["kind"] == "health_check").collect();
    assert_eq!((none.len(), &none[0]["scope"]["container"]), (1, &json!("shop-db-1")));
}

#[tokio::test]
async fn what_nothing_needs_is_told_to_who_asks_for_everything_alone() {
    let occupied = Occupied { bytes: Some(90 << 30), reclaimable_bytes: Some(80 << 30) };
    let usage = EngineUsage {
        measured_at: "2026-01-01T01:00:00Z".parse().unwrap(),
        images: occupied,
        containers: Occupied::default(),
        volumes: Occupied::default(),
        build_cache: Occupied::default(),
    };
    let snapshot = Snapshot {
        storage: Arc::new(EngineStorage { data_root: None, usage: Some(usage) }),
        ..fixture::snapshot()
    };
    let source = fixture::Fixed { hangs: false, latest: Some(Arc::new(snapshot)) };
    let binding = Binding { user: Some(LabelValue::clean("ann")), ..Binding::default() };
    let token = crate::config::Token { binding, ..fixture::token("bound", &[crate::config::Scope::Read]) };
    let access = crate::web::access::Access::new(vec![], vec![token], vec![]);
    let context = fixture::context_of(source, access, 0);
    let history: Arc<dyn Query> = Arc::new(Oversized::default());
    context.set_surroundings(Surroundings { history: Some(history), ..Surroundings::default() });
    let all = get(&context, PATH, &[]).await.json();
    let images = found(&all, "reclaim")[0];
    assert_eq!(images["action"]["command"], "docker image prune --all --filter until=168h");
    assert_eq!(images["scope"], json!({}));
    let bound = [("authorization", "Bearer bound")];
    for (path, headers) in [
        (format!("{PATH}?user=bob"), &[][..]),
        (format!("{PATH}?container=shop-api-1"), &[]),
        (PATH.to_owned(), &bound),
    ] {
        let answer = get(&context, &path, headers).await.json();
        assert!(found(&answer, "reclaim").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn what_was_said_before_is_followed_up_for_whose_it_is() {
    let said = |user: &str| {
        let id = format!("cpu_limit/{user}/shop/core//shop-api-1");
        json!({
            "id": id, "kind": "cpu_limit", "sentence": "lower it",
            "scope": {"user": user, "project": "shop", "team": "core", "container": "shop-api-1"},
            "change": {"setting": "cpu_limit", "from_cores": 4.0, "to_cores": 2.0},
            "evidence": [], "verify": {"promql": "up", "expect": "1"},
            "recommended_at_ms": Timestamp::now().as_millisecond() - 3 * 86_400_000,
            "said_at_ms": Timestamp::now().as_millisecond(),
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let page = json!({"version": 1, "recommendations": [said("ann"), said("bob")]});
    std::fs::write(folder.path().join("recommendations.json"), page.to_string()).unwrap();
    let context = Arc::into_inner(context(Arc::new(Oversized::default()))).unwrap();
    let context = Arc::new(context.with_ledger(Ledger::open(Some(folder.path()))));
    let followed = async |headers: &[(&str, &str)]| -> Vec<(String, String)> {
        let answer = get(&context, PATH, headers).await.json();
        let all = answer["followed_up"].as_array().unwrap().iter();
        all.map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("id"), text("outcome"))
        })
        .collect()
    };
    let ann = ("cpu_limit/ann/shop/core//shop-api-1".to_owned(), "effect_came".to_owned());
    let bob = ("cpu_limit/bob/shop/core//shop-api-1".to_owned(), "not_known".to_owned());
    assert_eq!(followed(&[]).await, [ann.clone(), bob]);
    assert_eq!(followed(&[("authorization", "Bearer bound")]).await, [ann]);
    // What is said now was written beside it.
    let written = crate::report::followup::ledger::read(folder.path()).unwrap();
    assert!(written.iter().any(|entry| entry.id.starts_with("memory_limit/ann/")), "{written:?}");
}

#[tokio::test]
async fn what_is_said_of_another_time_is_not_remembered() {
    let context = context(Arc::new(Oversized::default()));
    get(&context, &format!("{PATH}?from=2026-01-01&to=2026-01-08"), &[]).await.json();
    get(&context, &format!("{PATH}?last=12h"), &[]).await.json();
    assert!(context.ledger.entries(Timestamp::now().as_millisecond()).is_empty());
    look(&context).await.ok().unwrap();
    assert!(!context.ledger.entries(Timestamp::now().as_millisecond()).is_empty());
}
