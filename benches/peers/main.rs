//! dockmeter beside the other exporters of container metrics that this machine has: CPU, their
//! own and what they cause in the engine, memory, series, and the time of a scrape.
//!
//! `cargo bench --bench peers [-- --containers N --seconds N --resolutions 1,15 --rounds N]`, as
//! root; 50 containers, phases of 60 s, 1 s and 15 s, one round by default. cAdvisor, the
//! OpenTelemetry Collector with its receiver `docker_stats`, Telegraf, Netdata and node_exporter
//! are taken from `PATH` or from `CADVISOR`, `OTELCOL`, `TELEGRAF`, `NETDATA`, `NODE_EXPORTER`;
//! what is not there is listed as not found. Each runs alone, one after the other, over the same
//! sleeping containers of an engine of the benchmark's own (`scripts/engine.sh`), and is scraped
//! as often as it reads. Nothing is left behind, on Ctrl-C neither.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

mod cell;
#[path = "../measured/mod.rs"]
mod measured;
mod options;
mod page;
mod peer;
mod table;
mod trial;

use std::io;

use measured::engine::Engine;
use measured::interrupt;
use options::Options;
use table::Row;
use trial::{Trial, rest};

fn main() -> io::Result<()> {
    let options = Options::from_arguments(std::env::args().skip(1))?;
    interrupt::listen()?;
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for peer in peer::ALL {
        match peer.find() {
            Ok(program) => present.push((peer, program)),
            Err(reason) => missing.push(format!("{}: {reason}", peer.name)),
        }
    }
    for line in &missing {
        eprintln!("{line}");
    }
    eprintln!("starting an engine with {} containers …", options.containers);
    let engine = Engine::start("peers", "docker")?;
    for number in 1..=options.containers {
        interrupt::check()?;
        engine.run_idle(&options::container(number))?;
    }
    let (containers, api_version) = (engine.containers()?, engine.api_version()?);
    let mut at_rest = vec![rest(&engine, options.phase)?];
    let mut tables = Vec::new();
    for resolution in &options.resolutions {
        let mut rows: Vec<Row> = Vec::new();
        for round in 0..options.rounds {
            for (peer, program) in &present {
                eprintln!(
                    "{} at {} s, round {} of {} …",
                    peer.name,
                    resolution.as_secs(),
                    round + 1,
                    options.rounds
                );
                let trial = Trial {
                    engine: &engine,
                    api_version: &api_version,
                    containers: &containers,
                    peer,
                    program,
                    resolution: *resolution,
                    phase: options.phase,
                };
                match trial.run() {
                    Ok(measured) => table::add(&mut rows, peer.name, measured),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                    Err(error) => {
                        missing.push(format!("{} at {} s: {error}", peer.name, resolution.as_secs()))
                    }
                }
            }
            at_rest.push(rest(&engine, options.phase)?);
        }
        tables.push((*resolution, rows));
    }
    table::print(&options, &at_rest, &tables, &missing);
    Ok(())
}
