//! Statements that a server says were slow stand in the list of the slowest, under the server's
//! tenant and without their values, each call once.

use std::fs;

use dockmeter::config::TokenHash;
use rustix::process::Signal;
use serde_json::Value;

use super::passwords;
use super::server::{Server, VERSIONS, engine};
use crate::exporter::Exporter;
use crate::poll::eventually;

const SLOW: &str = "/api/queries/slow?sort=max";

/// A configuration by which calls of so long are slow, with tokens of two projects.
fn configuration(slow: &str) -> String {
    let token = |project: &str| {
        let hash = TokenHash::of(project);
        format!("  - {{name: {project}, hash: '{hash}', scopes: [read], project: {project}}}\n")
    };
    let tokens = ["pg-shop", "pg-bank"].map(token).concat();
    format!("postgres: {{interval: 1s, timeout: 20s}}\nqueries: {{slow: {slow}}}\nauth:\n  tokens:\n{tokens}")
}

/// What is listed of a server's statements with a word in them.
fn listed(exporter: &Exporter, server: &str, word: &str) -> Option<Value> {
    let answer = exporter.get_as("pg-shop", SLOW).json();
    let mut rows = answer["queries"].as_array().unwrap().iter();
    rows.find(|row| row["server"] == server && row["query"].as_str().unwrap().contains(word)).cloned()
}

/// Waits until a reading that began later is there.
fn read_again(exporter: &Exporter, server: &str) {
    let read_at =
        || exporter.page().value("dockmeter_postgres_last_read_timestamp_seconds", &[("server", server)]);
    for _ in 0..2 {
        let before = read_at();
        eventually("the server is read again", || (read_at() > before).then_some(()));
    }
}

#[test]
fn each_slow_call_of_a_server_is_listed_once_under_its_tenant_and_without_values() {
    let Some(engine) = engine() else { return };
    let (folder, passwords) = passwords();
    let file = folder.path().join("dockmeter.yml");
    fs::write(&file, configuration("400ms")).unwrap();
    for version in VERSIONS {
        let name = format!("pg-slow-{version}");
        let labels = ["--label=dockmeter.postgres=true", "--label=dockmeter.project=pg-shop"];
        let server = Server::start(&engine, version, &name, &labels, &[]);
        server.set_up();
        let ann = server.connect();
        ann.run("SELECT pg_sleep(0.5) AS earlier");
        let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display()), &passwords]);
        let address = format!("{name}:5432");
        read_again(&exporter, &address);

        // Some calls are slow, in one look or in several.
        for _ in 0..3 {
            ann.run("SELECT pg_sleep(0.5), 'hunter2' AS later");
        }
        let count = |expected: u64| {
            eventually(&format!("{expected} calls are listed"), || {
                let row = listed(&exporter, &address, "later")?;
                let count = row["count"].as_u64().unwrap();
                assert!(count <= expected, "{row}");
                (count == expected).then_some(row)
            })
        };
        let row = count(3);
        let of = ["query", "source", "server", "database", "system", "user", "project", "query_type"];
        let text = "SELECT pg_sleep(?), ? AS later";
        let expected = [text, "server", &address, "postgres", "postgresql", "unknown", "pg-shop", "select"];
        assert_eq!(of.map(|key| row[key].as_str().unwrap()), expected, "{row}");
        let [total, mean, max] =
            ["total", "mean", "max"].map(|key| row[format!("{key}_seconds")].as_f64().unwrap());
        assert!(total >= 1.5 && (mean - total / 3.0).abs() < 1e-6 && max >= mean, "{row}");

        // After a reset its counts begin anew, those of the list go on.
        ann.run("SELECT pg_stat_statements_reset()");
        ann.run("SELECT pg_sleep(0.5), 'hunter2' AS later");
        count(4);
        read_again(&exporter, &address);
        count(4);

        // One slow call among many quick ones is listed alone.
        ann.run("PREPARE nap AS SELECT pg_sleep($1) AS nap");
        for _ in 0..50 {
            ann.run("EXECUTE nap(0)");
        }
        read_again(&exporter, &address);
        // On a busy machine one of them may have been slow, too.
        let slowest = "SELECT max(max_exec_time) FROM pg_stat_statements WHERE query LIKE '%AS nap'";
        let quick = ann.value(slowest).parse::<f64>().unwrap() < 400.0;
        ann.run("EXECUTE nap(0.6)");
        let nap = eventually("the nap is listed", || listed(&exporter, &address, "nap"));
        assert!(nap["count"] == 1 || !quick, "{nap}");
        assert!(nap["max_seconds"].as_f64() >= Some(0.6), "{nap}");

        // What was before the first look, quick, or somebody else's is not.
        assert_eq!(listed(&exporter, &address, "earlier"), None);
        assert_eq!(exporter.get_as("pg-bank", SLOW).json()["queries"], serde_json::json!([]));
        let all = exporter.get_as("pg-shop", SLOW);
        assert!(!all.text().contains("hunter2"), "{}", all.text());
        let page = exporter.page();
        let failures = page.value("dockmeter_postgres_part_failures_total", &[("server", &address)]);
        assert_eq!(failures, None, "nothing is missing");
    }
}

#[test]
fn what_counts_as_slow_follows_a_reload() {
    let Some(engine) = engine() else { return };
    let (folder, passwords) = passwords();
    let file = folder.path().join("dockmeter.yml");
    fs::write(&file, configuration("1h")).unwrap();
    let labels = ["--label=dockmeter.postgres=true", "--label=dockmeter.project=pg-shop"];
    let server = Server::start(&engine, VERSIONS[0], "pg-bound", &labels, &[]);
    server.set_up();
    let exporter = Exporter::with(&engine, &[&format!("--config.file={}", file.display()), &passwords]);
    read_again(&exporter, "pg-bound:5432");
    let ann = server.connect();
    ann.run("SELECT pg_sleep(0.3) AS before");
    read_again(&exporter, "pg-bound:5432");
    fs::write(&file, configuration("200ms")).unwrap();
    exporter.signal(Signal::HUP);
    eventually("the bound is another", || {
        (exporter.get_as("pg-shop", SLOW).json()["bound_seconds"] == 0.2).then_some(())
    });
    assert!(!exporter.said(&["takes effect only after a restart"]));
    read_again(&exporter, "pg-bound:5432");
    ann.run("SELECT pg_sleep(0.3), 1 AS after");
    let row = eventually("the call is listed", || listed(&exporter, "pg-bound:5432", "after"));
    assert_eq!(row["count"], 1, "{row}");
    assert_eq!(listed(&exporter, "pg-bound:5432", "before"), None, "that was not slow when it was called");
}
