//! TCP sockets of the host as the kernel tells of them: states and round-trip times, from the
//! host and from containers.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::component::skip;
use crate::engine::{Container, Engine};
use crate::exporter::{BINARY, Exporter, NO_ENGINE, QUICK, listening};
use crate::exposition::{Dialect, Page};
use crate::host::Secluded;
use crate::http;
use crate::poll::eventually;

const STATES: &str = "node_tcp_connection_states";
const RTT: &str = "dockmeter_tcp_rtt_seconds_count";
const FLAG: &str = "--collector.tcpstat";

/// More sockets in one state than anything else on the machine has.
const MANY: usize = 200;

/// Both ends of connections.
type Connections = Vec<(TcpStream, TcpStream)>;

fn connect(count: usize) -> Connections {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pair = || (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
    (0..count).map(|_| pair()).collect()
}

fn state(page: &Page, name: &str) -> f64 {
    page.value(STATES, &[("state", name)]).unwrap_or(-1.0)
}

/// How many sockets a table of the kernel has in a state, by its number in hexadecimal.
fn in_the_kernels_table(number: &str) -> usize {
    let lines = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let tables = lines("/proc/net/tcp") + &lines("/proc/net/tcp6");
    tables.lines().filter(|line| line.split_ascii_whitespace().nth(3) == Some(number)).count()
}

#[test]
fn sockets_are_counted_by_their_states_and_only_when_asked_for() {
    let exporter = Exporter::alone(&[FLAG]);
    let mut held = connect(MANY);
    exporter.until("established sockets are counted", |page| {
        (state(page, "established") >= 2.0 * MANY as f64 && state(page, "listen") >= 1.0).then_some(())
    });
    // One end is closed, and the other does not follow.
    let kept: Vec<TcpStream> = held.drain(..).map(|(kept, _)| kept).collect();
    exporter.until("sockets that wait for their program are as many as in the kernel's table", |page| {
        let waiting = in_the_kernels_table("08");
        (waiting >= MANY && state(page, "close_wait") == waiting as f64).then_some(())
    });
    drop(kept);
    exporter.until("they are gone", |page| (state(page, "close_wait") < MANY as f64).then_some(()));
    for (name, number) in [("listen", "0A"), ("syn_sent", "02")] {
        exporter.until("a state is as in the kernel's table", |page| {
            (state(page, name) == in_the_kernels_table(number) as f64).then_some(())
        });
    }

    let unasked = Exporter::alone(&[]);
    let page = unasked.page();
    assert!(page.all(STATES, &[]).next().is_none() && page.all(RTT, &[]).next().is_none());
}

#[test]
fn bytes_that_wait_in_sockets_are_counted() {
    let exporter = Exporter::alone(&[FLAG]);
    let held = connect(1);
    let (mut sender, _receiver) = (&held[0].0, &held[0].1);
    sender.write_all(&[0; 20_000]).unwrap();
    exporter.until("the bytes are queued", |page| {
        (state(page, "rx_queued_bytes") >= 20_000.0 && state(page, "tx_queued_bytes") >= 0.0).then_some(())
    });
}

#[test]
fn round_trips_are_observed_of_connections_that_are_active() {
    let exporter = Exporter::alone(&[FLAG]);
    let held = connect(MANY);
    let local = [("peer", "local")];
    let observed = |page: &Page| page.value(RTT, &local);
    let before = exporter.until("there is a reading", observed);
    for (mut one, mut other) in held.iter().map(|(one, other)| (one, other)) {
        one.write_all(b"?").unwrap();
        other.read_exact(&mut [0]).unwrap();
        other.write_all(b"!").unwrap();
        one.read_exact(&mut [0]).unwrap();
    }
    let page = exporter.until("both ends of every connection are observed", |page| {
        (observed(page)? >= before + 2.0 * MANY as f64).then(|| page.clone())
    });
    let mean = page.value("dockmeter_tcp_rtt_seconds_sum", &local).unwrap() / observed(&page).unwrap();
    assert!(mean > 0.0 && mean < 1.0, "{mean} s within a machine");
}

#[test]
fn round_trips_to_other_machines_stand_apart() {
    let Some(engine) = Engine::shared() else { return };
    let container = engine.run("tcp-peer", &[], &["httpd", "-f", "-p", "7000"]);
    let address = container.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let address: SocketAddr = format!("{address}:7000").parse().expect("an address");
    let exporter = Exporter::alone(&[FLAG]);
    let mut connection = eventually("the container listens", || TcpStream::connect(address).ok());
    exporter.until("the connection is observed", |page| {
        // More and more of a request, each piece acknowledged.
        connection.write_all(b"G").unwrap();
        page.value(RTT, &[("peer", "remote")]).filter(|count| *count > 0.0)
    });
}

/// A dockmeter in a container, and the address of the container's own network at which it
/// listens.
fn in_a_container<'e>(engine: &'e Engine, name: &str, more: &[&str]) -> (Container<'e>, SocketAddr) {
    let socket = format!("--volume={}:/var/run/docker.sock", engine.socket().display());
    let binary = format!("--volume={BINARY}:/dockmeter:ro");
    // The test binary is linked to the host's C library, which the image does not have.
    let libraries = ["/lib", "/lib64", "/usr/lib"].into_iter().filter(|path| fs::exists(path).unwrap());
    let libraries: Vec<String> = libraries.map(|path| format!("--volume={path}:{path}:ro")).collect();
    let mut options = vec!["--volume=/proc:/host/proc:ro", "--volume=/sys:/host/sys:ro", &socket, &binary];
    options.extend(libraries.iter().map(String::as_str));
    options.extend(more);
    let command = [
        "/dockmeter",
        "--path.procfs=/host/proc",
        "--path.sysfs=/host/sys",
        "--web.listen-address=0.0.0.0:10417",
        "--web.trust-network=0.0.0.0/0",
        FLAG,
    ];
    let container = engine.run(name, &options, &command);
    let address = container.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    (container, SocketAddr::new(address.parse().expect("an address"), 10417))
}

fn page_at(address: SocketAddr) -> Option<Page> {
    let response = http::get(address, "/metrics", &[]).ok().filter(|response| response.status == 200)?;
    Some(Page::parse(&response.body, Dialect::Text).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn in_a_network_of_its_own_it_says_so_and_shows_nothing() {
    let Some(engine) = Engine::shared() else { return };
    let (container, address) = in_a_container(&engine, "tcp-outside", &[]);
    let success = [("collector", "tcpstat")];
    let page = eventually("the collector has nothing to show", || {
        let page = page_at(address)?;
        (page.value("node_scrape_collector_success", &success) == Some(0.0)).then_some(page)
    });
    assert!(page.all(STATES, &[]).next().is_none());
    assert!(page.all("node_sockstat_sockets_used", &[]).next().is_some(), "the others show the host");
    eventually("the reason is in the log", || {
        let log = engine.try_docker(&["logs", &container.id]);
        String::from_utf8_lossy(&log.stderr).contains("may not enter the host's").then_some(())
    });
}

/// A machine within the machine: its first process, a dockmeter with three listeners, moves to a
/// network of its own. The one that is looked at stays where the test is, and its `--path.procfs`
/// shows that first process.
const FIRST_PROCESS_ELSEWHERE: &str = r#"(
    while [ "$(readlink /proc/1/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done
    exec "$0" "$@"
) &
exec unshare --net "$0" --docker.host=unix:///nonexistent/docker.sock --web.listen-address=:7001 \
    --web.listen-address=:7002 --web.listen-address=:7003 2>/dev/null"#;

#[test]
fn with_the_privilege_it_enters_the_network_of_the_hosts_first_process() {
    let child = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["sh", "-c", FIRST_PROCESS_ELSEWHERE, BINARY, FLAG, &format!("--docker.host={NO_ENGINE}")])
        // Said like this it is believed to be a host's, on a test machine made of an image, too.
        .arg("--path.procfs=/proc/self/root/proc")
        .args(QUICK)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child.map(Secluded) else { return skip("there is no `unshare`") };
    let stderr = BufReader::new(child.0.stderr.take().expect("its stderr"));
    let mut lines = Vec::new();
    let address = stderr.lines().map_while(Result::ok).find_map(|line| {
        lines.push(line);
        lines.last().and_then(|line| listening(line))
    });
    let Some(address) = address else {
        return skip(&format!("no namespaces can be made here: {lines:?}"));
    };
    let _held = connect(MANY);
    let page =
        eventually("there is a reading", || page_at(address).filter(|page| state(page, "listen") > 0.0));
    assert_eq!(state(&page, "listen"), 3.0);
    assert_eq!(state(&page, "established"), 0.0, "connections of this network are not that one's");
}
