//! What the series of programs take is what is said that they take. In a program of its own,
//! since it counts every allocation there is.

#![allow(clippy::expect_used, reason = "a test")]

use std::sync::Arc;
use std::time::Instant;

use dhat::{HeapStats, Profiler};
use dockmeter::collect::Collector as _;
use dockmeter::ingest::{Encoding, Origin, Programs, Receiver};
use dockmeter::metrics::Page as _;
use dockmeter::metrics::protobuf::ProtobufEncoder;
use dockmeter::metrics::text::{Dialect, TextEncoder};
use dockmeter::snapshot::{Machine, Snapshot, Sources};
use dockmeter::tenant::Tenant;
use jiff::Timestamp;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SERIES: usize = 2_000;

/// A metric with so many points, each made by `point`.
fn metric(name: &str, kind: &str, point: impl Fn(usize) -> String) -> String {
    let points: Vec<String> = (0..SERIES).map(point).collect();
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"{name}","unit":"s","{kind}":{{
            "aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{}]}}}}]}}]}}]}}"#,
        points.join(",")
    )
}

fn attributes(n: usize) -> String {
    format!(
        r#""attributes":[{{"key":"http.request.method","value":{{"stringValue":"GET"}}}},
            {{"key":"http.response.status_code","value":{{"intValue":{n}}}}},
            {{"key":"server.address","value":{{"stringValue":"one.example.org"}}}}]"#
    )
}

fn counter(n: usize) -> String {
    format!(r#"{{"asInt":{n},{}}}"#, attributes(n))
}

fn histogram(n: usize) -> String {
    let bounds = "0.005,0.01,0.025,0.05,0.075,0.1,0.25,0.5,0.75,1,2.5,5,7.5,10";
    let counts = vec!["1"; 15].join(",");
    format!(
        r#"{{"count":15,"sum":1,"bucketCounts":[{counts}],"explicitBounds":[{bounds}],{}}}"#,
        attributes(n)
    )
}

fn exponential(n: usize) -> String {
    let counts = vec!["1"; 100].join(",");
    format!(
        r#"{{"count":100,"sum":1,"scale":3,"positive":{{"offset":0,"bucketCounts":[{counts}]}},{}}}"#,
        attributes(n)
    )
}

fn allocated() -> u64 {
    HeapStats::get().curr_bytes as u64
}

/// Nothing: programs are shown whatever else there is.
fn snapshot() -> Snapshot {
    Snapshot {
        taken_at: Timestamp::UNIX_EPOCH,
        published_at: Timestamp::UNIX_EPOCH,
        containers: Vec::new(),
        tenants: Vec::new(),
        operations: Vec::new(),
        engine: Arc::default(),
        lookups: (0, 0),
        sources: Sources::default(),
        read_errors: Vec::new(),
        read_duration_ns: 0,
        overruns: 0,
        machine: Machine::default(),
        storage: Arc::default(),
        facts: Arc::default(),
        activity: Default::default(),
        disk_walk_ns: None,
        host: None,
    }
}

/// What the receiver says that its series take.
fn estimated(programs: &Programs) -> u64 {
    let mut encoder = TextEncoder::new(Dialect::Prometheus, Vec::new());
    programs.collect(&snapshot(), &mut encoder).expect("a page");
    let page = String::from_utf8(encoder.finish()).expect("a page of text");
    let line = page.lines().find(|line| line.starts_with("dockmeter_ingest_series_bytes "));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("the estimate")
}

#[test]
fn series_take_about_what_is_estimated() {
    let _counting = Profiler::builder().testing().build();
    let bodies = [
        ("counters", metric("memory.counter", "sum", counter)),
        ("histograms", metric("memory.histogram", "histogram", histogram)),
        ("standard histograms", metric("http.server.request.duration", "histogram", histogram)),
        ("exponential histograms", metric("memory.exponential", "exponentialHistogram", exponential)),
    ];
    for (what, body) in bodies {
        let receiver = Arc::new(Receiver::default());
        let programs = Programs::new(receiver.clone());
        let before = allocated();
        let origin = Origin::of(Tenant::unknown());
        for _ in 0..2 {
            let taken = receiver.metrics(&origin, Encoding::Json, body.as_bytes(), Instant::now()).unwrap();
            assert_eq!((taken.points, taken.rejected), (SERIES as u64, 0), "{what}: {}", taken.message);
        }
        // A scraper that wants protobuf makes labels take more.
        let mut encoder = ProtobufEncoder::new(Vec::new());
        programs.collect(&snapshot(), &mut encoder).expect("a page");
        assert!(encoder.series() > 0);
        drop(encoder);
        let (taken, estimated) = (allocated() - before, estimated(&programs));
        println!("{what}: {} bytes a series, {} estimated", taken / SERIES as u64, estimated / SERIES as u64);
        assert!(taken <= estimated, "{what} take {taken} bytes, {estimated} were estimated");
        assert!(estimated <= 3 * taken, "{what} take {taken} bytes, {estimated} were estimated");
    }
}
