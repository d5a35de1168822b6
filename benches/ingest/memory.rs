//! Resident memory a series, of our binary and of a Prometheus.

use std::io;

use crate::inner::requests::{POINTS, Shape};
use crate::measured::process::Resident;
use crate::target::{Dockmeter, Prometheus, Sender};

/// Programs whose series are there before it is counted: with them come buffers and threads.
const BEFORE: usize = 4;

const HEAD: &str = "\
| program | series | how many | resident before, MB | after, MB | bytes a series |
|---|---|---|---|---|---|
";

pub(crate) fn table() -> io::Result<String> {
    let mut rows = Vec::new();
    // A histogram is one series here, and seventeen on a page.
    for (shape, programs) in [(Shape::Sums, 100), (Shape::Histograms, 25)] {
        let ours = Dockmeter::start()?;
        rows.push(row("dockmeter", ours.sender()?, ours.pid(), shape, programs)?);
        if let Some(theirs) = Prometheus::start()? {
            rows.push(row("Prometheus", theirs.sender()?, theirs.pid(), shape, programs)?);
        }
    }
    Ok(HEAD.to_owned() + &rows.join("\n"))
}

fn row(name: &str, mut sender: Sender, pid: u32, shape: Shape, programs: usize) -> io::Result<String> {
    sender.fill(shape, 0..BEFORE)?;
    let before = Resident::of(pid)?.now;
    sender.fill(shape, BEFORE..BEFORE + programs)?;
    let after = Resident::of(pid)?.now;
    let series = programs * POINTS;
    Ok(format!(
        "| {name} | {shape:?} | {series} | {:.1} | {:.1} | {:.0} |",
        before as f64 / 1e6,
        after as f64 / 1e6,
        (after as f64 - before as f64) / series as f64,
    ))
}
