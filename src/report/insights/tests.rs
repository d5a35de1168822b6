//! What is found in made-up answers of a history, whose it is, and what happened near it.

use futures_util::future::BoxFuture;

use super::gather::Labels;
use super::*;
use crate::analysis::bottleneck::Kind;
use crate::history::{Ask, Bin, Line, Measure, Wanted};
use crate::report::Format;
use crate::tenant::{Dimension, Narrowing};

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// The end of what is looked at, and when something went wrong.
const TO: i64 = 8 * HOUR_MS;
const WRONG: i64 = TO - 20 * MINUTE_MS;

type Value = fn(i64) -> f64;

/// Lines by the name of their measure.
#[derive(Debug, Default)]
struct Made(Vec<(&'static str, Labels, Value)>);

impl Query for Made {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        let steps = wanted.from / wanted.step_ms + 1..=wanted.to / wanted.step_ms;
        let line = |(_, labels, value): &(&str, Labels, Value)| Line {
            labels: labels.clone(),
            points: steps.clone().map(|step| step * wanted.step_ms).map(|at| (at, value(at))).collect(),
        };
        let lines = self.0.iter().filter(|(name, ..)| *name == wanted.measure.name).map(line).collect();
        Box::pin(async move { Ok(lines) })
    }
}

fn labels(text: &str) -> Labels {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split(',').filter_map(pair).collect()
}

const SHOP: &str = "user=ann,project=shop,team=core";

impl Made {
    fn and(mut self, measure: &Measure, of: &str, value: Value) -> Self {
        self.0.push((measure.name, labels(of), value));
        self
    }

    /// A container of the shop with half a core.
    fn shop(instance: &str) -> Self {
        let container = format!("{SHOP},name=shop-1,instance={instance}");
        Made::default().and(&insight::CPU, &container, |_| 0.5)
    }
}

fn options(whom: Whom) -> Options {
    let time = |at| jiff::Timestamp::from_millisecond(at).unwrap();
    let period = Period { from: time(TO - 6 * HOUR_MS), to: time(TO) };
    Options { with_host: whom.tenants.is_empty(), whom, period, limit: LIMIT }
}

async fn found(made: Made) -> Insights {
    report(&made, options(Whom::default()), &mut |_| ()).await.unwrap()
}

fn since(at: i64, before: f64, wrong: f64) -> f64 {
    // A little up and down, so that ranks can be told.
    let wave = 1.0 + (at / MINUTE_MS % 7) as f64 / 100.0;
    if at > WRONG { wrong * wave } else { before * wave }
}

#[tokio::test]
async fn of_nothing_nothing_is_told() {
    let none = found(Made::default()).await;
    assert!(none.findings.is_empty());
    assert!(none.page(Format::Text).starts_with("Nothing holds requests up"));
}

#[tokio::test]
async fn a_bad_deploy_is_the_possible_cause_of_what_fails_since() {
    let (service, route) = (
        format!("{SHOP},service=api,instance=a"),
        format!("{SHOP},service=api,instance=a,method=GET,route=/x"),
    );
    let container = format!("{SHOP},name=shop-1,instance=a");
    let made = Made::shop("a")
        .and(&insight::REQUESTS, &service, |_| 10.0)
        .and(&insight::BUSY, &service, |_| 1.0)
        .and(&insight::FAILURES, &service, |at| since(at, 0.0, 4.0))
        .and(&insight::ROUTE_REQUESTS, &route, |_| 10.0)
        .and(&insight::ROUTE_FAILURES, &route, |at| since(at, 0.0, 4.0))
        .and(&insight::STARTED, &format!("{container},image_id=old"), |_| 100.0)
        .and(&insight::STARTED, &format!("{container},image_id=new"), |_| {
            (WRONG - MINUTE_MS) as f64 / 1000.0
        });
    let told = found(made).await;
    let first = &told.findings[0].found;
    assert_eq!((first.kind, first.subject.as_deref()), (Kind::ErrorCluster, Some("GET /x")));
    assert_eq!(first.possible_causes[0].what, "a deploy of `shop-1`");
    let requests = told.summary.requests.unwrap();
    assert_eq!((requests.count, requests.average_response_seconds), (216_000.0, Some(0.1)));
    let markdown = told.page(Format::Markdown);
    assert!(markdown.contains("- whose: ann / shop / core / api\n"), "{markdown}");
    assert!(markdown.contains("| 216000 |"), "{markdown}");
}

#[tokio::test]
async fn containers_of_two_hosts_neither_wait_for_nor_disturb_each_other() {
    let noisy = "user=bob,project=batch,team=data,name=batch-1";
    let waiting = |made: Made, of: &str| made.and(&insight::CPU_WAITING, of, |at| since(at, 0.01, 0.3));
    let of = |host: &str| format!("{SHOP},name=shop-1,instance={host}");
    let made = waiting(Made::shop("a"), &of("a"))
        .and(&insight::CPU, &format!("{noisy},instance=b"), |at| since(at, 0.1, 3.0));
    let told = found(made).await;
    let kinds: Vec<Kind> = told.findings.iter().map(|finding| finding.found.kind).collect();
    assert_eq!(kinds, [Kind::CoreWait]);
    assert_eq!(told.findings[0].host.as_deref(), Some("a"));

    let made = waiting(Made::shop("a"), &of("a"))
        .and(&insight::CPU, &format!("{noisy},instance=a"), |at| since(at, 0.1, 3.0));
    let told = found(made).await;
    let kinds: Vec<Kind> = told.findings.iter().map(|finding| finding.found.kind).collect();
    assert_eq!(kinds, [Kind::NoisyNeighbour, Kind::CoreWait]);
    assert_eq!(told.findings[0].host, None);
}

#[tokio::test]
async fn a_tenant_is_told_of_his_own_though_everything_is_looked_at() {
    let shop = format!("{SHOP},name=shop-1,instance=a");
    let noisy = "user=bob,project=batch,team=data,name=batch-1,instance=a";
    let made = || {
        Made::shop("a").and(&insight::CPU_WAITING, &shop, |at| since(at, 0.01, 0.3)).and(
            &insight::CPU,
            noisy,
            |at| since(at, 0.1, 3.0),
        )
    };
    for (project, kind) in [("shop", Kind::CoreWait), ("batch", Kind::NoisyNeighbour)] {
        let tenants = Narrowing::default().to(Dimension::Project, [project.to_owned()]);
        let whom = Whom { tenants, ..Whom::default() };
        let told = report(&made(), options(whom), &mut |_| ()).await.unwrap();
        let kinds: Vec<Kind> = told.findings.iter().map(|finding| finding.found.kind).collect();
        assert_eq!(kinds, [kind]);
        let other = if project == "shop" { "batch" } else { "shop" };
        assert!(!told.page(Format::Json).contains(other));
    }
}

#[tokio::test]
async fn statements_pools_and_locks_are_told_by_their_names() {
    let database = "user=bob,project=mail,team=core,server=db:5432,instance=a,datname=mail";
    let statement = format!("{database},queryid=42");
    let text =
        "user=bob,project=mail,team=core,server=db:5432,instance=a,queryid=42,query=SELECT * FROM letters";
    let pool = format!("{SHOP},service=api,instance=a,db_client_connection_pool_name=main");
    let made = Made::default()
        .and(&insight::CALLS, &statement, |_| 2.0)
        .and(&insight::CALL_SECONDS, &statement, |at| since(at, 0.01, 6.0))
        .and(&insight::TEXTS, text, |_| 1.0)
        .and(&insight::LOCK_SECONDS, database, |at| since(at, 0.0, 12.0))
        .and(&insight::LOCK_WAITERS, database, |at| since(at, 0.0, 3.0))
        .and(&insight::POOL_WAITING, &pool, |at| since(at, 0.0, 4.0));
    let told = found(made).await;
    let named = |kind| {
        let found = told.findings.iter().find(|finding| finding.found.kind == kind).unwrap();
        (found.found.subject.clone().unwrap(), found.found.sentence.clone())
    };
    let (id, sentence) = named(Kind::SlowStatement);
    assert_eq!(id, "42");
    assert!(sentence.starts_with("`SELECT * FROM letters` has taken 3.1 s a call"), "{sentence}");
    assert_eq!(named(Kind::LockWait).0, "db:5432/mail");
    assert_eq!(named(Kind::PoolLimit).0, "main");
}

#[tokio::test]
async fn kills_and_restarts_are_told_where_no_starts_are_known() {
    let container = format!("{SHOP},name=shop-1,instance=a");
    let made = Made::shop("a").and(&insight::KILLS, &container, |at| f64::from(at == WRONG)).and(
        &insight::RESTARTS,
        &container,
        |at| f64::from((WRONG - 10 * MINUTE_MS..WRONG).contains(&at)),
    );
    let told = found(made).await;
    let kinds: Vec<Kind> = told.findings.iter().map(|finding| finding.found.kind).collect();
    assert_eq!(kinds, [Kind::CrashLoop, Kind::MemoryPressure]);
}
