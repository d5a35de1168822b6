//! Who comes in with what: tokens through a reload, processes to who logs in, and a tenant's own
//! Prometheus.

use std::fs;
use std::path::Path;

use dockmeter::config::TokenHash;
use rustix::process::Signal;

use crate::engine::{Engine, IDLE};
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::eventually;
use crate::prometheus::Prometheus;

/// Writes a configuration with these tokens, each with its name for a text.
fn configure(file: &Path, tokens: &[(&str, &str)]) {
    let entry = |(name, rest): &(&str, &str)| {
        format!("  - {{name: {name}, hash: '{}', {rest}}}\n", TokenHash::of(name))
    };
    let entries: String = tokens.iter().map(entry).collect();
    fs::write(file, format!("auth:\n  tokens:\n{entries}")).unwrap();
}

#[test]
fn a_reload_puts_other_tokens_in_force_at_once_and_a_broken_one_leaves_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    configure(&file, &[("first", "scopes: [read]")]);
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    let status = |token: &str| exporter.get_as(token, "/metrics").status;
    assert_eq!((status("first"), status("second")), (200, 401));
    let refusal = ["a login was refused", "not one of this server's"];
    eventually("the refusal is in the log", || exporter.said(&refusal).then_some(()));

    configure(&file, &[("second", "scopes: [read]"), ("writer", "scopes: [write]")]);
    exporter.signal(Signal::HUP);
    eventually("the new token is known", || (status("second") == 200).then_some(()));
    assert_eq!((status("first"), status("writer")), (401, 403));

    configure(&file, &[("third", "scopes: [everything]")]);
    exporter.signal(Signal::HUP);
    eventually("the refusal is said", || exporter.said(&["`everything` is not `read`"]).then_some(()));
    assert_eq!((status("second"), status("third")), (200, 401));
}

#[test]
fn an_administrator_reloads_and_is_told_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    let admin = ("root", "scopes: [admin]");
    configure(&file, &[admin, ("first", "scopes: [read]")]);
    let exporter = Exporter::alone(&[&format!("--config.file={}", file.display())]);
    let reload = |headers: &[&str]| http::request(exporter.address, "POST", "/-/reload", headers).unwrap();
    let as_admin = || reload(&[&bearer("root")]);
    let metric = |name: &str| exporter.page().value(&format!("dockmeter_config_last_reload_{name}"), &[]);
    let started = metric("success_timestamp_seconds").unwrap();
    assert_eq!(reload(&[]).status, 401, "loopback is everybody's");
    assert_eq!(reload(&[&bearer("first")]).status, 403);

    configure(&file, &[admin, ("second", "scopes: [read]")]);
    let taken = as_admin();
    assert_eq!((taken.status, taken.text()), (200, "the configuration was read again and is in force\n"));
    assert_eq!(exporter.get_as("second", "/metrics").status, 200);
    assert_eq!(metric("successful"), Some(1.0));
    let reloaded = metric("success_timestamp_seconds").unwrap();
    assert!(reloaded > started, "{reloaded} {started}");

    configure(&file, &[admin, ("third", "scopes: [everything]")]);
    let refused = as_admin();
    assert_eq!(refused.status, 500);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains(&format!("{}:4:", file.display())) && detail.contains("`everything`"),
        "{detail}"
    );
    assert_eq!(exporter.get_as("second", "/metrics").status, 200, "the old one stays");
    assert_eq!(metric("successful"), Some(0.0));
    assert_eq!(metric("success_timestamp_seconds"), Some(reloaded));
}

#[test]
fn processes_are_listed_with_their_command_lines_to_who_logs_in() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dockmeter.yml");
    configure(&file, &[("reader", "scopes: [read]")]);
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let script = "sleep 4242 & sh -c 'while :; do :; done' & wait";
    let container = engine.run("access-processes", &["--cpus=0.2"], &["sh", "-c", script]);
    let path = format!("/api/containers/{}/processes", container.id);
    assert_eq!(exporter.get(&path).status, 401, "loopback is everybody's");
    let list = eventually("all processes are listed", || {
        let answer = exporter.get_as("reader", &path);
        let list = (answer.status == 200).then(|| answer.json())?;
        (list["total"] == 3 && list["processes"][0]["cpu_seconds_total"].as_f64()? > 0.1).then_some(list)
    });
    let rows = list["processes"].as_array().unwrap();
    let row = |field: &str, value: serde_json::Value| {
        let found = rows.iter().find(|row| row[field] == value);
        found.unwrap_or_else(|| panic!("no {field} {value} in {list}"))
    };
    let (init, sleep) = (row("container_pid", 1.into()), row("command", "sleep 4242".into()));
    let busy = &rows[0];
    assert_eq!(init["pid"].to_string(), container.inspect("{{.State.Pid}}"));
    assert_eq!(init["parent_pid"], serde_json::Value::Null, "its parent is outside");
    assert_eq!(init["command"], format!("sh -c {script}"));
    assert_eq!(
        (&sleep["parent_pid"], &sleep["threads"], &sleep["uid"]),
        (&init["pid"], &1.into(), &0.into())
    );
    assert_eq!(sleep["state"], "sleeping");
    assert!(busy["command"].as_str().unwrap().contains("while"), "{busy}");
    assert!(busy["rss_bytes"].as_u64().unwrap() > 0 && busy["started_at"].is_string(), "{busy}");
    let two = exporter.get_as("reader", &format!("{path}?sort=pid&limit=2")).json();
    assert_eq!((&two["total"], two["processes"].as_array().unwrap().len()), (&3.into(), 2));
    container.docker(&["stop", "--time=0"]);
    let stopped = eventually("it has stopped", || {
        let list = exporter.get_as("reader", &path).json();
        (list["total"] == 0).then_some(list)
    });
    assert_eq!(stopped["processes"], serde_json::json!([]));
}

#[test]
fn a_tenants_own_prometheus_scrapes_its_series_with_its_token_and_nothing_else() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (file, token) = (folder.path().join("dockmeter.yml"), folder.path().join("token"));
    configure(&file, &[("tenant", "scopes: [read], project: access-shop")]);
    fs::write(&token, "tenant").unwrap();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display())]);
    let _ours = engine.run("access-ours", &["--label=dockmeter.project=access-shop"], IDLE);
    let _theirs = engine.run("access-theirs", &["--label=dockmeter.project=access-mail"], IDLE);
    exporter.until("both are on the page", |page| {
        let read = |name| page.value("container_memory_usage_bytes", &[("name", name)]);
        read("access-ours").and(read("access-theirs"))
    });
    let settings = format!("authorization: {{credentials_file: {}}}, ", token.display());
    let Some(prometheus) = Prometheus::scraping_with(&settings, exporter.address) else { return };
    let names = eventually("the tenant's series are scraped", || {
        let names = prometheus.by("name", "container_memory_usage_bytes");
        names.contains_key("access-ours").then_some(names)
    });
    assert_eq!(names.len(), 1, "{names:?}");
    // `up`, what Prometheus says of the scrape itself, and nothing without this project.
    let foreign = "count({job=\"dockmeter\", __name__!~\"up|scrape_.*\", project!=\"access-shop\"})";
    assert_eq!(prometheus.value(foreign), None);
}
