//! Dashboards: what the commands say of them, and that every query of every panel finds its data,
//! of a machine that has containers, programs that tell of requests, databases, tools and their
//! runtimes, a PostgreSQL server and objectives.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::{Value, json};

use crate::exporter::BINARY;
use crate::rules::pages::Scene;

const PROJECT: &str = "panels";

/// No query looks at more samples than these in a scene of some minutes and one project. Times of
/// days hold no more than there are, so one that does looks at far too many series.
const SAMPLES: u64 = 50_000;

/// Queries that find nothing in such a scene, by a part of them, and why.
const NOTHING: &[(&str, &str)] = &[
    ("_band_", "what is usual is known from a day of samples on"),
    ("7d[2h]", "what is usual is known from a day of samples on"),
    ("offset 7d", "nobody has looked a week ago"),
    ("program:efficiency:ratio", "how a service did before is known from two weeks on"),
    ("pg_up{server=~\".+\",user=~\".+\",project=~\"panels\",team=~\".+\"} == 0", "every server can be read"),
    ("(up == 0)", "every target is there"),
    ("dockmeter_collector_success{instance=~\".+\"} == 0", "every collector delivers"),
    ("alertmanager_notifications_total", "nobody is told in this scene"),
    ("alertmanager_notifications_failed_total", "nobody is told in this scene"),
    ("slo_objectives_refused_total", "no objective is refused"),
    ("slo_objective_conflicts_total", "no two objectives disagree"),
    ("pg_stat_replication_pg_wal_lsn_diff", "the server has no standby"),
    ("deriv(node_filesystem_avail_bytes", "whether a disk fills is up to the machine"),
    ("container_exit_code", "the container that is chosen has not ended yet"),
    ("dockmeter_read_errors_total", "every file can be read"),
    ("container_fs_reads_", "what the container reads may be in the page cache"),
    ("container_fs_writes_", "the container writes nothing"),
    ("node_nf_conntrack_entries", "a machine without a firewall tracks no connections"),
    ("container_memory_swap", "absent where swap is not accounted"),
];

/// The queries of a dashboard's panels, with what a user would have chosen.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for panel in dockmeter::dashboards::panels(dashboard) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let what = format!("{} panel {} {}", dashboard["uid"], panel["id"], target["refId"]);
            found.push((what, chosen(target["expr"].as_str().unwrap())));
        }
    }
    for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
        let what = format!("{} annotation {}", dashboard["uid"], annotation["name"]);
        found.push((what, chosen(annotation["expr"].as_str().unwrap())));
    }
    found
}

/// The query with the scene's project chosen, since other stories share its engine, one container
/// of it, all else, and times that such a scene has.
fn chosen(expr: &str) -> String {
    let many = ["instance", "user", "team", "service", "slo", "server"];
    let chosen = many.iter().fold(expr.to_owned(), |expr, name| expr.replace(&format!("${name}\""), ".+\""));
    let mut chosen = chosen.replace("$project\"", &format!("{PROJECT}\""));
    chosen = chosen.replace("$container\"", &format!("{PROJECT}-shop\""));
    for (name, value) in [
        ("$__rate_interval", "10s"),
        ("$__interval", "10s"),
        ("$__range_s", "60"),
        ("$__range", "1m"),
        ("$__from", "0"),
        ("$compare", "1s"),
        ("$price_core_hour", "1"),
        ("$price_gib_hour", "1"),
        ("$price_disk_gib_month", "1"),
    ] {
        chosen = chosen.replace(name, value);
    }
    assert!(!chosen.replace("\"$1\"", "").contains('$'), "a variable is left: {chosen}");
    chosen
}

/// What programs tell of themselves beyond requests and databases.
fn tell_more(scene: &Scene<'_>) {
    const GAUGES: [(&str, &[&str]); 9] = [
        ("nodejs_eventloop_delay_p50_seconds", &[]),
        ("nodejs_eventloop_delay_p99_seconds", &[]),
        ("nodejs_eventloop_utilization_ratio", &[]),
        ("v8js_memory_heap_used_bytes", &["v8js_heap_space_name"]),
        ("v8js_memory_heap_limit_bytes", &["v8js_heap_space_name"]),
        ("jvm_thread_count", &["jvm_thread_state"]),
        ("go_goroutine_count", &[]),
        ("go_memory_used_bytes", &["go_memory_type"]),
        ("active_users", &[]),
    ];
    let define =
        |kind: &str, name: &str, labels: &[&str]| json!({"name": name, "type": kind, "labels": labels});
    let mut defined: Vec<Value> = GAUGES
        .iter()
        .filter(|(name, _)| *name != "active_users")
        .map(|(name, labels)| define("gauge", name, labels))
        .collect();
    defined.push(define("histogram", "v8js_gc_duration_seconds", &["v8js_gc_type"]));
    defined.push(define("histogram", "go_schedule_duration_seconds", &[]));
    let record =
        |name: &str, labels: Value| json!({"name": name, "value": 1, "labels": labels, "service": "till"});
    let mut told: Vec<Value> = GAUGES
        .iter()
        .map(|(name, labels)| record(name, labels.iter().map(|label| (*label, json!("one"))).collect()))
        .collect();
    told.extend([
        record("v8js_gc_duration_seconds", json!({"v8js_gc_type": "major"})),
        record("go_schedule_duration_seconds", json!({})),
        record("feature_usage_total", json!({"feature": "search"})),
        record("template_usage_total", json!({"template": "react"})),
        record("project_creations_total", json!({})),
    ]);
    scene.send("/api/metrics/custom", &json!({"define": defined, "record": told}), 0);
}

#[test]
fn every_panel_finds_its_data() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("grafana/dashboards");
    let read = |path: &Path| serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut missing: Vec<(String, String)> = files.flat_map(|path| queries(&read(&path))).collect();
    assert!(missing.len() > 200, "the dashboards have moved: only {} queries were found", missing.len());
    for (part, reason) in NOTHING {
        assert!(
            missing.iter().any(|(_, query)| query.contains(part)),
            "no query has `{part}` any more: {reason}"
        );
    }
    // These need not find anything; marks are there when something happens.
    let is_free = |(what, query): &(String, String)| {
        let finds_zero = query.contains("or vector(0)");
        what.contains("annotation") || (!finds_zero && NOTHING.iter().any(|(part, _)| query.contains(part)))
    };
    let free: Vec<(String, String)> = missing.extract_if(.., |asked| is_free(asked)).collect();
    Scene::play(PROJECT, |scene| {
        for (_, query) in &free {
            scene.prometheus.cost(query, 3);
        }
        let (started, mut dearest) = (Instant::now(), (0, String::new()));
        while !missing.is_empty() && started.elapsed() < crate::poll::patience() * 2 {
            scene.work();
            scene.tell();
            tell_more(scene);
            // A while ago, so that a query may look at what came after.
            missing.retain(|(what, query)| {
                let (rows, samples) = scene.prometheus.cost(query, 3);
                if samples > dearest.0 {
                    dearest = (samples, format!("{what}: {query}"));
                }
                rows == 0
            });
        }
        assert!(missing.is_empty(), "{} queries find nothing: {missing:#?}", missing.len());
        assert!(dearest.0 <= SAMPLES, "{} samples are looked at by {}", dearest.0, dearest.1);
    });
}

/// What `dockmeter grafana` says to some arguments.
fn grafana(arguments: &[&str]) -> Output {
    Command::new(BINARY).env_clear().arg("grafana").args(arguments).output().unwrap()
}

fn status_and_words(output: &Output) -> (Option<i32>, String) {
    let words =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), words)
}

#[test]
fn dashboards_are_written_once_and_one_that_was_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let output = format!("--output={}", folder.path().display());
    assert_eq!(grafana(&["render", &output]).status.code(), Some(0));
    let (status, words) = status_and_words(&grafana(&["render", &output]));
    assert_eq!((status, words.starts_with("all files in `")), (Some(0), true), "{words}");
    assert_eq!(status_and_words(&grafana(&["render", "--check", &output])), (Some(0), String::new()));
    fs::write(folder.path().join("mine.json"), "{}").unwrap();
    fs::write(folder.path().join("dockmeter-host.json"), "{}").unwrap();
    let (status, words) = status_and_words(&grafana(&["render", "--check", &output]));
    assert_eq!((status, words.contains("dockmeter-host.json` is stale")), (Some(2), true), "{words}");
    assert_eq!(grafana(&["render", &output]).status.code(), Some(0));
    assert!(folder.path().join("mine.json").exists(), "what dockmeter has not made stays");
}

#[test]
fn the_lint_tells_by_its_exit_status_what_it_found() {
    let (status, words) = status_and_words(&grafana(&["lint"]));
    assert_eq!((status, words.ends_with(" 0 findings\n")), (Some(0), true), "{words}");
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("own.yml");
    let own = "uid: own\ntitle: Own\nquestion: What?\nrows: [{panels: [{id: 1, title: T, says: S, width: 24, expr: node_load1, unit: byte}]}]\n";
    fs::write(&template, own).unwrap();
    let templates = format!("--templates={}", folder.path().display());
    let (status, words) = status_and_words(&grafana(&["lint", &templates]));
    assert_eq!(status, Some(2), "{words}");
    assert!(words.starts_with("own, panel 1 `T`: unit: `byte` is no unit of Grafana"), "{words}");
    let exported = folder.path().join("exported.json");
    fs::write(&exported, r#"{"uid": "mine", "title": "Mine", "panels": []}"#).unwrap();
    let (status, words) = status_and_words(&grafana(&["lint", &exported.display().to_string()]));
    assert_eq!((status, words.contains("mine: uid: no `description`")), (Some(2), true), "{words}");
    fs::write(&template, own.replace("title: Own", "titel: Own")).unwrap();
    let (status, words) = status_and_words(&grafana(&["lint", &templates]));
    assert_eq!((status, words.contains("own.yml:2:1: unknown key `titel`")), (Some(1), true), "{words}");
}
