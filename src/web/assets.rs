//! The files of the live page: `/`, `/assets/{file}` and `/favicon.svg`.
//!
//! `build.rs` takes them from `web/dist` and packs them; where there is none the table is empty,
//! and `/` is the landing page. They hold no secrets and are the same for everybody, so that
//! who is not logged in yet finds the form to do so. What is behind the `#` of an address is the
//! page's own business and never comes here.

use std::io::Read as _;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use super::Context;
use super::negotiate::{self, Coding};
use super::problem::{Kind, Problem};
use super::router::not_found;

/// One file, as it was built.
#[derive(Debug)]
pub(super) struct File {
    /// Its path below the folder of the page.
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    /// Of its content, in hexadecimal digits.
    pub(super) hash: &'static str,
    /// Whether another content would have another name.
    pub(super) hashed: bool,
    /// How many bytes it has when unpacked.
    pub(super) length: usize,
    /// Whether the bytes are packed.
    pub(super) gzip: bool,
    pub(super) bytes: &'static [u8],
}

/// What this program was built with.
pub(super) static BUILT_IN: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page itself.
const FRONT: &str = "index.html";

/// Nothing is loaded, sent or framed but by and to this server; `'self'` holds for WebSockets of
/// the same host, too (CSP 3; Safari since 15.4).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A year, the longest that is usual; another content has another name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Kept, and asked for each time whether it is still the same.
const ASK_AGAIN: &str = "no-cache";

/// Whether there is a page at all.
pub(super) fn has_page(files: &[File]) -> bool {
    find(files, FRONT).is_some()
}

/// `GET /` where there is a page.
pub(super) async fn page(
    State(context): State<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_name(&context, FRONT, uri, &headers).await
}

/// `GET /assets/{file}`
pub(super) async fn asset(
    State(context): State<Arc<Context>>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(|error| Problem::new(Kind::BadRequest, error.body_text()))?;
    of_name(&context, &format!("assets/{name}"), uri, &headers).await
}

/// `GET /favicon.svg`
pub(super) async fn favicon(
    State(context): State<Arc<Context>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    of_name(&context, "favicon.svg", uri, &headers).await
}

async fn of_name(context: &Context, name: &str, uri: Uri, headers: &HeaderMap) -> Result<Response, Problem> {
    match find(context.files, name) {
        Some(file) => Ok(answer(file, headers)),
        None => Err(not_found(uri).await),
    }
}

fn find<'f>(files: &'f [File], name: &str) -> Option<&'f File> {
    files.iter().find(|file| file.name == name)
}

/// A file in the coding that the client takes, or the word that it has it already.
fn answer(file: &File, headers: &HeaderMap) -> Response {
    // It is packed once and for all, so that a neighbour gets it packed, too.
    let packed = file.gzip && negotiate::coding(headers, false) == Coding::Gzip;
    // Each coding has a tag of its own (RFC 9110, 8.8.3.3).
    let tag = if packed { format!("\"{}-gzip\"", file.hash) } else { format!("\"{}\"", file.hash) };
    let mut response = if has(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if file.gzip && !packed {
        match unpacked(file) {
            Ok(bytes) => with_type(file, bytes),
            Err(problem) => return problem.into_response(),
        }
    } else {
        let mut response = with_type(file, Bytes::from_static(file.bytes));
        if packed {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    };
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CACHE_CONTROL, if file.hashed { FOR_EVER } else { ASK_AGAIN }),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::VARY, "Accept-Encoding"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn with_type(file: &File, bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, file.content_type)], bytes).into_response()
}

/// Whether the client has what this tag stands for (RFC 9110, 13.1.2: weak tags count).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

fn unpacked(file: &File) -> Result<Bytes, Problem> {
    let mut bytes = Vec::with_capacity(file.length);
    match GzDecoder::new(file.bytes).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes.into()),
        Err(error) => {
            let detail = format!("`{}` was packed badly when dockmeter was built: {error}", file.name);
            Err(Problem::new(Kind::Internal, detail))
        }
    }
}

#[cfg(test)]
mod tests;
