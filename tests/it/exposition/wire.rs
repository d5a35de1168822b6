//! A strict reader of the protobuf wire format: a message to its fields, in order.
//!
//! Source: the encoding guide of Protocol Buffers.

/// A field's value as it lies in the bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    /// A varint.
    Number(u64),
    /// Eight bytes.
    Double(f64),
    /// Bytes after their length: text, a message or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// The number, where the field is to hold one.
    pub(super) fn number(self) -> Result<u64, String> {
        match self {
            Field::Number(number) => Ok(number),
            other => Err(format!("{other:?} is not a number")),
        }
    }

    /// The number of a `sint32` or `sint64`.
    pub(super) fn signed(self) -> Result<i64, String> {
        self.number().map(unzigzag)
    }

    /// The double, where the field is to hold one.
    pub(super) fn double(self) -> Result<f64, String> {
        match self {
            Field::Double(double) => Ok(double),
            other => Err(format!("{other:?} is not a double")),
        }
    }

    /// The bytes, where the field is to hold some.
    pub(super) fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Field::Bytes(bytes) => Ok(bytes),
            other => Err(format!("{other:?} has no length")),
        }
    }

    /// The text, where the field is to hold one.
    pub(super) fn text(self) -> Result<String, String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|error| format!("not UTF-8: {error}"))
    }
}

/// Back from the form in which small negative numbers are short.
fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The fields of a message by their numbers.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn fields(mut rest: &[u8]) -> Result<Vec<(u64, Field<'_>)>, String> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut rest)?),
            1 => {
                let (double, after) = rest.split_first_chunk().ok_or("a double has eight bytes")?;
                rest = after;
                Field::Double(f64::from_le_bytes(*double))
            }
            2 => Field::Bytes(delimited(&mut rest)?),
            other => return Err(format!("the metrics' messages have no fields of wire type {other}")),
        };
        found.push((tag >> 3, field));
    }
    Ok(found)
}

/// The bytes after a length.
pub(super) fn delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let length = usize::try_from(varint(rest)?).map_err(|error| error.to_string())?;
    let (bytes, after) = rest.split_at_checked(length).ok_or("a length goes beyond the end")?;
    *rest = after;
    Ok(bytes)
}

/// `sint64` numbers in one field.
pub(super) fn packed_signed(mut rest: &[u8]) -> Result<Vec<i64>, String> {
    let mut numbers = Vec::new();
    while !rest.is_empty() {
        numbers.push(unzigzag(varint(&mut rest)?));
    }
    Ok(numbers)
}

fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first().ok_or("a number goes beyond the end")?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number has at most 64 bits".to_owned())
}
