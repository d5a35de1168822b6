//! Label values that are safe to expose: valid UTF-8, no control characters, trimmed,
//! and of bounded length.

use std::fmt;
use std::sync::Arc;

use crate::label;
pub use crate::label::MAX_LABEL_BYTES;

/// A label value that cannot hurt an exposition page. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelValue(Arc<str>);

impl Default for LabelValue {
    /// The empty value, which Prometheus takes for none.
    fn default() -> Self {
        LabelValue(Arc::from(""))
    }
}

impl LabelValue {
    /// Makes any text safe: control characters become spaces, the ends are trimmed, and
    /// what is longer than [`MAX_LABEL_BYTES`] is cut at a character boundary and gets a
    /// hash of the whole as suffix, so that two long values stay two.
    pub fn clean(raw: &str) -> Self {
        LabelValue(Arc::from(label::clean(raw)))
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
