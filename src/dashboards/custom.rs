//! What somebody wants otherwise than a template has it, read from JSON:
//!
//! ```json
//! {"title": "Shop", "variables": {"project": ["shop"], "compare": "1d"},
//!  "panels": {"leave_out": [20], "add": [{"title": "Load", "expr": "node_load1{@host}"}]},
//!  "thresholds": {"22": [{"value": null, "color": "green"}, {"value": 0.8, "color": "red"}]}}
//! ```
//!
//! Invariant: whatever the JSON is, what comes back is a value or one [`Fault`] that names its
//! place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::yaml::one_of;

/// The most characters of a title, of a variable's value and of a colour.
const TITLE_CHARS: usize = 200;
const VALUE_CHARS: usize = 500;
const COLOUR_CHARS: usize = 50;

/// The most panels that are added, values of a variable, and steps of a panel's thresholds.
const PANELS: usize = 100;
const VALUES: usize = 500;
const STEPS: usize = 50;

/// Something that cannot be done, and where it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", place(at))]
pub struct Fault {
    /// The place, as a JSON pointer (RFC 6901); empty for the whole.
    pub at: String,
    /// What is wrong there, and what to do.
    pub reason: String,
}

fn place(at: &str) -> String {
    if at.is_empty() { String::new() } else { format!("`{at}`: ") }
}

impl Fault {
    /// A fault at a place.
    pub fn new(at: impl Into<String>, reason: impl Into<String>) -> Fault {
        Fault { at: at.into(), reason: reason.into() }
    }
}

/// A step of thresholds: from which value on, and the colour; without a value it is the first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) from: Option<f64>,
    pub(super) colour: String,
}

/// What is wanted otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customisation {
    pub(super) title: Option<String>,
    pub(super) variables: BTreeMap<String, Vec<String>>,
    pub(super) leave_out: BTreeSet<u32>,
    pub(super) add: Vec<Map<String, Value>>,
    pub(super) thresholds: BTreeMap<u32, Vec<Step>>,
    said: Map<String, Value>,
}

impl Customisation {
    /// The keys of an object that say it.
    pub const KEYS: [&str; 4] = ["title", "variables", "panels", "thresholds"];

    /// Reads these keys of an object; others are somebody else's.
    ///
    /// # Errors
    /// The first thing that cannot be understood.
    pub fn read(body: &Map<String, Value>) -> Result<Customisation, Fault> {
        let given = body.iter().filter(|(key, value)| Self::KEYS.contains(&key.as_str()) && !value.is_null());
        let said: Map<String, Value> = given.map(|(key, value)| (key.clone(), value.clone())).collect();
        let title = said.get("title").map(|title| text(title, "/title", TITLE_CHARS)).transpose()?;
        let variables = said.get("variables").map(variables).transpose()?.unwrap_or_default();
        let (leave_out, add) = said.get("panels").map(panels).transpose()?.unwrap_or_default();
        let thresholds = said.get("thresholds").map(thresholds).transpose()?.unwrap_or_default();
        Ok(Customisation { title, variables, leave_out, add, thresholds, said })
    }

    /// As it was said.
    pub fn said(&self) -> &Map<String, Value> {
        &self.said
    }

    /// Whether it says what a variable begins with.
    pub fn chooses(&self, variable: &str) -> bool {
        self.variables.contains_key(variable)
    }
}

/// A key as a part of a JSON pointer.
pub(super) fn pointer(at: &str, key: impl fmt::Display) -> String {
    format!("{at}/{}", key.to_string().replace('~', "~0").replace('/', "~1"))
}

/// An object all of whose keys are among these.
pub(super) fn object<'v>(value: &'v Value, at: &str, keys: &[&str]) -> Result<&'v Map<String, Value>, Fault> {
    let object = value.as_object().ok_or_else(|| Fault::new(at, "an object is wanted here"))?;
    match object.keys().find(|key| !keys.is_empty() && !keys.contains(&key.as_str())) {
        Some(key) => {
            let known = one_of(keys);
            Err(Fault::new(pointer(at, key), format!("no such key is known; there is {known}")))
        }
        None => Ok(object),
    }
}

/// A text of one line.
pub(super) fn text(value: &Value, at: &str, most: usize) -> Result<String, Fault> {
    let text = value.as_str().map(str::trim).ok_or_else(|| Fault::new(at, "a text is wanted here"))?;
    if text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Fault::new(at, format!("a line of 1 to {most} characters is wanted here")));
    }
    Ok(text.to_owned())
}

fn list<'v>(value: &'v Value, at: &str, most: usize) -> Result<&'v [Value], Fault> {
    let list = value.as_array().ok_or_else(|| Fault::new(at, "a list is wanted here"))?;
    if list.len() > most {
        return Err(Fault::new(at, format!("no more than {most} are taken here")));
    }
    Ok(list)
}

fn variables(value: &Value) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let variable = |(name, value): (&String, &Value)| {
        let at = pointer("/variables", name);
        let one = |value: &Value, at: &str| match value {
            Value::Number(number) => Ok(number.to_string()),
            other => text(other, at, VALUE_CHARS),
        };
        let values = match value {
            Value::Array(_) => {
                let values = list(value, &at, VALUES)?.iter().enumerate();
                values.map(|(index, value)| one(value, &pointer(&at, index))).collect::<Result<_, _>>()?
            }
            value => vec![one(value, &at)?],
        };
        if values.is_empty() {
            return Err(Fault::new(at, "no value is named; name one, or leave the variable out"));
        }
        Ok((name.clone(), values))
    };
    object(value, "/variables", &[])?.iter().map(variable).collect()
}

type Panels = (BTreeSet<u32>, Vec<Map<String, Value>>);

fn panels(value: &Value) -> Result<Panels, Fault> {
    let panels = object(value, "/panels", &["leave_out", "add"])?;
    let (mut out, mut add) = (BTreeSet::new(), Vec::new());
    if let Some(ids) = panels.get("leave_out") {
        for (index, id) in list(ids, "/panels/leave_out", usize::MAX)?.iter().enumerate() {
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let at = pointer("/panels/leave_out", index);
            out.insert(id.ok_or_else(|| Fault::new(at, "the id of a panel, a number, is wanted here"))?);
        }
    }
    if let Some(panels) = panels.get("add") {
        for (index, panel) in list(panels, "/panels/add", PANELS)?.iter().enumerate() {
            add.push(object(panel, &pointer("/panels/add", index), &[])?.clone());
        }
    }
    Ok((out, add))
}

fn thresholds(value: &Value) -> Result<BTreeMap<u32, Vec<Step>>, Fault> {
    let panel = |(id, value): (&String, &Value)| {
        let at = pointer("/thresholds", id);
        let id = id.parse().map_err(|_| Fault::new(&at, "the key is the id of a panel, a number"))?;
        let mut steps = Vec::new();
        for (index, value) in list(value, &at, STEPS)?.iter().enumerate() {
            steps.push(step(value, &pointer(&at, index))?);
        }
        let firsts = steps.iter().filter(|step: &&Step| step.from.is_none()).count();
        if steps.is_empty() || firsts > 1 {
            return Err(Fault::new(
                at,
                "one step or more are wanted here, and one of them at most without a value",
            ));
        }
        steps.sort_by(|one, other| {
            let from = |step: &Step| step.from.unwrap_or(f64::NEG_INFINITY);
            from(one).total_cmp(&from(other))
        });
        Ok((id, steps))
    };
    object(value, "/thresholds", &[])?.iter().map(panel).collect()
}

fn step(value: &Value, at: &str) -> Result<Step, Fault> {
    let step = object(value, at, &["value", "color"])?;
    let from = match step.get("value") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let wanted = || {
                Fault::new(pointer(at, "value"), "a number is wanted here, or null for the colour below all")
            };
            Some(value.as_f64().ok_or_else(wanted)?)
        }
    };
    let colour = step.get("color").unwrap_or(&Value::Null);
    Ok(Step { from, colour: text(colour, &pointer(at, "color"), COLOUR_CHARS)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(body: Value) -> String {
        Customisation::read(body.as_object().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_understood_is_named_by_its_place() {
        for (body, at) in [
            (json!({"title": ""}), "/title"),
            (json!({"title": "a\nb"}), "/title"),
            (json!({"title": 7}), "/title"),
            (json!({"variables": []}), "/variables"),
            (json!({"variables": {"team": []}}), "/variables/team"),
            (json!({"variables": {"a/b": [{}]}}), "/variables/a~1b/0"),
            (json!({"panels": {"remove": []}}), "/panels/remove"),
            (json!({"panels": {"leave_out": [-1]}}), "/panels/leave_out/0"),
            (json!({"panels": {"leave_out": 3}}), "/panels/leave_out"),
            (json!({"panels": {"add": ["x"]}}), "/panels/add/0"),
            (json!({"thresholds": {"x": []}}), "/thresholds/x"),
            (json!({"thresholds": {"1": []}}), "/thresholds/1"),
            (json!({"thresholds": {"1": [{"value": "a", "color": "red"}]}}), "/thresholds/1/0/value"),
            (json!({"thresholds": {"1": [{"value": 1}]}}), "/thresholds/1/0/color"),
            (json!({"thresholds": {"1": [{"color": "red", "op": "gt"}]}}), "/thresholds/1/0/op"),
        ] {
            let told = refused(body);
            assert!(told.starts_with(&format!("`{at}`: ")), "{told}");
        }
    }

    #[test]
    fn what_is_said_is_kept_as_it_was_said() {
        let body = json!({"title": "Mine", "variables": {"compare": "1d", "price": 2}, "folder": "x", "panels": null});
        let read = Customisation::read(body.as_object().unwrap()).unwrap();
        assert_eq!(
            Value::Object(read.said().clone()),
            json!({"title": "Mine", "variables": {"compare": "1d", "price": 2}})
        );
        assert_eq!(read.variables["price"], ["2"]);
        assert!(read.chooses("compare") && !read.chooses("team"));
    }
}
