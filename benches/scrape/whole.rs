//! The whole program, watched from outside: `dockmeter` at an engine that replays the bed's
//! containers, scraped over HTTP.

use std::io;
use std::time::{Duration, Instant};

use crate::bed::Bed;
use crate::cost::median;
use crate::engine::Engine;
use crate::measured::exporter::Exporter;
use crate::measured::interrupt::pause_until;
use crate::measured::process::{CpuClock, Resident, descriptors};

/// Scrapes that count.
const SCRAPES: usize = 20;

/// Scrapes before those: buffers grow, threads start.
const WARM_UP: usize = 3;

/// Time between two scrapes: longer than that within which scrapes share a read.
const EVERY: Duration = Duration::from_millis(300);

/// The program's own readings between scrapes are kept out of the way; the benchmarks `idle`
/// and `sampling` count them.
const FLAGS: [&str; 2] = ["--sampling.full=60s", "--sampling.fast=5s"];

/// Makes the program compress although the scraper is on the same machine.
const GZIP: &str = "Accept-Encoding: gzip, identity;q=0";

/// A number of scrapes of one kind.
struct Series {
    /// CPU time of the process from one scrape to the next.
    cpu_ms: f64,
    /// From the request to the last byte.
    wall_ms: f64,
    page_bytes: usize,
}

/// What the program cost with some number of containers.
pub(crate) struct Whole {
    containers: usize,
    text: Series,
    gzip: Series,
    /// After the containers were found and shown once.
    resident_at_first: Resident,
    /// After all scrapes without compression.
    resident: Resident,
    /// After all scrapes with compression.
    resident_with_gzip: Resident,
    descriptors: usize,
}

impl Whole {
    /// The table's head.
    pub(crate) const HEAD: &str = "\
| containers | CPU, ms a scrape | wall, ms | CPU with gzip, ms | wall with gzip, ms | page, KiB | gzip, KiB | resident at first, MB | resident, MB | with gzip, MB | peak, MB | KiB a container: resident | KiB a container: page | descriptors |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";

    /// Starts the program, scrapes it, ends it.
    pub(crate) fn measure(bed: &Bed) -> io::Result<Whole> {
        let containers = bed.inventory.containers.len();
        let engine = Engine::start(&bed.inventory)?;
        let mut exporter = Exporter::start(&engine.host(), &FLAGS)?;
        exporter.wait_for_containers(containers)?;
        let pid = exporter.pid();
        let resident_at_first = Resident::of(pid)?;
        let text = Series::of(&mut exporter, &[])?;
        let resident = Resident::of(pid)?;
        let gzip = Series::of(&mut exporter, &[GZIP])?;
        let resident_with_gzip = Resident::of(pid)?;
        let descriptors = descriptors(pid)?;
        Ok(Whole { containers, text, gzip, resident_at_first, resident, resident_with_gzip, descriptors })
    }

    /// The table's row; memory per container is what comes on top of the program without any.
    pub(crate) fn row(&self, empty: &Whole) -> String {
        let (text, gzip) = (&self.text, &self.gzip);
        let each = |with: u64, without: u64| match self.containers {
            0 => "–".to_owned(),
            containers => format!("{:.1}", (with as f64 - without as f64) / 1024.0 / containers as f64),
        };
        format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} | {} |",
            self.containers,
            text.cpu_ms,
            text.wall_ms,
            gzip.cpu_ms,
            gzip.wall_ms,
            text.page_bytes as f64 / 1024.0,
            gzip.page_bytes as f64 / 1024.0,
            megabytes(self.resident_at_first.now),
            megabytes(self.resident.now),
            megabytes(self.resident_with_gzip.now),
            megabytes(self.resident_with_gzip.peak),
            each(self.resident.now, empty.resident.now),
            each(text.page_bytes as u64, empty.text.page_bytes as u64),
            self.descriptors,
        )
    }
}

impl Series {
    fn of(exporter: &mut Exporter, headers: &[&str]) -> io::Result<Series> {
        let mut clock = CpuClock::of(exporter.pid());
        let (mut cpu_ms, mut wall_ms, mut page_bytes) = (Vec::new(), Vec::new(), 0);
        for round in 0..WARM_UP + SCRAPES {
            let (started, before) = (Instant::now(), clock.now_ns());
            page_bytes = exporter.scrape(headers)?.len();
            let wall = started.elapsed();
            // What is tidied up after the last byte was sent counts too.
            pause_until(started + EVERY)?;
            if round >= WARM_UP {
                cpu_ms.push((clock.now_ns() - before) as f64 / 1e6);
                wall_ms.push(wall.as_secs_f64() * 1e3);
            }
        }
        Ok(Series { cpu_ms: median(cpu_ms), wall_ms: median(wall_ms), page_bytes })
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
