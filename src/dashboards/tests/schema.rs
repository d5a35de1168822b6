//! Dashboards are held against Grafana's own schemas, where these are.
//!
//! They are no part of the product: `DOCKMETER_GRAFANA_SCHEMAS` names their folder, which is
//! else looked for beside the repository's.

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::super::{panels, units};
use super::delivered;

/// The folder of schemas, if there is one.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("DOCKMETER_GRAFANA_SCHEMAS").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/grafana");
    Some(named.unwrap_or_else(beside)).filter(|folder| folder.join("dashboard.jsonschema.json").exists())
}

fn schema(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(folder()?.join(format!("{name}.jsonschema.json"))).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// What a schema's definition says of values.
fn definition(mut schema: Value, name: &str) -> Validator {
    schema["$ref"] = json!(format!("#/definitions/{name}"));
    jsonschema::draft7::new(&schema).unwrap()
}

fn hold(validator: &Validator, value: &Value, what: &str, wrong: &mut Vec<String>) {
    let errors = validator.iter_errors(value);
    wrong.extend(errors.map(|error| format!("{what}{}: {error}", error.instance_path())));
}

#[test]
fn every_dashboard_is_what_grafana_s_schemas_say() {
    let Some(mut dashboard) = schema("dashboard") else { return };
    // A link of a value has a shape of its own, which the schema takes for that of a dashboard's.
    dashboard["definitions"]["FieldConfig"]["properties"]["links"] = json!({
        "type": "array",
        "items": {
            "type": "object", "required": ["title", "url"], "additionalProperties": false,
            "properties": {"title": {"type": "string"}, "url": {"type": "string"}, "targetBlank": {"type": "boolean"}},
        },
    });
    // These may be anything, which the schema takes for an object.
    dashboard["definitions"]["MatcherConfig"]["properties"]["options"] = json!({});
    dashboard["definitions"]["DynamicConfigValue"]["properties"]["value"] = json!({});
    let whole = definition(dashboard.clone(), "Dashboard");
    // Said with less depth than `either a panel or a row`, so that an error names its place.
    let panel = definition(dashboard, "Panel");
    let query = definition(schema("prometheus").unwrap(), "Dataquery");
    let mut wrong = Vec::new();
    for dashboard in delivered() {
        for shown in panels(&dashboard.json) {
            let what = format!("{} panel {}", dashboard.uid, shown["id"]);
            hold(&panel, shown, &what, &mut wrong);
            for target in shown["targets"].as_array().into_iter().flatten() {
                hold(&query, target, &format!("{what} query {}", target["refId"]), &mut wrong);
            }
            let kind = shown["type"].as_str().unwrap().replace("state-timeline", "statetimeline");
            let options = definition(schema(&kind).unwrap(), "Options");
            hold(&options, &shown["options"], &format!("{what} {kind} options"), &mut wrong);
        }
        hold(&whole, &dashboard.json, &dashboard.uid, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_unit_that_the_lint_takes_is_one_of_grafana_s() {
    let Some(schema) = schema("units") else { return };
    let theirs: Vec<&str> = schema["definitions"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|unit| unit["const"].as_str())
        .collect();
    let unknown: Vec<&str> = units::ids().filter(|id| !theirs.contains(id)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
