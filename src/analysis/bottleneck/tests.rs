//! An hour of a host by hand, one thing wrong at a time, and what is found first.

use proptest::prelude::*;

use super::super::simulation::Random;
use super::facts::{
    Change, Changed, Container, Database, Disk, Event, EventKind, Facts, Pool, Route, Service, Statement,
};
use super::*;

const MINUTE: i64 = 60_000;
const HOURS: i64 = 4;
const NOW: i64 = HOURS * 60 * MINUTE;

/// Something goes wrong so many minutes before the end.
const WRONG: i64 = 20;

fn scope(project: &str, service: Option<&str>, container: Option<&str>) -> Scope {
    Scope {
        user: Some(format!("{project}-owner")),
        project: Some(project.into()),
        team: Some("core".into()),
        service: service.map(str::to_owned),
        container: container.map(str::to_owned),
    }
}

/// A value by the minute, with a tenth of noise, and another one since something went wrong.
fn steady(seed: u64, value: f64) -> Series {
    since(seed, value, value)
}

fn since(seed: u64, value: f64, wrong: f64) -> Series {
    let mut random = Random::new(seed);
    Series::new((1..=HOURS * 60).map(|minute| {
        let level = if minute > HOURS * 60 - WRONG { wrong } else { value };
        (minute * MINUTE, (level * (1.0 + 0.1 * random.normal())).max(0.0))
    }))
}

fn container(seed: u64, project: &str, name: &str) -> Container {
    Container {
        scope: scope(project, None, Some(name)),
        cpu_cores: steady(seed, 0.3),
        io_bytes_per_second: steady(seed + 1, 1e6),
        throttled_ratio: steady(seed + 2, 0.01),
        cpu_waiting_ratio: steady(seed + 3, 0.02),
        io_waiting_ratio: steady(seed + 4, 0.01),
        memory_waiting_ratio: steady(seed + 5, 0.0),
        memory_stalled_ratio: steady(seed + 6, 0.0),
        memory_ratio: steady(seed + 7, 0.4),
        major_faults_per_second: steady(seed + 8, 1.0),
        rss_bytes: steady(seed + 9, 50e6),
        memory_limit_bytes: Some(256e6),
    }
}

fn service(seed: u64, project: &str) -> Service {
    Service {
        scope: scope(project, Some("api"), None),
        latency_seconds: steady(seed, 0.1),
        requests_per_second: steady(seed + 1, 20.0),
        routes: vec![Route {
            method: "GET".into(),
            route: "/orders".into(),
            mean_seconds: steady(seed + 2, 0.08),
            failed_ratio: steady(seed + 3, 0.001),
            requests_per_second: steady(seed + 4, 10.0),
        }],
    }
}

/// Two projects with a container and a service each, and nothing wrong.
fn quiet() -> Facts {
    let mut facts = Facts {
        now: NOW,
        containers: vec![container(10, "shop", "shop-api-1"), container(30, "blog", "blog-web-1")],
        services: vec![service(50, "shop"), service(70, "blog")],
        pools: vec![Pool {
            scope: scope("shop", Some("api"), None),
            name: "main".into(),
            used_ratio: steady(90, 0.3),
            waiting: steady(91, 0.0),
        }],
        databases: vec![Database {
            scope: scope("shop", None, None),
            server: "db:5432".into(),
            datname: "shop".into(),
            lock_waiters: steady(92, 0.0),
            longest_wait_seconds: steady(93, 0.0),
        }],
        statements: vec![Statement {
            scope: scope("shop", None, None),
            id: "42".into(),
            text: "SELECT * FROM orders WHERE user_id = $1".into(),
            calls_per_second: steady(94, 20.0),
            mean_seconds: steady(95, 0.002),
            rows_per_call: Some(1.0),
        }],
        ..Facts::default()
    };
    facts.host.load_per_core = steady(96, 0.5);
    facts.host.cpu_ratio = steady(97, 0.4);
    facts.host.disks =
        vec![Disk { device: "sda".into(), queue: steady(98, 0.4), latency_seconds: steady(99, 0.003) }];
    facts
}

/// Makes the shop answer slowly since something went wrong.
fn slow(facts: &mut Facts) {
    let shop = &mut facts.services[0];
    shop.latency_seconds = since(51, 0.1, 4.0);
    shop.routes[0].mean_seconds = since(52, 0.08, 6.0);
}

fn first(facts: &Facts) -> Bottleneck {
    let found = find(facts);
    found.into_iter().next().expect("something is found")
}

#[test]
fn on_a_quiet_host_there_is_nothing() {
    assert_eq!(find(&quiet()), []);
    assert_eq!(find(&Facts::default()), []);
}

#[test]
fn kinds_are_written_as_they_are_named() {
    for kind in [Kind::MemoryPressure, Kind::PoolLimit, Kind::RepeatedStatement, Kind::HostSaturation] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

#[test]
fn a_throttled_container_is_named_before_the_slow_route_that_it_explains() {
    let mut facts = quiet();
    facts.containers[0].throttled_ratio = since(12, 0.01, 0.62);
    slow(&mut facts);
    let found = find(&facts);
    let kinds: Vec<Kind> = found.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [Kind::Throttling, Kind::SlowEndpoint]);
    assert_eq!(found[0].scope, facts.containers[0].scope);
    assert_eq!(found[0].since_ms, NOW - WRONG * MINUTE);
    assert!(
        found[0].sentence.starts_with(
            "`shop-api-1` was held back by its limit of cores in 62 % of its periods for 20 min"
        ),
        "{}",
        found[0].sentence
    );
    assert!(found[0].relation.as_ref().unwrap().rho > 0.6, "{:?}", found[0].relation);
}

#[test]
fn it_is_found_within_ten_minutes() {
    let mut facts = quiet();
    facts.containers[0].throttled_ratio = since(12, 0.01, 0.62);
    let until = NOW - (WRONG - 6) * MINUTE;
    facts.containers[0].throttled_ratio = facts.containers[0].throttled_ratio.between(0, until);
    facts.now = until;
    assert_eq!(first(&facts).kind, Kind::Throttling);
}

#[test]
fn what_is_over_says_so_and_stands_behind_what_is_not() {
    let mut facts = quiet();
    let morning = facts.containers[0].throttled_ratio.points().iter().copied();
    facts.containers[0].throttled_ratio = Series::new(
        morning.map(|(at, value)| (at, if (30..60).contains(&(at / MINUTE)) { 0.7 } else { value })),
    );
    facts.containers[1].throttled_ratio = since(32, 0.01, 0.7);
    let found = find(&facts);
    let names: Vec<_> = found.iter().filter_map(|found| found.scope.container.as_deref()).collect();
    assert_eq!(names, ["blog-web-1", "shop-api-1"]);
    assert!(found[1].sentence.contains(" for 30 min; it ended 3 h ago"), "{}", found[1].sentence);
}

#[test]
fn a_slow_statement_a_full_pool_and_a_lock_are_named_with_their_tenant() {
    type Wrong = fn(&mut Facts);
    let wrong: [(Kind, Wrong); 4] = [
        (Kind::SlowStatement, |facts| facts.statements[0].mean_seconds = since(95, 0.002, 3.0)),
        (Kind::PoolLimit, |facts| facts.pools[0].waiting = since(91, 0.0, 5.0)),
        (Kind::LockWait, |facts| facts.databases[0].longest_wait_seconds = since(93, 0.0, 15.0)),
        (Kind::MemoryPressure, |facts| facts.containers[0].memory_ratio = since(17, 0.4, 0.97)),
    ];
    for (kind, make) in wrong {
        let mut facts = quiet();
        slow(&mut facts);
        make(&mut facts);
        let found = first(&facts);
        assert_eq!(found.kind, kind, "{}", found.sentence);
        assert_eq!(found.scope.project.as_deref(), Some("shop"));
    }
}

/// Memory of the shop's first container that grows by so many MB a minute since something went
/// wrong, up and down by a garbage collector.
fn growing(facts: &mut Facts, by: f64) {
    let begun = HOURS * 60 - WRONG;
    let value = |minute: i64| {
        50e6 + by * 1e6 * (minute - begun).max(0) as f64 + if minute % 3 == 0 { 4e6 } else { 0.0 }
    };
    facts.containers[0].rss_bytes =
        Series::new((begun..=HOURS * 60).map(|minute| (minute * MINUTE, value(minute))));
}

#[test]
fn a_leak_is_told_with_when_it_reaches_its_limit_and_a_warm_up_is_none() {
    let mut facts = quiet();
    growing(&mut facts, 6.0);
    let found = first(&facts);
    assert_eq!((found.kind, found.severity), (Kind::MemoryLeak, Severity::High));
    assert!(
        found
            .sentence
            .contains("grows by 343.3 MiB an hour, reaches its limit in 14.3 min if it goes on so,"),
        "{}",
        found.sentence
    );
    let begun = NOW - WRONG * MINUTE;
    let warm = |(at, _): &(i64, f64)| (*at, 50e6 + 60e6 * (1.0 - (-((at - begun) as f64) / 200e3).exp()));
    facts.containers[0].rss_bytes =
        Series::new(facts.containers[0].rss_bytes.points().iter().map(warm).collect::<Vec<_>>());
    assert_eq!(find(&facts), []);
}

#[test]
fn a_leak_that_began_just_now_after_hours_without_one_is_told_within_ten_minutes() {
    let mut facts = quiet();
    let begun = HOURS * 60 - 9;
    let value = |minute: i64| 50e6 + 15e6 * (minute - begun).max(0) as f64;
    facts.containers[0].rss_bytes =
        Series::new((1..=HOURS * 60).map(|minute| (minute * MINUTE, value(minute))));
    assert_eq!((first(&facts).kind, first(&facts).severity), (Kind::MemoryLeak, Severity::High));
}

#[test]
fn kills_and_starts_again_and_again_are_told() {
    let mut facts = quiet();
    let event = |kind, minutes: i64| Event {
        at: NOW - minutes * MINUTE,
        scope: scope("shop", None, Some("shop-api-1")),
        kind,
    };
    facts.events = vec![event(EventKind::OutOfMemory, 20), event(EventKind::OutOfMemory, 4)];
    let found = first(&facts);
    assert_eq!((found.kind, found.severity), (Kind::MemoryPressure, Severity::Critical));
    assert!(
        found.sentence.starts_with(
            "processes of `shop-api-1` were killed 2 times for want of memory at its limit of 244.1 MiB"
        ),
        "{}",
        found.sentence
    );
    assert_eq!((found.verify.expect.as_str(), found.evidence[0].value), ("0", 2.0));
    facts.events = [25, 21, 17, 12, 5].map(|minutes| event(EventKind::Restart, minutes)).into();
    let found = first(&facts);
    assert_eq!(found.kind, Kind::CrashLoop);
    assert!(found.sentence.contains("does not stay up: it was started again 5 times"), "{}", found.sentence);
}

#[test]
fn who_waits_for_a_core_is_told_so_behind_the_neighbour_that_takes_it() {
    let mut facts = quiet();
    facts.containers[0].cpu_waiting_ratio = since(13, 0.02, 0.4);
    let kinds = |facts: &Facts| find(facts).into_iter().map(|found| found.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&facts), [Kind::CoreWait]);
    facts.containers[1].cpu_cores = since(31, 0.1, 3.5);
    assert_eq!(kinds(&facts), [Kind::NoisyNeighbour, Kind::CoreWait]);
    // The noisy one waits for itself.
    facts.containers[1].cpu_waiting_ratio = since(33, 0.02, 0.6);
    assert_eq!(kinds(&facts), [Kind::NoisyNeighbour, Kind::CoreWait]);
}

#[test]
fn what_may_come_of_it_is_how_it_was_before_and_what_to_ask_is_promql() {
    let mut facts = quiet();
    facts.containers[0].throttled_ratio = since(12, 0.01, 0.62);
    slow(&mut facts);
    let found = find(&facts);
    assert!(
        found[0].gain.as_ref().unwrap().starts_with("response times of service `api` were 9"),
        "{:?}",
        found[0].gain
    );
    assert_eq!(
        found[0].verify.promql,
        "rate(container_cpu_cfs_throttled_periods_total{user=\"shop-owner\",project=\"shop\",team=\"core\",name=\"shop-api-1\"}[5m]) / rate(container_cpu_cfs_periods_total{user=\"shop-owner\",project=\"shop\",team=\"core\",name=\"shop-api-1\"}[5m])"
    );
    assert_eq!(found[0].verify.expect, "at most 0.5");
    assert!(found[1].verify.promql.contains("method=\"GET\",route=\"/orders\""), "{:?}", found[1].verify);
}

#[test]
fn after_a_bad_deploy_the_route_comes_with_the_deploy_as_a_possible_cause() {
    let mut facts = quiet();
    facts.services[0].routes[0].failed_ratio = since(53, 0.001, 0.4);
    let at = NOW - (WRONG + 2) * MINUTE;
    let event = |project: &str, name: &str, at| Event {
        at,
        scope: scope(project, None, Some(name)),
        kind: EventKind::Deploy,
    };
    facts.events =
        vec![event("shop", "shop-api-1", at), event("blog", "blog-web-1", at), event("shop", "shop-db-1", 0)];
    let change = |what, ratio| Change { at, scope: scope("shop", None, Some("shop-api-1")), what, ratio };
    facts.changes = vec![
        Change { scope: scope("shop", Some("api"), None), ..change(Changed::Requests, Some(3.0)) },
        // Less of something is what comes of it.
        change(Changed::Memory, Some(0.4)),
    ];
    let found = first(&facts);
    assert_eq!(found.kind, Kind::ErrorCluster);
    let named: Vec<&str> = found.possible_causes.iter().map(|cause| cause.what.as_str()).collect();
    assert_eq!(named, ["a deploy of `shop-api-1`", "requests of service `api` becoming 3.0 times as much"]);
    assert!(
        found.sentence.contains(
            "; possible causes, and no more than possible: a deploy of `shop-api-1` (2 min before it began), "
        ),
        "{}",
        found.sentence
    );
}

#[test]
fn what_a_finding_is_made_of_is_no_cause_of_it() {
    let mut facts = quiet();
    facts.containers[0].throttled_ratio = since(12, 0.01, 0.62);
    slow(&mut facts);
    let statement = facts.statements[0].clone();
    let what = Changed::Statement { id: statement.id, text: statement.text };
    let change = |scope: &Scope, what| Change {
        at: NOW - WRONG * MINUTE,
        scope: scope.clone(),
        what,
        ratio: Some(4.0),
    };
    facts.changes = vec![
        change(&facts.containers[0].scope, Changed::Cores),
        change(&facts.statements[0].scope, what.clone()),
    ];
    let causes = |found: &Bottleneck| -> Vec<String> {
        found.possible_causes.iter().map(|cause| cause.what.clone()).collect()
    };
    let calls = "calls of `SELECT * FROM orders WHERE user_id = $1` taking 4.0 times as long";
    let found = find(&facts);
    assert_eq!((found[0].kind, causes(&found[0])), (Kind::Throttling, vec![calls.to_owned()]));
    let cores = "use of cores of `shop-api-1` becoming 4.0 times as much";
    assert_eq!(
        (found[1].kind, causes(&found[1])),
        (Kind::SlowEndpoint, vec![cores.to_owned(), calls.to_owned()])
    );

    let mut facts = quiet();
    facts.statements[0].mean_seconds = since(95, 0.002, 6.0);
    facts.changes = vec![change(&facts.statements[0].scope, what)];
    let found = first(&facts);
    assert_eq!((found.kind, causes(&found)), (Kind::SlowStatement, Vec::new()));
}

#[test]
fn a_noisy_neighbour_is_named_and_its_neighbours_are_only_counted() {
    let mut facts = quiet();
    facts.containers.push(container(110, "batch", "batch-1"));
    facts.containers[2].cpu_cores = since(110, 0.1, 3.5);
    facts.containers[0].cpu_waiting_ratio = since(13, 0.02, 0.4);
    facts.containers[1].cpu_waiting_ratio = since(33, 0.02, 0.3);
    slow(&mut facts);
    let found = first(&facts);
    assert_eq!(found.kind, Kind::NoisyNeighbour);
    assert_eq!(found.scope.container.as_deref(), Some("batch-1"));
    assert!(
        found.sentence.contains("while 2 neighbours wait for a core in up to 40 % of the time"),
        "{}",
        found.sentence
    );
    let json = serde_json::to_string(&found).unwrap();
    assert!(!json.contains("shop") && !json.contains("blog"), "{json}");
}

#[test]
fn a_neighbour_that_has_just_started_is_noisy_too() {
    let mut facts = quiet();
    let begun = NOW - WRONG * MINUTE;
    facts.containers.push(container(110, "batch", "batch-1"));
    facts.containers[2].cpu_cores = steady(110, 3.5).between(begun, NOW);
    facts.containers[0].cpu_waiting_ratio = since(13, 0.02, 0.4);
    let found = first(&facts);
    assert_eq!(found.kind, Kind::NoisyNeighbour);
    assert_eq!(found.scope.container.as_deref(), Some("batch-1"));
}

#[test]
fn where_no_container_tells_how_long_it_waits_the_host_does() {
    let mut facts = quiet();
    for container in &mut facts.containers {
        container.cpu_waiting_ratio = Series::default();
    }
    facts.host.cpu_waiting_ratio = since(100, 0.05, 0.6);
    facts.containers[1].cpu_cores = since(31, 0.1, 1.5);
    let found = first(&facts);
    assert_eq!((found.kind, found.scope.container.as_deref()), (Kind::NoisyNeighbour, Some("blog-web-1")));
    assert!(
        found.sentence.contains("while something on the host waits for a core in 60 % of the time"),
        "{}",
        found.sentence
    );
    facts.containers[1].cpu_cores = steady(31, 1.5);
    assert_eq!(find(&facts), []);
}

#[test]
fn of_what_has_always_been_so_nobody_is_accused() {
    let mut facts = quiet();
    facts.containers[1].cpu_cores = steady(31, 3.5);
    facts.containers[0].cpu_waiting_ratio = steady(13, 0.4);
    assert_eq!(first(&facts).kind, Kind::CoreWait);
}

#[test]
fn who_waits_for_its_own_limit_has_no_noisy_neighbour() {
    let mut facts = quiet();
    facts.containers[1].cpu_cores = since(31, 0.1, 3.5);
    facts.containers[0].cpu_waiting_ratio = since(13, 0.02, 0.4);
    facts.containers[0].throttled_ratio = since(12, 0.01, 0.62);
    let kinds: Vec<Kind> = find(&facts).into_iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [Kind::Throttling]);
}

#[test]
fn many_quick_calls_a_request_are_a_suspicion() {
    let mut facts = quiet();
    // 20 requests a second, 25 calls each.
    facts.statements[0].calls_per_second = steady(94, 500.0);
    let found = first(&facts);
    assert_eq!((found.kind, found.severity), (Kind::RepeatedStatement, Severity::Low));
    assert!(
        found.sentence.contains("it may ask once a row, which only a trace would show"),
        "{}",
        found.sentence
    );
    facts.statements[0].rows_per_call = Some(50.0);
    assert_eq!(find(&facts), []);
}

#[test]
fn mere_use_of_the_host_comes_last() {
    let mut facts = quiet();
    facts.host.cpu_ratio = steady(97, 1.2);
    facts.services[1].routes[0].mean_seconds = since(72, 0.08, 3.0);
    let kinds: Vec<Kind> = find(&facts).into_iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [Kind::SlowEndpoint, Kind::HostSaturation]);
}

#[test]
fn a_busy_disk_says_everything_that_is_wrong_with_it_once() {
    let mut facts = quiet();
    facts.host.disks[0].queue = since(98, 0.4, 40.0);
    facts.host.disks[0].latency_seconds = since(99, 0.003, 0.2);
    let found = find(&facts);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].kind, found[0].evidence.len()), (Kind::DiskQueue, 2));
    assert_eq!(found[0].subject.as_deref(), Some("sda"));
}

/// Series of anything: holes, zeros, huge values, none at all.
fn any_series() -> impl Strategy<Value = Series> {
    let value = prop_oneof![Just(0.0), Just(f64::NAN), Just(1.0), 0.0..2.0, 0.0..1e12];
    proptest::collection::vec((0_i64..NOW, value), 0..60).prop_map(Series::new)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_series_give_sane_findings_in_order(all in proptest::collection::vec(any_series(), 16)) {
        let mut facts = quiet();
        let mut series = all.into_iter().cycle();
        let mut next = || series.next().unwrap();
        for container in &mut facts.containers {
            container.cpu_cores = next();
            container.throttled_ratio = next();
            container.cpu_waiting_ratio = next();
            container.memory_ratio = next();
            container.io_waiting_ratio = next();
        }
        facts.services[0].latency_seconds = next();
        facts.services[0].requests_per_second = next();
        facts.statements[0].calls_per_second = next();
        facts.statements[0].mean_seconds = next();
        facts.host.load_per_core = next();
        facts.pools[0].waiting = next();
        let found = find(&facts);
        prop_assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for one in &found {
            prop_assert!(one.score.is_finite() && one.since_ms <= NOW);
            let is_sane = |evidence: &Evidence| {
                let is_finite = evidence.value.is_finite() && evidence.threshold.is_some_and(f64::is_finite);
                is_finite && evidence.samples > 0
            };
            prop_assert!(one.evidence.iter().all(is_sane));
            let json = serde_json::to_string(one).unwrap();
            prop_assert!(!json.contains("null"), "{json}");
            let query = &one.verify.promql;
            prop_assert!(promql_parser::parser::parse(query).is_ok(), "{query}");
        }
    }
}
