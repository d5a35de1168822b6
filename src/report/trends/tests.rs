//! A week of three containers, and one that has ended.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::history::{Ask, Bin, Wanted};

const DAY_MS: i64 = 86_400_000;

fn from() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A week of three containers: `leaks` grows by a tenth of its first level a day towards a limit,
/// `waves` swings with the day, and `moved` doubles its memory on the fourth day. `gone` has ended.
#[derive(Debug)]
struct Week;

impl Week {
    fn memory(name: &str, days: f64) -> f64 {
        let wave = 5e6 * (days * std::f64::consts::TAU).sin();
        match name {
            "leaks" => 100e6 + 10e6 * days,
            "moved" if days >= 4.0 => 200e6 + wave,
            _ => 100e6 + wave,
        }
    }
}

impl Query for Week {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        let line = |name: &str, last_day: f64, value: &dyn Fn(f64) -> f64| {
            let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), ("name", name)];
            let steps = (wanted.to - wanted.from) / wanted.step_ms;
            let day = |step: i64| (step * wanted.step_ms) as f64 / DAY_MS as f64;
            let points = (1..=steps).filter(|step| day(*step) <= last_day);
            let points = points.map(|step| (wanted.from + step * wanted.step_ms, value(day(step))));
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            Line { labels: labels.into(), points: points.collect() }
        };
        let lines = match wanted.measure.name {
            MEMORY => ["leaks", "waves", "moved"]
                .map(|name| line(name, 9.0, &|days| Week::memory(name, days)))
                .into_iter()
                .chain([line("gone", 3.0, &|days| 1e6 * days)])
                .collect(),
            "memory_limit_bytes" => vec![line("leaks", 9.0, &|_| 200e6)],
            // Of 100 GB half a GB a day is too little of the level to be told of anything but a disk.
            "host_disk_used_bytes" => vec![line("/data", 9.0, &|days| 94e9 + 0.5e9 * days)],
            "host_disk_size_bytes" => vec![line("/data", 9.0, &|_| 100e9)],
            "error_budget_spent_ratio" => vec![line("budget", 9.0, &|days| 0.05 * days)],
            _ => Vec::new(),
        };
        Box::pin(async move { Ok(lines) })
    }
}

async fn week(with_steady: bool) -> Value {
    let to = from().checked_add(jiff::SignedDuration::from_hours(7 * 24)).unwrap();
    let options = Options {
        whom: Whom::default(),
        period: Period { from: from(), to },
        rule: Rule::default(),
        with_steady,
    };
    serde_json::to_value(report(&Week, options).await.unwrap()).unwrap()
}

fn of<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    answer["trends"].as_array().unwrap().iter().find(|entry| entry["container"] == name)
}

#[tokio::test]
async fn what_grows_is_told_with_the_day_on_which_its_limit_is_reached() {
    let answer = week(false).await;
    assert_eq!((&answer["step_seconds"], &answer["series"]), (&json!(3600), &json!(6)));
    let leak = of(&answer, "leaks").unwrap();
    assert_eq!((&leak["direction"], &leak["leak"]), (&json!("growing"), &json!(true)));
    // At 170 MB of 200 MB after a week, and 10 MB more each day.
    let days = leak["limit"]["days"].as_f64().unwrap();
    assert!((days - 3.0).abs() < 0.1, "{leak}");
    assert_eq!(answer["trends"][0]["container"], "leaks", "the limit comes first");
}

#[tokio::test]
async fn a_level_that_changed_is_told_with_its_time() {
    let answer = week(false).await;
    let moved = of(&answer, "moved").unwrap();
    let changes = moved["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{moved}");
    let at: Timestamp = changes[0]["at"].as_str().unwrap().parse().unwrap();
    let days = (at.as_millisecond() - from().as_millisecond()) as f64 / DAY_MS as f64;
    assert!((days - 4.0).abs() < 0.25, "{moved}");
    assert!((changes[0]["change_ratio"].as_f64().unwrap() - 1.0).abs() < 0.1, "{moved}");
}

#[tokio::test]
async fn what_swings_with_the_day_is_steady_and_what_has_ended_has_no_future() {
    let answer = week(false).await;
    assert!(of(&answer, "waves").is_none() && of(&answer, "gone").is_none(), "{answer}");
    let all = week(true).await;
    assert_eq!(of(&all, "waves").unwrap()["direction"], "steady");
    assert!(of(&all, "gone").is_none());
}

#[tokio::test]
async fn disks_and_error_budgets_are_told_with_the_day_on_which_nothing_is_left() {
    let answer = week(false).await;
    let days = |name: &str| of(&answer, name).unwrap()["limit"]["days"].as_f64().unwrap();
    // At 97.5 of 100 GB, and at 0.35 of all of the budget.
    assert!((days("/data") - 5.0).abs() < 0.1, "{answer}");
    assert!((days("budget") - 13.0).abs() < 0.1, "{answer}");
    let limit = &of(&answer, "/data").unwrap()["limit"];
    assert_eq!((&limit["value"], &limit["reached"]), (&json!(100e9), &json!(false)));
    assert!(limit["days_soonest"].as_f64() <= limit["days"].as_f64(), "{limit}");
}
