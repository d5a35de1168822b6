//! What a container did, told after it has gone, after a restart, and by Prometheus as by dockmeter.

use std::fs;

use dockmeter::config::TokenHash;
use rustix::process::Signal;
use serde_json::Value;

use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// The points of a history that say something of a figure.
fn values(history: &Value, figure: &str) -> Vec<f64> {
    let points = history["points"].as_array().into_iter().flatten();
    points.filter_map(|point| point[figure].as_f64()).collect()
}

#[test]
fn a_container_s_history_outlives_it_and_a_killed_dockmeter_and_stays_its_tenant_s() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dockmeter.yml");
    let entry = |name: &str| {
        format!(
            "  - {{name: {name}, hash: '{}', scopes: [read], user: history-{name}}}\n",
            TokenHash::of(name)
        )
    };
    let text = format!("history: {{path: kept}}\nauth:\n  tokens:\n{}{}", entry("ann"), entry("bob"));
    fs::write(&file, text).expect("a configuration");
    let flag = format!("--config.file={}", file.display());
    let exporter = Exporter::with(&engine, &[&flag]);
    let busy = engine.run("history-busy", &["--label=dockmeter.user=history-ann", "--cpus=0.5"], BUSY);
    let path = "/api/containers/history-busy/metrics/history";
    let live = eventually("there are some points of it", || {
        let history = exporter.get(path).json();
        (values(&history, "cpu_usage_cores").len() >= 3).then_some(history)
    });
    assert_eq!((&live["source"], &live["interval"]), (&"embedded".into(), &"5s".into()));
    let cores = values(&live, "cpu_usage_cores");
    assert!(
        cores.iter().skip(1).all(|cores| (0.3..0.6).contains(cores)),
        "it may use half a core: {cores:?}"
    );
    assert!(values(&live, "memory_working_set_bytes").iter().all(|bytes| *bytes > 0.0));
    assert_eq!(live["summary"]["cpu_limit_cores"]["max"], 0.5);

    let id = busy.id.clone();
    drop(busy);
    eventually("it is gone", || {
        (exporter.get("/api/containers/history-busy/metrics/current").status == 404).then_some(())
    });
    let times = |history: &Value| -> Vec<String> {
        let points = history["points"].as_array().expect("points").iter();
        points.map(|point| point["timestamp"].as_str().expect("a time").to_owned()).collect()
    };
    let before = times(&exporter.get(path).json());
    exporter.signal(Signal::KILL);
    drop(exporter);
    let again = Exporter::with(&engine, &[&flag]);
    let after = times(&again.get(path).json());
    assert!(after.starts_with(&before), "{before:?} {after:?}");
    assert_eq!(
        again.get(&format!("/api/containers/{}/metrics/history", &id[..12])).json()["container_id"],
        *id
    );

    let mine = again.get_as("ann", path).json();
    assert_eq!((&mine["user"], times(&mine)), (&"history-ann".into(), after));
    assert_eq!(again.get_as("bob", path).status, 404, "it is not bob's");
    let csv = http::get(again.address, &format!("{path}?format=csv"), &[&bearer("ann")]).expect("an answer");
    assert!(csv.text().starts_with("timestamp,container_id,name,cpu_usage_cores,"), "{}", csv.text());
    assert!(csv.text().contains(&format!(",{id},history-busy,0.")), "{}", csv.text());
    let health = again.get_as("ann", "/api/system/health/containers/history-busy").json();
    let first = &health["periods"][0];
    assert_eq!(first["status"], "running", "{health}");
    eventually("how everything was is told, and what the host did", || {
        let health = again.get("/api/system/health/metrics?interval=1min").json();
        let last = health["points"].as_array()?.last()?.clone();
        let (used, total) = (last["memory_used_bytes"].as_f64()?, last["memory_total_bytes"].as_f64()?);
        assert!(0.0 < used && used < total && last["load1"].is_number(), "{last}");
        (last["domains"]["engine"]["status"].is_string()
            && last["network_receive_bytes_per_second"].is_number())
        .then_some(())
    });
    assert!(again.page().value("dockmeter_history_disk_bytes", &[]) > Some(0.0));
}

#[test]
fn what_a_full_minute_s_samples_say_prometheus_says_too() {
    let Some(engine) = Engine::shared() else { return };
    let watched = Exporter::with(&engine, &["--sampling.full=5s"]);
    let Some(prometheus) = Prometheus::scraping(watched.address) else { return };
    let named = format!("--prometheus.url={}", prometheus.url());
    let asking = Exporter::with(&engine, &[&named]);
    // A shell alone has so little memory that the pages which the kernel charges for each core
    // beforehand come and go as a large part of it.
    let holds = "dd if=/dev/zero of=/dev/shm/held bs=1M count=8; while :; do :; done";
    let busy = engine.run("history-both", &["--cpus=0.4", "--memory=64m"], &["sh", "-c", holds]);
    let _idle = engine.run("history-both-idle", &[], IDLE);
    let path = format!("/api/containers/{}/metrics/history", busy.id);
    let both = eventually("both have twelve points", || {
        let (kept, asked) = (watched.get(&path).json(), asking.get(&path).json());
        (values(&kept, "cpu_usage_cores").len() >= 12 && asked["source"] == "prometheus")
            .then_some((kept, asked))
    });
    compare(&both.0, &both.1);
    // Another name makes other series of it in Prometheus, in the middle of the longer steps.
    engine.docker(&["rename", "history-both", "history-renamed"]);
    eventually("Prometheus knows it by its new name", || {
        prometheus.value("count(container_last_seen{name=\"history-renamed\"})").map(drop)
    });
    // The samples of one are not those of the other, so that a step has some more or fewer.
    for interval in ["1m", "5m", "1h"] {
        let path = format!("{path}?interval={interval}");
        let (kept, asked) = (watched.get(&path).json(), asking.get(&path).json());
        assert_eq!(
            (&kept["source"], &asked["source"]),
            (&"embedded".into(), &"prometheus".into()),
            "{interval}"
        );
        compare_levels(&kept, &asked, interval);
        let ends = |history: &Value| history["points"].as_array().expect("points").last().cloned();
        let (one, other) = (ends(&kept).expect("a point"), ends(&asked).expect("a point"));
        assert_eq!(one["timestamp"], other["timestamp"], "{interval}: the steps are the same");
    }
}

/// Of rates over the same minute: the dozen samples of one and the sixty of the other begin and end
/// within some seconds of each other.
fn compare(kept: &Value, asked: &Value) {
    let (one, other) = (&kept["summary"]["cpu_usage_cores"], &asked["summary"]["cpu_usage_cores"]);
    for statistic in ["avg", "median"] {
        let [one, other] = [one, other].map(|summary| summary[statistic].as_f64().expect("a number"));
        assert!((one - other).abs() <= 0.1 * one.max(other), "{statistic} of cores: {one} and {other}");
    }
    compare_levels(kept, asked, "5s");
}

/// Of memory, which hardly moves.
fn compare_levels(kept: &Value, asked: &Value, interval: &str) {
    for (figure, tolerance) in
        [("memory_working_set_bytes", 0.1), ("memory_limit_bytes", 0.0), ("cpu_limit_cores", 0.0)]
    {
        for statistic in ["avg", "max", "median"] {
            let of = |history: &Value| history["summary"][figure][statistic].as_f64().expect("a number");
            let (one, other) = (of(kept), of(asked));
            let apart = (one - other).abs();
            assert!(
                apart <= tolerance * one.max(other),
                "{interval} {statistic} of {figure}: {one} and {other}"
            );
        }
    }
}
