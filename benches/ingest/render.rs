//! Scrapes of a page with 100,000 series of programs.

use std::io;
use std::time::{Duration, Instant};

use crate::cost::median;
use crate::inner::requests::Shape;
use crate::measured::connection::GZIP;
use crate::measured::interrupt::pause_until;
use crate::measured::process::Resident;
use crate::target::Dockmeter;

/// Scrapes of each kind that count, after one that does not.
const SCRAPES: usize = 15;

/// Time between two scrapes: longer than that within which scrapes share a read.
const EVERY: Duration = Duration::from_millis(600);

const PROTOBUF: &str = "Accept: application/vnd.google.protobuf; \
    proto=io.prometheus.client.MetricFamily; encoding=delimited";

const HEAD: &str = "\
| series | format | CPU, ms a scrape | wall, ms | sent, MB | resident, MB |
|---|---|---|---|---|---|
";

pub(crate) fn table() -> io::Result<String> {
    let mut rows = Vec::new();
    // A histogram has seventeen lines.
    for (shape, programs, what) in
        [(Shape::Sums, 100, "100,000 sums"), (Shape::Histograms, 6, "6,000 histograms")]
    {
        let mut dockmeter = Dockmeter::start()?;
        dockmeter.sender()?.fill(shape, 0..programs)?;
        for (format, headers) in [
            ("text", &[][..]),
            ("text, gzip", &[GZIP]),
            ("protobuf", &[PROTOBUF]),
            ("protobuf, gzip", &[PROTOBUF, GZIP]),
        ] {
            rows.push(format!("| {what} | {format} {}", cells(&mut dockmeter, headers)?));
        }
    }
    Ok(HEAD.to_owned() + &rows.join("\n"))
}

fn cells(dockmeter: &mut Dockmeter, headers: &[&str]) -> io::Result<String> {
    let mut clock = dockmeter.clock();
    let (mut cpu_ms, mut wall_ms, mut length) = (Vec::new(), Vec::new(), 0);
    for round in 0..=SCRAPES {
        let (started, before) = (Instant::now(), clock.now_ns());
        length = dockmeter.exporter.scrape(headers)?.len();
        let wall = started.elapsed();
        // What is tidied up after the last byte was sent counts too.
        pause_until(started + EVERY)?;
        if round > 0 {
            cpu_ms.push((clock.now_ns() - before) as f64 / 1e6);
            wall_ms.push(wall.as_secs_f64() * 1e3);
        }
    }
    let resident = Resident::of(dockmeter.pid())?;
    Ok(format!(
        "| {:.1} | {:.1} | {:.1} | {:.1} |",
        median(cpu_ms),
        median(wall_ms),
        length as f64 / 1e6,
        resident.now as f64 / 1e6
    ))
}
