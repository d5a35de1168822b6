//! What is asked for, who is told what, and what is refused.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::json;

use super::*;
use crate::history::{Ask, Bin, Line, Query, Wanted};
use crate::prometheus::QueryError;
use crate::web::Surroundings;
use crate::web::fixture::{self, get};

const PATH: &str = "/api/analytics/insights";

/// Two containers of two tenants that their limits hold back, and a host with too many tasks.
#[derive(Debug)]
struct Busy;

impl Query for Busy {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        let container = |user: &str, project: &str, name: &str| {
            labels(&[
                ("user", user),
                ("project", project),
                ("team", "core"),
                ("name", name),
                ("instance", "a:1"),
            ])
        };
        let containers = [container("ann", "shop", "shop-1"), container("bob", "blog", "blog-1")];
        let host = [labels(&[("instance", "a:1")])];
        let (whose, value): (&[_], f64) = match wanted.measure.name {
            "cpu_usage_cores" => (&containers, 0.5),
            "cpu_throttled_periods_ratio" => (&containers, 0.6),
            "load_per_core" => (&host, 5.0),
            _ => (&[], 0.0),
        };
        let times = (wanted.from / 60_000 + 1..=wanted.to / 60_000).map(|minute| (minute * 60_000, value));
        let points: Vec<(i64, f64)> = times.collect();
        let lines = whose.iter().map(|labels| Line { labels: labels.clone(), points: points.clone() });
        let lines = lines.collect();
        Box::pin(async move { Ok(lines) })
    }
}

fn labels(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn context() -> Arc<Context> {
    let context = Arc::into_inner(fixture::context()).unwrap();
    context.set_surroundings(Surroundings { history: Some(Arc::new(Busy)), ..Surroundings::default() });
    Arc::new(context)
}

async fn kinds(query: &str, headers: &[(&str, &str)]) -> Vec<String> {
    let answer = get(&context(), &format!("{PATH}?{query}"), headers).await.json();
    let told = answer["findings"].as_array().unwrap().iter();
    told.map(|finding| {
        let name = finding["scope"]["container"].as_str().unwrap_or("the host");
        format!("{} of {name}", finding["kind"].as_str().unwrap())
    })
    .collect()
}

#[tokio::test]
async fn everybody_is_told_of_what_is_his_and_the_unbound_of_the_host() {
    let all = ["throttling of shop-1", "throttling of blog-1", "host_saturation of the host"];
    assert_eq!(kinds("", &[]).await, all);
    assert_eq!(kinds("project=blog", &[]).await, ["throttling of blog-1"]);
    assert_eq!(kinds("container=shop-1", &[]).await, ["throttling of shop-1"]);
    assert_eq!(kinds("service=api", &[]).await, [""; 0]);
    // Everything is looked at, and told is what is bound.
    let bound = [("authorization", "Bearer bound")];
    assert!(kinds("", &bound).await.iter().all(|told| !told.contains("host")));
    assert_eq!(kinds("project=blog", &bound).await, [""; 0]);
}

#[tokio::test]
async fn a_finding_has_times_evidence_and_what_to_do() {
    let answer = get(&context(), &format!("{PATH}?limit=1"), &[]).await.json();
    let found = &answer["findings"][0];
    assert_eq!((&answer["left_out"], &found["severity"]), (&json!(2), &json!("high")));
    assert!(found["since"].as_str().unwrap().ends_with('Z'));
    assert_eq!(found["evidence"][0]["threshold"], 0.5);
    assert!(found["next_step"].as_str().unwrap().contains("cpus"));
    assert_eq!(answer["summary"]["containers"], 2);
    assert_eq!(answer["summary"]["requests"], json!(null));
}

#[tokio::test]
async fn every_mistake_is_said_with_what_to_do() {
    for (query, words) in [
        ("from=noon", "neither a date"),
        ("last=8d", "more than 7 days"),
        ("limit=0", "from 1 to 1000"),
        ("host=a&host=b", "more than once"),
    ] {
        let detail = get(&context(), &format!("{PATH}?{query}"), &[]).await.problem(400);
        assert!(detail.contains(words), "{query}: {detail}");
    }
}
