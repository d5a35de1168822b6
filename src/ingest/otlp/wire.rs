//! The protobuf wire format, read field by field from a slice.
//!
//! Nothing is copied, and a length is believed only as far as the slice reaches. Source: the
//! encoding guide of Protocol Buffers.

use super::reading::{LONGEST_NAME, MOST_ATTRIBUTES};
use crate::ingest::allowance::{Allowance, Spent};

/// Messages in messages are followed this deep, which values of attributes alone can exceed.
pub(super) const DEEPEST: u32 = 32;

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends within a field.
    #[error("the message ends within a field")]
    Truncated,
    /// A number of more than ten bytes, or with more than 64 bits.
    #[error("a number is longer than 64 bits")]
    Overlong,
    /// Groups have never been part of this protocol; 6 and 7 do not exist.
    #[error("a field has the unknown wire type {0}")]
    WireType(u8),
    /// Field numbers begin with 1.
    #[error("a field has the number 0")]
    FieldZero,
    /// A known field with another type.
    #[error("field {0} has another type than it should")]
    Type(u32),
    /// Messages in messages in messages.
    #[error("values are nested deeper than {DEEPEST} levels")]
    TooDeep,
    /// A point that neither has a value nor says that its series has ended.
    #[error("a point has no value")]
    NoValue,
    /// A name that nobody would give.
    #[error("a metric's name or unit is longer than {LONGEST_NAME} bytes")]
    LongName,
    /// More attributes than any thing has.
    #[error("there are more than {MOST_ATTRIBUTES} attributes")]
    TooMany,
    /// The request as a whole takes too much memory; no fault of the part at which that shows.
    #[error(transparent)]
    Spent(#[from] Spent),
}

/// A field's value as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Fields { rest: message }
    }

    #[inline(always)]
    fn read(&mut self) -> Result<(u32, Field<'a>), Malformed> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed::Overlong)?;
        if number == 0 {
            return Err(Malformed::FieldZero);
        }
        let field = match (key & 7) as u8 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(Malformed::WireType(other)),
        };
        Ok((number, field))
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        let (value, length) = varint(self.rest)?;
        self.rest = &self.rest[length..];
        Ok(value)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Malformed>;

    // The result is large, and every walk over a message is one loop around this: within the loop
    // it never gets to memory.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}

/// A number at the beginning of a slice, and how many bytes it takes: most often one, and two for
/// the length of a point.
#[inline(always)]
fn varint(bytes: &[u8]) -> Result<(u64, usize), Malformed> {
    match bytes {
        [byte @ ..0x80, ..] => Ok((u64::from(*byte), 1)),
        [low, high @ ..0x80, ..] => Ok((u64::from(low & 0x7f) | u64::from(*high) << 7, 2)),
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &[u8]) -> Result<(u64, usize), Malformed> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index as u32;
        if shift > 63 || (shift == 63 && bits > 1) {
            return Err(Malformed::Overlong);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    Err(Malformed::Truncated)
}

impl<'a> Field<'a> {
    /// The value of field `number` as bytes: a message, a text, or packed numbers.
    pub(super) fn bytes(self, number: u32) -> Result<&'a [u8], Malformed> {
        match self {
            Field::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::Type(number)),
        }
    }

    /// As an integer, an enum or a truth value.
    pub(super) fn varint(self, number: u32) -> Result<u64, Malformed> {
        match self {
            Field::Varint(value) => Ok(value),
            _ => Err(Malformed::Type(number)),
        }
    }

    /// As a `sint32`.
    pub(super) fn sint32(self, number: u32) -> Result<i32, Malformed> {
        let value = self.varint(number)? as u32;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// As a `fixed64`.
    pub(super) fn fixed64(self, number: u32) -> Result<u64, Malformed> {
        match self {
            Field::Fixed64(value) => Ok(value),
            _ => Err(Malformed::Type(number)),
        }
    }

    /// As a double.
    pub(super) fn double(self, number: u32) -> Result<f64, Malformed> {
        self.fixed64(number).map(f64::from_bits)
    }

    /// Appends one `fixed64`, or a packed run of them.
    pub(super) fn push_fixed64(
        self,
        number: u32,
        to: &mut Vec<u64>,
        allowance: &Allowance,
    ) -> Result<(), Malformed> {
        match self {
            Field::Fixed64(value) => allowance.push(to, value)?,
            Field::Bytes(packed) => {
                let (values, rest) = packed.as_chunks();
                if !rest.is_empty() {
                    return Err(Malformed::Truncated);
                }
                allowance.reserve(to, values.len())?;
                to.extend(values.iter().map(|value| u64::from_le_bytes(*value)));
            }
            _ => return Err(Malformed::Type(number)),
        }
        Ok(())
    }

    /// Appends one double, or a packed run of them.
    pub(super) fn push_doubles(
        self,
        number: u32,
        to: &mut Vec<f64>,
        allowance: &Allowance,
    ) -> Result<(), Malformed> {
        match self {
            Field::Fixed64(value) => allowance.push(to, f64::from_bits(value))?,
            Field::Bytes(packed) => {
                let (values, rest) = packed.as_chunks();
                if !rest.is_empty() {
                    return Err(Malformed::Truncated);
                }
                allowance.reserve(to, values.len())?;
                to.extend(values.iter().map(|value| f64::from_le_bytes(*value)));
            }
            _ => return Err(Malformed::Type(number)),
        }
        Ok(())
    }

    /// Appends one `uint64`, or a packed run of them.
    pub(super) fn push_varints(
        self,
        number: u32,
        to: &mut Vec<u64>,
        allowance: &Allowance,
    ) -> Result<(), Malformed> {
        match self {
            Field::Varint(value) => allowance.push(to, value)?,
            Field::Bytes(mut packed) => {
                // The last byte of each number is one without the highest bit.
                let values = packed.iter().filter(|byte| **byte < 0x80).count();
                allowance.reserve(to, values)?;
                while !packed.is_empty() {
                    let (value, length) = varint(packed)?;
                    to.push(value);
                    packed = &packed[length..];
                }
            }
            _ => return Err(Malformed::Type(number)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_are_read_as_the_guide_shows_them() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0];
        let fields: Result<Vec<_>, _> = Fields::of(&message).collect();
        let expected = [(1, Field::Varint(150)), (2, Field::Bytes(b"hi")), (3, Field::Fixed32(1))];
        assert_eq!(fields.unwrap(), expected);
    }

    #[test]
    fn what_is_not_a_message_is_refused_once() {
        let refused = |message: &[u8]| Fields::of(message).find_map(Result::err);
        assert_eq!(refused(&[0x12, 0x05, b'h']), Some(Malformed::Truncated));
        assert_eq!(refused(&[0x08]), Some(Malformed::Truncated));
        assert_eq!(refused(&[0x0b]), Some(Malformed::WireType(3)));
        assert_eq!(refused(&[0x00, 0x00]), Some(Malformed::FieldZero));
        assert_eq!(refused(&[&[0x08][..], &[0xff; 10]].concat()), Some(Malformed::Overlong));
        let huge = [0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(refused(&huge), Some(Malformed::Truncated));
    }

    #[test]
    fn zigzag_numbers_have_signs() {
        let read = |value| Field::Varint(value).sint32(1).unwrap();
        assert_eq!([0, 1, 2, 3, u64::from(u32::MAX)].map(read), [0, -1, 1, -2, i32::MIN]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read = Fields::of(&bytes).count();
            prop_assert!(read <= bytes.len());
        }
    }
}
