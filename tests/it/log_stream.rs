//! Log lines of real containers as they are written, many containers over one WebSocket.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use dockmeter::config::TokenHash;
use rustix::process::Signal;
use serde_json::Value;

use crate::engine::{Container, Engine};
use crate::exporter::Exporter;
use crate::poll::{eventually, pause};
use crate::socket::{self, Message, Socket};

const PATH: &str = "/api/logs/stream";

/// Writes a line twenty times a second, its number and its container's.
const COUNTS: &[&str] = &["sh", "-c", "i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done"];

/// An exporter with a token that reads, and one that is bound to a user.
struct Host {
    exporter: Exporter,
    folder: tempfile::TempDir,
}

impl Host {
    fn new(engine: &Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = write_tokens(&folder, true);
        let origin = "--web.cors-origin=https://dash.example.com";
        let exporter = Exporter::with(engine, &[&format!("--config.file={file}"), origin]);
        Host { exporter, folder }
    }

    fn open(&self, token: &str, query: &str) -> Log {
        let socket = Socket::open(self.exporter.address, token, &format!("{PATH}{query}"));
        Log { socket, lines: BTreeMap::new(), missed: 0, told: Vec::new() }
    }

    /// Waits until a container is known.
    fn knows(&self, container: &Container<'_>) {
        let path = format!("/api/containers/{}/metrics/current", container.id);
        eventually("the container is known", || {
            (self.exporter.get_as("all", &path).status == 200).then_some(())
        });
    }
}

fn write_tokens(folder: &tempfile::TempDir, bound: bool) -> String {
    let file = folder.path().join("dockmeter.yml");
    let entry = |name: &str, rest: &str| {
        format!("  - {{name: {name}, hash: '{}', scopes: [read]{rest}}}\n", TokenHash::of(name))
    };
    let own = if bound { entry("own", ", user: follow-olga") } else { String::new() };
    fs::write(&file, format!("auth:\n  tokens:\n{}{own}", entry("all", ""))).unwrap();
    file.display().to_string()
}

/// What was told over a WebSocket.
struct Log {
    socket: Socket,
    /// By the name of the container.
    lines: BTreeMap<String, Vec<String>>,
    missed: u64,
    /// Everything but lines.
    told: Vec<Value>,
}

impl Log {
    /// Takes the next message; whether there was one.
    fn step(&mut self) -> bool {
        let Some(Message::Text(message)) = self.socket.next() else { return false };
        match message["type"].as_str().unwrap() {
            "lines" => {
                for row in message["lines"].as_array().unwrap() {
                    let text = |field: &str| row[field].as_str().unwrap().to_owned();
                    assert!(text("timestamp").ends_with('Z') && text("container_id").len() == 64, "{row}");
                    self.lines.entry(text("name")).or_default().push(text("line"));
                }
            }
            "missed" => self.missed += message["lines"].as_u64().unwrap(),
            _ => self.told.push(message),
        }
        true
    }

    fn of(&self, name: &str) -> &[String] {
        self.lines.get(name).map_or(&[], Vec::as_slice)
    }

    /// Reads until a container has so many lines.
    fn until(&mut self, name: &str, count: usize) {
        let began = Instant::now();
        while self.of(name).len() < count {
            assert!(self.step(), "it ended before `{name}` had {count} lines: {:?}", self.told);
            assert!(began.elapsed() < crate::poll::patience(), "{:?} {:?}", self.lines, self.told);
        }
    }

    /// Reads until a container has joined or gone.
    fn until_told(&mut self, name: &str, action: &str) {
        let is_it = |told: &Value| told["name"] == name && told["action"] == action;
        while !self.told.iter().any(is_it) {
            assert!(self.step(), "it ended before `{name}` has {action}: {:?}", self.told);
        }
    }

    /// The numbers that a container has counted to, one after the other.
    fn counts(&self, name: &str) -> Vec<u64> {
        self.of(name).iter().map(|line| line.parse().unwrap()).collect()
    }
}

fn follow_each_other(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

#[test]
fn many_containers_of_a_project_come_over_one_socket_as_they_start_and_go() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let project = ["--label=dockmeter.project=follow-shop"];
    let _first = engine.run("follow-first", &project, COUNTS);
    let other = engine.run("follow-other", &["--label=dockmeter.project=follow-else"], COUNTS);
    host.knows(&other);
    let mut log = host.open("all", "?project=follow-shop&tail=5");
    let mut late = host.open("all", "?project=follow-shop&tail=0&grep=7$");
    log.until("follow-first", 40);
    // One that comes later has all its lines, however early they were written; one is short-lived.
    let second = engine.run("follow-second", &project, COUNTS);
    let _short = engine.run("follow-short", &project, &["sh", "-c", "echo hello; echo error >&2"]);
    log.until("follow-second", 40);
    log.until("follow-short", 2);
    // The engine reads both outputs of a container side by side, and keeps no order between them.
    let mut both = log.of("follow-short").to_vec();
    both.sort_unstable();
    assert_eq!(both, ["error", "hello"]);
    assert_eq!(log.counts("follow-second")[0], 0);
    for name in ["follow-first", "follow-second"] {
        assert!(follow_each_other(&log.counts(name)), "{name}: {:?}", log.counts(name));
    }
    drop(second);
    log.until_told("follow-second", "gone");
    late.until("follow-first", 2);
    assert!(late.counts("follow-first").iter().all(|number| number % 10 == 7));
    assert!(log.of("follow-other").is_empty() && log.missed == 0);
}

#[test]
fn a_container_that_is_restarted_goes_on_and_says_nothing_twice() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    // Its lines are numbered over all runs.
    let script = "touch /n; i=$(wc -c </n); while :; do echo $i; printf x >>/n; i=$((i+1)); sleep 0.02; done";
    let container = engine.run("follow-again", &[], &["sh", "-c", script]);
    host.knows(&container);
    let mut log = host.open("all", "?containers=follow-again&tail=1000");
    log.until("follow-again", 20);
    for run in 1..=3 {
        container.docker(&["restart", "--time=0"]);
        let count = log.of("follow-again").len();
        log.until("follow-again", count + 20 * run);
    }
    let counts = log.counts("follow-again");
    // Between its line and its note of it a run may be killed: then the next says the number again.
    let again = counts.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(again <= 3 && counts.windows(2).all(|pair| pair[1] - pair[0] <= 1), "{counts:?}");
    assert_eq!((counts[0], log.missed), (0, 0));
}

#[test]
fn a_slow_reader_is_told_what_it_misses_and_slows_nobody() {
    const LINES: usize = 20_000;
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let script = format!(
        "while [ ! -e /go ]; do sleep 0.1; done; i=0; while [ $i -lt {LINES} ]; do \
         echo \"$i of many lines that are as long as usual ones\"; i=$((i+1)); \
         [ $((i%500)) -ne 0 ] || sleep 0.1; done; sleep 1000"
    );
    let container = engine.run("follow-much", &[], &["sh", "-c", &script]);
    host.knows(&container);
    let mut quick = host.open("all", "?containers=follow-much&tail=0");
    let mut slow = host.open("all", "?containers=follow-much&tail=0");
    for log in [&mut quick, &mut slow] {
        log.until_told("follow-much", "joined");
    }
    slow.socket.say("pause");
    // What is said is heard in order, and an answer to nothing cannot be waited for.
    pause(Duration::from_secs(1));
    container.exec(&["touch", "/go"]);
    while quick.of("follow-much").len() as u64 + quick.missed < LINES as u64 {
        assert!(quick.step());
    }
    slow.socket.say("resume");
    while slow.of("follow-much").len() as u64 + slow.missed < LINES as u64 {
        assert!(slow.step());
    }
    println!("of {LINES} lines the quick reader missed {}, the slow one {}", quick.missed, slow.missed);
    assert!(slow.missed > LINES as u64 / 2, "{}", slow.missed);
    assert_eq!(slow.of("follow-much").last(), quick.of("follow-much").last());
    assert!(quick.missed < LINES as u64 / 10, "{}", quick.missed);
}

#[test]
fn a_tenants_token_is_shown_its_own_lines_alone_and_only_while_it_is_good() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let theirs = engine.run("follow-theirs", &["--label=dockmeter.user=follow-xenia"], COUNTS);
    host.knows(&theirs);
    let guess = format!("?containers=follow-theirs,{},follow-nobody", &theirs.id[..12]);
    let mut own = host.open("own", "");
    let mut guessing = host.open("own", &guess);
    let mut all = host.open("all", "?user=follow-xenia");
    for key in ["follow-theirs", &theirs.id[..12], "follow-nobody"] {
        let error = guessing.socket.message();
        assert_eq!((&error["error"], &error["container_id"]), (&"not-found".into(), &key.into()));
        assert_eq!(error["detail"], format!("no container `{key}`"), "as one that is not there");
    }
    let _ours = engine.run("follow-ours", &["--label=dockmeter.user=follow-olga"], COUNTS);
    own.until("follow-ours", 20);
    all.until("follow-theirs", 20);
    // Revoked, it is told no more.
    write_tokens(&host.folder, false);
    host.exporter.signal(Signal::HUP);
    for log in [&mut own, &mut guessing] {
        while log.step() {}
        assert_eq!(log.told.last().unwrap()["error"], "unauthorized");
        assert!(log.of("follow-theirs").is_empty() && !format!("{:?}", log.told).contains(&theirs.id));
    }
    let before = all.of("follow-theirs").len();
    all.until("follow-theirs", before + 20);
}

#[test]
fn pages_of_other_servers_are_refused_and_all_end_at_a_stop() {
    let Some(engine) = Engine::shared() else { return };
    let host = Host::new(&engine);
    let address = host.exporter.address;
    let (login, own) = ("Authorization: Bearer all", format!("Origin: http://{address}"));
    for (headers, status) in [
        (&[login, "Origin: http://evil.example.com"][..], 403),
        (&[login, "Origin: https://dash.example.com"], 101),
        (&[login, &own], 101),
        (&[login], 101),
        (&[], 401),
    ] {
        assert_eq!(socket::open(address, PATH, headers).0, status, "{headers:?}");
    }
    let plain = host.exporter.get_as("all", PATH);
    assert_eq!(plain.status, 426, "{}", plain.text());
    let container = engine.run("follow-stop", &[], COUNTS);
    host.knows(&container);
    let mut logs = [host.open("all", "?containers=follow-stop"), host.open("own", "")];
    logs[0].until("follow-stop", 5);
    let began = Instant::now();
    assert!(host.exporter.stop().success());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    for log in &mut logs {
        let closed = loop {
            match log.socket.next() {
                Some(Message::Text(_)) => {}
                other => break other,
            }
        };
        assert!(matches!(closed, Some(Message::Closed(1001))), "{closed:?}");
    }
}
