//! Versions that follow each other, a rolling deploy, a rollback, and what is refused.

use futures_util::future::BoxFuture;

use super::*;
use crate::history::{Ask, Bin, Line};

const MINUTE: i64 = 60_000;

/// The first minute.
const BEGIN: i64 = 1_767_225_600_000;

/// Who ran which image from a minute to another.
#[derive(Debug, Default)]
struct Known(Vec<(&'static str, &'static str, i64, i64)>, &'static str);

impl Query for Known {
    fn name(&self) -> &'static str {
        if self.1.is_empty() { "prometheus" } else { self.1 }
    }

    fn bins<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Vec<Bin>, QueryError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn lines<'a>(&'a self, wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Line>, QueryError>> {
        assert_eq!(wanted.step_ms, MINUTE);
        let line = |(name, image, from, to): &(&str, &str, i64, i64)| {
            let (image, id) = image.split_once('#').unwrap_or((image, image));
            let labels = [("user", "ann"), ("name", *name), ("image", image), ("image_id", id)];
            let started = (BEGIN + from * MINUTE) as f64 / 1000.0;
            let points = (from + 1..=*to).map(|minute| (BEGIN + minute * MINUTE, started));
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            Line { labels, points: points.collect() }
        };
        // What has the same labels is one line.
        let mut lines: Vec<Line> = Vec::new();
        for Line { labels, points } in self.0.iter().map(line) {
            match lines.iter_mut().find(|known| known.labels == labels) {
                Some(known) => known.points.extend(points),
                None => lines.push(Line { labels, points }),
            }
        }
        Box::pin(async move { Ok(lines) })
    }
}

fn within() -> Period {
    let at = |minute: i64| Timestamp::from_millisecond(BEGIN + minute * MINUTE).unwrap();
    Period { from: at(0), to: at(1440) }
}

fn by_version(before: &str, after: &str) -> Asked {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Asked::Versions { before: some(before), after: some(after), window: 6 * 3600, within: within() }
}

/// What is compared: each version with the minutes in which it ran alone.
async fn sides(ran: &[(&'static str, &'static str, i64, i64)], asked: Asked) -> Result<String, String> {
    let query = Known(ran.to_vec(), "");
    let found = meant(&query, &Whom::default(), asked).await.map_err(|error| error.to_string())?;
    let Why::Versions { before, after } = found.why else { panic!("{found:?}") };
    let shown = |side: &Ran| {
        let minute = |time: i64| (time - BEGIN) / MINUTE;
        let alone: Vec<String> =
            side.alone.iter().map(|one| format!("{}-{}", minute(one.from), minute(one.to))).collect();
        format!("{} {}", side.version.image, alone.join(" "))
    };
    Ok(format!("{} | {}", shown(&before), shown(&after)))
}

#[tokio::test]
async fn the_newest_version_is_held_to_the_one_before_it_without_what_ran_beside() {
    let rolling = [
        ("api-1", "shop/api:1", 0, 100),
        ("api-2", "shop/api:2", 90, 300),
        ("api-3", "shop/api:3", 300, 1000),
        ("db", "postgres:17", 0, 1440),
    ];
    let found = sides(&rolling, by_version("", "")).await;
    assert_eq!(found.unwrap(), "shop/api:2 100-300 | shop/api:3 300-660", "six hours at most");
    let found = sides(&rolling, by_version("1", "shop/api:2")).await;
    assert_eq!(found.unwrap(), "shop/api:1 0-90 | shop/api:2 100-300");
}

#[tokio::test]
async fn an_image_that_is_built_anew_under_its_tag_is_another_version() {
    let built = [
        ("api", "shop/api:latest#sha256:aaaaaaaaaaaa1", 0, 200),
        ("api", "shop/api:latest#sha256:bbbbbbbbbbbb1", 200, 300),
    ];
    assert_eq!(
        sides(&built, by_version("", "")).await.unwrap(),
        "shop/api:latest 0-200 | shop/api:latest 200-300"
    );
    let ambiguous = sides(&built, by_version("latest", "")).await.unwrap_err();
    assert!(ambiguous.contains("several versions: `shop/api:latest` (aaaaaaaaaaaa)"), "{ambiguous}");
    let found = sides(&built, by_version("sha256:aaaaaaaaaaaa", "bbbbbbbbbbbb")).await;
    assert_eq!(found.unwrap(), "shop/api:latest 0-200 | shop/api:latest 200-300");
}

#[tokio::test]
async fn a_version_that_came_back_counts_where_it_ran_alone() {
    let back = [
        ("api", "api:1", 0, 100),
        ("api", "api:2", 100, 150),
        ("api", "api:1", 150, 200),
        ("api", "api:2", 200, 300),
    ];
    assert_eq!(
        sides(&back, by_version("", "")).await.unwrap(),
        "api:1 0-100 150-200 | api:2 100-150 200-300"
    );
}

#[tokio::test]
async fn where_there_is_nothing_to_compare_it_is_said_why() {
    let one = [("api", "api:1", 0, 100)];
    let blue_green = [("a", "api:1", 0, 100), ("b", "api:2", 0, 200)];
    let two = [("a", "a:1", 0, 100), ("a", "a:2", 100, 200), ("b", "b:1", 0, 100), ("b", "b:2", 100, 200)];
    for (ran, asked, words) in [
        (&one[..], by_version("", ""), "only one version of each image ran alone, `api:1`"),
        (&[][..], by_version("", ""), "no container of those that are meant ran from 2026-01-01T00:00:00Z"),
        (&blue_green[..], by_version("", ""), "only one version of each image ran alone"),
        (&blue_green[..], by_version("", "1"), "`api:1` (api:1) never ran alone"),
        (&two[..], by_version("", ""), "several images have changed, at last to `a:2`"),
        (&two[..], by_version("a:9", ""), "no container ran `a:9`"),
        (&two[..], by_version("a:2", "a:1"), "did not run alone before"),
        (&two[..], by_version("a:2", "a:2"), "is both versions"),
    ] {
        let error = sides(ran, asked).await.unwrap_err();
        assert!(error.contains(words), "{words}: {error}");
    }
}

async fn event(ran: &[(&'static str, &'static str, i64, i64)], event: Event) -> Result<Happened, String> {
    let query = Known(ran.to_vec(), "");
    let asked = Asked::Event { event, window: 3600, within: within() };
    let found = meant(&query, &Whom::default(), asked).await.map_err(|error| error.to_string())?;
    let Why::Happened(happened) = found.why else { panic!("{found:?}") };
    Ok(happened)
}

#[tokio::test]
async fn a_deploy_is_a_change_of_the_image_and_a_restart_is_none() {
    let ran = [
        ("api", "api:1", 0, 100),
        ("api", "api:2", 100, 400),
        ("api", "api:2", 402, 500),
        ("db", "postgres:17", 0, 1440),
    ];
    let at = |minute: i64| Timestamp::from_millisecond(BEGIN + minute * MINUTE).unwrap();
    let version = Version { image: "api:2".to_owned(), image_id: "api:2".to_owned() };
    assert_eq!(event(&ran, Event::Deploy).await, Ok(Happened::Deploy(at(100), version)));
    assert_eq!(event(&ran, Event::Restart).await, Ok(Happened::Restart(at(402), "api".to_owned())));
    assert!(event(&ran[3..], Event::Restart).await.unwrap_err().starts_with("there was no restart"));
    assert!(event(&ran[3..], Event::Deploy).await.unwrap_err().starts_with("there was no deploy"));
}

#[tokio::test]
async fn who_keeps_no_images_says_so_and_services_have_none() {
    let error =
        meant(&Known(Vec::new(), "embedded"), &Whom::default(), by_version("", "")).await.unwrap_err();
    assert!(error.to_string().contains("configure `prometheus.url`"), "{error}");
    let whom = Whom { service: Some("api".to_owned()), ..Whom::default() };
    let error = meant(&Known::default(), &whom, by_version("", "")).await.unwrap_err();
    assert!(error.to_string().contains("in place of the `service`"), "{error}");
}
