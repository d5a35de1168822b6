//! Numbers, enums and texts as the JSON form of protobuf allows them to be written.
//!
//! `null` stands for what is not set; 64-bit integers are texts or numbers; doubles may be
//! `"NaN"`, `"Infinity"` and `"-Infinity"`; enums are numbers or names. Source: the ProtoJSON
//! format of Protocol Buffers, and the deviations of the OTLP specification.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::ingest::allowance::{Allowance, Spent};

/// `null` for a default value.
pub(in crate::ingest) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A text that borrows where it has no escapes.
#[derive(Debug, Default)]
pub(in crate::ingest) struct Text<'a>(pub(in crate::ingest) Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text, for longer than what it was read with: what is copied is taken once more.
    ///
    /// # Errors
    /// There is not so much left.
    pub(in crate::ingest) fn kept(self, allowance: &Allowance) -> Result<Cow<'a, str>, Spent> {
        if let Cow::Owned(text) = &self.0 {
            allowance.take(text.capacity())?;
        }
        Ok(self.0)
    }
}

/// A value that is no list and no map.
#[derive(Debug, Default)]
pub(in crate::ingest) enum Scalar<'a> {
    /// `null`.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number as JSON writes it.
    Number(serde_json::Number),
    /// A text.
    Text(Cow<'a, str>),
    /// A list or a map, of which nothing is kept.
    Nested,
}

/// A `uint64`, `fixed64` or `uint32`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ingest) struct Unsigned(pub(in crate::ingest) u64);

/// An `int64`, `sfixed64` or `sint32`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ingest) struct Integer(pub(in crate::ingest) i64);

/// A `double`.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ingest) struct Double(pub(in crate::ingest) f64);

/// The number of an enum.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Enum(pub(super) u64);

impl Enum {
    /// Reads a number, or one of the names. A name that is newer than this program is 0, as an
    /// unknown number is to those who look at it.
    pub(super) fn read<'de, D: Deserializer<'de>>(
        deserializer: D,
        names: &'static [&'static str],
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnumVisitor(names)).map(Enum)
    }
}

struct EnumVisitor(&'static [&'static str]);

impl Visitor<'_> for EnumVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number or the name of an enum's value")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_unit<E: Error>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<u64, E> {
        let known = self.0.iter().position(|name| *name == value).map(|place| place as u64);
        Ok(known.or_else(|| value.parse().ok()).unwrap_or(0))
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor).map(Text)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Scalar::Null, Scalar::Number))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nested)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// Reads a number in whatever form it was written, and judges it by `of`.
struct NumberVisitor {
    expecting: &'static str,
}

/// A number as it stands in JSON.
#[derive(Clone, Copy)]
enum Written {
    Unsigned(u64),
    Signed(i64),
    Double(f64),
}

impl Written {
    /// A number of no fraction.
    fn integer(self) -> Option<i128> {
        match self {
            Written::Unsigned(value) => Some(value.into()),
            Written::Signed(value) => Some(value.into()),
            Written::Double(value) if value.fract() == 0.0 && value.abs() < 1e20 => Some(value as i128),
            Written::Double(_) => None,
        }
    }
}

impl Visitor<'_> for NumberVisitor {
    type Value = Written;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Written, E> {
        Ok(Written::Unsigned(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Written, E> {
        Ok(Written::Signed(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Written, E> {
        Ok(Written::Double(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Written, E> {
        Ok(Written::Unsigned(0))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Written, E> {
        let unsigned = value.parse().map(Written::Unsigned);
        let signed = unsigned.or_else(|_| value.parse().map(Written::Signed));
        // Rust's parser also takes `inf` and `nan` in any case, which no sender writes.
        let number = signed.or_else(|_| value.parse().map(Written::Double));
        number.map_err(|_| Error::invalid_value(Unexpected::Str(value), &self))
    }
}

fn integer<'de, D, T>(deserializer: D, expecting: &'static str) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    let visitor = NumberVisitor { expecting };
    let number = deserializer.deserialize_any(visitor)?.integer().and_then(|value| T::try_from(value).ok());
    number.ok_or_else(|| Error::custom(format_args!("expected {expecting}")))
}

impl<'de> Deserialize<'de> for Unsigned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        integer(deserializer, "an unsigned 64-bit integer").map(Unsigned)
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        integer(deserializer, "a 64-bit integer").map(Integer)
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = deserializer.deserialize_any(NumberVisitor { expecting: "a number" })?;
        Ok(Double(match written {
            Written::Unsigned(value) => value as f64,
            Written::Signed(value) => value as f64,
            Written::Double(value) => value,
        }))
    }
}
