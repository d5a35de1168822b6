//! One stored series under several names: which labels, and what several are together.

use super::*;
use crate::ingest::measure::HTTP_BOUNDS;
use crate::ingest::otlp::model::{AnyValue, Buckets, Exemplar, Exponential, Run};
use crate::ingest::standard::upgrade::Convention;
use proptest::prelude::*;
use std::collections::BTreeMap;

const REQUESTS: &str = "http_server_request_duration_seconds";

pub(super) fn page_of(store: &Store, naming: Naming) -> String {
    page_in(Dialect::Prometheus, store, naming)
}

fn page_in(dialect: Dialect, store: &Store, naming: Naming) -> String {
    let mut encoder = TextEncoder::new(dialect, Vec::new());
    store.walk(naming, &mut |visit| match visit {
        Visit::Family(family) => encoder.open(Family::Foreign(family.clone())),
        Visit::Series(labels, value) => show(&mut encoder, labels, value),
    });
    String::from_utf8(encoder.finish()).unwrap()
}

/// The lines of a name, without the labels that all of a sender have.
fn lines(page: &str, name: &str) -> Vec<String> {
    let of_name = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    let sender = r#"service="api",service_instance="1",user="ann",project="shop",team="unknown""#;
    of_name.map(|line| line.replace(&format!("{sender},"), "").replace(sender, "")).collect()
}

fn attributes(pairs: &[(&'static str, &'static str)]) -> Vec<Attribute<'static>> {
    pairs.iter().map(|(key, value)| Attribute::text(*key, *value)).collect()
}

/// Sends a point of a metric that is kept under this name and kind.
fn send(
    store: &Store,
    (name, kind): (&str, Kind),
    attributes: &[Attribute<'_>],
    update: Update<'_>,
    times: (u64, u64),
    now: Instant,
) -> Result<(), Refused> {
    store.record(&sender("ann", "api"), None, now, |writer| {
        let stream = writer.stream((name, kind), || Ok((name.to_owned(), kind, String::new())))?;
        writer.point(stream, attributes, update, times)
    })?
}

fn roomy() -> (Store, Instant) {
    let limits = Limits { series_per_tenant: 1_000, series_per_metric: 1_000, series_total: 1_000, ..LIMITS };
    (Store::new(Limits { metrics_per_tenant: 100, bytes: 16 << 20, ..limits }), Instant::now())
}

fn durations(counts: [u64; 3]) -> Buckets {
    let bounds = vec![0.1, 1.0];
    Buckets { count: counts.iter().sum(), sum: Some(counts[1] as f64), bounds, counts: counts.to_vec() }
}

#[test]
fn series_that_differ_in_what_classic_names_do_not_know_are_added_up() {
    let (store, now) = roomy();
    let one = durations([1, 2, 0]);
    for (scheme, error) in [("http", ""), ("https", ""), ("https", "timeout")] {
        let sent = attributes(&[
            ("http.request.method", "GET"),
            ("http.route", "/a"),
            ("url.scheme", scheme),
            ("error.type", error),
        ]);
        let update = Update::Buckets(&one, Temporality::Cumulative);
        send(&store, (REQUESTS, Kind::Histogram), &sent, update, (1, 2), now).unwrap();
    }
    let page = page_of(&store, Naming::Both);
    assert_eq!(lines(&page, "http_requests_total"), [r#"http_requests_total{method="GET",route="/a"} 9"#]);
    assert_eq!(
        lines(&page, "http_request_duration_seconds_bucket"),
        [("0.1", 3), ("1.0", 9), ("+Inf", 9)].map(|(le, count)| format!(
            r#"http_request_duration_seconds_bucket{{method="GET",route="/a",le="{le}"}} {count}"#
        ))
    );
    assert_eq!(lines(&page, "http_request_duration_seconds_sum")[0].rsplit(' ').next(), Some("6"));
    assert_eq!(lines(&page, &format!("{REQUESTS}_count")).len(), 3, "{page}");
    assert!(lines(&page_of(&store, Naming::Otel), "http_requests_total").is_empty());
    assert!(!page_of(&store, Naming::Classic).contains(REQUESTS));
    assert_eq!(store.series(), 3);
}

#[test]
fn connections_of_all_pools_are_one_gauge() {
    let (store, now) = roomy();
    let state = |pool, state, value| {
        let key = |name: &'static str, value: &'static str| Attribute::text(name, value);
        let sent = [key("db.client.connection.pool.name", pool), key("db.client.connection.state", state)];
        let metric = ("db_client_connection_count", Kind::Gauge);
        send(&store, metric, &sent, Update::Last(value), (0, 0), now).unwrap();
    };
    state("a", "used", 3.0);
    state("b", "used", 4.0);
    state("a", "idle", 1.0);
    state("a", "used", 2.0);
    let page = page_of(&store, Naming::Classic);
    assert_eq!(lines(&page, "db_connections_active"), ["db_connections_active{} 6"]);
    assert_eq!(lines(&page, "db_connections_idle"), ["db_connections_idle{} 1"]);
    store.expire(now + Duration::from_secs(10_000));
    assert!(page_of(&store, Naming::Both).is_empty());
}

#[test]
fn what_a_program_sends_under_a_classic_name_stands_before_the_same_of_another() {
    let (store, now) = roomy();
    let one = durations([1, 0, 0]);
    for route in ["/a", "/b"] {
        let sent = attributes(&[("http.request.method", "GET"), ("http.route", route)]);
        let update = Update::Buckets(&one, Temporality::Cumulative);
        send(&store, (REQUESTS, Kind::Histogram), &sent, update, (1, 2), now).unwrap();
    }
    for (route, value) in [("/a", 17.0), ("/c", 18.0)] {
        let own = attributes(&[("method", "GET"), ("route", route)]);
        let update = Update::Sum(value, Temporality::Cumulative);
        send(&store, ("http_requests_total", Kind::Counter), &own, update, (1, 2), now).unwrap();
    }
    let page = page_of(&store, Naming::Classic);
    assert_eq!(
        lines(&page, "http_requests_total"),
        [
            r#"http_requests_total{method="GET",route="/a"} 17"#,
            r#"http_requests_total{method="GET",route="/c"} 18"#,
            r#"http_requests_total{method="GET",route="/b"} 1"#,
        ]
    );
    assert_eq!(page.matches("# TYPE http_requests_total ").count(), 1);
    // Another kind under the name has a name of its own.
    send(&store, ("http_requests_total", Kind::Gauge), &[], Update::Last(5.0), (0, 0), now).unwrap();
    assert_eq!(lines(&page_of(&store, Naming::Classic), "http_requests_total_gauge").len(), 1);
}

#[test]
fn paths_are_one_route_under_every_name() {
    let (store, now) = roomy();
    let one = durations([1, 0, 0]);
    let sent = |key: &'static str, path: &'static str| {
        let update = Update::Buckets(&one, Temporality::Cumulative);
        send(&store, (REQUESTS, Kind::Histogram), &attributes(&[(key, path)]), update, (1, 2), now).unwrap();
    };
    sent("http.route", "/users/{id}");
    sent("http.target", "/users/17?token=secret");
    sent("url.path", "/users/18");
    sent("http.route", "/users/{id}");
    let page = page_of(&store, Naming::Both);
    let expected = format!(r#"{REQUESTS}_count{{http_route="/users/{{id}}"}} 3"#);
    assert_eq!(lines(&page, &format!("{REQUESTS}_count")), [expected]);
    assert_eq!(lines(&page, "http_requests_total"), [r#"http_requests_total{route="/users/{id}"} 3"#]);
    assert!(!page.contains("secret"));
}

#[test]
fn a_program_with_too_many_routes_has_some_and_the_other_ones() {
    let (store, now) = roomy();
    let one = durations([1, 0, 0]);
    for n in 0..600 {
        let letters = |n: u32| char::from(b'a' + (n % 26) as u8);
        let route = format!("/{}{}{}", letters(n / 676), letters(n / 26), letters(n));
        let sent = [Attribute::text("http.route", route)];
        let update = Update::Buckets(&one, Temporality::Cumulative);
        send(&store, (REQUESTS, Kind::Histogram), &sent, update, (1, 2), now).unwrap();
    }
    let page = page_of(&store, Naming::Classic);
    let shown = lines(&page, "http_requests_total");
    assert_eq!(shown.len(), 501);
    assert!(shown.contains(&r#"http_requests_total{route="other"} 100"#.to_owned()), "{shown:?}");
}

#[test]
fn a_program_that_changes_to_newer_conventions_counts_on() {
    let (store, now) = roomy();
    let send = |convention, key: &'static str, count, times| {
        let value = durations([count, 0, 0]);
        let sent = [Attribute::text("http.request.method", "GET"), Attribute::text(key, "x")];
        let taken = store.record(&sender("ann", "api"), None, now, |writer| {
            let named = || Ok((REQUESTS.to_owned(), Kind::Histogram, String::new()));
            let stream = writer.stream(REQUESTS, named).unwrap();
            let comes = writer.comes_by(stream, convention);
            if comes {
                let update = Update::Buckets(&value, Temporality::Cumulative);
                writer.point(stream, &sent, update, times).unwrap();
            }
            comes
        });
        let page = page_of(&store, Naming::Classic);
        (taken.unwrap(), lines(&page, "http_requests_total")[0].rsplit(' ').next().unwrap().to_owned())
    };
    assert_eq!(send(Convention::Old, "old", 5, (10, 20)), (true, "5".to_owned()));
    // The same program sends the same requests under the new name, too: what had been counted
    // stays, and what comes now begins there.
    assert_eq!(send(Convention::Current, "new", 6, (10, 21)), (true, "5".to_owned()));
    assert_eq!(send(Convention::Old, "old", 7, (10, 30)), (false, "5".to_owned()));
    assert_eq!(send(Convention::Current, "new", 8, (10, 31)), (true, "7".to_owned()));
}

/// Requests that spans tell of.
fn spans(store: &Store, method: &'static str, seconds: &[f64], now: Instant) {
    let sent = attributes(&[("http.request.method", method)]);
    let taken = store.record(&sender("ann", "api"), None, now, |writer| {
        let stream = writer.stream(REQUESTS, || Ok((REQUESTS.to_owned(), Kind::Histogram, String::new())))?;
        for seconds in seconds {
            assert!(writer.takes(stream, By::Spans));
            writer.add(stream, &sent, Update::Observe(*seconds, &HTTP_BOUNDS), (0, 0))?;
        }
        Ok::<_, Refused>(())
    });
    taken.unwrap().unwrap();
}

/// Values of a page's lines that may only grow.
fn counters(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#') && line.starts_with("http_request"));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

#[test]
fn a_program_that_counts_itself_goes_on_from_what_its_spans_have_told() {
    let (store, now) = roomy();
    spans(&store, "GET", &[0.05; 12], now);
    let metric = (REQUESTS, Kind::Histogram);
    let program = |method, scheme, counts, time| {
        let sent = attributes(&[("http.request.method", method), ("url.scheme", scheme)]);
        let value = durations(counts);
        let update = Update::Buckets(&value, Temporality::Cumulative);
        send(&store, metric, &sent, update, (10, time), now).unwrap();
        let page = page_of(&store, Naming::Classic);
        let shown = lines(&page, "http_requests_total").into_iter();
        shown.map(|line| line.replace("http_requests_total", "")).collect::<Vec<_>>()
    };
    // It has begun anew since, and has counted fewer; what spans have not told of is new.
    assert_eq!(program("GET", "http", [5, 0, 0], 20), [r#"{method="GET"} 12"#]);
    assert_eq!(program("GET", "https", [1, 0, 0], 20), [r#"{method="GET"} 12"#]);
    assert_eq!(program("PUT", "http", [3, 0, 0], 20)[1], r#"{method="PUT"} 3"#);
    assert_eq!(program("GET", "http", [7, 1, 0], 30)[0], r#"{method="GET"} 15"#);
    // What it has not counted before, nobody has.
    assert_eq!(program("GET", "grpc", [4, 0, 0], 40)[0], r#"{method="GET"} 19"#);
    let buckets = lines(&page_of(&store, Naming::Classic), "http_request_duration_seconds_bucket");
    assert_eq!(
        buckets[..3],
        [("0.1", 18), ("1.0", 19), ("+Inf", 19)].map(|(le, count)| format!(
            r#"http_request_duration_seconds_bucket{{method="GET",le="{le}"}} {count}"#
        ))
    );
    // Under its own name stands what the program has counted.
    let own = lines(&page_of(&store, Naming::Otel), &format!("{REQUESTS}_count"));
    assert_eq!(own.len(), 4, "{own:?}");
    assert!(own[0].ends_with(" 8"), "{own:?}");
    assert_eq!(store.series(), 4);
    store.expire(now + Duration::from_secs(10_000));
    assert!(page_of(&store, Naming::Both).is_empty());
}

#[test]
fn the_latest_exemplar_of_all_members_stands_behind_a_bucket() {
    let (store, now) = roomy();
    let rooms = Rooms::default();
    let exemplar = |value: f64, time: u64| {
        format!(r#"{{"asDouble":{value},"timeUnixNano":"{time}000000000","traceId":"0{time}"}}"#)
    };
    let of = |scheme, exemplars: &[String]| {
        let sent = attributes(&[("http.request.method", "GET"), ("url.scheme", scheme)]);
        let value = durations([1, 1, 1]);
        let exemplars: Vec<Exemplar<'_>> = exemplars.iter().map(|text| Exemplar::Json(text)).collect();
        let taken = store.record(&sender("ann", "api"), None, now, |writer| {
            let named = || Ok((REQUESTS.to_owned(), Kind::Histogram, String::new()));
            let stream = writer.stream(REQUESTS, named)?;
            writer.point(stream, &sent, Update::Buckets(&value, Temporality::Cumulative), (1, 2))?;
            writer.exemplars(stream, &sent, &exemplars, &rooms.of(&sender("ann", "api").tenant));
            Ok::<_, Refused>(())
        });
        taken.unwrap().unwrap();
    };
    of("http", &[exemplar(0.05, 3), exemplar(0.5, 4)]);
    of("https", &[exemplar(0.07, 5), exemplar(0.6, 2), exemplar(9.0, 1)]);
    let page = page_in(Dialect::OpenMetrics, &store, Naming::Classic);
    let behind = |le: &str| {
        let buckets = lines(&page, "http_request_duration_seconds_bucket");
        let line = buckets.into_iter().find(|line| line.contains(&format!(r#"le="{le}""#))).unwrap();
        line.split_once(" # ").map(|(_, exemplar)| exemplar.to_owned())
    };
    assert_eq!(behind("0.1").as_deref(), Some(r#"{trace_id="05"} 0.07 5"#));
    assert_eq!(behind("1.0").as_deref(), Some(r#"{trace_id="04"} 0.5 4"#));
    assert_eq!(behind("+Inf").as_deref(), Some(r#"{trace_id="01"} 9 1"#));
}

/// What happens to a program of a few series.
#[derive(Clone, Debug)]
enum Step {
    /// A series counts more.
    Count(usize, usize, u64),
    /// A series is sent, or sent again.
    Send(usize),
    /// The program begins anew.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0_usize..6, 0_usize..3, 1_u64..9).prop_map(|(series, bucket, count)| Step::Count(series, bucket, count)),
        4 => (0_usize..6).prop_map(Step::Send),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    /// Whatever restarts and is sent again: under a classic name stands what its series have
    /// counted together, which never falls.
    #[test]
    fn classic_counters_are_the_sum_of_what_was_counted(
        steps in steps(),
        delta in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let (store, now) = roomy();
        let mut counted = [[0_u64; 3]; 6];
        let mut told = [[0_u64; 3]; 6];
        let (mut start, mut clock) = (1, 2);
        let mut times = [(0, 0); 6];
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for step in steps {
            clock += 2;
            match step {
                Step::Count(series, bucket, count) => counted[series][bucket] += count,
                Step::Restart => (counted, told, start) = ([[0; 3]; 6], [[0; 3]; 6], clock),
                Step::Send(series) => {
                    let method = if series % 2 == 0 { "GET" } else { "PUT" };
                    let new = counted[series] != told[series];
                    if new {
                        times[series] = (start, clock);
                        let gained = (0..3).map(|bucket| counted[series][bucket] - told[series][bucket]);
                        *expected.entry(method).or_default() += gained.sum::<u64>();
                    }
                    let mut value = counted[series];
                    if delta[series] {
                        (0..3).for_each(|bucket| value[bucket] -= told[series][bucket]);
                    }
                    told[series] = counted[series];
                    if !new && (delta[series] || counted[series] == [0; 3]) {
                        continue;
                    }
                    let sent = [
                        Attribute::text("http.request.method", method),
                        Attribute { key: "server.port".into(), value: AnyValue::Int(series as i64) },
                    ];
                    let temporality = if delta[series] { Temporality::Delta } else { Temporality::Cumulative };
                    let buckets = durations(value);
                    for _ in 0..2 {
                        let update = Update::Buckets(&buckets, temporality);
                        send(&store, (REQUESTS, Kind::Histogram), &sent, update, times[series], now).unwrap();
                    }
                    let page = page_of(&store, Naming::Classic);
                    let shown = lines(&page, "http_requests_total");
                    let wanted: Vec<String> = expected
                        .iter()
                        .map(|(method, count)| format!(r#"http_requests_total{{method="{method}"}} {count}"#))
                        .collect();
                    let mut sorted = shown.clone();
                    sorted.sort();
                    prop_assert_eq!(sorted, wanted);
                }
            }
        }
    }
}

proptest! {
    /// Whatever spans have told before, and in whatever form the program counts then: no number
    /// under a classic name falls.
    #[test]
    fn no_classic_counter_falls_when_a_program_counts_itself(
        told in proptest::collection::vec(0.0_f64..20.0, 0..30),
        exports in proptest::collection::vec((0_u64..5, 0_u64..5, 0_u64..5), 1..8),
        delta in any::<bool>(),
        scale in proptest::option::of(-1_i32..4),
    ) {
        let (store, now) = roomy();
        spans(&store, "GET", &told, now);
        let mut before = counters(&page_of(&store, Naming::Classic));
        let temporality = if delta { Temporality::Delta } else { Temporality::Cumulative };
        let mut all = [0; 3];
        for (export, (one, two, three)) in exports.into_iter().enumerate() {
            let counts = [one, two, three];
            all = if delta { counts } else { [0, 1, 2].map(|place| all[place] + counts[place]) };
            let sent = attributes(&[("http.request.method", "GET"), ("url.scheme", "http")]);
            let (count, sum) = (all.iter().sum(), Some(all[1] as f64));
            let buckets = Buckets { count, sum, bounds: vec![0.1, 1.0], counts: all.to_vec() };
            let positive = Run { offset: -2, counts: all.to_vec() };
            let exponential =
                Exponential { count, sum, scale: scale.unwrap_or(0), positive, ..Exponential::default() };
            let update = match scale {
                Some(_) => Update::Exponential(&exponential, temporality),
                None => Update::Buckets(&buckets, temporality),
            };
            let time = 10 * (export as u64 + 1);
            let start = if delta { time } else { 1 };
            send(&store, (REQUESTS, Kind::Histogram), &sent, update, (start, time + 10), now).unwrap();
            let after = counters(&page_of(&store, Naming::Classic));
            for (series, value) in &after {
                let fell = before.get(series).is_some_and(|before| *before > value + 1e-9);
                prop_assert!(!fell, "{} from {} to {}", series, before[series], value);
            }
            before = after;
        }
    }
}
