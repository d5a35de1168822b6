//! Facts by hand, and what should be said of them.

use proptest::prelude::*;

use super::super::finding::{Scope, Severity, Window};
use super::super::recommendation::{Answer, Change, Effort, Kind, Recommendation};
use super::super::series::Series;
use super::*;

const HOUR: i64 = 3_600_000;
const DAY: Window = Window { from: 0, to: 24 * HOUR };
const GIB: f64 = 1_073_741_824.0;

fn scope() -> Scope {
    Scope { project: Some("shop".into()), service: Some("api".into()), ..Scope::default() }
}

fn only(answers: &[Answer]) -> &Recommendation {
    let [Answer::Recommendation(found)] = answers else { panic!("{answers:?}") };
    found
}

fn images(reclaimable_bytes: f64, data_root_bytes: Option<f64>) -> Option<Recommendation> {
    let stock = reclaim::Stock::Images;
    let usage_bytes = reclaimable_bytes * 2.0;
    reclaim::recommend(&reclaim::Facts {
        stock,
        reclaimable_bytes,
        usage_bytes,
        data_root_bytes,
        measured: DAY,
    })
}

#[test]
fn images_are_worth_removing_from_a_tenth_of_the_disk_on() {
    let found = images(20.0 * GIB, Some(100.0 * GIB)).unwrap();
    assert_eq!(
        found.sentence,
        "images without a container take 20 GiB, 20 % of the engine's disk: remove them"
    );
    assert_eq!(found.severity, Severity::Medium);
    assert_eq!(found.effect.numbers["reclaimable_bytes"], 20.0 * GIB);
    assert_eq!(images(9.0 * GIB, Some(100.0 * GIB)), None);
    assert_eq!(images(9.0 * GIB, None), None);
    assert!(images(11.0 * GIB, None).is_some());
    assert_eq!(images(f64::NAN, None), None);
}

fn orders(calls: f64, mean: f64) -> statement::Facts {
    statement::Facts {
        scope: scope(),
        query_id: "42".into(),
        place: None,
        text: "SELECT * FROM orders WHERE user_id = $1 AND created_at > $2 ORDER BY created_at".into(),
        tables: vec!["orders".into()],
        calls,
        total_seconds: calls * mean,
        rows: Some(calls * 10.0),
        window: DAY,
    }
}

#[test]
fn a_slow_statement_gets_the_index_that_its_where_asks_for() {
    let found = statement::recommend(&orders(1000.0, 0.9)).unwrap();
    let found = only(std::slice::from_ref(&found));
    assert_eq!(
        found.sentence,
        "a statement on orders takes 900 ms on average and was called 1000 times: see whether an index on orders (user_id, created_at) helps"
    );
    assert_eq!(
        found.action.command.as_deref(),
        Some("CREATE INDEX CONCURRENTLY ON orders (user_id, created_at);")
    );
    assert_eq!(found.effort, Effort::Medium);
    assert!((found.effect.numbers["saved_seconds"] - 400.0).abs() < 1e-9);
}

#[test]
fn a_statement_that_is_fast_rare_or_writes_is_left_alone() {
    assert_eq!(statement::recommend(&orders(1000.0, 0.4)), None);
    assert_eq!(statement::recommend(&orders(50.0, 2.0)), None);
    assert_eq!(statement::recommend(&orders(0.0, 0.0)), None);
    let insert = statement::Facts { text: "INSERT INTO orders VALUES ($1)".into(), ..orders(1000.0, 2.0) };
    assert_eq!(statement::recommend(&insert), None);
}

#[test]
fn many_rows_are_not_helped_by_an_index() {
    let facts = statement::Facts { rows: Some(1000.0 * 50_000.0), ..orders(1000.0, 2.0) };
    let found = statement::recommend(&facts).unwrap();
    let found = only(std::slice::from_ref(&found));
    assert_eq!(found.action.command, None);
    assert!(found.sentence.ends_with("read fewer rows at once"), "{}", found.sentence);
}

fn pool(active: f64, waiting: f64, left_on_server: Option<f64>) -> pool::Facts {
    let series = |value: f64| Series::new((0..240).map(|minute| (minute * 60_000, value)));
    pool::Facts {
        scope: scope(),
        pool: "main".into(),
        active: series(active),
        waiting: series(waiting),
        most: 10.0,
        left_on_server,
        step_ms: 60_000,
    }
}

#[test]
fn a_pool_that_callers_wait_for_is_sized_by_who_used_and_who_waited() {
    let found = pool::recommend(&pool(10.0, 3.0, Some(50.0))).unwrap();
    let found = only(std::slice::from_ref(&found));
    // (10 + 3) / 0.8 = 16.25.
    let to = Change::PoolSize { from_connections: Some(10.0), to_connections: 17.0 };
    assert_eq!(found.change, Some(to));
    assert_eq!(
        found.sentence,
        "the pool `main` of service `api` has 3 callers waiting for a connection: raise its size from 10 to 17"
    );
    assert_eq!(found.severity, Severity::High);
}

#[test]
fn a_pool_is_not_raised_beyond_what_the_server_has() {
    let found = pool::recommend(&pool(9.0, 0.0, Some(1.0))).unwrap();
    let found = only(std::slice::from_ref(&found));
    assert_eq!(found.change, None);
    assert!(found.sentence.contains("the server has none left"), "{}", found.sentence);
}

#[test]
fn a_quiet_pool_and_a_burst_are_left_alone() {
    assert_eq!(pool::recommend(&pool(3.0, 0.0, None)), None);
    let mut facts = pool(3.0, 0.0, None);
    facts.waiting = Series::new((0..240).map(|minute| (minute * 60_000, f64::from(minute == 100) * 9.0)));
    assert_eq!(pool::recommend(&facts), None);
}

#[test]
fn a_pool_of_which_nothing_is_known_says_so() {
    let facts = pool::Facts { active: Series::default(), most: f64::NAN, ..pool(0.0, 0.0, None) };
    let Some(Answer::NotEnoughData(answer)) = pool::recommend(&facts) else { panic!() };
    assert_eq!(answer.missing.len(), 2);
}

fn bare() -> setting::Facts {
    setting::Facts {
        scope: Scope { container: Some("shop-api-1".into()), ..Scope::default() },
        compose_service: Some("api".into()),
        running_seconds: 7200.0,
        has_health_check: false,
        restart_policy: "no".into(),
        is_removed_at_end: false,
        last_exit_code: None,
        port: Some(8080),
        at: 24 * HOUR,
    }
}

#[test]
fn a_bare_container_is_told_the_lines_that_it_lacks() {
    let answers = setting::recommend(&bare());
    let kinds: Vec<Kind> =
        answers.iter().filter_map(Answer::recommendation).map(|found| found.kind).collect();
    assert_eq!(kinds, [Kind::HealthCheck, Kind::RestartPolicy]);
    let health = answers[0].recommendation().unwrap();
    assert_eq!(
        health.action.lines[1],
        "  test: [\"CMD-SHELL\", \"nc -z 127.0.0.1 8080 || bash -c '</dev/tcp/127.0.0.1/8080'\"]"
    );
    let restart = answers[1].recommendation().unwrap();
    assert_eq!(restart.action.command.as_deref(), Some("docker update --restart unless-stopped shop-api-1"));
}

#[test]
fn what_may_be_a_job_or_cannot_restart_is_told_nothing() {
    assert_eq!(setting::recommend(&setting::Facts { running_seconds: 600.0, ..bare() }), []);
    let removed = setting::Facts { is_removed_at_end: true, has_health_check: true, ..bare() };
    assert_eq!(setting::recommend(&removed), []);
}

#[test]
fn without_a_port_no_health_check_can_be_written() {
    let answers =
        setting::recommend(&setting::Facts { port: None, restart_policy: "always".into(), ..bare() });
    let [Answer::NotEnoughData(answer)] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(answer.missing[0].contains("a port"), "{:?}", answer.missing);
}

fn busy(requests: f64, mean: f64, failing: f64) -> traffic::Facts {
    traffic::Facts {
        scope: scope(),
        requests,
        total_seconds: requests * mean,
        failed: requests * failing,
        window: Some(DAY),
        ..traffic::Facts::default()
    }
}

#[test]
fn slow_answers_come_with_four_things_to_do_and_those_first_that_facts_point_at() {
    let facts = traffic::Facts {
        database_ratio: Some(0.8),
        throttled_ratio: Some(0.02),
        slowest: Some(traffic::Route { name: "GET /orders".into(), share: 0.7, value: 6.0 }),
        ..busy(1000.0, 3.0, 0.0)
    };
    let answers = traffic::recommend(&facts);
    let found = only(&answers);
    assert_eq!(
        found.sentence,
        "service `api` takes 3 s to answer on average, 70 % of it in `GET /orders`: do the first of these that applies"
    );
    assert_eq!(
        found.action.steps,
        [
            "look at `/api/queries/slow`: calls of databases take 80 % of the time of its requests",
            "profile `GET /orders` first: it takes 6 s on average and 70 % of all time",
            "see whether its containers are throttled, and raise `cpus` if they are",
            "see whether it waits for connections of its pool, and raise its size if it does",
        ]
    );
    assert_eq!(found.severity, Severity::High);
}

#[test]
fn failures_after_a_deploy_point_at_it_first() {
    let facts = traffic::Facts { deployed_at: Some(HOUR), restarts: 3, ..busy(1000.0, 0.1, 0.2) };
    let answers = traffic::recommend(&facts);
    let found = only(&answers);
    assert_eq!(found.kind, Kind::ErrorRate);
    assert_eq!(found.action.steps.len(), 4);
    assert!(found.action.steps[0].contains("last deploy"), "{:?}", found.action.steps);
    assert!(found.action.steps[1].contains("3 times"), "{:?}", found.action.steps);
    assert_eq!(found.severity, Severity::Critical);
}

#[test]
fn of_few_requests_nothing_is_told_and_of_good_ones_there_is_nothing_to_tell() {
    let [Answer::NotEnoughData(answer)] = &traffic::recommend(&busy(20.0, 5.0, 0.0))[..] else { panic!() };
    assert_eq!(answer.missing, ["20 of 100 requests"]);
    assert_eq!(traffic::recommend(&busy(1000.0, 0.1, 0.01)), []);
    assert_eq!(traffic::recommend(&busy(0.0, 0.0, 0.0)), []);
}

#[test]
fn every_query_that_verifies_is_promql() {
    for scope in [Scope::default(), scope()] {
        let mut answers: Vec<Answer> = images(20.0 * GIB, None).map(Answer::from).into_iter().collect();
        answers
            .extend(statement::recommend(&statement::Facts { scope: scope.clone(), ..orders(1000.0, 0.9) }));
        answers.extend(pool::recommend(&pool::Facts { scope: scope.clone(), ..pool(10.0, 3.0, None) }));
        answers.extend(setting::recommend(&setting::Facts { scope: scope.clone(), ..bare() }));
        answers.extend(traffic::recommend(&traffic::Facts { scope, ..busy(1000.0, 3.0, 0.5) }));
        assert_eq!(answers.len(), 7);
        for found in answers.iter().filter_map(Answer::recommendation) {
            let parsed = promql_parser::parser::parse(&found.verify.promql);
            assert!(parsed.is_ok(), "{}: {parsed:?}", found.verify.promql);
        }
    }
}

proptest! {
    #[test]
    fn a_pool_never_shrinks_and_always_has_room_for_who_waited(active in 0.0..100.0, waiting in 0.0..50.0, most in 1.0_f64..100.0) {
        let facts = pool::Facts { most: most.round(), ..pool(active, waiting, None) };
        if let Some(Answer::Recommendation(found)) = pool::recommend(&facts) {
            let (from, to) = found.change.unwrap().values();
            prop_assert!(from.is_some_and(|from| to > from));
            prop_assert!(to >= active + waiting);
        }
    }

    #[test]
    fn any_text_of_a_statement_is_read(text in ".{0,80}", tables in proptest::collection::vec("[a-z]{1,5}", 0..3)) {
        let select = format!("select {text}");
        statement::recommend(&statement::Facts { text: select, tables, ..orders(1000.0, 2.0) });
    }

    #[test]
    fn there_are_always_four_things_to_do(
        ratios in proptest::collection::vec(proptest::option::of(0.0..1.0), 4),
        restarts in 0_u64..3,
        deployed_at in proptest::option::of(0_i64..1000),
    ) {
        let facts = traffic::Facts {
            throttled_ratio: ratios[0],
            memory_ratio: ratios[1],
            pool_ratio: ratios[2],
            database_ratio: ratios[3],
            restarts,
            deployed_at,
            ..busy(1000.0, 3.0, 0.5)
        };
        let answers = traffic::recommend(&facts);
        prop_assert_eq!(answers.len(), 2);
        for answer in &answers {
            prop_assert_eq!(answer.recommendation().unwrap().action.steps.len(), 4);
        }
    }
}
