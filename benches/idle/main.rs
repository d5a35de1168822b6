//! What watching costs while nothing happens: the share of a core that dockmeter takes at a
//! scrape every 5 s, and what dockerd, containerd and its shims take more because of it.
//!
//! `cargo bench --bench idle [-- --containers N --pairs N --seconds N]`, as root; 50 containers
//! and 5 pairs of 30 s by default, which takes about 8 minutes. It starts an engine of its own
//! (`scripts/engine.sh`) with so many sleeping containers, and measures in pairs of phases, with
//! and without dockmeter. The start of dockmeter, which asks about every container once, is not
//! in a phase. `--source api` measures what it costs to ask the engine for statistics, `--engine
//! docker28` takes a current engine. `--seconds` is a multiple of 30, the cycle of the shims' own work.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

#[path = "../measured/mod.rs"]
mod measured;
mod options;
mod spread;

use std::io;
use std::time::{Duration, Instant};

use measured::engine::Engine;
use measured::exporter::Exporter;
use measured::interrupt::{self, pause_until};
use measured::process::{CpuClock, Resident};
use options::Options;
use spread::Spread;

/// As often as Prometheus on a small host.
const SCRAPE_EVERY: Duration = Duration::from_secs(5);

/// Time before a phase in which what was started or ended before dies down.
const SETTLE: Duration = Duration::from_secs(11);

fn main() -> io::Result<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    interrupt::listen()?;
    eprintln!("starting an engine …");
    let engine = Engine::start("idle", &options.engine)?;
    for number in 1..=options.containers {
        interrupt::check()?;
        if number % 10 == 0 || number == options.containers {
            eprintln!("starting container {number} of {} …", options.containers);
        }
        engine.run_idle(&format!("idle-{number}"))?;
    }
    let mut pairs = Vec::with_capacity(options.pairs);
    for number in 0..options.pairs {
        let pair = Pair::measure(&engine, &options, number % 2 == 1)?;
        eprintln!(
            "pair {} of {}: engine {:.3} % of a core alone, {:.3} % watched by dockmeter, which took {:.3} %",
            number + 1,
            options.pairs,
            pair.engine_alone,
            pair.watched.engine,
            pair.watched.dockmeter,
        );
        pairs.push(pair);
    }
    report(&options, &pairs);
    Ok(())
}

/// Percent of a core in two phases.
struct Pair {
    engine_alone: f64,
    watched: Watched,
}

/// A phase with dockmeter: percent of a core.
struct Watched {
    engine: f64,
    dockmeter: f64,
    resident: Resident,
}

impl Pair {
    /// The order changes from pair to pair, so that a drift of the machine counts for both alike.
    fn measure(engine: &Engine, options: &Options, watched_first: bool) -> io::Result<Pair> {
        if watched_first {
            let watched = Watched::measure(engine, options)?;
            return Ok(Pair { engine_alone: alone(engine, options)?, watched });
        }
        let engine_alone = alone(engine, options)?;
        Ok(Pair { engine_alone, watched: Watched::measure(engine, options)? })
    }
}

/// A phase without dockmeter.
fn alone(engine: &Engine, options: &Options) -> io::Result<f64> {
    interrupt::pause(SETTLE)?;
    let mut clock = engine.clock();
    let (started, before) = (Instant::now(), clock.now_ns()?);
    interrupt::pause(options.phase)?;
    Ok(percent(clock.now_ns()? - before, started))
}

impl Watched {
    fn measure(engine: &Engine, options: &Options) -> io::Result<Watched> {
        let mut exporter =
            Exporter::start(&engine.host(), &[&format!("--container.source={}", options.source)])?;
        exporter.wait_for_containers(options.containers)?;
        let mut dockmeter = CpuClock::of(exporter.pid());
        scrape_until(&mut exporter, &mut dockmeter, Instant::now() + SETTLE)?;
        let mut clock = engine.clock();
        let (engine_started, engine_before) = (Instant::now(), clock.now_ns()?);
        let (started, before) = (Instant::now(), dockmeter.now_ns());
        scrape_until(&mut exporter, &mut dockmeter, started + options.phase)?;
        Ok(Watched {
            dockmeter: percent(dockmeter.now_ns() - before, started),
            engine: percent(clock.now_ns()? - engine_before, engine_started),
            resident: Resident::of(exporter.pid())?,
        })
    }
}

/// Scrapes as Prometheus does. The clock is looked at each time, before idle threads end.
fn scrape_until(exporter: &mut Exporter, clock: &mut CpuClock, end: Instant) -> io::Result<()> {
    let mut next = Instant::now();
    while next < end {
        pause_until(next)?;
        exporter.scrape(&[])?;
        clock.now_ns();
        next += SCRAPE_EVERY;
    }
    pause_until(end)
}

fn percent(nanos: u64, since: Instant) -> f64 {
    nanos as f64 / since.elapsed().as_nanos() as f64 * 100.0
}

fn report(options: &Options, pairs: &[Pair]) {
    let spread = |what: fn(&Pair) -> f64| Spread::of(&pairs.iter().map(what).collect::<Vec<_>>());
    let difference = spread(|pair| pair.watched.engine - pair.engine_alone);
    println!(
        "{}, numbers from `{}`: {} idle containers, a scrape every {} s, {} pairs of {} s; percent of a core, mean ± standard error:\n",
        options.engine,
        options.source,
        options.containers,
        SCRAPE_EVERY.as_secs(),
        pairs.len(),
        options.phase.as_secs(),
    );
    println!("| | % of a core |\n|---|---|");
    println!("| dockmeter | {} |", spread(|pair| pair.watched.dockmeter));
    println!("| engine alone | {} |", spread(|pair| pair.engine_alone));
    println!("| engine, watched by dockmeter | {} |", spread(|pair| pair.watched.engine));
    println!("| difference | {difference} |");
    let verdict = if difference.differs_from_zero() { "can" } else { "cannot" };
    let each = difference.mean / options.containers as f64 * 10.0;
    println!("\nThe difference is {each:.2} ms of CPU time a second and container.");
    println!("The engine's CPU time {verdict} be told from rest (t-test at 5 %).");
    let last = pairs.iter().map(|pair| pair.watched.resident.now).max().unwrap_or(0);
    let peak = pairs.iter().map(|pair| pair.watched.resident.peak).max().unwrap_or(0);
    println!(
        "Resident memory of dockmeter: {:.1} MB, at most {:.1} MB.",
        last as f64 / 1e6,
        peak as f64 / 1e6
    );
}
