//! Requests of programs that measure themselves: a thousand points with six attributes each, as
//! an SDK sends them every minute, in both forms of OTLP.

use std::fmt::Write as _;

/// Points of a request.
pub(crate) const POINTS: usize = METRICS * POINTS_EACH;

/// Metrics of a request.
pub(crate) const METRICS: usize = 10;

const POINTS_EACH: usize = 100;

/// When every program was started, in nanoseconds of Unix time.
pub(crate) const STARTED_NS: u64 = 1_790_000_000_000_000_000;

/// The bounds that the semantic conventions name for durations of requests.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What the points are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Cumulative sums that never fall.
    Sums,
    /// Cumulative histograms of fifteen buckets.
    Histograms,
}

/// One request: which program sends it, and for which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) shape: Shape,
    /// Programs differ in their instance, and so in all their series.
    pub(crate) program: usize,
    /// When its points were taken, in nanoseconds of Unix time. What is not later than before
    /// counts as sent again.
    pub(crate) time_ns: u64,
}

impl Request {
    /// A time from which values are made, so that they grow from request to request.
    fn tick(&self) -> u64 {
        self.time_ns.saturating_sub(STARTED_NS) / 1_000_000
    }

    /// Counts in each bucket of a histogram.
    fn counts(&self, point: usize) -> [u64; BOUNDS.len() + 1] {
        std::array::from_fn(|bucket| self.tick() / (bucket as u64 + 1) + point as u64)
    }

    fn sum(&self, point: usize) -> u64 {
        self.tick() * 3 + point as u64
    }
}

/// The attributes of a point; the third is a number.
fn attributes(point: usize) -> ([(&'static str, String); 5], (&'static str, u64)) {
    let method = ["GET", "POST", "PUT", "DELETE"][point % 4];
    let texts = [
        ("http.request.method", method.to_owned()),
        ("http.route", format!("/api/v1/shops/{{shop}}/resource-{:02}/{{id}}", point / 4)),
        ("network.protocol.version", "1.1".to_owned()),
        ("server.address", "shop.example.com".to_owned()),
        ("url.scheme", "https".to_owned()),
    ];
    (texts, ("http.response.status_code", 200))
}

fn metric_name(metric: usize) -> String {
    format!("bench.shop.operation-{metric}")
}

fn resource(program: usize) -> [(&'static str, String); 3] {
    [
        ("service.name", "shop".to_owned()),
        ("service.instance.id", format!("shop-{program}")),
        ("telemetry.sdk.language", "rust".to_owned()),
    ]
}

/// The request in protobuf.
pub(crate) fn protobuf(request: Request) -> Vec<u8> {
    let mut scope = Vec::new();
    message(1, &mut scope, |scope| bytes(1, b"bench", scope));
    for metric in 0..METRICS {
        message(2, &mut scope, |out| protobuf_metric(request, metric, out));
    }
    let mut of_resource = Vec::new();
    message(1, &mut of_resource, |out| {
        for (key, value) in resource(request.program) {
            message(1, out, |out| text_attribute(key, &value, out));
        }
    });
    bytes(2, &scope, &mut of_resource);
    let mut body = Vec::new();
    bytes(1, &of_resource, &mut body);
    body
}

fn protobuf_metric(request: Request, metric: usize, out: &mut Vec<u8>) {
    bytes(1, metric_name(metric).as_bytes(), out);
    bytes(2, b"What the shop does.", out);
    bytes(3, if request.shape == Shape::Sums { b"{order}" } else { b"s" }, out);
    let kind = if request.shape == Shape::Sums { 7 } else { 9 };
    message(kind, out, |out| {
        for point in 0..POINTS_EACH {
            message(1, out, |out| protobuf_point(request, point, out));
        }
        out.extend([2 << 3, 2]);
        if request.shape == Shape::Sums {
            out.extend([3 << 3, 1]);
        }
    });
}

fn protobuf_point(request: Request, point: usize, out: &mut Vec<u8>) {
    fixed64(2, STARTED_NS, out);
    fixed64(3, request.time_ns, out);
    let attribute = if request.shape == Shape::Sums { 7 } else { 9 };
    let (texts, (key, number)) = attributes(point);
    for (key, value) in texts {
        message(attribute, out, |out| text_attribute(key, &value, out));
    }
    message(attribute, out, |out| {
        bytes(1, key.as_bytes(), out);
        message(2, out, |out| {
            out.push(3 << 3);
            varint(number, out);
        });
    });
    match request.shape {
        Shape::Sums => fixed64(6, request.sum(point), out),
        Shape::Histograms => {
            let counts = request.counts(point);
            fixed64(4, counts.iter().sum(), out);
            fixed64(5, (request.sum(point) as f64 / 7.0).to_bits(), out);
            bytes(6, counts.map(u64::to_le_bytes).as_flattened(), out);
            bytes(7, BOUNDS.map(f64::to_le_bytes).as_flattened(), out);
        }
    }
}

fn text_attribute(key: &str, value: &str, out: &mut Vec<u8>) {
    bytes(1, key.as_bytes(), out);
    message(2, out, |out| bytes(1, value.as_bytes(), out));
}

fn message(field: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    write(&mut inner);
    bytes(field, &inner, out);
}

fn bytes(field: u8, value: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

fn fixed64(field: u8, value: u64, out: &mut Vec<u8>) {
    out.push(field << 3 | 1);
    out.extend_from_slice(&value.to_le_bytes());
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The request in JSON, with 64-bit integers as texts, as the protocol wants them.
pub(crate) fn json(request: Request) -> String {
    let mut body = String::from(r#"{"resourceMetrics":[{"resource":{"attributes":["#);
    for (key, value) in resource(request.program) {
        json_attribute(key, format_args!(r#""stringValue":"{value}""#), &mut body);
    }
    end_list(&mut body);
    body.push_str(r#"]},"scopeMetrics":[{"scope":{"name":"bench"},"metrics":["#);
    for metric in 0..METRICS {
        let (unit, kind) = if request.shape == Shape::Sums { ("{order}", "sum") } else { ("s", "histogram") };
        let name = metric_name(metric);
        let _ = write!(
            body,
            r#"{{"name":"{name}","description":"What the shop does.","unit":"{unit}","{kind}":{{"dataPoints":["#
        );
        (0..POINTS_EACH).for_each(|point| json_point(request, point, &mut body));
        end_list(&mut body);
        body.push_str(r#"],"aggregationTemporality":2"#);
        body.push_str(if request.shape == Shape::Sums { r#","isMonotonic":true}},"# } else { "}}," });
    }
    end_list(&mut body);
    body.push_str("]}]}]}");
    body
}

fn json_point(request: Request, point: usize, body: &mut String) {
    let (texts, (key, number)) = attributes(point);
    body.push_str(r#"{"attributes":["#);
    for (key, value) in texts {
        json_attribute(key, format_args!(r#""stringValue":"{value}""#), body);
    }
    json_attribute(key, format_args!(r#""intValue":"{number}""#), body);
    end_list(body);
    let time = request.time_ns;
    let _ = write!(body, r#"],"startTimeUnixNano":"{STARTED_NS}","timeUnixNano":"{time}","#);
    let _ = match request.shape {
        Shape::Sums => write!(body, r#""asInt":"{}"}},"#, request.sum(point)),
        Shape::Histograms => {
            let counts = request.counts(point);
            let total: u64 = counts.iter().sum();
            let sum = request.sum(point) as f64 / 7.0;
            let counts = counts.map(|count| format!("\"{count}\"")).join(",");
            let bounds = BOUNDS.map(|bound| bound.to_string()).join(",");
            write!(
                body,
                r#""count":"{total}","sum":{sum},"bucketCounts":[{counts}],"explicitBounds":[{bounds}]}},"#
            )
        }
    };
}

fn json_attribute(key: &str, value: std::fmt::Arguments<'_>, body: &mut String) {
    let _ = write!(body, r#"{{"key":"{key}","value":{{{value}}}}},"#);
}

/// Takes back the comma behind the last element.
fn end_list(body: &mut String) {
    if body.ends_with(',') {
        body.pop();
    }
}
