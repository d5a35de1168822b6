//! Spans, and the series that they make.

use super::*;
use crate::ingest::fixture;
use crate::ingest::otlp::{json, json_spans};
use crate::ingest::translate;
use crate::tenant::{LabelValue, Tenant};
use std::time::Duration;

/// A program that sends to a store of its own.
struct Program {
    store: Store,
    users: Users,
    seen: Seen,
    slow: SlowQueries,
    origin: Origin,
    now: Instant,
}

impl Program {
    fn new() -> Self {
        let tenant = Tenant::claimed(Some("ann"), None, None);
        let origin = Origin { instance: LabelValue::clean("one"), ..Origin::of(tenant) };
        let now = Instant::now();
        Program {
            store: fixture::store(),
            users: Users::default(),
            seen: Seen::default(),
            slow: SlowQueries::default(),
            origin,
            now,
        }
    }

    fn spans(&self, spans: &str) -> Outcome {
        let body = format!(r#"{{"resourceSpans":[{{{RESOURCE},"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let request = json_spans::traces(&body, &Allowance::new(u64::MAX)).unwrap();
        assert_eq!(request.faults.malformed, 0, "{:?}", request.faults);
        let Program { store, users, seen, slow, .. } = self;
        let (to, now) = (Into { store, users, seen, slow }, (self.now, Timestamp::UNIX_EPOCH));
        record(to, &self.origin, &request, &Allowance::new(u64::MAX), now).unwrap()
    }

    /// The program's own metric of requests: so many on a route since its start.
    fn metric(&self, count: u64, temporality: u8, end: u64) -> Outcome {
        let body = format!(
            r#"{{"resourceMetrics":[{{{RESOURCE},"scopeMetrics":[{{"metrics":[
                {{"name":"http.server.request.duration","unit":"s","histogram":{{
                "aggregationTemporality":{temporality},"dataPoints":[{{"startTimeUnixNano":1,"timeUnixNano":{end},
                "count":{count},"sum":1,"explicitBounds":[1],"bucketCounts":[{count},0],
                "attributes":[{{"key":"http.request.method","value":{{"stringValue":"GET"}}}},
                {{"key":"url.scheme","value":{{"stringValue":"http"}}}}]}}]}}}}]}}]}}]}}"#
        );
        let request = json::metrics(&body, &Allowance::new(u64::MAX)).unwrap();
        let allowance = Allowance::new(u64::MAX);
        translate::record(&self.store, &self.users, None, &self.origin, request, &allowance, self.now)
            .unwrap()
    }

    /// How often something was counted, by its labels but for those of the sender.
    fn counts(&self) -> Vec<String> {
        let samples = fixture::samples(&self.store);
        let counts = samples.iter().filter(|line| line.contains("_count{"));
        counts.map(|line| line.replace(SENDER, "")).collect()
    }
}

const RESOURCE: &str = r#""resource":{"attributes":[{"key":"service.name","value":{"stringValue":"api"}}]}"#;
const SENDER: &str = r#"service="api",service_instance="one",user="ann",project="unknown",team="unknown","#;

/// A span of 250 ms of a kind, with text attributes.
fn span(kind: u8, attributes: &[(&str, &str)]) -> String {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|(key, value)| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#))
        .collect();
    format!(
        r#"{{"kind":{kind},"startTimeUnixNano":"1000000000","endTimeUnixNano":"1250000000","attributes":[{}]}}"#,
        attributes.join(",")
    )
}

const SERVER: u8 = 2;
const CLIENT: u8 = 3;

#[test]
fn requests_are_told_from_server_spans_of_both_conventions() {
    let program = Program::new();
    let stable = [
        ("http.request.method", "GET"),
        ("http.route", "/orders/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", "/orders/17"),
    ];
    let old = [("http.method", "GET"), ("http.route", "/orders/{id}"), ("http.status_code", "200")];
    let outcome = program.spans(&[span(SERVER, &stable), span(SERVER, &old)].join(","));
    assert_eq!(outcome, Outcome { taken: 2, refused: vec![] });
    let labels = r#"http_request_method="GET",http_response_status_code="200",http_route="/orders/{id}""#;
    assert_eq!(program.counts(), [format!("http_server_request_duration_seconds_count{{{labels}}} 2")]);
    let sum = fixture::samples(&program.store).into_iter().find(|line| line.contains("_sum{"));
    assert!(sum.as_ref().is_some_and(|sum| sum.ends_with("} 0.5")), "{sum:?}");
}

#[test]
fn calls_are_told_from_client_spans_of_databases() {
    let program = Program::new();
    let stable =
        [("db.system.name", "postgresql"), ("db.operation.name", "SELECT"), ("db.collection.name", "orders")];
    let old = [("db.system", "mssql"), ("db.operation", "SELECT"), ("db.sql.table", "orders")];
    let failed = [("db.system", "redis"), ("db.operation", "GET"), ("error.type", "timeout")];
    let http = [("http.request.method", "GET"), ("server.address", "example.org")];
    let spans = [span(CLIENT, &stable), span(CLIENT, &old), span(CLIENT, &failed), span(CLIENT, &http)];
    assert_eq!(program.spans(&spans.join(",")).taken, 4);
    let name = "db_client_operation_duration_seconds_count";
    let expected = [
        format!(
            r#"{name}{{db_collection_name="orders",db_operation_name="SELECT",db_system_name="postgresql"}} 1"#
        ),
        format!(
            r#"{name}{{db_collection_name="orders",db_operation_name="SELECT",db_system_name="microsoft.sql_server"}} 1"#
        ),
        format!(r#"{name}{{db_operation_name="GET",db_system_name="redis",error_type="timeout"}} 1"#),
    ];
    assert_eq!(program.counts(), expected);
}

#[test]
fn spans_of_other_kinds_are_taken_and_say_nothing() {
    let program = Program::new();
    let spans: Vec<_> = [0, 1, 4, 5].map(|kind| span(kind, &[("http.request.method", "GET")])).into();
    assert_eq!(program.spans(&spans.join(",")).taken, 4);
    assert_eq!(program.spans(&span(SERVER, &[("rpc.system", "grpc")])).taken, 1);
    assert_eq!(program.counts(), Vec::<String>::new());
}

#[test]
fn a_request_fails_by_its_status_or_what_the_span_says_and_never_by_the_clients_fault() {
    let error = |status: Option<&str>, failed: bool, named: Option<&str>| {
        let program = Program::new();
        let mut attributes = vec![("http.request.method", "GET")];
        attributes.extend(status.map(|status| ("http.response.status_code", status)));
        attributes.extend(named.map(|named| ("error.type", named)));
        let code = if failed { 2 } else { 0 };
        let span = span(SERVER, &attributes).replacen('{', &format!(r#"{{"status":{{"code":{code}}},"#), 1);
        program.spans(&span);
        let counted = program.counts().remove(0);
        counted.split("error_type=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    };
    assert_eq!(error(Some("200"), false, None), None);
    assert_eq!(error(Some("503"), true, None).as_deref(), Some("503"));
    assert_eq!(error(Some("503"), false, None).as_deref(), Some("503"));
    assert_eq!(error(Some("500"), true, Some("java.io.IOException")).as_deref(), Some("java.io.IOException"));
    assert_eq!(error(Some("404"), true, Some("404")), None);
    assert_eq!(error(Some("200"), true, None).as_deref(), Some("_OTHER"));
    assert_eq!(error(None, true, None).as_deref(), Some("_OTHER"));
    assert_eq!(error(None, false, Some("timeout")).as_deref(), Some("timeout"));
}

#[test]
fn a_span_that_ends_before_it_begins_is_refused_alone() {
    let program = Program::new();
    let good = span(SERVER, &[("http.request.method", "GET")]);
    let bad = good.replace("1250000000", "5");
    let endless = good.replace(r#""endTimeUnixNano":"1250000000","#, "");
    let outcome = program.spans(&[bad, good, endless].join(","));
    assert_eq!(outcome, Outcome { taken: 1, refused: vec![(Refused::Unusable(Unusable::Span), 2)] });
    assert_eq!(
        program.counts(),
        [r#"http_server_request_duration_seconds_count{http_request_method="GET"} 1"#]
    );
}

fn identified(id: u8, attributes: &[(&str, &str)]) -> String {
    span(SERVER, attributes).replacen('{', &format!(r#"{{"traceId":"aa","spanId":"{id:02x}","#), 1)
}

#[test]
fn spans_that_are_sent_again_count_once() {
    let program = Program::new();
    let get = [("http.request.method", "GET")];
    let batch = [identified(1, &get), identified(2, &get)].join(",");
    let taken = [program.spans(&batch).taken, program.spans(&batch).taken];
    assert_eq!(taken, [2, 2], "the sender is told that all is well, or it would send them again");
    program.spans(&[identified(2, &get), identified(3, &get)].join(","));
    assert_eq!(
        program.counts(),
        [r#"http_server_request_duration_seconds_count{http_request_method="GET"} 3"#]
    );
}

/// The metric counts since the program's start, so it holds what spans have told before.
#[test]
fn a_programs_own_metric_takes_the_place_of_what_its_spans_have_counted() {
    let own = r#"http_server_request_duration_seconds_count{http_request_method="GET",url_scheme="http"}"#;
    for temporality in [2, 1] {
        let program = Program::new();
        let spans: Vec<_> = (0..5).map(|id| identified(id, &[("http.request.method", "GET")])).collect();
        program.spans(&spans.join(","));
        assert_eq!(
            program.counts(),
            [r#"http_server_request_duration_seconds_count{http_request_method="GET"} 5"#]
        );
        assert_eq!(program.metric(6, temporality, 100).taken, 1);
        assert_eq!(program.counts(), [format!("{own} 6")]);
        assert_eq!(program.spans(&identified(9, &[("http.request.method", "GET")])).taken, 1);
        assert_eq!(program.counts(), [format!("{own} 6")], "once is enough");
        assert_eq!(program.store.series(), 1);
    }
}

#[test]
fn calls_still_count_where_only_requests_have_a_metric_of_their_own() {
    let program = Program::new();
    program.metric(6, 2, 100);
    program.spans(&span(CLIENT, &[("db.system", "redis")]));
    assert_eq!(program.counts().len(), 2);
}

#[test]
fn spans_count_again_when_the_metric_has_not_come_for_long() {
    let mut program = Program::new();
    program.metric(6, 2, 100);
    program.now += Duration::from_secs(3_600);
    program.store.expire(program.now);
    program.spans(&identified(1, &[("http.request.method", "GET")]));
    assert_eq!(
        program.counts(),
        [r#"http_server_request_duration_seconds_count{http_request_method="GET"} 1"#]
    );
}

#[test]
fn a_delegate_names_the_user_of_a_span() {
    let mut program = Program::new();
    program.origin.delegate = true;
    let of = |user| span(SERVER, &[("http.request.method", "GET"), ("user", user)]);
    program.spans(&[of("bob"), of("eve"), of("bob")].join(","));
    let samples = fixture::samples(&program.store);
    for (user, count) in [("bob", 2), ("eve", 1)] {
        let found = samples
            .iter()
            .find(|line| line.contains("_count{") && line.contains(&format!("user=\"{user}\"")));
        assert!(found.is_some_and(|line| line.ends_with(&format!("}} {count}"))), "{samples:#?}");
    }
}

#[test]
fn a_path_is_never_a_label_and_a_statement_neither() {
    let program = Program::new();
    let path =
        [("http.request.method", "GET"), ("url.path", "/orders/4711"), ("http.response.status_code", "200")];
    let nowhere = [("http.method", "GET"), ("http.target", "/wp-admin?x=1"), ("http.status_code", "404")];
    let call = [("db.system", "mysql"), ("db.statement", "UPDATE users SET pin = 4711 WHERE name = 'ann'")];
    program.spans(&[span(SERVER, &path), span(SERVER, &nowhere), span(CLIENT, &call)].join(","));
    let expected = [
        r#"db_client_operation_duration_seconds_count{db_collection_name="users",db_operation_name="UPDATE",db_system_name="mysql"} 1"#,
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/orders/{id}"} 1"#,
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="404"} 1"#,
    ];
    assert_eq!(program.counts(), expected);
}

#[test]
fn a_slow_statement_is_listed_without_its_values() {
    let program = Program::new();
    program.spans(
        r#"{"spanId":"eee19b7ec3c1b174","kind":3,"startTimeUnixNano":"1000000000","endTimeUnixNano":"3500000000",
            "attributes":[{"key":"db.system.name","value":{"stringValue":"postgresql"}},
                {"key":"db.query.text","value":{"stringValue":"SELECT * FROM orders WHERE card = '4711'"}}]}"#,
    );
    let listed = program.slow.list(|tenant| *tenant == program.origin.tenant, Timestamp::UNIX_EPOCH);
    let said: Vec<_> = listed.iter().map(|query| (query.text.as_str(), query.calls.max)).collect();
    assert_eq!(said, [("SELECT * FROM orders WHERE card = ?", 2.5)]);
}
