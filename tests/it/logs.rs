//! Log lines of real containers, as an engine keeps them.

use std::fs;
use std::time::{Duration, Instant};

use dockmeter::config::TokenHash;
use serde_json::Value;

use crate::engine::{Engine, IDLE};
use crate::exporter::Exporter;
use crate::http::Response;
use crate::poll::eventually;

/// An exporter with a token that reads, and one that is bound to a user.
struct Host {
    exporter: Exporter,
    _folder: tempfile::TempDir,
}

impl Host {
    fn new(engine: &Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dockmeter.yml");
        let entry = |name: &str, rest: &str| {
            format!("  - {{name: {name}, hash: '{}', scopes: [read]{rest}}}\n", TokenHash::of(name))
        };
        let tokens = [entry("all", ""), entry("own", ", user: logs-olga")].concat();
        fs::write(&file, format!("auth:\n  tokens:\n{tokens}")).unwrap();
        let exporter = Exporter::with(engine, &[&format!("--config.file={}", file.display())]);
        Host { exporter, _folder: folder }
    }

    fn ask(&self, name: &str, query: &str) -> Response {
        self.exporter.get_as("all", &format!("/api/containers/{name}/logs{query}"))
    }

    /// The answer, once it has so many lines.
    fn lines(&self, name: &str, query: &str, count: usize) -> Vec<String> {
        eventually(&format!("`{name}` has {count} lines"), || {
            let answer = self.ask(name, query);
            let lines: Vec<String> = answer.text().lines().map(str::to_owned).collect();
            (answer.status == 200 && lines.len() == count).then_some(lines)
        })
    }
}

#[test]
fn lines_of_both_outputs_of_a_container_that_has_ended() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let script = "echo first; sleep 0.2; echo wrong >&2; sleep 0.2; printf 'no end'";
    let container = engine.run("logs-plain", &[], &["sh", "-c", script]);
    assert_eq!(host.lines("logs-plain", "", 3), ["first", "wrong", "no end"]);
    assert_eq!(host.lines(&container.id[..12], "?tail=2", 2), ["wrong", "no end"]);
    assert_eq!(host.lines("logs-plain", "?grep=^(first%7Cwrong)$&tail=1", 1), ["wrong"]);
    assert_eq!(host.ask("logs-plain", "?since=2099-01-01T00:00:00Z").text(), "");
    assert_eq!(host.lines("logs-plain", "?since=1h", 3).len(), 3);
    let rows: Vec<Value> = host
        .lines("logs-plain", "?format=json", 3)
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.iter().map(|row| &row["stream"]).collect::<Vec<_>>(), ["stdout", "stderr", "stdout"]);
    assert!(rows.iter().all(|row| row["container_id"] == container.id && row["name"] == "logs-plain"));
    let times: Vec<&str> = rows.iter().map(|row| row["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    // From the second line's moment on.
    let since = format!("?since={}", times[1]);
    assert_eq!(host.lines("logs-plain", &since, 2), ["wrong", "no end"]);
}

#[test]
fn lines_of_a_terminal_and_lines_that_are_long() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let _terminal = engine.run("logs-terminal", &["--tty"], &["sh", "-c", "echo one; echo two >&2"]);
    assert_eq!(host.lines("logs-terminal", "", 2), ["one", "two"]);
    // Longer than a piece of 16 KiB.
    let script = "head -c 40000 /dev/zero | tr '\\0' x; echo; echo after";
    let _long = engine.run("logs-long", &[], &["sh", "-c", script]);
    let lines = host.lines("logs-long", "", 2);
    assert_eq!((lines[0].len(), lines[1].as_str()), (16 << 10, "after"));
}

#[test]
fn a_log_that_is_not_kept_and_one_of_somebody_else() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let _unkept = engine.run("logs-unkept", &["--log-driver=none"], IDLE);
    let answer = eventually("it is known", || {
        let answer = host.ask("logs-unkept", "");
        (answer.status != 404).then_some(answer)
    });
    assert_eq!(answer.status, 501, "{}", answer.text());
    assert!(answer.text().contains("logging drivers"), "{}", answer.text());
    let path = "/api/containers/logs-unkept/logs";
    assert_eq!(host.exporter.get(path).status, 401, "also on loopback");
    assert_eq!(host.exporter.get_as("own", path).status, 404);
}

#[test]
fn a_thousand_lines_come_within_200_ms() {
    const LIMIT: Duration = Duration::from_millis(200);
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let script = "i=0; while [ $i -lt 20000 ]; do echo \"line $i of a log as long as usual lines are, more or less\"; i=$((i+1)); done";
    let _many = engine.run("logs-many", &[], &["sh", "-c", script]);
    eventually("all is written", || {
        host.ask("logs-many", "?tail=1").text().contains("line 19999 ").then_some(())
    });
    let quickest = |query: &str, count: usize| {
        let took = (0..10).map(|_| {
            let began = Instant::now();
            assert_eq!(host.ask("logs-many", query).text().lines().count(), count);
            began.elapsed()
        });
        took.min().unwrap()
    };
    let plain = quickest("?tail=1000", 1000);
    let found = quickest("?tail=1000&grep=line%201.*more", 1000);
    println!("1,000 lines took {plain:?}, and {found:?} when looked for among 20,000");
    assert!(plain < LIMIT, "{plain:?}");
}
