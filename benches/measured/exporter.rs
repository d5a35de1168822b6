//! A running dockmeter, as it is shipped but for link-time optimisation, and its scraper.

use std::fs::{self, File};
use std::io;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::connection::Connection;
use super::failure;
use super::interrupt::pause;
use super::process::command_that_dies_with_us;

/// The binary, built by the same `cargo bench`.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_dockmeter");

/// How long the start, and an answer, may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the start is looked at; longer than the time within which scrapes share a read.
const STEP: Duration = Duration::from_millis(300);

/// A dockmeter; ended when dropped.
pub(crate) struct Exporter {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
    connection: Connection,
}

impl Exporter {
    /// Starts one that watches an engine and not the host, on any free port of the loopback
    /// interface.
    pub(crate) fn start(docker_host: &str, flags: &[&str]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = command_that_dies_with_us(BINARY);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DOCKMETER_") {
                command.env_remove(name);
            }
        }
        command.args([
            "--web.listen-address=127.0.0.1:0",
            "--no-collector.host",
            "--docker.host",
            docker_host,
        ]);
        command.args(flags);
        let log = File::create(folder.path().join("log"))?;
        let mut child = command.stdin(Stdio::null()).stderr(log).spawn()?;
        match connection(&mut child, &folder) {
            Ok((address, connection)) => Ok(Exporter { child, folder, address, connection }),
            Err(error) => {
                end(&mut child);
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Scrapes until the page shows so many running containers.
    pub(crate) fn wait_for_containers(&mut self, containers: usize) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let page = self.scrape(&[])?;
            let shown = memchr::memmem::find_iter(&page, b"\ncontainer_last_seen{").count();
            let synced = memchr::memmem::find(&page, b"\ndockmeter_docker_up 1\n").is_some();
            if shown == containers && synced {
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(failure(format!("{shown} of {containers} containers after {PATIENCE:?}\n{log}")));
            }
            pause(STEP)?;
        }
    }

    /// Reads the page over a connection that is kept, as Prometheus does.
    pub(crate) fn scrape(&mut self, headers: &[&str]) -> io::Result<Vec<u8>> {
        self.connection.page(headers)
    }

    /// A further connection, for programs that send.
    pub(crate) fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // Both fail only if it has ended.
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits until it listens, and connects.
fn connection(child: &mut Child, folder: &TempDir) -> io::Result<(SocketAddr, Connection)> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = fs::read_to_string(folder.path().join("log"))?;
        if let Some(address) = log.lines().find_map(listening) {
            return Ok((address, Connection::open(address)?));
        }
        if child.try_wait()?.is_some() || Instant::now() > deadline {
            return Err(failure(format!("dockmeter does not listen\n{log}")));
        }
        pause(Duration::from_millis(20))?;
    }
}

/// The address in a line like `level=info msg=listening address=127.0.0.1:10417`.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening").and_then(|_| line.split_once("address="))?;
    rest.split_ascii_whitespace().next()?.trim_matches('"').parse().ok()
}
