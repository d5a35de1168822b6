//! `./run`: the one command that starts everything, and leaves nothing behind.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use rustix::process::{Pid, Signal, kill_process};

use crate::component::Component;
use crate::engine::{BUSY, Engine, done};
use crate::exporter::{BINARY, NO_ENGINE};
use crate::grafana::standin::{Manners, Standin};
use crate::http;
use crate::poll::{eventually, patience};
use crate::prometheus::free_address;
use crate::truth::load::Load;
use crate::whose::request;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A `./run` that is running, and what it says; it is ended when dropped.
struct Run {
    child: Child,
    said: mpsc::Receiver<String>,
    _turn: MutexGuard<'static, ()>,
}

/// Two that start at once take the same free ports.
static TURN: Mutex<()> = Mutex::new(());

impl Run {
    fn start(options: &[&str], address: SocketAddr, host: &str) -> Self {
        Run::with(&[], options, address, host)
    }

    /// The same in an environment.
    fn with(environment: &[(&str, &str)], options: &[&str], address: SocketAddr, host: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut child = Command::new(root().join("run"))
            .envs(environment.iter().copied())
            .args(["--binary", BINARY])
            .args(options)
            .arg("--")
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--docker.host={host}"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, said) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        Run { child, said, _turn: turn }
    }

    /// What stands behind some words in the first line from here on that has them.
    fn says(&self, words: &str) -> String {
        let mut before = Vec::new();
        loop {
            let line = self.said.recv_timeout(patience());
            let line = line.unwrap_or_else(|_| panic!("`./run` does not say `{words}`: {before:#?}"));
            if let Some((_, rest)) = line.split_once(words) {
                return rest.to_owned();
            }
            before.push(line);
        }
    }

    fn end(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        eventually("`./run` has ended", || self.child.try_wait().unwrap());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // It ends what it has started by itself.
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

#[test]
fn run_brings_up_exporter_and_prometheus_and_takes_both_down_again() {
    let (Some(engine), Some(_)) = (Engine::shared(), Component::Prometheus.path()) else { return };
    let _container = engine.run("run-busy", &["--label=dockmeter.user=run-ann"], BUSY);
    let address = free_address();
    let mut run = Run::start(&[], address, &engine.host());
    let prometheus = run.says("Prometheus: http://");
    let prometheus = prometheus.trim_end_matches('/').parse().expect("an address");
    let query = http::encode("sum by (user) (container_cpu_usage_seconds_total{user=\"run-ann\"}) > 0");
    eventually("Prometheus knows the container by its user", || {
        let answer = http::get(prometheus, &format!("/api/v1/query?query={query}"), &[]).ok()?;
        answer.text().contains("run-ann").then_some(())
    });

    for target in ["dockmeter", "prometheus"] {
        let series = format!("dockmeter_probe_success{{target=\"{target}\"}} 1\n");
        let page = || http::get(address, "/metrics", &[]).ok().map(|page| page.text().to_owned());
        let page =
            eventually("what `./run` has started is probed", || page().filter(|page| page.contains(&series)));
        assert!(page.contains("node_tcp_connection_states"), "the connections of the host are on");
    }

    let rules = http::get(address, "/api/alerts/rules", &[]).unwrap().json();
    assert_eq!(rules["changeable"], true, "an administrator can change alerts");
    let reload = http::post(prometheus, "/-/reload").expect("Prometheus answers");
    assert_eq!(reload.status, 200, "it can be told of that: {}", reload.text());

    let endpoint = run.says("OTEL_EXPORTER_OTLP_ENDPOINT=http://");
    if let Some(mut program) = Load::start(&engine, "run-program", &["--label=dockmeter.user=run-bob"]) {
        let of_bob = |line: &str| line.starts_with("run_sent_total{") && line.contains("user=\"run-bob\"");
        let page = || http::get(address, "/metrics", &[]).unwrap();
        program.sends(&endpoint, &request("run.sent", 7, None), || page().text().lines().any(of_bob));
    }

    let storage = root().join(format!("target/run/{}", run.child.id()));
    assert!(storage.exists());
    run.end();
    for gone in [address, prometheus] {
        assert!(http::get(gone, "/-/healthy", &[]).is_err(), "{gone} still answers");
    }
    assert!(!storage.exists(), "Prometheus' storage is still there");
}

#[test]
fn the_printed_address_logs_in_and_tells_nobody_else_how() {
    // A token of the user's own goes on counting.
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.yml");
    let made = done(Command::new(BINARY).args(["token", "new", "--name=own", "--output"]).arg(&own));
    let made = String::from_utf8(made.stdout).unwrap();
    let own_token = made.lines().find_map(|line| line.strip_prefix("token: ")).unwrap();
    let environment = [("DOCKMETER_WEB_TOKEN_FILE", own.to_str().unwrap())];
    let address = free_address();
    let mut run = Run::with(&environment, &["--no-prometheus"], address, NO_ENGINE);
    let printed = run.says("dockmeter:  http://");
    let token = printed.strip_prefix(&format!("{address}/#token=")).unwrap().to_owned();
    assert!(token.starts_with("dm_"), "{printed}");
    run.says("Ctrl-C stops everything");

    let ask = |token: &str, path: &str| {
        let login = format!("Authorization: Bearer {token}");
        http::get(address, path, &[&login]).unwrap()
    };
    let me = ask(&token, "/api/whoami").json();
    assert_eq!(me["scopes"], serde_json::json!(["read", "write", "admin"]), "{me}");
    assert_eq!(http::get(address, "/api/queries/slow", &[]).unwrap().status, 401);
    assert_eq!(ask(&token, "/api/queries/slow").status, 200);
    assert_eq!(ask(own_token, "/api/queries/slow").status, 200);

    let process = run.child.id();
    let work = root().join(format!("target/run/{process}"));
    let file = work.join("tokens.yml");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for file in std::fs::read_dir(&work).unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read(&file).unwrap_or_default();
        assert!(memchr::memmem::find(&text, token.as_bytes()).is_none(), "it stands in {}", file.display());
    }
    for list in ["cmdline", "environ"] {
        for process in std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path()) {
            let text = std::fs::read(process.join(list)).unwrap_or_default();
            assert!(
                memchr::memmem::find(&text, token.as_bytes()).is_none(),
                "{list} of {}",
                process.display()
            );
        }
    }
    run.end();
    assert!(!work.exists(), "the token's hash is still there");
}

#[test]
fn run_fills_a_grafana_that_is_there_and_leaves_it_so() {
    if Component::Prometheus.path().is_none() {
        return;
    }
    let login = Some(("ann".to_owned(), "right".to_owned()));
    let grafana = Standin::start(Manners { login, ..Manners::default() });
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "right\n").unwrap();
    let file = format!("--grafana-password-file={}", password.display());
    let options = ["--grafana-url", &grafana.url(), "--grafana-username", "ann", &file];
    let mut run = Run::start(&options, free_address(), NO_ENGINE);
    let prometheus = run.says("Prometheus: ");
    let overview = run.says("Grafana:    ");
    assert!(overview.starts_with(&format!("{}/d/system-overview (", grafana.url())), "{overview}");
    grafana.with(|world| {
        assert!(world.dashboards.contains_key("system-overview") && !world.groups.is_empty());
        assert_eq!(world.sources["dockmeter-prometheus"]["url"], prometheus.trim_end_matches('/'));
    });
    let destroy = run.says("dockmeter grafana destroy ");
    eventually("dockmeter asks whether Grafana evaluates its rules", || {
        grafana
            .calls()
            .iter()
            .any(|call| call.path.starts_with("/api/prometheus/") && call.status == 200)
            .then_some(())
    });
    run.end();
    grafana.with(|world| assert!(world.dashboards.contains_key("system-overview"), "it stays"));

    // What is said to remove it does so, from what this run has noted.
    let state = root()
        .join("target/grafana-state")
        .join(format!("http___{}.json", grafana.address).replace(':', "_"));
    assert!(state.exists(), "{} is not there", state.display());
    let ended =
        Command::new(BINARY).args(["grafana", "destroy"]).args(destroy.split_whitespace()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    grafana.with(|world| assert!(world.dashboards.is_empty() && world.folders.is_empty()));
    std::fs::remove_file(state).unwrap();
}

#[test]
fn run_goes_on_where_a_grafana_lets_nobody_in() {
    let login = Some(("admin".to_owned(), "right".to_owned()));
    let grafana = Standin::start(Manners { login, ..Manners::default() });
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "wrong\n").unwrap();
    let (url, file) = (grafana.url(), password.display().to_string());
    let options = ["--no-prometheus", "--grafana-url", &url, "--grafana-password-file", &file];
    let address = free_address();
    let mut run = Run::start(&options, address, NO_ENGINE);
    let said = run.says("Grafana does not have everything");
    assert!(said.contains("refused the login"), "{said}");
    run.says("Ctrl-C stops everything");
    assert_eq!(http::get(address, "/-/healthy", &[]).unwrap().status, 200);
    let refused = || grafana.calls().iter().filter(|call| call.status == 401).count();
    assert!((1..=2).contains(&refused()), "who is refused does not knock again");
    run.end();
}
