//! `/api/openapi.json`: every route, written by hand and held complete by a test.

use axum::http::header;
use axum::response::IntoResponse;

/// OpenAPI 3.1.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// Answers the document.
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests;
