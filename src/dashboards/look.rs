//! How values look: units, colours, words in place of numbers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::entry::Look;

/// A number as JSON has it: whole where it is whole.
#[allow(clippy::cast_possible_truncation, reason = "only whole numbers that fit are converted")]
pub(super) fn number(number: f64) -> Value {
    let is_whole = number.fract() == 0.0 && number.abs() < 1e15;
    if is_whole { json!(number as i64) } else { json!(number) }
}

/// What a look says, by the names of Grafana's field options.
pub(super) fn options(look: Look<'_>) -> Map<String, Value> {
    let mut options = Map::new();
    let mut say = |key: &str, value: Option<Value>| {
        options.extend(value.map(|value| (key.to_owned(), value)));
    };
    say("unit", look.unit.map(Value::from));
    say("decimals", look.decimals.map(Value::from));
    say("min", look.min.map(number));
    say("max", look.max.map(number));
    say("thresholds", (!look.levels.is_empty()).then(|| thresholds(look.levels)));
    say("mappings", (!look.words.is_empty()).then(|| mappings(look)));
    say("color", look.colour.map(colour));
    options
}

/// A colour that is always the same, or Grafana's name of a scheme.
pub(super) fn colour(name: &str) -> Value {
    match name {
        "palette-classic" | "palette-classic-by-name" | "thresholds" => json!({"mode": name}),
        scheme if scheme.starts_with("continuous-") => json!({"mode": scheme}),
        fixed => json!({"mode": "fixed", "fixedColor": fixed}),
    }
}

/// Colours from a value on.
pub(super) fn thresholds(levels: &BTreeMap<String, String>) -> Value {
    let base = levels.get("base").map_or("green", String::as_str);
    let mut steps: Vec<(f64, &str)> =
        levels.iter().filter_map(|(from, colour)| Some((from.parse().ok()?, colour.as_str()))).collect();
    steps.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    let steps = steps.into_iter().map(|(from, colour)| json!({"value": number(from), "color": colour}));
    let steps: Vec<Value> = std::iter::once(json!({"value": null, "color": base})).chain(steps).collect();
    json!({"mode": "absolute", "steps": steps})
}

/// Words that stand for values; `a..b` is a range of them, `null` is none.
fn mappings(look: Look<'_>) -> Value {
    let (mut values, mut others) = (Map::new(), Vec::new());
    for (index, (value, word)) in look.words.iter().enumerate() {
        let mut result = json!({"text": word.text, "index": index});
        if let (Some(colour), Some(result)) = (&word.colour, result.as_object_mut()) {
            result.insert("color".to_owned(), colour.as_str().into());
        }
        let bound = |text: &str| text.parse().ok().map_or(Value::Null, number);
        match (value.as_str(), value.split_once("..")) {
            ("null", _) => {
                others.push(json!({"type": "special", "options": {"match": "null", "result": result}}));
            }
            (_, Some((from, to))) => others.push(
                json!({"type": "range", "options": {"from": bound(from), "to": bound(to), "result": result}}),
            ),
            (value, None) => {
                values.insert(value.to_owned(), result);
            }
        }
    }
    if !values.is_empty() {
        others.insert(0, json!({"type": "value", "options": values}));
    }
    others.into()
}
