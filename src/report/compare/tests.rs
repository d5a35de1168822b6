//! Which times are meant, what verdicts mean together, and every format of a report.

use std::path::Path;

use jiff::tz::TimeZone;

use super::*;
use crate::analysis::simulation::Random;
use crate::report::Format;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn times(said: Said) -> Result<Times, String> {
    Times::of(&said, now(), &TimeZone::UTC)
}

fn said(at: &str, window: &str, before: &str, after: &str) -> Said {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Said { at: some(at), window: some(window), before: some(before), after: some(after), ..Said::default() }
}

#[test]
fn two_times_lie_around_an_event_or_are_both_named() {
    let shown = |said: Said| {
        let Times { before, after } = times(said).unwrap();
        format!("{} {} | {} {}", before.from, before.to, after.from, after.to)
    };
    assert_eq!(
        shown(said("2026-11-21T10:00:00Z", "", "", "")),
        "2026-11-21T09:00:00Z 2026-11-21T10:00:00Z | 2026-11-21T10:00:00Z 2026-11-21T11:00:00Z"
    );
    assert_eq!(
        shown(said("", "30m", "", "")),
        "2026-11-21T11:00:00Z 2026-11-21T11:30:00Z | 2026-11-21T11:30:00Z 2026-11-21T12:00:00Z"
    );
    // What is not over yet is not waited for.
    assert_eq!(
        shown(said("2026-11-21T11:30:00Z", "2h", "", "")),
        "2026-11-21T09:30:00Z 2026-11-21T11:30:00Z | 2026-11-21T11:30:00Z 2026-11-21T12:00:00Z"
    );
    assert_eq!(
        shown(said("", "", "2026-11-13/2026-11-14", "2026-11-20/2026-11-21")),
        "2026-11-13T00:00:00Z 2026-11-14T00:00:00Z | 2026-11-20T00:00:00Z 2026-11-21T00:00:00Z"
    );
}

#[test]
fn what_are_no_two_times_is_refused_with_an_example() {
    for (wrong, words) in [
        (said("2026-11-21T10:00:00Z", "", "2026-11-20/2026-11-21", ""), "name an event"),
        (said("", "", "2026-11-20/2026-11-21", ""), "name an event"),
        (said("noon", "", "", ""), "neither a date"),
        (said("2026-11-22T10:00:00Z", "", "", ""), "not over yet"),
        (said("2026-11-21T10:00:00Z", "soon", "", ""), "not a length of time"),
        (said("", "", "2026-11-20", "2026-11-20/2026-11-21"), "with a `/` between"),
        (said("", "", "2026-11-20/2026-11-21", "2026-11-19/2026-11-20"), "may not overlap"),
    ] {
        let error = times(wrong.clone()).unwrap_err();
        assert!(error.contains(words), "{wrong:?}: {error}");
    }
}

#[test]
fn earlier_days_do_not_reach_into_these() {
    let shown = |said: Said| -> Vec<String> {
        earlier(&times(said).unwrap(), 7).iter().map(|(before, _)| before.from.to_string()).collect()
    };
    let hours = shown(said("2026-11-21T10:00:00Z", "", "", ""));
    assert_eq!((hours.len(), hours[0].as_str()), (7, "2026-11-20T09:00:00Z"));
    // From one to the other are more than two days, so three are between each.
    let days = shown(said("", "", "2026-11-18/2026-11-19", "2026-11-20T06:00:00Z/2026-11-21"));
    assert_eq!(days, ["2026-11-15T00:00:00Z", "2026-11-12T00:00:00Z"]);
}

fn measure(name: &str) -> Measure {
    *MEASURES.iter().find(|measure| measure.name == name).unwrap()
}

/// An hour of minutes around one level, and an hour around another.
fn question(name: &str, before: f64, after: f64) -> (Measure, Question) {
    let around = |level: f64, seed: u64| -> Vec<f64> {
        Random::new(seed).repeating(60, 0.3).iter().map(|noise| level * (1.0 + 0.03 * noise)).collect()
    };
    let pair = Pair { before: around(before, 1), after: around(after, 2) };
    let measure = measure(name);
    (measure, Question { pair, earlier_days: Vec::new(), least_change: measure.least_change })
}

fn compared(asked: Vec<(Measure, Question)>) -> Compared {
    let options = Options {
        whom: Whom { container: Some("shop-api-1".to_owned()), ..Whom::default() },
        meant: Meant { times: times(said("2026-11-21T10:00:00Z", "", "", "")).unwrap(), why: Why::Said },
        earlier_days: 7,
        rule: Rule::default(),
    };
    judged(options, "prometheus", asked)
}

fn words(asked: Vec<(Measure, Question)>) -> (Outcome, Vec<&'static str>) {
    let found = compared(asked);
    (found.outcome, found.rows.iter().map(|row| row.judgement.word()).collect())
}

#[test]
fn what_harms_more_is_a_regression_and_more_load_is_none() {
    let slower = question("http_request_duration_p95_seconds", 0.2, 0.4);
    let busier = question("http_requests_per_second", 10.0, 20.0);
    assert_eq!(words(vec![slower.clone()]), (Outcome::Regression, vec!["worse"]));
    assert_eq!(words(vec![busier.clone()]), (Outcome::Same, vec!["more_load"]));
    assert_eq!(words(vec![busier, slower]).0, Outcome::Regression);
    let faster = question("http_request_duration_p95_seconds", 0.4, 0.2);
    assert_eq!(words(vec![faster]), (Outcome::Improvement, vec!["better"]));
    assert_eq!(words(Vec::new()), (Outcome::NotEnoughData, vec![]));
}

#[test]
fn taking_more_is_worse_unless_more_is_asked() {
    let hungrier = question("cpu_usage_cores", 0.5, 1.0);
    assert_eq!(words(vec![hungrier.clone()]), (Outcome::Regression, vec!["worse"]));
    let busier = question("http_requests_per_second", 10.0, 20.0);
    assert_eq!(words(vec![busier, hungrier]), (Outcome::Same, vec!["more_load", "with_the_load"]));
}

#[test]
fn every_format_tells_the_same() {
    let found = compared(vec![
        question("memory_working_set_bytes", 200e6, 201e6),
        question("http_request_duration_p95_seconds", 0.2, 0.4),
    ]);
    for (format, name) in [
        (Format::Text, "compare.txt"),
        (Format::Markdown, "compare.md"),
        (Format::Json, "compare.json"),
        (Format::Csv, "compare.csv"),
    ] {
        let page = found.page(format);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        assert_eq!(page, std::fs::read_to_string(&file).unwrap_or_default(), "{name}");
    }
}
