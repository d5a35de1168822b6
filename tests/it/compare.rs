//! `dockmeter report compare` and `/api/analytics/compare` against a real Prometheus that holds a few
//! mornings: after a deploy one project answers slowly, one is as before, and one is busier, as
//! every day at this hour.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Output};

use dockmeter::analysis::compare::Rule;
use dockmeter::config;
use dockmeter::history::{Upstream, Whom};
use dockmeter::prometheus::Client;
use dockmeter::report::Format;
use dockmeter::report::compare::{Asked, Event, Options, Said, meant, report};
use dockmeter::tenant::{Dimension, Narrowing};
use serde_json::Value;

use crate::engine::Engine;
use crate::exporter::{BINARY, Exporter, bearer};
use crate::http;
use crate::prometheus::Prometheus;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// 2026-01-11T10:00:00Z, a deploy.
const DEPLOY: i64 = 1_767_225_600 + 10 * DAY + 10 * HOUR;
const AT: &str = "--at=2026-01-11T10:00:00Z";

const SCRAPES: i64 = 15;

/// Earlier mornings that there are.
const MORNINGS: i64 = 3;

/// What a project does in a time: requests a second, seconds each takes, cores.
struct Work {
    requests: f64,
    seconds: f64,
    cores: f64,
}

fn work(project: &str, time: i64) -> Work {
    let (is_later, is_deployed) = ((time - DEPLOY).rem_euclid(DAY) < HOUR, time >= DEPLOY);
    match project {
        // Each request takes twice as long, and more of the processor.
        "shop" if is_deployed => Work { requests: 20.0, seconds: 0.08, cores: 0.9 },
        "shop" => Work { requests: 20.0, seconds: 0.04, cores: 0.5 },
        "mail" if is_later => Work { requests: 40.0, seconds: 0.04, cores: 0.8 },
        "mail" => Work { requests: 20.0, seconds: 0.04, cores: 0.4 },
        _ => Work { requests: 10.0, seconds: 0.02, cores: 0.2 },
    }
}

/// Some hundredths more or less, differently each time.
fn noise(time: i64, number: i64) -> f64 {
    let mixed = (time / SCRAPES * 2_654_435_761 + number * 40_503).rem_euclid(1000);
    1.0 + (mixed as f64 / 1000.0 - 0.5) * 0.1
}

/// The mornings as a Prometheus reads them.
fn openmetrics() -> String {
    let mut families = BTreeMap::<&str, Vec<String>>::new();
    for (number, project) in ["shop", "blog", "mail"].into_iter().enumerate() {
        let (mut requests, mut seconds, mut cpu) = (0.0, 0.0, 0.0);
        let tenant = format!("user=\"ann\",project=\"{project}\",team=\"core\"");
        for morning in (0..=MORNINGS).rev() {
            let middle = DEPLOY - morning * DAY;
            for time in (middle - HOUR - 60..=middle + HOUR).step_by(SCRAPES as usize) {
                let work = work(project, time);
                let some = work.requests * SCRAPES as f64 * noise(time, number as i64);
                requests += some;
                seconds += some * work.seconds * noise(time, 7 + number as i64);
                cpu += work.cores * SCRAPES as f64 * noise(time, 13 + number as i64);
                let program = format!("{tenant},service=\"api\"");
                let mut add = |family, name: &str, labels: &str, value: f64| {
                    families.entry(family).or_default().push(format!("{name}{{{labels}}} {value} {time}"));
                };
                let ok = format!("{program},method=\"GET\",route=\"/\",status_code=\"200\"");
                add("http_requests counter", "http_requests_total", &ok, requests);
                add("seconds_sum unknown", "http_request_duration_seconds_sum", &program, seconds);
                add("seconds_count unknown", "http_request_duration_seconds_count", &program, requests);
                let container = format!("{tenant},name=\"{project}-api-1\"");
                add(
                    "container_cpu_usage_seconds counter",
                    "container_cpu_usage_seconds_total",
                    &container,
                    cpu,
                );
                // With the deploy the new version runs beside the old one for a minute.
                let is_new = project == "shop" && time >= DEPLOY;
                let begun = if is_new { DEPLOY } else { DEPLOY - 10 * DAY };
                let versions = if is_new && time < DEPLOY + 60 {
                    &["1", "2"][..]
                } else if is_new {
                    &["2"]
                } else {
                    &["1"]
                };
                for version in versions {
                    let image = format!(
                        "{container},instance=\"h\",id=\"/{project}-{version}\",image=\"{project}/api:{version}\""
                    );
                    let begun = if *version == "2" { begun } else { DEPLOY - 10 * DAY };
                    add(
                        "container_start_time_seconds gauge",
                        "container_start_time_seconds",
                        &image,
                        begun as f64,
                    );
                    let info = format!("{image},image_id=\"sha256:{}\"", version.repeat(64));
                    add("container_info gauge", "container_info", &info, 1.0);
                }
                add(
                    "container_memory_working_set_bytes gauge",
                    "container_memory_working_set_bytes",
                    &container,
                    2e8,
                );
            }
        }
    }
    let mut text = String::new();
    for (family, lines) in families {
        // What is no family of its own is written without a type.
        if !family.starts_with("seconds_") {
            let _ = writeln!(text, "# TYPE {family}");
        }
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
    }
    text + "# EOF\n"
}

fn compare(prometheus: &str, flags: &[&str]) -> Output {
    let address = format!("--prometheus.url={prometheus}");
    Command::new(BINARY).args(["report", "compare", &address]).args(flags).env_clear().output().unwrap()
}

/// The verdict of the whole, of each measure, and the exit status.
fn verdicts(prometheus: &str, flags: &[&str]) -> (String, BTreeMap<String, String>, Option<i32>) {
    let output = compare(prometheus, &[flags, &["--format=json"]].concat());
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (json["verdict"].as_str().unwrap().to_owned(), by_metric(&json), output.status.code())
}

fn by_metric(json: &Value) -> BTreeMap<String, String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let metrics = json["metrics"].as_array().unwrap();
    metrics.iter().map(|metric| (word(&metric["metric"]), word(&metric["verdict"]))).collect()
}

#[test]
fn a_deploy_that_makes_it_slower_is_named_and_stops_a_pipeline() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let url = prometheus.url();

    let (whole, metrics, status) = verdicts(&url, &[AT, "--project=shop"]);
    assert_eq!((whole.as_str(), status), ("regression", Some(2)), "{metrics:?}");
    assert_eq!(metrics["http_request_duration_mean_seconds"], "worse");
    assert_eq!(metrics["cpu_usage_cores"], "worse");
    assert_eq!(metrics["http_requests_per_second"], "same");
    assert_eq!(metrics["memory_working_set_bytes"], "same");

    let (whole, metrics, status) = verdicts(&url, &[AT, "--project=blog"]);
    assert_eq!((whole.as_str(), status), ("same", Some(0)), "{metrics:?}");

    // Busier than an hour before, but so it is every morning.
    let (whole, metrics, status) = verdicts(&url, &[AT, "--project=mail"]);
    assert_eq!((whole.as_str(), status), ("same", Some(0)), "{metrics:?}");
    assert_eq!(metrics["http_requests_per_second"], "as_on_other_days");
    let (_, metrics, _) = verdicts(&url, &[AT, "--project=mail", "--earlier-days=0"]);
    assert_eq!(metrics["http_requests_per_second"], "more_load");
    assert_eq!(metrics["cpu_usage_cores"], "with_the_load");

    // A container has no requests of its own, and of a short time nothing is said.
    let (whole, metrics, _) = verdicts(&url, &[AT, "--container=shop-api-1"]);
    assert_eq!((whole.as_str(), metrics.len()), ("regression", 2), "{metrics:?}");
    let (whole, _, status) = verdicts(&url, &[AT, "--project=shop", "--window=20m"]);
    assert_eq!((whole.as_str(), status), ("not_enough_data", Some(0)));
}

#[test]
fn a_pull_request_is_told_in_markdown_and_mistakes_are_said() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let url = prometheus.url();
    let output = compare(&url, &[AT, "--project=shop", "--format=markdown"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.starts_with("## Regression: worse are response time, mean; CPU\n"), "{page}");
    assert!(page.contains("| response time, mean | 40"), "{page}");
    for (flags, words) in [
        (&["--at=noon"][..], "neither a date"),
        (&["--before=2026-01-01/2026-01-02"], "--after"),
        (&[AT, "--least-effect=much"], "such as `0.1` or `10%`"),
        (&[AT, "--earlier-days=99"], "0..=28"),
    ] {
        let output = compare(&url, flags);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(words), "{flags:?}: {said}");
    }
    let unnamed = Command::new(BINARY).args(["report", "compare"]).env_clear().output().unwrap();
    assert!(String::from_utf8(unnamed.stderr).unwrap().contains("no Prometheus is named"));
}

#[test]
fn over_http_a_tenant_s_token_compares_what_is_his() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let hash = dockmeter::config::TokenHash::of("blogger");
    let tokens =
        format!("auth: {{tokens: [{{name: blogger, hash: '{hash}', scopes: [read], project: blog}}]}}\n");
    std::fs::write(&file, format!("{tokens}prometheus: {{url: '{}'}}\n", prometheus.url())).unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let path = "/api/analytics/compare?at=2026-01-11T10:00:00Z";
    let ask = |query: &str, token: Option<&str>| {
        let login = token.map(bearer);
        let headers: Vec<&str> = login.iter().map(String::as_str).collect();
        http::request(exporter.address, "GET", &format!("{path}{query}"), &headers).unwrap()
    };
    let everybody = ask("", None).json();
    assert_eq!((&everybody["verdict"], &everybody["source"]), (&"regression".into(), &"prometheus".into()));
    let own = ask("", Some("blogger")).json();
    assert_eq!(own["verdict"], "same", "{own}");
    let theirs = ask("&project=shop", Some("blogger")).json();
    assert_eq!((&theirs["verdict"], &theirs["metrics"]), (&"not_enough_data".into(), &Value::Array(vec![])));
    assert_eq!(ask("&container=shop-api-1", Some("blogger")).status, 404);
}

#[test]
fn versions_are_compared_by_when_each_ran_alone_and_a_deploy_is_found() {
    let Some(prometheus) = Prometheus::holding(&openmetrics()) else { return };
    let url = prometheus.url();
    // The mornings are long ago, and versions are looked for from now on back; so the library is asked.
    let query = Upstream::new(
        Client::new(&config::Upstream { url: Some(url.clone()), ..Default::default() }).unwrap(),
    );
    let now = jiff::Timestamp::from_second(DEPLOY + HOUR).unwrap();
    let compared = |said: Said, project: &str| {
        let whom = Whom {
            tenants: Narrowing::default().to(Dimension::Project, [project.to_owned()]),
            ..Whom::default()
        };
        let asked = Asked::of(&said, now, &jiff::tz::TimeZone::UTC)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let meant = meant(&query, &whom, asked).await.map_err(|error| error.to_string())?;
            let options = Options { whom, meant, earlier_days: 0, rule: Rule::default() };
            Ok::<_, String>(report(&query, options, &mut |_| ()).await.unwrap())
        })
    };
    let json = |said: Said| serde_json::to_value(compared(said, "shop").unwrap()).unwrap();

    let versions = json(Said { by_version: true, last: Some("2d".to_owned()), ..Said::default() });
    assert_eq!(versions["verdict"], "regression", "{versions}");
    let sides = &versions["versions"];
    assert_eq!(
        (&sides["before"]["image"], &sides["after"]["image"]),
        (&"shop/api:1".into(), &"shop/api:2".into())
    );
    let from: jiff::Timestamp = versions["after"]["from"].as_str().unwrap().parse().unwrap();
    assert!(from.as_second() >= DEPLOY + 60, "while both ran it is neither's: {versions}");

    let deploy = json(Said { event: Some(Event::Deploy), last: Some("2d".to_owned()), ..Said::default() });
    assert_eq!(
        (&deploy["verdict"], &deploy["event"]["at"]),
        (&"regression".into(), &"2026-01-11T10:00:00Z".into())
    );
    let page = compared(Said { event: Some(Event::Deploy), ..Said::default() }, "shop").unwrap();
    let page = page.page(Format::Markdown);
    assert!(
        page.contains("- between them `shop/api:2` (222222222222) was deployed, at 2026-01-11T10:00:00Z"),
        "{page}"
    );

    let error = compared(Said { by_version: true, ..Said::default() }, "blog").unwrap_err();
    assert!(error.contains("only one version of each image ran alone, `blog/api:1`"), "{error}");
    for (flags, words) in [
        (&["--by-version"][..], "no container of those that are meant ran"),
        (&["--by-version", AT], "cannot be used with"),
        (&["--deploy", "--restart"], "cannot be used with"),
        (&["--version-before=1", "--service=api"], "in place of the `service`"),
        (&["--deploy", "--last=29d"], "longer than 28 days"),
    ] {
        let output = compare(&url, flags);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(words), "{flags:?}: {said}");
    }
}
