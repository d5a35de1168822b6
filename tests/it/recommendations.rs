//! What else is recommended, against a real engine and a Prometheus that holds three days: a container
//! without a health check and restart policy, a volume that nothing mounts, a service that is slow,
//! a pool at its limit, a slow statement, and what became of a limit that was raised.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::engine::{Engine, IDLE, IMAGE};
use crate::exporter::{BINARY, Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::Prometheus;
use crate::wire::{Weather, Wire};

const DAY: i64 = 86_400;

/// Several in a step of five minutes.
const SCRAPES: i64 = 100;

const ANN: &str = "user=\"ann\",project=\"shop\",team=\"core\",instance=\"a:1\"";
const BOB: &str = "user=\"bob\",project=\"blog\",team=\"web\",instance=\"a:1\"";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Series, each of a family with its type: what it is by the seconds since the beginning.
struct Series<'a> {
    family: &'a str,
    labels: String,
    value: Box<dyn Fn(i64) -> f64>,
}

fn rate<'a>(family: &'a str, labels: String, each_second: f64) -> Series<'a> {
    Series { family, labels, value: Box::new(move |since| each_second * since as f64) }
}

fn level<'a>(family: &'a str, labels: String, level: f64) -> Series<'a> {
    Series { family, labels, value: Box::new(move |_| level) }
}

/// The days before now as a Prometheus reads them; those of one family stand together.
fn openmetrics(days: i64, series: &[Series]) -> String {
    let first = now() - days * DAY;
    let (mut text, mut last) = (String::new(), "");
    for Series { family, labels, value } in series {
        if *family != last {
            let _ = writeln!(text, "# TYPE {family}");
            last = family;
        }
        let (name, kind) = family.split_once(' ').unwrap();
        let end = if kind == "counter" { "_total" } else { "" };
        for since in (0..=days * DAY).step_by(SCRAPES as usize) {
            let _ = writeln!(text, "{name}{end}{{{labels}}} {} {}", value(since), first + since);
        }
    }
    text + "# EOF\n"
}

/// Ann's service takes 3 s an answer, its pool has nothing left, and a statement takes a second; bob's
/// service fails a fifth of its requests.
fn programs() -> String {
    let route = |whose: &str, service: &str, status: u32| {
        format!("{whose},service=\"{service}\",method=\"GET\",route=\"/list\",status_code=\"{status}\"")
    };
    let pool = format!("{ANN},service=\"api\",db_client_connection_pool_name=\"main\"");
    let query = "SELECT * FROM orders WHERE customer = $1";
    let server = format!("{ANN},server=\"db:5432\"");
    let statement = format!("{server},usename=\"app\",datname=\"shop\",queryid=\"77\"");
    openmetrics(
        3,
        &[
            rate("http_requests counter", route(ANN, "api", 200), 1.0),
            rate("http_requests counter", route(BOB, "blog", 200), 0.8),
            rate("http_requests counter", route(BOB, "blog", 500), 0.2),
            rate("http_request_duration_seconds_sum unknown", route(ANN, "api", 200), 3.0),
            rate("http_request_duration_seconds_sum unknown", route(BOB, "blog", 200), 0.1),
            rate("http_request_duration_seconds_count unknown", route(ANN, "api", 200), 1.0),
            rate("http_request_duration_seconds_count unknown", route(BOB, "blog", 200), 0.8),
            rate("db_query_duration_seconds_sum unknown", format!("{ANN},service=\"api\""), 2.4),
            level("db_connections_active gauge", pool.clone(), 10.0),
            level("db_connections_max gauge", pool.clone(), 10.0),
            level("db_connections_pending gauge", pool, 3.0),
            rate("pg_stat_statements_calls counter", statement.clone(), 0.1),
            rate("pg_stat_statements_seconds counter", statement.clone(), 0.1),
            rate("pg_stat_statements_rows counter", statement, 0.1),
            level(
                "pg_stat_statements_query_id gauge",
                format!("{server},queryid=\"77\",query=\"{query}\""),
                1.0,
            ),
        ],
    )
}

/// A configuration with a token of bob's project.
fn configuration(folder: &Path, prometheus: &Prometheus, more: &str) -> String {
    let file = folder.join("dockmeter.yml");
    let hash = dockmeter::config::TokenHash::of("blogger");
    let tokens =
        format!("auth: {{tokens: [{{name: blogger, hash: '{hash}', scopes: [read], project: blog}}]}}\n");
    let prometheus = format!("prometheus: {{url: '{}'}}\n", prometheus.url());
    fs::write(&file, format!("{tokens}{prometheus}{more}")).unwrap();
    format!("--config.file={}", file.display())
}

fn ask(exporter: &Exporter, token: Option<&str>) -> Value {
    let login = token.map(bearer);
    let headers: Vec<&str> = login.iter().map(String::as_str).collect();
    http::request(exporter.address, "GET", "/api/analytics/recommendations", &headers).unwrap().json()
}

/// The ids of a kind.
fn ids(answer: &Value, kind: &str) -> Vec<String> {
    let all = answer["recommendations"].as_array().unwrap_or_else(|| panic!("{answer}")).iter();
    all.filter(|one| one["kind"] == kind).map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn one<'a>(answer: &'a Value, kind: &str) -> &'a Value {
    let mut all = answer["recommendations"].as_array().unwrap().iter();
    all.find(|one| one["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {answer:#}"))
}

#[test]
fn what_containers_lack_and_what_nothing_needs_is_told() {
    let Some(prometheus) = Prometheus::holding(&programs()) else { return };
    let Some(engine) = Engine::own("advice") else { return };
    engine.start();
    // 60 GiB that take no room.
    engine.docker(&["run", "--rm", "--volume=big:/v", IMAGE, "truncate", "-s", "60G", "/v/file"]);
    let labels = |user: &str, project: &str| {
        [format!("--label=dockmeter.user={user}"), format!("--label=dockmeter.project={project}")]
    };
    let [user, project] = labels("ann", "shop");
    let _bare = engine.run("shop-web-1", &[&user, &project, "--expose=8080"], IDLE);
    let [user, project] = labels("bob", "blog");
    let health = ["--health-cmd=true", "--health-interval=1s", "--restart=always"];
    let _well = engine.run("blog-web-1", &[&[&*user, &project], &health[..]].concat(), IDLE);
    let _policy = engine.run("blog-job-1", &[&user, &project, "--health-cmd=true"], IDLE);

    // A job that ends is told nothing, so these have run for a year.
    let wire = Wire::to(&engine);
    wire.set(Weather::Early);
    let folder = tempfile::tempdir().unwrap();
    let exporter = Exporter::at(&wire.host(), &[&configuration(folder.path(), &prometheus, "")]);
    let everybody = eventually("the engine has said what it holds", || {
        let answer = ask(&exporter, None);
        (!ids(&answer, "reclaim").is_empty() && !ids(&answer, "restart_policy").is_empty()).then_some(answer)
    });
    assert_eq!(ids(&everybody, "health_check"), ["health_check/ann/shop/unknown//shop-web-1"]);
    let policies = ids(&everybody, "restart_policy");
    assert_eq!(
        policies,
        ["restart_policy/ann/shop/unknown//shop-web-1", "restart_policy/bob/blog/unknown//blog-job-1"]
    );
    let test = &one(&everybody, "health_check")["action"]["lines"][1];
    assert!(test.as_str().unwrap().contains("nc -z 127.0.0.1 8080"), "{test}");
    assert_eq!(ids(&everybody, "reclaim"), ["reclaim//////volumes"]);
    let volumes = one(&everybody, "reclaim");
    assert_eq!(volumes["action"]["command"], "docker volume prune --all");
    assert!(volumes["evidence"][0]["value"].as_f64().unwrap() >= 60.0 * 1_073_741_824.0, "{volumes}");

    // Who is bound is told of his own, and nothing of the engine.
    let own = ask(&exporter, Some("blogger"));
    assert_eq!(ids(&own, "restart_policy"), ["restart_policy/bob/blog/unknown//blog-job-1"]);
    assert!(ids(&own, "reclaim").is_empty() && ids(&own, "health_check").is_empty(), "{own}");
}

#[test]
fn what_programs_and_databases_tell_is_told_to_whose_it_is() {
    let Some(prometheus) = Prometheus::holding(&programs()) else { return };
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let flag = configuration(folder.path(), &prometheus, "");
    let exporter = Exporter::with(&engine, &[&flag]);
    let everybody = ask(&exporter, None);
    assert_eq!(ids(&everybody, "response_time"), ["response_time/ann/shop/core/api/"], "{everybody:#}");
    let slow = one(&everybody, "response_time");
    let steps = slow["action"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 4, "{slow:#}");
    assert!(steps[0].as_str().unwrap().contains("raise the size of its connection pool"), "{steps:?}");
    assert!(steps[1].as_str().unwrap().contains("calls of databases take 80 %"), "{steps:?}");
    assert!(steps[2].as_str().unwrap().contains("profile `GET /list` first: it takes 3 s"), "{steps:?}");
    let mean = slow["evidence"][0]["value"].as_f64().unwrap();
    assert!((mean - 3.0).abs() < 0.01, "{mean}");
    assert_eq!(ids(&everybody, "error_rate"), ["error_rate/bob/blog/web/blog/"]);
    assert_eq!(one(&everybody, "error_rate")["action"]["steps"].as_array().unwrap().len(), 4);
    assert_eq!(ids(&everybody, "pool_size"), ["pool_size/ann/shop/core/api//main"]);
    let change = json!({"setting": "pool_size", "from_connections": 10.0, "to_connections": 17.0});
    assert_eq!(one(&everybody, "pool_size")["change"], change);
    assert_eq!(ids(&everybody, "query_index"), ["query_index/ann/shop/core///db:5432%2Fshop%2F77"]);
    let statement = one(&everybody, "query_index");
    assert_eq!(statement["action"]["command"], "CREATE INDEX CONCURRENTLY ON orders (customer);");

    let own = ask(&exporter, Some("blogger"));
    assert_eq!(ids(&own, "error_rate"), ["error_rate/bob/blog/web/blog/"]);
    for kind in ["response_time", "pool_size", "query_index"] {
        assert!(ids(&own, kind).is_empty(), "{kind}: {own}");
    }

    // What verifies it is a question that this Prometheus answers.
    for kind in ["response_time", "error_rate", "query_index", "pool_size"] {
        let promql = one(&everybody, kind)["verify"]["promql"].as_str().unwrap();
        assert!(prometheus.value(promql).is_some_and(f64::is_finite), "{promql}");
    }

    // The command tells the same.
    let report = Command::new(BINARY).args(["report", "rightsize", &flag]).env_clear().output().unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    for words in
        ["service `api` takes 3 s to answer on average", "whose: ann / shop / core / api", "the pool `main`"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// A container that its limit holds back, until it was raised so many seconds after the beginning.
fn held_back(days: i64, raised_at: i64) -> String {
    let labels = || format!("{BOB},name=\"blog-busy-1\"");
    // Ten periods a second, of which four are throttled before.
    let throttled = move |since: i64| 4.0 * since.min(raised_at) as f64;
    let limit = move |since: i64| if since <= raised_at { 0.5 } else { 0.7 };
    let series = |family, value: Box<dyn Fn(i64) -> f64>| Series { family, labels: labels(), value };
    openmetrics(
        days,
        &[
            rate("container_cpu_usage_seconds counter", labels(), 0.5),
            rate("container_cpu_cfs_periods counter", labels(), 10.0),
            series("container_cpu_cfs_throttled_periods counter", Box::new(throttled)),
            level("container_memory_working_set_bytes gauge", labels(), 52_428_800.0),
            level("container_spec_memory_limit_bytes gauge", labels(), 67_108_864.0),
            series("container_cpu_limit_cores gauge", Box::new(limit)),
            level("machine_cpu_cores gauge", "instance=\"a:1\"".to_owned(), 4.0),
            level("machine_memory_bytes gauge", "instance=\"a:1\"".to_owned(), 8e9),
        ],
    )
}

#[test]
fn what_was_recommended_is_followed_up_after_a_restart() {
    let Some(before) = Prometheus::holding(&held_back(3, 9 * DAY)) else { return };
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("history");
    let history = format!("history: {{path: '{}'}}\n", kept.display());
    let said = {
        let exporter = Exporter::with(&engine, &[&configuration(folder.path(), &before, &history)]);
        let answer = ask(&exporter, Some("blogger"));
        assert_eq!(answer["followed_up"], json!([]), "nobody has had time for it");
        one(&answer, "cpu_limit").clone()
    };
    assert_eq!(said["change"]["to_cores"], 0.7, "{said}");

    // Three days go by: it was said then, and somebody raised the limit two days ago.
    let file = kept.join("recommendations.json");
    let mut page: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for entry in page["recommendations"].as_array_mut().unwrap() {
        for time in ["recommended_at_ms", "said_at_ms"] {
            entry[time] = json!(entry[time].as_i64().unwrap() - 3 * DAY * 1000);
        }
    }
    fs::write(&file, page.to_string()).unwrap();
    let Some(after) = Prometheus::holding(&held_back(6, 4 * DAY)) else { return };
    let flag = configuration(folder.path(), &after, &history);
    let exporter = Exporter::with(&engine, &[&flag]);
    let answer = ask(&exporter, Some("blogger"));
    let followed = answer["followed_up"].as_array().unwrap().iter();
    let followed: Vec<&Value> = followed.filter(|one| one["id"] == said["id"]).collect();
    assert_eq!(followed.len(), 1, "{answer:#}");
    assert_eq!(followed[0]["outcome"], "effect_came", "{answer:#}");
    assert_eq!(followed[0]["sentence"], "applied, and it helped: 40 % before and 0 % after");
    assert!(ids(&answer, "cpu_limit").is_empty(), "{answer:#}");
    drop(exporter);

    // The command reads the same file.
    let report = Command::new(BINARY).args(["report", "rightsize", &flag]).env_clear().output().unwrap();
    let text = String::from_utf8(report.stdout).unwrap();
    assert!(text.contains("applied, and it helped: 40 % before and 0 % after"), "{text}");
}
