//! Text that is safe as the value of a label: no control characters, trimmed, of bounded
//! length; and the words that nobody may claim.

use std::borrow::Cow;

/// The longest label value in bytes; Docker's own names and references are shorter,
/// and a longer value costs every series that carries it.
pub const MAX_LABEL_BYTES: usize = 128;

/// Bytes of the suffix (`-` and eight hexadecimal digits) that keeps shortened values apart.
const SUFFIX_BYTES: usize = 9;

/// Values with a meaning of their own; a label that claims one gets a trailing `_`.
pub const RESERVED: [&str; 6] = ["unknown", OTHER, ANONYMOUS, "idle", "system", "unattributed"];

/// The value beyond a cap of distinct values.
pub const OTHER: &str = "other";

/// The user of a request that names none.
pub const ANONYMOUS: &str = "anonymous";

/// Makes any text safe: control characters become spaces, the ends are trimmed, and
/// what is longer than [`MAX_LABEL_BYTES`] is cut at a character boundary and gets a
/// hash of the whole as suffix, so that two long values stay two. What is safe stays as it is.
pub fn clean(raw: &str) -> Cow<'_, str> {
    let printable = |c: char| !c.is_control() && !is_format(c);
    let trimmed = raw.trim();
    if trimmed.len() <= MAX_LABEL_BYTES && trimmed.chars().all(printable) {
        return Cow::Borrowed(trimmed);
    }
    let spaced: String = trimmed.chars().map(|c| if printable(c) { c } else { ' ' }).collect();
    let spaced = spaced.trim();
    if spaced.len() <= MAX_LABEL_BYTES {
        return Cow::Owned(spaced.to_owned());
    }
    let mut cut = MAX_LABEL_BYTES - SUFFIX_BYTES;
    while !spaced.is_char_boundary(cut) {
        cut -= 1;
    }
    let hash = fnv1a(spaced.as_bytes()) as u32;
    Cow::Owned(format!("{}-{hash:08x}", &spaced[..cut]))
}

/// A value of `user`, `project` or `team` that somebody claims: safe, never a reserved word,
/// and nothing where it is empty.
pub fn claimed(raw: &str) -> Option<Cow<'_, str>> {
    let value = clean(raw);
    if RESERVED.contains(&value.as_ref()) {
        return Some(Cow::Owned(format!("{value}_")));
    }
    (!value.is_empty()).then_some(value)
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
