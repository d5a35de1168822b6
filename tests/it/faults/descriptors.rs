//! Hardly any descriptors: everything is read all the same, and what could not be accepted is
//! accepted later.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::is_read;
use crate::engine::{BUSY, Engine, IDLE};
use crate::exporter::{BINARY, Exporter};
use crate::exposition::{Dialect, Page};

/// As many as the exporter may open: most for itself and the host, a quarter of what is left for
/// connections, and none to hold on to files of cgroups.
const LIMIT: usize = 96;

/// More containers than would fit: each has about sixteen files.
const CONTAINERS: usize = 12;

/// The containers of this story on a page that have CPU, memory and network.
fn whole(page: &Page) -> usize {
    let has = |family: &str, name: &str| page.all(family, &[("name", name)]).next().is_some();
    let families = [
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "container_network_receive_bytes_total",
        "container_processes",
    ];
    let names = (0..CONTAINERS).map(|number| format!("few-{number}"));
    names.filter(|name| families.iter().all(|family| has(family, name))).count()
}

#[test]
fn with_hardly_any_descriptors_every_container_is_read_and_the_page_survives_a_crowd() {
    let Some(engine) = Engine::shared() else { return };
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={LIMIT}:{LIMIT}")).arg(BINARY);
    let exporter = Exporter::spawn(&mut command, &engine.host(), &[]);
    let _all: Vec<_> =
        (0..CONTAINERS).map(|number| engine.run(&format!("few-{number}"), &[], IDLE)).collect();
    exporter.until("every container is read", |page| (whole(page) == CONTAINERS).then_some(()));
    let page = exporter.page();
    assert_eq!(page.value("process_max_fds", &[]), Some(LIMIT as f64));
    assert_eq!(page.value("dockmeter_read_errors_total", &[("reason", "open")]).unwrap_or(0.0), 0.0);

    // One connection of a scraper, and a crowd that leaves no room for another: some are accepted,
    // few are told to go, and the rest waits in the kernel.
    let mut scraper = TcpStream::connect(exporter.address).unwrap();
    scraper.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let crowd: Vec<_> = (0..LIMIT).map_while(|_| TcpStream::connect(exporter.address).ok()).collect();
    scraper.write_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    scraper.read_to_end(&mut answer).unwrap();
    let head = memchr::memmem::find(&answer, b"\r\n\r\n").expect("a whole answer");
    let page = Page::parse(&answer[head + 4..], Dialect::Text).unwrap();
    assert_eq!(whole(&page), CONTAINERS, "whoever is connected misses nothing");

    let _late = engine.run("few-late", &[], BUSY);
    drop(crowd);
    is_read(&exporter, "few-late");
    exporter.until_value("dockmeter_docker_up", &[], 1.0);
    assert_eq!(whole(&exporter.page()), CONTAINERS);
}
