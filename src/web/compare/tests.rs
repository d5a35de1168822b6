//! What is answered, to whom, and what is refused.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::history::{Ask, Bin, Line, Query, Wanted};
use crate::prometheus::QueryError;
use crate::web::Surroundings;
use crate::web::fixture::{self, get};

/// Half a core before ten o'clock and a whole one after it, of whoever is asked for; and who that
/// was.
#[derive(Debug, Default)]
struct Deployed(Mutex<Vec<Whom>>);

const PATH: &str = "/api/analytics/compare?at=2026-01-01T10:00:00Z";

impl Query for Deployed {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        self.0.lock().unwrap().push(wanted.whom.clone());
        let at: Timestamp = "2026-01-01T10:00:00Z".parse().unwrap();
        let level = if wanted.from < at.as_millisecond() { 0.5 } else { 1.0 };
        let steps = (wanted.to - wanted.from) / wanted.step_ms;
        let points = (1..=steps).map(|step| (wanted.from + step * wanted.step_ms, level)).collect();
        let is_known = wanted.measure.name == "cpu_usage_cores"
            && wanted.whom.container.as_deref().is_none_or(|name| name == "shop-api-1");
        let line = Line { labels: Default::default(), points };
        Box::pin(async move { Ok(if is_known { vec![line] } else { Vec::new() }) })
    }
}

fn context(deployed: Arc<dyn Query>) -> Arc<Context> {
    let context = Arc::into_inner(fixture::context()).unwrap();
    context.set_surroundings(Surroundings { history: Some(deployed), ..Surroundings::default() });
    Arc::new(context)
}

#[tokio::test]
async fn what_came_after_an_event_is_held_to_what_was_before() {
    let context = context(Arc::new(Deployed::default()));
    let answer = get(&context, PATH, &[]).await.json();
    assert_eq!((&answer["verdict"], &answer["source"]), (&json!("regression"), &json!("prometheus")));
    assert_eq!(answer["before"], json!({"from": "2026-01-01T09:00:00Z", "to": "2026-01-01T10:00:00Z"}));
    let cpu = &answer["metrics"][0];
    assert_eq!((&cpu["metric"], &cpu["verdict"]), (&json!("cpu_usage_cores"), &json!("worse")));
    assert_eq!(cpu["before"], json!({"median": 0.5, "samples": 60}));
    assert_eq!((&cpu["change_ratio"], &cpu["usual_change_ratio"]), (&json!(1.0), &json!(0.0)));
    let short = get(&context, &format!("{PATH}&window=20m"), &[]).await.json();
    assert_eq!(short["verdict"], "not_enough_data");
}

#[tokio::test]
async fn a_tenant_compares_only_what_is_his() {
    let deployed = Arc::new(Deployed::default());
    let context = context(deployed.clone());
    get(&context, &format!("{PATH}&project=other"), &[("authorization", "Bearer bound")]).await.json();
    let asked = deployed.0.lock().unwrap();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|whom| !whom.tenants.is_empty()), "{asked:?}");
}

#[tokio::test]
async fn every_mistake_is_said_with_what_to_do() {
    let context = context(Arc::new(Deployed::default()));
    for (query, words) in [
        ("at=noon", "neither a date"),
        ("before=2026-01-01/2026-01-02", "both `before` and `after`"),
        ("at=2026-01-01&window=soon", "such as `30d`"),
        ("earlier_days=99", "from 0 to 28"),
        ("least_effect=much", "such as `0.1` or `10%`"),
        ("window=1h&window=2h", "more than once"),
    ] {
        let detail = get(&context, &format!("/api/analytics/compare?{query}"), &[]).await.problem(400);
        assert!(detail.contains(words), "{query}: {detail}");
    }
    let detail = get(&context, &format!("{PATH}&container=nobody"), &[]).await.problem(404);
    assert!(detail.contains("nothing is known of a container `nobody`"), "{detail}");
}
