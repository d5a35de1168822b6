//! Whether somebody may change limits, where the configuration knows tokens.
//!
//! Whoever may write to the engine's socket could do the same without dockmeter; this keeps those
//! who use dockmeter to the order that its administrator has made.

use jiff::Timestamp;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};

use crate::config::{Scope, Token, TokenHash};
use crate::docker::Found;

/// Why somebody may not.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No token was given.
    #[error(
        "the configuration has tokens, so that limits are changed with one of the scope `admin` alone: give it by `--token-file` or `DOCKMETER_TOKEN`"
    )]
    Missing,
    /// It is none of the configuration.
    #[error("the token is none of the configuration; `dockmeter token new --scope=admin` makes one")]
    Unknown,
    /// It has ended.
    #[error("the token `{0}` has expired; `dockmeter token new --scope=admin` makes another")]
    Expired(String),
    /// It has other scopes.
    #[error(
        "the token `{0}` has not the scope `admin`; `dockmeter token new --scope=admin` makes one that has"
    )]
    Scope(String),
    /// It is of somebody else.
    #[error("the token `{0}` is bound to a tenant, and `{1}` is another's")]
    Bound(String, String),
}

/// Whether limits of these containers may be changed with a token.
///
/// # Errors
/// They may not.
pub fn check<'t>(
    tokens: impl IntoIterator<Item = &'t Token>,
    given: Option<&str>,
    containers: &[&Found],
    now: Timestamp,
) -> Result<(), Refused> {
    let tokens: Vec<&Token> = tokens.into_iter().collect();
    if tokens.is_empty() {
        return Ok(());
    }
    let given = TokenHash::of(given.ok_or(Refused::Missing)?);
    // Every hash is compared, so that the time says nothing about which one was close.
    let mut found = u32::MAX;
    for (index, token) in (0..).zip(&tokens) {
        found.conditional_assign(&index, token.hash.digest().ct_eq(given.digest()));
    }
    let token = usize::try_from(found).ok().and_then(|index| tokens.get(index)).ok_or(Refused::Unknown)?;
    if token.expires.is_some_and(|end| end <= now) {
        return Err(Refused::Expired(token.name.clone()));
    }
    if !token.scopes.contains(Scope::Admin) {
        return Err(Refused::Scope(token.name.clone()));
    }
    let seen = token.binding.narrowing();
    match containers.iter().find(|container| !seen.admits(&container.tenant)) {
        Some(other) => Err(Refused::Bound(token.name.clone(), other.name.as_str().to_owned())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TokenRequest;

    fn token(name: &str, scope: &str, expires: Option<&str>) -> Token {
        let request = TokenRequest {
            name: name.to_owned(),
            scopes: vec![scope.to_owned()],
            expires: expires.map(str::to_owned),
            ..TokenRequest::default()
        };
        request.token(TokenHash::of(format!("secret of {name}"))).unwrap()
    }

    #[test]
    fn only_an_administrator_s_token_that_is_still_valid_will_do() {
        let now = "2026-10-01T00:00:00Z".parse().unwrap();
        let tokens = [
            token("root", "admin", Some("2026-10-02")),
            token("old", "admin", Some("2026-10-01")),
            token("reader", "read", None),
        ];
        let check = |given: Option<&str>| check(&tokens, given, &[], now);
        assert_eq!(check(Some("secret of root")), Ok(()));
        assert_eq!(check(None), Err(Refused::Missing));
        assert_eq!(check(Some("guess")), Err(Refused::Unknown));
        assert_eq!(check(Some("secret of old")), Err(Refused::Expired("old".into())));
        assert_eq!(check(Some("secret of reader")), Err(Refused::Scope("reader".into())));
        assert_eq!(super::check(&[], None, &[], now), Ok(()), "without tokens the socket alone decides");
    }
}
