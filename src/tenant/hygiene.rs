//! Label values that are safe to expose: valid UTF-8, no control characters, trimmed,
//! and of bounded length.

use std::fmt;
use std::sync::Arc;

/// The longest label value in bytes; Docker's own names and references are shorter,
/// and a longer value costs every series that carries it.
pub const MAX_LABEL_BYTES: usize = 128;

/// Bytes of the suffix (`-` and eight hexadecimal digits) that keeps shortened values apart.
const SUFFIX_BYTES: usize = 9;

/// A label value that cannot hurt an exposition page. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValue(Arc<str>);

impl LabelValue {
    /// Makes any text safe: control characters become spaces, the ends are trimmed, and
    /// what is longer than [`MAX_LABEL_BYTES`] is cut at a character boundary and gets a
    /// hash of the whole as suffix, so that two long values stay two.
    pub fn clean(raw: &str) -> Self {
        let printable = |c: char| !c.is_control() && !is_format(c);
        let trimmed = raw.trim();
        if trimmed.len() <= MAX_LABEL_BYTES && trimmed.chars().all(printable) {
            return LabelValue(Arc::from(trimmed));
        }
        let spaced: String = trimmed.chars().map(|c| if printable(c) { c } else { ' ' }).collect();
        let spaced = spaced.trim();
        if spaced.len() <= MAX_LABEL_BYTES {
            return LabelValue(Arc::from(spaced));
        }
        let mut cut = MAX_LABEL_BYTES - SUFFIX_BYTES;
        while !spaced.is_char_boundary(cut) {
            cut -= 1;
        }
        let hash = fnv1a(spaced.as_bytes()) as u32;
        LabelValue(Arc::from(format!("{}-{hash:08x}", &spaced[..cut])))
    }

    /// Like [`LabelValue::clean`], from bytes that may not be UTF-8.
    pub fn from_bytes(raw: &[u8]) -> Self {
        Self::clean(&String::from_utf8_lossy(raw))
    }

    /// The value as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of the value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Characters that change how the text around them is shown without being shown themselves.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// FNV-1a over 64 bits: short, without dependencies, and the same in every release.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl fmt::Display for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LabelValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl serde::Serialize for LabelValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_values_with_the_same_beginning_stay_apart() {
        let (a, b) = ("x".repeat(300) + "a", "x".repeat(300) + "b");
        let (a, b) = (LabelValue::clean(&a), LabelValue::clean(&b));
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), MAX_LABEL_BYTES);
    }

    proptest! {
        #[test]
        fn any_bytes_become_a_safe_value(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
            let value = LabelValue::from_bytes(&raw);
            prop_assert!(value.as_str().len() <= MAX_LABEL_BYTES);
            prop_assert!(!value.as_str().chars().any(char::is_control));
            prop_assert_eq!(value.as_str().trim(), value.as_str());
        }

        #[test]
        fn cleaning_twice_changes_nothing(raw in any::<String>()) {
            let once = LabelValue::clean(&raw);
            prop_assert_eq!(LabelValue::clean(once.as_str()), once);
        }
    }
}
