//! The protobuf wire format, as far as exposition needs it, written straight into a buffer.
//!
//! Source: the encoding guide of Protocol Buffers. Lengths stand before what they measure:
//! where they are known they are written at once, and where they are not, [`message`] moves
//! what was written, or [`close`] fills the place that [`open`] has left.

/// How a field's value is laid out.
#[derive(Clone, Copy, Debug)]
enum WireType {
    Varint = 0,
    Double = 1,
    Length = 2,
}

/// Bytes that [`open`] leaves for a length: seven bits each, so enough for 32 GiB.
const OPEN_LENGTH: usize = 5;

/// A varint's last byte has this bit clear.
const MORE: u8 = 0x80;

/// Bytes of a field with a double: one for number and type, eight for the value.
pub(super) const DOUBLE_FIELD: usize = 9;

/// Bytes of a field with a message that holds only a double.
pub(super) const DOUBLE_MESSAGE: usize = 2 + DOUBLE_FIELD;

/// Appends a number, seven bits a byte, the lowest first.
pub(super) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= u64::from(MORE) {
        out.push(value as u8 | MORE);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`varint`] takes.
pub(super) fn varint_length(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// A signed number as an unsigned one that is small where the number is near zero.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// One byte, but for a field that has a number above 15.
fn tag(field: u8, wire_type: WireType, out: &mut Vec<u8>) {
    debug_assert!(field < 32, "field {field} takes more than what is written here");
    if field < 16 {
        out.push(field << 3 | wire_type as u8);
    } else {
        out.extend_from_slice(&[(field & 15) << 3 | wire_type as u8 | MORE, field >> 4]);
    }
}

/// Appends a field with an unsigned number, or an enum.
pub(super) fn number(field: u8, value: u64, out: &mut Vec<u8>) {
    tag(field, WireType::Varint, out);
    varint(value, out);
}

/// Appends a field of type `sint32` or `sint64`.
pub(super) fn signed(field: u8, value: i64, out: &mut Vec<u8>) {
    number(field, zigzag(value), out);
}

/// Appends a field with a double.
pub(super) fn double(field: u8, value: f64, out: &mut Vec<u8>) {
    tag(field, WireType::Double, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a field with a message whose only field, number 1, is a double: what a page has
/// most of, and therefore written at once.
pub(super) fn double_message(field: u8, value: f64, out: &mut Vec<u8>) {
    let mut bytes = [0; DOUBLE_MESSAGE];
    bytes[0] = field << 3 | WireType::Length as u8;
    bytes[1] = DOUBLE_FIELD as u8;
    bytes[2] = 1 << 3 | WireType::Double as u8;
    bytes[3..].copy_from_slice(&value.to_le_bytes());
    out.extend_from_slice(&bytes);
}

/// Appends the head of a field whose value takes `length` bytes, which are to follow.
pub(super) fn head(field: u8, length: usize, out: &mut Vec<u8>) {
    tag(field, WireType::Length, out);
    varint(length as u64, out);
}

/// Appends a field with a text.
pub(super) fn string(field: u8, text: &str, out: &mut Vec<u8>) {
    head(field, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

/// How many bytes a field takes whose value takes `length` bytes.
pub(super) fn field_length(length: usize) -> usize {
    1 + varint_length(length as u64) + length
}

/// Appends a field with `sint64` numbers, packed into one value.
pub(super) fn packed_signed(field: u8, values: impl Iterator<Item = i64>, out: &mut Vec<u8>) {
    message(field, out, |out| values.for_each(|value| varint(zigzag(value), out)));
}

/// Appends a field with a message of unknown length. It should be small: it is written after
/// one byte for its length, and moved if that takes more.
pub(super) fn message(field: u8, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    tag(field, WireType::Length, out);
    let place = out.len();
    out.push(0);
    write(out);
    let length = out.len() - place - 1;
    let more = varint_length(length as u64) - 1;
    if more > 0 {
        out.resize(out.len() + more, 0);
        out.copy_within(place + 1..place + 1 + length, place + 1 + more);
    }
    put_varint(length, &mut out[place..=place + more]);
}

/// Leaves a place for a length, and says where.
pub(super) fn open(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; OPEN_LENGTH]);
    out.len() - OPEN_LENGTH
}

/// Fills the place that [`open`] left with the length of everything since. The number takes
/// the whole place, with leading zeros, which every reader of varints takes.
pub(super) fn close(place: usize, out: &mut [u8]) {
    let length = out.len() - place - OPEN_LENGTH;
    put_varint(length, &mut out[place..place + OPEN_LENGTH]);
}

/// Writes a number over all of a place.
fn put_varint(value: usize, place: &mut [u8]) {
    let last = place.len() - 1;
    for (index, byte) in place.iter_mut().enumerate() {
        let bits = (value >> (7 * index)) as u8 & !MORE;
        *byte = if index < last { bits | MORE } else { bits };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_written_as_the_guide_shows_them() {
        let mut out = Vec::new();
        varint(150, &mut out);
        assert_eq!(out, [0x96, 0x01]);
        out.clear();
        number(1, 150, &mut out);
        assert_eq!(out, [0x08, 0x96, 0x01]);
        out.clear();
        string(2, "testing", &mut out);
        assert_eq!(out, b"\x12\x07testing");
        let zigzags = [0, -1, 1, -2, i64::MAX, i64::MIN].map(zigzag);
        assert_eq!(zigzags, [0, 1, 2, 3, u64::MAX - 1, u64::MAX]);
    }

    #[test]
    fn a_length_that_was_left_open_is_filled_with_leading_zeros() {
        let mut out = vec![7];
        let place = open(&mut out);
        out.extend_from_slice(&[9; 300]);
        close(place, &mut out);
        assert_eq!(out[..7], [7, 0xac, 0x82, 0x80, 0x80, 0x00, 9]);
    }

    proptest! {
        #[test]
        fn a_varints_length_is_known_beforehand(value in any::<u64>(), shift in 0_u32..64) {
            let mut out = Vec::new();
            varint(value >> shift, &mut out);
            prop_assert_eq!(out.len(), varint_length(value >> shift));
        }

        #[test]
        fn a_message_stands_after_its_length(length in 0_usize..20_000) {
            let mut written = vec![1, 2, 3];
            message(4, &mut written, |out| out.resize(out.len() + length, 5));
            let mut expected = vec![1, 2, 3];
            head(4, length, &mut expected);
            expected.resize(expected.len() + length, 5);
            prop_assert_eq!(written, expected);
        }
    }
}
