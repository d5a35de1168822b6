//! Programs with OpenTelemetry's SDKs send what they measure: a real Prometheus that scrapes
//! dockmeter then holds what the SDKs say that they have sent, and the same as Prometheus's own
//! receiver makes of the same requests. So it is with odd requests that are made by hand, for
//! which `tests/golden/otlp` holds what the receiver has made of them; `./test --long` builds the
//! receiver, which Debian's packages leave out, and with `DOCKMETER_RENEW_GOLDEN=1` renews them.

mod fixture;
mod program;
mod receiver;
mod series;
mod stories;
mod tap;

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use dockmeter::config::TokenHash;
use tempfile::TempDir;

use crate::exporter::{BINARY, Exporter, NO_ENGINE, bearer};
use crate::http;
use crate::prometheus::Prometheus;
use program::{Language, Program, expected};
use receiver::Receiver;
use series::{SeriesSet, differences, until_same, without_buckets};
use tap::{Request, Tap};

const METRICS: &str = "/v1/metrics";
const TOKEN: &str = "clients-token";

/// Labels that only what dockmeter shows has: whose the series are.
const OWN: [&str; 7] = ["job", "instance", "service", "service_instance", "user", "project", "team"];

/// A dockmeter that takes what programs of one project send, and a Prometheus that scrapes it.
struct World {
    exporter: Exporter,
    prometheus: Prometheus,
    _configuration: TempDir,
}

impl World {
    fn new() -> Option<World> {
        let folder = tempfile::tempdir().unwrap();
        let hash = TokenHash::of(TOKEN);
        let text =
            format!("auth: {{tokens: [{{name: t, hash: '{hash}', scopes: [write], project: shop}}]}}\n");
        fs::write(folder.path().join("dockmeter.yml"), text).unwrap();
        let config = format!("--config.file={}", folder.path().join("dockmeter.yml").display());
        let mut command = Command::new(BINARY);
        // Else some names are those of dashboards that were made before OpenTelemetry.
        command.env_clear().env("DOCKMETER_INSTRUMENTATION_NAMES", "otel");
        let exporter = Exporter::spawn(&mut command, NO_ENGINE, &[&config]);
        let prometheus = Prometheus::scraping_native(exporter.address)?;
        Some(World { exporter, prometheus, _configuration: folder })
    }

    /// What Prometheus has scraped of a service.
    fn scraped(&self, service: &str) -> SeriesSet {
        let query = format!("{{job='dockmeter',project='shop',service='{service}'}}");
        series::of_rows(&self.prometheus.rows(&query), &OWN)
    }

    /// Sends a request, and returns what was not taken of it.
    fn send(&self, request: &Request) -> String {
        let token = bearer(TOKEN);
        let headers = request.headers.iter().map(String::as_str).chain([&*token]);
        let headers: Vec<_> = headers.collect();
        let answer = http::send(self.exporter.address, &request.path, &headers, &request.body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().to_owned()
    }
}

/// A way in which an SDK may be set up.
type Settings<'a> = &'a [(&'a str, &'a str)];

const GZIP: (&str, &str) = ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
const DELTA: (&str, &str) = ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");
const EXPONENTIAL: (&str, &str) =
    ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram");
const JSON: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
const PROTOBUF: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");

/// Starts a program that calls itself `service`.
fn start(language: Language, to: SocketAddr, service: &str, settings: Settings<'_>) -> Option<Program> {
    let attributes = "service.instance.id=one,user=eve,project=bank";
    let named = [("OTEL_SERVICE_NAME", service), ("OTEL_RESOURCE_ATTRIBUTES", attributes)];
    Program::start(language, to, TOKEN, &[&named, settings].concat())
}

/// A program at work, and what went by on its way to dockmeter.
struct Sender {
    service: &'static str,
    tap: Tap,
    program: Program,
}

/// Ways to set an SDK up, each with the name of its service.
type Ways = [(&'static str, Settings<'static>)];

const PYTHON: &Ways = &[
    ("python-cumulative", &[]),
    ("python-delta", &[DELTA, GZIP]),
    ("python-exponential", &[EXPONENTIAL]),
    ("python-exponential-delta", &[EXPONENTIAL, DELTA]),
];
const NODE: &Ways = &[
    ("node-json", &[JSON]),
    ("node-json-delta", &[JSON, DELTA, GZIP]),
    ("node-protobuf", &[PROTOBUF, EXPONENTIAL]),
    ("node-protobuf-delta", &[PROTOBUF, EXPONENTIAL, DELTA, GZIP]),
];

/// Has one program for each way to set its SDK up work and send three times.
fn senders(world: &World, language: Language, ways: &Ways) -> Option<Vec<Sender>> {
    let mut senders = Vec::new();
    for (service, settings) in ways {
        let tap = Tap::before(world.exporter.address);
        let program = start(language, tap.address, service, settings)?;
        senders.push(Sender { service, tap, program });
    }
    for _ in 0..3 {
        senders.iter_mut().for_each(|sender| sender.program.work());
    }
    Some(senders)
}

/// Compares what programs said that they sent with what Prometheus scraped from dockmeter.
fn compare_with_sent(language: Language, ways: &Ways, runtime: &[&str]) {
    let Some(world) = World::new() else { return };
    let Some(senders) = senders(&world, language, ways) else { return };
    for Sender { service, program, .. } in &senders {
        let sent = expected(&program.told);
        let held = until_same(service, || (world.scraped(service), sent.clone()));
        for name in runtime {
            let known = |key: &String| key.split('{').next() == Some(name);
            assert!(held.keys().any(known), "{service}: `{name}` is not among {:?}", held.keys());
        }
    }
    let page = world.exporter.page();
    assert_eq!(page.all("dockmeter_ingest_rejected_points_total", &[]).count(), 0, "something was refused");
}

/// Compares what Prometheus scraped from dockmeter with what its own receiver made of the same
/// requests. Native buckets, which the other comparison looks at one by one, are left out: the
/// receiver puts some into the bucket next to theirs where it makes them wider, and it breaks
/// off where exponential histograms come as differences.
fn compare_with_received(language: Language, ways: &Ways) {
    let (Some(world), Some(receiver)) = (World::new(), Receiver::start()) else { return };
    let breaks = |settings: Settings<'_>| settings.contains(&DELTA) && settings.contains(&EXPONENTIAL);
    let ways: Vec<_> = ways.iter().filter(|(_, settings)| !breaks(settings)).copied().collect();
    let Some(senders) = senders(&world, language, &ways) else { return };
    for Sender { service, tap, .. } in &senders {
        let requests = tap.requests(METRICS);
        assert_eq!(requests.len(), 3, "{service}");
        requests.iter().for_each(|request| assert!(receiver.take(request), "{service}"));
        let received = without_buckets(receiver::series(&receiver.rows(service)));
        until_same(service, || (without_buckets(world.scraped(service)), received.clone()));
    }
}

#[test]
fn what_a_program_in_python_sends_is_what_prometheus_holds() {
    let runtime = [
        "http_server_active_requests",
        "process_cpu_time_seconds_total",
        "process_memory_usage_bytes",
        "process_thread_count",
        "cpython_gc_collections_total",
        "cpython_gc_collected_objects_total",
    ];
    compare_with_sent(Language::Python, PYTHON, &runtime);
}

#[test]
fn what_a_program_in_node_sends_is_what_prometheus_holds() {
    let runtime = [
        "nodejs_eventloop_delay_p99_seconds",
        "nodejs_eventloop_utilization_ratio",
        "nodejs_eventloop_time_seconds_total",
        "v8js_memory_heap_used_bytes",
    ];
    compare_with_sent(Language::Node, NODE, &runtime);
}

/// A sum of series of this name with these labels.
type Count<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

/// Has a program work twice that sends nothing but spans, and looks for what they count.
fn compare_spans(language: Language, service: &str, settings: Settings<'_>, counts: &[Count<'_>]) {
    let Some(world) = World::new() else { return };
    let settings = [settings, &[("OTEL_METRICS_EXPORTER", "none")]].concat();
    let Some(mut program) = start(language, world.exporter.address, service, &settings) else { return };
    (0..2).for_each(|_| program.work());
    for (name, labels, count) in counts {
        let labels = [*labels, &[("project", "shop"), ("service", service)]].concat();
        world.exporter.until(&format!("{count} in `{name}` of {labels:?}"), |page| {
            let sum: f64 = page.all(name, &labels).map(|sample| sample.value).sum();
            (sum == *count).then_some(())
        });
    }
}

const REQUESTS: &str = "http_server_request_duration_seconds_count";
const CALLS: &str = "db_client_operation_duration_seconds_count";

#[test]
fn spans_of_a_program_in_python_count_its_requests_and_queries() {
    let counts: [Count<'_>; 3] = [
        (REQUESTS, &[("http_request_method", "GET"), ("http_response_status_code", "200")], 6.0),
        (REQUESTS, &[("http_request_method", "GET"), ("http_response_status_code", "500")], 2.0),
        // Their spans have nothing but the statement besides.
        (CALLS, &[("db_system_name", "sqlite")], 12.0),
    ];
    compare_spans(Language::Python, "python-spans", &[GZIP], &counts);
}

#[test]
fn spans_of_a_program_in_node_count_its_requests_and_queries() {
    let counts: [Count<'_>; 4] = [
        (REQUESTS, &[("http_route", "/orders/{id}"), ("http_response_status_code", "200")], 6.0),
        (REQUESTS, &[("http_route", "/broken"), ("http_response_status_code", "500")], 2.0),
        (
            CALLS,
            &[
                ("db_system_name", "postgresql"),
                ("db_operation_name", "INSERT"),
                ("db_collection_name", "orders"),
            ],
            6.0,
        ),
        (
            CALLS,
            &[
                ("db_system_name", "postgresql"),
                ("db_operation_name", "SELECT"),
                ("db_collection_name", "orders"),
            ],
            6.0,
        ),
    ];
    compare_spans(Language::Node, "node-spans", &[JSON], &counts);
}

#[test]
#[ignore = "builds Prometheus's receiver, which takes minutes"]
fn what_a_program_in_python_sends_is_what_prometheus_would_receive() {
    compare_with_received(Language::Python, PYTHON);
}

#[test]
#[ignore = "builds Prometheus's receiver, which takes minutes"]
fn what_a_program_in_node_sends_is_what_prometheus_would_receive() {
    compare_with_received(Language::Node, NODE);
}

/// Series that are deliberately not what Prometheus makes of the same requests, and why.
const DELIBERATE: [(&str, &[&str]); 8] = [
    ("a sum that never falls is finite, or nothing could be added to it", &["refused_infinite_total{}"]),
    ("the sender's threshold for zero is kept", &["exponential_e15_seconds{}", "kinds_exponential_bytes{}"]),
    (
        "a sum that is no number, or that there is none, is not shown; protobuf has no way to leave it out",
        &[
            "exponential_e20_seconds{}",
            "histograms_h3_seconds_sum{}",
            "histograms_h5_seconds_sum{}",
            "histograms_h9_seconds_sum{}",
        ],
    ),
    (
        "control characters and spaces at the ends of values are cleaned away",
        &[
            "labels_of34{spaces_in_key=\"  spaces  \"}",
            "labels_of34{spaces_in_key=\"spaces\"}",
            "labels_of35{}",
            "labels_of35{tab_=\"\\t\\r\"}",
            "labels_of36{nul=\"a b\"}",
            "labels_of36{nul=\"a\\0b\"}",
            "labels_of9{a=\"say \\\"hi\\\"\\\\ new\"}",
            "labels_of9{a=\"say \\\"hi\\\"\\\\\\nnew\"}",
        ],
    ),
    (
        "labels that begin with `__` are Prometheus's own",
        &[
            "labels_of2{__a=\"1\"}",
            "labels_of2{key_a=\"1\"}",
            "labels_of31{___x=\"1\"}",
            "labels_of31{key_x=\"1\"}",
        ],
    ),
    ("a key of which nothing is left has no label", &["labels_of8{__=\"日本\"}", "labels_of8{}"]),
    (
        "doubles that are no numbers have the names that OpenTelemetry gives them",
        &[
            "labels_of20{d=\"NaN\"}",
            "labels_of20{d=\"json: unsupported value: NaN\"}",
            "labels_of21{d=\"Infinity\"}",
            "labels_of21{d=\"json: unsupported value: +Inf\"}",
            "labels_of22{d=\"-Infinity\"}",
            "labels_of22{d=\"json: unsupported value: -Inf\"}",
        ],
    ),
    (
        "JSON is not written for web pages",
        &[
            "labels_of23{l=\"[\\\"a\\\",1,true,1.5,\\\"\\\\\\\"<&\\\"]\"}",
            "labels_of23{l=\"[\\\"a\\\",1,true,1.5,\\\"\\\\\\\"\\\\u003c\\\\u0026\\\"]\"}",
        ],
    ),
];

#[test]
fn odd_requests_become_what_prometheus_makes_of_them() {
    let Some(world) = World::new() else { return };
    let fixtures = fixture::all();
    for fixture in &fixtures {
        for request in &fixture.requests {
            let refused = world.send(request);
            assert_eq!(refused == "{}", fixture.name != "refused", "{}: {refused}", fixture.name);
        }
    }
    let deliberate: Vec<_> = DELIBERATE.iter().flat_map(|(_, keys)| *keys).copied().collect();
    for fixture in &fixtures {
        let golden = receiver::series(&fixture.golden());
        assert!(!golden.is_empty(), "{}: nothing was received", fixture.name);
        let same = |mut series: SeriesSet| {
            series.retain(|key, _| !deliberate.contains(&&**key));
            series
        };
        until_same(&fixture.name, || (same(world.scraped(&fixture.name)), same(golden.clone())));
        // What differs on purpose does.
        let scraped = world.scraped(&fixture.name);
        let differences = differences(&scraped, &golden);
        for key in deliberate.iter().filter(|key| scraped.contains_key(**key) || golden.contains_key(**key)) {
            assert!(differences.iter().any(|line| line.starts_with(key)), "{key} is the same by now");
        }
    }
}

#[test]
#[ignore = "builds Prometheus's receiver, which takes minutes"]
fn prometheus_still_makes_of_odd_requests_what_is_written_down() {
    let Some(receiver) = Receiver::start() else { return };
    for fixture in fixture::all() {
        for request in &fixture.requests {
            assert!(receiver.take(request), "{} is refused by Prometheus", fixture.name);
        }
        let rows = receiver.rows(&fixture.name);
        if std::env::var_os("DOCKMETER_RENEW_GOLDEN").is_some() {
            fixture.renew(&rows);
        }
        let (now, written) = (receiver::series(&rows), receiver::series(&fixture.golden()));
        let differences = differences(&now, &written);
        assert!(differences.is_empty(), "{}: {}", fixture.name, differences.join("\n"));
    }
}
