//! Requests over loopback with gzip, to our binary and to a Prometheus in turn.

use std::io;
use std::time::{Duration, Instant};

use dockmeter::ingest::Encoding;

use crate::inner::requests::{POINTS, Request, Shape};
use crate::measured::interrupt;
use crate::measured::process::CpuClock;
use crate::target::{Dockmeter, Packed, Prometheus, Sender, now_ns};

/// Requests that count.
const REQUESTS: usize = 1000;

/// Requests before those, which make the series.
const WARM_UP: usize = 30;

/// Programs that send in turn.
const PROGRAMS: usize = 10;

const HEAD: &str = "\
| program | form | points | CPU, ms a request | points a second and core | wall p50, ms | p99, ms |
|---|---|---|---|---|---|---|
";

pub(crate) fn table() -> io::Result<String> {
    let mut rows = Vec::new();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for shape in [Shape::Sums, Shape::Histograms] {
            rows.extend(in_turn(encoding, shape)?);
        }
    }
    Ok(HEAD.to_owned() + &rows.join("\n"))
}

/// A program that is sent to, and how long it took each time.
struct Run {
    name: &'static str,
    sender: Sender,
    clock: CpuClock,
    cpu_before_ns: u64,
    wall: Vec<Duration>,
}

fn in_turn(encoding: Encoding, shape: Shape) -> io::Result<Vec<String>> {
    let (ours, theirs) = (Dockmeter::start()?, Prometheus::start()?);
    let run = |name, sender, clock| Run { name, sender, clock, cpu_before_ns: 0, wall: Vec::new() };
    let mut runs = vec![run("dockmeter", ours.sender()?, ours.clock())];
    if let Some(theirs) = &theirs {
        runs.push(run("Prometheus", theirs.sender()?, theirs.clock()));
    }
    for round in 0..WARM_UP + REQUESTS {
        interrupt::check()?;
        let request = Request { shape, program: round % PROGRAMS, time_ns: now_ns() };
        let request = Packed::new(encoding, request)?;
        for run in &mut runs {
            if round == WARM_UP {
                (run.cpu_before_ns, run.wall) = (run.clock.now_ns(), Vec::new());
            }
            let started = Instant::now();
            run.sender.send(&request)?;
            run.wall.push(started.elapsed());
        }
    }
    Ok(runs.into_iter().map(|run| run.row(encoding, shape)).collect())
}

impl Run {
    fn row(mut self, encoding: Encoding, shape: Shape) -> String {
        let cpu_ns = (self.clock.now_ns() - self.cpu_before_ns) as f64 / REQUESTS as f64;
        self.wall.sort();
        let at = |share: usize| self.wall[self.wall.len() * share / 100].as_secs_f64() * 1e3;
        format!(
            "| {} | {encoding:?} | {shape:?} | {:.2} | {:.0} | {:.2} | {:.2} |",
            self.name,
            cpu_ns / 1e6,
            POINTS as f64 * 1e9 / cpu_ns,
            at(50),
            at(99),
        )
    }
}
