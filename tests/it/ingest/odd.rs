//! Requests as no specification has them, and clocks that are wrong: what can be counted of them
//! is, and stands where it belongs.

use super::{JSON, OTLP, configuration};
use crate::exporter::{Exporter, bearer};
use crate::http;

const PROTOBUF: &str = "Content-Type: application/x-protobuf";

fn start(folder: &tempfile::TempDir) -> Exporter {
    Exporter::alone(&[&format!("--config.file={}", folder.path().join("dockmeter.yml").display())])
}

/// A field of a message of protobuf with bytes, which are fewer than 128.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).ok().filter(|length| *length < 128).expect("a short message");
    [&[number << 3 | 2, length], value].concat()
}

fn attribute(key: &[u8], value: &[u8]) -> Vec<u8> {
    [field(1, key), field(2, &field(1, value))].concat()
}

#[test]
fn texts_that_are_not_utf_8_are_mended_wherever_they_are_in_protobuf() {
    let folder = configuration();
    let exporter = start(&folder);
    let number = [&[0x31][..], &5_u64.to_le_bytes()].concat();
    let point = [number, field(7, &attribute(b"ci\xfftty", b"caf\xe9 \xff\xfe"))].concat();
    let gauge = field(5, &field(1, &point));
    let metric = [field(1, b"odd\xffname"), field(2, b"What it \xe9s."), gauge].concat();
    let resource = field(1, &field(1, &attribute(b"service.name", b"sh\xf0p")));
    let body = field(1, &[resource, field(2, &field(2, &metric))].concat());
    let answer = http::send(exporter.address, OTLP, &[PROTOBUF, &bearer("shop-token")], &body).unwrap();
    assert_eq!(answer.status, 200);
    // A partial success that rejects nothing: a warning.
    assert!(answer.text().contains("5 of its texts were not UTF-8 and were mended"), "{}", answer.text());
    let page = exporter.page();
    let labels =
        [("project", "shop"), ("service", "sh\u{fffd}p"), ("ci_tty", "caf\u{fffd} \u{fffd}\u{fffd}")];
    assert_eq!(page.value("odd_name", &labels), Some(5.0));
    assert_eq!(page.value("dockmeter_ingest_mended_texts_total", &[("project", "shop")]), Some(5.0));
}

/// Nanoseconds of Unix time, so many seconds after a moment of the past.
fn at(seconds: i64) -> i64 {
    (1_700_000_000 + seconds) * 1_000_000_000
}

/// A counter since the program's start.
fn total(value: u32, time_ns: i64) -> String {
    format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"odd.clock","sum":{{
            "aggregationTemporality":2,"isMonotonic":true,"dataPoints":[
            {{"asInt":"{value}","startTimeUnixNano":"{}","timeUnixNano":"{time_ns}"}}]}}}}]}}]}}]}}"#,
        at(0)
    )
}

#[test]
fn points_out_of_order_are_left_out_until_a_clock_was_set_back() {
    let folder = configuration();
    let exporter = start(&folder);
    let send = |body: &str| {
        let headers = [JSON, &bearer("shop-token")];
        assert_eq!(http::send(exporter.address, OTLP, &headers, body.as_bytes()).unwrap().status, 200);
    };
    let shown = || exporter.page().value("odd_clock_total", &[("project", "shop")]);
    // A clock that is years behind, or ahead, is one like any other.
    send(&total(5, at(60)));
    send(&total(7, at(120)));
    assert_eq!(shown(), Some(7.0));
    send(&total(6, at(90)));
    assert_eq!(shown(), Some(7.0), "it was on its way for longer");
    send(&total(9, at(180)));
    assert_eq!(shown(), Some(9.0));
    // Three in a row that are earlier: the clock was set back, and what comes counts again.
    for (value, seconds) in [(10, 61), (11, 62), (12, 63), (13, 64)] {
        send(&total(value, at(seconds)));
    }
    assert_eq!(shown(), Some(13.0));
    send(&total(20, at(1_000_000_000)));
    assert_eq!(shown(), Some(20.0), "decades ahead");
}

#[test]
fn a_request_of_very_many_parts_is_refused_for_good_and_nobody_else_notices() {
    let folder = configuration();
    let exporter = start(&folder);
    let send = |token: &str, headers: &[&str], body: &[u8]| {
        let token = bearer(token);
        let headers = [headers, &[&*token]].concat();
        http::send(exporter.address, OTLP, &headers, body).unwrap()
    };
    // Four million resources of which nothing is said.
    let refused = send("bank-token", &[PROTOBUF], &[0x0a, 0].repeat(4 << 20));
    assert_eq!((refused.status, refused.header("retry-after")), (413, None));
    let why = String::from_utf8_lossy(&refused.body);
    assert!(why.contains("send smaller batches"), "{why}");
    assert_eq!(send("shop-token", &[JSON], total(5, at(1)).as_bytes()).status, 200);
    let page = exporter.page();
    let rejected = [("project", "bank"), ("reason", "too_many_parts")];
    assert_eq!(page.value("dockmeter_ingest_rejected_points_total", &rejected), Some(1.0));
    assert_eq!(page.value("odd_clock_total", &[("project", "shop")]), Some(5.0));
    let memory = page.value("process_resident_memory_bytes", &[]).expect("its memory");
    assert!(memory < f64::from(200 << 20), "{memory} bytes, of which the request was to take a few");
}
