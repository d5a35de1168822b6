//! `./run`: the one command that starts everything, and leaves nothing behind.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use rustix::process::{Pid, Signal, kill_process};

use crate::component::Component;
use crate::engine::{BUSY, Engine};
use crate::exporter::BINARY;
use crate::http;
use crate::poll::{eventually, patience};
use crate::prometheus::free_address;
use crate::truth::load::Load;
use crate::whose::request;

#[test]
fn run_brings_up_exporter_and_prometheus_and_takes_both_down_again() {
    let (Some(engine), Some(_)) = (Engine::shared(), Component::Prometheus.path()) else { return };
    let _container = engine.run("run-busy", &["--label=dockmeter.user=run-ann"], BUSY);
    let address = free_address();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut run = Command::new(root.join("run"))
        .args(["--binary", BINARY, "--"])
        .arg(format!("--web.listen-address={address}"))
        .arg(format!("--docker.host={}", engine.host()))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, said) = mpsc::channel();
    let stderr = BufReader::new(run.stderr.take().unwrap());
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));

    let prometheus = loop {
        let line = said.recv_timeout(patience()).expect("`./run` prints the addresses");
        if let Some((_, url)) = line.split_once("Prometheus: http://") {
            break url.trim_end_matches('/').parse().expect("an address");
        }
    };
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

    let endpoint = loop {
        let line = said.recv_timeout(patience()).expect("`./run` prints where programs send to");
        if let Some((_, url)) = line.split_once("OTEL_EXPORTER_OTLP_ENDPOINT=http://") {
            break url.to_owned();
        }
    };
    if let Some(mut program) = Load::start(&engine, "run-program", &["--label=dockmeter.user=run-bob"]) {
        let of_bob = |line: &str| line.starts_with("run_sent_total{") && line.contains("user=\"run-bob\"");
        let page = || http::get(address, "/metrics", &[]).unwrap();
        program.sends(&endpoint, &request("run.sent", 7, None), || page().text().lines().any(of_bob));
    }

    let storage = root.join(format!("target/run/{}", run.id()));
    assert!(storage.exists());
    kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
    eventually("`./run` has ended", || run.try_wait().unwrap());
    for gone in [address, prometheus] {
        assert!(http::get(gone, "/-/healthy", &[]).is_err(), "{gone} still answers");
    }
    assert!(!storage.exists(), "Prometheus' storage is still there");
}
