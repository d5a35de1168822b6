//! What a decoder is handed: where it tells what it could not take, and the memory that it may
//! take.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use super::model::Faults;
use crate::ingest::allowance::{Allowance, Spent};

/// Attributes of one thing. No library comes near; searches among more would take long, however
/// short each attribute is.
pub(super) const MOST_ATTRIBUTES: usize = 1_024;

/// Longest name and unit of a metric, in bytes. OpenTelemetry's are of 255 at most.
pub(super) const LONGEST_NAME: usize = 1_024;

/// A request that is being read.
#[derive(Debug)]
pub(super) struct Reading<'r> {
    pub(super) faults: Faults,
    pub(super) allowance: &'r Allowance,
}

impl<'r> Reading<'r> {
    /// Nothing was read yet.
    pub(super) fn within(allowance: &'r Allowance) -> Self {
        Reading { faults: Faults::default(), allowance }
    }

    /// A text; bytes that are not UTF-8 are replaced, and counted.
    ///
    /// # Errors
    /// There is no memory left for the replacement.
    #[inline]
    pub(super) fn text<'a>(&mut self, bytes: &'a [u8]) -> Result<Cow<'a, str>, Spent> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Ok(Cow::Borrowed(text));
        }
        self.faults.mended += 1;
        mended(bytes, self.allowance).map(Cow::Owned)
    }

    /// A list or map as JSON, which `make` makes. It is gone when its text is there.
    ///
    /// # Errors
    /// `make` fails, or there is no memory left.
    pub(super) fn json<E: From<Spent>>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<Value, E>,
    ) -> Result<String, E> {
        let before = self.allowance.left();
        let value = make(self)?;
        let taken = before.saturating_sub(self.allowance.left());
        let text = written(&value, self.allowance)?;
        drop(value);
        self.allowance.give_back(taken);
        Ok(text)
    }
}

/// Bytes as text, each run of them that is not UTF-8 replaced.
///
/// # Errors
/// There is no memory left for it.
pub(in crate::ingest) fn mended(bytes: &[u8], allowance: &Allowance) -> Result<String, Spent> {
    let replaced = |invalid: &[u8]| if invalid.is_empty() { "" } else { "\u{fffd}" };
    let length = bytes.utf8_chunks().map(|chunk| chunk.valid().len() + replaced(chunk.invalid()).len()).sum();
    allowance.take(length)?;
    let mut text = String::with_capacity(length);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.push_str(replaced(chunk.invalid()));
    }
    Ok(text)
}

/// JSON as text.
fn written(value: &Value, allowance: &Allowance) -> Result<String, Spent> {
    struct Writer<'r>(String, &'r Allowance);

    impl fmt::Write for Writer<'_> {
        fn write_str(&mut self, more: &str) -> fmt::Result {
            let Writer(text, allowance) = self;
            let length = text.len() + more.len();
            if length > text.capacity() {
                let capacity = length.max(2 * text.capacity());
                allowance.grow(1, text.capacity(), capacity).map_err(|_| fmt::Error)?;
                text.reserve_exact(capacity - text.len());
            }
            text.push_str(more);
            Ok(())
        }
    }

    let mut writer = Writer(String::new(), allowance);
    fmt::write(&mut writer, format_args!("{value}")).map_err(|_| Spent)?;
    Ok(writer.0)
}
