//! Tables: a row for each set of labels, a column for each label that is wanted and each query.

use serde_json::{Map, Value, json};

use super::entry::{Cell, Panel};
use super::look;
use super::query::{Asked, property};

/// The heading of a label's column.
pub(super) fn title(label: &str) -> String {
    match label {
        "instance" => "Host".to_owned(),
        "name" => "Container".to_owned(),
        "slo" => "Objective".to_owned(),
        "datname" => "Database".to_owned(),
        "relname" => "Table".to_owned(),
        "schemaname" => "Schema".to_owned(),
        "usename" => "Role".to_owned(),
        other => {
            let words = other.replace('_', " ");
            let mut letters = words.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

/// The label columns of a table: label and heading.
pub(super) fn columns(panel: &Panel) -> Vec<(String, String)> {
    panel.labels.iter().map(|label| (label.clone(), title(label))).collect()
}

/// The names that Grafana gives to the columns of values.
fn value_column(asked: &Asked<'_>, all: &[Asked<'_>]) -> String {
    if all.len() == 1 { "Value".to_owned() } else { format!("Value #{}", asked.letter) }
}

fn heading(asked: &Asked<'_>) -> String {
    match (asked.is_past, asked.query.column.as_deref().unwrap_or("Value")) {
        (false, column) => column.to_owned(),
        (true, column) => format!("{column} before"),
    }
}

/// Puts rows of equal labels together, and columns in their order under their headings.
pub(super) fn transformations(panel: &Panel, asked: &[Asked<'_>]) -> Vec<Value> {
    if !panel.transform.is_empty() {
        let own = panel.transform.iter();
        return own.map(|own| json!({"id": own.id, "options": own.options})).collect();
    }
    let (mut order, mut names) = (Map::new(), Map::new());
    let labels = columns(panel);
    let values = asked.iter().map(|query| (value_column(query, asked), heading(query)));
    for (place, (field, heading)) in labels.into_iter().chain(values).enumerate() {
        order.insert(field.clone(), place.into());
        names.insert(field, heading.into());
    }
    let organized = json!({
        "excludeByName": {"Time": true},
        "includeByName": {},
        "indexByName": order,
        "renameByName": names,
    });
    vec![json!({"id": "merge", "options": {}}), json!({"id": "organize", "options": organized})]
}

/// What each column looks like.
pub(super) fn overrides(asked: &[Asked<'_>]) -> Vec<Value> {
    let column = |asked: &Asked<'_>| {
        let mut properties: Vec<Value> =
            look::options(asked.query.look()).into_iter().map(|(id, value)| property(&id, value)).collect();
        match asked.query.cell {
            Some(Cell::Gauge) => properties.push(property(
                "custom.cellOptions",
                json!({"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
            )),
            Some(Cell::Colour) => properties
                .push(property("custom.cellOptions", json!({"type": "color-background", "mode": "basic"}))),
            None => {}
        }
        json!({"matcher": {"id": "byName", "options": heading(asked)}, "properties": properties})
    };
    asked.iter().filter(|asked| asked.query.column.is_some()).map(column).collect()
}
