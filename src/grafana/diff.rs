//! What differs between two values, field by field, with names that people know: an element of
//! a list is found by its id, not by its place, and called by its title.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What may identify an element of a list, the best first.
const IDENTITIES: [&str; 4] = ["uid", "id", "refId", "name"];

/// A field that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where, such as `panels[CPU].targets[A].expr`.
    pub path: String,
    /// What is there.
    pub from: Option<Value>,
    /// What is to be there.
    pub to: Option<Value>,
}

/// What has to change for `from` to become `to`.
pub(super) fn diff(from: &Value, to: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare("", from, to, &mut changes);
    changes
}

fn compare(path: &str, from: &Value, to: &Value, changes: &mut Vec<Change>) {
    if from == to {
        return;
    }
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => objects(path, from, to, changes),
        (Value::Array(from), Value::Array(to)) => lists(path, from, to, changes),
        _ => changes.push(change(path, Some(from), Some(to))),
    }
}

fn objects(path: &str, from: &Map<String, Value>, to: &Map<String, Value>, changes: &mut Vec<Change>) {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    for name in names {
        let below = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        match (from.get(name), to.get(name)) {
            (Some(from), Some(to)) => compare(&below, from, to, changes),
            (from, to) => changes.push(change(&below, from, to)),
        }
    }
}

fn lists(path: &str, from: &[Value], to: &[Value], changes: &mut Vec<Change>) {
    let Some(identity) = IDENTITIES.into_iter().find(|key| identifies(key, from) && identifies(key, to))
    else {
        return places(path, from, to, changes);
    };
    let by_id = |list: &[Value]| -> BTreeMap<String, usize> {
        list.iter().enumerate().map(|(place, item)| (item[identity].to_string(), place)).collect()
    };
    let (before, after) = (by_id(from), by_id(to));
    let below = |item: &Value| format!("{path}[{}]", called(item, identity));
    for item in from.iter().filter(|item| !after.contains_key(&item[identity].to_string())) {
        changes.push(change(&below(item), Some(item), None));
    }
    for item in to {
        match before.get(&item[identity].to_string()).and_then(|place| from.get(*place)) {
            Some(old) => compare(&below(item), old, item, changes),
            None => changes.push(change(&below(item), None, Some(item))),
        }
    }
    let kept = |list: &[Value], other: &BTreeMap<String, usize>| -> Vec<Value> {
        list.iter()
            .map(|item| &item[identity])
            .filter(|id| other.contains_key(&id.to_string()))
            .cloned()
            .collect()
    };
    let (was, will) = (kept(from, &after), kept(to, &before));
    if was != will {
        changes.push(change(&format!("{path} (order)"), Some(&Value::Array(was)), Some(&Value::Array(will))));
    }
}

fn places(path: &str, from: &[Value], to: &[Value], changes: &mut Vec<Change>) {
    for place in 0..from.len().max(to.len()) {
        let below = format!("{path}[{place}]");
        match (from.get(place), to.get(place)) {
            (Some(from), Some(to)) => compare(&below, from, to, changes),
            (from, to) => changes.push(change(&below, from, to)),
        }
    }
}

/// Whether every element has this field, each another.
fn identifies(key: &str, list: &[Value]) -> bool {
    let ids: BTreeSet<String> = list
        .iter()
        .filter_map(|item| item.get(key))
        .filter(|id| !id.is_null())
        .map(Value::to_string)
        .collect();
    ids.len() == list.len()
}

fn called(item: &Value, identity: &str) -> String {
    let text = |key: &str| item.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    match text("title").or_else(|| text(identity)) {
        Some(text) => text.to_owned(),
        None => item[identity].to_string(),
    }
}

fn change(path: &str, from: Option<&Value>, to: Option<&Value>) -> Change {
    Change { path: path.to_owned(), from: from.cloned(), to: to.cloned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_panel_query_and_field() {
        let from = json!({"panels": [{"id": 1, "title": "Memory"}, {"id": 2, "title": "CPU", "targets": [{"refId": "A", "expr": "up"}]}]});
        let to = json!({"panels": [{"id": 2, "title": "CPU", "targets": [{"refId": "A", "expr": "down"}]}]});
        let changes = diff(&from, &to);
        let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["panels[Memory]", "panels[CPU].targets[A].expr"]);
    }

    #[test]
    fn another_order_is_a_change_of_its_own() {
        let list = |ids: [u32; 3]| json!({"panels": ids.map(|id| json!({"id": id}))});
        let changes = diff(&list([1, 2, 3]), &list([3, 1, 2]));
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].path, "panels (order)");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..3_i64).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("(id|uid|name|title|x)", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_differs_exactly_where_both_are_the_same(from in value(), to in value()) {
            prop_assert_eq!(diff(&from, &to).is_empty(), from == to);
        }
    }
}
