//! Variables: used and defined, and matched by pattern where they have several values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What Grafana itself puts in, and what labels of a link's own series do.
const BUILT_IN: &str = "__";

/// Variables that are used and not defined, defined and not used, or matched as if they had one
/// value.
pub(super) fn findings(json: &Value) -> Vec<String> {
    let defined: BTreeMap<&str, &Value> =
        list(json).filter_map(|variable| Some((variable["name"].as_str()?, variable))).collect();
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    texts(json, &mut |text| {
        for name in names(text) {
            if !name.starts_with(BUILT_IN) {
                used.insert(name.to_owned());
            }
        }
        for (name, variable) in &defined {
            let many = variable["multi"] == true || variable["includeAll"] == true;
            if many && (text.contains(&format!("=\"${name}\"")) && !text.contains(&format!("~\"${name}\""))) {
                found.push(format!("`{name}` has several values; match it by `=~`"));
            }
        }
    });
    for name in used.iter().filter(|name| !defined.contains_key(name.as_str())) {
        found.push(format!("`${name}` is used and not defined"));
    }
    for name in defined.keys().filter(|name| !used.contains(**name)) {
        found.push(format!("`{name}` is defined and not used"));
    }
    found
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json["templating"]["list"].as_array().into_iter().flatten()
}

/// The selectors that variables take their values from, as expressions.
pub(super) fn selectors(json: &Value) -> Vec<(String, String)> {
    let mut selectors = Vec::new();
    for variable in list(json).filter(|variable| variable["type"] == "query") {
        let name = variable["name"].as_str().unwrap_or_default().to_owned();
        let query = variable["query"].as_str().or(variable["query"]["query"].as_str()).unwrap_or_default();
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.rsplit_once(','));
        let (selector, label) = match inner {
            Some((selector, label)) => (selector, label.trim_end_matches(')').trim()),
            None => (query, ""),
        };
        let named = match selector.strip_prefix("{__name__=~\"").and_then(|rest| rest.split_once('"')) {
            Some((names, rest)) => {
                let rest = rest.trim_start_matches([',', ' ']);
                names.split('|').map(|name| format!("{name}{{{rest}")).collect()
            }
            None => vec![selector.to_owned()],
        };
        // The label that is offered has to be there, too.
        selectors.extend(
            named.into_iter().map(|selector| (name.clone(), format!("group by ({label}) ({selector})"))),
        );
    }
    selectors
}

/// Every text within, but those of variables' own definitions in which they are named.
fn texts(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, visit)),
        Value::Object(members) => members.values().for_each(|value| texts(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The names after `$`, with and without braces.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split('$').skip(1);
    parts.filter_map(|part| {
        let inner = part.strip_prefix('{').unwrap_or(part);
        let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        let name = inner.get(..end)?;
        // `$1` is a group of a pattern.
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_').then_some(name)
    })
}
