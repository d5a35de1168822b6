//! Who asks, as a value: how a request came in, what it may do, and whose series it sees.
//!
//! [`super::access::Access::caller`] makes it, the router holds it against what the route
//! [`Need`]s and puts it into the request's extensions, and handlers take it from there as
//! an argument. Invariant: a handler of a route that needs anything has a caller that may.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::{Kind, Problem};
use crate::config::{Scope, Scopes, Token};
use crate::ingest::{Origin, Way};
use crate::inventory::Container;
use crate::tenant::{Binding, Tenant, UNATTRIBUTED};

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: nobody is asked who it is, and the request is not counted.
    Nothing,
    /// Nobody in particular: what is the same for all and holds no secret. The request is counted,
    /// and a client shows a certificate where all have to.
    Nobody,
    /// A page without secrets: open to loopback and trusted networks, and to `read`.
    Page,
    /// A login with this scope, from wherever the request comes.
    Login(Scope),
    /// The scope `write`, or a program that came in where programs send what they measure.
    Sender,
}

/// How a request came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// From this machine, without a login.
    Loopback,
    /// From a network that reads without a login.
    TrustedNetwork,
    /// With the token of this name.
    Token(Arc<str>),
    /// With the password of this user.
    User(Arc<str>),
    /// With a certificate from an authority of ours.
    Certificate,
    /// As a program of the container of this name, where programs send what they measure.
    Container(Arc<str>, Way),
    /// As nobody who is known there.
    Nobody,
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Login::Loopback => f.write_str("loopback"),
            Login::TrustedNetwork => f.write_str("a trusted network"),
            Login::Token(name) => write!(f, "token `{name}`"),
            Login::User(name) => write!(f, "user `{name}`"),
            Login::Certificate => f.write_str("a certificate"),
            Login::Container(name, _) => write!(f, "container `{name}`"),
            Login::Nobody => f.write_str("nobody known"),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    login: Login,
    scopes: Scopes,
    binding: Binding,
    /// Who it is as a sender of measurements.
    origin: Origin,
}

impl Caller {
    /// Somebody who did not log in and is let in for the place he comes from.
    pub(super) fn without_login(login: Login) -> Self {
        Caller::with(login, Scopes::default(), Binding::default())
    }

    /// Who has logged in as a reader of everything.
    pub(super) fn reader(login: Login) -> Self {
        Caller::with(login, Scopes::from_iter([Scope::Read]), Binding::default())
    }

    fn with(login: Login, scopes: Scopes, binding: Binding) -> Self {
        let origin = Origin::of(binding.tenant());
        Caller { login, scopes, binding, origin }
    }

    /// A program of a container, known by its connection.
    pub(super) fn within(container: &Container, way: Way) -> Self {
        let login = Login::Container(container.name.as_str().into(), way);
        let origin = Origin::of(container.tenant.clone()).within(container.id);
        Caller { origin, ..Caller::without_login(login) }
    }

    /// A program of whom nothing is known.
    pub(super) fn nobody() -> Self {
        let origin = Origin::of(Tenant::pseudo(UNATTRIBUTED));
        Caller { origin, ..Caller::without_login(Login::Nobody) }
    }

    /// The same, whose program is in a container.
    #[must_use]
    pub(super) fn of_container(self, container: &Container) -> Self {
        Caller { origin: self.origin.within(container.id), ..self }
    }

    /// Whether it is this machine alone that speaks for this caller.
    pub(super) fn is_only_here(&self) -> bool {
        self.login == Login::Loopback
    }

    /// Who shows a token.
    pub(super) fn with_token(token: &Token) -> Self {
        let login = Login::Token(token.name.as_str().into());
        let mut caller = Caller::with(login, token.scopes, token.binding.clone());
        caller.origin.delegate = token.delegate;
        caller
    }

    /// By which name what it does is remembered.
    pub(super) fn name(&self) -> String {
        match &self.login {
            Login::Token(name) | Login::User(name) => name.to_string(),
            login => login.to_string(),
        }
    }

    /// The one tenant, or part of one, whose series exist for this caller.
    pub(super) fn binding(&self) -> &Binding {
        &self.binding
    }

    /// Who it is as a sender of measurements.
    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How the request came in.
    pub(super) fn login(&self) -> &Login {
        &self.login
    }

    /// What this caller may do.
    pub(super) fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// By what it is known who sends.
    pub(super) fn way(&self) -> Way {
        match self.login {
            Login::Container(_, way) => way,
            Login::Nobody => Way::Unattributed,
            _ => Way::Token,
        }
    }

    /// Whether this caller may use a route.
    ///
    /// # Errors
    /// A login is missing, or has not the scope.
    pub(super) fn may(&self, need: Need) -> Result<(), Problem> {
        let sends = matches!(self.login, Login::Container(..) | Login::Nobody);
        let logged_in = !sends && !matches!(self.login, Login::Loopback | Login::TrustedNetwork);
        let scope = match need {
            Need::Nothing | Need::Nobody => return Ok(()),
            Need::Sender if sends => return Ok(()),
            Need::Sender => Scope::Write,
            Need::Page if sends => Scope::Read,
            Need::Page if !logged_in => return Ok(()),
            Need::Page => Scope::Read,
            Need::Login(scope) => scope,
        };
        if self.scopes.contains(scope) {
            return Ok(());
        }
        let word = scope.as_str();
        Err(if logged_in {
            let has = self.scopes;
            Problem::new(Kind::Forbidden, format!("this needs the scope `{word}`; {} has {has}", self.login))
        } else {
            let detail = format!(
                "this needs a login from everywhere, {} included: `Authorization: Bearer <token>` with the scope \
                 `{word}`; `dockmeter token new` makes one",
                self.login
            );
            Problem::new(Kind::Unauthorized, detail)
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Only a route that needs nothing and yet wants to know who asks has none.
        let nobody = || Problem::new(Kind::Internal, "the route does not ask who calls it");
        parts.extensions.get().cloned().ok_or_else(nobody)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    const NEEDS: [Need; 7] = [
        Need::Nothing,
        Need::Nobody,
        Need::Page,
        Need::Login(Scope::Read),
        Need::Login(Scope::Write),
        Need::Login(Scope::Admin),
        Need::Sender,
    ];

    fn allowed(caller: &Caller) -> [bool; 7] {
        NEEDS.map(|need| caller.may(need).is_ok())
    }

    #[test]
    fn without_a_login_only_pages_without_secrets_are_open() {
        for login in [Login::Loopback, Login::TrustedNetwork] {
            assert_eq!(
                allowed(&Caller::without_login(login)),
                [true, true, true, false, false, false, false]
            );
        }
    }

    #[test]
    fn no_scope_includes_another() {
        let with = |scope| Caller::with_token(&fixture::token("x", &[scope]));
        assert_eq!(allowed(&with(Scope::Read)), [true, true, true, true, false, false, false]);
        assert_eq!(allowed(&with(Scope::Write)), [true, true, false, false, true, false, true]);
        assert_eq!(allowed(&with(Scope::Admin)), [true, true, false, false, false, true, false]);
    }

    #[test]
    fn a_program_that_is_known_by_its_connection_sends_and_does_nothing_else() {
        let container = fixture::container("3f", "shop-api-1", Tenant::claimed(Some("ann"), None, None));
        for caller in [Caller::within(&container, Way::Address), Caller::nobody()] {
            assert_eq!(allowed(&caller), [true, true, false, false, false, false, true]);
            assert!(!caller.origin().delegate);
        }
        let within = Caller::within(&container, Way::Socket);
        assert_eq!(
            (&within.origin().tenant, within.origin().instance.as_str()),
            (&container.tenant, "3f3f3f3f3f3f")
        );
        // A token's tenant counts; the container only tells replicas apart.
        let token = Caller::with_token(&fixture::token("x", &[Scope::Write])).of_container(&container);
        assert_eq!(
            (&token.origin().tenant, token.origin().instance.as_str()),
            (&Tenant::unknown(), "3f3f3f3f3f3f")
        );
    }
}
