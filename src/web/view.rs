//! What a request sees: the caller's binding, narrowed by `?user=`, `?project=` and `?team=`.
//!
//! Invariant: what is outside of a binding is as if it did not exist, in every answer.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::caller::Caller;
use super::problem::{Kind, Problem};
use crate::inventory::Container;
use crate::tenant::{Dimension, Narrowing};

/// The tenants of whom a request is told. Handlers take it as an argument.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    narrowing: Narrowing,
    bound: bool,
}

impl View {
    /// What a caller sees with these parameters. An empty one is refused rather than ignored:
    /// a scrape job with a variable that is not set would otherwise silently take in everybody.
    fn new(caller: &Caller, query: &[(String, String)]) -> Result<Self, Problem> {
        let mut narrowing = caller.binding().narrowing();
        for dimension in Dimension::ALL {
            let name = dimension.as_str();
            let values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
            let values: Vec<String> = values.collect();
            if values.iter().any(String::is_empty) {
                let detail = format!("`{name}` is empty; name one, or leave the parameter out");
                return Err(Problem::new(Kind::BadRequest, detail));
            }
            if !values.is_empty() {
                narrowing = narrowing.to(dimension, values);
            }
        }
        Ok(View { narrowing, bound: !caller.binding().is_empty() })
    }

    /// The tenants of whom the request is told.
    pub(super) fn narrowing(&self) -> &Narrowing {
        &self.narrowing
    }

    /// Whether a container exists for the request.
    pub(super) fn sees(&self, container: &Container) -> bool {
        self.narrowing.admits(&container.tenant)
    }

    /// Whether the caller is bound to a tenant, for whom the host is somebody else's.
    pub(super) fn is_bound(&self) -> bool {
        self.bound
    }
}

impl<S: Send + Sync> FromRequestParts<S> for View {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(query) = query.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
        View::new(&caller, &query)
    }
}

#[cfg(test)]
mod tests;
