//! What a scrape of the host costs, beside a real node_exporter on the same machine in one run:
//! CPU time, system calls and memory.
//!
//! `cargo bench --bench host [-- --scrapes N --seconds N] [--gzip]`, as root; 100 scrapes and 60 s
//! by default, about 3 minutes. node_exporter is the newest suite's, unpacked under `target/`, or
//! that of `NODE_EXPORTER`; system calls are counted by `strace`, unpacked likewise. All programs
//! run at once and are scraped in turns, so that whatever else the machine does hits them alike.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

#[path = "../scrape/engine.rs"]
mod engine;
#[path = "../measured/mod.rs"]
mod measured;
mod program;
mod table;
mod trace;

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use dockmeter::inventory::Snapshot;
use engine::Engine;
use measured::connection::GZIP;
use measured::failure;
use measured::interrupt::{self, pause, pause_until};
use measured::process::Resident;
use program::{Program, families_alone, node_exporter, strace};
use table::Row;

/// Scrapes before those that count: buffers grow, threads start.
const WARM_UP: usize = 5;

/// What a program does after its answer, as tidying up, belongs to the scrape.
const AFTER: Duration = Duration::from_millis(30);

/// The time from one round to the next, at least: longer than that within which scrapes share
/// a read.
const ROUND: Duration = Duration::from_millis(400);

/// Scrapes whose system calls are counted.
const TRACED: usize = 15;

/// The rhythm of the long phase: that of most Prometheus servers.
const EVERY: Duration = Duration::from_secs(15);

struct Options {
    scrapes: usize,
    phase: Duration,
    gzip: bool,
}

impl Options {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> io::Result<Options> {
        let mut options = Options { scrapes: 100, phase: Duration::from_secs(60), gzip: false };
        while let Some(flag) = arguments.next() {
            match flag.as_str() {
                // What `cargo bench` adds.
                "--bench" => continue,
                "--gzip" => {
                    options.gzip = true;
                    continue;
                }
                "--scrapes" | "--seconds" => {}
                _ => {
                    return Err(failure(format!(
                        "`{flag}` is none of `--scrapes N`, `--seconds N`, `--gzip`"
                    )));
                }
            }
            let number = arguments.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
            let number: u64 =
                number.ok_or_else(|| failure(format!("`{flag}` needs a whole number above 0")))?;
            match flag.as_str() {
                "--scrapes" => options.scrapes = usize::try_from(number).unwrap_or(usize::MAX),
                _ => options.phase = Duration::from_secs(number),
            }
        }
        Ok(options)
    }
}

fn main() -> io::Result<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    interrupt::listen()?;
    let (node_exporter, strace) = (node_exporter()?, strace()?);
    let engine = Engine::start(&Snapshot::default())?;
    let mut programs = start(&node_exporter, &engine)?;
    let mut rows: Vec<Row> = programs.iter().map(|program| Row::new(program.name)).collect();
    eprintln!("{} scrapes of each …", options.scrapes);
    for round in 0..WARM_UP + options.scrapes {
        let next = Instant::now() + ROUND;
        for (program, row) in programs.iter_mut().zip(&mut rows) {
            let scrape = scrape(program, options.gzip)?;
            if round >= WARM_UP {
                row.scrapes.push(scrape);
            }
        }
        pause_until(next)?;
    }
    eprintln!("a scrape every {} s for {} s …", EVERY.as_secs(), options.phase.as_secs());
    let shares = shares(&mut programs, options.phase, options.gzip)?;
    for ((program, row), share) in programs.iter().zip(&mut rows).zip(shares) {
        row.share = share;
        row.resident = Resident::of(program.pid())?;
    }
    for (program, row) in programs.iter_mut().zip(&mut rows) {
        eprintln!("counting the system calls of {} …", program.name);
        row.calls = calls(program, &strace, options.gzip)?;
    }
    table::print(&program::version(&node_exporter)?, &rows);
    Ok(())
}

/// Starts all that are compared; the first two are ours.
fn start(node_exporter: &Path, engine: &Engine) -> io::Result<Vec<Program>> {
    let alone = families_alone(node_exporter)?;
    let of_host: Vec<&str> = alone.ours.iter().map(String::as_str).collect();
    let equal: Vec<&str> = alone.theirs.iter().map(String::as_str).collect();
    let docker = engine.host();
    Ok(vec![
        Program::dockmeter("dockmeter, the host alone", &docker, &of_host)?,
        Program::dockmeter("dockmeter, defaults", &docker, &[])?,
        Program::node_exporter("node_exporter, defaults", node_exporter, &[])?,
        Program::node_exporter("node_exporter, equal families", node_exporter, &equal)?,
    ])
}

/// One scrape.
#[derive(Clone, Copy, Debug)]
struct Scrape {
    cpu_ms: f64,
    wall_ms: f64,
    bytes: usize,
    series: usize,
}

/// Scrapes, and waits for what comes after.
fn scrape(program: &mut Program, gzip: bool) -> io::Result<Scrape> {
    let before = program.clock.now_ns();
    let began = Instant::now();
    let page = program.connection.page(if gzip { &[GZIP] } else { &[] })?;
    let wall = began.elapsed();
    pause(AFTER)?;
    let cpu_ms = (program.clock.now_ns() - before) as f64 / 1e6;
    let is_sample = |line: &&[u8]| !line.is_empty() && line[0] != b'#';
    let series = if gzip { 0 } else { page.split(|byte| *byte == b'\n').filter(is_sample).count() };
    Ok(Scrape { cpu_ms, wall_ms: wall.as_secs_f64() * 1e3, bytes: page.len(), series })
}

/// The share of a core that each takes when it is scraped in the usual rhythm, in percent, with
/// all that it does between scrapes.
fn shares(programs: &mut [Program], phase: Duration, gzip: bool) -> io::Result<Vec<f64>> {
    let before: Vec<u64> = programs.iter_mut().map(|program| program.clock.now_ns()).collect();
    let began = Instant::now();
    let mut next = began;
    while next < began + phase {
        pause_until(next)?;
        for program in programs.iter_mut() {
            scrape(program, gzip)?;
        }
        next += EVERY;
    }
    pause_until(began + phase)?;
    let share = |(program, before): (&mut Program, u64)| {
        (program.clock.now_ns() - before) as f64 / began.elapsed().as_nanos() as f64 * 100.0
    };
    Ok(programs.iter_mut().zip(before).map(share).collect())
}

/// System calls of each of some scrapes.
fn calls(program: &mut Program, strace: &Path, gzip: bool) -> io::Result<Vec<f64>> {
    let trace = trace::Trace::start(strace, program.pid())?;
    let mut windows = Vec::new();
    for _ in 0..TRACED {
        pause(ROUND)?;
        let began = trace::now();
        scrape(program, gzip)?;
        windows.push((began, trace::now()));
    }
    let calls = trace.finish()?;
    let within =
        |(began, ended): (f64, f64)| calls.iter().filter(|at| (began..ended).contains(*at)).count() as f64;
    Ok(windows.into_iter().map(within).collect())
}
