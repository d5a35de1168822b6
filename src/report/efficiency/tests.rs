//! Two months of services whose work, cores and hours are known by the day.

use futures_util::future::BoxFuture;

use super::*;
use crate::history::{Ask, Bin};

/// 2026-03-01T00:00:00Z, and the beginning of the eight weeks before it.
const END: i64 = 1_772_323_200_000;
const BEGIN: i64 = END - WEEKS * WEEK_MS;

/// Services that use a core all day: `slower` serves half of it in the last week, `steady` the same
/// always, `new` is there for four days, `gone` until five weeks ago.
#[derive(Debug)]
struct Months;

fn requests(service: &str, day: i64) -> Option<f64> {
    match service {
        "slower" => Some(if day >= 49 { 1e5 } else { 2e5 }),
        "steady" => Some(5e4),
        "new" => (day >= 52).then_some(1e5),
        _ => (day < 21).then_some(1e5),
    }
}

impl Query for Months {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        assert_eq!((wanted.from, wanted.to, wanted.step_ms), (BEGIN, END, DAY_MS));
        let value = |service: &str, day: i64| {
            let requests = requests(service, day)?;
            Some(match wanted.measure.name {
                "served_requests" => requests,
                "service_core_seconds" => 86_400.0,
                _ => 24.0,
            })
        };
        let line = move |service: &str| {
            let labels = [("user", "ann"), ("project", "shop"), ("team", "core"), ("service", service)];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let points = (0..56).filter_map(|day| Some((BEGIN + (day + 1) * DAY_MS, value(service, day)?)));
            Line { labels, points: points.collect() }
        };
        Box::pin(async move { Ok(["steady", "gone", "slower", "new"].map(line).into()) })
    }
}

async fn told() -> Vec<(String, Standing)> {
    // In the middle of a day, of which nothing is said.
    let to = Timestamp::from_millisecond(END + DAY_MS / 2).unwrap();
    let found = efficiency(&Months, &Whom::default(), to).await.unwrap();
    found.into_iter().map(|one| (one.scope.service.unwrap(), one.standing)).collect()
}

#[tokio::test]
async fn weeks_are_told_from_days_and_the_least_efficient_comes_first() {
    let told = told().await;
    let (name, Standing::Low(found)) = &told[0] else { panic!("{told:?}") };
    assert_eq!((name.as_str(), found.ratio, found.weeks), ("slower", 0.5, 8));
    assert_eq!(found.best_requests_per_core_second, 2e5 / 86_400.0);
    let (name, Standing::Good(found)) = &told[1] else { panic!("{told:?}") };
    assert_eq!((name.as_str(), found.ratio), ("steady", 1.0));
    assert_eq!(told.len(), 3, "what has ended is left out");
}

#[tokio::test]
async fn four_days_are_no_second_week() {
    let told = told().await;
    let (_, Standing::NotEnoughData { missing }) = &told[2] else { panic!("{told:?}") };
    assert_eq!(missing.as_slice(), ["1 of 2 weeks with requests and use"]);
}
