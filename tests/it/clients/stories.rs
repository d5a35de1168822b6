//! What happens to senders: they are restarted, send twice, in another order, with a wrong
//! clock, slowly, in pieces and nonsense, and many at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::json;

use super::fixture;
use super::program::{Language, Program, expected};
use super::series::{SeriesSet, until_same};
use super::tap::{Request, Tap};
use super::{DELTA, METRICS, TOKEN, World};
use crate::exporter::{Exporter, bearer};
use crate::http;
use crate::poll::patience;

const SECOND: i64 = 1_000_000_000;

/// A program in Python that is instance `instance` of a service.
fn replica(to: SocketAddr, service: &str, instance: &str, settings: &[(&str, &str)]) -> Option<Program> {
    let attributes = format!("service.instance.id={instance}");
    let named = [("OTEL_SERVICE_NAME", service), ("OTEL_RESOURCE_ATTRIBUTES", &*attributes)];
    Program::start(Language::Python, to, TOKEN, &[&named, settings].concat())
}

fn only(series: SeriesSet, name: &str) -> SeriesSet {
    series.into_iter().filter(|(key, _)| key.starts_with(name)).collect()
}

#[test]
fn a_program_that_is_restarted_counts_on_with_differences_and_anew_without() {
    let Some(world) = World::new() else { return };
    for (service, settings) in [("restarted", &[][..]), ("restarted-delta", &[DELTA][..])] {
        let mut told = Vec::new();
        for _ in 0..2 {
            let Some(mut program) = replica(world.exporter.address, service, "one", settings) else { return };
            program.work();
            // What was counted before is forgotten with the process, unless it came as a difference.
            if settings.is_empty() {
                told.clear();
            }
            told.append(&mut program.told);
        }
        let orders = only(expected(&told), "shop_orders_total");
        until_same(service, || (only(world.scraped(service), "shop_orders_total"), orders.clone()));
    }
}

#[test]
fn requests_that_come_again_or_late_count_once() {
    let Some(world) = World::new() else { return };
    let tap = Tap::before(world.exporter.address);
    let Some(mut program) = replica(tap.address, "again", "one", &[DELTA]) else { return };
    (0..3).for_each(|_| program.work());
    let sent = expected(&program.told);
    until_same("sent once", || (world.scraped("again"), sent.clone()));
    // After a lost answer the last request comes again; a queue may hand on the first ones late.
    let requests = tap.requests(METRICS);
    for request in [&requests[2], &requests[0], &requests[2], &requests[1], &requests[2]] {
        assert_eq!(world.send(request), "");
    }
    program.work();
    let sent = expected(&program.told);
    until_same("sent again", || (world.scraped("again"), sent.clone()));
}

#[test]
fn two_replicas_of_a_service_are_counted_each() {
    let Some(world) = World::new() else { return };
    let mut both = Vec::new();
    for instance in ["one", "two"] {
        let Some(mut program) = replica(world.exporter.address, "replicas", instance, &[]) else { return };
        program.work();
        both.push(program);
    }
    both[1].work();
    for (program, instance, orders) in [(&both[0], "one", 3.0), (&both[1], "two", 6.0)] {
        assert_eq!(program.told.len() as f64 * 3.0, orders);
        let labels =
            [("project", "shop"), ("service", "replicas"), ("service_instance", instance), ("plan", "gold")];
        world.exporter.until_value("shop_orders_total", &labels, orders);
    }
}

/// A request of one counter, by a clock that goes wrong by some seconds.
fn counted(service: &str, value: u32, wrong: i64) -> Request {
    let metrics = json!([{"name": "stories.counted", "sum": {"aggregationTemporality": 2, "isMonotonic": true,
        "dataPoints": [{"asInt": value.to_string()}]}}]);
    let now = Timestamp::now().as_nanosecond() as i64 + wrong * SECOND;
    fixture::request(service, metrics, now, now)
}

#[test]
fn a_clock_that_is_an_hour_wrong_changes_nothing() {
    let Some(world) = World::new() else { return };
    for (service, wrong) in [("slow-clock", -3600), ("fast-clock", 3600)] {
        for value in 1..=3 {
            assert_eq!(world.send(&counted(service, value, wrong)), "{}");
        }
        world.exporter.until_value("stories_counted_total", &[("service", service)], 3.0);
    }
    // An hour forward and back again, as when a clock is set right.
    for (value, wrong) in [(1, 0), (2, 3600), (3, 0), (4, 0), (5, 0)] {
        assert_eq!(world.send(&counted("set-clock", value, wrong)), "{}");
    }
    world.exporter.until_value("stories_counted_total", &[("service", "set-clock")], 5.0);
}

/// The head of a request with a body of so many bytes.
fn head(length: usize) -> String {
    format!(
        "POST {METRICS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}\r\nContent-Length: {length}\r\n\r\n",
        bearer(TOKEN)
    )
}

/// An answer without its body, read byte by byte as more may follow.
fn answer(stream: &mut TcpStream) -> String {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("a head");
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).expect("a body");
    head
}

fn connection(exporter: &Exporter) -> TcpStream {
    let stream = TcpStream::connect(exporter.address).expect("dockmeter listens");
    stream.set_read_timeout(Some(patience())).expect("a patient stream");
    stream
}

#[test]
fn a_connection_serves_many_requests_and_a_slow_one_holds_nobody_up() {
    let Some(world) = World::new() else { return };
    let mut slow = connection(&world.exporter);
    let body = counted("slow-body", 1, 0).body;
    let (first, rest) = body.split_at(body.len() / 2);
    let begun = Instant::now();
    slow.write_all(&[head(body.len()).as_bytes(), first].concat()).unwrap();

    let mut kept = connection(&world.exporter);
    for value in 1..=5 {
        let body = counted("kept-alive", value, 0).body;
        kept.write_all(&[head(body.len()).as_bytes(), &body].concat()).unwrap();
        let answer = answer(&mut kept);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    world.exporter.until_value("stories_counted_total", &[("service", "kept-alive")], 5.0);

    // A machine that is so busy that the body's 20 s are over has nothing to show.
    if begun.elapsed() < Duration::from_secs(10) {
        slow.write_all(rest).unwrap();
        let answer = answer(&mut slow);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        world.exporter.until_value("stories_counted_total", &[("service", "slow-body")], 1.0);
    }
}

#[test]
fn many_connections_at_once_are_all_served() {
    let Some(world) = World::new() else { return };
    const SENDERS: usize = 40;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let world = &world;
            scope.spawn(move || {
                for value in 1..=3 {
                    assert_eq!(world.send(&counted(&format!("many-{sender}"), value, 0)), "{}");
                }
            });
        }
    });
    let page = world.exporter.page();
    let values: Vec<f64> = page.all("stories_counted_total", &[]).map(|sample| sample.value).collect();
    assert_eq!(values, [3.0; SENDERS]);
}

#[test]
fn nonsense_is_refused_and_hurts_nobody() {
    let Some(world) = World::new() else { return };
    let tap = Tap::before(world.exporter.address);
    let Some(mut program) = replica(tap.address, "nonsense", "one", &[]) else { return };
    program.work();
    let token = bearer(TOKEN);
    let send = |kind: &str, packed: bool, body: &[u8]| {
        let kind = format!("Content-Type: application/{kind}");
        let mut headers = vec![kind.as_str(), &token];
        headers.extend(packed.then_some("Content-Encoding: gzip"));
        http::send(world.exporter.address, METRICS, &headers, body).expect("dockmeter answers").status
    };
    let whole = tap.requests(METRICS).remove(0).body;
    // Cut at many places: a beginning of protobuf is refused, or is protobuf, too.
    for length in (0..whole.len()).step_by(997) {
        let status = send("x-protobuf", false, &whole[..length]);
        assert!([200, 400].contains(&status), "{status} for {length} bytes");
    }
    let mut seed = 1_u64;
    for length in (0..2_000).step_by(211) {
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        };
        let bytes: Vec<u8> = (0..length).map(|_| random()).collect();
        for (kind, packed) in [("x-protobuf", false), ("json", false), ("x-protobuf", true)] {
            let status = send(kind, packed, &bytes);
            assert!([200, 400].contains(&status), "{status} for {length} bytes of {kind}");
        }
    }
    let mut bomb = GzEncoder::new(Vec::new(), Compression::default());
    bomb.write_all(&vec![0; 16 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000);
    assert_eq!(send("x-protobuf", true, &bomb), 413);
    // What is good is taken all the same.
    program.work();
    let sent = expected(&program.told);
    let sent = only(sent, "shop_orders_total");
    until_same("after nonsense", || (only(world.scraped("nonsense"), "shop_orders_total"), sent.clone()));
}
