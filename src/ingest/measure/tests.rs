//! Requests, calls and pools as series.

use super::*;
use crate::ingest::fixture;
use crate::ingest::store::Sender;
use crate::sql::slow::SlowQueries;
use crate::tenant::{LabelValue, Tenant};
use jiff::Timestamp;
use std::time::Instant;

const WHO: &str = r#"service="api",user="ann",project="shop",team="unknown""#;

fn sender() -> Sender {
    let tenant = Tenant::claimed(Some("ann"), Some("shop"), None);
    Sender { tenant, service: LabelValue::clean("api"), instance: LabelValue::clean("") }
}

/// The samples after `write`, of the sender without its labels.
fn samples(write: impl Fn(&mut Writer<'_>) -> Result<(), Refused>) -> Vec<String> {
    let store = fixture::store();
    store.record(&sender(), None, Instant::now(), write).unwrap().unwrap();
    fixture::samples(&store).iter().map(|line| line.replace(WHO, "WHO").replace("WHO,", "")).collect()
}

fn number(name: &str, samples: &[String]) -> Vec<String> {
    let of = samples.iter().filter(|line| line.starts_with(name) && !line.contains("_bucket"));
    of.cloned().collect()
}

#[test]
fn a_request_is_what_the_semantic_conventions_say() {
    let request = HttpRequest {
        method: "get".into(),
        route: Some("/orders/{id}".into()),
        status: Some(503),
        seconds: 0.2,
        request_bytes: Some(100.0),
        response_bytes: Some(5000.0),
        ..HttpRequest::default()
    };
    let samples = samples(|writer| {
        request.record(By::Program, writer).and_then(|()| request.record(By::Program, writer))
    });
    let labels = r#"error_type="503",http_request_method="GET",http_response_status_code="503",http_route="/orders/{id}""#;
    let duration = number("http_server_request_duration_seconds", &samples);
    let expected = [
        format!("http_server_request_duration_seconds_sum{{{labels}}} 0.4"),
        format!("http_server_request_duration_seconds_count{{{labels}}} 2"),
    ];
    assert_eq!(duration, expected);
    let bucket = |le: &str| format!("http_server_request_duration_seconds_bucket{{{labels},le=\"{le}\"}}");
    for (le, count) in [("0.1", 0), ("0.25", 2), ("2.0", 2), ("+Inf", 2)] {
        assert!(samples.contains(&format!("{} {count}", bucket(le))), "{le}: {samples:#?}");
    }
    assert!(samples.contains(&format!("http_server_request_body_size_bytes_sum{{{labels}}} 200")));
    assert!(samples.contains(&format!("http_server_response_body_size_bytes_sum{{{labels}}} 10000")));
}

#[test]
fn a_method_that_nobody_knows_makes_no_series_of_its_own() {
    let of = |method: &'static str| HttpRequest { method: method.into(), ..HttpRequest::default() };
    let samples = samples(|writer| {
        of("BREW").record(By::Program, writer).and_then(|()| of("X").record(By::Program, writer))
    });
    let expected = r#"http_server_request_duration_seconds_count{http_request_method="_OTHER"} 2"#;
    assert!(samples.contains(&expected.to_owned()), "{samples:#?}");
}

#[test]
fn a_slow_call_is_counted_among_the_slow_ones() {
    let fast = DatabaseCall {
        system: "postgresql".into(),
        operation: Some("SELECT".into()),
        table: Some("orders".into()),
        seconds: 0.2,
        ..DatabaseCall::default()
    };
    let slow = DatabaseCall { seconds: 3.0, ..fast.clone() };
    let (list, program) = (SlowQueries::default(), sender());
    let listing =
        SlowCalls { list: &list, sender: &program.tenant, program: &program, now: Timestamp::UNIX_EPOCH };
    let samples = samples(|writer| {
        fast.record(By::Program, writer, listing).and_then(|()| slow.record(By::Program, writer, listing))
    });
    let labels = r#"db_collection_name="orders",db_operation_name="SELECT",db_system_name="postgresql""#;
    let expected = [
        format!("db_client_operation_duration_seconds_sum{{{labels}}} 3.2"),
        format!("db_client_operation_duration_seconds_count{{{labels}}} 2"),
    ];
    assert_eq!(number("db_client_operation_duration", &samples), expected);
    let classic = r#"db_system_name="postgresql",query_type="SELECT",table="orders""#;
    assert_eq!(number("db_slow", &samples), [format!("db_slow_queries_total{{{classic}}} 1")]);
}

#[test]
fn a_pool_shows_what_is_known_of_it() {
    let pool = Pool {
        name: "main".into(),
        used: Some(7.0),
        idle: Some(3.0),
        pending: Some(0.0),
        deadlocks: Some(2.0),
        ..Pool::default()
    };
    let samples = samples(|writer| pool.record(writer));
    let expected = [
        r#"db_client_connection_count{db_client_connection_pool_name="main",db_client_connection_state="used"} 7"#,
        r#"db_client_connection_count{db_client_connection_pool_name="main",db_client_connection_state="idle"} 3"#,
        r#"db_client_connection_pending_requests{db_client_connection_pool_name="main"} 0"#,
        r#"db_deadlocks_total{db_client_connection_pool_name="main"} 2"#,
    ];
    assert_eq!(samples, expected);
}

#[test]
fn the_bounds_that_everybody_asks_for_are_bounds() {
    for bound in [0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0] {
        assert!(HTTP_BOUNDS.contains(&bound) && DATABASE_BOUNDS.contains(&bound), "{bound}");
    }
    for bounds in [&*HTTP_BOUNDS, &*DATABASE_BOUNDS, &*SIZE_BOUNDS] {
        assert!(bounds.is_sorted_by(|one, next| one < next));
    }
}
