//! A server whose processes stand still: it takes connections, since the kernel does, and answers
//! nothing. Pages go on, nothing piles up, and it comes back by itself.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use rustix::process::{Pid, Signal, kill_process};

use super::server::{Server, VERSIONS, engine};
use super::{LABEL, is_up, passwords};
use crate::exporter::Exporter;
use crate::poll::eventually;

/// The postmaster, as the host sees it.
fn postmaster(server: &Server<'_>) -> i32 {
    server.container.inspect("{{.State.Pid}}").parse().unwrap()
}

/// Its children: whoever serves a connection, and the server's own workers.
fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &i32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name may hold anything, parentheses too.
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.split(' ').nth(1) == Some(&parent.to_string())
    };
    ids.filter(is_child).collect()
}

fn signal(processes: &[i32], signal: Signal) {
    for process in processes {
        // Who has ended meanwhile has no need of it.
        let _ = kill_process(Pid::from_raw(*process).unwrap(), signal);
    }
}

/// How many sockets the exporter has towards an address, as the kernel says.
fn sockets(exporter: &Exporter, to: SocketAddr) -> usize {
    let IpAddr::V4(ip) = to.ip() else { panic!("{to} is on a bridge") };
    let to = format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), to.port());
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", exporter.pid())).unwrap();
    let towards = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let inodes: BTreeSet<String> = towards
        .filter(|fields| fields.get(2) == Some(&to.as_str()))
        .filter_map(|fields| Some(format!("socket:[{}]", fields.get(9)?)))
        .collect();
    let held = fs::read_dir(format!("/proc/{}/fd", exporter.pid())).unwrap().flatten();
    let held = held.filter_map(|entry| fs::read_link(entry.path()).ok());
    held.filter(|link| inodes.contains(link.to_str().unwrap_or_default())).count()
}

#[test]
fn a_server_that_stands_still_delays_no_page_piles_nothing_up_and_comes_back() {
    let Some(engine) = engine() else { return };
    let server = Server::start(&engine, VERSIONS[0], "pg-still", &[LABEL], &[]);
    server.set_up();
    let (_folder, passwords) = passwords();
    let flags = ["--postgres.interval=1s", "--postgres.timeout=3s", &passwords];
    let exporter = Exporter::with(&engine, &flags);
    let (address, of) = (server.address(), [("server", "pg-still:5432")]);
    let admin = server.connect();
    let failures = || exporter.page().sum("dockmeter_postgres_read_failures_total", &of);
    for all in [false, true] {
        is_up(&exporter, "pg-still:5432");
        assert!(sockets(&exporter, address) <= 1);
        let postmaster = postmaster(&server);
        // The postmaster first, so that none is born meanwhile.
        signal(&[postmaster], Signal::STOP);
        let mut still = vec![postmaster];
        if all {
            still.extend(children(postmaster));
            signal(&still[1..], Signal::STOP);
        } else {
            // Who is connected is served without the postmaster; nobody else is.
            admin.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dockmeter'",
            );
        }
        // Every page on the way is answered, and there is one connection at most at any time.
        let before = failures();
        eventually("it is down, and was tried again and again", || {
            assert!(sockets(&exporter, address) <= 1);
            let page = exporter.page();
            let down = page.value("pg_up", &of) == Some(0.0);
            let more = page.sum("dockmeter_postgres_read_failures_total", &of);
            (down && more >= before + 2.0).then_some(())
        });
        // The postmaster goes last, and then sees what has become of the others.
        still.reverse();
        signal(&still, Signal::CONT);
        is_up(&exporter, "pg-still:5432");
        eventually("one connection is left", || {
            let count =
                admin.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'dockmeter'");
            (count == "1" && sockets(&exporter, address) == 1).then_some(())
        });
    }
    let timeouts = [("server", "pg-still:5432"), ("reason", "timeout")];
    assert!(exporter.page().sum("dockmeter_postgres_read_failures_total", &timeouts) >= 2.0);
}
