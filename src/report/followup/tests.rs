//! A limit that was raised and one that was not, a pool that was made larger, and who is told of it.

use futures_util::future::BoxFuture;

use super::*;
use crate::analysis::finding::{Evidence, Window};
use crate::analysis::recommendation::{Verify, id};
use crate::history::{Ask, Bin, Wanted};
use crate::report::advice::Looked;
use crate::report::rightsize::{Known, Options};
use crate::tenant::{Dimension, Narrowing};

const DAY_MS: i64 = 86_400_000;

/// When things were recommended, and two days later changed.
const SAID: i64 = 1_767_225_600_000;
const CHANGED: i64 = SAID + 2 * DAY_MS;

/// What changed at `CHANGED`.
#[derive(Debug, Default)]
struct Host;

impl Query for Host {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        let value = |name: &str, at: i64| -> Option<f64> {
            let is_after = at > CHANGED;
            // Once a day it was killed.
            let is_noon = at.rem_euclid(DAY_MS) == DAY_MS / 2;
            match (wanted.measure.name, name) {
                ("memory_working_set_peak_bytes", "raised" | "same") => Some(90e6),
                ("cpu_limit_cores", "raised") => Some(if is_after { 0.8 } else { 0.5 }),
                ("cpu_limit_cores", "same") => Some(0.5),
                ("memory_limit_bytes", "raised") => is_after.then_some(128e6),
                ("cpu_periods", "raised") => Some(100.0),
                ("cpu_throttled_periods", "raised") => Some(if is_after { 1.0 } else { 40.0 }),
                ("oom_kills", "raised") => Some(f64::from(is_noon && !is_after)),
                ("db_connections_max", "api") => Some(if is_after { 17.0 } else { 10.0 }),
                ("db_connections_used_ratio", "api") => Some(if is_after { 0.6 } else { 0.95 }),
                _ => None,
            }
        };
        let is_wanted = |name: &str| {
            wanted.whom.container.as_deref().or(wanted.whom.service.as_deref()).is_none_or(|one| one == name)
        };
        let line = |name: &str| {
            let steps = (wanted.to - wanted.from) / wanted.step_ms;
            let at = |step: i64| wanted.from + step * wanted.step_ms;
            let points = (1..=steps).filter_map(|step| Some((at(step), value(name, at(step))?)));
            let mut labels = labels(&scope(name));
            if name == "api" {
                labels = [pool_labels(&pool()), [("instance".to_owned(), "a:1".to_owned())].into()]
                    .into_iter()
                    .flatten()
                    .collect();
            }
            Line { labels, points: points.collect() }
        };
        let lines = ["raised", "same", "api"].into_iter().filter(|name| is_wanted(name)).map(line);
        let lines = lines.filter(|line| !line.points.is_empty()).collect();
        Box::pin(async move { Ok(lines) })
    }
}

fn scope(container: &str) -> Scope {
    Scope {
        user: Some("ann".into()),
        project: Some("shop".into()),
        team: Some("core".into()),
        service: None,
        container: Some(container.into()),
    }
}

fn entry(kind: Kind, scope: Scope, subject: Option<&str>, change: Option<Change>) -> Entry {
    let evidence = |metric: &str, value, threshold| Evidence {
        metric: metric.into(),
        value,
        threshold: Some(threshold),
        window: Window { from: 0, to: 1 },
        samples: 1,
    };
    Entry {
        id: id(kind, &scope, subject),
        kind,
        scope,
        sentence: "change it".into(),
        change,
        evidence: vec![evidence("throttled", 0.4, 0.05)],
        verify: Verify { promql: String::new(), expect: String::new() },
        recommended_at_ms: SAID,
        said_at_ms: SAID,
    }
}

fn cores(container: &str) -> Entry {
    let change = Change::CpuLimit { from_cores: Some(0.5), to_cores: 0.8 };
    entry(Kind::CpuLimit, scope(container), None, Some(change))
}

fn pool() -> Entry {
    let scope = Scope { service: Some("api".into()), container: None, ..scope("") };
    let change = Change::PoolSize { from_connections: Some(10.0), to_connections: 17.0 };
    entry(Kind::PoolSize, scope, Some("main"), Some(change))
}

fn report(whom: Whom) -> Rightsized {
    let period = Period { from: time(SAID), to: time(SAID + 5 * DAY_MS) };
    let labels = labels(&scope("raised"));
    let known = Known { cpu_reserved_cores: Some(0.4), ..Known::default() };
    let with_host = whom.tenants.is_empty() && whom.container.is_none();
    Rightsized {
        options: Options {
            whom,
            period,
            host: None,
            known: [(labels, known)].into(),
            with_host,
            beside: Looked::default(),
        },
        source: "prometheus",
        step_s: 300,
        containers: 2,
        overcommit: None,
        hosts: Vec::new(),
        recommendations: Vec::new(),
        not_enough_data: Vec::new(),
        values: BTreeMap::new(),
        followed_up: Vec::new(),
    }
}

async fn followed(entries: Vec<Entry>) -> Vec<(String, Outcome)> {
    let found = follow(&Host, entries, &report(Whom::default()), time(SAID + 5 * DAY_MS)).await.unwrap();
    found.into_iter().map(|one| (one.entry.id, one.found.outcome)).collect()
}

async fn outcome(entry: Entry) -> Outcome {
    followed(vec![entry]).await[0].1
}

#[tokio::test]
async fn a_limit_that_was_raised_is_told_with_what_came_of_it() {
    let found = follow(&Host, vec![cores("raised")], &report(Whom::default()), time(SAID + 5 * DAY_MS))
        .await
        .unwrap();
    let json = serde_json::to_value(&found[0]).unwrap();
    assert_eq!(json["outcome"], "effect_came", "{json}");
    assert_eq!(json["sentence"], "applied, and it helped: 40 % before and 1 % after");
    assert_eq!(json["recommended_at"], "2026-01-01T00:00:00Z");
    assert_eq!(json["applied_at"], "2026-01-03T00:05:00Z");
    assert_eq!((&json["before"], &json["after"]), (&0.4.into(), &0.01.into()));
}

#[tokio::test]
async fn a_limit_that_is_as_it_was_is_not_applied_and_what_is_gone_is_not_known() {
    assert_eq!(outcome(cores("same")).await, Outcome::NotApplied);
    assert_eq!(outcome(cores("gone")).await, Outcome::NotKnown);
}

#[tokio::test]
async fn a_first_limit_of_memory_is_held_to_the_kills() {
    let change = Change::MemoryLimit { from_bytes: None, to_bytes: 128e6 };
    let memory = entry(Kind::MemoryLimit, scope("raised"), None, Some(change));
    assert_eq!(outcome(memory).await, Outcome::EffectCame);
    let same = entry(Kind::MemoryLimit, scope("same"), None, Some(change));
    assert_eq!(outcome(same).await, Outcome::NotApplied);
}

#[tokio::test]
async fn a_pool_is_held_to_the_share_of_it_that_is_in_use() {
    assert_eq!(outcome(pool()).await, Outcome::EffectCame);
}

#[tokio::test]
async fn what_is_set_aside_is_what_the_engine_says_now() {
    let reservation = |container: &str, to_cores: f64| {
        let change = Change::CpuReservation { from_cores: Some(1.0), to_cores };
        entry(Kind::CpuReservation, scope(container), None, Some(change))
    };
    assert_eq!(outcome(reservation("raised", 0.4)).await, Outcome::Applied);
    assert_eq!(outcome(reservation("raised", 0.2)).await, Outcome::NotApplied);
    assert_eq!(outcome(reservation("same", 0.4)).await, Outcome::NotKnown);
}

#[tokio::test]
async fn what_has_no_setting_is_what_it_is_now_and_what_is_new_waits() {
    let check = entry(Kind::HealthCheck, scope("raised"), None, None);
    assert_eq!(outcome(check.clone()).await, Outcome::NotKnown);
    let mut report = report(Whom::default());
    report.values.insert(check.id.clone(), 1.0);
    let now = time(SAID + DAY_MS);
    let found = follow(&Host, vec![check.clone()], &report, now).await.unwrap();
    assert_eq!(found[0].found.outcome, Outcome::Applied);
    let soon = time(SAID + 60_000);
    assert!(follow(&Host, vec![check], &report, soon).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_is_told_of_what_is_another_s() {
    let host = entry(Kind::Reclaim, Scope::default(), Some("images"), None);
    let entries = vec![cores("raised"), cores("same"), pool(), host];
    let narrowed = |project: &str| Whom {
        tenants: Narrowing::default().to(Dimension::Project, [project.to_owned()]),
        ..Whom::default()
    };
    let now = time(SAID + 5 * DAY_MS);
    for (whom, many) in [
        (Whom::default(), 4),
        (narrowed("shop"), 3),
        (narrowed("blog"), 0),
        (Whom { container: Some("same".into()), ..Whom::default() }, 1),
        (Whom { service: Some("api".into()), ..Whom::default() }, 1),
    ] {
        let mut report = report(whom);
        report.options.with_host &= report.options.whom.service.is_none();
        let found = follow(&Host, entries.clone(), &report, now).await.unwrap();
        assert_eq!(found.len(), many, "{:?}", report.options.whom);
    }
}
