//! Bodies as programs send them, good and bad.

use super::*;
use crate::ingest::fixture;
use crate::tenant::Tenant;

/// What comes of a body, and the samples without buckets that it makes.
fn sent(records: Records, body: &str) -> (Taken, Vec<String>) {
    sent_by(&origin(), records, &[body])
}

fn origin() -> Origin {
    let tenant = Tenant::claimed(Some("ann"), Some("shop"), None);
    Origin { instance: LabelValue::clean("0123456789ab"), ..Origin::of(tenant) }
}

/// What comes of a body with as much memory as it takes.
fn taken_of(to: Into<'_>, origin: &Origin, records: Records, body: &str) -> Result<Taken, Unread> {
    record(to, origin, records, body, &Allowance::new(u64::MAX), (Instant::now(), Timestamp::UNIX_EPOCH))
}

/// What comes of the last body of several.
fn sent_by(origin: &Origin, records: Records, bodies: &[&str]) -> (Taken, Vec<String>) {
    let (store, users, defined) = (fixture::store(), Users::default(), Defined::default());
    let to = Into { store: &store, users: &users, defined: &defined, slow: &SlowQueries::default() };
    let mut taken = Taken::default();
    for body in bodies {
        taken = taken_of(to, origin, records, body).unwrap();
    }
    let samples = fixture::samples(&store).into_iter().filter(|line| !line.contains("_bucket{"));
    (taken, samples.collect())
}

#[test]
fn requests_count_under_the_service_that_they_name() {
    let (taken, samples) = sent(
        Records::Http,
        r#"[{"method":"GET","route":"/orders/{id}","status_code":200,"duration_seconds":0.25,
             "request_bytes":120,"response_bytes":2048,"service":"shop","user":"bob"},
            {"method":"get","route":"/orders/{id}","status_code":"200","duration_seconds":"0.5","service":"shop","new":1},
            {"method":"GET","duration_seconds":1,"service":"shop","service_instance":"two"}]"#,
    );
    assert_eq!((taken.accepted, taken.rejected), (3, vec![]));
    let who = r#"{service="shop",service_instance="0123456789ab",user="ann",project="shop",team="unknown","#;
    let route = r#"http_request_method="GET",http_response_status_code="200",http_route="/orders/{id}"}"#;
    for (name, value) in [
        ("http_server_request_duration_seconds_count", "2"),
        ("http_server_request_duration_seconds_sum", "0.75"),
        ("http_server_request_body_size_bytes_sum", "120"),
        ("http_server_response_body_size_bytes_sum", "2048"),
    ] {
        assert!(samples.contains(&format!("{name}{who}{route} {value}")), "{name}: {samples:#?}");
    }
    assert!(samples.iter().any(|line| line.contains(r#"service_instance="two""#)), "{samples:#?}");
}

#[test]
fn a_record_that_makes_no_sense_costs_itself_alone() {
    let (taken, samples) = sent(
        Records::Http,
        r#"[{"method":"GET","duration_seconds":1}, 7, {"method":"GET"}, {"duration_seconds":1},
            {"method":"GET","duration_seconds":-1}, {"method":"GET","duration_seconds":"NaN"},
            {"method":"GET","duration_seconds":1,"status_code":20}, {"method":{},"duration_seconds":1},
            {"method":"GET","duration_seconds":1,"request_bytes":-4}]"#,
    );
    assert_eq!(taken.accepted, 1);
    let expected = [
        "1: a record has to be an object",
        "2: `duration_seconds` is missing",
        "3: `method` is missing",
        "4: `duration_seconds` is -1; it has to be a number from 0 on",
        "5: `duration_seconds` is NaN; it has to be a number from 0 on",
        "6: `status_code` is 20; it has to be from 100 to 599",
        "7: invalid type",
        "8: `request_bytes` is -4; it has to be a number from 0 on",
    ];
    let told: Vec<_> = taken.rejected.iter().map(|(index, why)| format!("{index}: {why}")).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told} is not {expected}");
    }
    assert_eq!(samples.len(), 2, "{samples:#?}");
}

#[test]
fn a_single_record_needs_no_list_and_an_empty_list_is_none() {
    let (taken, _) = sent(Records::Http, r#" {"method":"GET","duration_seconds":1}"#);
    assert_eq!(taken.accepted, 1);
    assert_eq!(sent(Records::Http, "[]").0, Taken::default());
}

#[test]
fn what_is_no_list_of_records_is_refused() {
    let (store, users, defined) = (fixture::store(), Users::default(), Defined::default());
    let to = Into { store: &store, users: &users, defined: &defined, slow: &SlowQueries::default() };
    for body in ["", "7", "null", "\"x\"", "[1", "{", "[] []", "{} {}"] {
        for records in [Records::Http, Records::Database, Records::Custom] {
            let refused = taken_of(to, &origin(), records, body);
            assert!(refused.is_err(), "{body}: {refused:?}");
        }
    }
}

#[test]
fn only_a_delegate_names_the_user_of_a_record() {
    let body =
        r#"[{"method":"GET","duration_seconds":1,"user":"bob"},{"method":"GET","duration_seconds":1}]"#;
    let users = |delegate| {
        let (_, samples) = sent_by(&Origin { delegate, ..origin() }, Records::Http, &[body]);
        let counts = samples.into_iter().filter(|line| line.contains("_count{"));
        counts
            .filter_map(|line| Some(line.split("user=\"").nth(1)?.split('"').next()?.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(users(false), ["ann"]);
    assert_eq!(users(true), ["anonymous", "bob"]);
}

#[test]
fn a_program_defines_what_it_counts() {
    let (taken, samples) = sent(
        Records::Custom,
        r#"{"define":[
              {"name":"plain_test_orders","type":"counter","help":"Orders.","labels":["kind"]},
              {"name":"plain_test_queue","type":"gauge"},
              {"name":"plain_test_wait_seconds","type":"histogram","buckets":[1,5,"Infinity"]}],
            "record":[
              {"name":"plain_test_orders","value":1,"labels":{"kind":"new"},"service":"shop"},
              {"name":"plain_test_orders","value":2,"labels":{"kind":"new"},"service":"shop"},
              {"name":"plain_test_orders","value":1,"service":"shop"},
              {"name":"plain_test_queue","value":7,"service":"shop"},
              {"name":"plain_test_queue","value":-3,"service":"shop"},
              {"name":"plain_test_wait_seconds","value":3,"service":"shop"}]}"#,
    );
    assert_eq!((taken.accepted, &taken.rejected, &taken.undefined), (6, &vec![], &vec![]));
    let who = r#"service="shop",service_instance="0123456789ab",user="ann",project="shop",team="unknown""#;
    let expected = [
        format!("plain_test_orders_total{{{who},kind=\"new\"}} 3"),
        format!("plain_test_orders_total{{{who}}} 1"),
        format!("plain_test_queue{{{who}}} -3"),
        format!("plain_test_wait_seconds_sum{{{who}}} 3"),
        format!("plain_test_wait_seconds_count{{{who}}} 1"),
    ];
    assert_eq!(samples, expected);
}

#[test]
fn what_dashboards_know_needs_no_definition() {
    let (taken, samples) = sent(
        Records::Custom,
        r#"{"record":[{"name":"active_users","value":3},
            {"name":"feature_usage_total","value":1,"labels":{"feature":"search"}},
            {"name":"project_creations_total","value":1},
            {"name":"template_usage_total","value":1,"labels":{"template":"react"}},
            {"name":"tool_call_duration_seconds","value":0.5,"labels":{"tool":"grep","success":true}}]}"#,
    );
    assert_eq!((taken.accepted, taken.rejected), (5, vec![]));
    let labels = r#"success="true",tool="grep"} 1"#;
    assert!(
        samples
            .iter()
            .any(|line| line.starts_with("tool_call_duration_seconds_count") && line.ends_with(labels))
    );
    assert_eq!(samples.len(), 6, "{samples:#?}");
}

#[test]
fn a_definition_stays_for_the_bodies_that_follow_and_may_be_given_anew() {
    let define = |kind: &str| {
        format!(r#"{{"define":[{{"name":"plain_test_again","type":"{kind}","labels":["a"]}}]}}"#)
    };
    let more = r#"{"define":[{"name":"plain_test_again","type":"gauge","labels":["a","b"]}]}"#;
    let record = r#"{"record":[{"name":"plain_test_again","value":1,"labels":{"a":"1","b":"2"}}]}"#;
    let (taken, _) = sent_by(&origin(), Records::Custom, &[&define("gauge"), record]);
    assert!(taken.rejected[0].1.contains("`b` is none of the labels"), "{taken:?}");
    let (taken, samples) = sent_by(&origin(), Records::Custom, &[&define("gauge"), more, record]);
    assert_eq!((taken.accepted, samples.len()), (1, 1));
    let (taken, _) = sent_by(&origin(), Records::Custom, &[&define("gauge"), &define("counter")]);
    assert!(taken.undefined[0].1.contains("is a gauge already"), "{taken:?}");
}

#[test]
fn definitions_and_records_that_make_no_sense_are_told_one_by_one() {
    let long = format!(r#"{{"name":"{}","type":"gauge"}}"#, "x".repeat(200));
    let definitions = [
        (r#"{"type":"gauge"}"#, "`name` is missing"),
        (r#"{"name":"x"}"#, "`type` is missing"),
        (r#"{"name":"x","type":"summary"}"#, "`type` is `summary`; it has to be `counter`"),
        (r#"{"name":"container_x","type":"gauge"}"#, "`container_x` is a name of dockmeter"),
        (r#"{"name":"up","type":"gauge"}"#, "`up` is a name of dockmeter"),
        (r#"{"name":"...","type":"gauge"}"#, "`...` is no name"),
        (&long, "`xxx"),
        (r#"{"name":"active_users","type":"counter"}"#, "`active_users` is a gauge already"),
        (r#"{"name":"x","type":"gauge","labels":["user"]}"#, "the label `user` is given by dockmeter"),
        (r#"{"name":"x","type":"gauge","labels":["le"]}"#, "the label `le` is given"),
        (r#"{"name":"x","type":"gauge","labels":["a-b"]}"#, "`a-b` is no name of a label"),
        (r#"{"name":"x","type":"gauge","buckets":[1]}"#, "only a histogram has `buckets`"),
        (
            r#"{"name":"x","type":"histogram","buckets":[2,1]}"#,
            "`buckets` have to be upper bounds that ascend",
        ),
        (r#"{"name":"x","type":"histogram","buckets":[]}"#, "`buckets` have to be"),
        ("7", "a record has to be an object"),
    ];
    let records = [
        (r#"{"name":"x","value":1}"#, "`x` is not defined; say what it is under `define`"),
        (r#"{"value":1}"#, "`name` is missing"),
        (r#"{"name":"active_users"}"#, "`value` is missing"),
        (r#"{"name":"active_users","value":"NaN"}"#, "`value` is NaN; it has to be a number"),
        (
            r#"{"name":"project_creations_total","value":-1}"#,
            "`value` is -1; it has to be a number from 0 on",
        ),
        (r#"{"name":"feature_usage_total","value":1,"labels":{"who":"x"}}"#, "`who` is none of the labels"),
        (
            r#"{"name":"feature_usage_total","value":1,"labels":{"feature":[]}}"#,
            "the label `feature` is no text",
        ),
    ];
    let list =
        |all: &[(&str, &str)]| all.iter().map(|(raw, _)| (*raw).to_owned()).collect::<Vec<_>>().join(",");
    let body = format!(r#"{{"define":[{}],"record":[{}]}}"#, list(&definitions), list(&records));
    let (taken, samples) = sent(Records::Custom, &body);
    assert_eq!((taken.accepted, samples.len()), (0, 0));
    for (told, cases) in [(taken.undefined, &definitions[..]), (taken.rejected, &records[..])] {
        assert_eq!(told.len(), cases.len(), "{told:#?}");
        for ((index, why), (raw, expected)) in told.iter().zip(cases) {
            assert!(why.starts_with(expected), "{index}: {raw}: {why}");
        }
    }
}

#[test]
fn pools_and_calls_come_in_one_list() {
    let (taken, samples) = sent(
        Records::Database,
        r#"[{"system":"postgresql","duration_seconds":0.4,"rows":1,"error":null,"service":"shop"},
            {"pool":"main","active":7,"idle":3,"max":20,"pending":0,"deadlocks_total":0,"service":"shop"},
            {"pool":"main","service":"shop"}, {"pool":"","active":1}, {"query":"SELECT 1"},
            {"pool":"main","active":-1}]"#,
    );
    assert_eq!(taken.accepted, 2);
    let told: Vec<_> = taken.rejected.iter().map(|(index, why)| (*index, why.as_str())).collect();
    let expected = [
        (2, "a pool has none of `active`, `idle`, `max`, `pending` and `deadlocks_total`"),
        (3, "`pool` is missing"),
        (4, "`duration_seconds` is missing; a pool of connections has `pool` in its place"),
        (5, "`active` is -1; it has to be a number from 0 on"),
    ];
    assert_eq!(told, expected);
    let names: Vec<_> = samples.iter().filter_map(|line| line.split('{').next()).collect();
    let expected = [
        "db_client_connection_count",
        "db_client_connection_count",
        "db_client_connection_max",
        "db_client_connection_pending_requests",
        "db_client_operation_duration_seconds_sum",
        "db_client_operation_duration_seconds_count",
        "db_deadlocks_total",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_statement_tells_operation_and_table_and_none_of_its_values() {
    let (taken, samples) = sent(
        Records::Database,
        r#"[{"query":"SELECT name FROM users WHERE mail = 'ann@example.org' AND pin = 4711","system":"postgresql",
             "duration_seconds":0.5,"error":"duplicate key value (pin)=(4711)"},
            {"query":"delete from orders_2024 where id = 7","system":"postgresql","duration_seconds":1.5,"error":"23505"},
            {"query":"GET user:ann","system":"redis","duration_seconds":0.5,"operation":"GET","error":true},
            {"system":"mongodb","operation":"find","table":"carts_17","duration_seconds":0.5},
            {"system":"mongodb","duration_seconds":0.5,"error":[]}]"#,
    );
    assert_eq!(taken.accepted, 4);
    assert_eq!(taken.rejected, [(4, "`error` has to be a word, as `timeout`, or `null`".to_owned())]);
    let page = samples.join("\n");
    assert_eq!(samples.iter().filter(|line| line.starts_with("db_slow_queries_total{")).count(), 1, "{page}");
    assert!(!page.contains("example") && !page.contains("4711") && !page.contains("user:"), "{page}");
    for labels in [
        r#"db_collection_name="users",db_operation_name="SELECT",db_system_name="postgresql",error_type="_OTHER"} 1"#,
        r#"db_collection_name="orders_?",db_operation_name="DELETE",db_system_name="postgresql",error_type="23505"} 1"#,
        r#"db_operation_name="GET",db_system_name="redis",error_type="_OTHER"} 1"#,
        r#"db_collection_name="carts_?",db_operation_name="find",db_system_name="mongodb"} 1"#,
    ] {
        assert!(page.contains(labels), "{labels}\n{page}");
    }
}

#[test]
fn a_path_in_place_of_a_route_becomes_a_route() {
    let (_, samples) = sent(
        Records::Http,
        r#"[{"method":"GET","route":"/orders/4711?x=1","duration_seconds":1},
            {"method":"GET","route":"/orders/815","duration_seconds":1},
            {"method":"GET","route":"/orders/{id}","duration_seconds":1}]"#,
    );
    let count =
        samples.iter().find(|line| line.contains(r#"http_route="/orders/{id}""#) && line.contains("_count{"));
    assert!(count.is_some_and(|line| line.ends_with(" 3")), "{samples:#?}");
}
