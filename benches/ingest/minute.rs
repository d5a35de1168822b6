//! What 50,000 points a minute cost beside rest: one minute of each, scraped as usual.

use std::io;
use std::time::{Duration, Instant};

use dockmeter::ingest::Encoding;

use crate::inner::requests::{POINTS, Request, Shape};
use crate::measured::interrupt::pause_until;
use crate::measured::process::Resident;
use crate::target::{Dockmeter, Packed, Sender, now_ns};

const MINUTE: Duration = Duration::from_secs(60);

/// Points sent in it.
const A_MINUTE: usize = 50_000;

/// Programs that send them in turn, and so a fifth as many series as points.
const PROGRAMS: usize = 10;

const SCRAPES: u32 = 4;

const HEAD: &str = "\
| | % of a core | resident, MB | peak, MB |
|---|---|---|---|
";

/// What a minute cost.
struct Cost {
    percent: f64,
    resident: Resident,
}

pub(crate) fn table() -> io::Result<String> {
    let mut rows = Vec::new();
    for (encoding, shape) in [(Encoding::Protobuf, Shape::Sums), (Encoding::Protobuf, Shape::Histograms)] {
        let mut dockmeter = Dockmeter::start()?;
        let rest = minute(&mut dockmeter, |_| Ok(()))?;
        // Connected only now, as one that is not used for a minute is closed.
        let mut sender = dockmeter.sender()?;
        let busy = minute(&mut dockmeter, |part| part.send(&mut sender, encoding, shape))?;
        let extra = |busy: u64, rest: u64| (busy as f64 - rest as f64) / 1e6;
        for (what, cost) in [("at rest".to_owned(), &rest), (format!("{encoding:?}, {shape:?}"), &busy)] {
            let (now, peak) = (cost.resident.now as f64 / 1e6, cost.resident.peak as f64 / 1e6);
            rows.push(format!("| {what} | {:.3} | {now:.1} | {peak:.1} |", cost.percent));
        }
        rows.push(format!(
            "| difference | {:.3} | {:.1} | {:.1} |",
            busy.percent - rest.percent,
            extra(busy.resident.now, rest.resident.now),
            extra(busy.resident.peak, rest.resident.peak),
        ));
    }
    Ok(HEAD.to_owned() + &rows.join("\n"))
}

/// A part of a minute, which begins when a request is due.
struct Part(usize);

impl Part {
    fn send(&self, sender: &mut Sender, encoding: Encoding, shape: Shape) -> io::Result<()> {
        let request = Request { shape, program: self.0 % PROGRAMS, time_ns: now_ns() };
        sender.send(&Packed::new(encoding, request)?)
    }
}

fn minute(dockmeter: &mut Dockmeter, mut work: impl FnMut(Part) -> io::Result<()>) -> io::Result<Cost> {
    let parts = A_MINUTE / POINTS;
    let mut clock = dockmeter.clock();
    let (started, before) = (Instant::now(), clock.now_ns());
    let mut scrapes = 0;
    for part in 0..parts {
        let due = started + MINUTE * part as u32 / parts as u32;
        pause_until(due)?;
        if due >= started + MINUTE * scrapes / SCRAPES {
            scrapes += 1;
            dockmeter.exporter.scrape(&[])?;
        }
        work(Part(part))?;
    }
    pause_until(started + MINUTE)?;
    let (cpu_ns, wall) = (clock.now_ns() - before, started.elapsed());
    let resident = Resident::of(dockmeter.pid())?;
    Ok(Cost { percent: cpu_ns as f64 / wall.as_nanos() as f64 * 100.0, resident })
}
