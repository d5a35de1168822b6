//! `dockmeter report cost` against a real Prometheus: a month with known totals, and a dockmeter
//! that is scraped now.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::engine::{BUSY, Engine};
use crate::exporter::{BINARY, Exporter};
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// Cores and memory for one an hour each, so that amounts are what was used.
const PRICES: &str =
    "cost:\n  currency: EUR\n  cpu_core_hour: 1\n  memory_gib_hour: 1\n  network_receive_gib: 0.5\n";

const DAY: i64 = 86_400;
const HOUR: i64 = 3600;

/// 2026-01-01T00:00:00Z.
const JANUARY: i64 = 1_767_225_600;
const FEBRUARY: i64 = JANUARY + 31 * DAY;

/// Between two scrapes; the month begins between two of them.
const SCRAPES: i64 = 120;
const FIRST_SCRAPE: i64 = JANUARY - DAY - 50;

/// A program that counted from its start until its end.
struct Run {
    instance: &'static str,
    start: i64,
    end: i64,
}

/// On host `a` dockmeter is down for some hours; host `b` is new.
const RUNS: [Run; 3] = [
    Run { instance: "a:10417", start: JANUARY - 10 * DAY, end: JANUARY + 14 * DAY + 3 * HOUR + 420 },
    Run { instance: "a:10417", start: JANUARY + 14 * DAY + 9 * HOUR, end: FEBRUARY + 10 * DAY },
    Run { instance: "b:10417", start: JANUARY + 20 * DAY + 77, end: FEBRUARY + 10 * DAY },
];

/// When Prometheus was away; the counters went on.
const AWAY: std::ops::Range<i64> = JANUARY + 25 * DAY..JANUARY + 25 * DAY + 5 * HOUR;

/// A tenant uses so many cores from then on.
const TENANTS: [(&str, f64, i64); 3] =
    [("ann", 1.0, 0), ("bob", 0.5, JANUARY + 9 * DAY + 45_296), ("idle", 2.5, 0)];

fn scrapes(run: &Run) -> impl Iterator<Item = i64> {
    let first = FIRST_SCRAPE.max(run.start + SCRAPES - (run.start - FIRST_SCRAPE).rem_euclid(SCRAPES));
    (first..run.end.min(FEBRUARY + DAY)).step_by(SCRAPES as usize).filter(|time| !AWAY.contains(time))
}

/// What a run's counter of a tenant is; `None` before it has used anything.
fn counted(run: &Run, (_, cores, since): (&str, f64, i64), time: i64) -> Option<f64> {
    let begun = run.start.max(since);
    (time > begun).then(|| cores * (time - begun) as f64)
}

/// Labels and values of a family at one scrape of a run.
type Samples<'a> = &'a dyn Fn(&Run, i64) -> Vec<(String, f64)>;

/// Everything in OpenMetrics, family by family.
fn openmetrics() -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, samples: Samples<'_>| {
        let _ = writeln!(text, "# TYPE {} {kind}", name.trim_end_matches("_total"));
        for run in &RUNS {
            for time in scrapes(run) {
                for (labels, value) in samples(run, time) {
                    let instance = run.instance;
                    let _ = writeln!(
                        text,
                        "{name}{{job=\"dockmeter\",instance=\"{instance}\"{labels}}} {value} {time}"
                    );
                }
            }
        }
    };
    let tenants = |run: &Run, time: i64| -> Vec<(String, f64)> {
        let series = |tenant: (&'static str, f64, i64)| {
            let labels = format!(",user=\"{0}\",project=\"{0}\",team=\"{0}\"", tenant.0);
            Some((labels, counted(run, tenant, time)?))
        };
        TENANTS.into_iter().filter_map(series).collect()
    };
    family("dockmeter_build_info", "gauge", &|_, _| vec![(String::new(), 1.0)]);
    family("process_start_time_seconds", "gauge", &|run, _| vec![(String::new(), run.start as f64)]);
    family("tenant_cpu_core_seconds_total", "counter", &tenants);
    family("tenant_memory_byte_seconds_total", "counter", &|run, time| {
        tenants(run, time).into_iter().map(|(labels, value)| (labels, value * f64::from(1 << 30))).collect()
    });
    family("tenant_network_bytes_total", "counter", &|run, time| {
        let labels = |labels: String| labels + ",direction=\"receive\"";
        tenants(run, time).into_iter().map(|(l, value)| (labels(l), value.floor())).collect()
    });
    text + "# EOF\n"
}

/// What the scrapes of a period have of a tenant: to the last one of each run, from the last one
/// before the period.
fn truth(tenant: (&str, f64, i64), from: i64, to: i64, instance: Option<&str>) -> f64 {
    let of_run = |run: &Run| {
        let at = |time: i64| {
            let last = scrapes(run).filter(|scrape| *scrape <= time).last();
            last.and_then(|last| counted(run, tenant, last)).unwrap_or(0.0)
        };
        at(to) - at(from)
    };
    RUNS.iter().filter(|run| instance.is_none_or(|name| name == run.instance)).map(of_run).sum()
}

fn report(prometheus: &str, flags: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("dockmeter.yml");
    fs::write(&file, PRICES).expect("a configuration");
    Command::new(BINARY)
        .env_clear()
        .args(["report", "cost"])
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--prometheus.url={prometheus}"))
        .args(flags)
        .output()
        .expect("dockmeter can be started")
}

fn json(prometheus: &str, flags: &[&str]) -> Value {
    let output = report(prometheus, &[flags, &["--format=json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A number of the row in which a label has a value.
fn of(json: &Value, label: &str, value: &str, name: &str) -> f64 {
    let rows = json["rows"].as_array().expect("rows");
    let row = rows.iter().find(|row| row[label] == value);
    row.unwrap_or_else(|| panic!("no {label} {value} in {json}"))[name].as_f64().expect("a number")
}

/// Whether a figure with three decimals is so many seconds in hours.
fn is_hours(shown: f64, seconds: f64) -> bool {
    (shown - seconds / 3600.0).abs() <= 0.000_51
}

#[test]
fn a_month_of_restarts_gaps_and_new_tenants_is_added_up_exactly() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let url = prometheus.url();
    let month = json(&url, &["--month=2026-01", "--group-by=user"]);
    for tenant in TENANTS {
        let (shown, expected) =
            (of(&month, "user", tenant.0, "cpu_core_hours"), truth(tenant, JANUARY, FEBRUARY, None));
        assert!(is_hours(shown, expected), "{}: {shown} h, and {} by hand", tenant.0, expected / 3600.0);
        assert_eq!(of(&month, "user", tenant.0, "memory_gib_hours"), shown, "one GiB a core");
    }
    assert_eq!(month["rows"][0]["user"], "idle", "the dearest stands first");
    assert_eq!(month["currency"], "EUR");

    // Dockmeter was down for nearly six hours of 31 days; of Prometheus' gap nothing is lost.
    let measured = |instance: &str| {
        let coverage = month["coverage"].as_array().unwrap();
        coverage.iter().find(|one| one["instance"] == instance).unwrap()["measured_ratio"].as_f64().unwrap()
    };
    let last_seen = scrapes(&RUNS[0]).last().unwrap();
    let expected = 1.0 - (RUNS[1].start - last_seen) as f64 / (31 * DAY) as f64;
    assert!((measured("a:10417") - expected).abs() < 0.0002, "{} and {expected}", measured("a:10417"));
    let expected = (FEBRUARY - RUNS[2].start) as f64 / (31 * DAY) as f64;
    assert!((measured("b:10417") - expected).abs() < 0.0002, "{} and {expected}", measured("b:10417"));

    // Its parts sum to it, wherever it is cut, and hosts are told apart.
    let cut = "2026-01-15T06:30:17Z";
    let parts =
        [["--from=2026-01-01", &format!("--to={cut}")], [&format!("--from={cut}"), "--to=2026-02-01"]].map(
            |flags| {
                of(&json(&url, &[&flags[..], &["--group-by=user"]].concat()), "user", "bob", "cpu_core_hours")
            },
        );
    let whole = of(&month, "user", "bob", "cpu_core_hours");
    assert!((parts[0] + parts[1] - whole).abs() <= 0.001_1, "{parts:?} of {whole}");
    let hosts = json(&url, &["--month=2026-01", "--group-by=instance", "--user=ann"]);
    for instance in ["a:10417", "b:10417"] {
        let shown = of(&hosts, "instance", instance, "cpu_core_hours");
        assert!(is_hours(shown, truth(TENANTS[0], JANUARY, FEBRUARY, Some(instance))), "{instance}: {shown}");
    }

    let csv = report(&url, &["--month=2026-01", "--group-by=team", "--format=csv"]);
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert!(csv.starts_with("team,cpu_core_hours,") && csv.lines().count() == 4, "{csv}");

    let empty = report(&url, &["--month=2025-03"]);
    let said = String::from_utf8(empty.stderr).unwrap();
    assert_eq!(empty.status.code(), Some(1));
    assert!(said.contains("holds no counters of tenants") && said.contains("to 2026-02-0"), "{said}");
}

#[test]
fn what_a_tenant_uses_now_is_in_the_report() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let _busy = engine.run("cost-busy", &["--label=dockmeter.project=cost-story"], BUSY);
    let counter = || prometheus.value("sum(tenant_cpu_core_seconds_total{project=\"cost-story\"})");
    let used = |flags: &[&str]| {
        let json = json(&prometheus.url(), &[flags, &["--last=10m", "--project=cost-story"]].concat());
        json["rows"].as_array().unwrap().first().map(|row| row["cpu_core_hours"].as_f64().unwrap())
    };
    eventually("Prometheus has scraped some of it", || counter().filter(|seconds| *seconds > 5.0));
    let before = counter().unwrap();
    let reported = used(&["--group-by=project"]).expect("a row of the project") * 3600.0;
    let after = counter().unwrap();
    // Three decimals of an hour.
    assert!((before - 1.8..=after + 1.8).contains(&reported), "{reported} is not from {before} to {after}");
    let text = report(&prometheus.url(), &["--last=10m", "--project=cost-story"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("cost-story") && text.contains("of the period was measured"), "{text}");
}

#[test]
fn every_mistake_is_said_with_what_to_do() {
    let cases: [(&str, &[&str], &str); 4] = [
        ("http://127.0.0.1:1", &[], "is Prometheus running there?"),
        ("http://127.0.0.1:1", &["--month=October"], "such as `2026-10`"),
        ("http://127.0.0.1:1", &["--group-by=colour"], "possible values: user, project, team, instance"),
        ("", &[], "--prometheus.url=http://127.0.0.1:9090"),
    ];
    for (url, flags, words) in cases {
        let output = report(url, flags);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(words), "{flags:?}: {said}");
    }
}
