//! Whether somebody who was let in still would be: what streams ask again and again, since a token
//! that is revoked, or expires, must not go on reading.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::Context;
use super::access::Peer;
use super::caller::{Caller, Need};
use super::connection::Visit;
use super::problem::{Kind, Problem};
use super::router;

/// By what somebody was let in, and as whom.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    peer: Peer,
    visit: Visit,
    /// `Authorization` alone.
    headers: HeaderMap,
    caller: Option<Caller>,
}

impl Standing {
    /// Whether it is the same still.
    ///
    /// # Errors
    /// The login is worth nothing any more, or worth something else.
    pub(super) async fn check(&self, context: &Context, need: Need) -> Result<(), Problem> {
        let rules = context.entrance.rules();
        let caller = router::caller(context, &rules, self.peer, self.visit, &self.headers).await?;
        caller.may(need)?;
        if self.caller.as_ref() == Some(&caller) {
            return Ok(());
        }
        let detail = "what this login may see has changed; connect again";
        Err(Problem::new(Kind::Unauthorized, detail))
    }
}

impl FromRequestParts<Arc<Context>> for Standing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Context>) -> Result<Self, Self::Rejection> {
        let peer = Peer::from_request_parts(parts, state).await?;
        let visit = Visit::from_request_parts(parts, state).await?;
        let shown = parts.headers.get(header::AUTHORIZATION);
        let headers = shown.map(|value| (header::AUTHORIZATION, value.clone())).into_iter().collect();
        Ok(Standing { peer, visit, headers, caller: parts.extensions.get().cloned() })
    }
}
