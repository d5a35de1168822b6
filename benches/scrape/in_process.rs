//! The CPU time of the parts of a scrape, in this process.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use dockmeter::collect::{Selection, render};
use dockmeter::container::cgroup::Groups;
use dockmeter::container::file::DescriptorBudget;
use dockmeter::container::observed::ExposedLabels;
use dockmeter::container::sampler::{Options, Sampler};
use dockmeter::metrics::Format;
use dockmeter::paths::Paths;
use jiff::Timestamp;

use crate::bed::Bed;
use crate::cost::measure;
use crate::floor::{Floor, held_files};

/// Rounds that count.
const ROUNDS: usize = 31;

/// The table's head.
pub(crate) const HEAD: &str = "\
| containers | files | read, µs a container | floor, µs a container | read / floor | read, ms | render, ms | gzip, ms | sum, ms | sum with gzip, ms |
|---|---|---|---|---|---|---|---|---|---|";

/// The row of a bed.
pub(crate) fn row(bed: &Bed) -> io::Result<String> {
    let mut sampler = sampler()?;
    sampler.follow(&bed.inventory, Instant::now(), Timestamp::now());
    let files = held_files()?;
    let read = measure(ROUNDS, || sampler.read_all(Instant::now()));
    let collectors = dockmeter::exporter::collectors(Timestamp::now(), Default::default());
    let mut page = Vec::new();
    let rendered = measure(ROUNDS, || {
        let snapshot = sampler.snapshot(Timestamp::now(), (0, 0));
        page = render(&collectors, &Selection::default(), &snapshot, Format::Text, std::mem::take(&mut page));
    });
    // The sampler gives its descriptors back first: two sets would not fit into the limit.
    drop(sampler);
    let pids = bed.inventory.containers.values().filter_map(|container| container.state.pid);
    let mut floor = Floor::open(&files, pids)?;
    let mut failed = Ok(());
    let bare = measure(ROUNDS, || {
        if let Err(error) = floor.read() {
            failed = Err(error);
        }
    });
    failed?;
    let zipped = measure(ROUNDS, || drop(gzip(&page)));

    let containers = bed.inventory.containers.len();
    let each = |cpu_us: f64| cpu_us / containers as f64;
    let scrape = read + rendered;
    Ok(format!(
        "| {containers} | {} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
        floor.files(),
        each(read),
        each(bare),
        read / bare,
        read / 1e3,
        rendered / 1e3,
        zipped / 1e3,
        scrape / 1e3,
        (scrape + zipped) / 1e3,
    ))
}

fn sampler() -> io::Result<Sampler> {
    let options = Options {
        paths: Paths::default(),
        // Without files that only fast samples need: the floor goes by what is held.
        groups: Groups { fast: false, ..Groups::ALL },
        exposed: ExposedLabels::new(["com.docker.compose.project", "com.docker.compose.service"]),
        linger: Duration::from_secs(60),
        fast: Duration::from_millis(250),
        peak_window: Duration::from_secs(60),
        disk: None,
        started_at: Timestamp::now(),
        statistics: None,
        host: None,
        bill: true,
    };
    Sampler::new(options, DescriptorBudget::of_this_process())
}

/// As `/metrics` compresses: the fastest level.
fn gzip(page: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(page).and_then(|()| encoder.finish()).unwrap_or_default()
}
