//! Programs that take OTLP: our own binary, and a Prometheus.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dockmeter::config::TokenHash;
use dockmeter::ingest::Encoding;
use dockmeter::inventory::Snapshot;
use tempfile::TempDir;

use crate::engine::Engine;
use crate::inner::requests::{Request, Shape};
use crate::inside::{body, packed};
use crate::measured::connection::Connection;
use crate::measured::exporter::Exporter;
use crate::measured::failure;
use crate::measured::interrupt::pause;
use crate::measured::process::{CpuClock, command_that_dies_with_us};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const TOKEN: &str = "shop-token";

/// Bounds far above what is sent, so that nothing is refused, but in force.
const SERIES: usize = 400_000;
const POINTS: usize = 10_000_000;

/// Names the Prometheus to compare with.
const PROMETHEUS: &str = "PROMETHEUS";

/// A request as it goes over the wire.
pub(crate) struct Packed {
    media: &'static str,
    body: Vec<u8>,
}

impl Packed {
    pub(crate) fn new(encoding: Encoding, request: Request) -> io::Result<Self> {
        let media = match encoding {
            Encoding::Protobuf => "Content-Type: application/x-protobuf",
            Encoding::Json => "Content-Type: application/json",
        };
        Ok(Packed { media, body: packed(&body(encoding, request))? })
    }
}

/// Where programs send to, over a connection that is kept.
pub(crate) struct Sender {
    connection: Connection,
    path: &'static str,
    authorization: Vec<String>,
}

impl Sender {
    /// Sends a request and waits for the answer, which has to say nothing.
    pub(crate) fn send(&mut self, request: &Packed) -> io::Result<()> {
        let mut headers = vec![request.media, "Content-Encoding: gzip"];
        headers.extend(self.authorization.iter().map(String::as_str));
        let answer = self.connection.post(self.path, &headers, &request.body)?;
        if !matches!(&*answer, b"" | b"{}") {
            return Err(failure(format!("not all was taken: {}", String::from_utf8_lossy(&answer))));
        }
        Ok(())
    }

    /// Sends one request of each of some programs.
    pub(crate) fn fill(&mut self, shape: Shape, programs: std::ops::Range<usize>) -> io::Result<()> {
        for program in programs {
            self.send(&Packed::new(Encoding::Protobuf, Request { shape, program, time_ns: now_ns() })?)?;
        }
        Ok(())
    }
}

/// Our own binary, with an engine that has no containers.
pub(crate) struct Dockmeter {
    pub(crate) exporter: Exporter,
    _engine: Engine,
    _folder: TempDir,
}

impl Dockmeter {
    pub(crate) fn start() -> io::Result<Self> {
        let (engine, folder) = (Engine::start(&Snapshot::default())?, tempfile::tempdir()?);
        let config = folder.path().join("dockmeter.yml");
        let hash = TokenHash::of(TOKEN);
        let text = format!(
            "limits: {{series_per_tenant: {SERIES}, series_total: {SERIES}, points_per_second: {POINTS}, series_bytes: 4GiB}}\n\
             auth:\n  tokens:\n  - {{name: shop, hash: '{hash}', scopes: [write], project: shop}}\n"
        );
        fs::write(&config, text)?;
        let mut exporter =
            Exporter::start(&engine.host(), &[&format!("--config.file={}", config.display())])?;
        exporter.wait_for_containers(0)?;
        Ok(Dockmeter { exporter, _engine: engine, _folder: folder })
    }

    pub(crate) fn sender(&self) -> io::Result<Sender> {
        let authorization = vec![format!("Authorization: Bearer {TOKEN}")];
        Ok(Sender { connection: self.exporter.connect()?, path: "/v1/metrics", authorization })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.exporter.pid()
    }

    pub(crate) fn clock(&self) -> CpuClock {
        CpuClock::of(self.pid())
    }
}

/// A Prometheus that scrapes nothing and takes OTLP; ended when dropped.
pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Prometheus {
    /// Starts the one that is named; `None` if none is.
    pub(crate) fn start() -> io::Result<Option<Self>> {
        let Some(program) = std::env::var_os(PROMETHEUS) else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let configuration = folder.path().join("prometheus.yml");
        fs::write(&configuration, "global: {}\n")?;
        // Free now; nobody else is likely to take it within the next moment.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = command_that_dies_with_us(&program.to_string_lossy());
        command
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--web.enable-otlp-receiver");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let prometheus = Prometheus { child, address, folder };
        let deadline = Instant::now() + PATIENCE;
        // Its own page is there when it is.
        while let Err(error) = Connection::open(address).and_then(|mut one| one.page(&[])) {
            if Instant::now() > deadline {
                let log = fs::read_to_string(prometheus.folder.path().join("log")).unwrap_or_default();
                return Err(failure(format!("Prometheus does not answer: {error}\n{log}")));
            }
            pause(Duration::from_millis(50))?;
        }
        Ok(Some(prometheus))
    }

    pub(crate) fn sender(&self) -> io::Result<Sender> {
        let (path, authorization) = ("/api/v1/otlp/v1/metrics", Vec::new());
        Ok(Sender { connection: Connection::open(self.address)?, path, authorization })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn clock(&self) -> CpuClock {
        CpuClock::of(self.pid())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time, in nanoseconds of Unix time: Prometheus takes no points of another year.
pub(crate) fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
