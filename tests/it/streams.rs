//! Streams of numbers and events, from real containers to readers.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use dockmeter::config::TokenHash;
use rustix::process::Signal;
use serde_json::Value;

use crate::engine::{Engine, IDLE};
use crate::exporter::{Exporter, bearer};
use crate::poll::{patience, pause};

const PATH: &str = "/api/containers/metrics/stream";

/// An event as it came.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A reader of a stream, on a thread of its own.
pub(crate) struct Reader {
    events: Receiver<Event>,
    stream: TcpStream,
    seen: Vec<Event>,
}

/// Asks for a stream, and gives what follows the head of its answer.
fn open(address: SocketAddr, query: &str, headers: &[&str]) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("dockmeter takes a connection");
    let head = [&format!("GET {PATH}{query} HTTP/1.0"), "Host: localhost"].map(str::to_owned);
    let head = head.iter().map(String::as_str).chain(headers.iter().copied()).collect::<Vec<_>>();
    write!(stream, "{}\r\n\r\n", head.join("\r\n")).expect("a request");
    let mut lines = BufReader::new(stream);
    let mut status = String::new();
    lines.read_line(&mut status).expect("a status");
    if !status.contains(" 200 ") {
        let mut rest = String::new();
        lines.read_to_string(&mut rest).expect("an answer");
        panic!("{status}{rest}");
    }
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(lines.read_line(&mut line).expect("a header") > 0, "the head has an end");
    }
    lines
}

impl Reader {
    pub(crate) fn open(address: SocketAddr, query: &str, headers: &[&str]) -> Self {
        let lines = open(address, query, headers);
        let stream = lines.get_ref().try_clone().expect("its socket");
        let (tell, events) = channel();
        std::thread::spawn(move || {
            let mut event = Event { id: None, name: String::new(), data: Value::Null };
            for line in lines.lines().map_while(Result::ok) {
                match line.split_once(": ") {
                    Some(("id", id)) => event.id = id.parse().ok(),
                    Some(("event", name)) => event.name = name.to_owned(),
                    Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                    _ if line.is_empty() && !event.name.is_empty() => {
                        let next = Event { id: None, name: String::new(), data: Value::Null };
                        if tell.send(std::mem::replace(&mut event, next)).is_err() {
                            return;
                        }
                    }
                    _ => {}
                }
            }
        });
        Reader { events, stream, seen: Vec::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        match self.events.recv_timeout(patience()) {
            Ok(event) => {
                self.seen.push(event.clone());
                Some(event)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no event came; before there were {:#?}", self.seen),
        }
    }

    /// Reads until an event of a container has this action.
    fn until(&mut self, name: &str, action: &str) -> Value {
        loop {
            let event = self.next().unwrap_or_else(|| panic!("it ended before `{name}` has {action}"));
            if event.data["name"] == name && event.data["action"] == action {
                return event.data;
            }
        }
    }

    /// Reads until an event of a kind is about a container.
    pub(crate) fn until_event(&mut self, event: &str, name: &str) -> Value {
        loop {
            let next = self.next().unwrap_or_else(|| panic!("it ended before `{event}` of `{name}`"));
            if next.name == event && next.data["name"] == name {
                return next.data;
            }
        }
    }

    /// Reads until there are numbers of a container.
    fn until_numbers(&mut self, id: &str) -> Value {
        loop {
            let event = self.next().expect("numbers");
            if event.name == "metrics" && event.data["containers"][id].is_object() {
                return event.data["containers"][id].clone();
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

#[test]
fn what_becomes_of_a_container_is_told_as_it_happens() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let mut reader = Reader::open(exporter.address, "?interval=250&user=stream-ann", &[]);
    let labels = ["--label=dockmeter.user=stream-ann", "--memory=32m", "--memory-swap=32m"];
    let container = engine.run("stream-life", &labels, IDLE);
    reader.until("stream-life", "started");
    let numbers = reader.until_numbers(&container.id);
    assert!(numbers["memory"]["usage_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{numbers}");
    for (command, action) in [("pause", "paused"), ("unpause", "unpaused")] {
        engine.docker(&[command, &container.id]);
        reader.until("stream-life", action);
    }
    engine.docker(&["rename", &container.id, "stream-second-life"]);
    assert_eq!(reader.until("stream-second-life", "renamed")["old_name"], "stream-life");
    let began = Instant::now();
    engine.docker(&["kill", &container.id]);
    let ended = reader.until("stream-second-life", "stopped");
    assert_eq!((&ended["exit_code"], &ended["container_id"]), (&137.into(), &container.id.as_str().into()));
    assert!(began.elapsed() < Duration::from_secs(10));
    engine.docker(&["rm", &container.id]);
    reader.until("stream-second-life", "removed");

    // Short-lived, and killed for want of memory.
    let _short = engine.run("stream-short", &labels, &["sh", "-c", "exit 3"]);
    reader.until("stream-short", "started");
    assert_eq!(reader.until("stream-short", "died")["exit_code"], 3);
    let eat = ["sh", "-c", "head -c 200m /dev/zero | tail"];
    let _eater = engine.run("stream-eater", &labels, &eat);
    reader.until("stream-eater", "oom");
    let ids: Vec<u64> = reader.seen.iter().filter_map(|event| event.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "numbers of events grow");
}

/// A file with tokens, one bound to a user.
fn tokens(folder: &tempfile::TempDir, bound: bool) -> String {
    let file = folder.path().join("dockmeter.yml");
    let entry = |name: &str, rest: &str| {
        format!("  - {{name: {name}, hash: '{}', scopes: [read]{rest}}}\n", TokenHash::of(name))
    };
    let own = if bound { entry("own", ", user: stream-olga") } else { String::new() };
    fs::write(&file, format!("auth:\n  tokens:\n{}{own}", entry("all", ""))).unwrap();
    format!("--config.file={}", file.display())
}

#[test]
fn a_tenants_token_is_told_of_its_own_alone() {
    let Some(engine) = Engine::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let exporter = Exporter::with(&engine, &[&tokens(&folder, true)]);
    let user = |name: &str| format!("--label=dockmeter.user={name}");
    let theirs = engine.run("stream-theirs", &[&user("stream-xenia")], IDLE);
    let ask = format!("?interval=250&containers=stream-theirs,{},stream-nobody", &theirs.id[..12]);
    let mut own = Reader::open(exporter.address, "?interval=250", &[&bearer("own")]);
    let mut guessing = Reader::open(exporter.address, &ask, &[&bearer("own")]);
    let mut all = Reader::open(exporter.address, "?interval=250", &[&bearer("all")]);
    for key in ["stream-theirs", &theirs.id[..12], "stream-nobody"] {
        let error = guessing.next().unwrap();
        assert_eq!((error.name.as_str(), &error.data["container_id"]), ("error", &key.into()));
        assert_eq!(error.data["detail"], format!("no container `{key}`"), "as one that is not there");
    }
    all.until_numbers(&theirs.id);
    let ours = engine.run("stream-ours", &[&user("stream-olga")], IDLE);
    engine.docker(&["kill", &theirs.id]);
    all.until("stream-theirs", "stopped");
    engine.docker(&["kill", &ours.id]);
    own.until("stream-ours", "stopped");
    pause(Duration::from_secs(2));
    while let Ok(event) = guessing.events.try_recv() {
        guessing.seen.push(event);
    }
    for event in own.seen.iter().chain(&guessing.seen).filter(|event| event.name != "error") {
        let text = event.data.to_string();
        assert!(!text.contains("stream-theirs") && !text.contains(&theirs.id), "{text}");
    }
    // Revoked, it is told no more.
    tokens(&folder, false);
    exporter.signal(Signal::HUP);
    let last = std::iter::from_fn(|| own.next()).last().unwrap();
    assert_eq!((last.name.as_str(), &last.data["type"]), ("error", &"unauthorized".into()));
    all.until_numbers_of_anybody();
}

impl Reader {
    fn until_numbers_of_anybody(&mut self) {
        while self.next().expect("numbers").name != "metrics" {}
    }
}

#[test]
fn a_reader_that_was_cut_off_reads_on_where_it_was() {
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let query = "?interval=500&user=stream-cut";
    let mut whole = Reader::open(exporter.address, query, &[]);
    let mut cut = Reader::open(exporter.address, query, &[]);
    let container = engine.run("stream-cut", &["--label=dockmeter.user=stream-cut"], IDLE);
    cut.until("stream-cut", "started");
    let last = cut.seen.iter().filter_map(|event| event.id).next_back().unwrap();
    drop(cut);
    engine.docker(&["pause", &container.id]);
    engine.docker(&["unpause", &container.id]);
    whole.until("stream-cut", "unpaused");
    let mut cut = Reader::open(exporter.address, query, &[&format!("Last-Event-ID: {last}")]);
    engine.docker(&["kill", &container.id]);
    cut.until("stream-cut", "stopped");
    whole.until("stream-cut", "stopped");
    let told = |reader: &Reader| {
        let after = reader.seen.iter().filter(|event| event.id.is_some_and(|id| id > last));
        after.map(|event| (event.id, event.data.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(told(&cut), told(&whole));
    assert!(cut.seen.iter().all(|event| event.name != "missed"));
    // By a number of long ago.
    let mut late = Reader::open(exporter.address, query, &["Last-Event-ID: 4711"]);
    let first = late.next().unwrap();
    assert_eq!((first.name.as_str(), &first.data["reason"]), ("missed", &"late".into()));
}

#[test]
fn a_thousand_readers_of_whom_some_are_slow_are_told_in_time_and_all_end_at_a_stop() {
    const READERS: usize = 1000;
    let Some(engine) = Engine::shared() else { return };
    let exporter = Exporter::of(&engine);
    let mut prompt = Reader::open(exporter.address, "?interval=250&user=stream-crowd", &[]);
    // Every tenth reads nothing at all; connections come one after the other, as many as there are
    // places for those who have not been answered yet.
    let mut readers: Vec<BufReader<TcpStream>> =
        (0..READERS).map(|_| open(exporter.address, "?interval=250", &[])).collect();
    let slow = readers.split_off(READERS / 10 * 9);
    let drains: Vec<_> = readers
        .chunks_mut(100)
        .map(|some| some.iter_mut().map(|reader| reader.get_ref().try_clone().unwrap()).collect::<Vec<_>>())
        .map(|mut some| {
            std::thread::spawn(move || {
                // A turn each, until all have come to their end.
                let mut bytes = vec![0; 1 << 16];
                for stream in &some {
                    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                }
                let mut ended = 0;
                while !some.is_empty() {
                    some.retain_mut(|stream| match stream.read(&mut bytes) {
                        Ok(0) => {
                            ended += 1;
                            false
                        }
                        Ok(_) => true,
                        Err(error) => {
                            error.kind() == std::io::ErrorKind::WouldBlock
                                || error.kind() == std::io::ErrorKind::TimedOut
                        }
                    });
                }
                ended
            })
        })
        .collect();
    let container = engine.run("stream-crowd", &["--label=dockmeter.user=stream-crowd"], IDLE);
    prompt.until("stream-crowd", "started");
    prompt.until_numbers(&container.id);
    engine.docker(&["kill", &container.id]);
    prompt.until("stream-crowd", "stopped");
    // Who asks and goes has a place still.
    assert_eq!(exporter.get("/api/containers").status, 200);
    let missed = prompt.seen.iter().filter(|event| event.name == "missed").count();
    assert_eq!(missed, 0, "who reads is not slow");
    let began = Instant::now();
    assert!(exporter.stop().success());
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(std::iter::from_fn(|| prompt.next()).all(|event| event.name != "error"));
    let ended: usize = drains.into_iter().map(|drain| drain.join().unwrap()).sum();
    assert_eq!(ended, READERS / 10 * 9);
    drop(slow);
}
