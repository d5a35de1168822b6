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
        "alertname" => "Alert".to_owned(),
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

/// What a column of long texts wants, in pixels.
fn width(label: &str) -> Option<u32> {
    match label {
        "query" => Some(420),
        "alertname" => Some(230),
        _ => None,
    }
}

/// What is usual of a table's cells. Many columns are narrower, so that all can be seen at once.
pub(super) fn cells(panel: &Panel) -> Value {
    let columns =
        panel.labels.len() + panel.queries.iter().map(|query| 1 + usize::from(query.compare)).sum::<usize>();
    json!({
        "align": "auto",
        "filterable": true,
        "inspect": false,
        "wrapHeaderText": true,
        "minWidth": if columns > 7 { 90 } else { 120 },
        "cellOptions": {"type": "auto"},
    })
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
/// Labels in `hidden` only tell rows apart.
pub(super) fn transformations(panel: &Panel, asked: &[Asked<'_>], hidden: &[String]) -> Vec<Value> {
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
    let hidden = hidden.iter().map(String::as_str).chain(["Time"]);
    let hidden: Map<String, Value> = hidden.map(|field| (field.to_owned(), true.into())).collect();
    let organized = json!({
        "excludeByName": hidden,
        "includeByName": {},
        "indexByName": order,
        "renameByName": names,
    });
    vec![json!({"id": "merge", "options": {}}), json!({"id": "organize", "options": organized})]
}

/// What each column looks like.
pub(super) fn overrides(panel: &Panel, asked: &[Asked<'_>]) -> Vec<Value> {
    // What a whole table without rows says would be wrong of a single cell.
    let nothing = json!({
        "matcher": {"id": "byRegexp", "options": "/.*/"},
        "properties": [property("noValue", json!("–"))],
    });
    let wide = panel.labels.iter().filter_map(|label| {
        let width = json!(width(label)?);
        let matcher = json!({"id": "byName", "options": title(label)});
        Some(json!({"matcher": matcher, "properties": [property("custom.width", width)]}))
    });
    let column = |asked: &Asked<'_>| {
        let mut properties: Vec<Value> =
            look::options(asked.query.look()).into_iter().map(|(id, value)| property(&id, value)).collect();
        match asked.query.cell {
            Some(Cell::Gauge) => {
                properties.push(property(
                    "custom.cellOptions",
                    json!({"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
                ));
                if asked.query.min.is_none() {
                    properties.push(property("min", json!(0)));
                }
                if asked.query.max.is_none() {
                    // The longest bar is the largest of its own column, not of the table.
                    properties.push(property("fieldMinMax", json!(true)));
                }
            }
            Some(Cell::Colour) => properties
                .push(property("custom.cellOptions", json!({"type": "color-background", "mode": "basic"}))),
            None => {}
        }
        json!({"matcher": {"id": "byName", "options": heading(asked)}, "properties": properties})
    };
    let columns = asked.iter().filter(|asked| asked.query.column.is_some()).map(column);
    std::iter::once(nothing).chain(wide).chain(columns).collect()
}
