//! JSON, read within an allowance of memory.
//!
//! Between `serde_json` and the types that are read stands a deserializer that takes from the
//! allowance what they are about to allocate: the growing capacity of every list, the nodes of
//! every map, and the copies of texts. It works for whatever types there are, so that none is
//! forgotten. What is read field by field into a struct costs nothing by itself.

use std::fmt::{self, Display, Write as _};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::allowance::{Allowance, FEWEST, Spent};

/// Longest message about what is wrong with a part, in bytes: it may hold the part.
const LONGEST_MESSAGE: usize = 200;

/// The name by which `serde_json` asks itself for a part as it stands.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The request as a whole takes too much memory.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// It is no JSON, or not what it should be.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It is, but makes no sense.
    #[error("{0}")]
    Senseless(&'static str),
}

/// Reads JSON of which [`scratch`] has been taken.
///
/// # Errors
/// It cannot be read.
pub(super) fn read<'de, T: Deserialize<'de>>(text: &'de str, allowance: &Allowance) -> Result<T, Unread> {
    let mut json = serde_json::Deserializer::from_str(text);
    let read = T::deserialize(Metered { inner: &mut json, allowance });
    let read = read.and_then(|value| json.end().map(|()| value));
    read.map_err(|why| if allowance.is_spent() { Unread::Spent(Spent) } else { Unread::Json(why) })
}

/// Reads JSON, and makes something of it, after which it is gone.
///
/// # Errors
/// It cannot be read, or `make` fails.
pub(super) fn read_into<'de, T: Deserialize<'de>, M, E: From<Unread>>(
    text: &'de str,
    allowance: &Allowance,
    make: impl FnOnce(T) -> Result<M, E>,
) -> Result<M, E> {
    let before = allowance.left();
    let read = read(text, allowance);
    let taken = before.saturating_sub(allowance.left());
    let made = read.map_err(E::from).and_then(make);
    allowance.give_back(taken);
    made
}

/// Takes what `serde_json` needs itself to read a body: room for a text with escapes without
/// them, and a byte for each list within a list that is skipped.
///
/// # Errors
/// There is not so much left.
pub(super) fn scratch(body: &str, allowance: &Allowance) -> Result<(), Spent> {
    let (mut depth, mut deepest, mut longest) = (0_usize, 0, 0);
    let mut rest = body.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => {
                let (length, escaped) = text_length(rest);
                rest = rest.get(length + 1..).unwrap_or_default();
                longest = longest.max(if escaped { length } else { 0 });
            }
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    // It doubles as it grows, while what was before is there.
    allowance.take(3 * longest.max(deepest))
}

/// The bytes of a text up to its closing quotation mark, and whether there are escapes in it.
fn text_length(text: &[u8]) -> (usize, bool) {
    let (mut from, mut escaped) = (0, false);
    while let Some(place) = memchr::memchr2(b'"', b'\\', text.get(from..).unwrap_or_default()) {
        if text[from + place] == b'"' {
            return (from + place, escaped);
        }
        (from, escaped) = (from + place + 2, true);
    }
    (text.len(), escaped)
}

/// What the visitors of values say is wrong, cut before it becomes long.
#[derive(Debug)]
struct Rejected(String);

impl Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejected {}

impl Error for Rejected {
    fn custom<T: Display>(message: T) -> Self {
        struct Short(String);

        impl fmt::Write for Short {
            fn write_str(&mut self, more: &str) -> fmt::Result {
                let room = LONGEST_MESSAGE.saturating_sub(self.0.len());
                if more.len() <= room {
                    self.0.push_str(more);
                    return Ok(());
                }
                self.0.push_str(&more[..more.floor_char_boundary(room)]);
                self.0.push('…');
                Err(fmt::Error)
            }
        }

        let mut short = Short(String::new());
        // It only fails where the message is cut.
        let _ = write!(short, "{message}");
        Rejected(short.0)
    }
}

/// A deserializer that takes from an allowance what comes of it.
struct Metered<'m, D> {
    inner: D,
    allowance: &'m Allowance,
}

/// Forwards what asks for a certain kind of value: JSON says itself of which kind one is, and
/// `serde_json` puts values of other kinds whole into its messages.
macro_rules! any {
    ($($method:ident($($argument:ident: $type:ty),*))*) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            $(let _ = $argument;)*
            self.deserialize_any(visitor)
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Metered<'_, D> {
    type Error = D::Error;

    any! {
        deserialize_bool()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_unit() deserialize_seq() deserialize_map()
        deserialize_unit_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_identifier()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Metered { inner, allowance } = self;
        inner.deserialize_any(Metering { visitor, allowance, is_struct: false })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Metered { inner, allowance } = self;
        inner.deserialize_any(Metering { visitor, allowance, is_struct: true })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let Metered { inner, allowance } = self;
        inner.deserialize_option(Metering { visitor, allowance, is_struct: false })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let Metered { inner, allowance } = self;
        if name == RAW_VALUE {
            // A part as it stands borrows, and its visitor knows `serde_json` alone.
            return inner.deserialize_newtype_struct(name, visitor);
        }
        inner.deserialize_newtype_struct(name, Metering { visitor, allowance, is_struct: false })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }
}

/// A visitor for whose values it is taken what they take.
struct Metering<'m, V> {
    visitor: V,
    allowance: &'m Allowance,
    /// Whether a map becomes a struct, which has a place for each field.
    is_struct: bool,
}

/// A text is taken for as if it were copied, as some types do.
fn text<T, E: Error>(
    text: &str,
    allowance: &Allowance,
    visit: impl FnOnce() -> Result<T, Rejected>,
) -> Result<T, E> {
    allowance.take(text.len()).map_err(E::custom)?;
    visit().map_err(E::custom)
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Metering<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.visitor.visit_bool(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.visitor.visit_i64(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.visitor.visit_u64(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.visitor.visit_f64(value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        text(value, self.allowance, || self.visitor.visit_str(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        text(value, self.allowance, || self.visitor.visit_borrowed_str(value))
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Metered { inner, allowance: self.allowance })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Metered { inner, allowance: self.allowance })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(List { inner, allowance: self.allowance, length: 0, capacity: 0 })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let entries = if self.is_struct { None } else { Some(0) };
        self.visitor.visit_map(Entries { inner, allowance: self.allowance, entries, key: 0 })
    }
}

/// The seed of a value within another one.
struct Within<'m, S> {
    seed: S,
    allowance: &'m Allowance,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Within<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Metered { inner, allowance: self.allowance })
    }
}

/// What becomes a `Vec`, which grows as those do.
struct List<'m, A> {
    inner: A,
    allowance: &'m Allowance,
    length: usize,
    capacity: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for List<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let item = self.inner.next_element_seed(Within { seed, allowance: self.allowance })?;
        if item.is_some() && self.length == self.capacity {
            let capacity = (2 * self.capacity).max(FEWEST);
            self.allowance.grow(size_of::<S::Value>(), self.capacity, capacity).map_err(Error::custom)?;
            self.capacity = capacity;
        }
        self.length += 1;
        Ok(item)
    }
}

/// What becomes a struct, or a B-tree.
struct Entries<'m, A> {
    inner: A,
    allowance: &'m Allowance,
    /// How many a B-tree has.
    entries: Option<usize>,
    /// Bytes of the last key.
    key: usize,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        if self.entries.is_none() {
            return self.inner.next_key_seed(seed);
        }
        self.key = size_of::<S::Value>();
        self.inner.next_key_seed(Within { seed, allowance: self.allowance })
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        if let Some(entries) = &mut self.entries {
            let taken = self.allowance.entry(self.key + size_of::<S::Value>(), *entries);
            taken.map_err(Error::custom)?;
            *entries += 1;
        }
        self.inner.next_value_seed(Within { seed, allowance: self.allowance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    fn taken<'de, T: Deserialize<'de>>(text: &'de str) -> usize {
        let allowance = Allowance::new(1 << 20);
        read::<T>(text, &allowance).unwrap();
        (1 << 20) - allowance.left()
    }

    #[test]
    fn lists_maps_and_texts_are_taken_as_they_grow() {
        assert_eq!(taken::<Vec<u64>>("[]"), 0);
        assert_eq!(taken::<Vec<u64>>("[1,2,3,4]"), 32);
        assert_eq!(taken::<Vec<u64>>("[1,2,3,4,5]"), 64);
        assert_eq!(taken::<Vec<Option<u64>>>("[1,null]"), 64);
        assert_eq!(taken::<Vec<Vec<u64>>>("[[],[1],[]]"), 4 * 24 + 32);
        assert_eq!(taken::<String>(r#""four""#), 4);
        assert_eq!(taken::<Vec<&RawValue>>(r#"[{"a":[1,2,3]},{}]"#), 64);
        assert!(taken::<BTreeMap<String, u64>>(r#"{"a":1}"#) > 11 * 32);
    }

    #[test]
    fn who_takes_more_than_there_is_is_refused() {
        let text = format!("[{}]", vec!["[]"; 100].join(","));
        let allowance = Allowance::new(1_000);
        assert!(matches!(read::<Vec<Vec<u64>>>(&text, &allowance), Err(Unread::Spent(Spent))));
        let other = read::<Vec<u64>>("[[]]", &Allowance::new(1_000));
        assert!(matches!(other, Err(Unread::Json(_))));
    }

    #[test]
    fn what_was_read_into_something_is_given_back() {
        let allowance = Allowance::new(1_000);
        let sum = |list: Vec<u64>| Ok::<_, Unread>(list.into_iter().sum::<u64>());
        assert_eq!(read_into("[1,2]", &allowance, sum).unwrap(), 3);
        assert!(read_into("[1,{}]", &allowance, sum).is_err());
        assert_eq!(allowance.left(), 1_000);
    }

    #[test]
    fn a_message_does_not_repeat_what_is_long() {
        let text = format!(r#""{}""#, "é".repeat(10_000));
        let why = read::<u64>(&text, &Allowance::new(1 << 20)).unwrap_err().to_string();
        assert!(why.starts_with("invalid type: string \"éé") && why.len() < 300, "{why}");
    }

    #[test]
    fn what_is_needed_for_escapes_and_depth_is_taken() {
        let scratch = |text: &str| {
            let allowance = Allowance::new(1_000);
            scratch(text, &allowance).unwrap();
            1_000 - allowance.left()
        };
        assert_eq!(scratch(r#"["a long text without", "b"]"#), 3);
        assert_eq!(scratch(r#"{"a":"x\"y","b\\":"zz"}"#), 3 * 4);
        assert_eq!(scratch(r#""a\"#), 3 * 2, "it does not end");
        assert_eq!(scratch("[[[[]]]][[["), 3 * 4);
    }
}
