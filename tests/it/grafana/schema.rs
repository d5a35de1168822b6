//! Grafana's own description of its API, where it is at hand: every call that the stand-in
//! answers, and every answer, is held against it. It is no part of the project: the folder is
//! named by `DOCKMETER_GRAFANA_SCHEMAS`, or is `../shared/grafana` beside the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

/// The description's file, in Swagger 2.0.
const FILE: &str = "http-api-12.4.swagger.json";

/// Deeper than any value of the API.
const DEPTH: usize = 40;

/// Where the program does otherwise than it is described, as it was tried: words of a problem,
/// all of which have to be there.
const KNOWN_TO_DIFFER: [&[&str]; 5] = [
    &["POST /api/dashboards/db: answer", "`title` is missing"],
    &["DELETE /api/folders/", "answer", "is missing"],
    &["execErrState", "\"KeepLast\" is none of"],
    &["request.time_intervals[", ".times: there is no such field"],
    // The organisation is that of the login.
    &["/rule-groups/", "`orgID` is missing"],
];

static DESCRIPTION: OnceLock<Option<Value>> = OnceLock::new();

fn description() -> Option<&'static Value> {
    let read = || {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/grafana");
        let folder = std::env::var_os("DOCKMETER_GRAFANA_SCHEMAS").map_or(beside, PathBuf::from);
        let text = fs::read_to_string(folder.join(FILE)).ok()?;
        Some(serde_json::from_str(&text).expect("a description in JSON"))
    };
    DESCRIPTION.get_or_init(read).as_ref()
}

/// What is wrong with a call and its answer; nothing where there is no description.
pub(super) fn problems(
    method: &str,
    path: &[&str],
    body: &Value,
    status: u16,
    answer: &Value,
) -> Vec<String> {
    let Some(description) = description() else { return Vec::new() };
    let call = format!("{method} /{}", path.join("/"));
    let Some(operation) = operation(description, &method.to_lowercase(), path) else {
        return vec![format!("{call}: there is no such call")];
    };
    let mut problems = Vec::new();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let schema = parameters.filter(|one| one["in"] == "body").map(|one| &one["schema"]).next();
    if let (Some(schema), false) = (schema, body.is_null()) {
        check(description, schema, body, &format!("{call}: request"), true, 0, &mut problems);
    }
    // What may go wrong is not described in full.
    if (200..300).contains(&status) {
        match response(description, &operation["responses"][status.to_string()]) {
            None => problems.push(format!("{call}: {status} is not described")),
            Some(schema) if !schema.is_null() => {
                check(description, schema, answer, &format!("{call}: answer"), false, 0, &mut problems);
            }
            Some(_) => {}
        }
    }
    let is_known = |problem: &String| {
        KNOWN_TO_DIFFER.iter().any(|words| words.iter().all(|word| problem.contains(word)))
    };
    problems.retain(|problem| !is_known(problem));
    problems
}

/// The operation of a path, the most literal one.
fn operation<'a>(description: &'a Value, method: &str, path: &[&str]) -> Option<&'a Value> {
    let path = path.strip_prefix(&["api"])?;
    let matches = |template: &str| {
        let parts: Vec<&str> = template.split('/').skip(1).collect();
        parts.len() == path.len()
            && parts.iter().zip(path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = description["paths"].as_object()?;
    let mut found: Vec<(&String, &Value)> = paths
        .iter()
        .filter(|(template, methods)| matches(template) && methods.get(method).is_some())
        .collect();
    found.sort_by_key(|(template, _)| template.matches('{').count());
    found.first().map(|(_, methods)| &methods[method])
}

fn response<'a>(description: &'a Value, response: &'a Value) -> Option<&'a Value> {
    match response["$ref"].as_str() {
        Some(reference) => description.pointer(reference.trim_start_matches('#')).map(|one| &one["schema"]),
        None => response.as_object().map(|_| &response["schema"]),
    }
}

fn check(
    description: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    closed: bool,
    depth: usize,
    problems: &mut Vec<String>,
) {
    // Go writes null for what is empty.
    if value.is_null() || depth > DEPTH {
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let Some(target) = description.pointer(reference.trim_start_matches('#')) else { return };
        if target["title"].as_str().is_some_and(|title| title.contains("Duration"))
            || reference.ends_with("Duration")
        {
            return;
        }
        return check(description, target, value, at, closed, depth + 1, problems);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(description, part, value, at, false, depth + 1, problems);
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        problems.push(format!("{at}: {value} is no {}", schema["type"]));
        return;
    }
    let is_listed = |allowed: &Vec<Value>| allowed.contains(value);
    // `prometheus-alertmanager` and others are missing from the list of contact points.
    if !at.ends_with(".type") && schema["enum"].as_array().is_some_and(|allowed| !is_listed(allowed)) {
        problems.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            problems.push(format!("{at}: `{name}` is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Null)
                if closed && schema["properties"].is_object() && schema["allOf"].is_null() =>
            {
                problems.push(format!("{at}: there is no such field"));
            }
            (Value::Null, further) => {
                if further.is_object() {
                    check(description, further, field, &at, closed, depth + 1, problems);
                }
            }
            (schema, _) => check(description, schema, field, &at, closed, depth + 1, problems),
        }
    }
    for (place, item) in value.as_array().into_iter().flatten().enumerate() {
        check(description, &schema["items"], item, &format!("{at}[{place}]"), closed, depth + 1, problems);
    }
}
