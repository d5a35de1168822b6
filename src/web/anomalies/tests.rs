//! What is asked for, of whom, and what is refused.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::history::{Ask, Bin, Line, Query, Wanted};
use crate::prometheus::QueryError;
use crate::web::Surroundings;
use crate::web::fixture::{self, get};

/// Knows of nothing, and remembers what it was asked.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<Wanted>>);

const PATH: &str = "/api/analytics/anomalies";

impl Query for Asked {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        self.0.lock().unwrap().push(wanted.clone());
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn context(asked: Arc<dyn Query>) -> Arc<Context> {
    let context = Arc::into_inner(fixture::context()).unwrap();
    context.set_surroundings(Surroundings { history: Some(asked), ..Surroundings::default() });
    Arc::new(context)
}

#[tokio::test]
async fn of_nothing_nothing_is_told_and_a_week_before_is_asked_for() {
    let asked = Arc::new(Asked::default());
    let context = context(asked.clone());
    let query = "from=2026-01-08&to=2026-01-09";
    let answer = get(&context, &format!("{PATH}?{query}"), &[]).await.json();
    assert_eq!(answer["rates"]["all"], json!({"unusual": 0, "series": 0, "ratio": null}));
    assert_eq!((&answer["learned_from"], &answer["series"]), (&json!("2026-01-01T00:00:00Z"), &json!(0)));
    let asked = asked.0.lock().unwrap();
    let day = 86_400_000;
    assert!(asked.iter().all(|wanted| wanted.to - wanted.from == 8 * day && wanted.step_ms == 300_000));
}

#[tokio::test]
async fn what_is_kept_here_is_asked_for_in_short_steps_alone() {
    let context = Arc::into_inner(fixture::context()).unwrap();
    context.set_surroundings(Surroundings::default());
    let history = context.history.clone().unwrap();
    let kept = Timestamp::from_millisecond(history.kept_since(300_000).unwrap()).unwrap();
    let [from, to] = [6, 7].map(|days| kept + SignedDuration::from_hours(24 * days));
    let answer = get(&Arc::new(context), &format!("{PATH}?from={from}&to={to}"), &[]).await.json();
    assert_eq!(answer["source"], "embedded");
    let learned_from: Timestamp = answer["learned_from"].as_str().unwrap().parse().unwrap();
    assert_eq!(learned_from, kept + SignedDuration::from_secs(300));
    // Some moments tell nothing of what is usual.
    assert_eq!((&answer["anomalies"], &answer["series"]), (&json!([]), &answer["not_enough_data"]));
}

#[tokio::test]
async fn a_tenant_is_told_only_of_what_is_his() {
    let asked = Arc::new(Asked::default());
    let context = context(asked.clone());
    get(&context, &format!("{PATH}?project=other"), &[("authorization", "Bearer bound")]).await.json();
    let asked = asked.0.lock().unwrap();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|wanted| !wanted.whom.tenants.is_empty()), "{asked:?}");
}

#[tokio::test]
async fn every_mistake_is_said_with_what_to_do() {
    let context = context(Arc::new(Asked::default()));
    for (query, words) in [
        ("from=noon", "neither a date"),
        ("last=soon", "such as `30d`"),
        ("last=31d", "longer than 30 days"),
        ("limit=0", "from 1 to 1000"),
        ("limit=1001", "from 1 to 1000"),
        ("last=1h&last=2h", "more than once"),
    ] {
        let detail = get(&context, &format!("{PATH}?{query}"), &[]).await.problem(400);
        assert!(detail.contains(words), "{query}: {detail}");
    }
}
