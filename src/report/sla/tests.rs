//! Every format of one report, against its golden file.

use std::path::Path;

use super::*;
use crate::analysis::slo::Standing;

fn decimal(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn record(slo: &str, service: &str, (objective, events, bad): (&str, &str, &str)) -> Record {
    let label = |text: &str| text.to_owned();
    let (project, team) = if slo == "stack" { ("system", "platform") } else { ("shop", "core") };
    let user = if slo == "stack" { "system" } else { "ann" };
    let key = Key {
        team: label(team),
        project: label(project),
        user: label(user),
        service: label(service),
        slo: label(slo),
    };
    let [objective, events, bad] = [objective, events, bad].map(decimal);
    Record {
        key,
        standing: Standing { objective, events, bad, seconds: 31 * 86_400 },
        objectives: vec![(1_790_805_600, objective)],
        breaches: Vec::new(),
        more_breaches: 0,
        coverage: Decimal::ONE,
    }
}

/// October of a shop in Berlin, whose clocks are set back in that month.
fn records() -> Vec<Record> {
    let breach = |start: &str, minutes: i64, worst_burn, bad| {
        let start = start.parse::<Timestamp>().unwrap().as_second();
        Breach { start, end: start + 60 * minutes, worst_burn, bad }
    };
    let mut availability = record("availability", "api", ("0.999", "1048576", "1312"));
    availability.breaches = vec![
        breach("2026-10-07T08:12:00Z", 19, 412.5, 1201.0),
        breach("2026-10-28T21:40:00Z", 6, 3.2, 104.0),
    ];
    let mut latency = record("latency", "api", ("0.99", "1048576", "9120"));
    latency.objectives.insert(0, (1_790_805_600, decimal("0.95")));
    latency.objectives[1].0 = "2026-10-12T10:00:00Z".parse::<Timestamp>().unwrap().as_second();
    let mut uptime = record("uptime", "db", ("0.995", "2681997.25", "62.75"));
    uptime.coverage = decimal("0.99871");
    vec![availability, latency, uptime, record("stack", "dockmeter", ("0.999", "535680", "0"))]
}

fn options(format: Format) -> Options {
    let time = |text: &str| text.parse().unwrap();
    Options {
        period: Period { from: time("2026-09-30T22:00:00Z"), to: time("2026-10-31T23:00:00Z") },
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        now: time("2026-11-21T10:00:00Z"),
        only: Vec::new(),
        platform_team: "platform".to_owned(),
        format,
    }
}

#[test]
fn golden_reports() {
    for (format, name) in [
        (Format::Text, "sla.txt"),
        (Format::Markdown, "sla.md"),
        (Format::Json, "sla.json"),
        (Format::Csv, "sla.csv"),
    ] {
        let page = page(&records(), &options(format));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        assert_eq!(page, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
    }
}

#[test]
fn the_documentation_shows_this_report() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/slo.md");
    let page = page(&records(), &options(Format::Text));
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(&page), "`docs/slo.md` does not show:\n{page}");
}

#[test]
fn a_period_that_is_not_over_says_so() {
    let options = Options { now: "2026-10-10T00:00:00Z".parse().unwrap(), ..options(Format::Text) };
    let page = page(&records(), &options);
    assert!(page.contains("the period is not over; events are those until 2026-10-10 02:00"), "{page}");
}
