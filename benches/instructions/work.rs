//! The benchmarks: what each prepares, and the work that is counted.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use dockmeter::collect::Collector as _;
use dockmeter::container::network::{InterfaceNames, net_dev, tcp_established};
use dockmeter::container::parse::{blkio, io_stat, keyed, memory_events, pressure};
use dockmeter::docker::answers;
use dockmeter::ingest::{Encoding, Origin, Programs, Receiver};
use dockmeter::metrics::protobuf::ProtobufEncoder;
use dockmeter::metrics::text::{Dialect, TextEncoder};
use dockmeter::metrics::{Histogram, LabelBlock, Sink};
use dockmeter::snapshot::Snapshot;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::inner::files::*;
use crate::inner::page;
use crate::inner::requests::{self, Request, STARTED_NS, Shape};

/// Containers on a page.
const CONTAINERS: usize = 100;

/// Families on a page: always as many, so that a new metric is no growth.
const FAMILIES: usize = 50;

/// Prepares a benchmark and gives the work.
type Prepare = fn() -> Box<dyn FnMut()>;

/// Every benchmark by its name, which has no spaces.
pub(crate) const ALL: &[(&str, Prepare)] = &[
    ("parse/cpu.stat.v1", || of_file(CPU_STAT_V1, |text| keyed(text, |key, value| consume((key, value))))),
    ("parse/cpu.stat.v2", || of_file(CPU_STAT_V2, |text| keyed(text, |key, value| consume((key, value))))),
    ("parse/memory.stat.v1", || {
        of_file(MEMORY_STAT_V1, |text| keyed(text, |key, value| consume((key, value))))
    }),
    ("parse/memory.stat.v2", || {
        of_file(MEMORY_STAT_V2, |text| keyed(text, |key, value| consume((key, value))))
    }),
    ("parse/memory.events", || of_file(MEMORY_EVENTS, |text| consume(memory_events(text)))),
    ("parse/io.stat", || of_file(IO_STAT, |text| io_stat(text, |device, io| consume((device, io))))),
    ("parse/blkio", || {
        of_file(BLKIO, |text| blkio(text, |device, direction, n| consume((device, direction, n))))
    }),
    ("parse/pressure", || of_file(PRESSURE, |text| consume(pressure(text)))),
    ("parse/net_dev", parse_net_dev),
    ("parse/net_snmp", || of_file(NET_SNMP, |text| consume(tcp_established(text)))),
    ("engine/list", || of_file(crate::inner::files::CONTAINERS, |body| consume(answers::list(body)))),
    ("engine/inspect", || of_file(INSPECT, |body| consume(answers::details(body)))),
    ("engine/event", || of_file(EVENT, |line| consume(answers::event(line)))),
    ("labels/text", label_block),
    ("page/text", || text_page(Dialect::Prometheus)),
    ("page/openmetrics", || text_page(Dialect::OpenMetrics)),
    ("page/protobuf", protobuf_page),
    ("histograms/observe", observe),
    ("histograms/text", || text_histograms(Dialect::Prometheus)),
    ("histograms/openmetrics", || text_histograms(Dialect::OpenMetrics)),
    ("histograms/protobuf", protobuf_histograms),
    ("gzip/text", gzip),
    ("ingest/protobuf", || ingest(Encoding::Protobuf, Shape::Sums)),
    ("ingest/protobuf_histograms", || ingest(Encoding::Protobuf, Shape::Histograms)),
    ("ingest/json", || ingest(Encoding::Json, Shape::Sums)),
    ("ingest/json_histograms", || ingest(Encoding::Json, Shape::Histograms)),
    ("ingest/new_series", new_series),
    ("programs/text", || programs(Shape::Sums)),
    ("programs/histograms", || programs(Shape::Histograms)),
];

/// Uses a result, so that the work is not optimised away.
fn consume<T>(value: T) {
    black_box(value);
}

fn of_file(file: &'static [u8], parse: fn(&[u8])) -> Box<dyn FnMut()> {
    Box::new(move || parse(black_box(file)))
}

fn parse_net_dev() -> Box<dyn FnMut()> {
    let mut names = InterfaceNames::default();
    Box::new(move || consume(net_dev(black_box(NET_DEV), &mut names)))
}

fn label_block() -> Box<dyn FnMut()> {
    let (tenant, values) = (page::tenant(), page::label_values(7));
    Box::new(move || consume(page::block(black_box(&tenant), black_box(&values))))
}

/// Makes a page again and again in the same memory, as scrapes do.
fn text(dialect: Dialect, fill: impl Fn(&mut dyn Sink) + 'static) -> Box<dyn FnMut()> {
    let mut page = Vec::new();
    Box::new(move || {
        let mut encoder = TextEncoder::new(dialect, std::mem::take(&mut page));
        fill(&mut encoder);
        page = black_box(encoder.finish());
    })
}

fn protobuf(fill: impl Fn(&mut dyn Sink) + 'static) -> Box<dyn FnMut()> {
    let mut page = Vec::new();
    Box::new(move || {
        let mut encoder = ProtobufEncoder::new(std::mem::take(&mut page));
        fill(&mut encoder);
        page = black_box(encoder.finish());
    })
}

/// What stands on the page of all containers.
fn whole() -> impl Fn(&mut dyn Sink) + 'static {
    let blocks = page::blocks(CONTAINERS);
    move |sink| page::fill(sink, FAMILIES, &blocks)
}

fn histograms() -> impl Fn(&mut dyn Sink) + 'static {
    let (blocks, histogram): (Vec<LabelBlock>, Histogram) = (page::blocks(CONTAINERS), page::histogram());
    move |sink| page::fill_histograms(sink, &blocks, &histogram)
}

fn text_page(dialect: Dialect) -> Box<dyn FnMut()> {
    text(dialect, whole())
}

fn protobuf_page() -> Box<dyn FnMut()> {
    protobuf(whole())
}

fn text_histograms(dialect: Dialect) -> Box<dyn FnMut()> {
    text(dialect, histograms())
}

fn protobuf_histograms() -> Box<dyn FnMut()> {
    protobuf(histograms())
}

/// A thousand ticks of the fast sampler.
fn observe() -> Box<dyn FnMut()> {
    let mut histogram = page::histogram();
    Box::new(move || {
        (0..1000).for_each(|tick| histogram.observe(black_box(f64::from(tick * 7919 % 3001) / 1000.0)));
    })
}

/// The page of all containers at the level that scrapes get.
fn gzip() -> Box<dyn FnMut()> {
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    whole()(&mut encoder);
    let page = encoder.finish();
    Box::new(move || {
        let mut encoder = GzEncoder::new(Vec::with_capacity(page.len()), Compression::fast());
        consume(encoder.write_all(&page));
        consume(encoder.finish());
    })
}

/// A request of a program, so many seconds after its start.
fn body(encoding: Encoding, shape: Shape, program: usize, seconds: u64) -> Vec<u8> {
    let request = Request { shape, program, time_ns: STARTED_NS + seconds * 1_000_000_000 };
    match encoding {
        Encoding::Protobuf => requests::protobuf(request),
        Encoding::Json => requests::json(request).into_bytes(),
    }
}

/// A thousand points of series that are known, each time later than before.
fn ingest(encoding: Encoding, shape: Shape) -> Box<dyn FnMut()> {
    let (receiver, origin, now) = (Receiver::default(), Origin::of(page::tenant()), Instant::now());
    consume(receiver.metrics(&origin, encoding, &body(encoding, shape, 0, 1), now));
    // Made beforehand, as only the taking is to be counted.
    let mut bodies = [2, 3].map(|seconds| body(encoding, shape, 0, seconds)).into_iter();
    Box::new(move || {
        let body = bodies.next().unwrap_or_default();
        consume(receiver.metrics(&origin, encoding, black_box(&body), now));
    })
}

/// A thousand points of a program that has not sent before.
fn new_series() -> Box<dyn FnMut()> {
    let (receiver, origin, now) = (Receiver::default(), Origin::of(page::tenant()), Instant::now());
    let mut bodies = [0, 1].map(|program| body(Encoding::Protobuf, Shape::Sums, program, 1)).into_iter();
    Box::new(move || {
        let body = bodies.next().unwrap_or_default();
        consume(receiver.metrics(&origin, Encoding::Protobuf, black_box(&body), now));
    })
}

/// The page of what two programs have sent, in text.
fn programs(shape: Shape) -> Box<dyn FnMut()> {
    let (receiver, origin) = (Arc::new(Receiver::default()), Origin::of(page::tenant()));
    for program in 0..2 {
        let body = body(Encoding::Protobuf, shape, program, 1);
        consume(receiver.metrics(&origin, Encoding::Protobuf, &body, Instant::now()));
    }
    let (programs, snapshot) = (Programs::new(receiver), Snapshot::default());
    text(Dialect::Prometheus, move |sink| consume(programs.collect(&snapshot, sink)))
}
