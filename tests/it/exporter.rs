//! A running dockmeter: the built binary, started as its users start it.

use std::cell::Cell;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use crate::engine::Engine;
use crate::exposition::{Dialect, Page};
use crate::http::{self, Response};
use crate::poll::{eventually, eventually_or};

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_dockmeter");

/// Flags that make tests quick: any free port, a short linger, frequent full readings.
pub(crate) const QUICK: [&str; 3] =
    ["--web.listen-address=127.0.0.1:0", "--container.linger=2s", "--sampling.full=1s"];

/// The header that asks for a format.
fn accept(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Text => "Accept: text/plain; version=0.0.4",
        Dialect::OpenMetrics => "Accept: application/openmetrics-text; version=1.0.0",
        Dialect::Protobuf => {
            "Accept: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
        }
    }
}

/// An engine's address where there is none.
pub(crate) const NO_ENGINE: &str = "unix:///nonexistent/docker.sock";

/// A dockmeter, stopped when dropped.
pub(crate) struct Exporter {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Exporter {
    /// One that watches an engine.
    pub(crate) fn of(engine: &Engine) -> Self {
        Self::with(engine, &[])
    }

    /// One that watches an engine, with further flags; waits until it is ready.
    pub(crate) fn with(engine: &Engine, flags: &[&str]) -> Self {
        let exporter = Self::start(engine, flags);
        eventually("the exporter is ready", || (exporter.get("/-/ready").status == 200).then_some(()));
        exporter
    }

    /// Starts one and waits only until it listens.
    pub(crate) fn start(engine: &Engine, flags: &[&str]) -> Self {
        Self::spawn(Command::new(BINARY).env_clear(), &engine.host(), flags)
    }

    /// One that finds its engine elsewhere than at the engine's own socket; waits until it is ready.
    pub(crate) fn at(host: &str, flags: &[&str]) -> Self {
        let exporter = Self::spawn(Command::new(BINARY).env_clear(), host, flags);
        eventually("the exporter is ready", || (exporter.get("/-/ready").status == 200).then_some(()));
        exporter
    }

    /// One without an engine; waits until it listens.
    pub(crate) fn alone(flags: &[&str]) -> Self {
        Self::spawn(Command::new(BINARY).env_clear(), NO_ENGINE, flags)
    }

    /// Starts one by a command to which its flags are added; waits only until it listens.
    pub(crate) fn spawn(command: &mut Command, host: &str, flags: &[&str]) -> Self {
        command.args(QUICK).arg(format!("--docker.host={host}")).args(flags);
        // Where `./test --coverage` collects what a process has run.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            command.env("LLVM_PROFILE_FILE", profile);
        }
        let mut child =
            command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("dockmeter can be started");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stderr.take().expect("its stderr")).lines();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().expect("the log").push(line);
            }
        });
        let address = eventually("dockmeter listens", || {
            if let Some(status) = child.try_wait().expect("its state") {
                panic!("dockmeter has ended with {status}: {:#?}", log.lock().expect("the log"));
            }
            log.lock().expect("the log").iter().find_map(|line| listening(line))
        });
        Exporter { child, address, log }
    }

    /// An answer to `GET`.
    pub(crate) fn get(&self, path: &str) -> Response {
        http::get(self.address, path, &[]).expect("dockmeter answers")
    }

    /// An answer to `GET` with a token.
    pub(crate) fn get_as(&self, token: &str, path: &str) -> Response {
        http::get(self.address, path, &[&bearer(token)]).expect("dockmeter answers")
    }

    /// The page in text format, read strictly.
    pub(crate) fn page(&self) -> Page {
        read(&self.get("/metrics"), Dialect::Text)
    }

    /// The page of a path in a format, read strictly.
    pub(crate) fn page_of(&self, path: &str, dialect: Dialect) -> Page {
        let response = http::get(self.address, path, &[accept(dialect)]).expect("dockmeter answers");
        read(&response, dialect)
    }

    /// Scrapes until a page has what is waited for.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Page) -> Option<T>) -> T {
        eventually(what, || look(&self.page()))
    }

    /// Scrapes until a series has a value.
    #[track_caller]
    pub(crate) fn until_value(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        let last = Cell::new(None);
        let what = || format!("`{name}` of {labels:?} is {value}; it was {:?} in the end", last.get());
        eventually_or(what, || {
            last.set(self.page().value(name, labels));
            (last.get() == Some(value)).then_some(())
        });
    }

    /// Whether a line of the log has all of these words.
    pub(crate) fn said(&self, words: &[&str]) -> bool {
        self.log.lock().expect("the log").iter().any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// How many lines of the log have all of these words.
    pub(crate) fn times(&self, words: &[&str]) -> usize {
        let log = self.log.lock().expect("the log");
        log.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal to dockmeter");
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended()
    }

    fn ended(&mut self) -> ExitStatus {
        eventually("dockmeter has ended", || self.child.try_wait().expect("its state"))
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let state = self.child.try_wait();
        if std::thread::panicking() {
            let log = self.log.lock().expect("the log").join("\n");
            println!("dockmeter, of which is known {state:?}, has said:\n{log}");
        }
        if matches!(state, Ok(None)) {
            self.signal(Signal::TERM);
            self.ended();
        }
    }
}

/// The header that shows a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// The address in a line like `level=info msg=listening address=127.0.0.1:10417`.
pub(crate) fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening").and_then(|_| line.split_once("address="))?;
    rest.split_ascii_whitespace().next()?.trim_matches('"').parse().ok()
}

fn read(response: &Response, dialect: Dialect) -> Page {
    let text = || String::from_utf8_lossy(&response.body);
    assert_eq!(response.status, 200, "{}", text());
    Page::parse(&response.body, dialect).unwrap_or_else(|error| panic!("{error}\n{}", text()))
}
