//! `/metrics`: the page of all collectors, in the format and coding the scraper asks for.
//!
//! Invariant: a reading that hangs never fails a scrape that an earlier reading can answer.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::access::Peer;
use super::negotiate::{self, Coding};
use super::page::Page;
use super::problem::{Kind, Problem};
use super::view::View;
use super::{Context, FRESH_DEADLINE};
use crate::collect::{Collector, Selection, render};
use crate::metrics::Format;
use crate::snapshot::Snapshot;
use crate::tenant::Narrowing;

/// What Prometheus says of its patience, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// Time left of the scraper's patience for making and sending the page.
const RESERVE: Duration = Duration::from_millis(500);

/// The least time a reading gets, however impatient the scraper.
const LEAST_DEADLINE: Duration = Duration::from_millis(100);

/// The most time a reading gets: what has hung for so long will not end in time.
const MOST_DEADLINE: Duration = Duration::from_secs(10);

/// Pages compress to about a tenth; the buffer starts at an eighth, so that it rarely grows.
const COMPRESSED_SHARE: usize = 8;

/// A page that was no longer than this, and is not compressed, is made where it was asked for,
/// which wakes no other thread; it keeps a worker for less than a millisecond.
const SHORT_PAGE: usize = 256 << 10;

/// Answers a scrape.
pub(super) async fn page(
    State(context): State<Arc<Context>>,
    peer: Peer,
    view: View,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let selection = selection(&query, &context.collectors, view.narrowing())?;
    let format = negotiate::format(&headers);
    let coding = negotiate::coding(&headers, peer.is_loopback());
    let snapshot = context.snapshot(deadline(&headers)).await?;
    let whole = selection.is_everything();
    // An old page, as long as the new one will about be.
    let buffer = if whole { context.pages.take() } else { Vec::new() };
    let is_short = whole && coding == Coding::Identity && (1..=SHORT_PAGE).contains(&buffer.len());
    let work = move || body(&context, &selection, &snapshot, format, coding, buffer);
    let body = if is_short {
        work()
    } else {
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            tracing::error!(%error, "a page could not be made");
            Problem::new(Kind::Internal, "the page could not be made; the log says why")
        })?
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// How long fresh numbers may take.
fn deadline(headers: &HeaderMap) -> Duration {
    let patience = headers.get(SCRAPE_TIMEOUT).and_then(|value| value.to_str().ok()?.parse().ok());
    let patience = patience.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    patience.map_or(FRESH_DEADLINE, |patience| {
        patience.saturating_sub(RESERVE).clamp(LEAST_DEADLINE, MOST_DEADLINE)
    })
}

/// Renders and compresses. Only whole pages use the pool's memory: a narrowed one is small.
fn body(
    context: &Context,
    selection: &Selection,
    snapshot: &Snapshot,
    format: Format,
    coding: Coding,
    buffer: Vec<u8>,
) -> Bytes {
    let page = render(&context.collectors, selection, snapshot, format, buffer);
    let page = match selection.is_everything() {
        true => Page::new(page, context.pages.clone()).into_bytes(),
        false => page.into(),
    };
    match coding {
        Coding::Identity => page,
        Coding::Gzip => compress(&page),
    }
}

/// gzip at the fastest level: a higher one costs twice the time for a fifth of the bytes.
fn compress(page: &[u8]) -> Bytes {
    let buffer = Vec::with_capacity(page.len() / COMPRESSED_SHARE);
    let mut encoder = GzEncoder::new(buffer, Compression::fast());
    // Writing to a `Vec` does not fail.
    let _ = encoder.write_all(page);
    encoder.finish().unwrap_or_default().into()
}

/// What a query asks for.
fn selection(
    query: &[(String, String)],
    collectors: &[Box<dyn Collector>],
    narrowing: &Narrowing,
) -> Result<Selection, Problem> {
    let all = |name: &str| -> Vec<String> {
        query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    };
    let (collect, exclude) = (all("collect[]"), all("exclude[]"));
    if !collect.is_empty() && !exclude.is_empty() {
        return Err(Problem::new(Kind::BadRequest, "`collect[]` and `exclude[]` cannot be given together"));
    }
    let known: Vec<&str> = collectors.iter().map(|collector| collector.name()).collect();
    if let Some(unknown) = collect.iter().chain(&exclude).find(|name| !known.contains(&name.as_str())) {
        let known = known.join("`, `");
        let detail = format!("no collector `{unknown}` runs here; there are `{known}`");
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    Ok(Selection { collect, exclude, narrowing: narrowing.clone() })
}

#[cfg(test)]
mod tests;
