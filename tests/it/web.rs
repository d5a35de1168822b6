//! TLS, users and certificates of clients, as people and a Prometheus meet them; and the web
//! configuration file beside Prometheus's own reading of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::component::{Component, skip};
use crate::exporter::{BINARY, Exporter, NO_ENGINE};
use crate::http;
use crate::poll::{eventually, patience};
use crate::prometheus::{Prometheus, free_address};

/// The cheapest hash there is: what it costs is of no interest here.
fn hash(password: &str) -> String {
    bcrypt::hash(password, 4).expect("a hash")
}

/// A folder with certificates, a web configuration file and what clients need.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Certificates::make(folder.path());
        Site { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Puts a file in its place at once, as deployment tools do.
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path("new"), text).expect("a file");
        fs::rename(self.path("new"), self.path(name)).expect("a file");
    }

    /// The web configuration file: our certificate, and what else it says.
    fn configure(&self, tls: &str, rest: &str) {
        let text = format!(
            "tls_server_config:\n  cert_file: server/cert.pem\n  key_file: server/key.pem\n{tls}\n{rest}\n"
        );
        self.write("web.yml", &text);
    }

    fn start(&self) -> Exporter {
        Exporter::alone(&[&format!("--web.config.file={}", self.shown("web.yml"))])
    }

    /// What `curl` says to a path of an exporter: the status, and everything it printed.
    fn curl(&self, exporter: &Exporter, path: &str, flags: &[&str]) -> Option<(u16, String)> {
        let url = format!("https://{}{path}", exporter.address);
        let output = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--include",
                "--max-time",
                "20",
                "--write-out",
                "\n%{http_code}",
            ])
            .args(["--cacert", &self.shown("authorities.pem")])
            .args(flags)
            .arg(url)
            .output();
        let Ok(output) = output else {
            skip("there is no `curl`");
            return None;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (text, status) = text.rsplit_once('\n').expect("a status");
        let errors = String::from_utf8_lossy(&output.stderr);
        Some((status.parse().expect("a number"), format!("{text}{errors}")))
    }
}

#[test]
fn a_prometheus_keeps_scraping_while_certificate_and_users_change() {
    let (site, renewed) = (Site::new(), Site::new());
    let read = |path: PathBuf| fs::read_to_string(path).expect("a file");
    let both = read(site.path("server/ca.pem")) + &read(renewed.path("server/ca.pem"));
    site.write("authorities.pem", &both);
    site.write("renewed.pem", &read(renewed.path("server/ca.pem")));
    let users = |list: &[(&str, &str)]| {
        let user = |(name, password): &(&str, &str)| format!("  {name}: '{}'\n", hash(password));
        format!("basic_auth_users:\n{}", list.iter().map(user).collect::<String>())
    };
    site.configure("", &users(&[("prometheus", "secret")]));
    let exporter = site.start();
    let job = format!(
        "scheme: https, tls_config: {{ca_file: '{}'}}, basic_auth: {{username: prometheus, password: secret}}, ",
        site.shown("authorities.pem")
    );
    let Some(prometheus) = Prometheus::scraping_with(&job, exporter.address) else { return };
    let is_up = |value: f64| {
        eventually("the target is as it should be", || prometheus.value("up").filter(|up| *up == value));
    };
    is_up(1.0);
    assert!(prometheus.value("machine_cpu_cores").is_some());
    let Some((refused, _)) = site.curl(&exporter, "/metrics", &[]) else { return };
    assert_eq!(refused, 401);

    let only_renewed = ["--cacert", &site.shown("renewed.pem"), "--user", "prometheus:secret"];
    let status = |flags: &[&str]| site.curl(&exporter, "/metrics", flags).expect("curl").0;
    assert_eq!(status(&only_renewed), 0, "the old certificate is not from the new authority");
    for file in ["server/key.pem", "server/cert.pem"] {
        site.write(file, &read(renewed.path(file)));
    }
    eventually("the renewed certificate is shown", || (status(&only_renewed) == 200).then_some(()));

    let ann = ["--user", "ann:other"];
    assert_eq!(status(&ann), 401);
    site.configure("", &users(&[("prometheus", "secret"), ("ann", "other")]));
    eventually("the new user is let in", || (status(&ann) == 200).then_some(()));
    site.configure("", "basic_auth_users: {ann: oops}");
    eventually("the broken file is refused", || {
        exporter.said(&["level=error", "web.yml", "ann", "not a bcrypt hash"]).then_some(())
    });
    assert_eq!(status(&ann), 200, "the old users stay");
    assert_eq!(prometheus.value("min_over_time(up[1h])"), Some(1.0), "no scrape has failed meanwhile");

    site.configure("", &users(&[("ann", "other")]));
    is_up(0.0);
    assert!(exporter.stop().success());
}

#[test]
fn a_prometheus_scrapes_with_a_certificate() {
    let site = Site::new();
    fs::copy(site.path("server/ca.pem"), site.path("authorities.pem")).expect("a file");
    site.configure(
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server/ca.pem\n  client_allowed_sans: [localhost]",
        "",
    );
    let exporter = site.start();
    let (certificate, key) = (site.shown("client/cert.pem"), site.shown("client/key.pem"));
    let authorities = site.shown("authorities.pem");
    let job = format!(
        "scheme: https, tls_config: {{ca_file: '{authorities}', cert_file: '{certificate}', key_file: '{key}'}}, "
    );
    let Some(prometheus) = Prometheus::scraping_with(&job, exporter.address) else { return };
    eventually("the target is up", || prometheus.value("up").filter(|up| *up == 1.0));
    let Some((status, text)) = site.curl(&exporter, "/metrics", &[]) else { return };
    assert_eq!(status, 401, "{text}");
    assert!(text.contains("every client has to show a certificate"), "{text}");
    assert_eq!(site.curl(&exporter, "/-/healthy", &[]).expect("curl").0, 200);
}

#[test]
fn curl_speaks_http_2_and_is_told_when_it_forgets_tls() {
    let site = Site::new();
    fs::copy(site.path("server/ca.pem"), site.path("authorities.pem")).expect("a file");
    site.configure("", "http_server_config: {headers: {Strict-Transport-Security: max-age=60}}");
    let exporter = site.start();
    let Some((status, text)) = site.curl(&exporter, "/metrics", &["--http2"]) else { return };
    assert_eq!(status, 200, "{text}");
    assert!(text.starts_with("HTTP/2 200"), "{text}");
    assert!(text.contains("strict-transport-security: max-age=60"), "{text}");
    let (_, text) = site.curl(&exporter, "/metrics", &["--http1.1", "--tls-max", "1.2"]).expect("curl");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let (status, text) = site.curl(&exporter, "/metrics", &["--tls-max", "1.1"]).expect("curl");
    assert_eq!(status, 0, "{text}");
    let plain = exporter.get("/metrics");
    assert_eq!(plain.status, 400);
    assert_eq!(plain.text(), "Client sent an HTTP request to an HTTPS server.\n");
}

#[test]
fn a_healthcheck_asks_over_tls_and_sockets_and_says_what_is_wrong() {
    let site = Site::new();
    let check = |flags: &[&str]| takes(Command::new(BINARY).arg("healthcheck").args(flags));
    let nobody = free_address();
    let (healthy, said) = check(&[&format!("--web.listen-address={nobody}")]);
    let expected =
        format!("dockmeter: `http://{nobody}/-/healthy`: is dockmeter running?: Connection refused");
    assert!(!healthy && said.starts_with(&expected) && said.lines().count() == 1, "{said}");

    // Everything is demanded of others: a certificate, a password.
    let rest = format!("basic_auth_users: {{ann: '{}'}}", hash("secret"));
    site.configure("  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: server/ca.pem", &rest);
    let exporter = site.start();
    let flags = [
        format!("--web.listen-address={}", exporter.address),
        format!("--web.config.file={}", site.shown("web.yml")),
        "--timeout=20s".to_owned(),
    ];
    let flags = flags.each_ref().map(String::as_str);
    assert_eq!(check(&flags), (true, String::new()));
    let ready = [&flags[..], &["--ready"]].concat();
    eventually("it is ready without an engine after a while", || check(&ready).0.then_some(()));
    let (healthy, said) = check(&flags[..1]);
    assert!(!healthy && said.contains("it answers 400: Client sent an HTTP request"), "{said}");

    let socket = format!("--web.listen-address=unix:{}", site.shown("web.sock"));
    let by_socket = Exporter::alone(&[&socket]);
    assert_eq!(check(&[&socket]), (true, String::new()));
    let mode = [socket.as_str(), "--web.config.file=/nowhere"];
    assert!(check(&mode).1.contains("could not read `/nowhere`"), "{:?}", check(&mode));
    assert!(by_socket.stop().success());
    assert!(!site.path("web.sock").exists());
}

#[test]
fn systemd_passes_a_socket_and_is_told_how_the_service_is_doing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, path) = (folder.path().join("dockmeter.yml"), folder.path().join("notify"));
    fs::write(&file, "log: {level: info}\n").expect("a file");
    let notified = UnixDatagram::bind(&path).expect("a socket");
    notified.set_read_timeout(Some(patience())).expect("a timeout");
    let told = || {
        let mut bytes = [0; 300];
        let count = notified.recv(&mut bytes).expect("a word to systemd");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    // As systemd starts a service with a socket unit: the descriptor behind standard error.
    let address = free_address();
    let mut command = Command::new("systemd-socket-activate");
    command.arg(format!("--listen={address}")).arg(format!("--setenv=NOTIFY_SOCKET={}", path.display()));
    command.arg("--fdname=web").arg(BINARY);
    if Command::new("systemd-socket-activate").arg("--version").output().is_err() {
        return skip("there is no `systemd-socket-activate`");
    }
    // It starts the program at the first connection.
    let knock = std::thread::spawn(move || {
        eventually("dockmeter answers over systemd's socket", || {
            http::get(address, "/-/healthy", &[]).ok().filter(|answer| answer.status == 200)
        })
    });
    let flags = ["--web.systemd-socket", &format!("--config.file={}", file.display())];
    let exporter = Exporter::spawn(&mut command, NO_ENGINE, &flags);
    knock.join().expect("an answer");
    assert_eq!(exporter.address, address);
    assert!(told().starts_with("READY=1\n"));
    exporter.signal(Signal::HUP);
    let reloading = told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert!(told().starts_with("READY=1\n"));
    fs::write(&file, "log: {levl: info}\n").expect("a file");
    exporter.signal(Signal::HUP);
    assert!(told().starts_with("RELOADING=1\n"));
    assert!(told().starts_with("READY=1\n"), "with the old configuration it serves on");
    assert!(exporter.stop().success());
    assert!(told().starts_with("STOPPING=1\n"));
}

#[test]
fn without_a_socket_of_systemd_and_with_a_mistyped_variable_there_is_no_start() {
    let (started, said) = takes(Command::new(BINARY).arg("--web.systemd-socket"));
    assert!(!started && said.contains("systemd has passed no socket"), "{said}");
    // `takes` clears the environment, so the variable is set by `env`.
    let slip = "DOCKMETER_WEB_LISTEN_ADRESS=:1";
    let (started, said) = takes(Command::new("/usr/bin/env").args([slip, BINARY, "config", "check"]));
    assert!(!started && said.contains("did you mean `DOCKMETER_WEB_LISTEN_ADDRESS`?"), "{said}");
}

/// Whether a command takes a file, and what it says.
fn takes(command: &mut Command) -> (bool, String) {
    let output = command.env_clear().output().expect("a command that can be started");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn promtool_and_dockmeter_agree_on_web_configuration_files() {
    let Some(prometheus) = Component::Prometheus3.path() else { return };
    let promtool = prometheus.with_file_name("promtool");
    let site = Site::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/web");
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for entry in fs::read_dir(fixtures).expect("fixtures") {
        let fixture = entry.expect("a fixture").path();
        let name = fixture.file_name().expect("a name").to_string_lossy().into_owned();
        let kind = name.split('-').next().unwrap_or_default();
        // What Prometheus takes and dockmeter does not is refused with a reason, never ignored.
        let (theirs, ours) = match kind {
            "both" => (true, true),
            "neither" => (false, false),
            "toolkit" => (true, false),
            other => panic!("{name}: `{other}` is no kind of fixture"),
        };
        *kinds.entry(kind.to_owned()).or_default() += 1;
        fs::copy(&fixture, site.path(&name)).expect("a copy");
        let file = site.path(&name);
        let (taken, said) = takes(Command::new(&promtool).args(["check", "web-config"]).arg(&file));
        assert_eq!(taken, theirs, "promtool, {name}: {said}");
        let flag = format!("--web.config.file={}", file.display());
        let (taken, said) = takes(Command::new(BINARY).args(["config", "check", &flag]));
        assert_eq!(taken, ours, "dockmeter, {name}: {said}");
        if !ours {
            let place = format!("dockmeter: {}:", file.display());
            assert!(said.starts_with(&place) && said.lines().count() == 1, "{name}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}
