//! What readers of streams cost: CPU time and memory of dockmeter with none and with many readers
//! of server-sent events, and how old numbers are when they have been read.
//!
//! `cargo bench --bench streams [-- --readers 1000 --containers 50 --interval 1000 --seconds 30]`,
//! as root; about two minutes. The containers are real cgroups that sleep; every tenth reader
//! reads nothing at all. A reader's latency is from the event's `timestamp`, which is taken when
//! the sample is there, to the moment its bytes have been read here, on the same machine.
//!
//! `--pages` has each reader do what a page does beside its stream (`visits`): with an hour of
//! history behind it, and with the host read. Nobody's stream stays unread then.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

#[allow(dead_code, reason = "tests use the rest")]
#[path = "../scrape/bed.rs"]
mod bed;
#[allow(dead_code, reason = "tests use the rest")]
#[path = "../scrape/engine.rs"]
mod engine;
#[path = "../measured/mod.rs"]
mod measured;
mod visits;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use bed::Bed;
use measured::exporter::Exporter;
use measured::failure;
use measured::interrupt::{self, pause};
use measured::process::{CpuClock, Resident};

/// The folder of the containers' cgroups.
const FOLDER: &str = "dockmeter-bench-streams";

/// Time before what is measured, in which connections and buffers have come to rest.
const SETTLE: Duration = Duration::from_secs(5);

/// Connections that are being made at the same time: fewer than one client may hold.
const AT_ONCE: usize = 32;

/// What is asked for.
struct Options {
    readers: usize,
    containers: usize,
    interval: u64,
    seconds: u64,
    pages: bool,
}

impl Options {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> io::Result<Options> {
        let mut options =
            Options { readers: 1000, containers: 50, interval: 1000, seconds: 30, pages: false };
        while let Some(flag) = arguments.next() {
            if flag == "--bench" {
                continue;
            }
            if flag == "--pages" {
                options.pages = true;
                continue;
            }
            let value = arguments.next().and_then(|text| text.parse().ok());
            let value: u64 = value.ok_or_else(|| failure(format!("`{flag}` wants a whole number")))?;
            match flag.as_str() {
                "--readers" => options.readers = value as usize,
                "--containers" => options.containers = value as usize,
                "--interval" => options.interval = value,
                "--seconds" => options.seconds = value,
                other => return Err(failure(format!("unknown flag `{other}`"))),
            }
        }
        Ok(options)
    }
}

fn main() -> io::Result<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    interrupt::listen()?;
    bed::remove_leftovers(FOLDER)?;
    let bed = Bed::without_networks(FOLDER, options.containers)?;
    let engine = engine::Engine::start(&bed.inventory)?;
    let folder = tempfile::tempdir()?;
    let path = format!("--history.path={}", folder.path().display());
    let mut flags = Vec::new();
    if options.pages {
        visits::remember(folder.path(), &bed.inventory)?;
        flags.extend([path.as_str(), "--collector.host"]);
    }
    let mut exporter = Exporter::start(&engine.host(), &flags)?;
    exporter.wait_for_containers(options.containers)?;
    let phase = Duration::from_secs(options.seconds);
    let alone = Phase::measure(exporter.pid(), phase)?;
    let pid = exporter.pid();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::new(Mutex::new(visits::Answers::default()));
    let kept = (latencies.clone(), answers.clone());
    let measured =
        runtime.block_on(crowd(exporter.address(), &options, kept, move || Phase::measure(pid, phase)))?;
    let latencies = Spread::of(latencies.lock().map_err(|_| failure("a reader has failed"))?.clone());
    let Options { readers, containers, interval, seconds, pages } = options;
    let who = if pages { "pages" } else { "readers (every tenth reads nothing)" };
    println!("{containers} containers, {readers} {who} each {interval} ms, {seconds} s\n");
    println!("| | CPU, % of a core | resident, MB |\n|---|---|---|");
    println!("| nobody reads | {:.2} | {:.1} |", alone.cpu_percent, alone.resident as f64 / 1e6);
    println!("| {readers} readers | {:.2} | {:.1} |", measured.cpu_percent, measured.resident as f64 / 1e6);
    println!(
        "\n{} events were read; from sample to reader: median {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        latencies.0.len(),
        latencies.at(0.5),
        latencies.at(0.99),
        latencies.at(1.0),
    );
    let answers = answers.lock().map_err(|_| failure("a page has failed"))?;
    if pages {
        println!("\n| | answers | median, ms | p99, ms | longest, ms |\n|---|---|---|---|---|");
    }
    for (route, took) in &answers.by_route {
        let took = Spread::of(took.clone());
        let [median, p99, longest] = [0.5, 0.99, 1.0].map(|share| took.at(share));
        println!("| `{route}` | {} | {median:.1} | {p99:.1} | {longest:.1} |", took.0.len());
    }
    if answers.refused > 0 {
        println!("\n{} answers were no success", answers.refused);
    }
    Ok(())
}

/// Milliseconds in order.
struct Spread(Vec<f64>);

impl Spread {
    fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Spread(all)
    }

    /// What such a share of all is below.
    fn at(&self, share: f64) -> f64 {
        let place = (self.0.len() as f64 * share) as usize;
        self.0.get(place.min(self.0.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// What dockmeter takes for a while.
struct Phase {
    cpu_percent: f64,
    resident: u64,
}

impl Phase {
    fn measure(pid: u32, phase: Duration) -> io::Result<Phase> {
        pause(SETTLE)?;
        let mut clock = CpuClock::of(pid);
        let (began, before) = (Instant::now(), clock.now_ns());
        // Looked at before idle threads end.
        while began.elapsed() < phase {
            pause(Duration::from_secs(1))?;
            clock.now_ns();
        }
        let used = clock.now_ns() - before;
        let cpu_percent = used as f64 / began.elapsed().as_nanos() as f64 * 100.0;
        Ok(Phase { cpu_percent, resident: Resident::of(pid)?.now })
    }
}

/// Opens all streams, reads them while something is done, and gives what came of it.
async fn crowd<T: Send + 'static>(
    address: SocketAddr,
    options: &Options,
    (latencies, answers): (Arc<Mutex<Vec<f64>>>, Arc<Mutex<visits::Answers>>),
    meanwhile: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let mut idle = Vec::new();
    let mut readers = tokio::task::JoinSet::new();
    let numbers: Vec<usize> = (0..options.readers).collect();
    for some in numbers.chunks(AT_ONCE) {
        let opening = some.iter().map(|_| open(address, options.interval));
        for (number, opened) in some.iter().zip(futures_util::future::join_all(opening).await) {
            match number % 10 {
                0 if !options.pages => idle.push(opened?),
                _ => drop(readers.spawn(read(opened?, latencies.clone()))),
            }
        }
    }
    for number in numbers.into_iter().filter(|_| options.pages) {
        let who = (number, options.readers);
        let visit = visits::visit(address, who, options.containers, answers.clone());
        readers.spawn(async {
            visit.await;
            Ok(())
        });
    }
    let outcome = tokio::task::spawn_blocking(meanwhile).await.map_err(io::Error::other)?;
    readers.abort_all();
    drop(idle);
    outcome
}

async fn open(address: SocketAddr, interval: u64) -> io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(address).await?;
    let path = format!("/api/containers/metrics/stream?interval={interval}");
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).await?;
    let mut stream = BufReader::new(stream);
    let mut status = String::new();
    stream.read_line(&mut status).await?;
    if status.contains(" 200 ") {
        Ok(stream)
    } else {
        Err(failure(format!("a stream was refused: {status}")))
    }
}

/// Reads events and notes how old each is.
async fn read(mut stream: BufReader<TcpStream>, latencies: Arc<Mutex<Vec<f64>>>) -> io::Result<()> {
    let mut line = String::new();
    let mut first = true;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = Timestamp::now();
        let Some(time) = line.strip_prefix("data: {\"timestamp\":\"").and_then(|rest| rest.split('"').next())
        else {
            continue;
        };
        // The first is what was known already.
        if std::mem::take(&mut first) {
            continue;
        }
        let Ok(at) = time.parse::<Timestamp>() else { continue };
        if let Ok(mut latencies) = latencies.lock() {
            latencies.push(now.duration_since(at).as_secs_f64() * 1000.0);
        }
    }
}
