//! Every request that an OpenAPI description allows.

use serde_json::{Map, Value};

use crate::http::encode;

/// What stands before a time at which somebody was asked, or which was meant if nobody said.
const TIMES: [&str; 4] = ["\"timestamp\":\"", "\"from\":\"", "\"to\":\"", "\"learned_from\":\""];

/// The methods that are tried on every path, whether it is described or not.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Paths that take a body, in which a tenant tries to write another's series in
/// `ingest::nobody_writes_for_another_tenant`, `ingest::spans` and
/// `ingest::plain::nobody_records_for_another_tenant`, and another's dashboards in
/// `grafana::made::a_team_makes_and_finds_its_own_alone`. Alerts are silenced and changed by an
/// administrator, who is bound to nobody: `alerts::an_alert_is_silenced_and_heard_again` and
/// `alerts::a_threshold_is_changed_where_prometheus_evaluates_it`.
const WRITTEN_ELSEWHERE: [&str; 9] = [
    "/v1/metrics",
    "/v1/traces",
    "/api/metrics/http",
    "/api/metrics/db",
    "/api/metrics/custom",
    "/api/dashboards",
    "/api/dashboards/{id}",
    "/api/alerts/silences",
    "/api/alerts/rules/{name}",
];

/// One request without a body.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) uri: String,
    /// The header that asks for a format.
    pub(super) accept: Option<String>,
}

/// Every request of the description. Parameters of a path are `container`. With a `guess`, all
/// requests that have it in place of one parameter; without, all that have no guess: with no
/// query and with each value that the description lists, in each format.
///
/// # Panics
/// Something is described that this walk does not know how to try.
pub(super) fn requests(document: &Value, container: &str, guess: Option<&str>) -> Vec<Request> {
    let mut requests = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let operations = operations.as_object().expect("operations");
        for method in METHODS {
            let operation = operations.get(&method.to_ascii_lowercase());
            requests.extend(of_operation(document, method, path, operation, container, guess));
        }
    }
    requests
}

fn of_operation(
    document: &Value,
    method: &'static str,
    path: &str,
    operation: Option<&Value>,
    container: &str,
    guess: Option<&str>,
) -> Vec<Request> {
    // What lasts is followed by `streams::a_tenants_token_is_told_of_its_own_alone`, and the
    // WebSocket, which answers nothing but 426 here, by
    // `log_stream::a_tenants_token_is_shown_its_own_lines_alone_and_only_while_it_is_good`.
    if operation
        .is_some_and(|operation| operation["responses"]["200"]["content"]["text/event-stream"].is_object())
    {
        return Vec::new();
    }
    let nothing = Value::Object(Map::new());
    let operation = operation.unwrap_or(&nothing);
    // A body is tried by a story of its own, which is named here.
    assert!(
        operation.get("requestBody").is_none() || WRITTEN_ELSEWHERE.contains(&path),
        "{method} {path} takes a body; say here how another tenant would be named in it"
    );
    let request = |uri: String| Request { method, uri, accept: None };
    let own = fill(path, container);
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters: Vec<&Value> = parameters.map(|parameter| resolve(document, parameter)).collect();
    let places = |kind: &'static str| parameters.iter().filter(move |parameter| parameter["in"] == kind);
    assert_eq!(
        places("path").count() + places("query").count(),
        parameters.len(),
        "{method} {path} has a parameter of another kind; say here how to try it"
    );
    let query = |name: &Value, value: &str| {
        request(format!("{own}?{}={}", encode(name.as_str().expect("a name")), encode(value)))
    };
    if let Some(guess) = guess {
        let in_path = path.contains('{').then(|| request(fill(path, &encode(guess))));
        // What is a time or none cannot be a guess; digits may look like one.
        let guessed = places("query").filter(|parameter| parameter["name"] != "since");
        let in_query = guessed.map(|parameter| query(&parameter["name"], guess));
        return in_path.into_iter().chain(in_query).collect();
    }
    let formats = operation["responses"]["200"]["content"].as_object().into_iter().flat_map(Map::keys);
    let formats =
        formats.map(|format| Request { accept: Some(format!("Accept: {format}")), ..request(own.clone()) });
    let listed = places("query").flat_map(|parameter| {
        let schema = &parameter["schema"];
        let values = schema["enum"].as_array().or_else(|| schema["items"]["enum"].as_array());
        let values = values.into_iter().flatten().filter_map(Value::as_str);
        values.map(|value| query(&parameter["name"], value)).collect::<Vec<_>>()
    });
    std::iter::once(request(own.clone())).chain(formats).chain(listed).collect()
}

/// A path with a value in place of every parameter.
fn fill(path: &str, value: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { value } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Follows a `$ref`.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("what is referred to"),
        None => value,
    }
}

/// An answer without what differs between any two: the value that was asked for, and the time.
pub(super) fn without(answer: &str, value: &str) -> String {
    let answer = [value.to_owned(), value.trim_start_matches('/').to_owned(), encode(value)]
        .iter()
        .fold(answer.to_owned(), |answer, value| answer.replace(value.as_str(), "VALUE"));
    // Fractions of a second are written as far as they go.
    let timed = TIMES.iter().any(|name| answer.contains(name));
    let differs = |line: &str| line.starts_with("date:") || timed && line.starts_with("content-length:");
    let kept = answer.lines().filter(|line| !differs(&line.to_ascii_lowercase()));
    kept.map(|line| TIMES.iter().fold(line.to_owned(), |line, name| without_times(&line, name)) + "\n")
        .collect()
}

/// A line without the times that stand behind a name.
fn without_times(line: &str, name: &str) -> String {
    let mut parts = line.split(name);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| match part.split_once('"') {
        Some((time, rest)) if time.parse::<jiff::Timestamp>().is_ok() => kept + rest,
        _ => kept + name + part,
    })
}
