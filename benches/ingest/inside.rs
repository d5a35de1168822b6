//! The work inside the process, on one thread: unpacking, reading, and everything.

use std::io::{self, Read as _, Write as _};
use std::time::Instant;

use dockmeter::ingest::otlp::{json, protobuf};
use dockmeter::ingest::{Allowance, Encoding, Origin, Receiver};
use dockmeter::tenant::Tenant;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::cost::{measure, median, thread_cpu_us};
use crate::inner::requests::{self, POINTS, Request, STARTED_NS, Shape};
use crate::measured::failure;

/// Requests that count.
const ROUNDS: usize = 301;

/// Programs that send in turn, so that no more than the usual part is in the caches.
const PROGRAMS: usize = 10;

const HEAD: &str = "\
| form | points | bytes a point | gunzip, µs | read, µs | all, µs | points a second and core | with gunzip |
|---|---|---|---|---|---|---|---|
";

pub(crate) fn table() -> io::Result<String> {
    let mut rows = Vec::new();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for shape in [Shape::Sums, Shape::Histograms] {
            rows.push(row(encoding, shape)?);
        }
    }
    Ok(HEAD.to_owned() + &rows.join("\n"))
}

fn row(encoding: Encoding, shape: Shape) -> io::Result<String> {
    let request = Request { shape, program: 0, time_ns: STARTED_NS + 1 };
    let whole = body(encoding, request);
    let packed = packed(&whole)?;
    let mut unpacked = Vec::with_capacity(whole.len());
    let gunzip = measure(ROUNDS, || {
        unpacked.clear();
        let _ = MultiGzDecoder::new(&*packed).read_to_end(&mut unpacked);
    });
    if unpacked != whole {
        return Err(failure("gzip did not give back what went in"));
    }
    let read = measure(ROUNDS, || match encoding {
        Encoding::Protobuf => {
            drop(std::hint::black_box(protobuf::metrics(&whole, &Allowance::new(u64::MAX))))
        }
        Encoding::Json => {
            let text = std::str::from_utf8(&whole).unwrap_or_default();
            drop(std::hint::black_box(json::metrics(text, &Allowance::new(u64::MAX))));
        }
    });
    let all = taken(encoding, shape)?;
    Ok(format!(
        "| {encoding:?} | {shape:?} | {:.0} | {gunzip:.0} | {read:.0} | {all:.0} | {:.0} | {:.0} |",
        whole.len() as f64 / POINTS as f64,
        POINTS as f64 * 1e6 / all,
        POINTS as f64 * 1e6 / (all + gunzip),
    ))
}

/// CPU time of a request of known series, in microseconds: the median over requests that each
/// are later than the one before.
fn taken(encoding: Encoding, shape: Shape) -> io::Result<f64> {
    let (receiver, origin) = (Receiver::default(), Origin::of(Tenant::claimed(None, Some("shop"), None)));
    let mut cpu_us = Vec::with_capacity(ROUNDS);
    for round in 0..PROGRAMS + ROUNDS {
        let time_ns = STARTED_NS + round as u64 * 1_000_000_000;
        let body = body(encoding, Request { shape, program: round % PROGRAMS, time_ns });
        let before = thread_cpu_us();
        let received = receiver.metrics(&origin, encoding, &body, Instant::now());
        let after = thread_cpu_us();
        let received = received.map_err(io::Error::other)?;
        if received.rejected > 0 {
            return Err(failure(received.message));
        }
        // The first requests of every program make their series.
        if round >= PROGRAMS {
            cpu_us.push(after - before);
        }
    }
    Ok(median(cpu_us))
}

pub(crate) fn body(encoding: Encoding, request: Request) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => requests::protobuf(request),
        Encoding::Json => requests::json(request).into_bytes(),
    }
}

/// A body as SDKs pack it.
pub(crate) fn packed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}
