//! Numbers and words out of the bytes of kernel files.

/// A decimal number and nothing else.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { value.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// A hexadecimal number and nothing else.
pub(super) fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, digit| Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

/// The lines of a file, without their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

/// The words of a line, between spaces and tabs.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty())
}

/// Text for a label; what is not UTF-8 is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Finds keys in a list, quickly where they come in its order.
pub(super) struct Finder<'k, K> {
    keys: &'k [K],
    next: usize,
}

impl<'k, K> Finder<'k, K> {
    /// Over a list.
    pub(super) fn new(keys: &'k [K]) -> Self {
        Finder { keys, next: 0 }
    }

    /// The index of the first entry, from the last one found, that fits.
    pub(super) fn find(&mut self, fits: impl Fn(&K) -> bool) -> Option<usize> {
        let length = self.keys.len();
        let index = (self.next..length).chain(0..self.next).find(|index| fits(&self.keys[*index]))?;
        self.next = index + 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(hexadecimal(b"0003989b"), Some(0x0003_989b));
        for wrong in [&b""[..], b"-1", b"1 ", b"18446744073709551616", b"x"] {
            assert_eq!(number(wrong), None);
        }
        assert_eq!(hexadecimal(b"00000000000000000"), None);
    }

    proptest! {
        #[test]
        fn numbers_read_back(value in any::<u64>()) {
            prop_assert_eq!(number(value.to_string().as_bytes()), Some(value));
            prop_assert_eq!(hexadecimal(format!("{value:08x}").as_bytes()), Some(value));
        }

        #[test]
        fn keys_are_found_in_any_order(keys in proptest::collection::vec("[a-z]{1,3}", 1..20), asked in proptest::collection::vec("[a-z]{1,3}", 0..40)) {
            let mut finder = Finder::new(&keys);
            for key in &asked {
                let found = finder.find(|one| one == key);
                prop_assert_eq!(found.is_some(), keys.contains(key));
                prop_assert!(found.is_none_or(|index| keys[index] == *key));
            }
        }
    }
}
