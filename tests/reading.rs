//! Reading a request takes no more memory than was reserved for it, whatever it is made of. In a
//! program of its own, since it counts every allocation there is.

#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test")]

#[path = "../benches/inner/mod.rs"]
mod inner;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use dhat::{HeapStats, Profiler};
use dockmeter::ingest::intake::{Intake, Pace};
use dockmeter::ingest::{Encoding, Origin, Receiver, Records, Unreadable};
use dockmeter::tenant::Tenant;
use inner::requests::{self, Request, STARTED_NS, Shape};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Only one of the tests counts at a time.
static COUNTING: Mutex<()> = Mutex::new(());

/// Bytes of all requests, as the configuration has it by default.
const PENDING: u64 = 128 << 20;

/// Lengths of bodies, and bytes of all requests: a short one, one that has its full allowance,
/// and one that has less, as it is long for its tenant's part.
const LENGTHS: [(usize, u64); 3] = [(2 << 10, PENDING), (48 << 10, PENDING), (96 << 10, 1 << 20)];

/// How a body is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum As {
    Metrics(Encoding),
    /// Metrics of somebody who names the users of points.
    MetricsOfUsers(Encoding),
    Traces(Encoding),
    TracesOfUsers(Encoding),
    Plain(Records),
}

const JSON: As = As::Metrics(Encoding::Json);
const PROTOBUF: As = As::Metrics(Encoding::Protobuf);

/// Takes a body; what is reserved for it, the most that was allocated at a time beside what
/// stays, and whether it was taken.
fn take(how: As, body: &[u8], pending_bytes: u64) -> (u64, u64, Result<(), Unreadable>) {
    let pace = Pace { pending_bytes, points_per_second: 10_000 };
    let delegate = matches!(how, As::MetricsOfUsers(_) | As::TracesOfUsers(_));
    let origin = Origin { delegate, ..Origin::of(Tenant::claimed(Some("ann"), Some("shop"), None)) };
    let receiver = Receiver::new(20, 20, 1 << 20).with_exemplars().at(pace);
    let alone = COUNTING.lock().unwrap_or_else(PoisonError::into_inner);
    let counting = Profiler::builder().testing().trim_backtraces(Some(1)).build();
    let now = Instant::now();
    let taken = match how {
        As::Metrics(encoding) | As::MetricsOfUsers(encoding) => {
            receiver.metrics(&origin, encoding, body, now).map(drop)
        }
        As::Traces(encoding) | As::TracesOfUsers(encoding) => {
            receiver.traces(&origin, encoding, body, now).map(drop)
        }
        As::Plain(records) => receiver.plain(&origin, records, body, now).map(drop),
    };
    let stats = HeapStats::get();
    drop((counting, alone));
    let reserved = Intake::new(pace).allowance(body.len());
    (reserved, (stats.max_bytes - stats.curr_bytes) as u64, taken)
}

/// A text with as many parts as fit into so many bytes.
fn text(before: &str, part: impl Fn(usize) -> String, after: &str, length: usize) -> Vec<u8> {
    let mut body = before.to_owned();
    for n in 0.. {
        let part = part(n);
        if body.len() + part.len() + after.len() + 1 > length {
            break;
        }
        if n > 0 {
            body.push(',');
        }
        body.push_str(&part);
    }
    body.push_str(after);
    body.into_bytes()
}

/// A field of a message.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(value);
    field
}

/// A message with as many parts as fit into so many bytes, within others, the innermost first.
fn message(part: impl Fn(usize) -> Vec<u8>, within: &[u8], length: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for n in 0.. {
        let part = part(n);
        if body.len() + part.len() + 64 > length {
            break;
        }
        body.extend_from_slice(&part);
    }
    within.iter().fold(body, |body, number| field(*number, &body))
}

/// Where parts are in the JSON of metrics, before and after them.
const IN_JSON: [(&str, &str); 13] = [
    (r#"{"resourceMetrics":["#, "]}"),
    (r#"{"resourceMetrics":[{"scopeMetrics":["#, "]}]}"),
    (r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":["#, "]}]}]}"),
    (r#"{"resourceMetrics":[{"resource":{"attributes":["#, "]}}]}"),
    (r#"{"resourceMetrics":[{"resource":{"attributes":[{"value":{"arrayValue":{"values":["#, "]}}}]}}]}"),
    (r#"{"resourceMetrics":[{"resource":{"attributes":[{"value":{"kvlistValue":{"values":["#, "]}}}]}}]}"),
    (r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":["#, "]}}]}]}]}"),
    (
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"attributes":["#,
        "]}]}}]}]}]}",
    ),
    (
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":["#,
        "]}]}}]}]}]}",
    ),
    (
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"explicitBounds":["#,
        "]}]}}]}]}]}",
    ),
    (
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"exponentialHistogram":{"dataPoints":[{"positive":{"bucketCounts":["#,
        "]}}]}}]}]}]}",
    ),
    (
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"summary":{"dataPoints":[{"quantileValues":["#,
        "]}]}}]}]}]}",
    ),
    (
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","sum":{"isMonotonic":true,"aggregationTemporality":2,"dataPoints":[{"asInt":1,"exemplars":["#,
        "]}]}}]}]}]}",
    ),
];

/// Parts that may be anywhere.
const PARTS: [&str; 6] = ["[]", "{}", "1", "\"\\n\"", "[[],{}]", r#"{"":[]}"#];

/// Whole bodies of JSON: how one is taken, what is before and after parts, and the parts.
fn json_bodies(length: usize) -> Vec<(String, As, Vec<u8>)> {
    let mut bodies = Vec::new();
    for (before, after) in IN_JSON {
        for part in PARTS {
            let body = text(before, |_| part.to_owned(), after, length);
            bodies.push((format!("{before}{part}"), JSON, body));
        }
    }
    let points = IN_JSON[6];
    let lists = [
        (points, r#"{"asInt":1}"#),
        (points, r#"{"asInt":"x"}"#),
        (points, r#"{"flags":1}"#),
        (points, r#"{"asInt":1,"attributes":[{}]}"#),
        (points, r#"{"asInt":1,"attributes":[{"value":{"arrayValue":{}}}]}"#),
        (points, r#"{"asInt":1,"attributes":[{"key":"user","value":{"intValue":N}}]}"#),
        (IN_JSON[2], r#"{"name":"node_N","gauge":{"dataPoints":[{"asInt":1}]}}"#),
        (IN_JSON[2], r#"{"name":"\tN"}"#),
        (IN_JSON[5], r#"{"key":"N"}"#),
        (IN_JSON[5], r#"{"key":"N","value":{"kvlistValue":{"values":[{}]}}}"#),
        (IN_JSON[12], r#"{"filteredAttributes":[[],[],[],[]]}"#),
    ];
    for how in [JSON, As::MetricsOfUsers(Encoding::Json)] {
        for ((before, after), part) in lists {
            let body = text(before, |n| part.replace('N', &n.to_string()), after, length);
            bodies.push((format!("{before}{part}"), how, body));
        }
    }
    bodies.extend(long_texts(length));
    bodies.extend(spans(length));
    bodies.extend(plain(length));
    bodies
}

/// One text as long as the body.
fn long_texts(length: usize) -> Vec<(String, As, Vec<u8>)> {
    let mut bodies = Vec::new();
    for (before, after) in [
        (r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":""#, r#""}]}]}]}"#),
        (
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":1}]},"name":"node_"#,
            r#""}]}]}]}"#,
        ),
        (r#"{"resourceMetrics":""#, r#""}"#),
        (
            r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":""#,
            r#""}]}}]}]}]}"#,
        ),
        (
            r#"{"resourceMetrics":[{"resource":{"attributes":[{"value":{"arrayValue":{"values":[{"stringValue":""#,
            r#""}]}}}]}}]}"#,
        ),
        (r#"{"unknown":"#, "}"),
    ] {
        for filling in [&b"\\n"[..], b"x", b"\x7f", b"\xff", b"[", b"9", "\u{200b}".as_bytes()] {
            let mut body = before.as_bytes().to_vec();
            while body.len() + filling.len() + after.len() < length {
                body.extend_from_slice(filling);
            }
            body.extend_from_slice(after.as_bytes());
            bodies.push((format!("{before}{}", filling.escape_ascii()), JSON, body));
        }
    }
    bodies
}

fn spans(length: usize) -> Vec<(String, As, Vec<u8>)> {
    let places = [
        (r#"{"resourceSpans":["#, "]}"),
        (r#"{"resourceSpans":[{"scopeSpans":["#, "]}]}"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":["#, "]}]}]}"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":["#, "]}]}]}]}"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"events":["#, "]}]}]}]}"),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"links":["#, "]}]}]}]}"),
    ];
    let more = [r#"{"traceId":"\t"}"#, r#"{"attributes":[{"key":"user","value":{"intValue":N}}]}"#];
    let mut bodies = Vec::new();
    for (before, after) in places {
        for part in PARTS.into_iter().chain(more) {
            for how in [As::Traces(Encoding::Json), As::TracesOfUsers(Encoding::Json)] {
                let body = text(before, |n| part.replace('N', &n.to_string()), after, length);
                bodies.push((format!("{before}{part}"), how, body));
            }
        }
    }
    bodies
}

fn plain(length: usize) -> Vec<(String, As, Vec<u8>)> {
    let cases = [
        (Records::Http, "[", r#"{"method":"G","duration_seconds":1}"#, "]"),
        (Records::Http, "[", r#"{"method":"G","duration_seconds":1,"service":"N"}"#, "]"),
        (Records::Http, "[", r#"{"method":"\t","route":"/N/N/N/N","duration_seconds":1}"#, "]"),
        (Records::Http, "[", r#"{"method":"G","duration_seconds":1,"error":[[],[],[]]}"#, "]"),
        (Records::Http, r#"[{"method":"G","duration_seconds":1,"route":"#, r#"",""#, r#""}]"#),
        (Records::Http, r#"[{"method":"G","duration_seconds":1,"error":["#, "[]", "]}]"),
        (
            Records::Http,
            r#"[{"method":"G","duration_seconds":1,"error":{"$serde_json::private::RawValue":"["#,
            "[]",
            r#"]"}}]"#,
        ),
        (Records::Http, r#"[{"method":"G","duration_seconds":1,"route":""#, "/1/2/3/4/5/6", r#""}]"#),
        (Records::Database, "[", r#"{"duration_seconds":1}"#, "]"),
        (Records::Database, "[", r#"{"duration_seconds":1,"query":"SELECT"}"#, "]"),
        (Records::Database, "[", r#"{"pool":"\t","active":1}"#, "]"),
        (Records::Database, r#"[{"duration_seconds":1,"query":"SELECT 1"#, "1", r#""}]"#),
        (Records::Database, r#"[{"duration_seconds":1,"query":"SELECT 1 FROM a"#, "a", r#""}]"#),
        (Records::Database, r#"[{"duration_seconds":1,"table":"a"#, "a", r#""}]"#),
        (Records::Custom, r#"{"define":["#, "{}", "]}"),
        (Records::Custom, r#"{"define":["#, r#"{"name":"aN","type":"gauge"}"#, "]}"),
        (Records::Custom, r#"{"define":[{"name":"a","type":"gauge","labels":["#, r#""bN""#, "]}]}"),
        (Records::Custom, r#"{"define":[{"name":"a","type":"histogram","buckets":["#, "N", "]}]}"),
        (Records::Custom, r#"{"record":["#, r#"{"name":"active_users","value":1}"#, "]}"),
        (
            Records::Custom,
            r#"{"record":["#,
            r#"{"name":"feature_usage_total","value":1,"labels":{"feature":"N"}}"#,
            "]}",
        ),
        (
            Records::Custom,
            r#"{"record":[{"name":"active_users","value":1,"labels":{"a":1"#,
            r#""N":N"#,
            "}}]}",
        ),
        (Records::Custom, r#"{"record":[{"value":1,"name":"a"#, "a", r#""}]}"#),
    ];
    let mut bodies = Vec::new();
    for (records, before, part, after) in cases {
        let body = text(before, |n| part.replace('N', &n.to_string()), after, length);
        bodies.push((format!("{before}{part}"), As::Plain(records), body));
    }
    for records in [Records::Http, Records::Database, Records::Custom] {
        for part in PARTS {
            let body = text("[", |_| part.to_owned(), "]", length);
            bodies.push((format!("[{part}"), As::Plain(records), body));
        }
    }
    bodies
}

/// Bodies of protobuf: parts, and in which fields they are.
fn protobuf_bodies(length: usize) -> Vec<(String, As, Vec<u8>)> {
    let empty = |number: u8| vec![number << 3 | 2, 0];
    let number = |n: usize| [&[0x19][..], &(n as u64).to_le_bytes()].concat();
    let user = |n: usize| {
        let value = field(2, &field(1, n.to_string().as_bytes()));
        field(7, &[field(1, b"user"), value].concat())
    };
    // An attribute of a resource, and a value within it.
    let nested: &[u8] = &[1, 1, 1];
    type Part<'p> = Box<dyn Fn(usize) -> Vec<u8> + 'p>;
    let cases: Vec<(&str, Part<'_>, Vec<u8>)> = vec![
        ("resources", Box::new(|_| empty(1)), vec![]),
        ("scopes", Box::new(|_| empty(2)), vec![1]),
        ("metrics", Box::new(|_| empty(2)), vec![2, 1]),
        ("names that are not UTF-8", Box::new(|_| field(2, &field(1, b"\xff"))), vec![2, 1]),
        ("attributes of resources", Box::new(|_| empty(1)), vec![1, 1]),
        ("points that have ended", Box::new(|_| field(1, &[0x40, 1])), vec![5, 2, 2, 1]),
        ("points without a value", Box::new(|_| empty(1)), vec![5, 2, 2, 1]),
        ("sums", Box::new(|_| field(1, &[0x40, 1])), vec![7, 2, 2, 1]),
        ("histograms", Box::new(|_| empty(1)), vec![9, 2, 2, 1]),
        ("exponential histograms", Box::new(|_| empty(1)), vec![10, 2, 2, 1]),
        ("summaries", Box::new(|_| empty(1)), vec![11, 2, 2, 1]),
        ("attributes of one point", Box::new(|_| empty(7)), vec![1, 5, 2, 2, 1]),
        ("an attribute of each point", Box::new(|_| field(1, &[0x40, 1, 0x3a, 0])), vec![5, 2, 2, 1]),
        ("exemplars", Box::new(|_| empty(5)), vec![1, 5, 2, 2, 1]),
        ("an exemplar of each point", Box::new(|_| field(1, &[0x40, 1, 0x2a, 0])), vec![5, 2, 2, 1]),
        ("bounds", Box::new(|_| vec![0x39, 0, 0, 0, 0, 0, 0, 0, 0]), vec![1, 9, 2, 2, 1]),
        ("a bucket of each point", Box::new(|_| field(1, &field(8, &field(2, &[1])))), vec![10, 2, 2, 1]),
        ("buckets", Box::new(|_| vec![0x10, 1]), vec![8, 1, 10, 2, 2, 1]),
        ("packed buckets", Box::new(|_| vec![1]), vec![2, 8, 1, 10, 2, 2, 1]),
        ("quantiles", Box::new(|_| empty(6)), vec![1, 11, 2, 2, 1]),
        ("a list", Box::new(|_| empty(1)), [&[5, 2][..], nested].concat()),
        ("a list of lists", Box::new(|_| field(1, &empty(5))), [&[5, 2][..], nested].concat()),
        (
            "a map",
            Box::new(|n| field(1, &field(1, n.to_string().as_bytes()))),
            [&[6, 2][..], nested].concat(),
        ),
        (
            "maps",
            Box::new(|n| {
                field(1, &[field(1, n.to_string().as_bytes()), field(2, &field(6, &empty(1)))].concat())
            }),
            [&[6, 2][..], nested].concat(),
        ),
        ("bytes", Box::new(|_| vec![0]), [&[7, 2][..], nested].concat()),
        ("bytes that are not UTF-8", Box::new(|_| vec![0xff]), [&[1, 2][..], nested].concat()),
        (
            "a list in each attribute",
            Box::new(|_| field(1, &field(7, &field(2, &empty(5))))),
            vec![9, 2, 2, 1],
        ),
        ("points of users", Box::new(|n| field(1, &[&[0x40, 1][..], &user(n)].concat())), vec![5, 2, 2, 1]),
        ("numbers that are no fields", Box::new(number), vec![5, 2, 2, 1]),
        (
            "names that are taken",
            Box::new(|n| {
                let point = field(5, &field(1, &[0x40, 1]));
                field(2, &[field(1, format!("node_{n}").as_bytes()), point].concat())
            }),
            vec![2, 1],
        ),
    ];
    let mut bodies = Vec::new();
    for (what, part, within) in &cases {
        for how in [PROTOBUF, As::MetricsOfUsers(Encoding::Protobuf)] {
            bodies.push(((*what).to_owned(), how, message(part, within, length)));
        }
    }
    let spans: Vec<(&str, Part<'_>, Vec<u8>)> = vec![
        ("spans", Box::new(|_| empty(2)), vec![2, 1]),
        ("attributes of a span", Box::new(|_| empty(9)), vec![2, 2, 1]),
        ("an attribute of each span", Box::new(|_| field(2, &empty(9))), vec![2, 1]),
        ("events and links", Box::new(|_| [empty(11), empty(13)].concat()), vec![2, 2, 1]),
        ("users", Box::new(|n| field(2, &field(9, &user(n)[2..]))), vec![2, 1]),
    ];
    for (what, part, within) in &spans {
        for how in [As::Traces(Encoding::Protobuf), As::TracesOfUsers(Encoding::Protobuf)] {
            bodies.push(((*what).to_owned(), how, message(part, within, length)));
        }
    }
    bodies
}

#[test]
fn a_request_takes_no_more_than_was_reserved_for_it() {
    let (mut refused, mut failed) = (0, Vec::new());
    for (length, pending_bytes) in LENGTHS {
        for (what, how, body) in json_bodies(length).into_iter().chain(protobuf_bodies(length)) {
            let (reserved, taken, outcome) = take(how, &body, pending_bytes);
            let what = format!("{} bytes of {what} as {how:?}", body.len());
            if taken > reserved {
                failed.push(format!("{what} take {taken} bytes, and {reserved} are reserved"));
            }
            refused += u64::from(matches!(outcome, Err(Unreadable::Spent(_))));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(refused > 100, "most of these would take more: {refused}");
}

#[test]
fn usual_requests_are_far_from_their_bound() {
    for shape in [Shape::Sums, Shape::Histograms] {
        let request = Request { shape, program: 0, time_ns: STARTED_NS };
        for (how, body) in
            [(PROTOBUF, requests::protobuf(request)), (JSON, requests::json(request).into_bytes())]
        {
            let (reserved, taken, outcome) = take(how, &body, PENDING);
            println!("{taken} of {reserved} for {} bytes of {shape:?} as {how:?}", body.len());
            assert_eq!(outcome, Ok(()));
            assert!(2 * taken < reserved, "{taken} of {reserved} bytes for {shape:?} as {how:?}");
        }
    }
}
