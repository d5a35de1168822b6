//! The form in which two objects are compared: what a server adds, or writes in another way,
//! is taken out.

use serde_json::{Map, Value};

use super::object::Kind;

/// What Grafana shows instead of a secret.
pub(super) const REDACTED: &str = "[REDACTED]";

/// What a server keeps about a dashboard that is no part of it.
const DASHBOARD_EXTRAS: [&str; 4] = ["id", "uid", "version", "iteration"];

/// The same for a rule.
const RULE_EXTRAS: [&str; 6] = ["id", "orgID", "updated", "provenance", "folderUID", "ruleGroup"];

/// What Grafana fills into the model of a rule's query.
const MODEL_DEFAULTS: [(&str, u64); 2] = [("maxDataPoints", 43_200), ("intervalMs", 1000)];

/// Durations of rules and of notification settings.
const DURATIONS: [&str; 5] = ["for", "keep_firing_for", "group_wait", "group_interval", "repeat_interval"];

/// The comparable form of an object of a kind.
pub(super) fn normal(kind: Kind, body: &Value) -> Value {
    let mut body = body.clone();
    match kind {
        Kind::Dashboard => {
            if let Some(dashboard) = body.get_mut("dashboard").and_then(Value::as_object_mut) {
                DASHBOARD_EXTRAS.iter().for_each(|extra| drop(dashboard.remove(*extra)));
            }
        }
        Kind::RuleGroup => body["rules"].as_array_mut().into_iter().flatten().for_each(rule),
        Kind::Policies => durations(&mut body),
        _ => {}
    }
    if kind == Kind::Template {
        // Grafana trims what it stores.
        if let Some(text) = body["template"].as_str().map(|text| text.trim().to_owned()) {
            body["template"] = Value::String(text);
        }
    }
    solid(&body).unwrap_or(Value::Null)
}

fn rule(rule: &mut Value) {
    let Some(fields) = rule.as_object_mut() else { return };
    RULE_EXTRAS.iter().for_each(|extra| drop(fields.remove(*extra)));
    if fields.get("isPaused") == Some(&Value::Bool(false)) {
        fields.remove("isPaused");
    }
    for query in fields.get_mut("data").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(query) = query.as_object_mut() else { continue };
        if query.get("queryType") == Some(&Value::String(String::new())) {
            query.remove("queryType");
        }
        let Some(model) = query.get_mut("model").and_then(Value::as_object_mut) else { continue };
        for (name, default) in MODEL_DEFAULTS {
            if model.get(name).and_then(Value::as_f64) == Some(default as f64) {
                model.remove(name);
            }
        }
    }
    durations(rule);
}

/// Durations as seconds, wherever they stand; none is no duration.
fn durations(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| match (DURATIONS.contains(&name.as_str()), &*value) {
                (true, Value::String(text)) => match seconds(text) {
                    Some(0.0) => false,
                    Some(seconds) => {
                        *value = Value::from(format!("{seconds}s"));
                        true
                    }
                    None => true,
                },
                _ => true,
            });
            fields.values_mut().for_each(durations);
        }
        Value::Array(items) => items.iter_mut().for_each(durations),
        _ => {}
    }
}

/// A duration as Prometheus writes it, `1h30m`; the ones of Go, `1h0m0s`, read the same.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        };
        seconds += number * unit;
        rest = &rest[letters..];
    }
    Some(seconds)
}

/// A value without what says nothing: null, and empty lists, objects and texts in objects are
/// as good as absent. Whole numbers are the same however they are written.
fn solid(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(fields) => {
            let kept: Map<String, Value> = fields
                .iter()
                .filter(|(_, value)| value.as_str() != Some(""))
                .filter_map(|(name, value)| Some((name.clone(), solid(value)?)))
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) if items.is_empty() => None,
        // A place in a list means something, even an empty one.
        Value::Array(items) => {
            Some(Value::Array(items.iter().map(|item| solid(item).unwrap_or(Value::Null)).collect()))
        }
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.as_i64().is_none() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        }),
        other => Some(other.clone()),
    }
}

/// `wanted` with what the server does not show of `found` left as it shows it.
pub(super) fn masked(wanted: &Value, found: &Value) -> Value {
    match (wanted, found) {
        (_, Value::String(text)) if text == REDACTED && !wanted.is_null() => found.clone(),
        (Value::Object(wanted), Value::Object(found)) => Value::Object(
            wanted
                .iter()
                .map(|(name, value)| (name.clone(), masked(value, found.get(name).unwrap_or(&Value::Null))))
                .collect(),
        ),
        _ => wanted.clone(),
    }
}

/// Whether something in it is not shown.
pub(super) fn hides(value: &Value) -> bool {
    match value {
        Value::String(text) => text == REDACTED,
        Value::Object(fields) => fields.values().any(hides),
        Value::Array(items) => items.iter().any(hides),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_adds_to_a_rule_is_no_change() {
        let ours = json!({"interval": 60, "rules": [{
            "uid": "dockmeter-a", "title": "A", "for": "5m", "data": [{"refId": "A", "model": {"expr": "up"}}],
        }]});
        let theirs = json!({"interval": 60.0, "rules": [{
            "id": 7, "orgID": 1, "updated": "2026-01-01T00:00:00Z", "provenance": "api",
            "folderUID": "f", "ruleGroup": "g", "isPaused": false, "keep_firing_for": "0s",
            "uid": "dockmeter-a", "title": "A", "for": "300s", "labels": {}, "record": null,
            "data": [{"refId": "A", "queryType": "",
                "model": {"expr": "up", "maxDataPoints": 43200, "intervalMs": 1000}}],
        }]});
        assert_eq!(normal(Kind::RuleGroup, &ours), normal(Kind::RuleGroup, &theirs));
    }

    #[test]
    fn durations_are_read_as_prometheus_and_go_write_them() {
        for (text, expected) in
            [("5m", 300.0), ("1h0m0s", 3600.0), ("1d", 86_400.0), ("0", 0.0), ("90s", 90.0), ("250ms", 0.25)]
        {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "x", "5", "5 m", "m"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_place_in_a_list_is_a_place() {
        let two = normal(Kind::Folder, &json!({"list": [null, 1]}));
        assert_ne!(two, normal(Kind::Folder, &json!({"list": [1]})));
    }

    #[test]
    fn what_is_hidden_is_not_compared_and_what_is_missing_is() {
        let wanted = json!({"url": "http://a", "password": "secret", "user": "ann"});
        let found = json!({"url": "http://a", "password": REDACTED});
        assert_eq!(masked(&wanted, &found), json!({"url": "http://a", "password": REDACTED, "user": "ann"}));
        assert!(hides(&found) && !hides(&wanted));
    }
}
