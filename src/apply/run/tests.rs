//! When a watch is over.

use super::*;
use crate::tenant::{LabelValue, Tenant};

const SETTINGS: EngineSettings = EngineSettings {
    nano_cpus: 1_000_000_000,
    cpu_quota: 0,
    cpu_period: 0,
    memory: 1 << 26,
    memory_swap: -1,
    memory_reservation: 0,
};

fn found(status: Status) -> Found {
    Found {
        id: "ab".repeat(32).parse().unwrap(),
        name: LabelValue::clean("web"),
        tenant: Tenant::unknown(),
        settings: SETTINGS,
        status,
        restarts: 0,
        oom_killed: false,
        exit_code: None,
        started_at: None,
    }
}

fn ended(is: &Found, signs: Signs, is_over: bool) -> &'static str {
    match judged(is, &SETTINGS, &Signs::default(), &signs, Raised::default(), is_over) {
        None => "goes on",
        Some(Ended::Well(_)) => "well",
        Some(Ended::Badly(_)) => "badly",
        Some(Ended::Taken(_)) => "taken",
    }
}

#[test]
fn a_quiet_container_is_watched_to_the_end() {
    for status in [Status::Running, Status::Restarting, Status::Paused] {
        assert_eq!(ended(&found(status.clone()), Signs::default(), false), "goes on");
        assert_eq!(ended(&found(status), Signs::default(), true), "well");
    }
}

#[test]
fn one_that_fares_worse_or_ends_badly_ends_the_watch() {
    let killed = Signs { oom_kills: 1, ..Signs::default() };
    assert_eq!(ended(&found(Status::Running), killed, false), "badly");
    let exited = |code| Found { exit_code: Some(code), ..found(Status::Exited) };
    assert_eq!(ended(&exited(137), Signs::default(), false), "badly");
    assert_eq!(ended(&exited(0), Signs::default(), false), "well", "a job that is done is no harm");
}

#[test]
fn limits_that_somebody_else_has_changed_are_not_ours_any_more() {
    let settings = EngineSettings { nano_cpus: 500_000_000, ..SETTINGS };
    let other = Found { settings, ..found(Status::Running) };
    let killed = Signs { oom_kills: 1, ..Signs::default() };
    assert_eq!(ended(&other, killed, true), "taken");
}

#[test]
fn how_it_fared_is_said_in_words() {
    let signs = Signs { periods: 200, throttled_periods: 50, oom_kills: 1, restarts: 2 };
    assert_eq!(fared(&signs), "held back in 25 % of 200 periods, 1 killed for want of memory, 2 restarts");
    assert!(fared(&Signs::default()).starts_with("never held back"));
}
