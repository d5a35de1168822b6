//! What a Prometheus is asked, and how containers add up.

use super::*;
use crate::history::field::{Counter, Gauge};
use crate::tenant::{LabelValue, Tenant};

fn measure(name: &str) -> Measure {
    *MEASURES.iter().find(|measure| measure.name == name).unwrap()
}

fn of(tenants: Narrowing) -> Whom {
    Whom { tenants, ..Whom::default() }
}

#[test]
fn every_measure_of_containers_is_a_figure_of_the_history() {
    for measure in MEASURES.iter().chain([&MEMORY_LIMIT, &RESTARTS]).chain(sizing::ALL) {
        assert_eq!(measure.figure().is_some(), measure.of == Of::Container, "{}", measure.name);
    }
}

#[test]
fn a_prometheus_is_asked_of_whom_is_meant_in_the_step_that_is_wanted() {
    let cpu = measure("cpu_usage_cores");
    let shop = Narrowing::default().to(Dimension::Project, ["shop".to_owned(), "a.b".to_owned()]);
    assert_eq!(
        cpu.promql(&of(shop), By::Each, "60s"),
        "sum by (user, project, team, name) (rate(container_cpu_usage_seconds_total{project=~\"a\\\\.b|shop\"}[60s]))"
    );
    let host = Whom { host: Some("a:10417".to_owned()), ..Whom::default() };
    assert_eq!(
        cpu.promql(&host, By::All, "60s"),
        "sum by () (rate(container_cpu_usage_seconds_total{instance=\"a:10417\"}[60s]))"
    );
    let one = Whom { container: Some("web\"1".to_owned()), ..Whom::default() };
    assert_eq!(
        cpu.promql(&one, By::All, "60s"),
        "sum by () (rate(container_cpu_usage_seconds_total{name=\"web\\\"1\"}[60s]))"
    );
}

#[test]
fn every_expression_is_promql_whoever_is_meant() {
    let nobody = Narrowing::default().to(Dimension::User, []);
    let service = Whom { service: Some("api".to_owned()), ..Whom::default() };
    let container = Whom { container: Some("web".to_owned()), ..Whom::default() };
    for measure in MEASURES
        .iter()
        .chain([&MEMORY_LIMIT, &RESTARTS])
        .chain(sizing::ALL)
        .chain(insight::ALL)
        .chain(efficiency::ALL)
        .chain(bound::ALL)
        .chain([&version::STARTED])
    {
        for whom in [&Whom::default(), &of(nobody.clone()), &service, &container] {
            for by in [By::All, By::Each] {
                let query = measure.promql(whom, by, "60000ms");
                promql_parser::parser::parse(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
            }
        }
    }
}

#[test]
fn what_is_told_apart_by_more_says_so_and_hosts_are_nobody_s() {
    let all = Whom::default();
    let calls = insight::CALLS.promql(&all, By::Each, "60s");
    assert!(
        calls.starts_with("sum by (user, project, team, server, instance, datname, queryid) ("),
        "{calls}"
    );
    let queue = insight::DISK_QUEUE.promql(&all, By::Each, "60s");
    assert!(queue.starts_with("max by (instance, device) ("), "{queue}");
    let route = insight::ROUTE_REQUESTS.promql(&all, By::Each, "60s");
    assert!(route.contains(r#""method", "$1", "http_request_method""#), "{route}");
}

#[test]
fn who_may_see_nobody_is_told_of_no_host_either() {
    let nobody = of(Narrowing::default().to(Dimension::Project, []));
    let query = bound::DISK_SIZE.promql(&nobody, By::Each, "60s");
    assert!(query.contains("{project=~\"\",project!=\"\",fstype!~"), "{query}");
}

#[test]
fn what_is_about_a_container_asks_nothing_of_programs() {
    let container = Whom { container: Some("web".to_owned()), ..Whom::default() };
    let query = measure("http_requests_per_second").promql(&container, By::All, "60s");
    assert!(query.contains("service=\"\",service!=\"\""), "{query}");
}

/// A bin of a minute: seconds on cores, periods, periods held back, and memory.
fn bin(at: i64, cpu_s: u64, periods: u64, throttled: u64, memory: u64) -> Bin {
    let mut counters = vec![None; Counter::COUNT];
    counters[Counter::Cpu as usize] = Some(cpu_s * 1_000_000);
    counters[Counter::Periods as usize] = Some(periods);
    counters[Counter::ThrottledPeriods as usize] = Some(throttled);
    let mut gauges = vec![None; Gauge::COUNT];
    gauges[Gauge::WorkingSet as usize] = Some(super::super::bin::Spread::one(memory));
    Bin { at, elapsed_ms: 60_000, counters, gauges }
}

#[test]
fn containers_add_up_and_shares_are_of_all_together() {
    let about = |name: &str| About { name: LabelValue::clean(name), tenant: Tenant::unknown() };
    let (one, other) = (about("one"), about("other"));
    let containers = [
        (&one, vec![bin(60_000, 30, 100, 50, 100), bin(120_000, 60, 100, 0, 100)]),
        (&other, vec![bin(60_000, 15, 300, 0, 50)]),
    ];
    let wanted = |name: &str, by: By| Wanted {
        measure: measure(name),
        whom: Whom::default(),
        by,
        from: 0,
        to: 120_000,
        step_ms: 60_000,
    };
    let points = |name: &str| lines(&wanted(name, By::All), &containers)[0].points.clone();
    assert_eq!(points("cpu_usage_cores"), [(60_000, 0.75), (120_000, 1.0)]);
    assert_eq!(points("memory_working_set_bytes"), [(60_000, 150.0), (120_000, 100.0)]);
    assert_eq!(points("cpu_throttled_periods_ratio"), [(60_000, 0.125), (120_000, 0.0)]);
    let each = lines(&wanted("cpu_usage_cores", By::Each), &containers);
    assert_eq!(each.iter().map(|line| line.labels["name"].as_str()).collect::<Vec<_>>(), ["one", "other"]);
    assert!(lines(&wanted("http_requests_per_second", By::All), &containers).is_empty());
}

#[test]
fn of_one_name_twice_in_a_step_the_highest_counts_and_not_both() {
    let about = About { name: LabelValue::clean("web"), tenant: Tenant::unknown() };
    let before = vec![bin(60_000, 30, 100, 50, 100)];
    let after = vec![bin(60_000, 15, 300, 10, 70), bin(120_000, 15, 300, 0, 90)];
    let points = |measure: &Measure| {
        let wanted = Wanted {
            measure: *measure,
            whom: Whom::default(),
            by: By::Each,
            from: 0,
            to: 120_000,
            step_ms: 60_000,
        };
        lines(&wanted, &[(&about, before.clone()), (&about, after.clone())])[0].points.clone()
    };
    assert_eq!(points(&sizing::MEMORY), [(60_000, 100.0), (120_000, 90.0)]);
    assert_eq!(points(&sizing::CPU), [(60_000, 0.5), (120_000, 0.25)]);
    assert_eq!(points(&sizing::PERIODS), [(60_000, 400.0), (120_000, 300.0)]);
    assert_eq!(points(&sizing::THROTTLED_PERIODS), [(60_000, 60.0), (120_000, 0.0)]);
}

#[test]
fn a_peak_is_the_highest_of_a_step_and_not_its_mean() {
    let about = About { name: LabelValue::clean("web"), tenant: Tenant::unknown() };
    let mut one = bin(60_000, 1, 1, 0, 100);
    one.gauges[Gauge::WorkingSet as usize] =
        Some(super::super::bin::Spread::one(100).and(super::super::bin::Spread::one(300)));
    let wanted = Wanted {
        measure: sizing::MEMORY,
        whom: Whom::default(),
        by: By::Each,
        from: 0,
        to: 60_000,
        step_ms: 60_000,
    };
    assert_eq!(lines(&wanted, &[(&about, vec![one])])[0].points, [(60_000, 300.0)]);
}

#[test]
fn growth_goes_on_over_gaps_and_where_a_counter_begins_anew() {
    let shown = [(1, 5.0), (2, 5.0), (5, 9.0), (6, 2.0), (7, 3.0)];
    assert_eq!(growth(&shown), [(2, 0.0), (5, 4.0), (6, 2.0), (7, 1.0)]);
    assert!(growth(&[]).is_empty() && growth(&[(1, 5.0)]).is_empty());
}
