//! `/api/system/health` of a real host: a container whose health check fails, since when and
//! whose it is, one that its CPU limit holds back, a stack whose Alertmanager goes away, an engine
//! that is not there.

use std::fs;

use dockmeter::config::TokenHash;
use jiff::Timestamp;
use serde_json::Value;

use crate::alertmanager::Alertmanager;
use crate::engine::{Engine, IDLE};
use crate::exporter::Exporter;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// The reasons of a domain, by their details.
fn details(answer: &Value, domain: &str) -> Vec<String> {
    let reasons = answer["domains"][domain]["reasons"].as_array().into_iter().flatten();
    reasons.map(|reason| reason["detail"].as_str().expect("a detail").to_owned()).collect()
}

/// A time of the answer.
fn moment(time: &Value) -> Timestamp {
    time.as_str().and_then(|time| time.parse().ok()).expect("a time")
}

#[test]
fn what_is_wrong_with_a_container_is_told_to_its_tenant_and_of_the_rest_nothing() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("dockmeter.yml");
    let entry = |name: &str| {
        format!(
            "  - {{name: {name}, hash: '{}', scopes: [read], project: health-{name}}}\n",
            TokenHash::of(name)
        )
    };
    fs::write(&file, format!("auth:\n  tokens:\n{}{}", entry("ill"), entry("well")))
        .expect("a configuration");
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let check = ["--health-cmd=false", "--health-interval=2s", "--health-retries=2"];
    let ill = [&["--label=dockmeter.project=health-ill", "--label=dockmeter.scrape.port=none"][..], &check]
        .concat();
    let ill = engine.run("health-ill", &ill, IDLE);
    let _well = engine.run("health-well", &["--label=dockmeter.project=health-well"], IDLE);

    let first = eventually("a check has failed", || {
        let health: Value = serde_json::from_str(&ill.inspect("{{json .State.Health}}")).expect("JSON");
        health["Log"].get(0).map(|check| moment(&check["Start"]))
    });
    let told = eventually("the failing check is told of, and when the first one failed", || {
        let answer = exporter.get("/api/system/health?project=health-ill").json();
        let gravest = &answer["domains"]["containers"]["reasons"][0];
        let fails = gravest["detail"] == "the health check of container `health-ill` fails";
        (fails && moment(&gravest["since"]) == first).then_some(answer)
    });
    assert_eq!(
        (&told["status"], &told["domains"]["containers"]["status"]),
        (&"unhealthy".into(), &"unhealthy".into())
    );
    let reasons = told["domains"]["containers"]["reasons"].as_array().expect("reasons");
    let kinds: Vec<&Value> = reasons.iter().map(|reason| &reason["kind"]).collect();
    assert_eq!(kinds, ["health-check-fails", "discovery-labels"], "the gravest first: {told}");
    let whose = &reasons[0]["container"];
    assert_eq!((&whose["name"], &whose["project"]), (&"health-ill".into(), &"health-ill".into()));
    let said = details(&told, "containers");
    assert!(said.iter().any(|detail| detail.contains("`dockmeter.scrape.port` is not a port")), "{said:?}");
    assert_eq!(told["domains"]["engine"]["status"], "healthy", "{told}");
    assert!(told["domains"]["host"]["summary"].as_str().expect("a summary").contains("memory"), "{told}");

    let of = |token: &str| exporter.get_as(token, "/api/system/health").json();
    let (own, others) = (of("ill"), of("well"));
    let again = own["domains"]["containers"]["reasons"].as_array().expect("reasons");
    let times = |reasons: &[Value]| reasons.iter().map(|reason| reason["since"].clone()).collect::<Vec<_>>();
    assert_eq!(times(again), times(reasons), "the tenant is told the same");
    assert_eq!((&own["status"], &own["warning_count"]), (&"unhealthy".into(), &2.into()));
    assert_eq!((&others["status"], &others["warning_count"]), (&"healthy".into(), &0.into()));
    for answer in [&own, &others] {
        let domains: Vec<&String> = answer["domains"].as_object().expect("domains").keys().collect();
        assert_eq!(domains, ["containers"]);
    }

    let page = exporter.page();
    let health =
        |domain, status| page.value("dockmeter_system_health", &[("domain", domain), ("status", status)]);
    for domain in ["containers", "overall"] {
        assert_eq!(
            (health(domain, "unhealthy"), health(domain, "healthy")),
            (Some(1.0), Some(0.0)),
            "{domain}"
        );
    }
    assert_eq!(health("stack", "healthy"), None, "no server is named");
    assert!(page.value("dockmeter_system_health_warnings", &[("domain", "containers")]) >= Some(2.0));
    let evaluates = |evaluator| page.value("dockmeter_alert_evaluator", &[("evaluator", evaluator)]);
    assert_eq!((evaluates("prometheus"), evaluates("grafana")), (Some(1.0), Some(0.0)));
}

#[test]
fn a_container_that_its_limit_holds_back_is_told_of_although_it_uses_less() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::with(&engine, &[]);
    // Some 20 to 200 ms of work at once, of which a period has 10: each burst is held back, and
    // the pause between two keeps the average below the limit.
    let script = "while :; do n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done; sleep 0.3; done";
    let options = ["--cpus=0.1", "--label=dockmeter.project=health-bursts"];
    let _bursts = engine.run("health-bursts", &options, &["sh", "-c", script]);
    let told = eventually("being held back is told of", || {
        let answer = exporter.get("/api/system/health?project=health-bursts").json();
        answer["domains"]["containers"]["reasons"].get(0).cloned()
    });
    assert_eq!((&told["kind"], &told["status"]), (&"throttled".into(), &"warning".into()), "{told}");
    assert_eq!(told["container"]["name"], "health-bursts");
    let again = exporter.get("/api/system/health").json();
    let reasons = again["domains"]["containers"]["reasons"].as_array().expect("reasons");
    let same = reasons.iter().find(|reason| reason["container"] == told["container"]);
    assert_eq!(same.map(|reason| &reason["since"]), Some(&told["since"]), "{again}");
}

#[test]
fn a_server_of_the_stack_that_goes_away_and_an_engine_that_is_not_there_are_told_of() {
    let (Some(alertmanager), Some(prometheus)) =
        (Alertmanager::silent(), Prometheus::configured("global: {}\n"))
    else {
        return;
    };
    let flags = [
        format!("--alertmanager.url={}", alertmanager.url()),
        format!("--prometheus.url={}", prometheus.url()),
    ];
    let exporter = Exporter::alone(&flags.each_ref().map(String::as_str));
    let answer = exporter.get("/api/system/health").json();
    assert_eq!(answer["domains"]["stack"]["summary"], "Prometheus, Alertmanager");
    assert_eq!(answer["domains"]["stack"]["status"], "healthy", "{answer}");
    let engine = eventually("the engine's absence is told of", || {
        let answer = exporter.get("/api/system/health").json();
        details(&answer, "engine").pop()
    });
    assert!(engine.contains("the engine does not answer"), "{engine}");
    let url = alertmanager.url();
    drop(alertmanager);
    let away = eventually("its absence is told of", || {
        let answer = exporter.get("/api/system/health").json();
        details(&answer, "stack").pop()
    });
    assert!(away.contains("Alertmanager does not answer") && away.contains(&url), "{away}");
}
