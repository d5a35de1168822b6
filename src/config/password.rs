//! Hashes of passwords, as `basic_auth_users` of the web configuration file has them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Rounds of a hash as a power of two: below, bcrypt is not defined; above, one login would
/// take a core for minutes, and so would one guess.
const COSTS: RangeInclusive<u32> = 4..=18;

/// The characters of bcrypt's own alphabet that follow the cost: 22 of salt, 31 of hash.
const ENCODED_BYTES: usize = 53;

/// A bcrypt hash as `htpasswd -nBC 10 ''` writes it: `$2y$10$` and 53 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

/// The text is no hash that a password can be compared with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPasswordHash {
    /// Another kind of hash, or the password itself.
    #[error(
        "this is not a bcrypt hash, such as `$2y$10$…` with 53 characters behind the cost; \
         `htpasswd -nBC 10 ''` makes one"
    )]
    Shape,
    /// A form of bcrypt that was made by a faulty implementation, or that nobody makes.
    #[error("bcrypt hashes are `$2a$`, `$2b$` or `$2y$`; make a new one with `htpasswd -nBC 10 ''`")]
    Version,
    /// Too cheap to be defined, or too dear to be computed for everybody who asks.
    #[error("the cost of a bcrypt hash is from {} to {} here, 10 is usual; a login takes twice as long with each step", COSTS.start(), COSTS.end())]
    Cost,
}

impl PasswordHash {
    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PasswordHash {
    type Err = InvalidPasswordHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('$');
        let (Some(""), Some(version), Some(cost), Some(encoded), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidPasswordHash::Shape);
        };
        if !version.starts_with('2') {
            return Err(InvalidPasswordHash::Shape);
        }
        if !matches!(version, "2a" | "2b" | "2y") {
            return Err(InvalidPasswordHash::Version);
        }
        let in_alphabet = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'/');
        if encoded.len() != ENCODED_BYTES || !encoded.bytes().all(in_alphabet) || cost.len() != 2 {
            return Err(InvalidPasswordHash::Shape);
        }
        match cost.parse() {
            Ok(cost) if COSTS.contains(&cost) => Ok(PasswordHash(text.to_owned())),
            Ok(_) => Err(InvalidPasswordHash::Cost),
            Err(_) => Err(InvalidPasswordHash::Shape),
        }
    }
}

impl fmt::Debug for PasswordHash {
    /// Logs show no hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$2…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODED: &str = "abcdefghijklmnopqrstuu5Lo0g67CiD3M4RpN1BmBb4Crp5w7dbK";

    #[test]
    fn the_three_usual_forms_are_hashes() {
        for version in ["2a", "2b", "2y"] {
            let text = format!("${version}$04${ENCODED}");
            assert_eq!(text.parse::<PasswordHash>().map(|hash| hash.as_str().to_owned()), Ok(text));
        }
    }

    #[test]
    fn what_is_none_says_why_and_never_what_it_was() {
        use InvalidPasswordHash::{Cost, Shape, Version};
        let short = &ENCODED[1..];
        for (text, error) in [
            ("hunter2".to_owned(), Shape),
            (String::new(), Shape),
            ("$apr1$x$y".to_owned(), Shape),
            (format!("$2y$10${short}"), Shape),
            (format!("$2y$10${short}!"), Shape),
            (format!("$2y$ab${ENCODED}"), Shape),
            (format!("$2y$10${ENCODED}$"), Shape),
            (format!("$2x$10${ENCODED}"), Version),
            (format!("$2$10${ENCODED}"), Version),
            (format!("$2y$03${ENCODED}"), Cost),
            (format!("$2y$19${ENCODED}"), Cost),
        ] {
            assert_eq!(text.parse::<PasswordHash>(), Err(error.clone()), "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
