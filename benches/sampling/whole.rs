//! The whole program with its default rhythms, watched from outside.

use std::io;
use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::engine::Engine;
use crate::measured::exporter::Exporter;
use crate::measured::interrupt::pause_until;
use crate::measured::process::{CpuClock, Resident, descriptors};

/// As often as Prometheus on most hosts.
pub(crate) const SCRAPE_EVERY: Duration = Duration::from_secs(15);

/// Scrapes that count.
const SCRAPES: u32 = 3;

/// The table's head.
pub(crate) const HEAD: &str = "\
| containers | % of a core | resident, MB | peak, MB | descriptors | ticks left out |
|---|---|---|---|---|---|";

/// The row of a bed.
pub(crate) fn row(bed: &Bed) -> io::Result<String> {
    let containers = bed.inventory.containers.len();
    let engine = Engine::start(&bed.inventory)?;
    let mut exporter = Exporter::start(&engine.host(), &[])?;
    exporter.wait_for_containers(containers)?;
    let mut clock = CpuClock::of(exporter.pid());
    let (started, before) = (Instant::now(), clock.now_ns());
    let mut page = Vec::new();
    for scrape in 1..=SCRAPES {
        pause_until(started + SCRAPE_EVERY * scrape)?;
        page = exporter.scrape(&[])?;
    }
    let (cpu_ns, wall) = (clock.now_ns() - before, started.elapsed());
    let resident = Resident::of(exporter.pid())?;
    Ok(format!(
        "| {containers} | {:.3} | {:.1} | {:.1} | {} | {} |",
        cpu_ns as f64 / wall.as_nanos() as f64 * 100.0,
        resident.now as f64 / 1e6,
        resident.peak as f64 / 1e6,
        descriptors(exporter.pid())?,
        left_out(&page),
    ))
}

fn left_out(page: &[u8]) -> String {
    let text = String::from_utf8_lossy(page);
    let value = text.lines().find_map(|line| line.strip_prefix("dockmeter_sample_overruns_total "));
    value.unwrap_or("?").to_owned()
}
