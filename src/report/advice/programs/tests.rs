//! Three days of a service that is slow, one that fails, and one that is well; a pool at its limit and
//! one that is not; a statement that takes a second, and one that takes a millisecond.

use std::collections::BTreeMap;
use std::sync::Mutex;

use futures_util::future::BoxFuture;
use jiff::{Timestamp, ToSpan};

use super::*;
use crate::analysis::finding::Scope;
use crate::analysis::recommendation::{Answer, Kind, Recommendation};
use crate::analysis::rightsize::{Capacity, Limits, OutOfMemory};
use crate::analysis::series::Series;
use crate::history::{Ask, Bin, Line, Wanted, Whom};
use crate::report::period::Period;

/// Services and a database of shop's, and what was asked for.
#[derive(Debug, Default)]
struct Shop {
    asked: Mutex<Vec<(&'static str, i64)>>,
    is_well: bool,
}

const TEXT: &str = "SELECT * FROM orders WHERE customer = $1";

/// Each line's own labels and its value.
fn values(measure: &str) -> Vec<(Vec<(&'static str, &'static str)>, f64)> {
    let service = |values: [f64; 3]| {
        ["slow", "fails", "well"]
            .into_iter()
            .zip(values)
            .map(|(name, value)| (vec![("service", name)], value))
    };
    let route = |values: [f64; 2]| {
        [[("method", "GET"), ("route", "/list")], [("method", "POST"), ("route", "/order")]]
            .into_iter()
            .zip(values)
            .map(|(route, value)| ([vec![("service", "slow")], route.to_vec()].concat(), value))
    };
    let pool = |values: [f64; 2]| {
        ["main", "spare"]
            .into_iter()
            .zip(values)
            .map(|(name, value)| (vec![("service", "slow"), (POOL, name)], value))
    };
    let statement = |values: [f64; 2]| {
        let place = |id| vec![("server", "db:5432"), ("datname", "shop"), ("queryid", id)];
        ["1", "2"].into_iter().zip(values).map(move |(id, value)| (place(id), value))
    };
    match measure {
        "http_requests_per_second" => service([1.0, 1.0, 1.0]).collect(),
        "http_request_seconds_per_second" => service([3.0, 0.1, 0.1]).collect(),
        "http_failures_per_second" => service([0.0, 0.2, 0.01]).collect(),
        "http_route_requests_per_second" => route([0.8, 0.2]).collect(),
        "http_route_duration_mean_seconds" => route([0.5, 13.0]).collect(),
        "http_route_failures_per_second" => route([0.0, 0.0]).collect(),
        "db_query_seconds_per_second" => service([2.4, 0.0, 0.0]).collect(),
        "db_connections_active" => pool([10.0, 2.0]).collect(),
        "db_connections_max" => pool([10.0, 10.0]).collect(),
        "db_connections_pending" => pool([3.0, 0.0]).collect(),
        "statement_calls_per_second" => statement([0.1, 10.0]).collect(),
        "statement_seconds_per_second" => statement([0.1, 0.01]).collect(),
        "statement_rows_per_second" => statement([0.1, 10.0]).collect(),
        "statement_text" => {
            ["1", "2"].map(|id| (vec![("server", "db:5432"), ("queryid", id), ("query", TEXT)], 1.0)).to_vec()
        }
        "start_time_seconds" => [("old", 1_767_225_600.0), ("new", 1_767_355_200.0)]
            .map(|(image, at)| (vec![("name", "shop-slow-1"), ("image_id", image)], at))
            .to_vec(),
        other => panic!("{other} is not asked for"),
    }
}

impl Query for Shop {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        self.asked.lock().unwrap().push((wanted.measure.name, wanted.step_ms / 1000));
        let steps = (wanted.to - wanted.from) / wanted.step_ms;
        let line = |(own, value): (Vec<(&str, &str)>, f64)| {
            let tenant = [("user", "ann"), ("project", "shop"), ("team", "core"), ("instance", "a:1")];
            let labels: BTreeMap<String, String> = tenant
                .into_iter()
                .chain(own)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            Line {
                labels,
                points: (1..=steps).map(|step| (wanted.from + step * wanted.step_ms, value)).collect(),
            }
        };
        let values = values(wanted.measure.name).into_iter();
        let is_quiet = |own: &[(&str, &str)]| own.contains(&("service", "well"));
        let lines = values.filter(|(own, _)| !self.is_well || is_quiet(own)).map(line).collect();
        Box::pin(async move { Ok(lines) })
    }
}

fn options() -> Options {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Options {
        whom: Whom::default(),
        period: Period { from, to: from.checked_add(72.hours()).unwrap() },
        host: None,
        known: BTreeMap::new(),
        with_host: false,
        beside: Looked::default(),
    }
}

/// A container of the slow service, which is throttled and was killed once.
fn container(name: &str, service: Option<&str>) -> ContainerFacts {
    ContainerFacts {
        scope: Scope {
            user: Some("ann".into()),
            project: Some("shop".into()),
            team: Some("core".into()),
            service: None,
            container: Some(name.into()),
        },
        compose_service: service.map(str::to_owned),
        step_ms: 300_000,
        cpu_cores: Series::default(),
        memory_bytes: Series::new([(0, 50.0)]),
        throttled_ratio: Some(0.4),
        out_of_memory: vec![OutOfMemory { at: 0, limit_bytes: None }],
        restarts: 0,
        limits: Limits { memory_bytes: Some(100.0), ..Limits::default() },
        host: Capacity { cores: 4.0, memory_bytes: 1e9 },
    }
}

async fn looked(containers: &[ContainerFacts]) -> Looked {
    told(&Shop::default(), &options()).await.unwrap().judged(&options(), containers)
}

fn of_kind(looked: &Looked, kind: Kind) -> Vec<&Recommendation> {
    let found = looked.answers.iter().filter_map(Answer::recommendation);
    found.filter(|found| found.kind == kind).collect()
}

#[tokio::test]
async fn a_slow_service_gets_the_four_actions_that_facts_point_at() {
    let looked = looked(&[container("shop-slow-1", None)]).await;
    let [slow] = of_kind(&looked, Kind::ResponseTime)[..] else { panic!("{:?}", looked.answers) };
    assert_eq!(slow.id, "response_time/ann/shop/core/slow/");
    assert!(
        slow.sentence.contains("takes 3 s to answer on average, 87 % of it in `POST /order`"),
        "{}",
        slow.sentence
    );
    let steps = &slow.action.steps;
    assert_eq!(steps.len(), 4);
    for (step, words) in steps.iter().zip([
        "throttled in 40 % of their periods",
        "100 % of it are in use",
        "calls of databases take 80 %",
        "profile `POST /order` first: it takes 13 s",
    ]) {
        assert!(step.contains(words), "{words}: {step}");
    }
    assert_eq!(looked.values["response_time/ann/shop/core/well/"], 0.1);
}

#[tokio::test]
async fn containers_of_a_service_are_those_of_its_compose_file_or_called_after_it() {
    for (name, service, is_of_it) in [
        ("shop-slow-1", None, true),
        ("slow", None, true),
        ("shop-slower-1", None, false),
        ("x", Some("slow"), true),
        ("shop-slow-1", Some("other"), false),
    ] {
        let looked = looked(&[container(name, service)]).await;
        let slow = of_kind(&looked, Kind::ResponseTime)[0];
        assert_eq!(slow.action.steps[0].contains("throttled in 40 %"), is_of_it, "{name} {service:?}");
    }
}

#[tokio::test]
async fn a_failing_service_is_told_of_and_one_that_is_well_is_not() {
    let looked = looked(&[]).await;
    let [fails] = of_kind(&looked, Kind::ErrorRate)[..] else { panic!("{:?}", looked.answers) };
    assert_eq!(fails.scope.service.as_deref(), Some("fails"));
    assert!((fails.evidence[0].value - 0.2).abs() < 1e-9);
    assert_eq!(fails.action.steps.len(), 4, "{:?}", fails.action);
}

#[tokio::test]
async fn a_pool_at_its_limit_is_sized_and_one_with_room_is_not() {
    let looked = looked(&[]).await;
    let [pool] = of_kind(&looked, Kind::PoolSize)[..] else { panic!("{:?}", looked.answers) };
    assert_eq!(pool.id, "pool_size/ann/shop/core/slow//main");
    // (10 + 3) / 0.8 = 16.25.
    assert_eq!(pool.change.unwrap().values(), (Some(10.0), 17.0));
    assert_eq!(looked.values["pool_size/ann/shop/core/slow//spare"], 0.2);
}

#[tokio::test]
async fn a_slow_statement_is_told_of_with_its_server_and_index() {
    let looked = looked(&[]).await;
    let [slow] = of_kind(&looked, Kind::QueryIndex)[..] else { panic!("{:?}", looked.answers) };
    assert_eq!(slow.id, "query_index/ann/shop/core///db:5432%2Fshop%2F1");
    assert_eq!(slow.action.command.as_deref(), Some("CREATE INDEX CONCURRENTLY ON orders (customer);"));
    assert!(slow.sentence.contains("orders (database `shop` of `db:5432`) takes 1 s"), "{}", slow.sentence);
    assert!(
        slow.verify.promql.contains("server=\"db:5432\",datname=\"shop\",queryid=\"1\""),
        "{:?}",
        slow.verify
    );
}

#[tokio::test]
async fn no_more_is_asked_than_there_is_something_to_say_of() {
    let well = Shop { is_well: true, ..Shop::default() };
    told(&well, &options()).await.unwrap();
    let asked = well.asked.lock().unwrap();
    assert_eq!(asked.len(), ALWAYS.len(), "{asked:?}");
    let steps: BTreeMap<&str, i64> = asked.iter().copied().collect();
    assert_eq!((steps["http_requests_per_second"], steps["db_connections_max"]), (3600, 300));
}
