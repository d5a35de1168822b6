//! Containers of a few hours and what should be said of them; and what must hold of all.

use std::path::Path;

use proptest::prelude::*;

use super::super::recommendation::{Change, Kind, Recommendation};
use super::cpu::THROTTLED;
use super::host::{Overcommit, Promised, overcommit, recommend};
use super::*;

const MIB: f64 = 1_048_576.0;
const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;

/// A week of values by the minute's number, from 2026-01-01.
fn week(of: impl Fn(i64) -> f64) -> Series {
    let start = 1_767_225_600_000;
    Series::new((0..7 * 24 * 12 + 1).map(|step| (start + step * 5 * MINUTE, of(step))))
}

fn facts(cpu_cores: Series, memory_bytes: Series) -> Facts {
    Facts {
        scope: Scope {
            user: Some("ann".into()),
            project: Some("shop".into()),
            team: Some("core".into()),
            service: None,
            container: Some("shop-api-1".into()),
        },
        compose_service: Some("api".into()),
        step_ms: 5 * MINUTE,
        cpu_cores,
        memory_bytes,
        throttled_ratio: Some(0.0),
        out_of_memory: Vec::new(),
        restarts: 0,
        limits: Limits { cpu_cores: Some(0.5), memory_bytes: Some(128.0 * MIB), ..Limits::default() },
        host: Capacity { cores: 4.0, memory_bytes: 8192.0 * MIB },
    }
}

/// 0.4 cores and 100 MiB all the time: what its limits of 0.5 cores and 128 MiB are right for.
fn fitting() -> Facts {
    facts(week(|_| 0.4), week(|_| 100.0 * MIB))
}

fn recommended(facts: &Facts, kind: Kind) -> Option<Recommendation> {
    rightsize(facts).iter().filter_map(Answer::recommendation).find(|found| found.kind == kind).cloned()
}

fn proposed(facts: &Facts, kind: Kind) -> Option<f64> {
    recommended(facts, kind)?.change.map(|change| change.values().1)
}

#[test]
fn what_fits_is_left_alone() {
    assert_eq!(rightsize(&fitting()), []);
}

#[test]
fn an_oversized_container_frees_what_it_does_not_use() {
    let mut facts = fitting();
    facts.limits = Limits { cpu_cores: Some(2.0), memory_bytes: Some(1024.0 * MIB), ..Limits::default() };
    let cpu = recommended(&facts, Kind::CpuLimit).unwrap();
    // 0.4 × 1.15 = 0.46, in steps of 0.05.
    assert_eq!(cpu.change, Some(Change::CpuLimit { from_cores: Some(2.0), to_cores: 0.5 }));
    assert_eq!(cpu.severity, Severity::High);
    assert_eq!(
        cpu.sentence,
        "`shop-api-1` may use 2.00 cores and needs 0.40 cores nearly always: lower its limit to 0.50 cores"
    );
    assert_eq!(cpu.action.command.as_deref(), Some("docker update --cpus 0.50 shop-api-1"));
    let memory = recommended(&facts, Kind::MemoryLimit).unwrap();
    // 100 MiB × 1.15 = 115 MiB, in steps of 4 MiB.
    assert_eq!(memory.change.unwrap().values().1, 116.0 * MIB);
    assert_eq!(memory.effect.sentence, "frees 908 MiB");
}

#[test]
fn golden_recommendation() {
    let mut facts = fitting();
    facts.limits.memory_bytes = Some(512.0 * MIB);
    let answers = rightsize(&facts);
    let json = serde_json::to_string_pretty(&answers).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recommendation.json");
    if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
        std::fs::write(&file, &json).unwrap();
    }
    assert_eq!(json, std::fs::read_to_string(&file).unwrap());
}

#[test]
fn bursts_of_one_step_in_fifty_keep_their_room() {
    // p95 is 0.2, p99 is 1: a limit by p95 alone would throttle what is seen now.
    let mut facts = facts(week(|step| if step % 50 == 0 { 1.0 } else { 0.2 }), week(|_| 100.0 * MIB));
    facts.limits.cpu_cores = Some(2.0);
    assert_eq!(proposed(&facts, Kind::CpuLimit), Some(1.0));
}

#[test]
fn a_throttled_container_is_raised_by_what_it_waited_for() {
    let mut facts = facts(week(|_| 0.5), week(|_| 100.0 * MIB));
    facts.throttled_ratio = Some(0.6);
    let cpu = recommended(&facts, Kind::CpuLimit).unwrap();
    // 0.5 × 1.6.
    assert_eq!(cpu.change.unwrap().values(), (Some(0.5), 0.8));
    assert_eq!(cpu.severity, Severity::High);
    assert_eq!(cpu.effect.sentence, "throttled periods fall from 60 % to under 5 %");
    assert!(cpu.verify.promql.contains(r#"name="shop-api-1""#), "{}", cpu.verify.promql);
}

#[test]
fn a_throttled_container_that_looks_idle_is_raised_by_a_quarter() {
    let mut facts = facts(week(|_| 0.01), week(|_| 100.0 * MIB));
    facts.limits.cpu_cores = Some(1.0);
    facts.throttled_ratio = Some(0.06);
    assert_eq!(proposed(&facts, Kind::CpuLimit), Some(1.3));
}

#[test]
fn use_under_a_limit_without_its_throttling_is_not_demand() {
    let mut facts = fitting();
    facts.limits.cpu_cores = Some(2.0);
    facts.throttled_ratio = None;
    let answers = rightsize(&facts);
    let [Answer::NotEnoughData(answer)] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(answer.sentence.contains("throttled periods"), "{}", answer.sentence);
}

#[test]
fn after_a_kill_a_container_gets_a_quarter_more_than_it_died_at() {
    let mut facts = facts(week(|_| 0.4), week(|_| 60.0 * MIB));
    facts.out_of_memory = vec![OutOfMemory { at: DAY, limit_bytes: Some(128.0 * MIB) }];
    facts.restarts = 1;
    let memory = recommended(&facts, Kind::MemoryLimit).unwrap();
    assert_eq!(memory.change.unwrap().values().1, 160.0 * MIB);
    assert_eq!(memory.severity, Severity::Critical);
    assert_eq!(
        memory.sentence,
        "`shop-api-1` was killed 1 time for want of memory, at 128 MiB: raise the limit to 160 MiB"
    );
    assert!(memory.risk.contains("it restarted 1 time"), "{}", memory.risk);
}

#[test]
fn a_container_without_limits_is_told_to_set_them_first() {
    let mut facts = fitting();
    facts.limits = Limits::default();
    facts.throttled_ratio = None;
    for kind in [Kind::CpuLimit, Kind::MemoryLimit] {
        let found = recommended(&facts, kind).unwrap();
        assert!(found.sentence.contains("set a limit of"), "{}", found.sentence);
        assert_eq!(found.change.unwrap().values().0, None);
    }
}

#[test]
fn docker_gets_swap_with_memory_and_no_reservation_above_a_limit() {
    let mut facts = fitting();
    facts.limits.memory_bytes = Some(1024.0 * MIB);
    facts.limits.memory_reserved_bytes = Some(512.0 * MIB);
    let memory = recommended(&facts, Kind::MemoryLimit).unwrap();
    assert_eq!(memory.action.lines, ["mem_limit: 116m", "mem_reservation: 116m"]);
    assert_eq!(
        memory.action.command.as_deref(),
        Some("docker update --memory 116m --memory-swap 232m --memory-reservation 116m shop-api-1")
    );
    assert_eq!(proposed(&facts, Kind::MemoryReservation), Some(116.0 * MIB));
}

#[test]
fn a_reservation_is_what_is_mostly_needed() {
    let mut facts = fitting();
    facts.limits.cpu_reserved_cores = Some(2.0);
    let cpu = recommended(&facts, Kind::CpuReservation).unwrap();
    assert_eq!(cpu.change.unwrap().values(), (Some(2.0), 0.5));
    assert_eq!(cpu.action.lines, ["labels:", "  dockmeter.cpu.reservation: \"0.50\""]);
    assert_eq!(cpu.action.command, None);
}

#[test]
fn a_short_history_says_what_is_missing() {
    let short = |points: i64| Series::new((0..points).map(|step| (step * MINUTE, 0.3)));
    let answers = rightsize(&facts(short(43), short(150)));
    let missing: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Answer::NotEnoughData(answer) => answer.missing.clone(),
            Answer::Recommendation(found) => panic!("{found:?}"),
        })
        .collect();
    let cpu = "`container_cpu_usage_seconds_total`";
    let of_cpu = vec![format!("43 of 100 samples of {cpu}"), format!("0.7 of 3 h of history of {cpu}")];
    let of_memory = vec!["2.5 of 3 h of history of `container_memory_working_set_bytes`".to_owned()];
    assert_eq!(missing, [of_cpu, of_memory]);
}

#[test]
fn confidence_grows_with_days_and_falls_with_gaps() {
    let mut facts = fitting();
    facts.limits.cpu_cores = Some(2.0);
    assert_eq!(recommended(&facts, Kind::CpuLimit).unwrap().confidence.ratio, 1.0);
    let every_other = facts.cpu_cores.points().iter().copied().filter(|(at, _)| (at / 300_000) % 2 == 0);
    facts.cpu_cores = Series::new(every_other);
    let ratio = recommended(&facts, Kind::CpuLimit).unwrap().confidence.ratio;
    assert!((ratio - 0.5).abs() < 0.01, "{ratio}");
}

#[test]
fn every_query_that_verifies_is_promql() {
    let mut facts = fitting();
    facts.limits = Limits {
        cpu_cores: Some(2.0),
        memory_bytes: Some(1024.0 * MIB),
        cpu_reserved_cores: Some(2.0),
        memory_reserved_bytes: Some(512.0 * MIB),
    };
    for user in [Some("a\"b\\".to_owned()), None] {
        facts.scope.user = user;
        let answers = rightsize(&facts);
        assert_eq!(answers.len(), 4);
        for found in answers.iter().filter_map(Answer::recommendation) {
            let parsed = promql_parser::parser::parse(&found.verify.promql);
            assert!(parsed.is_ok(), "{}: {parsed:?}", found.verify.promql);
        }
    }
    let host = Capacity { cores: 1.0, memory_bytes: MIB };
    let promised = Promised { cpu_cores: Some(1.0), memory_bytes: Some(MIB) };
    let found = recommend(None, host, &overcommit(host, &[promised; 2]), Window { from: 0, to: DAY });
    assert_eq!(found.len(), 2);
    for one in found {
        assert!(promql_parser::parser::parse(&one.verify.promql).is_ok(), "{}", one.verify.promql);
    }
}

#[test]
fn a_host_that_promises_more_than_it_has_says_by_how_much() {
    let host = Capacity { cores: 4.0, memory_bytes: 8192.0 * MIB };
    let promised = |gib: f64| Promised { cpu_cores: Some(1.0), memory_bytes: Some(gib * 1024.0 * MIB) };
    let found = overcommit(host, &[promised(6.0), promised(4.0), Promised::default()]);
    assert_eq!(
        found,
        Overcommit {
            containers: 3,
            without_cpu_limit: 1,
            without_memory_limit: 1,
            cpu_limits_cores: 2.0,
            memory_limits_bytes: 10240.0 * MIB,
            cpu_ratio: Some(0.5),
            memory_ratio: Some(1.25),
        }
    );
    let all = recommend(None, host, &found, Window { from: 0, to: DAY });
    let [memory] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(
        memory.sentence,
        "containers may use 10 GiB together, 1.25 times the 8 GiB that the host has, and 1 container has no limit at all: lower the limits that are far above use"
    );
    assert_eq!(memory.severity, Severity::Medium);
    assert_eq!(overcommit(Capacity { cores: 0.0, memory_bytes: f64::NAN }, &[]).cpu_ratio, None);
}

/// Any container that could be, on a host that could hold it.
fn any() -> impl Strategy<Value = Facts> {
    let series = |most: f64| {
        let value = prop_oneof![9 => 0.0..most, 1 => Just(0.0), 1 => Just(f64::NAN)];
        proptest::collection::vec(value, 0..300)
            .prop_map(|values| Series::new((0_i64..).map(|step| step * 5 * MINUTE).zip(values)))
    };
    let limits = (
        proptest::option::of(0.01..8.0),
        proptest::option::of(6.0 * MIB..8192.0 * MIB),
        proptest::option::of(0.01..8.0),
        proptest::option::of(6.0 * MIB..8192.0 * MIB),
    );
    let kill = proptest::collection::vec(proptest::option::of(6.0 * MIB..8192.0 * MIB), 0..3);
    (series(4.0), series(8000.0 * MIB), proptest::option::of(0.0..1.0), limits, kill).prop_map(
        |(cpu, memory, throttled, limits, kills)| {
            let mut facts = facts(cpu, memory);
            facts.throttled_ratio = throttled;
            facts.out_of_memory =
                kills.into_iter().map(|limit_bytes| OutOfMemory { at: 0, limit_bytes }).collect();
            facts.limits = Limits {
                cpu_cores: limits.0,
                memory_bytes: limits.1,
                cpu_reserved_cores: limits.2,
                memory_reserved_bytes: limits.3,
            };
            facts
        },
    )
}

proptest! {
    #[test]
    fn a_throttled_container_is_never_shrunk(mut facts in any(), throttled in (THROTTLED + 0.001)..1.0, limit in 0.01..8.0) {
        facts.throttled_ratio = Some(throttled);
        facts.limits.cpu_cores = Some(limit);
        if let Some(to) = proposed(&facts, Kind::CpuLimit) {
            prop_assert!(to >= (limit * 1.25).min(4.0), "{limit} to {to}");
        }
        if let Some(found) = recommended(&facts, Kind::CpuReservation) {
            let (from, to) = found.change.unwrap().values();
            prop_assert!(from.is_some_and(|from| to >= from));
        }
    }

    #[test]
    fn memory_is_never_below_the_peak_nor_at_what_killed(facts in any()) {
        let peak = facts.memory_bytes.values().into_iter().fold(0.0, f64::max);
        if let Some(to) = proposed(&facts, Kind::MemoryLimit) {
            prop_assert!(to >= (peak * MARGIN).min(facts.host.memory_bytes));
            for kill in facts.out_of_memory.iter().filter_map(|kill| kill.limit_bytes) {
                prop_assert!(to >= (kill * 1.25).min(facts.host.memory_bytes));
            }
        }
    }

    #[test]
    fn proposals_are_within_the_host_and_what_docker_takes(facts in any()) {
        for found in rightsize(&facts).iter().filter_map(Answer::recommendation) {
            let (from, to) = found.change.unwrap().values();
            match found.kind {
                Kind::CpuLimit | Kind::CpuReservation => prop_assert!((0.01..=facts.host.cores).contains(&to)),
                _ => prop_assert!(to >= 6.0 * MIB && to <= facts.host.memory_bytes),
            }
            prop_assert!(from.is_none_or(|from| (to - from).abs() >= LEAST_CHANGE * from - 1e-9));
            prop_assert!((0.0..=1.0).contains(&found.confidence.ratio));
            prop_assert!(found.evidence.iter().all(|evidence| evidence.value.is_finite()));
        }
    }

    #[test]
    fn what_has_no_limit_is_told_to_set_one(mut facts in any()) {
        facts.limits = Limits::default();
        for found in rightsize(&facts).iter().filter_map(Answer::recommendation) {
            prop_assert!(found.sentence.contains("set a limit"));
            prop_assert_eq!(found.change.unwrap().values().0, None);
        }
    }
}
