//! Tokens and what they allow. Only their hashes are kept, in the configuration and in memory.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::tenant::{Binding, Dimension};
use crate::yaml::quoted;

/// The beginning of every token, by which scanners for leaked secrets know it.
const TOKEN_PREFIX: &str = "dm_";

/// The beginning of a written hash.
const HASH_PREFIX: &str = "sha256:";

/// Random bytes of a token: 256 bits, which is why a plain hash is enough.
pub const TOKEN_BYTES: usize = 32;

/// A token: `dm_` and 64 hexadecimal digits.
pub fn token_of(random: [u8; TOKEN_BYTES]) -> String {
    format!("{TOKEN_PREFIX}{}", hex(&random))
}

/// The SHA-256 of a whole token, written `sha256:<64 hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

/// The text is not the hash of a token.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token's hash is `sha256:` and 64 hexadecimal digits; `dockmeter token new` makes one")]
pub struct InvalidTokenHash;

impl TokenHash {
    /// The hash of a token, its prefix included.
    pub fn of(token: impl AsRef<[u8]>) -> Self {
        TokenHash(Sha256::digest(token).into())
    }

    /// The digest, to be compared in constant time.
    pub fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for TokenHash {
    type Err = InvalidTokenHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix(HASH_PREFIX).ok_or(InvalidTokenHash)?.as_bytes();
        if digits.len() != 64 {
            return Err(InvalidTokenHash);
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(InvalidTokenHash);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(TokenHash(digest))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}{}", hex(&self.0))
    }
}

impl fmt::Debug for TokenHash {
    /// Logs show no hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{HASH_PREFIX}…")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a login may do. None includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read pages, those with secrets included.
    Read,
    /// Send metrics and make things.
    Write,
    /// Control the exporter itself.
    Admin,
}

impl Scope {
    /// Every scope, with its word in the configuration.
    pub const WORDS: [(&'static str, Scope); 3] =
        [("read", Scope::Read), ("write", Scope::Write), ("admin", Scope::Admin)];

    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }
}

/// Some scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether one is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The scopes, in the order of [`Scope::WORDS`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::WORDS.into_iter().map(|(_, scope)| scope).filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Scopes(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

impl fmt::Display for Scopes {
    /// The words between commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.iter().map(Scope::as_str).collect();
        f.write_str(&words.join(", "))
    }
}

/// A token, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is called in the configuration and in the log.
    pub name: String,
    /// Its hash.
    pub hash: TokenHash,
    /// What it may do; at least one scope.
    pub scopes: Scopes,
    /// Whose series it sees and writes.
    pub binding: Binding,
    /// Whether it may name the user of what it writes, within its binding.
    pub delegate: bool,
    /// From when on it is worth nothing.
    pub expires: Option<Timestamp>,
}

impl Token {
    /// The entry of the configuration, in one line of YAML; `hash` stands for the hash, which
    /// is not for every eye.
    pub fn entry(&self, hash: &str) -> String {
        let mut entry = format!("{{name: {}, hash: '{hash}', scopes: [{}]", quoted(&self.name), self.scopes);
        for dimension in Dimension::ALL {
            if let Some(value) = self.binding.of(dimension) {
                let _ = write!(entry, ", {}: {}", dimension.as_str(), quoted(value.as_str()));
            }
        }
        if self.delegate {
            entry.push_str(", delegate: true");
        }
        if let Some(expires) = self.expires {
            let _ = write!(entry, ", expires: '{expires}'");
        }
        entry.push('}');
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = TokenHash::of(token_of([7; TOKEN_BYTES]));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(TokenHash::of("abc").to_string().get(..15), Some("sha256:ba7816bf"));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in ["", "abc", "sha256:abc", "md5:00"] {
            assert_eq!(text.parse::<TokenHash>(), Err(InvalidTokenHash), "{text}");
        }
        assert!(format!("sha256:{}", "é".repeat(32)).parse::<TokenHash>().is_err());
    }
}
