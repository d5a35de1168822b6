//! When teams are told, and what.

use super::super::fixture::{Host, source};
use super::*;

fn reporter(day: &str) -> Option<WeeklyReporter> {
    let day = Weekly::DAYS.into_iter().find(|(word, _)| *word == day).unwrap().1;
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let config = Weekly { day, minute: 8 * 60, zone };
    let alertmanager = Upstream { url: Some("http://127.0.0.1:9".to_owned()), ..Upstream::default() };
    let host: Arc<Host> = Arc::default();
    WeeklyReporter::new(&config, &alertmanager, "platform", source(&host), Arc::default(), "box".to_owned())
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn it_is_time_within_an_hour_of_the_day_and_the_time_of_a_zone() {
    let monday = reporter("monday").unwrap();
    for (now, due) in [
        ("2026-11-23T06:59:59Z", None),
        ("2026-11-23T07:00:00Z", Some("2026-11-23T07:00:00Z")),
        ("2026-11-23T07:59:59Z", Some("2026-11-23T07:00:00Z")),
        ("2026-11-23T08:00:00Z", None),
        ("2026-11-24T07:30:00Z", None),
        // In summer the same time of day is an hour earlier.
        ("2026-07-06T06:30:00Z", Some("2026-07-06T06:00:00Z")),
    ] {
        assert_eq!(monday.due(time(now)).map(|(_, due)| due), due.map(time), "{now}");
    }
    assert!(reporter("never").is_none());
}

#[tokio::test]
async fn each_team_is_told_of_its_own_and_the_platform_s_of_everything() {
    let monday = reporter("monday").unwrap();
    let due = time("2026-11-23T07:00:00Z");
    let period = Period { from: due - SignedDuration::from_hours(24 * 7), to: due };
    let look = here(&monday.source, &monday.inventory, period).await.unwrap().unwrap();
    let alerts = monday.alerts(&look, period, jiff::civil::date(2026, 11, 23));
    let told: Vec<(&str, &str)> = alerts
        .iter()
        .map(|alert| (alert.labels["team"].as_str(), alert.annotations["summary"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("core", "The week of core to 2026-11-23: 1 finding"),
            ("platform", "The week of everybody to 2026-11-23: 2 findings"),
        ]
    );
    let description = &alerts[0].annotations["description"];
    assert!(
        description.starts_with("1. `api-1` was held back by its limit of cores in 60 % of its periods"),
        "{description}"
    );
    assert!(description.contains(" Next: raise `cpus`"), "{description}");
    assert_eq!(
        alerts[0].annotations["report"],
        "`dockmeter report insights --team=core --last=7d --to=2026-11-23T07:00:00Z`"
    );
    assert_eq!((alerts[0].starts_at, alerts[0].ends_at), (Some(due), Some(due + TOLD_FOR)));
}
