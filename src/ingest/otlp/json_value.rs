//! Attributes in OTLP's JSON.

use serde::Deserialize;

use super::lenient::{Double, Integer, Text, or_default};
use super::model::{AnyValue, Attribute};

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
pub(super) fn attributes(list: Vec<KeyValue<'_>>) -> Vec<Attribute<'_>> {
    let attribute = |one| {
        let KeyValue { key, value } = one;
        Attribute { key: key.0, value: value.into() }
    };
    list.into_iter().map(attribute).collect()
}

impl<'a> From<RawAnyValue<'a>> for AnyValue<'a> {
    fn from(raw: RawAnyValue<'a>) -> Self {
        if let Some(text) = raw.string_value.or(raw.bytes_value) {
            AnyValue::Text(text.0)
        } else if let Some(value) = raw.bool_value {
            AnyValue::Bool(value)
        } else if let Some(value) = raw.int_value {
            AnyValue::Int(value.0)
        } else if let Some(value) = raw.double_value {
            AnyValue::Double(value.0)
        } else {
            match serde_json::Value::from(RawAnyValue { string_value: None, bytes_value: None, ..raw }) {
                serde_json::Value::Null => AnyValue::Empty,
                nested => AnyValue::Json(nested.to_string()),
            }
        }
    }
}

impl From<RawAnyValue<'_>> for serde_json::Value {
    fn from(raw: RawAnyValue<'_>) -> Self {
        if let Some(text) = raw.string_value.or(raw.bytes_value) {
            text.0.into_owned().into()
        } else if let Some(value) = raw.bool_value {
            value.into()
        } else if let Some(value) = raw.int_value {
            value.0.into()
        } else if let Some(value) = raw.double_value {
            value.0.into()
        } else if let Some(array) = raw.array_value {
            array.values.into_iter().map(serde_json::Value::from).collect()
        } else if let Some(map) = raw.kvlist_value {
            let pair = |KeyValue { key, value }| (key.0.into_owned(), serde_json::Value::from(value));
            map.values.into_iter().map(pair).collect::<serde_json::Map<_, _>>().into()
        } else {
            serde_json::Value::Null
        }
    }
}
