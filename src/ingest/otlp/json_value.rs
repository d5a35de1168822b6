//! Attributes in OTLP's JSON.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::lenient::{Double, Integer, Text, or_default};
use super::model::{AnyValue, Attribute};
use super::reading::{MOST_ATTRIBUTES, Reading};
use crate::ingest::allowance::{Allowance, Spent};
use crate::ingest::metered::Unread;

/// A `KeyValue`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow, deserialize_with = "or_default")]
    value: RawAnyValue<'a>,
}

/// An `AnyValue`: one of these.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawAnyValue<'a> {
    #[serde(borrow)]
    string_value: Option<Text<'a>>,
    bool_value: Option<bool>,
    int_value: Option<Integer>,
    double_value: Option<Double>,
    #[serde(borrow)]
    array_value: Option<RawArray<'a>>,
    #[serde(borrow)]
    kvlist_value: Option<RawMap<'a>>,
    /// In base64, which is how it is shown as well.
    #[serde(borrow)]
    bytes_value: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawArray<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    values: Vec<RawAnyValue<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMap<'a> {
    #[serde(borrow, deserialize_with = "or_default")]
    values: Vec<KeyValue<'a>>,
}

/// Attributes as the model has them.
///
/// # Errors
/// There are too many, or they take more memory than they may.
pub(super) fn attributes<'a>(
    list: Vec<KeyValue<'a>>,
    reading: &mut Reading<'_>,
) -> Result<Vec<Attribute<'a>>, Unread> {
    if list.len() > MOST_ATTRIBUTES {
        return Err(Unread::Senseless("there are more than 1024 attributes"));
    }
    let mut attributes = Vec::new();
    reading.allowance.reserve(&mut attributes, list.len())?;
    for KeyValue { key, value } in list {
        attributes.push(Attribute { key: key.kept(reading.allowance)?, value: value.read(reading)? });
    }
    Ok(attributes)
}

impl<'a> RawAnyValue<'a> {
    fn read(self, reading: &mut Reading<'_>) -> Result<AnyValue<'a>, Spent> {
        Ok(if let Some(text) = self.string_value.or(self.bytes_value) {
            AnyValue::Text(text.kept(reading.allowance)?)
        } else if let Some(value) = self.bool_value {
            AnyValue::Bool(value)
        } else if let Some(value) = self.int_value {
            AnyValue::Int(value.0)
        } else if let Some(value) = self.double_value {
            AnyValue::Double(value.0)
        } else if self.array_value.is_some() || self.kvlist_value.is_some() {
            let raw = RawAnyValue { string_value: None, bytes_value: None, ..self };
            AnyValue::Json(reading.json(|reading| raw.json(reading.allowance))?)
        } else {
            AnyValue::Empty
        })
    }

    fn json(self, allowance: &Allowance) -> Result<Value, Spent> {
        Ok(if let Some(text) = self.string_value.or(self.bytes_value) {
            owned(text, allowance)?.into()
        } else if let Some(value) = self.bool_value {
            value.into()
        } else if let Some(value) = self.int_value {
            value.0.into()
        } else if let Some(value) = self.double_value {
            value.0.into()
        } else if let Some(array) = self.array_value {
            let mut list = Vec::new();
            allowance.reserve(&mut list, array.values.len())?;
            for value in array.values {
                list.push(value.json(allowance)?);
            }
            list.into()
        } else if let Some(pairs) = self.kvlist_value {
            let mut map = Map::new();
            for KeyValue { key, value } in pairs.values {
                allowance.entry(size_of::<(String, Value)>(), map.len())?;
                map.insert(owned(key, allowance)?, value.json(allowance)?);
            }
            map.into()
        } else {
            Value::Null
        })
    }
}

/// A text that does not borrow.
fn owned(text: Text<'_>, allowance: &Allowance) -> Result<String, Spent> {
    allowance.take(text.0.len())?;
    Ok(text.0.into_owned())
}
