//! The document names every route and nothing else, and real answers have its shapes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::config::Scope;
use crate::web::caller::Need;
use crate::web::fixture::{self, get, request, send};
use crate::web::router;

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

#[test]
fn the_document_holds_every_route_and_no_other() {
    let document = document();
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|m| (m.clone(), path.clone())))
        .collect();
    let routed: BTreeSet<(String, String)> =
        router::tests::table().into_iter().map(|(method, path, _)| (method.into(), path.into())).collect();
    assert_eq!(documented, routed);
}

#[test]
fn the_document_says_of_every_route_what_it_needs() {
    let document = document();
    for (method, path, need) in router::tests::table() {
        let operation = &document["paths"][path][method];
        let security = operation.get("security").unwrap_or(&document["security"]);
        let expected = match need {
            Need::Nothing | Need::Nobody => json!([{}]),
            Need::Page => json!([{}, {"token": ["read"]}, {"password": []}, {"certificate": []}]),
            Need::Login(Scope::Read) => json!([{"token": ["read"]}, {"password": []}, {"certificate": []}]),
            // By the connection only, where that may do.
            Need::Sender => json!([{"token": ["write"]}]),
            Need::Login(scope) => json!([{"token": [scope.as_str()]}]),
        };
        assert_eq!(*security, expected, "{method} {path}");
        let responses = operation["responses"].as_object().unwrap();
        for status in ["401", "403"] {
            let asked = !matches!(need, Need::Nothing | Need::Nobody);
            assert_eq!(responses.contains_key(status), asked, "{status} of {method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let component = |kind: &str| {
        let names = document["components"][kind].as_object().unwrap().keys();
        names.map(|name| format!("#/components/{kind}/{name}")).collect::<BTreeSet<_>>()
    };
    let components = ["schemas", "responses", "parameters"];
    assert_eq!(used, components.iter().flat_map(|kind| component(kind)).collect());
}

/// Follows a `$ref`.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

fn kind(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Null => &["null"],
        Value::Bool(_) => &["boolean"],
        Value::Number(number) if number.is_f64() => &["number"],
        Value::Number(_) => &["integer", "number"],
        Value::String(_) => &["string"],
        Value::Array(_) => &["array"],
        Value::Object(_) => &["object"],
    }
}

/// Holds a value to the part of JSON Schema that the document uses; a field that the schema
/// does not name is a fault of the document.
fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolve(document, schema);
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    assert!(types.iter().any(|t| kind(value).contains(t)), "{at}: {value} is not of type {types:?}");
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at}: {value} is not one of {values:?}");
    }
    match value {
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, v)| check(document, &schema["items"], v, &format!("{at}[{i}]")));
        }
        Value::Object(fields) if schema["properties"].is_object() => {
            for name in schema["required"].as_array().unwrap() {
                assert!(fields.contains_key(name.as_str().unwrap()), "{at} has no {name}");
            }
            for (name, field) in fields {
                let property =
                    schema["properties"].get(name).unwrap_or_else(|| panic!("{at}.{name} is not documented"));
                check(document, property, field, &format!("{at}.{name}"));
            }
        }
        Value::String(text) if schema["format"] == "date-time" => {
            assert!(text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(), "{at}: {text}");
        }
        _ => {}
    }
}

/// Holds an answer to what the document says of its path and status.
fn check_answer(document: &Value, path: &str, answer: &fixture::Answer) {
    let status = answer.status.as_str();
    let responses = &document["paths"][path]["get"]["responses"];
    let response = responses.get(status).unwrap_or_else(|| panic!("{path} has no response {status}"));
    let contents = resolve(document, response)["content"].as_object().unwrap();
    let content_type = answer.header("content-type");
    let content =
        contents.get(content_type).unwrap_or_else(|| panic!("{path} {status} is no {content_type}"));
    if content_type.ends_with("json") {
        check(document, &content["schema"], &answer.json(), &format!("{path} {status}"));
    }
}

#[tokio::test]
async fn every_answer_has_the_documented_shape() {
    let (document, context) = (document(), fixture::context());
    let templates = [
        "/api/containers/{id}/metrics/current",
        "/api/containers/{id}/processes",
        "/api/containers/{id}/metrics/history",
        "/api/system/health/containers/{id}",
    ];
    let mut requests: Vec<(&str, String)> = router::tests::table()
        .into_iter()
        .filter(|(method, ..)| *method == "get")
        .map(|(_, path, _)| (path, path.replace("{id}", "shop-api-1")))
        .collect();
    for key in ["idle-1", "shop-db-1", "old-1", "nobody", "3", "%ff"] {
        requests.extend(templates.map(|template| (template, template.replace("{id}", key))));
    }
    for query in ["?group_by=user", "?group_by=user,project,team", "?group_by=image"] {
        let path = "/api/containers/metrics/summary";
        requests.push((path, format!("{path}{query}")));
    }
    for query in ["?collect[]=nothing", "?user=", "?user=bob&user=eve", "?sort=size"] {
        let more = ["/", "/metrics", "/api/containers", templates[1]]
            .map(|path| (path, path.replace("{id}", "3f") + query));
        requests.extend(more);
    }
    for query in ["?format=csv", "?interval=1m", "?interval=2m", "?from=0", "?from=x&to=y"] {
        requests.push((templates[2], templates[2].replace("{id}", "gone-1") + query));
    }
    for query in ["?hours=168&interval=1hour", "?hours=0", "?interval=2min"] {
        requests.push(("/api/system/health/metrics", format!("/api/system/health/metrics{query}")));
    }
    for (path, uri) in &requests {
        check_answer(&document, path, &get(&context, uri, &[]).await);
        check_answer(&document, path, &send(&context, "192.0.2.1", request(uri, &[])).await);
        for token in ["secret", "writer", "bound"] {
            let login = [("authorization", format!("Bearer {token}"))];
            let login = login.each_ref().map(|(name, value)| (*name, value.as_str()));
            check_answer(&document, path, &get(&context, uri, &login).await);
        }
        let foreign = axum::http::Request::get(uri).header("host", "evil.example");
        let foreign = foreign.body(axum::body::Body::empty()).unwrap();
        check_answer(&document, path, &send(&context, "127.0.0.1", foreign).await);
    }
}
