//! What is promised of services: counted from real containers, and reported from a real
//! Prometheus that holds figures computed by hand.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use dockmeter::config::{Every, SlaReport, Upstream};
use dockmeter::exporter::SlaReporter;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::engine::Engine;
use crate::exporter::{BINARY, Exporter};
use crate::exposition::Page;
use crate::poll::eventually;
use crate::prometheus::Prometheus;
use crate::truth::load::Load;
use crate::whose::request;

/// The labels of an objective of a user.
fn of<'a>(slo: &'a str, user: &'a str, service: &'a str) -> [(&'static str, &'a str); 3] {
    [("slo", slo), ("user", user), ("service", service)]
}

/// Events and bad events of an objective.
fn events(page: &Page, labels: &[(&str, &str)]) -> Option<(f64, f64)> {
    Some((page.value("slo_events_total", labels)?, page.value("slo_bad_events_total", labels)?))
}

#[test]
fn a_container_promises_for_its_programs_and_their_requests_count_once() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ingest.sock");
    let listen = format!("--ingest.listen-address=unix:{}", socket.display());
    let exporter = Exporter::with(&engine, &[&listen]);
    let mount = format!("--volume={}:/ingest", folder.path().display());
    let start = |name: &str, user: &str, labels: &[&str]| {
        let user = format!("--label=dockmeter.user={user}");
        Load::start(&engine, name, &[&[mount.as_str(), user.as_str()], labels].concat())
    };
    let promises = [
        "--label=dockmeter.slo.availability=99.9",
        "--label=dockmeter.slo.latency=95",
        "--label=dockmeter.slo.latency.threshold=500ms",
        "--label=dockmeter.slo.uptime=99",
    ];
    let Some(mut ann) = start("sla-requests-ann", "sla-ann", &promises) else { return };
    let mut bob = start("sla-requests-bob", "sla-bob", &[]).unwrap();
    let to = "unix:/ingest/ingest.sock";
    for (load, user) in [(&mut ann, "sla-ann"), (&mut bob, "sla-bob")] {
        load.sends(to, &request("sla.hello", 1, None), || {
            exporter.page().value("sla_hello_total", &[("user", user)]).is_some()
        });
    }
    // Ten requests: two failed, three took longer than half a second.
    let one = |status: u16, seconds: f64| {
        format!(
            r#"{{"method":"GET","status_code":{status},"duration_seconds":{seconds},"service":"api","user":"eve"}}"#
        )
    };
    let sent = [vec![one(200, 0.2); 5], vec![one(200, 0.7); 3], vec![one(404, 0.1)], vec![one(503, 0.1)]];
    let sent = [sent.concat(), vec![one(500, 0.1)]].concat();
    let body = format!("[{}]", sent.join(","));
    let post = format!(
        "POST /api/metrics/http HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for load in [&mut ann, &mut bob] {
        load.write("requests", post.as_bytes());
        load.ask(&format!("connect {to}"));
        assert_eq!(load.ask("send /truth/requests 1").number("status"), 200.0);
    }
    let page = exporter.page();
    let availability = of("availability", "sla-ann", "api");
    assert_eq!(events(&page, &availability), Some((11.0, 2.0)));
    assert_eq!(page.value("slo_objective_ratio", &availability), Some(0.999));
    let latency = of("latency", "sla-ann", "api");
    assert_eq!(events(&page, &latency), Some((11.0, 3.0)));
    assert_eq!(page.value("slo_objective_ratio", &latency), Some(0.95));
    assert_eq!(page.value("slo_latency_threshold_seconds", &latency), Some(0.5));
    // Nobody else has promised anything, whatever is said of users.
    for user in ["sla-bob", "eve"] {
        assert_eq!(page.all("slo_events_total", &[("user", user)]).count(), 0, "{user}");
    }
    // It has no restart policy, so nobody keeps it up.
    let refused = [("user", "sla-ann"), ("reason", "restart_policy")];
    assert_eq!(page.value("slo_objectives_refused_total", &refused), Some(1.0));
    assert!(exporter.said(&["an objective is refused", "sla-requests-ann", "unless-stopped"]));
    drop(ann);
    exporter.until("its promises have gone", |page| {
        page.all("slo_objective_ratio", &[("user", "sla-ann")]).next().is_none().then_some(())
    });
}

#[test]
fn seconds_in_which_a_container_should_be_up_are_counted() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let options = |policy: &'static str, user: &'static str| {
        [format!("--restart={policy}"), format!("--label=dockmeter.user={user}")]
    };
    let promise = ["--label=dockmeter.slo.uptime=99.5", "--label=com.docker.compose.service=web"];
    let run = |name: &str, options: &[String], command: &[&str]| {
        let options: Vec<&str> = promise.into_iter().chain(options.iter().map(String::as_str)).collect();
        engine.run(name, &options, command)
    };
    let crashes = run("sla-crashes", &options("always", "sla-crash"), &["sh", "-c", "sleep 1; exit 3"]);
    let rests = run("sla-rests", &options("unless-stopped", "sla-rest"), &["sh", "-c", "sleep 100000"]);
    let (crash, rest) = (of("uptime", "sla-crash", "web"), of("uptime", "sla-rest", "web"));
    let up = exporter.until("it is up", |page| {
        (page.value("slo_uptime_expected_containers", &rest)? == 1.0).then(|| events(page, &rest))?
    });
    assert_eq!(up.1, 0.0);
    exporter.until("its seconds are counted", |page| (events(page, &rest)?.0 > up.0).then_some(()));
    // What somebody stops on purpose need not be up.
    rests.docker(&["stop", "--time=1"]);
    let stopped = exporter.until("it need not be up", |page| {
        (page.value("slo_uptime_expected_containers", &rest)? == 0.0).then(|| events(page, &rest))?
    });
    let later = exporter.page();
    assert_eq!((events(&later, &rest), stopped.1), (Some(stopped), 0.0));
    assert_eq!(later.value("slo_uptime_down_containers", &rest), Some(0.0));
    // What crashes should be up.
    let (all, bad) = exporter
        .until("it was down between two runs", |page| events(page, &crash).filter(|(_, bad)| *bad > 0.0));
    assert!(all >= bad, "{all} {bad}");
    assert_eq!(exporter.page().value("slo_uptime_expected_containers", &crash), Some(1.0));
    drop(crashes);
    exporter.until("with the container its promise ends", |page| {
        page.value("slo_objective_ratio", &crash).is_none().then_some(())
    });
}

/// 2026-10-31T00:00:00Z, and lengths in seconds.
const DAY: i64 = 1_793_404_800;
const HOUR: i64 = 3600;
const MINUTE: i64 = 60;
const SCRAPES: i64 = 30;

/// A dockmeter from one start until the next.
struct Run {
    instance: &'static str,
    start: i64,
    end: i64,
    /// What its counter of requests was at its first scrape here, if it began long before.
    before: i64,
    /// Requests between two scrapes.
    requests: i64,
}

/// Host `a` is restarted at 15:00, after two minutes in which it did not answer; host `b` begins
/// at 12:00.
const RUNS: [Run; 3] = [
    Run {
        instance: "a:10417",
        start: DAY - 60 * 24 * HOUR,
        end: DAY + 15 * HOUR - 2 * MINUTE,
        before: 1_000_000,
        requests: 10,
    },
    Run { instance: "a:10417", start: DAY + 15 * HOUR, end: DAY + 30 * HOUR, before: 0, requests: 10 },
    Run { instance: "b:10417", start: DAY + 12 * HOUR, end: DAY + 30 * HOUR, before: 0, requests: 4 },
];

/// When Prometheus was away; counters went on.
const AWAY: std::ops::Range<i64> = DAY + 18 * HOUR..DAY + 18 * HOUR + 30 * MINUTE;

/// When half of what `a` does fails, and when all of it is too slow.
const FAILS: std::ops::Range<i64> = DAY + 10 * HOUR..DAY + 10 * HOUR + 10 * MINUTE;
const SLOW: std::ops::Range<i64> = DAY + 22 * HOUR + 30 * MINUTE..DAY + 22 * HOUR + 35 * MINUTE;

/// Scrapes are at 10 and 40 seconds of each minute.
fn scrapes(run: &Run) -> impl Iterator<Item = i64> {
    let first = run.start.max(DAY) + 10;
    (first..run.end).step_by(SCRAPES as usize).filter(|time| !AWAY.contains(time))
}

/// Scrapes since the beginning of a run, missed ones included, that lie within a time.
fn rounds(run: &Run, until: i64, within: Option<&std::ops::Range<i64>>) -> i64 {
    let first = run.start.max(DAY) + 10;
    (first..=until).step_by(SCRAPES as usize).filter(|time| within.is_none_or(|w| w.contains(time))).count()
        as i64
}

/// What a run shows at a time: labels and value of each sample.
type Samples<'s> = &'s dyn Fn(&Run, i64) -> Vec<(String, f64)>;

/// What was scraped of all runs, as if it had been the 24 hours from `day` on and some after.
pub(crate) fn openmetrics(day: i64) -> String {
    let later = day - DAY;
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, samples: Samples<'_>| {
        let _ = writeln!(text, "# TYPE {} {kind}", name.trim_end_matches("_total"));
        for run in &RUNS {
            for time in scrapes(run) {
                for (labels, value) in samples(run, time) {
                    let instance = run.instance;
                    let _ = writeln!(
                        text,
                        "{name}{{job=\"dockmeter\",instance=\"{instance}\"{labels}}} {value} {}",
                        time + later
                    );
                }
            }
        }
    };
    let labels =
        |slo: &str| format!(",slo=\"{slo}\",service=\"api\",user=\"ann\",project=\"shop\",team=\"core\"");
    let is_a = |run: &Run| run.instance.starts_with('a');
    // A run that began before has its first scrape here with what it had counted until then.
    let requests = |run: &Run, time: i64| {
        let rounds = rounds(run, time, None) - i64::from(run.before > 0);
        (run.before + run.requests * rounds) as f64
    };
    family("dockmeter_build_info", "gauge", &|_, _| vec![(String::new(), 1.0)]);
    family("process_start_time_seconds", "gauge", &|run, _| {
        vec![(String::new(), (run.start + later) as f64)]
    });
    family("slo_objective_ratio", "gauge", &|run, time| {
        let availability = if time < DAY + 20 * HOUR { 0.999 } else { 0.99 };
        let mut all = vec![(labels("availability"), availability)];
        all.extend(is_a(run).then(|| (labels("latency"), 0.999)));
        all
    });
    family("slo_events_total", "counter", &|run, time| {
        let mut all = vec![(labels("availability"), requests(run, time))];
        all.extend(is_a(run).then(|| (labels("latency"), requests(run, time))));
        all
    });
    family("slo_bad_events_total", "counter", &|run, time| {
        let bad =
            |within, each: i64| (if is_a(run) { each } else { 0 } * rounds(run, time, Some(within))) as f64;
        let mut all = vec![(labels("availability"), bad(&FAILS, 5))];
        all.extend(is_a(run).then(|| (labels("latency"), bad(&SLOW, 10))));
        all
    });
    let _ = writeln!(text, "# TYPE up gauge");
    for run in &RUNS {
        let failing = (run.start < DAY).then_some((run.end + 10..DAY + 15 * HOUR).step_by(SCRAPES as usize));
        let ups = scrapes(run).map(|time| (time, 1));
        for (time, up) in ups.chain(failing.into_iter().flatten().map(|time| (time, 0))) {
            let _ =
                writeln!(text, "up{{job=\"dockmeter\",instance=\"{}\"}} {up} {}", run.instance, time + later);
        }
    }
    text + "# EOF\n"
}

fn report(prometheus: &str, flags: &[&str]) -> Output {
    Command::new(BINARY)
        .env_clear()
        .args(["report", "sla"])
        .arg(format!("--prometheus.url={prometheus}"))
        .args(flags)
        .output()
        .expect("dockmeter can be started")
}

/// The report as JSON, and the exit status.
fn json(prometheus: &str, flags: &[&str]) -> (Value, Option<i32>) {
    let output = report(prometheus, &[flags, &["--format=json"]].concat());
    let json = serde_json::from_slice(&output.stdout);
    (json.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))), output.status.code())
}

fn slo<'a>(json: &'a Value, name: &str) -> &'a Value {
    let all = json["slos"].as_array().expect("a list");
    all.iter().find(|one| one["slo"] == name).unwrap_or_else(|| panic!("no {name} in {json}"))
}

#[test]
fn a_month_of_a_restart_a_gap_and_a_new_host_is_reported_as_it_was() {
    let Some(prometheus) = Prometheus::holding(&openmetrics(DAY)) else { return };
    let url = prometheus.url();
    let berlin = ["--month=2026-10", "--time-zone=Europe/Berlin"];
    let (october, status) = json(&url, &berlin);
    assert_eq!(status, Some(2), "not everything was kept");
    assert_eq!(
        (&october["from"], &october["to"]),
        (&"2026-10-01T00:00:00+02:00".into(), &"2026-11-01T00:00:00+01:00".into())
    );

    // The last scrape of the month there is at 22:59:40 UTC. `a` has 1795 rounds of 10 after its
    // first scrape and before it is away, and from its restart on 960; `b` has 1320 of 4.
    let availability = slo(&october, "availability");
    assert_eq!(availability["events"], 17_950.0 + 9_600.0 + 5_280.0);
    assert_eq!(availability["bad_events"], 100.0, "20 rounds of 5");
    assert_eq!(availability["met"], true, "100 are less than 1 % of 32,830");
    assert_eq!(availability["sli_percent"], 99.6954);
    let budget = &availability["budget_events"];
    assert_eq!((&budget["total"], &budget["left"]), (&328.3.into(), &228.3.into()));
    // 31 days and the hour by which clocks are set back; 1 % of 44,700 minutes.
    assert_eq!(availability["budget_minutes"]["total"], 447.0);
    let objectives: Vec<_> = availability["objectives"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["objective_percent"].as_f64().unwrap())
        .collect();
    assert_eq!(objectives, [99.9, 99.0]);
    // Half of all fails from 10:00 on; the last five minutes in which too much did end at 10:14.
    let breaches = availability["breaches"].as_array().unwrap();
    assert_eq!(breaches.len(), 1, "{breaches:?}");
    assert_eq!(breaches[0]["start"], "2026-10-31T11:00:00+01:00");
    assert_eq!(breaches[0]["end"], "2026-10-31T11:14:00+01:00");
    assert_eq!((&breaches[0]["minutes"], &breaches[0]["bad_events"]), (&14.into(), &100.0.into()));
    assert_eq!(breaches[0]["worst_burn_rate"], 500.0);
    assert_eq!(breaches[0]["budget_share_percent"], 30.4599);
    // From 00:01 to 23:00, without 18:05 to 18:30: a value speaks for five minutes.
    assert_eq!(availability["data_coverage_percent"], 3.029);

    let latency = slo(&october, "latency");
    assert_eq!((&latency["events"], &latency["bad_events"]), (&27_550.0.into(), &100.0.into()));
    assert_eq!((&latency["met"], &latency["budget_events"]["left"]), (&false.into(), &(-72.45).into()));
    let breach = &latency["breaches"][0];
    assert_eq!((&breach["minutes"], &breach["worst_burn_rate"]), (&9.into(), &1000.0.into()));

    // Every scrape but those of the gap: 2,700 of `a`, 1,260 of `b`; 4 of `a` failed.
    let stack = slo(&october, "stack");
    assert_eq!((&stack["events"], &stack["bad_events"]), (&3_960.0.into(), &4.0.into()));
    assert_eq!((&stack["met"], &stack["team"]), (&false.into(), &"platform".into()));

    // In UTC the month is an hour longer at its end: 120 more rounds of 14.
    let (utc, _) = json(&url, &["--month=2026-10", "--slo=availability"]);
    assert_eq!(slo(&utc, "availability")["events"], 32_830.0 + 1_680.0);
    // What is left of November there, six hours less one round, is nothing new at its beginning.
    let (rest, status) = json(&url, &["--from=2026-11-01", "--to=2026-11-02", "--slo=availability"]);
    assert_eq!(slo(&rest, "availability")["events"], 720.0 * 14.0);
    assert_eq!((slo(&rest, "availability")["breaches"].as_array().map(Vec::len), status), (Some(0), Some(0)));
}

#[test]
fn every_format_of_a_report_says_the_same_and_mistakes_are_told() {
    let Some(prometheus) = Prometheus::holding(&openmetrics(DAY)) else { return };
    let url = prometheus.url();
    let day = ["--from=2026-10-31", "--to=2026-11-01"];
    let text = |format: &str| {
        let output = report(&url, &[&day[..], &[format]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let words = ["availability", "34510", "99.7102", "2026-10-31 10:00 to 2026-10-31 10:14", "14 min"];
    for word in words {
        assert!(text("--format=text").contains(word), "{word}: {}", text("--format=text"));
        assert!(text("--format=markdown").contains(word), "{word}");
    }
    let csv = text("--format=csv");
    let row = csv.lines().find(|line| line.starts_with("availability,")).unwrap();
    assert!(row.starts_with("availability,api,ann,shop,core,99,34510,100,99.7102,yes,14.4,"), "{row}");
    let refused = |flags: &[&str], status: i32, word: &str| {
        let output = report(&url, flags);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(word), "{said}");
    };
    refused(&["--month=2026-10", "--time-zone=Mars/Base"], 1, "`Mars/Base` is no time zone");
    refused(&["--month=October"], 1, "not a month such as");
    refused(&["--month=2026-10", "--quarter=2026-Q4"], 1, "cannot be used with");
    refused(&["--month=2020-01"], 1, "holds no objectives");
    refused(&[day[0], day[1], "--service=web"], 1, "`availability` of `api`");
}

#[test]
fn a_report_of_what_is_counted_now_is_made_from_what_prometheus_scrapes() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let Some(prometheus) = Prometheus::scraping(exporter.address) else { return };
    let labels = ["--label=dockmeter.slo.uptime=99.5", "--label=dockmeter.user=sla-now"];
    let _up = engine.run("sla-now", &[&labels[..], &["--restart=always"]].concat(), &["sleep", "100000"]);
    let said = eventually("the report has it", || {
        let output = report(&prometheus.url(), &["--window=1h", "--user=sla-now", "--format=json"]);
        let json: Value = serde_json::from_slice(&output.stdout).ok()?;
        (slo(&json, "uptime")["events"].as_f64()? > 0.0).then_some(json)
    });
    assert_eq!(slo(&said, "uptime")["service"], "sla-now");
    assert_eq!(slo(&said, "uptime")["objective_percent"], 99.5);
}

/// Takes what Alertmanager would be told.
async fn listener() -> (Upstream, Arc<Mutex<Vec<Value>>>) {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Some(format!("http://{}", listener.local_addr().unwrap()));
    let heard = told.clone();
    let router = axum::Router::new().fallback(async move |body: String| {
        heard.lock().unwrap().push(serde_json::from_str(&body).unwrap());
        "{}"
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Upstream { url, ..Upstream::default() }, told)
}

#[tokio::test]
async fn at_a_month_s_end_the_report_is_written_once_and_every_team_is_told() {
    let Some(prometheus) = Prometheus::holding(&openmetrics(DAY)) else { return };
    let (alertmanager, told) = listener().await;
    let url = prometheus.url();
    let prometheus = Upstream { url: Some(url.clone()), ..Upstream::default() };
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("reports");
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let config = SlaReport { folder: Some(folder.clone()), every: Every::Month, zone };
    let reporter = || SlaReporter::new(&config, &prometheus, &alertmanager, "platform").unwrap();
    let at = |time: &str| -> jiff::Timestamp { time.parse().unwrap() };
    let files = || -> Vec<String> {
        let files =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.filter(|name| !name.starts_with('.')).collect();
        files.sort();
        files
    };

    // Prometheus knows nothing of September, and October is not over.
    let mut first = reporter();
    first.look(at("2026-10-31T22:59:00Z")).await;
    first.look(at("2026-10-31T23:04:00Z")).await;
    assert_eq!(files(), [""; 0]);
    // It is over in Berlin, and its last scrapes have come.
    first.look(at("2026-10-31T23:06:00Z")).await;
    let written = ["sla-2026-10.csv", "sla-2026-10.json", "sla-2026-10.md", "sla-2026-10.told"];
    assert_eq!(files(), written);
    for (end, format) in [("csv", "csv"), ("json", "json"), ("md", "markdown")] {
        let format = format!("--format={format}");
        let output = report(&url, &["--month=2026-10", "--time-zone=Europe/Berlin", &format]);
        let page = fs::read(folder.join(format!("sla-2026-10.{end}"))).unwrap();
        assert_eq!(String::from_utf8(page), String::from_utf8(output.stdout), "{end}");
    }
    {
        let told = told.lock().unwrap();
        let alerts = told[0].as_array().unwrap();
        let teams: Vec<_> = alerts.iter().map(|alert| alert["labels"]["team"].as_str().unwrap()).collect();
        assert_eq!((told.len(), teams), (1, vec!["core", "platform"]));
        for alert in alerts {
            assert_eq!(alert["labels"]["alertname"], "SlaReport");
            assert_eq!(
                (&alert["labels"]["severity"], &alert["labels"]["period"]),
                (&"info".into(), &"2026-10".into())
            );
            assert_eq!(alert["endsAt"], "2026-11-01T00:06:00Z", "it ends by itself");
        }
        let core = &alerts[0]["annotations"];
        assert_eq!(core["summary"], "2026-10: 1 of 2 objectives of core were not met");
        let description = core["description"].as_str().unwrap();
        assert!(description.contains("latency of api: NOT MET, 99.637 % of 27550 requests"), "{description}");
        assert!(!description.contains("stack"), "{description}");
        assert!(core["report"].as_str().unwrap().contains("sla-2026-10.md"), "{core}");
    }

    // Neither this one, nor another beside it, nor one after it does it again.
    first.look(at("2026-11-02T00:00:00Z")).await;
    reporter().look(at("2026-11-02T00:00:00Z")).await;
    drop(first);
    reporter().look(at("2026-11-03T00:00:00Z")).await;
    assert_eq!((files().len(), told.lock().unwrap().len()), (written.len(), 1));

    // After a time in which it did not run the last month is made up for. Who could not be told
    // is told later.
    let nobody = Upstream { url: Some("http://127.0.0.1:9".to_owned()), ..Upstream::default() };
    let mut late = SlaReporter::new(&config, &prometheus, &nobody, "platform").unwrap();
    late.look(at("2026-12-20T00:00:00Z")).await;
    assert!(files().contains(&"sla-2026-11.json".to_owned()), "{:?}", files());
    assert!(!files().contains(&"sla-2026-11.told".to_owned()), "{:?}", files());
    drop(late);
    reporter().look(at("2026-12-20T01:00:00Z")).await;
    assert!(files().contains(&"sla-2026-11.told".to_owned()), "{:?}", files());
    assert_eq!(told.lock().unwrap().len(), 2);
}
