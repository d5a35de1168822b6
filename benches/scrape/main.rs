//! What reading and rendering cost, over real cgroups, beside the floor of bare reads.
//!
//! `cargo bench --bench scrape [-- CONTAINERS…]`, as root; 10, 100 and 1000 by default. Times are
//! medians of CPU time of the one thread that works, so another load on the machine does little.

#![allow(clippy::print_stdout, reason = "what this program is for")]
#![allow(missing_docs, reason = "a program, not a library")]

mod bed;
mod cost;
mod floor;

use std::io::{self, Write};
use std::time::{Duration, Instant};

use bed::Bed;
use cost::{Cost, measure};
use dockmeter::collect::{Selection, render};
use dockmeter::container::cgroup::Groups;
use dockmeter::container::file::DescriptorBudget;
use dockmeter::container::observed::ExposedLabels;
use dockmeter::container::sampler::{Options, Sampler};
use dockmeter::metrics::text::Format;
use dockmeter::paths::Paths;
use floor::{Floor, held_files};
use jiff::Timestamp;

/// Rounds that count.
const ROUNDS: usize = 31;

fn main() -> io::Result<()> {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10, 100, 1000] } else { sizes };
    println!(
        "| containers | files | read µs/container | floor µs/container | read/floor | render ms | gzip ms | scrape CPU ms | with gzip | page KiB | gzip KiB | KiB/container |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for containers in sizes {
        println!("{}", row(containers)?);
    }
    Ok(())
}

/// Everything about one number of containers.
fn row(containers: usize) -> io::Result<String> {
    let bed = Bed::make(containers)?;
    let before = resident_bytes()?;
    let mut sampler = sampler()?;
    sampler.follow(&bed.inventory, Instant::now(), Timestamp::now());
    let held = resident_bytes()?.saturating_sub(before);
    let files = held_files()?;
    let read = measure(ROUNDS, || sampler.read_all(Instant::now()));
    let collectors = dockmeter::exporter::collectors(Timestamp::now());
    let mut page = Vec::new();
    let rendered = measure(ROUNDS, || {
        let snapshot = sampler.snapshot(Timestamp::now(), (0, 0));
        page = render(&collectors, &Selection::default(), &snapshot, Format::Text, std::mem::take(&mut page));
    });
    // The sampler gives its descriptors back first: two sets would not fit into the limit.
    drop(sampler);
    let pids = bed.inventory.containers.values().filter_map(|container| container.state.pid);
    let mut floor = Floor::open(&files, pids)?;
    let bare = measure(ROUNDS, || floor.read().unwrap_or_else(|error| panic!("the floor failed: {error}")));
    let mut compressed = Vec::new();
    let zipped = measure(ROUNDS, || compressed = gzip(&page));

    let each = |cost: Cost| cost.cpu_us / containers as f64;
    let scrape = (read.cpu_us + rendered.cpu_us) / 1e3;
    Ok(format!(
        "| {containers} | {} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} | {scrape:.2} (wall {:.2}) | {:.2} | {:.0} | {:.0} | {:.1} |",
        floor.files(),
        each(read),
        each(bare),
        read.cpu_us / bare.cpu_us,
        rendered.cpu_us / 1e3,
        zipped.cpu_us / 1e3,
        (read.wall_us + rendered.wall_us) / 1e3,
        scrape + zipped.cpu_us / 1e3,
        page.len() as f64 / 1024.0,
        compressed.len() as f64 / 1024.0,
        held as f64 / 1024.0 / containers as f64,
    ))
}

fn sampler() -> io::Result<Sampler> {
    let options = Options {
        paths: Paths::default(),
        groups: Groups::ALL,
        exposed: ExposedLabels::new(["com.docker.compose.project", "com.docker.compose.service"]),
        linger: Duration::from_secs(60),
        started_at: Timestamp::now(),
    };
    Sampler::new(options, DescriptorBudget::of_this_process())
}

/// As `/metrics` compresses: the fastest level.
fn gzip(page: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(page).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn resident_bytes() -> io::Result<usize> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    Ok(pages.unwrap_or(0) * rustix::param::page_size())
}
