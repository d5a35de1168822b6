//! Ten days of containers and a service, of which the last hours are not as usual.

use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;
use crate::analysis::simulation::Random;
use crate::history::{Ask, Bin, Line};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

const MIB: f64 = 1_048_576.0;

/// The end of what is asked for; ten days have been kept.
fn to() -> Timestamp {
    "2026-01-11T12:00:00Z".parse().unwrap()
}

/// Ten days of containers and a service: `wave` swings with the day and takes a core more in the last
/// two hours, `quiet` does what it always did, `new` has begun an hour ago, and `gone` ended two days
/// ago; of the `web` replicas the second holds more memory than the others; `api` is not asked
/// anything any more since an hour and a half.
#[derive(Debug, Default)]
struct Days {
    /// From when on steps of five minutes are kept, if not all of them.
    kept_since: Option<i64>,
}

impl Days {
    /// Values of steps from so long before the end to so long before the end.
    fn line(wanted: &Wanted, name: (&str, &str), ago: [i64; 2], value: &dyn Fn(i64) -> f64) -> Line {
        let mut random = Random::new(name.1.len() as u64);
        let to = to().as_millisecond();
        let steps = (1..=10 * DAY_MS / wanted.step_ms).map(|step| to - 10 * DAY_MS + step * wanted.step_ms);
        let noisy = steps.map(|at| (at, value(at - to) * (1.0 + 0.03 * random.normal())));
        let is_kept = |(at, _): &(i64, f64)| *at > to - ago[0] && *at <= to - ago[1];
        let is_asked = |(at, _): &(i64, f64)| *at > wanted.from && *at <= wanted.to;
        let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), name];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Line { labels: labels.into(), points: noisy.filter(is_kept).filter(is_asked).collect() }
    }
}

impl Query for Days {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        let always = [10 * DAY_MS, 0];
        let wave = |before: i64| {
            let day = (before as f64 / DAY_MS as f64 * std::f64::consts::TAU).sin();
            0.5 + 0.3 * day + if before > -2 * HOUR_MS { 1.0 } else { 0.0 }
        };
        let line =
            |name: &str, ago, value: &dyn Fn(i64) -> f64| Days::line(wanted, ("name", name), ago, value);
        let lines = match wanted.measure.name {
            CPU => vec![
                line("wave", always, &wave),
                line("quiet", always, &|_| 0.2),
                line("new", [HOUR_MS, 0], &|_| 0.2),
                line("gone", [10 * DAY_MS, 2 * DAY_MS], &|_| 0.2),
            ],
            MEMORY => vec![
                line("web-1", always, &|_| 200.0 * MIB),
                line("web-2", always, &|_| 400.0 * MIB),
                line("web-3", always, &|_| 200.0 * MIB),
                line("web-10", always, &|_| 200.0 * MIB),
            ],
            "http_requests_per_second" => {
                let asked = |before: i64| if before > -90 * MINUTE_MS { 0.0 } else { 20.0 };
                vec![Days::line(wanted, ("service", "api"), always, &asked)]
            }
            _ => Vec::new(),
        };
        Box::pin(async move { Ok(lines.into_iter().filter(|line| !line.points.is_empty()).collect()) })
    }

    fn kept_since(&self, _: i64) -> Option<i64> {
        self.kept_since
    }
}

async fn told(days: Days, hours: i64, limit: usize) -> Value {
    let from = to().checked_sub(SignedDuration::from_hours(hours)).unwrap();
    let options = Options { whom: Whom::default(), period: Period { from, to: to() }, limit };
    serde_json::to_value(report(&days, options).await.unwrap()).unwrap()
}

fn of<'a>(answer: &'a Value, kind: &str, name: &str) -> Vec<&'a Value> {
    let is_of =
        |entry: &&Value| entry["kind"] == kind && (entry["container"] == name || entry["service"] == name);
    answer["anomalies"].as_array().unwrap().iter().filter(is_of).collect()
}

#[tokio::test]
async fn a_jump_is_told_with_what_was_expected() {
    let answer = told(Days::default(), 24, LIMIT).await;
    let jump = of(&answer, "unusual", "wave");
    let first = jump.last().unwrap();
    assert_eq!(
        (&first["at"], &first["since"]),
        (&json!("2026-01-11T10:05:00Z"), &json!("2026-01-11T10:00:00Z"))
    );
    assert_eq!((&first["user"], &first["project"]), (&json!("ann"), &json!("shop")));
    let number = |name: &str| first[name].as_f64().unwrap();
    assert!(number("value") > 1.2 && number("high") < 1.0 && number("score") > 6.0, "{first}");
    assert!((number("expected") - 0.35).abs() < 0.06, "{first}");
    assert!(first["text"].as_str().unwrap().contains("`wave`: CPU 1."), "{first}");
    assert_eq!(first["window"]["to"], first["at"]);
    assert!(number("samples") > 1900.0, "{first}");
}

#[tokio::test]
async fn what_passes_its_usual_p95_is_told_since_it_does() {
    let answer = told(Days::default(), 24, LIMIT).await;
    let above = of(&answer, "above_usual", "wave");
    assert_eq!(above.len(), 1, "{answer}");
    assert_eq!(
        (&above[0]["at"], &above[0]["since"]),
        (&json!("2026-01-11T12:00:00Z"), &json!("2026-01-11T10:00:00Z"))
    );
    let text = above[0]["text"].as_str().unwrap();
    assert!(text.starts_with("`wave`: CPU 1."), "{text}");
    assert!(text.contains(" cores or more for 2 h, over 1.5 times the 0.8"), "{text}");
}

#[tokio::test]
async fn a_service_that_nobody_asks_any_more_is_told() {
    let answer = told(Days::default(), 24, LIMIT).await;
    let silent = of(&answer, "unusual", "api");
    let first = silent.last().unwrap();
    assert_eq!((&first["at"], &first["value"]), (&json!("2026-01-11T10:35:00Z"), &json!(0.0)));
    assert!(
        first["text"].as_str().unwrap().starts_with("service `api`: requests a second 0/s over 5 min, below")
    );
}

#[tokio::test]
async fn a_replica_that_is_unlike_its_siblings_is_told() {
    let answer = told(Days::default(), 24, LIMIT).await;
    let odd = of(&answer, "unlike_siblings", "web-2");
    assert_eq!(odd.len(), 1, "{answer}");
    assert_eq!(odd[0]["since"], "2026-01-10T12:00:00Z", "all the time");
    assert!(odd[0]["text"].as_str().unwrap().contains(" over 24 h, where its siblings have "), "{odd:?}");
    let number = |name: &str| odd[0][name].as_f64().unwrap() / MIB;
    assert!((number("expected") - 200.0).abs() < 2.0 && (number("value") - 400.0).abs() < 4.0, "{odd:?}");
    for name in ["web-1", "web-3", "web-10"] {
        assert!(of(&answer, "unlike_siblings", name).is_empty());
    }
}

#[tokio::test]
async fn what_is_quiet_is_silent_what_is_new_and_what_has_ended_are_counted() {
    let answer = told(Days::default(), 24, LIMIT).await;
    let mut told: Vec<&Value> = answer["anomalies"].as_array().unwrap().iter().collect();
    told.retain(|entry| ["quiet", "new", "gone"].iter().any(|name| entry["container"] == *name));
    assert!(told.is_empty(), "{told:?}");
    let counts =
        ["series", "not_enough_data", "ended", "series_left_out"].map(|name| answer[name].as_i64().unwrap());
    assert_eq!(counts, [8, 1, 1, 0]);
    let rates = &answer["rates"];
    assert_eq!(rates["all"], json!({"unusual": 2, "series": 7, "ratio": 2.0 / 7.0}));
    assert_eq!(rates["projects"][0]["project"], "shop");
    assert_eq!(
        (&rates["projects"][0]["unusual"], &rates["projects"].as_array().unwrap().len()),
        (&json!(2), &1)
    );
    let each = rates["each"].as_array().unwrap();
    let new = each.iter().find(|rate| rate["container"] == "new").unwrap();
    assert_eq!((&new["series"], &new["ratio"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn the_newest_come_first_and_the_rest_is_counted() {
    let all = told(Days::default(), 24, LIMIT).await;
    let times: Vec<&str> =
        all["anomalies"].as_array().unwrap().iter().map(|one| one["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|a, b| a >= b) && all["left_out"] == 0, "{times:?}");
    let some = told(Days::default(), 24, 2).await;
    assert_eq!(some["left_out"], times.len() - 2);
    assert_eq!(some["anomalies"][1], all["anomalies"][1]);
}

#[tokio::test]
async fn it_is_learned_from_what_is_kept_in_short_steps() {
    let kept_since = Some(to().as_millisecond() - 7 * DAY_MS);
    let answer = told(Days { kept_since }, 24, LIMIT).await;
    assert_eq!(answer["learned_from"], "2026-01-04T12:05:00Z");
    assert!(!of(&answer, "unusual", "wave").is_empty());
    // Longer ago than anything that is kept there is nothing to tell.
    let answer = told(Days { kept_since: Some(to().as_millisecond()) }, 24, LIMIT).await;
    assert_eq!((&answer["series"], &answer["anomalies"]), (&json!(0), &json!([])));
}
